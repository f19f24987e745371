namespace Xlnet.Infrastructure.Hosts.Ssh;

/// <summary>Where a Dom0 is, who xlnet is there, and which host key proves that it is the one.</summary>
/// <param name="Address">A DNS name, an IPv4 or an IPv6 address.</param>
/// <param name="Key">The private key's name in the key store.</param>
/// <param name="HostKey">The pinned host key's fingerprint as OpenSSH shows it: <c>SHA256:</c> and 43 characters of base64.</param>
public sealed record SshTarget(string Address, int Port, string User, string Key, string HostKey)
{
    public override string ToString() => $"{User}@{(Address.Contains(':', StringComparison.Ordinal) ? $"[{Address}]" : Address)}:{Port}";

    internal HostShellException Failed(HostShellError error, string message, Exception? inner = null, IReadOnlyDictionary<string, object?>? more = null) =>
        new(error, message, inner)
        {
            Evidence = new Dictionary<string, object?>(more ?? new Dictionary<string, object?>()) { ["address"] = Address, ["port"] = Port, ["user"] = User },
        };
}

namespace Xlnet.Domain.Hosts;

/// <summary>Where a Dom0 is, who xlnet is there, and which host key proves that it is the one.</summary>
/// <param name="Address">A DNS name, an IPv4 or an IPv6 address.</param>
/// <param name="Port">1 to 65535.</param>
/// <param name="Key">The private key's name in the key store; never the key.</param>
/// <param name="HostKey">The pinned host key's fingerprint as OpenSSH shows it: <c>SHA256:</c> and 43 characters of base64.</param>
public sealed record SshTarget(string Address, int Port, string User, string Key, string HostKey)
{
    public const int DefaultPort = 22;

    public const string DefaultUser = "root";

    public override string ToString() => $"{User}@{(Address.Contains(':', StringComparison.Ordinal) ? $"[{Address}]" : Address)}:{Port}";
}

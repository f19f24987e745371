using System.Text.Json.Serialization;
using Xlnet.Domain.Planning;

namespace Xlnet.Infrastructure.Hosts.Answers;

/// <summary>Reads what coreutils, procps, iptables and nftables print. None of them is needed to drive a host, so none has to be there.</summary>
internal static class SystemAnswers
{
    public static readonly IReadOnlyList<string> HashCommand = ["sha256sum", "--"];

    /// <summary><c>-e</c> passes over the keys of modules that are not loaded.</summary>
    public static readonly IReadOnlyList<string> SysctlCommand = ["sysctl", "-e", Ipv4, Ipv6, CallIptables, CallIp6tables];

    public static readonly IReadOnlyList<string> IptablesCommand = ["iptables", "-S", "FORWARD"];

    public static readonly IReadOnlyList<string> NftCommand = ["nft", "-j", "list", "chains"];

    private const string Ipv4 = "net.ipv4.ip_forward";
    private const string Ipv6 = "net.ipv6.conf.all.forwarding";
    private const string CallIptables = "net.bridge.bridge-nf-call-iptables";
    private const string CallIp6tables = "net.bridge.bridge-nf-call-ip6tables";
    private const int HashLength = 64;

    /// <summary>Lines of a hash, two blanks and the path; a path with a backslash or a line break is escaped, and left out here.</summary>
    public static IReadOnlyDictionary<string, string> ReadHashes(CommandResult sums)
    {
        var hashes = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var line in sums.Stdout.Split('\n'))
        {
            if (line.Length > HashLength + 2 && line.AsSpan(HashLength, 2) is "  " && line[..HashLength].All(char.IsAsciiHexDigitLower))
                hashes[line[(HashLength + 2)..]] = line[..HashLength];
        }

        return hashes;
    }

    public static ObservedForwarding ReadForwarding(CommandResult sysctl, CommandResult iptables, CommandResult nft)
    {
        var keys = sysctl.Stdout.Split('\n')
            .Select(line => line.Split(" = ", 2))
            .Where(parts => parts.Length == 2)
            .ToLookup(parts => parts[0], parts => parts[1] != "0");
        bool? Key(string key) => keys.Contains(key) ? keys[key].Last() : null;

        return new ObservedForwarding(
            Key(Ipv4), Key(Ipv6), keys.Contains(Ipv4) ? keys.Contains(CallIptables) : null, Key(CallIptables), Key(CallIp6tables),
            ReadPolicy(iptables), ReadChains(nft));
    }

    private static string? ReadPolicy(CommandResult iptables) => iptables.Succeeded
        ? iptables.Stdout.Split('\n').Select(line => line.Split(' ')).FirstOrDefault(words => words is ["-P", "FORWARD", _])?[2]
        : null;

    private static List<NftablesChain>? ReadChains(CommandResult nft) => nft.Succeeded
        ?
        [
            .. (CommandAnswer.Json(nft, nft.Stdout, NftJson.Default.NftList).Nftables ?? [])
                .Select(item => item.Chain)
                .OfType<NftChain>()
                .Where(chain => chain.Hook == "forward")
                .Select(chain => new NftablesChain(chain.Family ?? "", chain.Table ?? "", chain.Name ?? "", chain.Prio, chain.Policy ?? "accept")),
        ]
        : null;
}

internal sealed record NftList(IReadOnlyList<NftItem>? Nftables);

internal sealed record NftItem(NftChain? Chain);

internal sealed record NftChain(string? Family, string? Table, string? Name, string? Hook, int Prio, string? Policy);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(NftList))]
internal sealed partial class NftJson : JsonSerializerContext;

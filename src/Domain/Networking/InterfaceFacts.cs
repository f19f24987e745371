using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Xlnet.Domain.Networking;

/// <summary>What the stanzas of one interface come to.</summary>
public sealed record InterfaceFacts
{
    public required string Name { get; init; }

    /// <summary>Of the first inet stanza; None for <c>manual</c>, and where there is no inet stanza; null for a method of another kind.</summary>
    public AddressingMethod? Method { get; init; }

    /// <summary>In CIDR notation, those of static stanzas first, then those that <c>up ip addr add</c> lines add.</summary>
    public required IReadOnlyList<string> Addresses { get; init; }

    /// <summary>Those of <see cref="Addresses"/> that <c>up</c> lines add.</summary>
    public required IReadOnlyList<string> AddedAddresses { get; init; }

    public IPAddress? Gateway { get; init; }

    public IPAddress? Gateway6 { get; init; }

    public required IReadOnlyList<IPAddress> Dns { get; init; }

    /// <summary>The ports of a Linux bridge, none for <c>bridge_ports none</c>; null for what is no Linux bridge.</summary>
    public IReadOnlyList<string>? BridgePorts { get; init; }

    public bool Stp { get; init; }

    /// <summary>As it is written, in seconds; null leaves the kernel's 15.</summary>
    public string? ForwardDelay { get; init; }

    /// <summary>bridge-utils' <c>bridge_vlan_aware</c>; it heeds the one word <c>yes</c>.</summary>
    public bool VlanAware { get; init; }

    public string? OvsType { get; init; }

    public required IReadOnlyList<string> OvsPorts { get; init; }

    public string? OvsBridge { get; init; }

    public string? OvsExtra { get; init; }

    public int? Mtu { get; init; }

    public bool IsBridge => BridgePorts is not null || OvsType == "OVSBridge";

    /// <summary>Null where no stanza is.</summary>
    public static InterfaceFacts? Of(IReadOnlyList<InterfaceStanza> stanzas)
    {
        if (stanzas.Count == 0)
            return null;
        var inet = stanzas.FirstOrDefault(s => s.Family == "inet");
        var written = stanzas.Where(s => s.Method == "static").Select(AddressOf).OfType<string>().ToList();
        var added = stanzas.SelectMany(s => s.All("up")).Select(AddedBy).OfType<string>().ToList();
        return new InterfaceFacts
        {
            Name = stanzas[0].Name,
            Method = inet?.Method switch
            {
                "dhcp" => AddressingMethod.Dhcp,
                "static" => AddressingMethod.Static,
                "manual" => AddressingMethod.None,
                null => stanzas.Any(s => s is { Family: "inet6", Method: "static" }) ? AddressingMethod.Static : AddressingMethod.None,
                _ => null,
            },
            Addresses = [.. written.Concat(added).Distinct()],
            AddedAddresses = added,
            Gateway = Gateway(AddressFamily.InterNetwork),
            Gateway6 = Gateway(AddressFamily.InterNetworkV6),
            Dns = [.. stanzas.SelectMany(s => s.All("dns-nameservers").Concat(s.All("dns-nameserver"))).SelectMany(Words).Select(Parse).OfType<IPAddress>().Distinct()],
            BridgePorts = First("bridge_ports") is { } ports ? [.. Words(ports).Where(w => w != "none")] : null,
            Stp = First("bridge_stp") is "on" or "yes",
            ForwardDelay = First("bridge_fd"),
            VlanAware = First("bridge_vlan_aware") == "yes",
            OvsType = First("ovs_type"),
            OvsPorts = [.. Words(First("ovs_ports") ?? "")],
            OvsBridge = First("ovs_bridge"),
            OvsExtra = First("ovs_extra"),
            Mtu = int.TryParse(First("mtu"), NumberStyles.None, CultureInfo.InvariantCulture, out var mtu) ? mtu : null,
        };

        // bridge-utils takes both spellings: ifupdown makes the same variable of them.
        string? First(string option) =>
            stanzas.Select(s => s.Find(option) ?? s.Find(option.Replace('_', '-'))).FirstOrDefault(v => v is not null);

        IPAddress? Gateway(AddressFamily family) => stanzas.SelectMany(s => s.All("gateway")).Select(Parse).FirstOrDefault(a => a?.AddressFamily == family);
    }

    /// <summary>The address of a static stanza, in CIDR notation.</summary>
    internal static string? AddressOf(InterfaceStanza stanza)
    {
        if (stanza.Find("address")?.Split('/') is not [var address, .. var prefix] || Parse(address) is not { } parsed)
            return null;
        var mask = prefix is [var given, ..] ? given : stanza.Find("netmask");
        return (mask is null ? DefaultPrefix(parsed) : Prefix(mask)) is { } bits ? Show(parsed, bits) : null;
    }

    /// <summary>The address that a command adds, such as <c>ip addr add 192.0.2.7/24 dev eth0</c>.</summary>
    internal static string? AddedBy(string command)
    {
        if (Words(command) is not [var ip, .. var rest] || ip[(ip.LastIndexOf('/') + 1)..] != "ip")
            return null;
        rest = [.. rest.SkipWhile(w => w.StartsWith('-'))];
        return rest is [['a', ..] what, "add" or "replace" or "a", var cidr, ..] && "address".StartsWith(what, StringComparison.Ordinal) ? Normal(cidr) : null;
    }

    /// <summary>One spelling of an address in CIDR notation; without a prefix length it is one of a host's. Null when it is none.</summary>
    internal static string? Normal(string cidr) =>
        cidr.Split('/') is [var address, .. var prefix] && Parse(address) is { } parsed
        && (prefix is [var given, ..] ? Prefix(given) : Bits(parsed)) is { } bits ? Show(parsed, bits) : null;

    private static string Show(IPAddress address, int bits) => string.Create(CultureInfo.InvariantCulture, $"{address}/{bits}");

    private static int Bits(IPAddress address) => address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128;

    /// <summary>ifupdown falls back to the classes of old.</summary>
    private static int DefaultPrefix(IPAddress address) =>
        address.AddressFamily != AddressFamily.InterNetwork ? 128 : address.GetAddressBytes()[0] switch { <= 127 => 8, <= 191 => 16, <= 223 => 24, _ => 32 };

    private static int? Prefix(string mask)
    {
        if (int.TryParse(mask, NumberStyles.None, CultureInfo.InvariantCulture, out var bits))
            return bits <= 128 ? bits : null;
        if (Parse(mask) is not { AddressFamily: AddressFamily.InterNetwork } dotted)
            return null;
        var value = dotted.GetAddressBytes().Aggregate(0u, (sum, b) => sum << 8 | b);
        var ones = uint.PopCount(value);
        return value == (ones == 0 ? 0 : uint.MaxValue << (int)(32 - ones)) ? (int)ones : null;
    }

    private static IPAddress? Parse(string text) => IPAddress.TryParse(text, out var address) ? address : null;

    internal static string[] Words(string text) => text.Split([' ', '\t', '\n'], StringSplitOptions.RemoveEmptyEntries);
}

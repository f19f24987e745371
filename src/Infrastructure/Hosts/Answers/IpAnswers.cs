using System.Globalization;
using System.Text.Json.Serialization;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Planning;

namespace Xlnet.Infrastructure.Hosts.Answers;

/// <summary>Reads what <see cref="Command"/> prints.</summary>
internal static class IpAnswers
{
    /// <summary>Links, kinds, addresses and counters in one.</summary>
    public static readonly IReadOnlyList<string> Command = ["ip", "-j", "-d", "-s", "addr"];

    public static IReadOnlyList<ObservedInterface> Read(CommandResult show) =>
    [
        .. CommandAnswer.Json(show, show.Stdout, IpJson.Default.ListIpLink)
            .Where(link => link.Ifname is not null)
            .Select(ToInterface)
            .OrderBy(i => i.Index),
    ];

    private static ObservedInterface ToInterface(IpLink link)
    {
        var flags = link.Flags ?? [];
        // netback's interfaces have no kind of their own; the bus tells them.
        var kind = link.Linkinfo?.InfoKind ?? (link.Parentbus == "xen-backend" ? "vif" : null);
        return new ObservedInterface(
            link.Ifindex,
            link.Ifname!,
            kind,
            MacAddress.TryParse(link.Address, CultureInfo.InvariantCulture, out var mac) ? mac : null,
            link.Mtu,
            flags.Contains("UP"),
            flags.Contains("LOWER_UP"),
            link.Master,
            [.. (link.AddrInfo ?? []).Where(a => a.Local is not null).Select(a => string.Create(CultureInfo.InvariantCulture, $"{a.Local}/{a.Prefixlen}"))],
            link.Link,
            link.Stats64 is { Rx: { } rx, Tx: { } tx }
                ? new InterfaceStatistics(rx.Bytes, rx.Packets, rx.Errors, rx.Dropped, tx.Bytes, tx.Packets, tx.Errors, tx.Dropped)
                : null,
            link.Linkinfo is { InfoKind: "bridge", InfoData: { StpState: { } stp, ForwardDelay: { } delay } data } ? new LinuxBridgeFacts(stp != 0, delay / HundredthsOfASecond, data.VlanFiltering is 1) : null);
    }

    private const double HundredthsOfASecond = 100;
}

internal sealed record IpLink(
    int Ifindex,
    string? Ifname,
    IReadOnlyList<string>? Flags,
    int Mtu,
    string? Master,
    string? Address,
    IpLinkInfo? Linkinfo,
    string? Parentbus,
    string? Link,
    [property: JsonPropertyName("addr_info")] IReadOnlyList<IpAddress>? AddrInfo,
    IpStatistics? Stats64);

internal sealed record IpLinkInfo(
    [property: JsonPropertyName("info_kind")] string? InfoKind, [property: JsonPropertyName("info_data")] IpLinkData? InfoData);

internal sealed record IpLinkData(
    [property: JsonPropertyName("stp_state")] int? StpState, [property: JsonPropertyName("forward_delay")] int? ForwardDelay, [property: JsonPropertyName("vlan_filtering")] int? VlanFiltering);

internal sealed record IpAddress(string? Local, int Prefixlen);

internal sealed record IpStatistics(IpCounters? Rx, IpCounters? Tx);

internal sealed record IpCounters(long Bytes, long Packets, long Errors, long Dropped);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(List<IpLink>))]
internal sealed partial class IpJson : JsonSerializerContext;

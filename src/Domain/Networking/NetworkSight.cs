using System.Net;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Planning;

namespace Xlnet.Domain.Networking;

/// <summary>A host's networking as it is found, in the terms of the setting. What a setting leaves out is taken from here.</summary>
public sealed record NetworkSight
{
    public required NetworkMode Mode { get; init; }

    /// <summary>Null where it can't be told, and then a setting must say it.</summary>
    public required NetworkBackend? Backend { get; init; }

    /// <summary>Null where no interface leads out.</summary>
    public required string? Uplink { get; init; }

    /// <summary>The bridge over the uplink, or the only one there is.</summary>
    public required string? Bridge { get; init; }

    public required Addressing Addressing { get; init; }

    /// <param name="observed">With the interfaces files read.</param>
    /// <param name="defaults">Those in force.</param>
    public static NetworkSight Of(HostObservation observed, NetworkFacts facts, IReadOnlyList<HostRoute> routes, VifDefaults defaults)
    {
        var outward = routes.Where(r => r.Destination == "default").OrderBy(r => r.Metric ?? 0).Select(r => r.Device).FirstOrDefault();
        var bridge = observed.Bridges.FirstOrDefault(b => b.Name == outward)
            ?? observed.Bridges.FirstOrDefault(b => outward is not null && b.Ports.Contains(outward))
            ?? (outward is null ? observed.Bridges.FirstOrDefault(b => observed.Uplinks(b).Count > 0) : null);
        var uplink = bridge is not null && observed.Uplinks(bridge) is [var first, ..] ? first : bridge is null ? outward : null;
        uplink ??= observed.Interfaces.FirstOrDefault(i => i.Kind is null && i.Name != "lo")?.Name;
        var inner = bridge ?? observed.Bridges.FirstOrDefault(b => b.Name == defaults.Bridge) ?? (observed.Bridges.Count == 1 ? observed.Bridges[0] : null);
        var addressed = bridge?.Name ?? uplink;

        var files = IfupdownHost.Of(facts.InterfacesFiles.ToDictionary(p => p, p => observed.Files.GetValueOrDefault(p)));
        var isIfupdown = facts.HasIfupdown && new[] { addressed, uplink }.OfType<string>().Any(n => files.Facts(n) is not null);
        var isNetworkd = new[] { addressed, uplink }.OfType<string>().Any(n => observed.FindInterface(n) is { } i && facts.NetworkdLinks.Contains(i.Index));
        return new NetworkSight
        {
            Mode = bridge is { Kind: BridgeKind.OpenVSwitch } ? NetworkMode.OpenVSwitch
                : bridge is not null ? NetworkMode.Bridged
                : inner is not null && ScriptName(defaults) != "vif-route" ? NetworkMode.Nat
                : NetworkMode.Routed,
            // Two who both keep an interface undo each other's work: which of them is meant is not for us to guess.
            Backend = isIfupdown && isNetworkd ? null : isIfupdown ? NetworkBackend.Ifupdown : isNetworkd ? NetworkBackend.SystemdNetworkd : NetworkBackend.Unmanaged,
            Uplink = uplink,
            Bridge = inner?.Name,
            Addressing = (isIfupdown && addressed is not null ? AddressingOf(files.Facts(addressed)) : null) ?? AddressingOf(observed, routes, addressed),
        };
    }

    /// <summary>The bridge that a host's files of ifupdown put over an uplink.</summary>
    public static string? BridgeOver(string uplink, IReadOnlyDictionary<string, byte[]?> files) => IfupdownHost.Of(files).BridgesOver(uplink) is [var bridge, ..] ? bridge : null;

    private static string? ScriptName(VifDefaults defaults) => defaults.Script?[(defaults.Script.LastIndexOf('/') + 1)..];

    private static Addressing? AddressingOf(InterfaceFacts? facts) => facts?.Method is { } method && (method != AddressingMethod.None || facts.Addresses.Count > 0)
        ? new Addressing(method, [.. facts.Addresses.Except(facts.AddedAddresses)], facts.Gateway, facts.Dns.Count > 0 ? facts.Dns : null)
        : null;

    private static Addressing AddressingOf(HostObservation observed, IReadOnlyList<HostRoute> routes, string? name)
    {
        List<string> addresses = [.. (observed.FindInterface(name ?? "")?.Addresses ?? []).Where(a => !a.Contains(':', StringComparison.Ordinal))];
        return addresses.Count == 0
            ? new Addressing(AddressingMethod.None, [])
            : new Addressing(AddressingMethod.Static, addresses,
                routes.FirstOrDefault(r => r.Destination == "default" && r.Device == name)?.Via is { } via && IPAddress.TryParse(via, out var gateway) ? gateway : null);
    }
}

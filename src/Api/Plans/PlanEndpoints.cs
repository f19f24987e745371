using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Xlnet.Api.Common;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Common;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Xl;
using Xlnet.Infrastructure.Data;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Operations;

namespace Xlnet.Api.Plans;

/// <param name="Revision">The revision of the desired state that it leads to.</param>
/// <param name="Steps">What an apply would do, in order; empty when there is nothing to do.</param>
/// <param name="Pending">What differs and would stay so, and why.</param>
/// <param name="Simulated">True when no real Dom0 is behind the host.</param>
public sealed record PlanResponse(long Revision, IReadOnlyList<PlanStepResponse> Steps, IReadOnlyList<PendingStepResponse> Pending, bool Simulated)
{
    internal static PlanResponse Of(Plan plan, bool simulated) => new(
        plan.Revision,
        [.. plan.Steps.Select(s => new PlanStepResponse(s.Id, s.Action, s.Target, s.Impact, StepDiff.Of(s)))],
        [.. plan.Pending.Select(p => new PendingStepResponse(p.Step.Id, p.Step.Action, p.Step.Target, p.Step.Impact, StepDiff.Of(p.Step), p.Reason))],
        simulated);
}

/// <param name="Impact">What it does to those who use the host: `none`, `vif-blip`, `guest-recreate` or `management-path`.</param>
/// <param name="Diff">What it changes, for a person to read.</param>
public sealed record PlanStepResponse(string Id, string Action, string Target, Impact Impact, string Diff);

/// <param name="Reason">What would have to be allowed, or what stands in the way.</param>
public sealed record PendingStepResponse(string Id, string Action, string Target, Impact Impact, string Diff, string Reason);

/// <summary>The host as it is now.</summary>
/// <param name="Scripts">The hotplug scripts that it has.</param>
/// <param name="Files">xl.conf and the guest files of /etc/xen.</param>
/// <param name="Forwarding">What decides whether packets of guests pass through Dom0.</param>
public sealed record ObservationResponse(
    string Host, DateTimeOffset At, bool Simulated, string XenVersion, IReadOnlyList<DomainResponse> Domains,
    IReadOnlyList<ObservedBridgeResponse> Bridges, IReadOnlyList<InterfaceResponse> Interfaces, IReadOnlyList<ObservedScriptResponse> Scripts,
    IReadOnlyList<ObservedFileResponse> Files, ForwardingResponse Forwarding)
{
    internal static ObservationResponse Of(string host, HostInspection inspection)
    {
        var o = inspection.Host;
        var forwarding = inspection.Forwarding;
        return new ObservationResponse(
            host, o.At, o.Simulated, o.XenVersion.ToString(),
            [.. o.Domains.Select(DomainResponse.Of)],
            [.. o.Bridges.Select(b => new ObservedBridgeResponse(b.Name, b.Kind, b.Up, b.Mtu, b.Ports, b.VlanFiltering))],
            [.. o.Interfaces.Select(InterfaceResponse.Of)],
            [.. inspection.Scripts.Select(s => (Name: s.Path[(s.Path.LastIndexOf('/') + 1)..], File: s))
                .Select(s => new ObservedScriptResponse(s.Name, s.File.Path, s.File.Length, s.File.Sha256, o.VlanScripts.Contains(s.Name)))],
            [.. inspection.Files.Select(f => new ObservedFileResponse(f.Path, f.Length, f.Sha256,
                o.Files.GetValueOrDefault(f.Path) is { } content ? XlText.Decode(XlText.FromBytes(content)) : null))],
            new ForwardingResponse(
                forwarding.Ipv4Forwarding, forwarding.Ipv6Forwarding, forwarding.BrNetfilter, forwarding.BridgeNfCallIptables,
                forwarding.BridgeNfCallIp6tables, forwarding.IptablesForwardPolicy,
                forwarding.NftablesForwardChains is { } chains ? [.. chains.Select(c => new NftablesChainResponse(c.Family, c.Table, c.Name, c.Priority, c.Policy))] : null));
    }
}

public sealed record DomainResponse(int Domid, string Name, DomainState State, GuestType Type, IReadOnlyList<ObservedVifResponse> Vifs)
{
    internal static DomainResponse Of(ObservedDomain d) => new(d.Domid, d.Name, d.State, d.Type, [.. d.Vifs.Select(ObservedVifResponse.Of)]);
}

/// <param name="Dom0Name">The interface on Dom0: `vif&lt;domid&gt;.&lt;devid&gt;`, or vifname.</param>
/// <param name="State">The xenbus state of the guest's side; `connected` when the guest uses it.</param>
/// <param name="LinkUp">Whether the interface on Dom0 is up; a failed hotplug leaves one that is not.</param>
/// <param name="Ip">The addresses that its script was given; null for none.</param>
/// <param name="Spec">What it was created with, as xl spells it.</param>
/// <param name="Dom0Statistics">What the interface on Dom0 has counted, seen from Dom0: `rx` is what the guest has sent. Null where Dom0 has none for it.</param>
public sealed record ObservedVifResponse(
    int Devid, string Mac, string Dom0Name, string? Bridge, XenbusState State, bool LinkUp, string? Ip, string Spec, StatisticsResponse? Dom0Statistics)
{
    internal static ObservedVifResponse Of(ObservedVif v) => new(
        v.Devid, v.Mac.ToString(), v.Dom0Name, v.Bridge, v.State, v.LinkUp, v.Settings.Ip, VifSpec.Render(v.Settings), StatisticsResponse.Of(v.Dom0Statistics));
}

/// <param name="VlanFiltering">Of a Linux bridge: whether it keeps VLANs apart.</param>
public sealed record ObservedBridgeResponse(string Name, BridgeKind Kind, bool Up, int Mtu, IReadOnlyList<string> Ports, bool? VlanFiltering);

/// <param name="Statistics">What it has counted, seen from Dom0.</param>
public sealed record InterfaceResponse(
    int Index, string Name, string? Kind, string? Mac, int Mtu, bool Up, bool Carrier, string? Master, IReadOnlyList<string> Addresses,
    StatisticsResponse? Statistics)
{
    internal static InterfaceResponse Of(ObservedInterface i) => new(
        i.Index, i.Name, i.Kind, i.Mac?.ToString(), i.Mtu, i.Up, i.Carrier, i.Master, i.Addresses, StatisticsResponse.Of(i.Statistics));
}

/// <summary>What an interface of Dom0 has received and sent since it was made.</summary>
public sealed record StatisticsResponse(
    long RxBytes, long RxPackets, long RxErrors, long RxDropped, long TxBytes, long TxPackets, long TxErrors, long TxDropped)
{
    internal static StatisticsResponse? Of(InterfaceStatistics? s) => s is null
        ? null
        : new StatisticsResponse(s.RxBytes, s.RxPackets, s.RxErrors, s.RxDropped, s.TxBytes, s.TxPackets, s.TxErrors, s.TxDropped);
}

/// <param name="Length">In bytes.</param>
/// <param name="Sha256">In hexadecimal; null where the host could not compute it.</param>
/// <param name="ReadsVlan">Whether it reads a vif's `vlan`, by a look at its text; false where xl does not know the key, before 4.19.</param>
public sealed record ObservedScriptResponse(string Name, string Path, long Length, string? Sha256, bool ReadsVlan);

/// <param name="Length">In bytes.</param>
/// <param name="Sha256">In hexadecimal; null where the host could not compute it.</param>
/// <param name="Content">Of those that `?contents=` asks for; of the others null.</param>
public sealed record ObservedFileResponse(string Path, long Length, string? Sha256, string? Content);

/// <summary>What decides whether packets of guests pass through Dom0. What is null the host could not say.</summary>
/// <param name="Ipv4Forwarding">`net.ipv4.ip_forward`, which routed and NAT guests need.</param>
/// <param name="Ipv6Forwarding">`net.ipv6.conf.all.forwarding`.</param>
/// <param name="BrNetfilter">Whether `br_netfilter` is loaded.</param>
/// <param name="BridgeNfCallIptables">`net.bridge.bridge-nf-call-iptables`: whether bridged packets pass through iptables' FORWARD, where a policy of DROP cuts them off.</param>
/// <param name="BridgeNfCallIp6tables">The same for IPv6.</param>
/// <param name="IptablesForwardPolicy">The policy of `iptables -S FORWARD`, such as `ACCEPT`; null on a host without iptables.</param>
/// <param name="NftablesForwardChains">The base chains of nftables at the forward hook; null on a host without nft.</param>
public sealed record ForwardingResponse(
    bool? Ipv4Forwarding, bool? Ipv6Forwarding, bool? BrNetfilter, bool? BridgeNfCallIptables, bool? BridgeNfCallIp6tables,
    string? IptablesForwardPolicy, IReadOnlyList<NftablesChainResponse>? NftablesForwardChains);

/// <param name="Family">`ip`, `ip6`, `inet` or `bridge`.</param>
/// <param name="Policy">`accept` or `drop`.</param>
public sealed record NftablesChainResponse(string Family, string Table, string Name, int Priority, string Policy);

internal sealed class PlanService(XlnetDbContext db, HostConnector connector)
{
    public async Task<PlanResponse> PlanAsync(ResourceName host, IReadOnlyCollection<Impact>? allow, CancellationToken ct)
    {
        var hostId = await HostIds.FindAsync(db, host, ct);
        var desired = await DesiredStateReader.ReadAsync(db, hostId, ct) ?? throw RuleException.NotFound("host", host.Value);
        await using var driver = await connector.OpenAsync(hostId, ct);
        var observed = await driver.ObserveAsync(desired.Paths, ct);
        await ObservedFacts.KeepAsync(db, hostId, observed, ct);
        var plan = Planner.Plan(desired, observed, new PlanRequest { Allow = allow ?? PlanRequest.DefaultAllow });
        return PlanResponse.Of(plan, observed.Simulated);
    }

    /// <param name="contents">The files whose contents are wanted: xl.conf, and guest files of /etc/xen.</param>
    public async Task<ObservationResponse> ObserveAsync(ResourceName host, IReadOnlyCollection<string> contents, CancellationToken ct)
    {
        var hostId = await HostIds.FindAsync(db, host, ct);
        await using var driver = await connector.OpenAsync(hostId, ct);
        var inspection = await driver.InspectAsync(contents, ct);
        await ObservedFacts.KeepAsync(db, hostId, inspection.Host, ct);
        return ObservationResponse.Of(host.Value, inspection);
    }
}

internal static class PlanEndpoints
{
    public static RouteGroupBuilder MapPlans(this RouteGroupBuilder v1)
    {
        v1.MapGet("/hosts/{host}/plan", PlanAsync).WithTags("Plans").WithName("Hosts_Plan").WithSummary("What an apply would do, with diffs and impact").ProducesProblem(StatusCodes.Status502BadGateway);
        v1.MapGet("/hosts/{host}/observation", ObserveAsync).WithTags("Plans").WithName("Hosts_Observe").WithSummary("The host as it is now").ProducesProblem(StatusCodes.Status502BadGateway);
        return v1;
    }

    /// <remarks>
    /// Observes the host and compares; nothing is changed. `steps` is what an apply with the same `allow` would do, in order,
    /// `pending` what would stay and why.
    /// </remarks>
    private static async Task<Ok<PlanResponse>> PlanAsync(string host, PlanService plans, CancellationToken ct, [FromQuery] string? allow = null) =>
        TypedResults.Ok(await plans.PlanAsync(RouteNames.Host(host), ParseAllow(allow), ct));

    /// <remarks>
    /// Asks the host: its domains with their vifs, bridges, interfaces, hotplug scripts, files of xl, and what decides whether
    /// packets pass through it.
    /// </remarks>
    private static async Task<Ok<ObservationResponse>> ObserveAsync(
        string host, PlanService plans, CancellationToken ct, [FromQuery] string? contents = null) =>
        TypedResults.Ok(await plans.ObserveAsync(RouteNames.Host(host), ParseContents(contents), ct));

    /// <summary>What else stands in a Dom0's files is not xlnet's to show.</summary>
    private static List<string> ParseContents(string? text) =>
    [
        .. (text ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(path =>
            (path == Host.XlConfPath || Host.IsGuestFilePath(path)) && path.All(c => c is > ' ' and <= '~')
                ? path
                : throw RuleException.Invalid("contents", "query.contents", $"'{path}' is not shown: name {Host.XlConfPath} or guest files such as {Host.GuestConfigPath("web1")}, separated by commas.")),
    ];

    private static List<Impact>? ParseAllow(string? text) => text is null ? null :
    [
        .. text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(name => Kebab.TryParse<Impact>(name, out var impact)
            ? impact
            : throw RuleException.Invalid("allow", "query.allow", $"allow={name} is none of: {string.Join(", ", Kebab.Names<Impact>())}.")),
    ];
}

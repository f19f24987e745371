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
public sealed record PlanResponse(long Revision, IReadOnlyList<PlanStepResponse> Steps, IReadOnlyList<PendingStepResponse> Pending, bool Simulated);

/// <param name="Impact">What it does to those who use the host: `none`, `vif-blip`, `guest-recreate` or `management-path`.</param>
/// <param name="Diff">What it changes, for a person to read.</param>
public sealed record PlanStepResponse(string Id, string Action, string Target, Impact Impact, string Diff);

/// <param name="Reason">What would have to be allowed, or what stands in the way.</param>
public sealed record PendingStepResponse(string Id, string Action, string Target, Impact Impact, string Diff, string Reason);

/// <summary>The host as it is now.</summary>
public sealed record ObservationResponse(
    string Host, DateTimeOffset At, bool Simulated, string XenVersion, IReadOnlyList<DomainResponse> Domains,
    IReadOnlyList<ObservedBridgeResponse> Bridges, IReadOnlyList<InterfaceResponse> Interfaces, IReadOnlyList<string> Scripts)
{
    internal static ObservationResponse Of(string host, HostObservation o) => new(
        host, o.At, o.Simulated, o.XenVersion.ToString(),
        [.. o.Domains.Select(DomainResponse.Of)],
        [.. o.Bridges.Select(b => new ObservedBridgeResponse(b.Name, b.Kind, b.Up, b.Mtu, b.Ports))],
        [.. o.Interfaces.Select(InterfaceResponse.Of)],
        o.Scripts);
}

public sealed record DomainResponse(int Domid, string Name, DomainState State, GuestType Type, IReadOnlyList<ObservedVifResponse> Vifs)
{
    internal static DomainResponse Of(ObservedDomain d) => new(d.Domid, d.Name, d.State, d.Type, [.. d.Vifs.Select(ObservedVifResponse.Of)]);
}

/// <param name="Dom0Name">The interface on Dom0: `vif&lt;domid&gt;.&lt;devid&gt;`, or vifname.</param>
/// <param name="State">The xenbus state of the guest's side; `connected` when the guest uses it.</param>
/// <param name="LinkUp">Whether the interface on Dom0 is up; a failed hotplug leaves one that is not.</param>
/// <param name="Spec">What it was created with, as xl spells it.</param>
public sealed record ObservedVifResponse(int Devid, string Mac, string Dom0Name, string? Bridge, XenbusState State, bool LinkUp, string Spec)
{
    internal static ObservedVifResponse Of(ObservedVif v) =>
        new(v.Devid, v.Mac.ToString(), v.Dom0Name, v.Bridge, v.State, v.LinkUp, VifSpec.Render(v.Settings));
}

public sealed record ObservedBridgeResponse(string Name, BridgeKind Kind, bool Up, int Mtu, IReadOnlyList<string> Ports);

public sealed record InterfaceResponse(
    int Index, string Name, string? Kind, string? Mac, int Mtu, bool Up, bool Carrier, string? Master, IReadOnlyList<string> Addresses)
{
    internal static InterfaceResponse Of(ObservedInterface i) => new(i.Index, i.Name, i.Kind, i.Mac?.ToString(), i.Mtu, i.Up, i.Carrier, i.Master, i.Addresses);
}

internal sealed class PlanService(XlnetDbContext db, HostConnector connector)
{
    public async Task<PlanResponse> PlanAsync(ResourceName host, IReadOnlyCollection<Impact>? allow, CancellationToken ct)
    {
        var hostId = await HostIds.FindAsync(db, host, ct);
        var desired = await DesiredStateReader.ReadAsync(db, hostId, ct) ?? throw RuleException.NotFound("host", host.Value);
        await using var driver = await connector.OpenAsync(hostId, ct);
        var observed = await driver.ObserveAsync(desired.Paths, ct);
        await ObservedVersions.KeepAsync(db, hostId, observed.XenVersion, ct);
        var plan = Planner.Plan(desired, observed, new PlanRequest { Allow = allow ?? PlanRequest.DefaultAllow });
        return new PlanResponse(
            plan.Revision,
            [.. plan.Steps.Select(s => new PlanStepResponse(s.Id, s.Action, s.Target, s.Impact, StepDiff.Of(s)))],
            [.. plan.Pending.Select(p => new PendingStepResponse(p.Step.Id, p.Step.Action, p.Step.Target, p.Step.Impact, StepDiff.Of(p.Step), p.Reason))],
            observed.Simulated);
    }

    public async Task<ObservationResponse> ObserveAsync(ResourceName host, CancellationToken ct)
    {
        var hostId = await HostIds.FindAsync(db, host, ct);
        await using var driver = await connector.OpenAsync(hostId, ct);
        var observed = await driver.ObserveAsync([], ct);
        await ObservedVersions.KeepAsync(db, hostId, observed.XenVersion, ct);
        return ObservationResponse.Of(host.Value, observed);
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

    private static async Task<Ok<PlanResponse>> PlanAsync(string host, PlanService plans, CancellationToken ct, [FromQuery] string? allow = null) =>
        TypedResults.Ok(await plans.PlanAsync(RouteNames.Host(host), ParseAllow(allow), ct));

    private static async Task<Ok<ObservationResponse>> ObserveAsync(string host, PlanService plans, CancellationToken ct) =>
        TypedResults.Ok(await plans.ObserveAsync(RouteNames.Host(host), ct));

    private static List<Impact>? ParseAllow(string? text) => text is null ? null :
    [
        .. text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(name => Kebab.TryParse<Impact>(name, out var impact)
            ? impact
            : throw RuleException.Invalid("allow", "query.allow", $"allow={name} is none of: {string.Join(", ", Kebab.Names<Impact>())}.")),
    ];
}

using System.ComponentModel.DataAnnotations;
using FluentValidation;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using Xlnet.Api.Common;
using Xlnet.Api.Vifs;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Common;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Planning;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Api.Bridges;

/// <summary>A bridge as it is put.</summary>
public record BridgeRequest
{
    /// <summary>`linux` unless given, or `openvswitch`.</summary>
    public BridgeKind? Kind { get; init; }

    /// <summary>In bytes, 68 to 65535; left out, the host's own stays.</summary>
    public int? Mtu { get; init; }

    /// <summary>
    /// Its uplinks: the interfaces of Dom0 that are to be its ports, at most 64; guests' vifs are not listed. Left out or null leaves
    /// those that it has; an empty list takes them away.
    /// </summary>
    public IReadOnlyList<string>? Ports { get; init; }

    /// <summary>
    /// Linux: whether it keeps VLANs apart, as a vif with `vlan` needs. Left out or null leaves what it has; a new one keeps none apart.
    /// All its ports are in VLAN 1 until a script, or someone on the host, says otherwise.
    /// </summary>
    public bool? VlanFiltering { get; init; }

    /// <summary>For people; up to 1,000 characters.</summary>
    public string? Description { get; init; }
}

/// <summary>A new bridge.</summary>
public sealed record CreateBridgeRequest : BridgeRequest
{
    /// <summary>1 to 15 letters, digits, '.', '_' and '-'; no '.' for Open vSwitch.</summary>
    [Required]
    public string? Name { get; init; }
}

/// <summary>A bridge that a host is to have.</summary>
/// <param name="Name">The name of its interface on Dom0.</param>
/// <param name="Kind">A bridge of the kernel, or one of Open vSwitch.</param>
/// <param name="Mtu">In bytes; null leaves the host's own.</param>
/// <param name="Ports">Its uplinks; null leaves those that it has.</param>
/// <param name="VlanFiltering">Linux: whether it keeps VLANs apart; null leaves what it has.</param>
public sealed record BridgeResponse(string Name, BridgeKind Kind, int? Mtu, IReadOnlyList<string>? Ports, bool? VlanFiltering, string? Description, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    internal static BridgeResponse Of(Bridge bridge) =>
        new(bridge.Name.Value, bridge.Kind, bridge.Mtu, bridge.Ports, bridge.VlanFiltering, bridge.Description, bridge.CreatedAt, bridge.UpdatedAt);
}

internal sealed class BridgeRequestValidator : AbstractValidator<BridgeRequest>
{
    public BridgeRequestValidator()
    {
        RuleFor(b => b.Mtu).InclusiveBetween(68, 65535).WithErrorCode("bridge.mtu").WithMessage("An MTU is 68 to 65535 bytes.");
        RuleFor(b => b.Ports).Must(p => p is null || p.Count <= 64 && p.Distinct(StringComparer.Ordinal).Count() == p.Count)
            .WithErrorCode("bridge.ports").WithMessage("Name each port once, at most 64 of them.");
        RuleFor(b => b.Description).MaximumLength(1000).WithErrorCode("description.too-long").WithMessage("A description has at most 1,000 characters.");
    }
}

internal sealed class CreateBridgeRequestValidator : AbstractValidator<CreateBridgeRequest>
{
    public CreateBridgeRequestValidator(IValidator<BridgeRequest> put)
    {
        RuleFor(r => r.Name).Must(n => InterfaceName.TryParse(n, null, out _)).WithErrorCode("bridge.name").WithMessage($"Give the bridge a name: {InterfaceName.Rule}.");
        Include(put);
    }
}

internal sealed class BridgeService(XlnetDbContext db, RequestInfo request, TimeProvider clock)
{
    private static readonly Sorting<Bridge> Orders = new Sorting<Bridge>(b => (string)(object)b.Name, b => b.Name.Value).Or("createdAt", b => b.CreatedAt).Or("updatedAt", b => b.UpdatedAt);

    /// <param name="kind">Only those of this kind.</param>
    public async Task<Page<BridgeResponse>> ListAsync(ResourceName host, PageQuery page, string? kind, CancellationToken ct)
    {
        var hostId = await HostIds.FindAsync(db, host, ct);
        var query = db.Bridges.AsNoTracking().Where(b => b.HostId == hostId);
        if (QueryFilters.Read<BridgeKind>("kind", kind) is { } wanted)
            query = query.Where(b => b.Kind == wanted);
        return page.ToPage(await Orders.Page(query, page).ToListAsync(ct), BridgeResponse.Of, b => Orders.CursorOf(b, page));
    }

    public async Task<Bridge> GetAsync(ResourceName host, InterfaceName name, CancellationToken ct)
    {
        var hostId = await HostIds.FindAsync(db, host, ct);
        return await db.Bridges.AsNoTracking().SingleOrDefaultAsync(b => b.HostId == hostId && b.Name == name, ct)
            ?? throw RuleException.NotFound("bridge", name.Value);
    }

    public async Task<(Bridge Bridge, bool Created)> PutAsync(
        HttpContext http, ResourceName host, InterfaceName name, Func<Bridge?, BridgeRequest> change, bool createOnly, bool validateOnly, CancellationToken ct)
    {
        await using var write = await HostWrite.BeginAsync(db, request, clock, host, ct);
        var bridge = await db.Bridges.SingleOrDefaultAsync(b => b.HostId == write.Host.Id && b.Name == name, ct);
        var created = bridge is null;
        if (!created && createOnly)
            throw new RuleException(RuleKind.Conflict, "bridge.exists", $"The host '{host}' has a bridge '{name}' already.");
        ApiDefaults.CheckPreconditions(http, bridge?.Version);
        var put = change(bridge);
        var others = put.Ports is null ? [] : await db.Bridges.AsNoTracking().Where(b => b.HostId == write.Host.Id && b.Name != name)
            .Select(b => new BridgePorts(b.Name.Value, b.Ports)).ToListAsync(ct);
        var filtered = bridge?.VlanFiltering is not false;
        bridge = Set(write, bridge, name, put, others, createOnly ? "/name" : "bridge");
        if (filtered && bridge.VlanFiltering is false)
            await CheckNoVlansAsync(write.Host, name.Value, ct);
        await write.CommitAsync(validateOnly, ct);
        return (bridge, created);
    }

    /// <summary>Makes a bridge, or changes it, within a write of its host.</summary>
    /// <param name="others">The host's other bridges.</param>
    /// <param name="namePointer">Where the name stands.</param>
    public Bridge Set(HostWrite write, Bridge? bridge, InterfaceName name, BridgeRequest put, IReadOnlyList<BridgePorts> others, string namePointer)
    {
        CheckOwner(write.Host, name);
        var kind = put.Kind ?? BridgeKind.Linux;
        if (Bridge.CheckName(name, kind) is { } wrong)
            throw RuleException.Invalid(namePointer, "bridge.name.openvswitch", wrong);
        if (Bridge.CheckVlanFiltering(kind, put.VlanFiltering) is { } unfit)
            throw RuleException.Invalid("/vlanFiltering", "bridge.vlan-filtering", unfit);
        var ports = CheckPorts(name, put.Ports, others);
        var before = bridge is null ? null : BridgeDocument.Of(bridge);
        if (bridge is null)
            db.Add(bridge = new Bridge { HostId = write.Host.Id, Name = name, CreatedAt = write.Now, UpdatedAt = write.Now });
        (bridge.Kind, bridge.Mtu, bridge.Ports, bridge.VlanFiltering, bridge.Description) = (kind, put.Mtu, ports, put.VlanFiltering, put.Description);
        var after = BridgeDocument.Of(bridge);
        if (before != after)
            bridge.UpdatedAt = write.Now;
        write.Record(RevisionObjectKind.Bridge, name.Value, before is null ? "bridge.create" : "bridge.update", $"bridges/{name}", before, after);
        return bridge;
    }

    /// <summary>What the host's networking makes of its bridge would not heed what is put here.</summary>
    private static void CheckOwner(Host host, InterfaceName name)
    {
        if (host.Networking?.Bridge == name.Value)
            throw new RuleException(RuleKind.Conflict, "bridge.of-networking", $"The bridge '{name}' belongs to the host's networking: PUT /v1/hosts/{host.Name}/networking changes it.");
    }

    /// <summary>An interface is a port of one bridge at most. Writers of a host come one after the other, so looking is enough.</summary>
    private static string[]? CheckPorts(InterfaceName name, IReadOnlyList<string>? ports, IReadOnlyList<BridgePorts> others)
    {
        if (ports is null)
            return null;
        for (var i = 0; i < ports.Count; i++)
        {
            if (Bridge.CheckPort(name, ports[i]) is { } wrong)
                throw RuleException.Invalid($"/ports/{i}", "bridge.port", wrong);
        }

        foreach (var other in others)
        {
            if (ports.Contains(other.Name))
                throw RuleException.Invalid($"/ports/{ports.ToList().IndexOf(other.Name)}", "bridge.port", $"'{other.Name}' is a bridge itself, and a bridge is no port of another.");
            if (other.Ports?.Intersect(ports).FirstOrDefault() is { } taken)
            {
                throw new RuleException(RuleKind.Conflict, "bridge.port-in-use", $"The interface '{taken}' is a port of the bridge '{other.Name}': take it from there first.")
                    .With("conflictingBridge", other.Name);
            }
        }

        return [.. ports];
    }

    public async Task DeleteAsync(HttpContext http, ResourceName host, InterfaceName name, bool validateOnly, CancellationToken ct)
    {
        await using var write = await HostWrite.BeginAsync(db, request, clock, host, ct);
        await RemoveAsync(write, name, "bridge.delete", ct, bridge => ApiDefaults.CheckPreconditions(http, bridge.Version));
        await write.CommitAsync(validateOnly, ct);
    }

    public async Task RemoveAsync(HostWrite write, InterfaceName name, string action, CancellationToken ct, Action<Bridge>? check = null)
    {
        var bridge = await db.Bridges.SingleOrDefaultAsync(b => b.HostId == write.Host.Id && b.Name == name, ct)
            ?? throw RuleException.NotFound("bridge", name.Value);
        check?.Invoke(bridge);
        CheckOwner(write.Host, name);
        await CheckUnusedAsync(write.Host, name.Value, ct);
        db.Remove(bridge);
        write.Record(RevisionObjectKind.Bridge, name.Value, action, $"bridges/{name}", BridgeDocument.Of(bridge), null);
    }

    /// <exception cref="RuleException">409, with the vif that is on it.</exception>
    public async Task CheckUnusedAsync(Host host, string name, CancellationToken ct)
    {
        var user = await db.Vifs.AsNoTracking()
            .Where(v => v.HostId == host.Id).Where(VifQueries.On(name))
            .Join(db.Guests, v => v.GuestId, g => g.Id, (v, g) => new { g.Name, v.Devid }).OrderBy(u => u.Name).FirstOrDefaultAsync(ct);
        if (user is not null)
        {
            throw new RuleException(RuleKind.Conflict, "bridge.in-use", $"The vif {host.Name}/{user.Name}/{user.Devid} is on the bridge '{name}': move it first.")
                .With("conflictingVif", new VifHolder(host.Name.Value, user.Name.Value, user.Devid));
        }
    }

    /// <summary>For a Linux bridge that is to keep VLANs apart no more: those of its vifs would be one network.</summary>
    /// <exception cref="RuleException">409, with a vif that is in one.</exception>
    public async Task CheckNoVlansAsync(Host host, string name, CancellationToken ct)
    {
        var isDefault = name == (host.KnownDefaults()?.Bridge ?? EffectiveVif.DefaultBridge);
        var user = await db.Vifs.AsNoTracking()
            .Where(v => v.HostId == host.Id && v.Vlan != null && (v.Bridge == name || isDefault && v.Bridge == null))
            .Join(db.Guests, v => v.GuestId, g => g.Id, (v, g) => new { g.Name, v.Devid, v.Vlan }).OrderBy(u => u.Name).ThenBy(u => u.Devid).FirstOrDefaultAsync(ct);
        if (user is not null)
        {
            throw new RuleException(RuleKind.Conflict, "bridge.vlans-in-use",
                    $"The vif {host.Name}/{user.Name}/{user.Devid} is in VLAN {user.Vlan} of the bridge '{name}', which would no longer keep VLANs apart: all of its vifs would be in one network. Take the vif's vlan away or move it first, or leave vlanFiltering on.",
                    new FieldError("/vlanFiltering", "bridge.vlans-in-use", $"keeps {host.Name}/{user.Name}/{user.Devid} apart"))
                .With("conflictingVif", new VifHolder(host.Name.Value, user.Name.Value, user.Devid));
        }
    }
}

/// <param name="Ports">Null where it was told nothing of them.</param>
internal sealed record BridgePorts(string Name, IReadOnlyList<string>? Ports);

internal static class BridgeEndpoints
{
    public static RouteGroupBuilder MapBridges(this RouteGroupBuilder v1)
    {
        var bridges = v1.MapGroup("/hosts/{host}/bridges").WithTags("Bridges");
        bridges.MapGet("/", ListAsync).WithName("Bridges_List").WithSummary("List a host's bridges by name");
        bridges.MapPost("/", CreateAsync).WithName("Bridges_Create").WithSummary("Make a bridge");
        bridges.MapGet("/{bridge}", GetAsync).WithName("Bridges_Get").WithSummary("Read a bridge");
        bridges.MapPut("/{bridge}", PutAsync).WithName("Bridges_Put").WithSummary("Make a bridge, or change it");
        bridges.MapPatch("/{bridge}", PatchAsync).WithName("Bridges_Patch").WithSummary("Change some of a bridge (JSON Merge Patch)");
        bridges.MapDelete("/{bridge}", DeleteAsync).WithName("Bridges_Delete").WithSummary("Take a bridge away");
        return bridges;
    }

    /// <remarks>Those that the host is to have; `GET …/observation` shows those that it has.</remarks>
    private static async Task<Ok<Page<BridgeResponse>>> ListAsync(
        string host, [AsParameters] PageQuery page, BridgeService bridges, CancellationToken ct, [FromQuery] string? kind = null) =>
        TypedResults.Ok(await bridges.ListAsync(RouteNames.Host(host), page, kind, ct));

    /// <remarks>What is stored of it; its ETag is what `If-Match` takes.</remarks>
    private static async Task<Ok<BridgeResponse>> GetAsync(string host, string bridge, HttpContext http, BridgeService bridges, CancellationToken ct)
    {
        var found = await bridges.GetAsync(RouteNames.Host(host), RouteNames.Bridge(bridge), ct);
        ApiDefaults.SetETag(http, found.Version);
        return TypedResults.Ok(BridgeResponse.Of(found));
    }

    /// <remarks>409 when there is one of that name; PUT makes or changes. It is staged: the host gets it with the next apply.</remarks>
    private static async Task<Created<BridgeResponse>> CreateAsync(
        string host, JsonBody<CreateBridgeRequest> body, HttpContext http, BridgeService bridges, CancellationToken ct, bool validateOnly = false)
    {
        var (bridge, _) = await bridges.PutAsync(http, RouteNames.Host(host), RouteNames.Bridge(body.Value.Name!), _ => body.Value, createOnly: true, validateOnly, ct);
        ApiDefaults.SetETag(http, bridge.Version);
        return TypedResults.Created($"/v1/hosts/{host}/bridges/{bridge.Name}", BridgeResponse.Of(bridge));
    }

    /// <remarks>201 when it is new, else 200. It is staged: the host gets it with the next apply.</remarks>
    private static async Task<Results<Ok<BridgeResponse>, Created<BridgeResponse>>> PutAsync(
        string host, string bridge, JsonBody<BridgeRequest> body, HttpContext http, BridgeService bridges, CancellationToken ct, bool validateOnly = false)
    {
        var (put, created) = await bridges.PutAsync(http, RouteNames.Host(host), RouteNames.Bridge(bridge), _ => body.Value, createOnly: false, validateOnly, ct);
        ApiDefaults.SetETag(http, put.Version);
        return created ? TypedResults.Created($"/v1/hosts/{host}/bridges/{put.Name}", BridgeResponse.Of(put)) : TypedResults.Ok(BridgeResponse.Of(put));
    }

    /// <remarks>
    /// The members that are given replace what is there, null takes away, and the rest stays (RFC 7396). It is staged: the host gets
    /// it with the next apply.
    /// </remarks>
    private static async Task<Ok<BridgeResponse>> PatchAsync(
        string host, string bridge, MergePatch<BridgeRequest> body, HttpContext http, BridgeService bridges, CancellationToken ct, bool validateOnly = false)
    {
        var name = RouteNames.Bridge(bridge);
        var (put, _) = await bridges.PutAsync(http, RouteNames.Host(host), name, current => body.Apply(current is null
            ? throw RuleException.NotFound("bridge", name.Value)
            : new BridgeRequest { Kind = current.Kind, Mtu = current.Mtu, Ports = current.Ports, VlanFiltering = current.VlanFiltering, Description = current.Description }), createOnly: false, validateOnly, ct);
        ApiDefaults.SetETag(http, put.Version);
        return TypedResults.Ok(BridgeResponse.Of(put));
    }

    /// <remarks>409 while vifs name it, or the host's networking has it; the problem says which. It goes from the host with the next apply.</remarks>
    private static async Task<NoContent> DeleteAsync(
        string host, string bridge, HttpContext http, BridgeService bridges, CancellationToken ct, bool validateOnly = false)
    {
        await bridges.DeleteAsync(http, RouteNames.Host(host), RouteNames.Bridge(bridge), validateOnly, ct);
        return TypedResults.NoContent();
    }
}

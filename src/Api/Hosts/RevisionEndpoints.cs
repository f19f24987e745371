using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using Xlnet.Api.Common;
using Xlnet.Api.Networking;
using Xlnet.Api.Subnets;
using Xlnet.Api.Vifs;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Common;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Subnets;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Api.Hosts;

/// <param name="Summary">What was done, in a few words.</param>
public sealed record RevisionSummary(long Number, DateTimeOffset CreatedAt, string? Actor, string? RequestId, string Summary);

/// <summary>What a host was to be at one revision.</summary>
/// <param name="Networking">As a PUT of it would say; null while the host's own network was left to it.</param>
public sealed record RevisionResponse(
    long Number, DateTimeOffset CreatedAt, string? Actor, string? RequestId, string Summary,
    MacPolicy MacPolicy, DefaultsContract? Defaults, string? XlConf, IReadOnlyList<RevisionBridge> Bridges, IReadOnlyList<RevisionGuest> Guests, NetworkingRequest? Networking,
    IReadOnlyList<RevisionSubnet> Subnets);

public sealed record RevisionBridge(string Name, BridgeKind Kind, int? Mtu, bool? VlanFiltering, string? Description);

/// <param name="Config">The guest file.</param>
public sealed record RevisionGuest(string Name, string Config, IReadOnlyList<RevisionVif> Vifs);

public sealed record RevisionVif(int Devid, string Mac, bool MacInFile, string? Subnet);

/// <param name="First">The first address that is allocated.</param>
/// <param name="Last">The last address that is allocated.</param>
public sealed record RevisionSubnet(
    string Name, string Cidr, string? Bridge, NetworkMode? Mode, string First, string Last, string? Gateway, int QuarantineSeconds, string? Description)
{
    internal static RevisionSubnet Of(string name, SubnetDocument subnet) => new(
        name, subnet.Cidr, subnet.Bridge, subnet.ReadMode(), subnet.First, subnet.Last, subnet.Gateway, subnet.QuarantineSeconds, subnet.Description);
}

internal sealed class RevisionService(XlnetDbContext db, RequestInfo request, TimeProvider clock, GuestVifs guestVifs, SubnetService subnets, SubnetAllocator addresses)
{
    public async Task<Page<RevisionSummary>> ListAsync(ResourceName host, PageQuery page, string? actor, string? requestId, CancellationToken ct)
    {
        var hostId = await HostIds.FindAsync(db, host, ct);
        var down = page.RunsDown("number", usually: true);
        var seen = page.After is null ? down ? long.MaxValue : 0
            : long.TryParse(page.After, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
            : throw RuleException.Invalid("cursor", "page.cursor", "This cursor is of another list.");
        var query = db.Revisions.AsNoTracking().Where(r => r.HostId == hostId);
        query = down ? query.Where(r => r.Number < seen).OrderByDescending(r => r.Number) : query.Where(r => r.Number > seen).OrderBy(r => r.Number);
        if (actor is not null)
            query = query.Where(r => r.Actor == QueryFilters.Storable(actor));
        if (requestId is not null)
            query = query.Where(r => r.RequestId == QueryFilters.Storable(requestId));
        var rows = await query.Take(page.Size + 1).ToListAsync(ct);
        return page.ToPage(rows, r => new RevisionSummary(r.Number, r.CreatedAt, r.Actor, r.RequestId, r.Summary), r => r.Number.ToString(CultureInfo.InvariantCulture));
    }

    public async Task<RevisionResponse> GetAsync(ResourceName host, long number, CancellationToken ct)
    {
        var hostId = await HostIds.FindAsync(db, host, ct);
        var revision = await FindAsync(hostId, number, ct);
        var snapshot = await SnapshotAsync(hostId, number, ct);
        return new RevisionResponse(
            revision.Number, revision.CreatedAt, revision.Actor, revision.RequestId, revision.Summary,
            Kebab.Parse<MacPolicy>(snapshot.Host.MacPolicy),
            snapshot.Host.Defaults is { } defaults ? DefaultsContract.Of(defaults) : null,
            snapshot.Host.XlConf is { } conf ? XlText.Decode(XlText.FromBytes(conf)) : null,
            [.. snapshot.Bridges.Select(b => new RevisionBridge(b.Key, Kebab.Parse<BridgeKind>(b.Value.Kind), b.Value.Mtu, b.Value.VlanFiltering, b.Value.Description))],
            [.. snapshot.Guests.Select(g => new RevisionGuest(g.Key, XlText.Decode(XlText.FromBytes(g.Value.Config)),
                [.. g.Value.Vifs.Select(v => new RevisionVif(v.Devid, v.Mac, v.MacWritten, v.Subnet))]))],
            snapshot.Host.ReadNetworking() is { } networking ? NetworkingRequest.Of(networking) : null,
            [.. snapshot.Subnets.Select(s => RevisionSubnet.Of(s.Key, s.Value))]);
    }

    /// <summary>Makes the host again what a revision was, as a new revision. Addresses that have gone to others in between make it a 409.</summary>
    public async Task<Host> RestoreAsync(HttpContext http, ResourceName name, long number, bool validateOnly, CancellationToken ct)
    {
        if (http.Request.Headers.IfMatch.Count == 0)
        {
            throw new RuleException(RuleKind.PreconditionRequired, "precondition.required",
                "A restore replaces the whole of the host's desired state: say with If-Match which version of the host (its ETag) you have seen.");
        }

        await using var write = await HostWrite.BeginAsync(db, request, clock, name, ct);
        var host = write.Host;
        ApiDefaults.CheckPreconditions(http, host.Version);
        await FindAsync(host.Id, number, ct);
        var snapshot = await SnapshotAsync(host.Id, number, ct);

        var before = HostDocument.Of(host);
        host.Description = snapshot.Host.Description;
        host.MacPolicy = Kebab.Parse<MacPolicy>(snapshot.Host.MacPolicy);
        (host.XlConf, host.Defaults) = (snapshot.Host.XlConf, snapshot.Host.Defaults);
        // Null gives the host back what it had before xlnet.
        host.Networking = snapshot.Host.ReadNetworking();
        if (snapshot.Host.MacPoolId is null || await db.MacPools.AnyAsync(p => p.Id == snapshot.Host.MacPoolId, ct))
            host.MacPoolId = snapshot.Host.MacPoolId;
        write.Record(RevisionObjectKind.Host, "", "revision.restore", "", before, HostDocument.Of(host));

        await RestoreBridgesAsync(write, snapshot.Bridges, ct);
        await RestoreSubnetsAsync(write, snapshot.Subnets, ct);
        await RestoreGuestsAsync(write, snapshot.Guests, ct);
        await write.SaveAsync(ct);
        await addresses.SettleAllAsync(host, "", ct);
        await write.CommitAsync(validateOnly, ct);
        return host;
    }

    private async Task RestoreBridgesAsync(HostWrite write, SortedDictionary<string, BridgeDocument> wanted, CancellationToken ct)
    {
        var present = await db.Bridges.Where(b => b.HostId == write.Host.Id).ToDictionaryAsync(b => b.Name.Value, ct);
        foreach (var (name, bridge) in present.Where(b => !wanted.ContainsKey(b.Key)))
        {
            db.Remove(bridge);
            write.Record(RevisionObjectKind.Bridge, name, "bridge.delete", $"bridges/{name}", BridgeDocument.Of(bridge), null);
        }

        foreach (var (name, document) in wanted)
        {
            var bridge = present.GetValueOrDefault(name);
            var before = bridge is null ? null : BridgeDocument.Of(bridge);
            if (bridge is null)
                db.Add(bridge = new Bridge { HostId = write.Host.Id, Name = InterfaceName.Parse(name), CreatedAt = write.Now, UpdatedAt = write.Now });
            (bridge.Kind, bridge.Mtu, bridge.Description, bridge.Ports, bridge.VlanFiltering) =
                (Kebab.Parse<BridgeKind>(document.Kind), document.Mtu, document.Description, document.Ports is { } ports ? [.. ports] : null, document.VlanFiltering);
            write.Record(RevisionObjectKind.Bridge, name, before is null ? "bridge.create" : "bridge.update", $"bridges/{name}", before, BridgeDocument.Of(bridge));
        }
    }

    private async Task RestoreSubnetsAsync(HostWrite write, SortedDictionary<string, SubnetDocument> wanted, CancellationToken ct)
    {
        var present = await db.Subnets.Where(s => s.HostId == write.Host.Id).ToDictionaryAsync(s => s.Name.Value, ct);
        List<Subnet> gone = [.. present.Where(s => !wanted.ContainsKey(s.Key)).Select(s => s.Value)];
        var names = gone.ConvertAll(s => s.Name);
        await db.Vifs.Where(v => v.HostId == write.Host.Id && names.Contains(v.Subnet!)).ExecuteUpdateAsync(v => v.SetProperty(x => x.Subnet, (ResourceName?)null), ct);
        // Before the guests, whose vifs would have addresses of them too.
        gone.ForEach(s => subnets.Remove(write, s));
        await db.SaveChangesAsync(ct);
        foreach (var (name, document) in wanted)
            await subnets.SetAsync(write, present.GetValueOrDefault(name), ResourceName.Parse(name), document.Into, ct);
    }

    private async Task RestoreGuestsAsync(HostWrite write, SortedDictionary<string, GuestDocument> wanted, CancellationToken ct)
    {
        var present = await db.Guests.Include(g => g.Vifs).Where(g => g.HostId == write.Host.Id).ToDictionaryAsync(g => g.Name.Value, ct);
        // What goes is released first, so that what comes back can have its address.
        foreach (var (name, guest) in present.Where(g => !wanted.ContainsKey(g.Key)))
        {
            guest.Sort();
            await guestVifs.ReleaseAllAsync(write, guest, ct);
            db.Remove(guest);
            write.Record(RevisionObjectKind.Guest, name, "guest.delete", name, GuestDocument.Of(guest), null);
        }

        foreach (var (name, document) in wanted)
        {
            var guest = present.GetValueOrDefault(name);
            guest?.Sort();
            var before = guest is null ? null : GuestDocument.Of(guest);
            if (guest is null)
                db.Add(guest = new Guest { HostId = write.Host.Id, Name = GuestName.Parse(name), CreatedAt = write.Now });

            var file = GuestFile.Parse(XlText.FromBytes(document.Config));
            var kept = document.Vifs.ToDictionary(v => v.Devid);
            guest.FilePath = document.FilePath;
            await guestVifs.SetAsync(write, guest, file,
                [.. file.Vifs.Select(v => new WantedVif(v.Devid, v.Settings, "", InFile: true,
                    kept.GetValueOrDefault(v.Devid) is { } vif ? MacAddress.Parse(vif.Mac) : null, AsWritten: kept.GetValueOrDefault(v.Devid)?.MacWritten == false,
                    Locking: kept.GetValueOrDefault(v.Devid)?.ReadLocking() ?? VifLocking.Unlocked,
                    Subnet: kept.GetValueOrDefault(v.Devid)?.Subnet is { } subnet ? ResourceName.Parse(subnet) : null))], ct);
            write.Record(RevisionObjectKind.Guest, name, before is null ? "guest.create" : "guest.update", name, before, GuestDocument.Of(guest));
        }
    }

    private async Task<Revision> FindAsync(long hostId, long number, CancellationToken ct) =>
        await db.Revisions.AsNoTracking().SingleOrDefaultAsync(r => r.HostId == hostId && r.Number == number, ct)
        ?? throw RuleException.NotFound("revision", number.ToString(CultureInfo.InvariantCulture));

    /// <summary>The latest document of each object up to a revision.</summary>
    private async Task<Snapshot> SnapshotAsync(long hostId, long number, CancellationToken ct)
    {
        var objects = await db.RevisionObjects
            .FromSql($"""
                SELECT DISTINCT ON (kind, name) * FROM revision_objects
                WHERE host_id = {hostId} AND revision <= {number} ORDER BY kind, name, revision DESC
                """)
            .AsNoTracking().ToListAsync(ct);
        var snapshot = new Snapshot();
        foreach (var item in objects.Where(o => o.Document is not null))
        {
            switch (item.Kind)
            {
                case RevisionObjectKind.Host:
                    snapshot.Host = JsonSerializer.Deserialize(item.Document!, DocumentJson.Default.HostDocument)!;
                    break;
                case RevisionObjectKind.Bridge:
                    snapshot.Bridges[item.Name] = JsonSerializer.Deserialize(item.Document!, DocumentJson.Default.BridgeDocument)!;
                    break;
                case RevisionObjectKind.Guest:
                    snapshot.Guests[item.Name] = JsonSerializer.Deserialize(item.Document!, DocumentJson.Default.GuestDocument)!;
                    break;
                case RevisionObjectKind.Subnet:
                    snapshot.Subnets[item.Name] = JsonSerializer.Deserialize(item.Document!, DocumentJson.Default.SubnetDocument)!;
                    break;
                default:
                    throw new InvalidOperationException($"{item.Kind} is no kind of object.");
            }
        }

        return snapshot;
    }

    private sealed class Snapshot
    {
        public HostDocument Host { get; set; } = new(null, Kebab.Name(MacPolicy.Allocate), null, null, null);

        public SortedDictionary<string, BridgeDocument> Bridges { get; } = new(StringComparer.Ordinal);

        public SortedDictionary<string, SubnetDocument> Subnets { get; } = new(StringComparer.Ordinal);

        public SortedDictionary<string, GuestDocument> Guests { get; } = new(StringComparer.Ordinal);
    }
}

internal static class RevisionEndpoints
{
    public static RouteGroupBuilder MapRevisions(this RouteGroupBuilder v1)
    {
        var revisions = v1.MapGroup("/hosts/{host}/revisions").WithTags("Revisions");
        revisions.MapGet("/", ListAsync).WithName("Revisions_List").WithSummary("List a host's revisions, the latest first");
        revisions.MapGet("/{number:long}", GetAsync).WithName("Revisions_Get").WithSummary("What a host was to be at a revision");
        revisions.MapPost("/{number:long}/restore", RestoreAsync).WithName("Revisions_Restore").WithSummary("Make a host again what a revision was")
            .ProducesProblem(StatusCodes.Status428PreconditionRequired);
        return v1;
    }

    /// <remarks>Each write that changes something makes one. The latest come first (`sort=number` for the earliest). A page at a time: `next` is the cursor of the next one.</remarks>
    private static async Task<Ok<Page<RevisionSummary>>> ListAsync(
        string host, [AsParameters] PageQuery page, RevisionService revisions, CancellationToken ct,
        [FromQuery] string? actor = null, [FromQuery] string? requestId = null) =>
        TypedResults.Ok(await revisions.ListAsync(RouteNames.Host(host), page, actor, requestId, ct));

    /// <remarks>All of the desired state at that time: defaults, xl.conf, networking, bridges, subnets, and guests with their files.</remarks>
    private static async Task<Ok<RevisionResponse>> GetAsync(string host, long number, RevisionService revisions, CancellationToken ct) =>
        TypedResults.Ok(await revisions.GetAsync(RouteNames.Host(host), number, ct));

    /// <remarks>
    /// Makes a new revision with what that one said, and needs `If-Match` with the host's ETag, as it replaces everything. An
    /// address that another vif has got meanwhile makes it a 409. It is staged: the host gets it with the next apply.
    /// </remarks>
    private static async Task<Ok<RevisionResponse>> RestoreAsync(
        string host, long number, HttpContext http, RevisionService revisions, CancellationToken ct, bool validateOnly = false)
    {
        var name = RouteNames.Host(host);
        var restored = await revisions.RestoreAsync(http, name, number, validateOnly, ct);
        ApiDefaults.SetETag(http, restored.Version);
        return TypedResults.Ok(await revisions.GetAsync(name, validateOnly ? number : restored.Revision, ct));
    }
}

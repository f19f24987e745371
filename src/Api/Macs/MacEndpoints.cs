using System.ComponentModel.DataAnnotations;
using FluentValidation;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using Xlnet.Api.Access;
using Xlnet.Api.Common;
using Xlnet.Domain.Access;
using Xlnet.Domain.Common;
using Xlnet.Domain.Macs;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Api.Macs;

/// <summary>What of a pool can be changed.</summary>
public record MacPoolRequest
{
    /// <summary>For people; up to 1,000 characters.</summary>
    public string? Description { get; init; }

    /// <summary>How long a released address waits before it is given again: 0 to 31536000; 86400 unless given.</summary>
    public int? QuarantineSeconds { get; init; }
}

/// <summary>A new pool.</summary>
public sealed record CreateMacPoolRequest : MacPoolRequest
{
    /// <summary>1 to 63 lower-case letters, digits, '.', '_' and '-'.</summary>
    [Required]
    public string? Name { get; init; }

    /// <summary>The range's first address: unicast.</summary>
    [Required]
    public string? First { get; init; }

    /// <summary>The range's last address; at most 2^32 addresses in all.</summary>
    [Required]
    public string? Last { get; init; }
}

/// <summary>A range of addresses to allocate from.</summary>
/// <param name="First">The range's first address.</param>
/// <param name="Last">The range's last address.</param>
/// <param name="Size">How many addresses the range holds.</param>
/// <param name="LocallyAdministered">Whether the range is outside of what vendors are given.</param>
public sealed record MacPoolResponse(
    string Name, string? Description, string First, string Last, long Size, bool LocallyAdministered, int QuarantineSeconds, DateTimeOffset CreatedAt)
{
    internal static MacPoolResponse Of(MacPool pool) => new(
        pool.Name.Value, pool.Description, pool.First.ToString(), pool.Last.ToString(), pool.Size, pool.First.IsLocallyAdministered,
        (int)pool.Quarantine.TotalSeconds, pool.CreatedAt);
}

/// <summary>An address to be set aside.</summary>
/// <param name="ReservedFor">A guest, `host/guest`, or a vif, `host/guest/devid`, that need not exist yet and will get it; or any other name, which keeps it from everyone.</param>
/// <param name="Mac">The very address; left out, one of the pool.</param>
/// <param name="Pool">The pool to take it from; `default` unless given.</param>
public sealed record ReserveMacRequest(string? ReservedFor = null, string? Mac = null, string? Pool = null);

/// <param name="Holder">The vif that holds it, as `host/guest/devid`; the name that it is reserved for; or the last holder, in quarantine.</param>
/// <param name="AvailableAt">The end of its quarantine.</param>
/// <param name="History">Who held it before, the latest first; only where one address is read.</param>
public sealed record MacAllocationResponse(
    string Mac, AllocationState State, string? Pool, string Holder, DateTimeOffset Since, DateTimeOffset? AvailableAt,
    IReadOnlyList<MacHoldingResponse>? History)
{
    internal static MacAllocationResponse Of(MacAllocation allocation, string? pool, IReadOnlyList<MacHolding>? history) => new(
        allocation.Mac.ToString(), allocation.State, pool, allocation.Holder, allocation.Since, allocation.AvailableAt,
        history is null ? null : [.. history.Select(h => new MacHoldingResponse(h.Holder, h.State, h.From, h.Until))]);
}

public sealed record MacHoldingResponse(string Holder, AllocationState State, DateTimeOffset From, DateTimeOffset? Until);

internal sealed class MacPoolRequestValidator : AbstractValidator<MacPoolRequest>
{
    public MacPoolRequestValidator()
    {
        RuleFor(p => p.Description).MaximumLength(1000).WithErrorCode("description.too-long").WithMessage("A description has at most 1,000 characters.");
        RuleFor(p => p.QuarantineSeconds).InclusiveBetween(0, 31_536_000).WithErrorCode("mac-pool.quarantine").WithMessage("A quarantine is 0 to 31536000 seconds (a year).");
    }
}

internal sealed class CreateMacPoolRequestValidator : AbstractValidator<CreateMacPoolRequest>
{
    private const string MacRule = "Write six pairs of hexadecimal digits, such as 02:16:3e:00:00:00.";

    public CreateMacPoolRequestValidator(IValidator<MacPoolRequest> put)
    {
        RuleFor(p => p.Name).Must(n => ResourceName.TryParse(n, null, out _)).WithErrorCode("mac-pool.name").WithMessage($"Give the pool a name: {ResourceName.Rule}.");
        RuleFor(p => p.First).Must(m => MacAddress.TryParse(m, null, out _)).WithErrorCode("mac.malformed").WithMessage(MacRule);
        RuleFor(p => p.Last).Must(m => MacAddress.TryParse(m, null, out _)).WithErrorCode("mac.malformed").WithMessage(MacRule);
        Include(put);
    }
}

internal sealed class ReserveMacRequestValidator : AbstractValidator<ReserveMacRequest>
{
    public ReserveMacRequestValidator()
    {
        RuleFor(r => r.ReservedFor).Must(n => n is { Length: >= 1 and <= 255 } && !n.Any(char.IsControl)).WithErrorCode("mac.reserved-for")
            .WithMessage("Say what it is reserved for: 1 to 255 characters, such as dom0-a/web2 for a guest.");
        RuleFor(r => r.Mac).Must(m => MacAddress.TryParse(m, null, out var mac) && mac.IsAssignable).When(r => r.Mac is not null).WithErrorCode("mac.malformed")
            .WithMessage("That is no unicast MAC address: write six pairs of hexadecimal digits, the first byte even, not all zeros.");
        RuleFor(r => r.Pool).Null().When(r => r.Mac is not null).WithErrorCode("mac.pool-unused").WithMessage("An address is of the pool whose range it lies in: leave 'pool' or 'mac' out.");
    }
}

internal sealed class MacService(XlnetDbContext db, RequestInfo request, TimeProvider clock, MacAllocator macs)
{
    private static readonly Sorting<MacPool> Orders = new Sorting<MacPool>(p => (string)(object)p.Name, p => p.Name.Value).Or("createdAt", p => p.CreatedAt);

    public async Task<Page<MacPoolResponse>> ListPoolsAsync(PageQuery page, CancellationToken ct) =>
        page.ToPage(await Orders.Page(db.MacPools.AsNoTracking(), page).ToListAsync(ct), MacPoolResponse.Of, p => Orders.CursorOf(p, page));

    public async Task<MacPool> GetPoolAsync(ResourceName name, CancellationToken ct) =>
        await db.MacPools.SingleOrDefaultAsync(p => p.Name == name, ct) ?? throw RuleException.NotFound("mac-pool", name.Value);

    public async Task<MacPool> CreatePoolAsync(CreateMacPoolRequest body, bool validateOnly, CancellationToken ct)
    {
        var pool = MacPool.Create(ResourceName.Parse(body.Name!), MacAddress.Parse(body.First!), MacAddress.Parse(body.Last!), clock.GetUtcNow());
        pool.Description = body.Description;
        if (body.QuarantineSeconds is { } seconds)
            pool.Quarantine = TimeSpan.FromSeconds(seconds);
        await using var transaction = await db.BeginAsync(ct);
        await macs.AddPoolAsync(pool, ct);
        Audit("mac-pool.create", $"mac-pools/{pool.Name}", null, MacPoolDocument.Of(pool));
        await db.SaveChangesAsync(ct);
        if (!validateOnly)
            await transaction.CommitAsync(ct);
        return pool;
    }

    public async Task<MacPool> ChangePoolAsync(HttpContext http, ResourceName name, Func<MacPool, MacPoolRequest> change, bool validateOnly, CancellationToken ct)
    {
        await using var transaction = await db.BeginAsync(ct);
        var pool = await db.MacPools.FromSql($"SELECT *, xmin FROM mac_pools WHERE name = {name.Value} FOR UPDATE").SingleOrDefaultAsync(ct)
            ?? throw RuleException.NotFound("mac-pool", name.Value);
        ApiDefaults.CheckPreconditions(http, pool.Version);
        var (put, before) = (change(pool), MacPoolDocument.Of(pool));
        pool.Description = put.Description;
        pool.Quarantine = TimeSpan.FromSeconds(put.QuarantineSeconds ?? (int)MacPool.DefaultQuarantine.TotalSeconds);
        if (MacPoolDocument.Of(pool) is var after && after != before)
            Audit("mac-pool.update", $"mac-pools/{pool.Name}", before, after);
        await db.SaveChangesAsync(ct);
        if (!validateOnly)
            await transaction.CommitAsync(ct);
        return pool;
    }

    public async Task DeletePoolAsync(HttpContext http, ResourceName name, bool validateOnly, CancellationToken ct)
    {
        if (name.Value == MacPool.DefaultName)
            throw new RuleException(RuleKind.Conflict, "mac-pool.default", "The default pool stays: it is what a host without a pool of its own uses.");
        await using var transaction = await db.BeginAsync(ct);
        var pool = await GetPoolAsync(name, ct);
        ApiDefaults.CheckPreconditions(http, pool.Version);
        Audit("mac-pool.delete", $"mac-pools/{pool.Name}", MacPoolDocument.Of(pool), null);
        await macs.RemovePoolAsync(pool, ct);
        if (!validateOnly)
            await transaction.CommitAsync(ct);
    }

    public async Task<Page<MacAllocationResponse>> ListAsync(PageQuery page, string? pool, string? state, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var down = page.RunsDown("mac");
        var query = db.MacAllocations.AsNoTracking();
        if (page.After is { } text)
        {
            if (!MacAddress.TryParse(text, null, out var after))
                throw RuleException.Invalid("cursor", "page.cursor", "This cursor is of another list.");
            var seen = System.Net.NetworkInformation.PhysicalAddress.Parse(after.ToString());
            query = (down ? db.MacAllocations.FromSql($"SELECT * FROM mac_allocations WHERE mac < {seen}") : db.MacAllocations.FromSql($"SELECT * FROM mac_allocations WHERE mac > {seen}"))
                .AsNoTracking();
        }

        query = query.Where(a => a.State != AllocationState.Quarantined || a.AvailableAt > now);
        if (request.Scope.Names is { } mine)
        {
            var holders = mine.Select(h => h + "/").ToList();
            query = query.Where(a => holders.Any(h => a.Holder.StartsWith(h)));
        }

        if (pool is not null)
        {
            var id = (await GetPoolAsync(RouteNames.Pool(pool), ct)).Id;
            query = query.Where(a => a.PoolId == id);
        }

        if (QueryFilters.Read<AllocationState>("state", state) is { } wanted)
            query = query.Where(a => a.State == wanted);

        var rows = await (down ? query.OrderByDescending(a => a.Mac) : query.OrderBy(a => a.Mac)).Take(page.Size + 1)
            .Select(a => new { Allocation = a, Pool = db.MacPools.Where(p => p.Id == a.PoolId).Select(p => p.Name).FirstOrDefault() })
            .ToListAsync(ct);
        return page.ToPage(rows, r => MacAllocationResponse.Of(r.Allocation, r.Pool?.Value, null), r => r.Allocation.Mac.ToString());
    }

    public async Task<MacAllocationResponse> GetAsync(MacAddress mac, CancellationToken ct)
    {
        var row = await db.MacAllocations.AsNoTracking().Where(a => a.Mac == mac)
            .Select(a => new { Allocation = a, Pool = db.MacPools.Where(p => p.Id == a.PoolId).Select(p => p.Name).FirstOrDefault() })
            .SingleOrDefaultAsync(ct) ?? throw new RuleException(RuleKind.NotFound, "mac.not-found", $"{mac} is free: nobody ever held or reserved it here.");
        CheckScope(row.Allocation);
        var history = await db.MacHoldings.AsNoTracking().Where(h => h.Mac == mac).OrderByDescending(h => h.Id).Take(PageQuery.MaxLimit).ToListAsync(ct);
        // Who had it before may be of other hosts.
        history.RemoveAll(h => !request.Scope.HasHolder(h.Holder));
        return MacAllocationResponse.Of(row.Allocation, row.Pool?.Value, history);
    }

    private void CheckScope(MacAllocation allocation) => request.Scope.CheckHolder(allocation.Holder, $"who has {allocation.Mac}");

    public async Task<MacAllocationResponse> ReserveAsync(ReserveMacRequest body, bool validateOnly, CancellationToken ct)
    {
        request.Scope.CheckHolder(body.ReservedFor!, $"'{body.ReservedFor}'");
        await using var transaction = await db.BeginAsync(ct);
        MacAddress mac;
        if (body.Mac is not null)
            await macs.ReserveAsync(mac = MacAddress.Parse(body.Mac), body.ReservedFor!, ct);
        else
            mac = await macs.ReserveAsync(await GetPoolAsync(RouteNames.Pool(body.Pool ?? MacPool.DefaultName), ct), body.ReservedFor!, ct);
        Audit("mac.reserve", $"mac-allocations/{mac}", null, HoldingDocument.Of(AllocationState.Reserved, body.ReservedFor!), body.ReservedFor);
        await db.SaveChangesAsync(ct);
        var response = await GetAsync(mac, ct);
        if (!validateOnly)
            await transaction.CommitAsync(ct);
        return response;
    }

    /// <summary>Ends a reservation, or a quarantine before its time.</summary>
    public async Task ReleaseAsync(MacAddress mac, bool validateOnly, CancellationToken ct)
    {
        await using var transaction = await db.BeginAsync(ct);
        var allocation = await db.MacAllocations.FromSql($"SELECT * FROM mac_allocations WHERE mac = {System.Net.NetworkInformation.PhysicalAddress.Parse(mac.ToString())} FOR UPDATE")
            .SingleOrDefaultAsync(ct) ?? throw new RuleException(RuleKind.NotFound, "mac.not-found", $"{mac} is free already.");
        CheckScope(allocation);
        if (allocation.State == AllocationState.Held)
            throw MacAllocator.Taken(allocation, request.Scope);
        var before = HoldingDocument.Of(allocation.State, allocation.Holder);
        await macs.ReleaseAsync([mac], ct);
        // Nobody can have learnt a reserved address on the wire: it is free at once.
        await db.MacAllocations.Where(a => a.Mac == mac).ExecuteUpdateAsync(a => a.SetProperty(x => x.AvailableAt, clock.GetUtcNow()), ct);
        Audit("mac.release", $"mac-allocations/{mac}", before, null, allocation.Holder);
        await db.SaveChangesAsync(ct);
        if (!validateOnly)
            await transaction.CommitAsync(ct);
    }

    /// <param name="holder">Whose address it is, by which the entry is one of his host's.</param>
    private void Audit(string action, string target, string? before, string? after, string? holder = null) => db.Add(new AuditEntry
    {
        At = clock.GetUtcNow(),
        Actor = request.Actor,
        RequestId = request.RequestId,
        RemoteAddress = request.RemoteAddress,
        Host = holder?.Split('/') is [var host, _, ..] && ResourceName.TryParse(host, null, out _) ? host : null,
        Action = action,
        Target = target,
        Before = before,
        After = after,
    });
}

internal static class MacEndpoints
{
    public static RouteGroupBuilder MapMacs(this RouteGroupBuilder v1)
    {
        var pools = v1.MapGroup("/mac-pools").WithTags("MAC pools");
        pools.MapGet("/", ListPoolsAsync).WithName("MacPools_List").WithSummary("List the MAC pools by name");
        pools.MapPost("/", CreatePoolAsync).WithName("MacPools_Create").WithSummary("Add a MAC pool").Needs(AccessRole.Admin, allHosts: true);
        pools.MapGet("/{pool}", GetPoolAsync).WithName("MacPools_Get").WithSummary("Read a MAC pool");
        pools.MapPut("/{pool}", PutPoolAsync).WithName("MacPools_Put").WithSummary("Change a MAC pool's description and quarantine").Needs(AccessRole.Admin, allHosts: true);
        pools.MapPatch("/{pool}", PatchPoolAsync).WithName("MacPools_Patch").WithSummary("Change some of a MAC pool (JSON Merge Patch)").Needs(AccessRole.Admin, allHosts: true);
        pools.MapDelete("/{pool}", DeletePoolAsync).WithName("MacPools_Delete").WithSummary("Take a MAC pool away that is not in use").Needs(AccessRole.Admin, allHosts: true);

        var allocations = v1.MapGroup("/mac-allocations").WithTags("MAC allocations");
        allocations.MapGet("/", ListAsync).WithName("MacAllocations_List").WithSummary("List the addresses that are not free");
        allocations.MapPost("/", ReserveAsync).WithName("MacAllocations_Reserve").WithSummary("Set an address aside");
        allocations.MapGet("/{mac}", GetAsync).WithName("MacAllocations_Get").WithSummary("Read who holds an address, and who held it");
        allocations.MapDelete("/{mac}", ReleaseAsync).WithName("MacAllocations_Release").WithSummary("End a reservation, or a quarantine before its time");
        return v1;
    }

    /// <remarks>`default` is the upper half of Xen's range, which libxl itself never draws from.</remarks>
    private static async Task<Ok<Page<MacPoolResponse>>> ListPoolsAsync([AsParameters] PageQuery page, MacService macs, CancellationToken ct) =>
        TypedResults.Ok(await macs.ListPoolsAsync(page, ct));

    /// <remarks>409 when there is one of that name, or one that overlaps it.</remarks>
    private static async Task<Created<MacPoolResponse>> CreatePoolAsync(
        JsonBody<CreateMacPoolRequest> body, HttpContext http, MacService macs, CancellationToken ct, bool validateOnly = false)
    {
        var pool = await macs.CreatePoolAsync(body.Value, validateOnly, ct);
        ApiDefaults.SetETag(http, pool.Version);
        return TypedResults.Created($"/v1/mac-pools/{pool.Name}", MacPoolResponse.Of(pool));
    }

    /// <remarks>Its range never changes; its ETag is what `If-Match` takes.</remarks>
    private static async Task<Ok<MacPoolResponse>> GetPoolAsync(string pool, HttpContext http, MacService macs, CancellationToken ct)
    {
        var found = await macs.GetPoolAsync(RouteNames.Pool(pool), ct);
        ApiDefaults.SetETag(http, found.Version);
        return TypedResults.Ok(MacPoolResponse.Of(found));
    }

    /// <remarks>What is left out goes back to its default. The range stays: make another pool instead.</remarks>
    private static async Task<Ok<MacPoolResponse>> PutPoolAsync(
        string pool, JsonBody<MacPoolRequest> body, HttpContext http, MacService macs, CancellationToken ct, bool validateOnly = false)
    {
        var changed = await macs.ChangePoolAsync(http, RouteNames.Pool(pool), _ => body.Value, validateOnly, ct);
        ApiDefaults.SetETag(http, changed.Version);
        return TypedResults.Ok(MacPoolResponse.Of(changed));
    }

    /// <remarks>The members that are given replace what is there, null takes away, and the rest stays (RFC 7396).</remarks>
    private static async Task<Ok<MacPoolResponse>> PatchPoolAsync(
        string pool, MergePatch<MacPoolRequest> body, HttpContext http, MacService macs, CancellationToken ct, bool validateOnly = false)
    {
        var changed = await macs.ChangePoolAsync(http, RouteNames.Pool(pool),
            p => body.Apply(new MacPoolRequest { Description = p.Description, QuarantineSeconds = (int)p.Quarantine.TotalSeconds }), validateOnly, ct);
        ApiDefaults.SetETag(http, changed.Version);
        return TypedResults.Ok(MacPoolResponse.Of(changed));
    }

    /// <remarks>409 while it is in use; the default pool stays.</remarks>
    private static async Task<NoContent> DeletePoolAsync(string pool, HttpContext http, MacService macs, CancellationToken ct, bool validateOnly = false)
    {
        await macs.DeletePoolAsync(http, RouteNames.Pool(pool), validateOnly, ct);
        return TypedResults.NoContent();
    }

    /// <remarks>Those that vifs hold, that are reserved, and that wait in quarantine, by address (`sort=-mac` for the greatest first).</remarks>
    private static async Task<Ok<Page<MacAllocationResponse>>> ListAsync(
        [AsParameters] PageQuery page, MacService macs, CancellationToken ct, [FromQuery] string? pool = null, [FromQuery] string? state = null) =>
        TypedResults.Ok(await macs.ListAsync(page, pool, state, ct));

    /// <remarks>
    /// For a guest or a vif that need not exist yet, `host/guest` or `host/guest/devid`, which then gets it; or for any other name,
    /// which keeps it from everyone.
    /// </remarks>
    private static async Task<Created<MacAllocationResponse>> ReserveAsync(
        JsonBody<ReserveMacRequest> body, MacService macs, CancellationToken ct, bool validateOnly = false)
    {
        var reserved = await macs.ReserveAsync(body.Value, validateOnly, ct);
        return TypedResults.Created($"/v1/mac-allocations/{reserved.Mac}", reserved);
    }

    /// <remarks>404 when it is free. `history` has the earlier holders, the latest first.</remarks>
    private static async Task<Ok<MacAllocationResponse>> GetAsync(string mac, MacService macs, CancellationToken ct) =>
        TypedResults.Ok(await macs.GetAsync(ParseMac(mac), ct));

    /// <remarks>409 when a vif holds it: change the vif instead.</remarks>
    private static async Task<NoContent> ReleaseAsync(string mac, MacService macs, CancellationToken ct, bool validateOnly = false)
    {
        await macs.ReleaseAsync(ParseMac(mac), validateOnly, ct);
        return TypedResults.NoContent();
    }

    private static MacAddress ParseMac(string text) => MacAddress.TryParse(text, null, out var mac)
        ? mac
        : throw RuleException.Invalid("mac", "mac.malformed", $"'{text}' is no MAC address: write six pairs of hexadecimal digits, such as 00:16:3e:8a:10:02.");
}

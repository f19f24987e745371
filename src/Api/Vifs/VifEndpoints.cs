using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using Xlnet.Api.Common;
using Xlnet.Domain.Common;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Vifs;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Api.Vifs;

internal sealed class VifService(XlnetDbContext db, RequestInfo request, TimeProvider clock, GuestVifs guestVifs)
{
    public async Task<Page<VifResponse>> ListAsync(ResourceName host, GuestName guest, PageQuery page, string? bridge, CancellationToken ct)
    {
        var guestId = await FindGuestAsync(host, guest, ct);
        var down = page.RunsDown("devid");
        var after = page.After is null ? down ? int.MaxValue : -1
            : int.TryParse(page.After, NumberStyles.None, CultureInfo.InvariantCulture, out var devid) ? devid
            : throw RuleException.Invalid("cursor", "page.cursor", "This cursor is of another list.");
        var query = db.Vifs.AsNoTracking().Where(v => v.GuestId == guestId);
        query = down ? query.Where(v => v.Devid < after).OrderByDescending(v => v.Devid) : query.Where(v => v.Devid > after).OrderBy(v => v.Devid);
        if (bridge is not null)
            query = query.Where(VifQueries.On(RouteNames.Bridge(bridge).Value));
        var vifs = await query.Take(page.Size + 1).ToListAsync(ct);
        return page.ToPage(vifs, VifResponse.Of, v => v.Devid.ToString(CultureInfo.InvariantCulture));
    }

    public async Task<Vif> GetAsync(ResourceName host, GuestName guest, int devid, CancellationToken ct)
    {
        if (await VifQueries.FindAsync(db, host, guest, devid, ct) is { } found)
            return found;
        await FindGuestAsync(host, guest, ct);
        throw NotFound(guest, devid);
    }

    public Task<Vif> AttachAsync(ResourceName host, GuestName name, VifRequest put, bool validateOnly, CancellationToken ct) =>
        WriteAsync(host, write => AttachAsync(write, name, put, ct), validateOnly, ct);

    public async Task<Vif> AttachAsync(HostWrite write, GuestName name, VifRequest put, CancellationToken ct)
    {
        var devid = -1;
        var guest = await SetAsync(write, name, "vif.attach", () => devid, guest =>
        {
            if (put.Devid is { } asked && guest.FindVif(asked) is not null)
                throw new RuleException(RuleKind.Conflict, "vif.exists", $"The guest '{name}' has a vif {asked} already: PUT changes it.", new FieldError("/devid", "vif.exists", "taken"));
            devid = put.Devid ?? guest.NextDevid();
            return [.. Present(guest), WantedVif.Of(devid, put)];
        }, ct);
        return guest.FindVif(devid)!;
    }

    public Task<(Vif Vif, bool Created)> PutAsync(
        HttpContext http, ResourceName host, GuestName name, int devid, Func<Vif?, VifRequest> change, bool validateOnly, CancellationToken ct) =>
        WriteAsync(host, write => PutAsync(write, name, devid, vif =>
        {
            ApiDefaults.CheckPreconditions(http, vif?.Version);
            return change(vif);
        }, ct), validateOnly, ct);

    public async Task<(Vif Vif, bool Created)> PutAsync(HostWrite write, GuestName name, int devid, Func<Vif?, VifRequest> change, CancellationToken ct)
    {
        var created = false;
        var guest = await SetAsync(write, name, "vif.update", () => devid, guest =>
        {
            var vif = guest.FindVif(devid);
            created = vif is null;
            var put = change(vif);
            if (put.Devid is { } other && other != devid)
                throw RuleException.Invalid("/devid", "vif.devid.differs", $"The URL says {devid}, and the body {other}.");
            var wanted = WantedVif.Of(devid, put);
            return created ? [.. Present(guest), wanted] : [.. Present(guest).Select(w => w.Devid == devid ? wanted : w)];
        }, ct);
        return (guest.FindVif(devid)!, created);
    }

    public Task DetachAsync(HttpContext http, ResourceName host, GuestName name, int devid, bool validateOnly, CancellationToken ct) =>
        WriteAsync(host, write => DetachAsync(write, name, devid, vif => ApiDefaults.CheckPreconditions(http, vif.Version), ct), validateOnly, ct);

    public Task<Guest> DetachAsync(HostWrite write, GuestName name, int devid, Action<Vif> check, CancellationToken ct) =>
        SetAsync(write, name, "vif.detach", () => devid, guest =>
        {
            check(guest.FindVif(devid) ?? throw NotFound(name, devid));
            return [.. Present(guest).Where(w => w.Devid != devid)];
        }, ct);

    /// <param name="pinned">The settings that are to stand in the file, given the vif as it is.</param>
    public async Task<Vif> PinAsync(
        HttpContext http, ResourceName host, GuestName name, int devid, Func<Vif, VifSettings> pinned, bool validateOnly, CancellationToken ct)
    {
        var guest = await WriteAsync(host, write => SetAsync(write, name, "vif.pin", () => devid, guest =>
        {
            var vif = guest.FindVif(devid) ?? throw NotFound(name, devid);
            ApiDefaults.CheckPreconditions(http, vif.Version);
            var wanted = new WantedVif(devid, pinned(vif), "", InFile: true);
            return [.. Present(guest).Select(w => w.Devid == devid ? wanted : w)];
        }, ct), validateOnly, ct);
        return guest.FindVif(devid)!;
    }

    private async Task<T> WriteAsync<T>(ResourceName host, Func<HostWrite, Task<T>> change, bool validateOnly, CancellationToken ct)
    {
        await using var write = await HostWrite.BeginAsync(db, request, clock, host, ct);
        var changed = await change(write);
        await write.CommitAsync(validateOnly, ct);
        return changed;
    }

    /// <param name="devid">Asked when the change is made.</param>
    private async Task<Guest> SetAsync(
        HostWrite write, GuestName name, string action, Func<int> devid, Func<Guest, IReadOnlyList<WantedVif>> change, CancellationToken ct)
    {
        var guest = await guestVifs.FindAsync(write, name, ct);
        var before = GuestDocument.Of(guest);
        var wanted = change(guest);
        await guestVifs.SetAsync(write, guest, guest.Parse(), wanted, ct);
        write.Record(RevisionObjectKind.Guest, name.Value, action,
            string.Create(CultureInfo.InvariantCulture, $"{name}/vifs/{devid()}"), before, GuestDocument.Of(guest));
        return guest;
    }

    private static IEnumerable<WantedVif> Present(Guest guest) => guest.Vifs.Select(v => new WantedVif(v.Devid, v.WrittenSettings, "", InFile: true));

    public static RuleException NotFound(GuestName guest, int devid) =>
        new(RuleKind.NotFound, "vif.not-found", $"The guest '{guest}' has no vif {devid}.");

    private async Task<long> FindGuestAsync(ResourceName host, GuestName guest, CancellationToken ct)
    {
        var hostId = await HostIds.FindAsync(db, host, ct);
        return await db.Guests.AsNoTracking().Where(g => g.HostId == hostId && g.Name == guest).Select(g => (long?)g.Id).SingleOrDefaultAsync(ct)
            ?? throw RuleException.NotFound("guest", guest.Value);
    }
}

internal static class VifEndpoints
{
    public static RouteGroupBuilder MapVifs(this RouteGroupBuilder v1)
    {
        var vifs = v1.MapGroup("/hosts/{host}/guests/{guest}/vifs").WithTags("Vifs");
        vifs.MapGet("/", ListAsync).WithName("Vifs_List").WithSummary("List a guest's vifs by devid");
        vifs.MapPost("/", AttachAsync).WithName("Vifs_Attach").WithSummary("Give a guest a vif");
        vifs.MapGet("/{devid:int}", GetAsync).WithName("Vifs_Get").WithSummary("Read a vif");
        vifs.MapPut("/{devid:int}", PutAsync).WithName("Vifs_Put").WithSummary("Give a guest a vif, or replace its settings");
        vifs.MapPatch("/{devid:int}", PatchAsync).WithName("Vifs_Patch").WithSummary("Change some of a vif's settings (JSON Merge Patch)");
        vifs.MapDelete("/{devid:int}", DetachAsync).WithName("Vifs_Detach").WithSummary("Take a vif away, and release its address");
        return vifs;
    }

    /// <remarks>By devid (`sort=-devid` for the greatest first), a page at a time: `next` is the cursor of the next one.</remarks>
    private static async Task<Ok<Page<VifResponse>>> ListAsync(
        string host, string guest, [AsParameters] PageQuery page, VifService vifs, CancellationToken ct, [FromQuery] string? bridge = null) =>
        TypedResults.Ok(await vifs.ListAsync(RouteNames.Host(host), RouteNames.Guest(guest), page, bridge, ct));

    /// <remarks>What is stored of it. What each setting means, and where its value comes from, says `GET …/explanation`.</remarks>
    private static async Task<Ok<VifResponse>> GetAsync(string host, string guest, int devid, HttpContext http, VifService vifs, CancellationToken ct)
    {
        var vif = await vifs.GetAsync(RouteNames.Host(host), RouteNames.Guest(guest), devid, ct);
        ApiDefaults.SetETag(http, vif.Version);
        return TypedResults.Ok(VifResponse.Of(vif));
    }

    /// <remarks>
    /// Without `mac` it gets an address of the host's pool, without `devid` the lowest free number. A running guest gets it plugged
    /// in by the next apply.
    /// </remarks>
    private static async Task<Created<VifResponse>> AttachAsync(
        string host, string guest, JsonBody<VifRequest> body, HttpContext http, VifService vifs, CancellationToken ct, bool validateOnly = false)
    {
        var vif = await vifs.AttachAsync(RouteNames.Host(host), RouteNames.Guest(guest), body.Value, validateOnly, ct);
        ApiDefaults.SetETag(http, vif.Version);
        return TypedResults.Created($"/v1/hosts/{host}/guests/{guest}/vifs/{vif.Devid}", VifResponse.Of(vif));
    }

    /// <remarks>
    /// 201 when it is new, else 200. What is left out is not written, and its default applies. It is staged: the host gets it with
    /// the next apply.
    /// </remarks>
    private static async Task<Results<Ok<VifResponse>, Created<VifResponse>>> PutAsync(
        string host, string guest, int devid, JsonBody<VifRequest> body, HttpContext http, VifService vifs, CancellationToken ct, bool validateOnly = false)
    {
        var (vif, created) = await vifs.PutAsync(http, RouteNames.Host(host), RouteNames.Guest(guest), CheckDevid(devid), _ => body.Value, validateOnly, ct);
        ApiDefaults.SetETag(http, vif.Version);
        return created
            ? TypedResults.Created($"/v1/hosts/{host}/guests/{guest}/vifs/{devid}", VifResponse.Of(vif))
            : TypedResults.Ok(VifResponse.Of(vif));
    }

    /// <remarks>
    /// The members that are given replace what is there, null takes away, and the rest stays (RFC 7396). It is staged: the host gets
    /// it with the next apply.
    /// </remarks>
    private static async Task<Ok<VifResponse>> PatchAsync(
        string host, string guest, int devid, MergePatch<VifRequest> body, HttpContext http, VifService vifs, CancellationToken ct, bool validateOnly = false)
    {
        var name = RouteNames.Guest(guest);
        var (vif, _) = await vifs.PutAsync(http, RouteNames.Host(host), name, devid,
            current => body.Apply(VifRequest.Of(current ?? throw VifService.NotFound(name, devid))), validateOnly, ct);
        ApiDefaults.SetETag(http, vif.Version);
        return TypedResults.Ok(VifResponse.Of(vif));
    }

    /// <remarks>A running guest loses it with the next apply. Its address waits in quarantine.</remarks>
    private static async Task<NoContent> DetachAsync(
        string host, string guest, int devid, HttpContext http, VifService vifs, CancellationToken ct, bool validateOnly = false)
    {
        await vifs.DetachAsync(http, RouteNames.Host(host), RouteNames.Guest(guest), devid, validateOnly, ct);
        return TypedResults.NoContent();
    }

    private static int CheckDevid(int devid) => devid is >= 0 and <= 65535
        ? devid
        : throw RuleException.Invalid("devid", "vif.devid", $"{devid} is no devid: 0 to 65535.");
}

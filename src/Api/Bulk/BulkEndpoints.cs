using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Xlnet.Api.Common;
using Xlnet.Api.Guests;
using Xlnet.Api.Vifs;
using Xlnet.Domain.Common;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Vifs;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Api.Bulk;

/// <summary>Many changes as one: one transaction, one revision.</summary>
internal sealed class BulkService(XlnetDbContext db, RequestInfo request, TimeProvider clock, GuestService guests, VifService vifs)
{
    public async Task<(BulkResponse Response, uint Version)> ChangeAsync(
        HttpContext http, ResourceName host, BulkRequest body, AcceptedFindings accepted, bool validateOnly, CancellationToken ct)
    {
        await using var write = await HostWrite.BeginAsync(db, request, clock, host, ct);
        ApiDefaults.CheckPreconditions(http, write.Host.Version);
        List<Changed> done = [];
        foreach (var (at, change) in body.Changes!.Index())
        {
            done.Add(await RequestParts.InAsync($"/changes/{at}", () => ChangeAsync(write, change, accepted, ct)));
            // The next one sees it.
            await db.SaveChangesAsync(ct);
        }

        await write.CommitAsync(validateOnly, ct);
        return (new BulkResponse(host.Value, write.Host.Revision, [.. done.Select(d => ResultOf(host, d))]), write.Host.Version);
    }

    private async Task<Changed> ChangeAsync(HostWrite write, BulkChange change, AcceptedFindings accepted, CancellationToken ct)
    {
        var name = GuestName.Parse(change.Guest!);
        if (!change.IsOfVif)
        {
            if (change.Action == BulkAction.Delete)
            {
                await guests.DeleteAsync(write, name, guest => RequestParts.CheckIfMatch(change.IfMatch, guest.Version), ct);
                return new Changed(change, null, null, null, false);
            }

            var (guest, created) = await RequestParts.InAsync("/settings", () => guests.PutAsync(write, name, change.Settings!, accepted, version =>
            {
                GuestService.CheckNew(write.Host.Name, name, version, change.Action == BulkAction.Create);
                RequestParts.CheckIfMatch(change.IfMatch, version);
            }, ct));
            return new Changed(change, guest, null, null, created);
        }

        if (change.Action == BulkAction.Delete)
        {
            await vifs.DetachAsync(write, name, change.Devid!.Value, vif => RequestParts.CheckIfMatch(change.IfMatch, vif.Version), ct);
            return new Changed(change, null, null, change.Devid, false);
        }

        if (change.Action == BulkAction.Create)
        {
            var attached = await RequestParts.InAsync("/vif", () => vifs.AttachAsync(write, name, change.Vif! with { Devid = change.Devid ?? change.Vif.Devid }, ct));
            return new Changed(change, null, attached, attached.Devid, true);
        }

        var (put, isNew) = await RequestParts.InAsync("/vif", () => vifs.PutAsync(write, name, change.Devid!.Value, vif =>
        {
            RequestParts.CheckIfMatch(change.IfMatch, vif?.Version);
            return change.Vif!;
        }, ct));
        return new Changed(change, null, put, put.Devid, isNew);
    }

    private static BulkResult ResultOf(ResourceName host, Changed done) => new(
        done.Change.Action!.Value, done.Change.Guest!, done.Devid, done.Created,
        (done.Guest?.Version ?? done.Vif?.Version) is { } version ? ApiDefaults.ETag(version) : null,
        done.Guest is { } guest ? GuestResponse.Of(host, guest) : null, done.Vif is { } vif ? VifResponse.Of(vif) : null);

    private sealed record Changed(BulkChange Change, Guest? Guest, Vif? Vif, int? Devid, bool Created);
}

internal static class BulkEndpoints
{
    public static RouteGroupBuilder MapBulk(this RouteGroupBuilder v1)
    {
        v1.MapPost("/hosts/{host}/bulk", ChangeAsync).WithTags("Guests").WithName("Bulk_Change").WithSummary("Create, change and delete many guests and vifs, all or none")
            .WithDescription("The changes are done in their order, each on what the ones before it have left, and are one revision. An If-Match is about the host, `ifMatch` about what a change is of.")
            .WithMetadata(new RequestSizeLimitAttribute(8 << 20)).ProducesProblem(StatusCodes.Status412PreconditionFailed);
        return v1;
    }

    private static async Task<Ok<BulkResponse>> ChangeAsync(
        string host, JsonBody<BulkRequest> body, HttpContext http, BulkService bulk, CancellationToken ct, [FromQuery] string? acceptFindings = null, bool validateOnly = false)
    {
        var (response, version) = await bulk.ChangeAsync(http, RouteNames.Host(host), body.Value, AcceptedFindings.Parse(acceptFindings), validateOnly, ct);
        ApiDefaults.SetETag(http, version);
        return TypedResults.Ok(response);
    }
}

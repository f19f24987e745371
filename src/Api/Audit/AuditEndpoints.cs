using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using Xlnet.Api.Access;
using Xlnet.Api.Common;
using Xlnet.Domain.Access;
using Xlnet.Domain.Common;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Api.Audit;

/// <summary>One change of one object.</summary>
/// <param name="At">When.</param>
/// <param name="Actor">The name of the key, or the subject of the token; null where nobody was asked who he is.</param>
/// <param name="RequestId">The request's X-Request-ID; null for what no request did.</param>
/// <param name="RemoteAddress">Where the request came from.</param>
/// <param name="Action">What was done, such as `vif.attach`.</param>
/// <param name="Target">The object, such as `dom0-a/web1/vifs/1` or `mac-pools/lab`.</param>
/// <param name="Before">The object as it was; null where it was not there, or the action says all.</param>
/// <param name="After">The object as it became; null where it is gone, or the action says all.</param>
public sealed record AuditEntryResponse(
    DateTimeOffset At, string? Actor, string? RequestId, string? RemoteAddress, string Action, string Target, JsonElement? Before, JsonElement? After)
{
    internal static AuditEntryResponse Of(AuditEntry entry) => new(
        entry.At, entry.Actor, entry.RequestId, entry.RemoteAddress?.ToString(), entry.Action, entry.Target, Json(entry.Before), Json(entry.After));

    private static JsonElement? Json(string? text) => text is null ? null : JsonSerializer.Deserialize(text, ApiJson.Default.JsonElement);
}

internal static class AuditEndpoints
{
    public static RouteGroupBuilder MapAudit(this RouteGroupBuilder v1)
    {
        v1.MapGet("/audit", ListAsync).WithTags("Audit").WithName("Audit_List").WithSummary("Who changed what, the latest first").Needs(AccessRole.Admin);
        return v1;
    }

    /// <remarks>Every write that was done, with what was before and after, by whom, from where and under which request id. A write that was refused is none. The latest come first (`sort=at` for the earliest).</remarks>
    private static async Task<Ok<Page<AuditEntryResponse>>> ListAsync(
        [AsParameters] PageQuery page, XlnetDbContext db, RequestInfo request, CancellationToken ct,
        [FromQuery] string? host = null, [FromQuery] string? actor = null, [FromQuery] string? action = null, [FromQuery] string? requestId = null,
        [FromQuery] string? since = null, [FromQuery] string? until = null)
    {
        var query = db.AuditLog.AsNoTracking();
        if (request.Scope.Names is { } mine)
            query = query.Where(a => mine.Contains(a.Host!));
        if (host is not null)
        {
            // It may be gone, and what was done to it is still here.
            var name = RouteNames.Host(host).Value;
            query = query.Where(a => a.Host == name);
        }

        if (actor is not null)
            query = query.Where(a => a.Actor == QueryFilters.Storable(actor));
        if (action is not null)
            query = query.Where(a => a.Action == QueryFilters.Storable(action));
        if (requestId is not null)
            query = query.Where(a => a.RequestId == QueryFilters.Storable(requestId));
        if (since is not null)
        {
            var from = ParseTime(since, "since");
            query = query.Where(a => a.At >= from);
        }

        if (until is not null)
        {
            var to = ParseTime(until, "until");
            query = query.Where(a => a.At < to);
        }

        var down = page.RunsDown("at", usually: true);
        if (page.After is { } text)
        {
            var (at, id) = ParseCursor(text);
            query = down
                ? query.Where(a => EF.Functions.LessThan(ValueTuple.Create(a.At, a.Id), ValueTuple.Create(at, id)))
                : query.Where(a => EF.Functions.GreaterThan(ValueTuple.Create(a.At, a.Id), ValueTuple.Create(at, id)));
        }

        query = down ? query.OrderByDescending(a => a.At).ThenByDescending(a => a.Id) : query.OrderBy(a => a.At).ThenBy(a => a.Id);
        var rows = await query.Take(page.Size + 1).ToListAsync(ct);
        return TypedResults.Ok(page.ToPage(rows, AuditEntryResponse.Of, a => string.Create(CultureInfo.InvariantCulture, $"{a.At.UtcTicks}/{a.Id}")));
    }

    private static (DateTimeOffset At, long Id) ParseCursor(string text)
    {
        var parts = text.Split('/');
        return parts.Length == 2
            && long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var ticks) && ticks <= DateTimeOffset.MaxValue.UtcTicks
            && long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                ? (new DateTimeOffset(ticks, TimeSpan.Zero), id)
                : throw RuleException.Invalid("cursor", "page.cursor", "This cursor is of another list.");
    }

    private static DateTimeOffset ParseTime(string text, string parameter) => UtcTimeConverter.TryParse(text, out var time)
        ? time
        : throw RuleException.Invalid(parameter, "query.time", $"{parameter}={text} is no time of RFC 3339: write one such as 2027-01-31T12:00:00Z. A '+' in a URL is written %2B.");
}

using System.Globalization;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Xlnet.Api.Common;
using Xlnet.Api.Drifts;
using Xlnet.Domain.Common;
using Xlnet.Domain.Operations;

namespace Xlnet.Api.Operations;

internal static class OperationEndpoints
{
    private static readonly TimeSpan MaxWait = TimeSpan.FromMinutes(5);

    private static readonly string EventsDescription =
        """
        Server-sent events; the data of each is the JSON of this schema. `operation` comes first and has all of it. Then, as they happen:
        `step` when a step begins and when it has ended, then with its commands and what they printed; `status` when the operation runs,
        when it turns back, when it awaits its confirmation, and when it has ended, which closes the stream. The events are read from the
        journal, so none is lost: a client that sends the id of the last event it has seen goes on after it, without `operation`. When
        there is no more to come, the answer is 204, at which an EventSource does not connect again.
        """.ReplaceLineEndings(" ");

    private static readonly TimeSpan MinConfirm = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan MaxConfirm = TimeSpan.FromHours(1);

    public static RouteGroupBuilder MapOperations(this RouteGroupBuilder v1)
    {
        var operations = v1.MapGroup("/operations").WithTags("Operations");
        operations.MapGet("/", ListAsync).WithName("Operations_List").WithSummary("List the operations, the latest first");
        operations.MapGet("/{id:guid}", GetAsync).WithName("Operations_Get").WithSummary("Read an operation with its journal");
        operations.MapGet("/{id:guid}/events", EventsAsync).WithName("Operations_Events").WithSummary("An operation's progress, as it happens")
            .WithDescription(EventsDescription)
            .Produces<OperationEventResponse>(StatusCodes.Status200OK, EventStream.ContentType).Produces(StatusCodes.Status204NoContent);

        operations.MapPost("/{id:guid}/confirm", ConfirmAsync).WithName("Operations_Confirm").WithSummary("Confirm what an operation has done, so that it stays");
        operations.MapPost("/{id:guid}/cancel", CancelAsync).WithName("Operations_Cancel").WithSummary("Cancel an operation, and roll back what it has done");

        MapAction(v1, "/hosts/{host}/apply", ApplyAsync, "Hosts_Apply", "Put a host's desired state into force");
        MapAction(v1, "/hosts/{host}/drift/enforce", EnforceAsync, "Drift_Enforce", "Put an end to differences on the host");
        MapAction(v1, "/hosts/{host}/guests/{guest}/start", StartAsync, "Guests_Start", "Start a guest, its own pending changes first");
        MapAction(v1, "/hosts/{host}/guests/{guest}/stop", StopAsync, "Guests_Stop", "Stop a guest");
        MapAction(v1, "/hosts/{host}/guests/{guest}/recreate", RecreateAsync, "Guests_Recreate", "Stop a guest and create it from its file");
        return v1;
    }

    private static RouteHandlerBuilder MapAction(RouteGroupBuilder v1, string path, Delegate handler, string name, string summary) =>
        v1.MapPost(path, handler).WithTags("Operations").WithName(name).WithSummary(summary);

    /// <remarks>The latest first (`sort=requestedAt` for the earliest), a page at a time: `next` is the cursor of the next one.</remarks>
    private static async Task<Ok<Page<OperationResponse>>> ListAsync(
        [AsParameters] PageQuery page, OperationService operations, CancellationToken ct, [FromQuery] string? host = null, [FromQuery] string? status = null,
        [FromQuery] string? kind = null, [FromQuery] string? guest = null) =>
        TypedResults.Ok(await operations.ListAsync(page, host, status, kind, guest, ct));

    /// <remarks>With `wait` the answer comes when it has ended, when it awaits its confirmation, or when that time is over.</remarks>
    private static async Task<Ok<OperationResponse>> GetAsync(Guid id, OperationService operations, CancellationToken ct, [FromQuery] string? wait = null) =>
        TypedResults.Ok(ParseWait(wait) is { } time ? await operations.WaitAsync(id, time, ct) : await operations.GetAsync(id, ct));

    private static async Task<IResult> EventsAsync(
        Guid id, OperationService operations, CancellationToken ct, [FromHeader(Name = "Last-Event-ID")] string? lastEventId = null) =>
        await operations.EventsAsync(id, lastEventId, ct) is { } events ? new EventStream(events) : TypedResults.NoContent();

    /// <remarks>Only one that `awaiting-confirmation`. The answer comes when it has ended. Confirmed twice is confirmed.</remarks>
    private static async Task<Ok<OperationResponse>> ConfirmAsync(Guid id, OperationService operations, CancellationToken ct) =>
        TypedResults.Ok(await operations.ConfirmAsync(id, ct));

    /// <remarks>
    /// One that is queued is cancelled at once; one that runs, or awaits its confirmation, turns back before its next step. One that
    /// has ended is a 409.
    /// </remarks>
    private static async Task<Ok<OperationResponse>> CancelAsync(Guid id, OperationService operations, CancellationToken ct) =>
        TypedResults.Ok(await operations.CancelAsync(id, ct));

    /// <remarks>
    /// Observes the host, plans, does the steps that `allow` covers, and observes again: only what is then in force has succeeded;
    /// what failed is rolled back. 202 while it is under way, 200 when `wait` saw its end: `status` says how it ended. Applies of
    /// one host run one after the other.
    /// </remarks>
    private static async Task<Results<Ok<OperationResponse>, Accepted<OperationResponse>>> ApplyAsync(
        string host, OptionalJsonBody<ApplyRequest> body,
        HttpContext http, OperationService operations, CancellationToken ct, [FromQuery] string? wait = null, [FromQuery] string? confirmWithin = null)
    {
        var time = ReadWait(http, wait);
        var confirm = ParseConfirmWithin(confirmWithin);
        return await AnswerAsync(http, operations, await operations.ApplyAsync(RouteNames.Host(host), body.Value, confirm, ct), time, ct);
    }

    /// <remarks>An apply of the named targets alone, as drift names them, and of the bridges that their vifs lack.</remarks>
    private static async Task<Results<Ok<OperationResponse>, Accepted<OperationResponse>>> EnforceAsync(
        string host, JsonBody<DriftEnforceRequest> body,
        HttpContext http, OperationService operations, CancellationToken ct, [FromQuery] string? wait = null)
    {
        var time = ReadWait(http, wait);
        return await AnswerAsync(http, operations, await operations.EnforceAsync(RouteNames.Host(host), body.Value, ct), time, ct);
    }

    /// <remarks>An operation as an apply is, for this guest alone. One that runs already succeeds with nothing to do.</remarks>
    private static Task<Results<Ok<OperationResponse>, Accepted<OperationResponse>>> StartAsync(
        string host, string guest, OptionalJsonBody<GuestActionRequest> body,
        HttpContext http, OperationService operations, CancellationToken ct, [FromQuery] string? wait = null) =>
        ActAsync(OperationKind.Start, host, guest, body, http, operations, wait, ct);

    /// <remarks>Asks the guest to shut down, and waits `shutdownSeconds`; `force` ends it at once. An operation, as an apply is.</remarks>
    private static Task<Results<Ok<OperationResponse>, Accepted<OperationResponse>>> StopAsync(
        string host, string guest, OptionalJsonBody<GuestActionRequest> body,
        HttpContext http, OperationService operations, CancellationToken ct, [FromQuery] string? wait = null) =>
        ActAsync(OperationKind.Stop, host, guest, body, http, operations, wait, ct);

    /// <remarks>
    /// For what no hotplug can change. An operation, as an apply is; the guest gets a new domid, and its vifs new names on Dom0.
    /// </remarks>
    private static Task<Results<Ok<OperationResponse>, Accepted<OperationResponse>>> RecreateAsync(
        string host, string guest, OptionalJsonBody<GuestActionRequest> body,
        HttpContext http, OperationService operations, CancellationToken ct, [FromQuery] string? wait = null) =>
        ActAsync(OperationKind.Recreate, host, guest, body, http, operations, wait, ct);

    private static async Task<Results<Ok<OperationResponse>, Accepted<OperationResponse>>> ActAsync(
        OperationKind kind, string host, string guest, OptionalJsonBody<GuestActionRequest> body, HttpContext http, OperationService operations, string? wait, CancellationToken ct)
    {
        var time = ReadWait(http, wait);
        return await AnswerAsync(http, operations, await operations.ActAsync(RouteNames.Host(host), RouteNames.Guest(guest), kind, body.Value, ct), time, ct);
    }

    /// <summary>202 while it is under way; 200 when the caller has waited for its end.</summary>
    private static async Task<Results<Ok<OperationResponse>, Accepted<OperationResponse>>> AnswerAsync(
        HttpContext http, OperationService operations, Operation operation, TimeSpan? wait, CancellationToken ct)
    {
        var response = wait is { } time ? await operations.WaitAsync(operation.Id, time, ct) : await operations.GetAsync(operation.Id, ct);
        var location = $"/v1/operations/{operation.Id}";
        if (response.FinishedAt is null)
            return TypedResults.Accepted(location, response);
        http.Response.Headers.Location = location;
        return TypedResults.Ok(response);
    }

    /// <summary>What the URL says, or what the caller prefers (RFC 7240): a preference that is not understood is none.</summary>
    private static TimeSpan? ReadWait(HttpContext http, string? wait)
    {
        if (wait is not null)
            return ParseWait(wait);
        string[] preferred = [.. http.Request.Headers["Prefer"].SelectMany(p => (p ?? "").Split(',', StringSplitOptions.TrimEntries))];
        var time = preferred.Where(p => p.StartsWith("wait=", StringComparison.OrdinalIgnoreCase)).Select(p => ParseTime(p[5..])).FirstOrDefault(t => t <= MaxWait);
        if (time is not null)
            http.Response.Headers.Append("Preference-Applied", string.Create(CultureInfo.InvariantCulture, $"wait={time.Value.TotalSeconds:0}"));
        else if (preferred.Contains("respond-async", StringComparer.OrdinalIgnoreCase))
            http.Response.Headers.Append("Preference-Applied", "respond-async");
        return time;
    }

    private static TimeSpan? ParseWait(string? text)
    {
        if (text is null)
            return null;
        return ParseTime(text) is { } wait && wait <= MaxWait
            ? wait
            : throw RuleException.Invalid("wait", "query.wait", $"wait={text} is no time to wait: a number with ms, s or m, at most {MaxWait.TotalMinutes} minutes, such as 30s.");
    }

    private static TimeSpan? ParseConfirmWithin(string? text)
    {
        if (text is null)
            return null;
        return ParseTime(text) is { } within && within >= MinConfirm && within <= MaxConfirm
            ? within
            : throw RuleException.Invalid("confirmWithin", "query.confirm-within", $"confirmWithin={text} is no time to confirm within: a number with s, m or h, 1 second to 1 hour, such as 120s.");
    }

    /// <summary>A number with <c>ms</c>, <c>s</c>, <c>m</c> or <c>h</c>; a bare one means seconds.</summary>
    private static TimeSpan? ParseTime(string text)
    {
        var (digits, unit) = text switch
        {
            _ when text.EndsWith("ms", StringComparison.Ordinal) => (text[..^2], 1),
            _ when text.EndsWith('s') => (text[..^1], 1000),
            _ when text.EndsWith('m') => (text[..^1], 60_000),
            _ when text.EndsWith('h') => (text[..^1], 3_600_000),
            _ => (text, 1000),
        };
        return int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? TimeSpan.FromMilliseconds((double)number * unit) : null;
    }
}

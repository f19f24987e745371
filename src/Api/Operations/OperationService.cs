using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Quartz;
using Xlnet.Api.Common;
using Xlnet.Api.Drifts;
using Xlnet.Domain.Common;
using Xlnet.Domain.Operations;
using Xlnet.Domain.Planning;
using Xlnet.Infrastructure.Data;
using Xlnet.Infrastructure.Operations;

namespace Xlnet.Api.Operations;

internal sealed class OperationService(
    XlnetDbContext db, RequestInfo request, TimeProvider clock, ISchedulerFactory schedulers, OperationNotifications notifications, Handover handover,
    IdempotencyScope idempotency)
{
    private static readonly TimeSpan ConfirmWait = TimeSpan.FromSeconds(30);

    public async Task<OperationResponse> GetAsync(Guid id, CancellationToken ct)
    {
        var operation = await db.Operations.AsNoTracking().Include(o => o.Steps).SingleOrDefaultAsync(o => o.Id == id, ct)
            ?? throw RuleException.NotFound("operation", id.ToString());
        var host = await db.Hosts.AsNoTracking().Where(h => h.Id == operation.HostId).Select(h => h.Name).SingleAsync(ct);
        request.Scope.Check(host.Value);
        return OperationResponse.Of(operation, host.Value);
    }

    /// <summary>What an operation's id does not tell is whose host it is of.</summary>
    private async Task CheckScopeAsync(Guid id, CancellationToken ct)
    {
        if (!request.Scope.IsAll && await db.Hosts.Where(h => db.Operations.Any(o => o.Id == id && o.HostId == h.Id)).Select(h => h.Name).SingleOrDefaultAsync(ct) is { } host)
            request.Scope.Check(host.Value);
    }

    /// <summary>The operations, the latest first.</summary>
    public async Task<Page<OperationResponse>> ListAsync(PageQuery page, string? host, string? status, string? kind, string? guest, CancellationToken ct)
    {
        var down = page.RunsDown("requestedAt", usually: true);
        var query = db.Operations.AsNoTracking();
        if (page.After is { } text)
        {
            if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var seen))
                throw RuleException.Invalid("cursor", "page.cursor", "This cursor is of another list.");
            query = down ? query.Where(o => o.Sequence < seen) : query.Where(o => o.Sequence > seen);
        }

        if (request.Scope.Names is { } mine)
            query = query.Where(o => db.Hosts.Any(h => h.Id == o.HostId && mine.Contains((string)(object)h.Name)));
        if (host is not null)
        {
            var hostId = await HostIds.FindAsync(db, RouteNames.Host(host), ct);
            query = query.Where(o => o.HostId == hostId);
        }

        if (QueryFilters.Read<OperationStatus>("status", status) is { } wanted)
            query = query.Where(o => o.Status == wanted);
        if (QueryFilters.Read<OperationKind>("kind", kind) is { } asked)
            query = query.Where(o => o.Kind == asked);
        if (guest is not null && RouteNames.Guest(guest).Value is var name)
            query = query.Where(o => o.Guest == name);

        query = down ? query.OrderByDescending(o => o.Sequence) : query.OrderBy(o => o.Sequence);
        var rows = await query.Take(page.Size + 1).Include(o => o.Steps).AsSplitQuery().ToListAsync(ct);
        var hostIds = rows.Select(o => o.HostId).Distinct().ToList();
        var names = await db.Hosts.AsNoTracking().Where(h => hostIds.Contains(h.Id)).ToDictionaryAsync(h => h.Id, h => h.Name.Value, ct);
        // A host that has gone since then took its operations along.
        rows.RemoveAll(o => !names.ContainsKey(o.HostId));
        return page.ToPage(rows, o => OperationResponse.Of(o, names[o.HostId]), o => o.Sequence.ToString(CultureInfo.InvariantCulture));
    }

    /// <param name="confirmWithin">How long the caller wants to decide whether what was done stays.</param>
    public Task<Operation> ApplyAsync(ResourceName host, ApplyRequest? body, TimeSpan? confirmWithin, CancellationToken ct) =>
        EnqueueAsync(host, OperationKind.Apply, null, new GuestActionRequest(body?.Allow), confirmWithin, ct);

    /// <summary>An apply of the targets alone.</summary>
    public Task<Operation> EnforceAsync(ResourceName host, DriftEnforceRequest body, CancellationToken ct) =>
        EnqueueAsync(host, OperationKind.Enforce, null, new GuestActionRequest(body.Allow), null, ct, [.. body.Targets!.Distinct()]);

    /// <summary>Puts Dom0's own network into force, and nothing else.</summary>
    public Task<Operation> SwitchNetworkingAsync(ResourceName host, IReadOnlyList<string> vifs, CancellationToken ct) =>
        EnqueueAsync(host, OperationKind.Enforce, null, new GuestActionRequest([Impact.VifBlip, Impact.ManagementPath]), null, ct, [SwitchNetworkingStep.TargetName, .. vifs]);

    public Task<Operation> ActAsync(ResourceName host, GuestName guest, OperationKind kind, GuestActionRequest? body, CancellationToken ct) =>
        EnqueueAsync(host, kind, guest, body ?? new GuestActionRequest(), null, ct);

    /// <summary>Takes effect before the next step; what has been done by then is rolled back.</summary>
    public async Task<OperationResponse> CancelAsync(Guid id, CancellationToken ct)
    {
        await CheckScopeAsync(id, ct);
        var now = clock.GetUtcNow();
        await using var transaction = await db.BeginAsync(ct);
        var cancelled = await db.Operations.Where(o => o.Id == id && o.Status == OperationStatus.Queued)
            .ExecuteUpdateAsync(o => o.SetProperty(x => x.Status, OperationStatus.Cancelled).SetProperty(x => x.FinishedAt, now), ct);
        if (cancelled == 0)
        {
            var asked = await db.Operations.Where(o => o.Id == id && o.FinishedAt == null && !o.Confirmed)
                .ExecuteUpdateAsync(o => o.SetProperty(x => x.CancelRequested, true), ct);
            if (asked == 0 && await db.Operations.AnyAsync(o => o.Id == id, ct))
                throw new RuleException(RuleKind.Conflict, "operation.finished", "The operation has ended already, and nothing of it can be cancelled.");
        }

        await AuditAsync(id, "operation.cancel", ct);
        await transaction.CommitAsync(ct);
        await idempotency.AcceptAsync(id, ct);
        if (cancelled == 0)
            await ScheduleAsync(id, "cancel", ct);
        await OperationNotifications.SendAsync(db, id, ct);
        return await GetAsync(id, ct);
    }

    /// <summary>What the operation has done stays. It ends as soon as the host has been told so; this waits for that, for a while.</summary>
    public async Task<OperationResponse> ConfirmAsync(Guid id, CancellationToken ct)
    {
        await CheckScopeAsync(id, ct);
        var now = clock.GetUtcNow();
        await using (var transaction = await db.BeginAsync(ct))
        {
            if (!await TryConfirmAsync(id, now, ct))
                return await WhyNotConfirmedAsync(id, ct);
            await AuditAsync(id, "operation.confirm", ct);
            await transaction.CommitAsync(ct);
        }

        await idempotency.AcceptAsync(id, ct);
        await ScheduleAsync(id, "confirm", ct);
        return await WaitAsync(id, ConfirmWait, ct);
    }

    private async Task<bool> TryConfirmAsync(Guid id, DateTimeOffset now, CancellationToken ct) =>
        await db.Operations
            .Where(o => o.Id == id && o.Status == OperationStatus.AwaitingConfirmation && !o.CancelRequested && o.ConfirmBy > now)
            .ExecuteUpdateAsync(o => o.SetProperty(x => x.Confirmed, true), ct) > 0;

    private async Task<OperationResponse> WhyNotConfirmedAsync(Guid id, CancellationToken ct)
    {
        var operation = await db.Operations.AsNoTracking().SingleOrDefaultAsync(o => o.Id == id, ct) ?? throw RuleException.NotFound("operation", id.ToString());
        // Confirmed twice is confirmed; and so is what had nothing to do.
        if (operation is { ConfirmSeconds: not null, Status: OperationStatus.Succeeded } or { Confirmed: true, FinishedAt: null })
            return await GetAsync(id, ct);
        throw new RuleException(RuleKind.Conflict, "operation.not-awaiting-confirmation", $"The operation is {Kebab.Name(operation.Status)}, and nothing of it waits to be confirmed.");
    }

    private async Task AuditAsync(Guid id, string action, CancellationToken ct)
    {
        if (await db.Hosts.Where(h => db.Operations.Any(o => o.Id == id && o.HostId == h.Id)).Select(h => h.Name).SingleOrDefaultAsync(ct) is not { } host)
            return;
        Audit(clock.GetUtcNow(), host, action, $"{host}/operations/{id}");
        await db.SaveChangesAsync(ct);
    }

    private void Audit(DateTimeOffset at, ResourceName host, string action, string target) => db.Add(new AuditEntry
    {
        At = at,
        Actor = request.Actor,
        RequestId = request.RequestId,
        RemoteAddress = request.RemoteAddress,
        Host = host.Value,
        Action = action,
        Target = target,
    });

    /// <summary>Whether it waits for nothing but its caller's word.</summary>
    private Task<bool> IsForCallerAsync(Guid id, CancellationToken ct) =>
        db.Operations.AnyAsync(o => o.Id == id && o.Status == OperationStatus.AwaitingConfirmation && !o.Confirmed && !o.CancelRequested, ct);

    private async Task ScheduleAsync(Guid id, string why, CancellationToken ct)
    {
        var hostId = await db.Operations.Where(o => o.Id == id).Select(o => o.HostId).SingleOrDefaultAsync(ct);
        if (hostId > 0)
            await HostOperationsJob.ScheduleAsync(await schedulers.GetScheduler(CancellationToken.None), hostId, $"{id}-{why}", CancellationToken.None);
    }

    /// <summary>Waits until an operation has ended or waits for its caller's word, or the time is over.</summary>
    public async Task<OperationResponse> WaitAsync(Guid id, TimeSpan wait, CancellationToken ct)
    {
        var end = clock.GetUtcNow() + wait;
        var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        // A service that stops waits for nothing that another replica does; its callers ask that one.
        await using var registration = handover.Over.Register(() => over.TrySetResult());
        while (true)
        {
            var moved = notifications.MovedAsync(id, ct);
            var isForCaller = await IsForCallerAsync(id, ct);
            var operation = await GetAsync(id, ct);
            var left = end - clock.GetUtcNow();
            if (operation.FinishedAt is not null)
                notifications.Forget(id);
            if (operation.FinishedAt is not null || left <= TimeSpan.Zero || isForCaller || over.Task.IsCompleted)
                return operation;
            await Task.WhenAny(moved, over.Task, Task.Delay(left, clock, ct));
            ct.ThrowIfCancellationRequested();
        }
    }

    /// <summary>What happens to an operation from now on, or has happened after an event that the caller has seen.</summary>
    /// <param name="lastEventId">The id of that event; one that is none of ours is as none.</param>
    /// <returns>Null when there is no more to come.</returns>
    /// <exception cref="RuleException">404.</exception>
    public async Task<IAsyncEnumerable<EventItem>?> EventsAsync(Guid id, string? lastEventId, CancellationToken ct)
    {
        await CheckScopeAsync(id, ct);
        var known = long.TryParse(lastEventId, NumberStyles.None, CultureInfo.InvariantCulture, out var seen);
        var progress = await ProgressAsync(id, known ? seen : 0, ct) ?? throw RuleException.NotFound("operation", id.ToString());
        if (!known)
            return FollowAsync(id, null, ct);
        return progress.FinishedAt is not null && !OperationEvents.After(seen, progress).Any() ? null : FollowAsync(id, seen, ct);
    }

    private async IAsyncEnumerable<EventItem> FollowAsync(Guid id, long? seen, [EnumeratorCancellation] CancellationToken ct)
    {
        if (seen is null)
        {
            var operation = await db.Operations.AsNoTracking().Include(o => o.Steps).SingleOrDefaultAsync(o => o.Id == id, ct);
            if (operation is null)
                yield break;
            var host = await db.Hosts.AsNoTracking().Where(h => h.Id == operation.HostId).Select(h => h.Name).SingleAsync(ct);
            var first = OperationEvents.Present(operation, host.Value);
            seen = first.Position;
            yield return first.Item;
        }

        while (true)
        {
            var moved = notifications.MovedAsync(id, ct);
            // Its host may have been deleted, and have taken it along.
            if (await ProgressAsync(id, seen.Value, ct) is not { } progress)
                break;
            foreach (var (position, item) in OperationEvents.After(seen.Value, progress))
            {
                seen = position;
                yield return item;
            }

            if (progress.FinishedAt is not null)
                break;
            await moved;
            ct.ThrowIfCancellationRequested();
        }

        notifications.Forget(id);
    }

    /// <summary>As much of the journal as an event after the position can be about.</summary>
    private Task<OperationProgress?> ProgressAsync(Guid id, long position, CancellationToken ct)
    {
        var from = OperationEvents.OrdinalOf(position);
        return db.Operations.AsNoTracking().Where(o => o.Id == id).Select(o => new OperationProgress(
            o.Status, o.RollingBack, o.Error, o.RequestedAt, o.StartedAt, o.FinishedAt, from,
            o.Steps.Where(s => s.Ordinal >= from).OrderBy(s => s.Ordinal).ToList())).SingleOrDefaultAsync(ct);
    }


    private async Task<Operation> EnqueueAsync(ResourceName host, OperationKind kind, GuestName? guest, GuestActionRequest body, TimeSpan? confirmWithin, CancellationToken ct, string[]? targets = null)
    {
        var hostId = await HostIds.FindAsync(db, host, ct);
        if (guest is not null && !await db.Guests.AnyAsync(g => g.HostId == hostId && g.Name == guest, ct))
            throw RuleException.NotFound("guest", guest.Value);
        var operation = new Operation
        {
            HostId = hostId,
            Kind = kind,
            Guest = guest?.Value,
            Targets = targets,
            Allow = [.. body.Allow ?? PlanRequest.DefaultAllow],
            Force = body.Force ?? false,
            ShutdownSeconds = body.ShutdownSeconds ?? 60,
            ConfirmSeconds = confirmWithin is { } time ? (int)Math.Ceiling(time.TotalSeconds) : null,
            Actor = request.Actor,
            RequestId = request.RequestId,
            TraceParent = Activity.Current is { IdFormat: ActivityIdFormat.W3C } asking ? asking.Id : null,
            RequestedAt = clock.GetUtcNow(),
        };
        db.Add(operation);
        Audit(operation.RequestedAt, host, $"operation.{Kebab.Name(kind)}", guest is null ? host.Value : $"{host}/{guest}");
        await db.SaveChangesAsync(ct);
        Activity.Current?.SetTag("xlnet.operation.id", operation.Id.ToString());
        await idempotency.AcceptAsync(operation.Id, ct);
        // From here on it is accepted: should this process die now, the sweep finds it.
        await HostOperationsJob.ScheduleAsync(await schedulers.GetScheduler(CancellationToken.None), hostId, operation.Id.ToString(), CancellationToken.None);
        return operation;
    }
}

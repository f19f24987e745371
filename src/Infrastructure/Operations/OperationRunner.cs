using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Xlnet.Domain.Operations;
using Xlnet.Infrastructure.Data;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Telemetry;

namespace Xlnet.Infrastructure.Operations;

/// <summary>
/// Runs a host's operations, one after the other: observe, checkpoint, plan, apply step by step, verify by observing, and roll back
/// what could not be finished. Every step is journalled before it begins and after it has ended. A run that was cut off is resumed
/// by observing and planning again, never by replaying the journal.
/// </summary>
public sealed partial class OperationRunner(
    IDbContextFactory<XlnetDbContext> contexts, HostConnector connector, TimeProvider clock, XlnetMeter meter, Handover handover, ILogger<OperationRunner> logger)
{
    /// <summary>
    /// How long a host that is lost in the midst of an operation may stay away before that is given up. Meanwhile nothing waits for
    /// it: each sweep tries again.
    /// </summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Runs the host's oldest unfinished operation to its end, or until its host is lost.</summary>
    /// <returns>
    /// False when there is nothing to do for now: there was none, its host is not back yet, or it waits to be confirmed. The operations
    /// after it wait with it.
    /// </returns>
    public async Task<bool> RunNextAsync(long hostId, CancellationToken ct)
    {
        await using var db = await contexts.CreateDbContextAsync(ct);
        var operation = await db.Operations
            .Include(o => o.Steps.OrderBy(s => s.Ordinal))
            .Where(o => o.HostId == hostId && o.FinishedAt == null)
            .OrderBy(o => o.Sequence)
            .FirstOrDefaultAsync(ct);
        if (operation is null || operation.IsWaiting(clock.GetUtcNow()))
            return false;
        // Between the reading and here a queued one may have been cancelled, and one that waits may have been confirmed after all.
        if (await db.Operations.Where(o => o.Id == operation.Id && o.FinishedAt == null && o.Confirmed == operation.Confirmed)
                .ExecuteUpdateAsync(o => o.SetProperty(x => x.Status, OperationStatus.Running), ct) == 0)
            return true;

        var host = await db.Hosts.AsNoTracking().Where(h => h.Id == hostId).Select(h => h.Name).SingleAsync(ct);
        using var scope = logger.BeginScope("operation {OperationId} on host {Host}, asked for by request {RequestId}", operation.Id, host.Value, operation.RequestId);
        using var activity = XlnetActivities.Start(operation, host.Value);
        LogRunning(logger, operation.Id, operation.Kind, hostId);
        try
        {
            await using var run = new Run(db, operation, connector, clock, meter, handover, logger);
            var goOn = await run.ToEndAsync(ct);
            if (operation.Finished)
            {
                LogEnded(logger, operation.Id, operation.Status);
                meter.Ended(operation);
            }

            XlnetActivities.End(activity, operation);
            return goOn;
        }
        catch (Exception e) when (e is not OperationCanceledException && !IsOfDatabase(e))
        {
            await EndBrokenAsync(operation, e, ct);
            XlnetActivities.End(activity, operation);
            return true;
        }
    }

    /// <summary>EF wraps what may pass, such as a restart of PostgreSQL, into an exception of another kind.</summary>
    private static bool IsOfDatabase(Exception? exception) => exception is not null && (exception is DbException or DbUpdateException || IsOfDatabase(exception.InnerException));

    /// <summary>Until when the operation that is next on the host waits to be confirmed; null when there is none, or it does not wait.</summary>
    public async Task<DateTimeOffset?> WaitsUntilAsync(long hostId, CancellationToken ct)
    {
        await using var db = await contexts.CreateDbContextAsync(ct);
        var next = await db.Operations.AsNoTracking().Where(o => o.HostId == hostId && o.FinishedAt == null).OrderBy(o => o.Sequence).FirstOrDefaultAsync(ct);
        return next?.IsWaiting(clock.GetUtcNow()) == true ? next.ConfirmBy : null;
    }

    /// <summary>
    /// A fault of xlnet itself would come back at every try, and keep the host's other operations waiting for ever. A database that
    /// fails is no such fault: the operation stays unfinished, and is resumed when it is back.
    /// </summary>
    private async Task EndBrokenAsync(Operation operation, Exception exception, CancellationToken ct)
    {
        var id = operation.Id;
        LogBroken(logger, exception, id);
        var error = new OperationError("internal", "xlnet failed at this operation; its log has the details. What was done so far is in the journal.").ToJson();
        await using var db = await contexts.CreateDbContextAsync(ct);
        var now = clock.GetUtcNow();
        await db.OperationSteps.Where(s => s.OperationId == id && s.FinishedAt == null).ExecuteUpdateAsync(
            s => s.SetProperty(x => x.Status, x => x.Status == OperationStepStatus.Running ? OperationStepStatus.Interrupted : OperationStepStatus.Skipped)
                .SetProperty(x => x.FinishedAt, now), ct);
        await db.Operations.Where(o => o.Id == id).ExecuteUpdateAsync(
            o => o.SetProperty(x => x.Status, OperationStatus.Failed).SetProperty(x => x.Error, error).SetProperty(x => x.FinishedAt, now), ct);
        await OperationNotifications.SendAsync(db, id, ct);
        operation.Finish(OperationStatus.Failed, now, error);
        meter.Ended(operation);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Operation {Operation} met a fault of xlnet")]
    private static partial void LogBroken(ILogger logger, Exception exception, Guid operation);

    [LoggerMessage(Level = LogLevel.Information, Message = "Operation {Operation} ({Kind}) runs on host {HostId}")]
    private static partial void LogRunning(ILogger logger, Guid operation, OperationKind kind, long hostId);

    [LoggerMessage(Level = LogLevel.Information, Message = "Operation {Operation} ended: {Status}")]
    private static partial void LogEnded(ILogger logger, Guid operation, OperationStatus status);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Operation {Operation} has lost its host, and tries again: {Error}")]
    private static partial void LogLost(ILogger logger, Guid operation, string error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Operation {Operation} failed at {Step}: {Error}")]
    private static partial void LogFailed(ILogger logger, Guid operation, string? step, string error);
}

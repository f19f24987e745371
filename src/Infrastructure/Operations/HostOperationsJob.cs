using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Quartz;
using Xlnet.Domain.Operations;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Infrastructure.Operations;

/// <summary>
/// Runs one host's operations until none is left. Its key is the host, so Quartz runs one at a time for a host over all replicas,
/// and runs it again elsewhere when its replica dies.
/// </summary>
[DisallowConcurrentExecution]
public sealed partial class HostOperationsJob(OperationRunner runner, Handover handover, ILogger<HostOperationsJob> logger) : IJob
{
    private const string Group = "hosts";

    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken = default)
    {
        // What is not begun here, a sweep on another replica finds.
        if (!handover.TryBegin())
            return;
        var hostId = long.Parse(context.JobDetail.Key.Name, CultureInfo.InvariantCulture);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, handover.Over);
        try
        {
            await RunAsync(context, hostId, end.Token);
        }
        catch (OperationCanceledException) when (handover.Asked.IsCancellationRequested)
        {
            LogLeft(logger, hostId);
        }
        finally
        {
            handover.End();
        }
    }

    private async Task RunAsync(IJobExecutionContext context, long hostId, CancellationToken cancellationToken)
    {
        while (await runner.RunNextAsync(hostId, cancellationToken))
            handover.Asked.ThrowIfCancellationRequested();

        // An operation that waits to be confirmed holds no thread: the end of its time is a trigger of its own.
        if (await runner.WaitsUntilAsync(hostId, cancellationToken) is not { } until)
            return;
        try
        {
            await ScheduleAsync(context.Scheduler, hostId, string.Create(CultureInfo.InvariantCulture, $"unconfirmed-{until.UtcTicks}"), cancellationToken, until);
        }
        catch (SchedulerException)
        {
            // The service is shutting down: a sweep finds the operation when its time is over.
        }
    }

    /// <summary>Has the host's operations run now. Asking again while it is asked for already changes nothing.</summary>
    /// <param name="trigger">A name for the asking; one that is still waiting is not asked twice.</param>
    /// <param name="at">When; now unless given.</param>
    public static async Task ScheduleAsync(IScheduler scheduler, long hostId, string trigger, CancellationToken ct, DateTimeOffset? at = null)
    {
        var key = new JobKey(hostId.ToString(CultureInfo.InvariantCulture), Group);
        var job = JobBuilder.Create<HostOperationsJob>().WithIdentity(key).StoreDurably().RequestRecovery().Build();
        await scheduler.AddJob(job, AddJobOptions.Replacing, ct);
        var builder = TriggerBuilder.Create().WithIdentity($"{key.Name}-{trigger}", Group).ForJob(key);
        var start = (at is { } time ? builder.StartAt(time) : builder.StartNow()).Build();
        try
        {
            await scheduler.ScheduleJob(start, cancellationToken: ct);
        }
        catch (ObjectAlreadyExistsException)
        {
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "What is left to do on host {HostId} is left to another replica: this one stops")]
    private static partial void LogLeft(ILogger logger, long hostId);
}

/// <summary>Finds operations that nobody runs: asked for by a service that died before it could tell Quartz, or left by a shutdown.</summary>
[DisallowConcurrentExecution]
public sealed class SweepJob(IDbContextFactory<XlnetDbContext> contexts, TimeProvider clock) : IJob
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    public async ValueTask Execute(IJobExecutionContext context, CancellationToken cancellationToken = default)
    {
        await using var db = await contexts.CreateDbContextAsync(cancellationToken);
        var now = clock.GetUtcNow();
        var hosts = await db.Operations.AsNoTracking()
            .Where(o => o.FinishedAt == null && !(o.Status == OperationStatus.AwaitingConfirmation && !o.Confirmed && !o.CancelRequested && o.ConfirmBy > now))
            .Select(o => o.HostId).Distinct().ToListAsync(cancellationToken);
        foreach (var host in hosts)
            await HostOperationsJob.ScheduleAsync(context.Scheduler, host, "sweep", cancellationToken);
    }
}

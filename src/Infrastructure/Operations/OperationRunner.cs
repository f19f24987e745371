using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Xlnet.Domain.Common;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Operations;
using Xlnet.Domain.Planning;
using Xlnet.Infrastructure.Data;
using Xlnet.Infrastructure.Hosts;

namespace Xlnet.Infrastructure.Operations;

/// <summary>
/// Runs a host's operations, one after the other: observe, checkpoint, plan, apply step by step, verify by observing, and roll back
/// what could not be finished. Every step is journalled before it begins and after it has ended. A run that was cut off is resumed
/// by observing and planning again, never by replaying the journal.
/// </summary>
public sealed partial class OperationRunner(
    IDbContextFactory<XlnetDbContext> contexts, HostConnector connector, TimeProvider clock, ILogger<OperationRunner> logger)
{
    /// <summary>
    /// How long a host that is lost in the midst of an operation may stay away before that is given up. Meanwhile nothing waits for
    /// it: each sweep tries again.
    /// </summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Runs the host's oldest unfinished operation to its end, or until its host is lost.</summary>
    /// <returns>False when there was none, or its host is not back yet: there is nothing to do for now.</returns>
    public async Task<bool> RunNextAsync(long hostId, CancellationToken ct)
    {
        await using var db = await contexts.CreateDbContextAsync(ct);
        var operation = await db.Operations
            .Include(o => o.Steps.OrderBy(s => s.Ordinal))
            .Where(o => o.HostId == hostId && o.FinishedAt == null)
            .OrderBy(o => o.Sequence)
            .FirstOrDefaultAsync(ct);
        if (operation is null)
            return false;
        // Between the reading and here a queued one may have been cancelled.
        if (await db.Operations.Where(o => o.Id == operation.Id && o.FinishedAt == null)
                .ExecuteUpdateAsync(o => o.SetProperty(x => x.Status, OperationStatus.Running), ct) == 0)
            return true;

        LogRunning(logger, operation.Id, operation.Kind, hostId);
        try
        {
            var goOn = await new Run(db, operation, connector, clock, logger).ToEndAsync(ct);
            if (operation.Finished)
                LogEnded(logger, operation.Id, operation.Status);
            return goOn;
        }
        catch (Exception e) when (e is not OperationCanceledException && !IsOfDatabase(e))
        {
            await EndBrokenAsync(operation.Id, e, ct);
            return true;
        }
    }

    /// <summary>EF wraps what may pass, such as a restart of PostgreSQL, into an exception of another kind.</summary>
    private static bool IsOfDatabase(Exception? exception) => exception is not null && (exception is DbException or DbUpdateException || IsOfDatabase(exception.InnerException));

    /// <summary>
    /// A fault of xlnet itself would come back at every try, and keep the host's other operations waiting for ever. A database that
    /// fails is no such fault: the operation stays unfinished, and is resumed when it is back.
    /// </summary>
    private async Task EndBrokenAsync(Guid id, Exception exception, CancellationToken ct)
    {
        LogBroken(logger, exception, id);
        var error = new OperationError("internal", "xlnet failed at this operation; its log has the details. What was done so far is in the journal.").ToJson();
        await using var db = await contexts.CreateDbContextAsync(ct);
        await db.Operations.Where(o => o.Id == id).ExecuteUpdateAsync(
            o => o.SetProperty(x => x.Status, OperationStatus.Failed).SetProperty(x => x.Error, error).SetProperty(x => x.FinishedAt, clock.GetUtcNow()), ct);
        await OperationNotifications.SendAsync(db, id, ct);
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

    /// <summary>One operation, from wherever it stands.</summary>
    private sealed class Run(XlnetDbContext db, Operation operation, HostConnector connector, TimeProvider clock, ILogger logger)
    {
        private readonly HashSet<string> _touched =
            [.. operation.Steps.Where(s => !s.Rollback && s.StartedAt is not null).Select(s => s.Target)];

        private DateTimeOffset Now => clock.GetUtcNow();

        /// <returns>False when the host is lost, and was at the last try: then it is tried again later.</returns>
        public async Task<bool> ToEndAsync(CancellationToken ct)
        {
            foreach (var left in operation.Steps.Where(s => s.FinishedAt is null))
                left.Finish(left.Status == OperationStepStatus.Running ? OperationStepStatus.Interrupted : OperationStepStatus.Skipped, Now);
            operation.Start(Now);
            await SaveAsync(ct);

            try
            {
                await using var driver = await connector.OpenAsync(operation.HostId, ct);
                var error = operation.RollingBack
                    ? OperationError.FromJson(operation.Error!)
                    : await TryForwardAsync(driver, ct);
                if (error is not null)
                    await BackAsync(driver, error, ct);
            }
            catch (Exception e) when (MayReturn(e))
            {
                LogLost(logger, operation.Id, e.Message);
                var again = operation.LostSince is null;
                operation.Lose(Now);
                await SaveAsync(ct);
                return again;
            }
            catch (Exception e) when (IsLost(e))
            {
                await EndUnreachableAsync(e, ct);
            }

            return true;
        }

        /// <summary>A host that answers what is of no use, after a step had begun, may do better on the way back; before, there is nothing to take back.</summary>
        private async Task<OperationError?> TryForwardAsync(IHostDriver driver, CancellationToken ct)
        {
            try
            {
                return await ForwardAsync(driver, ct);
            }
            catch (Exception e) when (IsLost(e) && !IsUnreachable(e) && _touched.Count > 0)
            {
                Skip(operation.Steps);
                return Lost(e);
            }
        }

        private static bool IsLost(Exception exception) => exception is HostShellException or HostAnswerException;

        /// <summary>
        /// A connection that broke in the midst of things is made anew, and then the operation is resumed as after the death of a
        /// service: by observing and planning again. Where nothing has begun nothing is left open, and the caller had better know at once.
        /// </summary>
        private bool MayReturn(Exception exception) =>
            IsUnreachable(exception) && _touched.Count > 0 && !(Now - operation.LostSince >= Patience);

        private static bool IsUnreachable(Exception exception) => exception is HostShellException { Error: HostShellError.Unreachable };

        private static OperationError Lost(Exception exception, PlanStep? step = null) => new(
            exception is HostShellException shell ? $"host.{Kebab.Name(shell.Error)}" : ((HostAnswerException)exception).Code, CommandDocument.Clean(exception.Message), step?.Id, step?.Target);

        /// <returns>Why the way back has to be taken; null when the operation has ended.</returns>
        private async Task<OperationError?> ForwardAsync(IHostDriver driver, CancellationToken ct)
        {
            var desired = await DesiredStateReader.ReadAsync(db, operation.HostId, ct)
                ?? throw new InvalidOperationException("The host of an operation cannot be deleted before it.");
            operation.Revision = desired.Revision;
            var observed = await driver.ObserveAsync(desired.Paths, ct);
            await ObservedVersions.KeepAsync(db, operation.HostId, observed.XenVersion, ct);
            var checkpoint = operation.Checkpoint is { } json ? CheckpointDocument.Read(json) : Checkpoint.Of(observed, desired);
            operation.Checkpoint ??= CheckpointDocument.Of(checkpoint);

            var action = ActionLeft(checkpoint, observed);
            var plan = Planner.Plan(desired, observed, Request(action));
            // What was asked for cannot be done, as against what merely goes unallowed.
            if ((action == GuestAction.Recreate || action == GuestAction.Start && observed.FindDomain(operation.Guest!) is null)
                && plan.Pending.FirstOrDefault(p => p.Step is CreateGuestStep) is { } held)
                return new OperationError("guest.create-held", $"{operation.Guest} cannot be created: {held.Reason}.", held.Step.Id, held.Step.Target);
            var journal = plan.Steps.Select(s => (Step: s, Entry: operation.Journal(s, rollback: false, StepDiff.Of(s)))).ToList();
            await SaveAsync(ct);

            foreach (var (step, entry) in journal)
            {
                if (await IsCancelledAsync(ct))
                {
                    Skip(journal.Select(j => j.Entry));
                    return new OperationError("operation.cancelled", "The operation was cancelled.");
                }

                if (await ApplyAsync(driver, step, entry, ct) is { } error)
                {
                    Skip(journal.Select(j => j.Entry));
                    return error;
                }
            }

            // Where nothing was done, what was just observed is what is in force.
            return await VerifyAsync(desired, journal.Count == 0 ? observed : await driver.ObserveAsync(desired.Paths, ct), ct);
        }

        /// <summary>What was done is in force only when the host itself says so.</summary>
        private async Task<OperationError?> VerifyAsync(DesiredState desired, HostObservation observed, CancellationToken ct)
        {
            var left = Planner.Plan(desired, observed, Request(operation.Kind == OperationKind.Recreate ? GuestAction.Start : Action(operation.Kind))).Steps;
            if (left.Count > 0)
            {
                return new OperationError("verify.differs",
                    $"Every step was done, and the host still differs: {string.Join("; ", left.Select(s => $"{s.Action} {s.Target}"))}.",
                    left[0].Id, left[0].Target);
            }

            operation.Finish(OperationStatus.Succeeded, Now);
            if (operation.Kind == OperationKind.Apply)
            {
                await db.Hosts.Where(h => h.Id == operation.HostId)
                    .ExecuteUpdateAsync(h => h.SetProperty(x => x.AppliedRevision, desired.Revision), ct);
                await PruneArtifactsAsync(desired, observed, ct);
            }

            await SaveAsync(ct);
            return null;
        }

        /// <summary>What is neither wanted nor there is xlnet's no more: a file that someone makes there later is his own.</summary>
        private async Task PruneArtifactsAsync(DesiredState desired, HostObservation observed, CancellationToken ct)
        {
            string[] gone =
            [
                .. desired.WrittenFiles.Where(p => desired.Guests.All(g => g.Path != p) && observed.Files.GetValueOrDefault(p) is null),
                .. desired.MadeBridges.Where(n => desired.Bridges.All(b => b.Name != n) && observed.FindBridge(n) is null),
            ];
            if (gone.Length > 0)
                await db.HostArtifacts.Where(a => a.HostId == operation.HostId && gone.Contains(a.Name)).ExecuteDeleteAsync(ct);
        }

        private async Task BackAsync(IHostDriver driver, OperationError error, CancellationToken ct)
        {
            LogFailed(logger, operation.Id, error.Step, error.Message);
            var checkpoint = CheckpointDocument.Read(operation.Checkpoint!);
            operation.BeginRollback(error.ToJson());
            await SaveAsync(ct);

            var observed = await driver.ObserveAsync([.. checkpoint.Files.Keys], ct);
            var plan = Planner.PlanRollback(checkpoint, observed, _touched, ShutdownTimeout, Recreated());
            var journal = plan.Steps.Select(s => (Step: s, Entry: operation.Journal(s, rollback: true, StepDiff.Of(s)))).ToList();
            await SaveAsync(ct);

            // One that fails does not keep the others from being undone, and the host itself says at the end what is left.
            List<string> failures = [];
            foreach (var (step, entry) in journal)
            {
                if (await ApplyAsync(driver, step, entry, ct) is { } failed)
                    failures.Add($"{step.Action} {step.Target}: {failed.Message}");
            }

            observed = await driver.ObserveAsync([.. checkpoint.Files.Keys], ct);
            var left = Planner.PlanRollback(checkpoint, observed, _touched, ShutdownTimeout, Recreated()).Steps;

            await ForgetArtifactsAsync(checkpoint, observed, ct);
            if (left.Count > 0)
            {
                var still = left.Select(s => $"{s.Action} {s.Target} is still to do");
                operation.Finish(OperationStatus.Failed, Now, (error with { RollbackError = string.Join("; ", failures.Concat(still)) }).ToJson());
            }
            else
                operation.Finish(error.Code == "operation.cancelled" ? OperationStatus.Cancelled : OperationStatus.RolledBack, Now);
            await SaveAsync(ct);
        }

        /// <summary>The guests that the way back has created, and must not create again.</summary>
        private HashSet<string> Recreated() =>
            [.. operation.Steps.Where(s => s is { Rollback: true, Action: "guest.create", Status: OperationStepStatus.Succeeded }).Select(s => s.Target)];

        /// <summary>The host cannot be asked: what it has now is unknown, and the next operation on it begins with observing.</summary>
        private async Task EndUnreachableAsync(Exception exception, CancellationToken ct)
        {
            Skip(operation.Steps);
            var lost = Lost(exception);
            if (operation.Steps.LastOrDefault(s => s.StartedAt is not null) is { Status: OperationStepStatus.Interrupted } open)
            {
                lost = lost with
                {
                    Message = $"{lost.Message} Whether {open.Action} of {open.Target} was done is unknown, and what comes after it was not begun. The next operation observes the host first.",
                    Step = open.StepId, Target = open.Target,
                };
            }

            var error = operation.RollingBack ? OperationError.FromJson(operation.Error!) with { RollbackError = lost.Message } : lost;
            LogFailed(logger, operation.Id, error.Step, exception.Message);
            operation.Finish(OperationStatus.Failed, Now, error.ToJson());
            await SaveAsync(ct);
        }

        private async Task<OperationError?> ApplyAsync(IHostDriver driver, PlanStep step, OperationStep entry, CancellationToken ct)
        {
            entry.Start(Now);
            _touched.Add(step.Target);
            await SaveAsync(ct);
            await NoteArtifactAsync(step, ct);

            StepOutcome outcome;
            try
            {
                outcome = await driver.ApplyAsync(step, ct);
            }
            catch (Exception e) when (IsLost(e))
            {
                entry.Finish(IsUnreachable(e) ? OperationStepStatus.Interrupted : OperationStepStatus.Failed, Now);
                await SaveAsync(ct);
                if (MayReturn(e))
                    throw;
                return Lost(e, step);
            }

            entry.Finish(outcome.Succeeded ? OperationStepStatus.Succeeded : OperationStepStatus.Failed, Now, CommandDocument.Of(outcome.Commands));
            if (outcome.Succeeded)
                operation.GetOn();
            await SaveAsync(ct);
            if (!outcome.Succeeded)
                return OperationError.Of(step, outcome);
            await DropArtifactAsync(step, ct);
            return null;
        }

        /// <summary>Noted before it is made, so that nothing of xlnet's is ever left on a host unknown.</summary>
        private Task NoteArtifactAsync(PlanStep step, CancellationToken ct) => step switch
        {
            WriteFileStep { Path: not Host.XlConfPath } s => AddArtifactAsync(HostArtifactKind.GuestFile, s.Path, ct),
            CreateBridgeStep s => AddArtifactAsync(HostArtifactKind.Bridge, s.Name, ct),
            _ => Task.CompletedTask,
        };

        private Task<int> AddArtifactAsync(HostArtifactKind kind, string name, CancellationToken ct) => db.Database.ExecuteSqlAsync(
            $"INSERT INTO host_artifacts (host_id, kind, name, created_at) VALUES ({operation.HostId}, {Kebab.Name(kind)}, {name}, {Now}) ON CONFLICT DO NOTHING", ct);

        private Task DropArtifactAsync(PlanStep step, CancellationToken ct) => step switch
        {
            DeleteFileStep s => db.HostArtifacts.Where(a => a.HostId == operation.HostId && a.Kind == HostArtifactKind.GuestFile && a.Name == s.Path).ExecuteDeleteAsync(ct),
            DeleteBridgeStep s => db.HostArtifacts.Where(a => a.HostId == operation.HostId && a.Kind == HostArtifactKind.Bridge && a.Name == s.Name).ExecuteDeleteAsync(ct),
            _ => Task.CompletedTask,
        };

        /// <summary>What the way back could not take away stays known, so that a later operation can.</summary>
        private Task<int> ForgetArtifactsAsync(Checkpoint checkpoint, HostObservation observed, CancellationToken ct)
        {
            string[] known = [.. checkpoint.WrittenFiles, .. checkpoint.MadeBridges, .. checkpoint.LeftBehind(observed)];
            return db.HostArtifacts.Where(a => a.HostId == operation.HostId && !known.Contains(a.Name)).ExecuteDeleteAsync(ct);
        }

        private PlanRequest Request(GuestAction action) => new()
        {
            Allow = operation.Allow,
            Guest = operation.Guest,
            Action = action,
            Restart = Stopped(),
            Force = operation.Force,
            ShutdownTimeout = ShutdownTimeout,
        };

        /// <summary>The guests that the way forward has stopped, or was about to. Of these, a plan leaves alone who is not wanted or runs.</summary>
        private HashSet<string> Stopped() =>
            [.. operation.Steps.Where(s => s is { Rollback: false, Action: "guest.stop", StartedAt: not null }).Select(s => s.Target)];

        private TimeSpan ShutdownTimeout => TimeSpan.FromSeconds(operation.ShutdownSeconds);

        /// <summary>A resumed recreate that had got past its stop, or past its create, does not stop the guest again.</summary>
        private GuestAction ActionLeft(Checkpoint checkpoint, HostObservation observed)
        {
            if (operation.Kind != OperationKind.Recreate)
                return Action(operation.Kind);
            var before = checkpoint.Domains.FirstOrDefault(d => d.Name == operation.Guest)?.Domid;
            return before is not null && observed.FindDomain(operation.Guest!)?.Domid == before ? GuestAction.Recreate : GuestAction.Start;
        }

        private static GuestAction Action(OperationKind kind) => kind switch
        {
            OperationKind.Apply => GuestAction.Keep,
            OperationKind.Start => GuestAction.Start,
            OperationKind.Stop => GuestAction.Stop,
            OperationKind.Recreate => GuestAction.Recreate,
            _ => throw new ArgumentOutOfRangeException(nameof(kind)),
        };

        private void Skip(IEnumerable<OperationStep> entries)
        {
            foreach (var entry in entries.Where(e => e.Status == OperationStepStatus.Pending))
                entry.Finish(OperationStepStatus.Skipped, Now);
        }

        private Task<bool> IsCancelledAsync(CancellationToken ct) =>
            db.Operations.AsNoTracking().Where(o => o.Id == operation.Id).Select(o => o.CancelRequested).SingleAsync(ct);

        /// <summary>Saves the journal, and tells whoever waits for this operation, on every replica.</summary>
        private async Task SaveAsync(CancellationToken ct)
        {
            await db.SaveChangesAsync(ct);
            await OperationNotifications.SendAsync(db, operation.Id, ct);
        }
    }
}

using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Operations;
using Xlnet.Domain.Planning;
using Xlnet.Infrastructure.Data;
using Xlnet.Infrastructure.Hosts;

namespace Xlnet.Infrastructure.Operations;

public sealed partial class OperationRunner
{
    /// <summary>One operation, from wherever it stands: <c>Run.Forward</c>, <c>Run.Back</c>, <c>Run.ManagementPath</c>.</summary>
    private sealed partial class Run(XlnetDbContext db, Operation operation, HostConnector connector, TimeProvider clock, ILogger logger) : IAsyncDisposable
    {
        /// <summary>The targets of the steps that have begun: as far as a way back goes.</summary>
        private readonly HashSet<string> _touched = [];

        /// <summary>What this run has made of the files that it touched.</summary>
        private readonly Dictionary<string, byte[]?> _written = new(StringComparer.Ordinal);

        private Checkpoint? _checkpoint = operation.Checkpoint is { } json ? CheckpointDocument.Read(json) : null;

        private IHostDriver? _driver;

        private IHostDriver Driver => _driver ?? throw new InvalidOperationException("The host was not opened.");

        private DateTimeOffset Now => clock.GetUtcNow();

        /// <returns>False when the host is lost, and was at the last try: then it is tried again later.</returns>
        public async Task<bool> ToEndAsync(CancellationToken ct)
        {
            foreach (var done in operation.Steps.Where(s => !s.Rollback && s.StartedAt is not null))
                Touch(done.Action, done.Target);
            foreach (var left in operation.Steps.Where(s => s.FinishedAt is null))
                left.Finish(left.Status == OperationStepStatus.Running ? OperationStepStatus.Interrupted : OperationStepStatus.Skipped, Now);
            operation.Start(Now);
            await SaveAsync(ct);

            try
            {
                await OpenAsync(ct);
                var error = operation.RollingBack
                    ? OperationError.FromJson(operation.Error!)
                    : await TryForwardAsync(ct);
                if (error is not null)
                    await BackAsync(error, ct);
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

        public ValueTask DisposeAsync() => _driver?.DisposeAsync() ?? ValueTask.CompletedTask;

        /// <summary>
        /// What goes wrong after a step had begun is taken back: a host that answered what is of no use may do better on the way back, and a
        /// fault of xlnet's own may not be one there. Before, there is nothing to take back.
        /// </summary>
        private async Task<OperationError?> TryForwardAsync(CancellationToken ct)
        {
            try
            {
                return await ForwardAsync(ct);
            }
            catch (Exception e) when (_touched.Count > 0 && e is not OperationCanceledException && !IsOfDatabase(e) && !IsUnreachable(e))
            {
                // The step that threw was not ended by what it threw through.
                foreach (var open in operation.Steps.Where(s => s.Status == OperationStepStatus.Running))
                    open.Finish(OperationStepStatus.Interrupted, Now);
                Skip(operation.Steps);
                if (IsLost(e))
                    return Lost(e);
                LogBroken(logger, e, operation.Id);
                return new OperationError("internal", "xlnet failed at this operation, and took back what it had done; its log has the details.");
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

        private static OperationError Lost(Exception exception, PlanStep? step = null)
        {
            var command = (exception as HostAnswerException)?.Command;
            return new OperationError(
                exception is HostShellException shell ? shell.Code : ((HostAnswerException)exception).Code, CommandDocument.Clean(exception.Message), step?.Id, step?.Target,
                command is null ? null : [.. command.Argv.Select(CommandDocument.Clean)], command?.ExitStatus,
                command is null ? null : CommandDocument.Clean(command.Stdout), command is null ? null : CommandDocument.Clean(command.Stderr));
        }

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

        /// <summary>Does one step, in the way that its impact asks for.</summary>
        private Task<OperationError?> DoAsync(PlanStep step, OperationStep entry, CancellationToken ct) =>
            step.Impact == Impact.ManagementPath ? CutAsync(step, entry, ct) : ApplyAsync(step, entry, ct);

        private async Task<OperationError?> ApplyAsync(PlanStep step, OperationStep entry, CancellationToken ct)
        {
            entry.Start(Now);
            var first = Touch(step.Action, step.Target);
            await SaveAsync(ct);
            await NoteArtifactAsync(step, ct);

            StepOutcome outcome;
            try
            {
                outcome = await Driver.ApplyAsync(step, ct);
            }
            catch (Exception e) when (IsLost(e))
            {
                entry.Finish(IsUnreachable(e) ? OperationStepStatus.Interrupted : OperationStepStatus.Failed, Now);
                await SaveAsync(ct);
                // A step that may cut the connection has a timer, and a way of its own to come back.
                if (MayReturn(e) && step.Impact != Impact.ManagementPath)
                    throw;
                return Lost(e, step);
            }

            entry.Finish(outcome.Succeeded ? OperationStepStatus.Succeeded : OperationStepStatus.Failed, Now, CommandDocument.Of(outcome.Commands));
            if (outcome.Succeeded)
                operation.GetOn();
            // What someone else had done or begun by then is his, and stays.
            if (first && !outcome.Changed)
                await DisownAsync(step, ct);
            await SaveAsync(ct);
            if (!outcome.Succeeded)
                return OperationError.Of(step, outcome);
            await DropArtifactAsync(step, ct);
            return null;
        }

        /// <returns>Whether this is the first time.</returns>
        private bool Touch(string action, string target)
        {
            if (action == "bridge.delete" && _checkpoint?.Bridges.FirstOrDefault(b => $"bridges/{b.Name}" == target) is { Ports: { } ports } bridge)
                _touched.UnionWith(ports.Select(p => PlanStep.PortTarget(bridge.Name, p)));
            return _touched.Add(target);
        }

        private async Task DisownAsync(PlanStep step, CancellationToken ct)
        {
            _touched.Remove(step.Target);
            if (step is CreateBridgeStep create && _checkpoint?.MadeBridges.Contains(create.Name) == false)
                await ForgetArtifactAsync(HostArtifactKind.Bridge, create.Name, ct);
        }

        /// <summary>Noted before it is made, so that nothing of xlnet's is ever left on a host unknown.</summary>
        private Task NoteArtifactAsync(PlanStep step, CancellationToken ct)
        {
            switch (step)
            {
                case WriteFileStep s:
                    _written[s.Path] = s.Content;
                    return s.Path == Host.XlConfPath ? Task.CompletedTask : AddArtifactAsync(HostArtifactKind.GuestFile, s.Path, ct);
                case DeleteFileStep s:
                    _written[s.Path] = null;
                    return Task.CompletedTask;
                case CreateBridgeStep s:
                    return AddArtifactAsync(HostArtifactKind.Bridge, s.Name, ct);
                default:
                    return Task.CompletedTask;
            }
        }

        private Task AddArtifactAsync(HostArtifactKind kind, string name, CancellationToken ct) =>
            HostArtifacts.AddAsync(db, operation.HostId, kind, name, Now, ct);

        private Task DropArtifactAsync(PlanStep step, CancellationToken ct) => step switch
        {
            DeleteFileStep s => ForgetArtifactAsync(HostArtifactKind.GuestFile, s.Path, ct),
            DeleteBridgeStep s => ForgetArtifactAsync(HostArtifactKind.Bridge, s.Name, ct),
            _ => Task.CompletedTask,
        };

        private Task<int> ForgetArtifactAsync(HostArtifactKind kind, string name, CancellationToken ct) =>
            db.HostArtifacts.Where(a => a.HostId == operation.HostId && a.Kind == kind && a.Name == name).ExecuteDeleteAsync(ct);

        private TimeSpan ShutdownTimeout => TimeSpan.FromSeconds(operation.ShutdownSeconds);

        private void Skip(IEnumerable<OperationStep> entries)
        {
            foreach (var entry in entries.Where(e => e.Status == OperationStepStatus.Pending))
                entry.Finish(OperationStepStatus.Skipped, Now);
        }

        /// <summary>Saves the journal, and tells whoever waits for this operation, on every replica.</summary>
        private async Task SaveAsync(CancellationToken ct)
        {
            await db.SaveChangesAsync(ct);
            await OperationNotifications.SendAsync(db, operation.Id, ct);
        }
    }
}

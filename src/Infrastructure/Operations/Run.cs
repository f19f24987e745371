using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Operations;
using Xlnet.Domain.Planning;
using Xlnet.Infrastructure.Data;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Telemetry;

namespace Xlnet.Infrastructure.Operations;

public sealed partial class OperationRunner
{
    /// <summary>One operation, from wherever it stands: <c>Run.Forward</c>, <c>Run.Back</c>, <c>Run.ManagementPath</c>.</summary>
    private sealed partial class Run(XlnetDbContext db, Operation operation, HostConnector connector, TimeProvider clock, XlnetMeter meter, Handover handover, ILogger logger) : IAsyncDisposable
    {
        /// <summary>How many files are written together; a cancellation comes between.</summary>
        private const int MostFiles = 100;

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

        /// <summary>Does a step, or several that are done as one, in the way that their impact asks for.</summary>
        private Task<OperationError?> DoAsync(IReadOnlyList<Journalled> batch, CancellationToken ct) =>
            batch is [{ Step.Impact: Impact.ManagementPath } cutting] ? CutAsync(cutting, ct) : ApplyAsync(batch, ct);

        /// <summary>Files that follow one another are written together: over SSH each would take as long as all of them.</summary>
        private static IEnumerable<IReadOnlyList<Journalled>> Batches(IEnumerable<Journalled> journal)
        {
            List<Journalled> files = [];
            foreach (var next in journal)
            {
                var isFile = next.Step is WriteFileStep { Impact: not Impact.ManagementPath };
                if (files.Count > 0 && (!isFile || files.Count == MostFiles))
                {
                    yield return files;
                    files = [];
                }

                if (isFile)
                    files.Add(next);
                else
                    yield return [next];
            }

            if (files.Count > 0)
                yield return files;
        }

        private async Task<OperationError?> ApplyAsync(IReadOnlyList<Journalled> batch, CancellationToken ct)
        {
            List<OperationStep> entries = [.. batch.Select(b => b.Entry)];
            using var activity = XlnetActivities.Start(operation, entries);
            try
            {
                return await ApplyTracedAsync(batch, ct);
            }
            finally
            {
                foreach (var entry in entries.Where(e => e.FinishedAt is not null))
                    meter.Ended(entry);
                XlnetActivities.End(activity, entries);
            }
        }

        private async Task<OperationError?> ApplyTracedAsync(IReadOnlyList<Journalled> batch, CancellationToken ct)
        {
            var firsts = new HashSet<PlanStep>(ReferenceEqualityComparer.Instance);
            foreach (var (step, entry) in batch)
            {
                entry.Start(Now);
                if (Touch(step.Action, step.Target))
                    firsts.Add(step);
            }

            await SaveAsync(ct);
            await NoteArtifactsAsync(batch, ct);

            IReadOnlyList<StepOutcome?> outcomes;
            try
            {
                outcomes = batch is [var only]
                    ? [await Driver.ApplyAsync(only.Step, ct)]
                    : await Driver.WriteFilesAsync([.. batch.Select(b => (WriteFileStep)b.Step)], ct);
            }
            catch (Exception e) when (IsLost(e))
            {
                foreach (var (_, entry) in batch)
                    entry.Finish(IsUnreachable(e) ? OperationStepStatus.Interrupted : OperationStepStatus.Failed, Now);
                await SaveAsync(ct);
                // A step that may cut the connection has a timer, and a way of its own to come back.
                if (MayReturn(e) && batch[0].Step.Impact != Impact.ManagementPath)
                    throw;
                return Lost(e, batch[0].Step);
            }

            foreach (var ((step, entry), outcome) in batch.Zip(outcomes))
            {
                if (outcome is null)
                {
                    entry.Finish(OperationStepStatus.Skipped, Now);
                    continue;
                }

                entry.Finish(outcome.Succeeded ? OperationStepStatus.Succeeded : OperationStepStatus.Failed, Now, CommandDocument.Of(outcome.Commands));
                // What someone else had done or begun by then is his, and stays.
                if (firsts.Contains(step) && !outcome.Changed)
                    await DisownAsync(step, ct);
            }

            var failed = batch.Zip(outcomes).FirstOrDefault(d => d.Second is { Succeeded: false });
            if (failed.Second is null)
                operation.GetOn();
            await SaveAsync(ct);
            if (failed is ({ } at, { } failure))
                return OperationError.Of(at.Step, failure);
            foreach (var (step, _) in batch)
                await DropArtifactAsync(step, ct);
            return null;
        }

        /// <returns>Whether this is the first time.</returns>
        private bool Touch(string action, string target)
        {
            if (action == "bridge.delete" && _checkpoint?.Bridges.FirstOrDefault(b => $"bridges/{b.Name}" == target) is { Ports: { } ports } bridge)
                _touched.UnionWith(ports.Select(p => PlanStep.PortTarget(bridge.Name, p)));
            if (action == "networking.switch")
                TouchNetworking();
            return _touched.Add(target);
        }

        /// <summary>The bridges that a switch makes or takes away, and their uplinks.</summary>
        private void TouchNetworking()
        {
            var sides = new[] { _checkpoint?.Networking?.Before, _checkpoint?.Networking?.After }.OfType<HostNetworking>().ToList();
            foreach (var bridge in _checkpoint?.Bridges.Where(b => b.Ports?.Any(p => sides.Any(s => s.Uplink == p)) == true || sides.Any(s => s.Bridge == b.Name)) ?? [])
                _touched.UnionWith([$"bridges/{bridge.Name}", .. (bridge.Ports ?? []).Select(p => PlanStep.PortTarget(bridge.Name, p))]);
            _touched.UnionWith(sides.Select(s => s.Bridge).OfType<string>().Select(b => $"bridges/{b}"));
        }

        private async Task DisownAsync(PlanStep step, CancellationToken ct)
        {
            _touched.Remove(step.Target);
            if (step is CreateBridgeStep create && _checkpoint?.MadeBridges.Contains(create.Name) == false)
                await ForgetArtifactAsync(HostArtifactKind.Bridge, create.Name, ct);
        }

        /// <summary>Noted before they are made, so that nothing of xlnet's is ever left on a host unknown.</summary>
        private async Task NoteArtifactsAsync(IReadOnlyList<Journalled> batch, CancellationToken ct)
        {
            foreach (var write in batch.Select(b => b.Step).OfType<WriteFileStep>())
                _written[write.Path] = write.Content;
            foreach (var delete in batch.Select(b => b.Step).OfType<DeleteFileStep>())
                _written[delete.Path] = null;
            if (batch.Select(b => b.Step).OfType<SwitchNetworkingStep>().FirstOrDefault() is { } change)
                await TakeNetworkingAsync(change, ct);
            await AddArtifactsAsync(HostArtifactKind.GuestFile, batch.Select(b => b.Step).OfType<WriteFileStep>().Select(s => s.Path).Where(p => p != Host.XlConfPath), ct);
            await AddArtifactsAsync(HostArtifactKind.Bridge, batch.Select(b => b.Step).OfType<CreateBridgeStep>().Select(s => s.Name), ct);
        }

        /// <summary>From here on, the host's own files are known from the database alone.</summary>
        private async Task TakeNetworkingAsync(SwitchNetworkingStep step, CancellationToken ct)
        {
            var state = await db.Hosts.Where(h => h.Id == operation.HostId).Select(h => h.NetworkingState).SingleAsync(ct);
            if (state is { IsTaken: false })
            {
                state = state with { IsTaken = true, Originals = state.Originals.Keys.ToDictionary(p => p, p => step.From.Files.GetValueOrDefault(p)) };
                await db.Hosts.Where(h => h.Id == operation.HostId).ExecuteUpdateAsync(h => h.SetProperty(x => x.NetworkingState, state), ct);
            }
        }

        /// <param name="applied">Null when the host has its own again.</param>
        private async Task SetNetworkingAsync(HostNetworking? applied, CancellationToken ct)
        {
            var state = await db.Hosts.Where(h => h.Id == operation.HostId).Select(h => h.NetworkingState).SingleAsync(ct);
            if (state is null)
                return;
            state = state with { Applied = applied, IsTaken = applied is not null };
            await db.Hosts.Where(h => h.Id == operation.HostId).ExecuteUpdateAsync(h => h.SetProperty(x => x.NetworkingState, state), ct);
        }

        private Task AddArtifactsAsync(HostArtifactKind kind, IEnumerable<string> names, CancellationToken ct) =>
            HostArtifacts.AddAsync(db, operation.HostId, kind, [.. names], Now, ct);

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

        /// <summary>A step, and what the journal says of it.</summary>
        private readonly record struct Journalled(PlanStep Step, OperationStep Entry);
    }
}

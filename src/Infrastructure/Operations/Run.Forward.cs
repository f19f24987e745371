using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Xlnet.Domain.Operations;
using Xlnet.Domain.Planning;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Infrastructure.Operations;

public sealed partial class OperationRunner
{
    private sealed partial class Run
    {
        /// <returns>Why the way back has to be taken; null when the operation has ended, or waits to be confirmed.</returns>
        private async Task<OperationError?> ForwardAsync(CancellationToken ct)
        {
            if (operation.DeadManFiresAt is not null && await TakeUpAsync(ct) is { } repaired)
                return repaired;
            if (operation.ConfirmBy is not null)
                return await SettleAsync(ct);

            var desired = await DesiredStateReader.ReadAsync(db, operation.HostId, ct)
                ?? throw new InvalidOperationException("The host of an operation cannot be deleted before it.");
            operation.Revision = desired.Revision;
            var observed = await Driver.ObserveAsync(desired.Paths, ct);
            await ObservedFacts.KeepAsync(db, operation.HostId, observed, ct);
            if (_checkpoint is null)
                Keep(Checkpoint.Of(observed, desired, operation.Id));
            if (desired.Networking is { } networking && _checkpoint!.Networking is { } before)
                desired = desired with { Networking = networking with { Applied = before.Before } };

            var action = ActionLeft(_checkpoint!, observed);
            var plan = Planner.Plan(desired, observed, Request(action));
            // What was asked for cannot be done, as against what merely goes unallowed.
            if ((action == GuestAction.Recreate || action == GuestAction.Start && observed.FindDomain(operation.Guest!) is null)
                && plan.Pending.FirstOrDefault(p => p.Step is CreateGuestStep) is { } held)
                return new OperationError("guest.create-held", $"{operation.Guest} cannot be created: {held.Reason}.", held.Step.Id, held.Step.Target);
            if (operation.Kind == OperationKind.Enforce && operation.Targets!.Contains(DriftTarget.Networking) && plan.Pending.FirstOrDefault(p => p.Step is SetLockingStep) is { } locked)
                return new OperationError("locking.held", $"The rules of locked vifs cannot be taken away: {locked.Reason}.", locked.Step.Id, locked.Step.Target);
            if (plan.Steps.OfType<SwitchNetworkingStep>().FirstOrDefault() is { } change)
                Keep(_checkpoint! with { Networking = new CheckpointNetworking(change.From.Networking, change.To.Networking, change.To.Files) });
            var journal = plan.Steps.Select(s => new Journalled(s, operation.Journal(s, rollback: false, StepDiff.Of(s)))).ToList();
            await SaveAsync(ct);

            if (plan.Steps.FirstOrDefault(s => s.Impact == Impact.ManagementPath) is { } cutting && await PrepareAsync(cutting, ct) is { } refused)
            {
                Skip(journal.Select(j => j.Entry));
                return refused;
            }

            foreach (var batch in Batches(journal))
            {
                handover.Asked.ThrowIfCancellationRequested();
                if (await IsCancelledAsync(ct))
                {
                    Skip(journal.Select(j => j.Entry));
                    return new OperationError("operation.cancelled", "The operation was cancelled.");
                }

                if (await DoAsync(batch, ct) is { } error)
                {
                    Skip(journal.Select(j => j.Entry));
                    return error;
                }
            }

            // Where nothing was done, what was just observed is what is in force.
            return await VerifyAsync(desired, journal.Count == 0 ? observed : await Driver.ObserveAgainAsync(observed, desired.Paths, ct), ct);
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

            if (operation.Kind == OperationKind.Apply)
                await PruneArtifactsAsync(desired, observed, ct);
            // Of what changed nothing there is nothing to confirm.
            return operation.ConfirmSeconds is { } seconds && _touched.Count > 0
                ? await AskAsync(TimeSpan.FromSeconds(seconds), ct)
                : await SucceedAsync(ct);
        }

        private async Task<OperationError?> SucceedAsync(CancellationToken ct)
        {
            await RemoveDeadManAsync(ct);
            operation.Finish(OperationStatus.Succeeded, Now);
            if (_touched.Contains(SwitchNetworkingStep.TargetName))
                await SetNetworkingAsync(_checkpoint!.Networking!.After, ct);
            if (operation.Kind == OperationKind.Apply)
            {
                await db.Hosts.Where(h => h.Id == operation.HostId)
                    .ExecuteUpdateAsync(h => h.SetProperty(x => x.AppliedRevision, operation.Revision), ct);
            }

            await SaveAsync(ct);
            return null;
        }

        /// <summary>Leaves the operation to its caller. No run waits for him: his word, or the end of his time, starts the next.</summary>
        private async Task<OperationError?> AskAsync(TimeSpan time, CancellationToken ct)
        {
            var by = operation.ConfirmBy ?? Now + time;
            if (HasCut && operation.DeadManFiresAt is null)
            {
                if (await ArmAsync(by - Now + Margin, ct) is { } failure)
                    return failure;
                meter.DeadMan("armed");
            }

            operation.AwaitConfirmation(by);
            await SaveAsync(ct);
            return null;
        }

        /// <summary>Everything was done and verified by a run before.</summary>
        private async Task<OperationError?> SettleAsync(CancellationToken ct)
        {
            if (operation.Confirmed)
                return operation.DeadManFiresAt is not null && await ComeBackAsync(null, ct) is { } error ? error : await SucceedAsync(ct);
            if (operation.CancelRequested)
                return new OperationError("operation.unconfirmed", "What was done is not to stay: the operation was cancelled instead of confirmed.");
            if (Now >= operation.ConfirmBy)
            {
                return new OperationError("operation.unconfirmed", string.Create(CultureInfo.InvariantCulture,
                    $"Nobody confirmed what was done within {operation.ConfirmSeconds} s."));
            }

            return await AskAsync(TimeSpan.Zero, ct);
        }

        private void Keep(Checkpoint checkpoint)
        {
            _checkpoint = checkpoint;
            operation.Checkpoint = CheckpointDocument.Of(checkpoint);
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

        private PlanRequest Request(GuestAction action) => new()
        {
            Allow = operation.Allow,
            Operation = operation.Id,
            Guest = operation.Guest,
            Targets = operation.Targets?.ToHashSet(),
            Action = action,
            Restart = Stopped(),
            Force = operation.Force,
            ShutdownTimeout = ShutdownTimeout,
        };

        /// <summary>The guests that the way forward has stopped, or was about to. Of these, a plan leaves alone who is not wanted or runs.</summary>
        private HashSet<string> Stopped() =>
            [.. operation.Steps.Where(s => s is { Rollback: false, Action: "guest.stop", StartedAt: not null }).Select(s => s.Target)];

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
            OperationKind.Apply or OperationKind.Enforce => GuestAction.Keep,
            OperationKind.Start => GuestAction.Start,
            OperationKind.Stop => GuestAction.Stop,
            OperationKind.Recreate => GuestAction.Recreate,
            _ => throw new ArgumentOutOfRangeException(nameof(kind)),
        };

        private Task<bool> IsCancelledAsync(CancellationToken ct) =>
            db.Operations.AsNoTracking().Where(o => o.Id == operation.Id).Select(o => o.CancelRequested).SingleAsync(ct);
    }
}

using Microsoft.EntityFrameworkCore;
using Xlnet.Domain.Operations;
using Xlnet.Domain.Planning;

namespace Xlnet.Infrastructure.Operations;

public sealed partial class OperationRunner
{
    private sealed partial class Run
    {
        private async Task BackAsync(OperationError error, CancellationToken ct)
        {
            LogFailed(logger, operation.Id, error.Step, error.Message);
            var checkpoint = _checkpoint ?? throw new InvalidOperationException("An operation without a checkpoint has nothing to go back to.");
            operation.BeginRollback(error.ToJson());
            await SaveAsync(ct);

            // One that fails does not keep the others from being undone, and the host itself says at the end what is left.
            List<string> failures = [];
            if (HasCut && await RestoreAsync(ct) is { } unrestored)
                failures.Add(unrestored);

            var observed = await Driver.ObserveAsync([.. checkpoint.Files.Keys], ct);
            var plan = Planner.PlanRollback(checkpoint, observed, _touched, ShutdownTimeout, Recreated());
            var journal = plan.Steps.Select(s => new Journalled(s, operation.Journal(s, rollback: true, StepDiff.Of(s)))).ToList();
            await SaveAsync(ct);

            foreach (var done in journal)
            {
                handover.Asked.ThrowIfCancellationRequested();
                if (await DoAsync([done], ct) is { } failed)
                    failures.Add($"{done.Step.Action} {done.Step.Target}: {failed.Message}");
            }

            observed = await Driver.ObserveAsync([.. checkpoint.Files.Keys], ct);
            var left = Planner.PlanRollback(checkpoint, observed, _touched, ShutdownTimeout, Recreated()).Steps;

            await ForgetArtifactsAsync(checkpoint, observed, ct);
            meter.RolledBack(whole: left.Count == 0);
            if (left.Count > 0)
            {
                var still = left.Select(s => $"{s.Action} {s.Target} is still to do");
                operation.Finish(OperationStatus.Failed, Now, (error with { RollbackError = string.Join("; ", failures.Concat(still)) }).ToJson());
            }
            else
            {
                await RemoveDeadManAsync(ct);
                if (_touched.Contains(SwitchNetworkingStep.TargetName))
                    await SetNetworkingAsync(checkpoint.Networking!.Before, ct);
                operation.Finish(error.Code == "operation.cancelled" ? OperationStatus.Cancelled : OperationStatus.RolledBack, Now);
            }

            await SaveAsync(ct);
        }

        /// <summary>The guests that the way back has created, and must not create again.</summary>
        private HashSet<string> Recreated() =>
            [.. operation.Steps.Where(s => s is { Rollback: true, Action: "guest.create", Status: OperationStepStatus.Succeeded }).Select(s => s.Target)];

        /// <summary>What the way back could not take away stays known, so that a later operation can.</summary>
        private Task<int> ForgetArtifactsAsync(Checkpoint checkpoint, HostObservation observed, CancellationToken ct)
        {
            string[] known = [.. checkpoint.WrittenFiles, .. checkpoint.MadeBridges, .. checkpoint.LeftBehind(observed)];
            return db.HostArtifacts.Where(a => a.HostId == operation.HostId && !known.Contains(a.Name)).ExecuteDeleteAsync(ct);
        }
    }
}

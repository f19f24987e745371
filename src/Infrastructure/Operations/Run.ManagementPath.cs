using System.Globalization;
using Xlnet.Domain.Operations;
using Xlnet.Domain.Planning;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Hosts.DeadMan;

namespace Xlnet.Infrastructure.Operations;

public sealed partial class OperationRunner
{
    /// <summary>
    /// Steps that may cut the connection over which they are done. The host gets a timer first that restores it; only a connection made
    /// after the step stops it. A connection that was open before may outlive a change that lets no new one in, so it proves nothing.
    /// </summary>
    private sealed partial class Run
    {
        /// <summary>
        /// How long after such a step began the host repairs itself. A command over a dead connection takes half of it to be given up,
        /// the other half is for the new connection.
        /// </summary>
        private static readonly TimeSpan Window = TimeSpan.FromSeconds(60);

        /// <summary>For the host to run its script, and for its network to come up.</summary>
        private static readonly TimeSpan Margin = TimeSpan.FromSeconds(30);

        private static readonly TimeSpan RestoreDelay = TimeSpan.FromSeconds(1);

        private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(1);

        /// <summary>Whether a step that may cut the connection has begun.</summary>
        private bool HasCut => operation.Steps.Any(s => s is { Rollback: false, Impact: Impact.ManagementPath, StartedAt: not null });

        /// <summary>A host that a run before had left with a timer may be out of reach until that has run out.</summary>
        private async Task OpenAsync(CancellationToken ct)
        {
            if (operation.DeadManFiresAt is null)
                _driver = await connector.OpenAsync(operation.HostId, ct);
            else
                await ReconnectAsync(ct);
        }

        /// <summary>Before the first step, so that a host that cannot repair itself is refused while nothing has changed.</summary>
        private async Task<OperationError?> PrepareAsync(PlanStep cutting, CancellationToken ct)
        {
            if (await Driver.DeadMan(operation.Id).CheckAsync(ct) is { } failure)
                return new OperationError(failure.Code, failure.Message, cutting.Id, cutting.Target);
            if (_checkpoint!.Routes is null)
            {
                Keep(_checkpoint with { Routes = await Driver.ReadRoutesAsync(ct) });
                await SaveAsync(ct);
            }

            return null;
        }

        private async Task<OperationError?> CutAsync(Journalled cutting, CancellationToken ct)
        {
            var step = cutting.Step;
            Touch(step.Action, step.Target);
            if (await ArmAsync(Window, ct) is { } unarmed)
                return unarmed with { Step = step.Id, Target = step.Target };
            meter.DeadMan("armed");

            var error = await ApplyAsync([cutting], ct);
            // Whether it was done is unknown when its answer was lost. Done again it is done, still under the timer.
            if (error is { Code: "host.unreachable" or "host.timed-out" })
            {
                if (await ReconnectOrExplainAsync(step, ct) is { } gone)
                    return gone;
                error = await ApplyAsync([cutting], ct);
            }

            return await ComeBackAsync(step, ct) ?? error;
        }

        /// <returns>Why the host could not be told to repair itself.</returns>
        private async Task<OperationError?> ArmAsync(TimeSpan after, CancellationToken ct)
        {
            var number = operation.ArmDeadMan(Now + after);
            await SaveAsync(ct);
            StepFailure? failure;
            try
            {
                failure = await Driver.DeadMan(operation.Id).ArmAsync(number, after, Script(number), ct);
            }
            catch (HostShellException e) when (e.FileCode is not null)
            {
                failure = new StepFailure("management-path.not-armed", $"The script by which the host would repair itself could not be written: {e.Message}");
            }

            if (failure is null)
                return null;
            operation.DisarmDeadMan();
            await SaveAsync(ct);
            return new OperationError(failure.Code, failure.Message);
        }

        private DeadManScript Script(int number) => DeadManScript.Of(_checkpoint!, _touched, _written, operation.Id, number);

        /// <summary>Over a new connection: the host has not repaired itself, and will not any more.</summary>
        /// <returns>That it has, or that it cannot be reached.</returns>
        private async Task<OperationError?> ComeBackAsync(PlanStep? step, CancellationToken ct)
        {
            if (await ReconnectOrExplainAsync(step, ct) is { } gone)
                return gone;
            var timer = Driver.DeadMan(operation.Id);
            if (await timer.DisarmAsync(operation.DeadManNumber, ct) is { } failure)
                return new OperationError(failure.Code, failure.Message, step?.Id, step?.Target);
            // It may have run out between the look and the stop.
            if (await RepairedAsync(step, "the answer came too late", ct) is { } repaired)
                return repaired;
            operation.DisarmDeadMan();
            await SaveAsync(ct);
            meter.DeadMan("disarmed");
            return null;
        }

        /// <summary>The run before this one died while a timer ran.</summary>
        private async Task<OperationError?> TakeUpAsync(CancellationToken ct)
        {
            if (await RepairedAsync(null, "xlnet was interrupted", ct) is { } repaired)
                return repaired;
            // Who waits to be confirmed keeps his timer.
            return operation.ConfirmBy is null ? await ComeBackAsync(null, ct) : null;
        }

        private async Task<OperationError?> ReconnectOrExplainAsync(PlanStep? step, CancellationToken ct)
        {
            string? reason;
            try
            {
                reason = await ReconnectAsync(ct);
            }
            catch (HostShellException e)
            {
                return new OperationError(
                    "management-path.lost",
                    $"{After(step)} the host could not be reached any more, and it still cannot be although it should have repaired itself by now: {e.Message}",
                    step?.Id, step?.Target);
            }

            return await RepairedAsync(step, reason, ct);
        }

        /// <summary>Tries until the timer must have run out and the host be back.</summary>
        /// <returns>Why it did not succeed at once; null when it did.</returns>
        /// <exception cref="HostShellException">It never did.</exception>
        private async Task<string?> ReconnectAsync(CancellationToken ct)
        {
            var until = operation.DeadManFiresAt + Margin + Margin ?? Now;
            string? reason = null;
            while (true)
            {
                try
                {
                    var fresh = await connector.OpenAsync(operation.HostId, fresh: true, ct);
                    if (_driver is { } old)
                        await old.DisposeAsync();
                    _driver = fresh;
                    await fresh.DeadMan(operation.Id).ReadRunsAsync(ct);
                    return reason;
                }
                catch (HostShellException e) when (Now < until)
                {
                    reason = e.Message;
                    await Task.Delay(RetryInterval, clock, ct);
                }
            }
        }

        /// <returns>That the host has repaired itself; null when it has not.</returns>
        private async Task<OperationError?> RepairedAsync(PlanStep? step, string? reason, CancellationToken ct)
        {
            if (await FindRunAsync(operation.DeadManNumber, ct) is not { } run)
                return null;
            operation.DisarmDeadMan();
            await SaveAsync(ct);
            meter.DeadMan("fired");
            var at = run.BeganAt is { } time ? string.Create(CultureInfo.InvariantCulture, $" at {time.UtcDateTime:yyyy-MM-dd'T'HH:mm:ss'Z'}") : "";
            return new OperationError(
                "management-path.lost",
                $"{After(step)} the host could not be reached{(reason is null ? "" : $" ({reason.TrimEnd('.')})")}. It repaired itself{at}, and has its former connection again.",
                step?.Id, step?.Target, Stdout: CommandDocument.Clean(await Driver.DeadMan(operation.Id).ReadLogAsync(ct) ?? ""), RestoredAt: run.BeganAt);
        }

        /// <summary>The run of the script, when it has ended; one that is under way is waited for.</summary>
        private async Task<DeadManRun?> FindRunAsync(int number, CancellationToken ct)
        {
            var until = Now + Margin;
            while (true)
            {
                var run = (await Driver.DeadMan(operation.Id).ReadRunsAsync(ct)).FirstOrDefault(r => r.Number == number);
                if (run is null or { Ended: true } || Now >= until)
                    return run;
                await Task.Delay(RetryInterval, clock, ct);
            }
        }

        /// <summary>
        /// Has the host run its script now: it does on its own what the way back may be cut off from. It runs by a timer too, so that it
        /// ends although the connection does not last.
        /// </summary>
        /// <returns>Why the host was not restored; null when it was.</returns>
        private async Task<string?> RestoreAsync(CancellationToken ct)
        {
            if (operation.DeadManFiresAt is null && await FindRunAsync(operation.DeadManNumber, ct) is not null)
                return null;
            var before = (Number: operation.DeadManNumber, IsArmed: operation.DeadManFiresAt is not null);
            var entry = operation.Journal(
                "0-host.restore", "host.restore", "host", Impact.ManagementPath, rollback: true, Script(before.Number + 1).Commands);
            entry.Start(Now);
            await SaveAsync(ct);
            var error = await ArmAsync(RestoreDelay, ct);
            if (error is null)
            {
                if (before.IsArmed)
                    await Driver.DeadMan(operation.Id).DisarmAsync(before.Number, ct);
                await Task.Delay(RestoreDelay, clock, ct);
                error = await WaitForRunAsync(ct);
            }

            operation.DisarmDeadMan();
            entry.Finish(error is null ? OperationStepStatus.Succeeded : OperationStepStatus.Failed, Now);
            await SaveAsync(ct);
            return error?.Message;
        }

        private async Task<OperationError?> WaitForRunAsync(CancellationToken ct)
        {
            var until = Now + Margin;
            while (true)
            {
                await ReconnectAsync(ct);
                if (await FindRunAsync(operation.DeadManNumber, ct) is { Ended: true })
                    return null;
                if (Now >= until)
                    return new OperationError("management-path.not-restored", "The host did not run the script that restores it.");
                await Task.Delay(RetryInterval, clock, ct);
            }
        }

        /// <summary>It is of no use any more: the operation has ended well, or everything is as it was.</summary>
        private async Task RemoveDeadManAsync(CancellationToken ct)
        {
            if (operation.DeadManNumber > 0)
                await Driver.DeadMan(operation.Id).RemoveAsync(ct);
        }

        private static string After(PlanStep? step) => step is null ? "Afterwards" : $"After {step.Action} of {step.Target}";
    }
}

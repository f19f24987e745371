using FsCheck;
using Xlnet.Domain.Planning;
using Xunit;

namespace Xlnet.Hosts.Tests.Planning;

/// <summary>Drift and plan say the same of random hosts. A failure names its seed.</summary>
public sealed class DriftPropertyTests
{
    [RandomProperty(MaxTest = 300)]
    public async Task Drift_AnyHost_IsThereExactlyWhenAnApplyWouldDoSomething(DoNotSize<int> seed)
    {
        var (lab, desired) = await Lab.WithAPastAsync(seed.Item);
        var observed = await lab.ObserveAllAsync(desired);
        var plan = Planner.Plan(desired, observed, new PlanRequest { Allow = Lab.Everything });
        var drift = Drift.Of(desired, observed).Entries.Where(e => e.Kind != DriftKind.Foreign).ToList();

        Assert.True(
            (plan.Steps.Count + plan.Pending.Count > 0) == drift.Count > 0,
            $"plan:\n{Lab.Show(plan)}\ndrift:\n{Show(drift)}\nafter:\n{lab.Log}");
        var targets = drift.Select(e => e.Target).ToHashSet();
        foreach (var step in plan.Steps.Concat(plan.Pending.Select(p => p.Step)))
            Assert.True(targets.Any(t => Covers(t, step, desired)), $"{step.Action} {step.Target} is in no drift:\n{Show(drift)}\nafter:\n{lab.Log}");
    }

    [RandomProperty(MaxTest = 200)]
    public async Task Enforce_EveryTargetInTurn_LeavesNothingButWhatIsForeign(DoNotSize<int> seed)
    {
        var (lab, desired) = await Lab.WithAPastAsync(seed.Item);
        // What one step needs of another target (a name that is still taken) the next round finds free.
        for (var round = 0; round < 4; round++)
        {
            foreach (var target in Drift.Of(desired, await lab.ObserveAllAsync(desired)).Entries.Where(e => e.Kind != DriftKind.Foreign).Select(e => e.Target).Distinct().ToList())
            {
                await lab.ApplyAsync(desired, new PlanRequest { Allow = Lab.Everything, Targets = new HashSet<string> { target } });
                desired = lab.Noted(desired);
            }
        }

        var observed = await lab.ObserveAllAsync(desired);
        var whole = Planner.Plan(desired, observed, new PlanRequest { Allow = Lab.Everything });
        Assert.True(whole.Steps.Count == 0, $"left:\n{Lab.Show(whole)}\nafter:\n{lab.Log}");
    }

    [RandomProperty(MaxTest = 200)]
    public async Task Plan_OfSomeTargets_TouchesNothingElse(DoNotSize<int> seed)
    {
        var (lab, desired) = await Lab.WithAPastAsync(seed.Item);
        var observed = await lab.ObserveAllAsync(desired);
        var targets = Drift.Of(desired, observed).Entries.Select(e => e.Target).Distinct().Where(_ => lab.Chance(40)).ToHashSet();
        var plan = Planner.Plan(desired, observed, new PlanRequest { Allow = Lab.Everything, Targets = targets });
        foreach (var step in plan.Steps.Where(s => s is not CreateBridgeStep))
            Assert.True(targets.Any(t => Covers(t, step, desired)), $"{step.Action} {step.Target} is in none of {string.Join(' ', targets)}\n{lab.Log}");
    }

    /// <summary>Whether a target is about what a step acts on; a vif's file is its guest's, and an emulated vif takes a recreate.</summary>
    private static bool Covers(string target, PlanStep step, DesiredState desired) => step switch
    {
        WriteFileStep { Path: "/etc/xen/xl.conf" } => target == DriftTarget.XlConf,
        WriteFileStep s => desired.Guests.Any(g => g.Path == s.Path && IsOf(target, g.Name)),
        DeleteFileStep => target.StartsWith("guests/", StringComparison.Ordinal),
        StopGuestStep or CreateGuestStep => IsOf(target, step.Target),
        AttachVifStep or DetachVifStep => target == "guests/" + step.Target || target == "guests/" + step.Target.Split('/')[0],
        _ => target == step.Target || step.Target.StartsWith(target + "/ports/", StringComparison.Ordinal),
    };

    private static bool IsOf(string target, string guest) => target == DriftTarget.Guest(guest) || target.StartsWith(DriftTarget.Guest(guest) + "/", StringComparison.Ordinal);

    private static string Show(IEnumerable<DriftEntry> entries) => string.Join('\n', entries.Select(e => $"{e.Target} {e.Field} {e.Kind}: {e.Message}"));
}

using FsCheck;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Hosts.Tests.Planning;

/// <summary>The planner, the driver and a simulated host together, for random wishes and random host states. A failure names its seed.</summary>
public sealed class PlanPropertyTests
{
    [RandomProperty(MaxTest = 300)]
    public async Task Apply_AnyPlan_SucceedsAndLeavesNothingToDo(DoNotSize<int> seed)
    {
        var (lab, desired) = await Lab.WithAPastAsync(seed.Item);
        var request = NextRequest(lab);
        await lab.ApplyAsync(desired, request);
        var again = Planner.Plan(lab.Noted(desired), await lab.ObserveAsync(lab.Noted(desired)), request);
        Assert.True(again.Steps.Count == 0, $"left to do:\n{Lab.Show(again)}\nafter:\n{lab.Log}");
    }

    [RandomProperty(MaxTest = 300)]
    public Task Rollback_AfterAFailureAnywhere_BringsTheHostBack(DoNotSize<int> seed) => RollBackAsync(seed.Item);

    /// <summary>Cases that were found at random.</summary>
    [Theory]
    [InlineData(531209713)] // vif-openvswitch fails while a guest goes, and leaves its port
    public Task Rollback_AfterThisFailure_BringsTheHostBack(int seed) => RollBackAsync(seed);

    private static async Task RollBackAsync(int seed)
    {
        var (lab, desired) = await Lab.WithAPastAsync(seed);
        var observed = await lab.ObserveAsync(desired);
        var checkpoint = Checkpoint.Of(observed, desired);
        var plan = Planner.Plan(desired, observed, NextRequest(lab));
        var failing = plan.Steps.Count == 0 ? 0 : lab.Next(plan.Steps.Count);
        var touched = new HashSet<string>();
        for (var i = 0; i < plan.Steps.Count; i++)
        {
            if (i == failing)
                await lab.ChangeAsync(state => Break(lab, state));
            touched.UnionWith(Touched(plan.Steps[i]));
            if (!await TryAsync(lab, plan.Steps[i]))
                break;
        }

        await lab.ChangeAsync(state =>
        {
            state.Faults.Clear();
            state.FailingScripts.Clear();
        });
        lab.Log.Append("rollback\n");
        var recreated = new HashSet<string>();
        var back = Planner.PlanRollback(checkpoint, await lab.ObserveAsync(desired), touched, TimeSpan.FromMinutes(1));
        foreach (var step in back.Steps)
        {
            if (await TryAsync(lab, step) && step is CreateGuestStep)
                recreated.Add(step.Target);
        }

        var after = await lab.ObserveAsync(desired);
        var left = Planner.PlanRollback(checkpoint, after, touched, TimeSpan.FromMinutes(1), recreated);
        // A guest whose vif had lost its bridge can't be created again by anyone, until the bridge is back.
        var broken = observed.Domains.Where(d => d.Vifs.Any(IsBroken)).Select(d => d.Name).ToHashSet();
        Assert.True(left.Steps.All(s => s is CreateGuestStep && broken.Contains(s.Target)), $"left to roll back:\n{Lab.Show(left)}\nafter:\n{lab.Log}");
        AssertAsBefore(observed, after, [.. recreated, .. left.Steps.Select(s => s.Target)], lab);
    }

    /// <summary>The rule of docs/architecture.md: at every point of a plan, a guest that no step names has its vifs, up, on their bridges.</summary>
    [RandomProperty(MaxTest = 200)]
    public async Task Apply_AtEveryStep_GuestsThatAreNotNamedKeepTheirLinks(DoNotSize<int> seed)
    {
        var (lab, desired) = await Lab.WithAPastAsync(seed.Item);
        var observed = await lab.ObserveAsync(desired);
        var plan = Planner.Plan(desired, observed, NextRequest(lab));
        var named = plan.Steps.Select(s => s.Target.Split('/')[0]).ToHashSet();
        var others = observed.Domains.Where(d => !named.Contains(d.Name)).ToList();
        var before = others.Select(d => Links(d, observed)).ToList();
        foreach (var step in plan.Steps)
        {
            Assert.True((await lab.ApplyAsync(step)).Succeeded, lab.Log.ToString());
            var now = await lab.ObserveAsync(desired);
            Assert.True(before.SequenceEqual(others.Select(d => Links(now.FindDomain(d.Name), now))), $"after {step.Id} {step.Target}:\n{lab.Log}");
        }

        static string Links(ObservedDomain? domain, HostObservation seen) => domain is null ? "gone" : string.Join(' ', domain.Vifs.Select(v =>
            $"{v.Devid}:{v.Dom0Name}:{v.Bridge}:{v.LinkUp}:{seen.FindBridge(v.Bridge ?? "")?.Ports.Contains(v.Dom0Name)}"));
    }

    [RandomProperty(MaxTest = 50)]
    public async Task Plan_Twice_IsTheSame(DoNotSize<int> seed)
    {
        var (lab, desired) = await Lab.WithAPastAsync(seed.Item);
        var observed = await lab.ObserveAsync(desired);
        var request = NextRequest(lab);
        var shuffled = desired with
        {
            WrittenFiles = desired.WrittenFiles.Reverse().ToHashSet(),
            MadeBridges = desired.MadeBridges.Reverse().ToHashSet(),
        };
        Assert.Equal(Lab.Show(Planner.Plan(desired, observed, request)), Lab.Show(Planner.Plan(shuffled, await lab.ObserveAsync(desired), request)));
    }

    [RandomProperty(MaxTest = 100)]
    public async Task Plan_OfOneGuest_TouchesNoOther(DoNotSize<int> seed)
    {
        var (lab, desired) = await Lab.WithAPastAsync(seed.Item);
        if (desired.Guests.Count == 0)
            return;
        var guest = lab.Pick(desired.Guests);
        var observed = await lab.ObserveAsync(desired);
        var plan = Planner.Plan(desired, observed, NextRequest(lab) with { Guest = guest.Name, Action = lab.Pick(Enum.GetValues<GuestAction>()) });
        var own = plan.Steps.Concat(plan.Pending.Select(p => p.Step)).Where(s => !s.Target.StartsWith("bridges/", StringComparison.Ordinal));
        Assert.All(own, s => Assert.True(s.Target == guest.Name || s.Target == guest.Path || s.Target.StartsWith(guest.Name + "/vifs/", StringComparison.Ordinal), s.Target));
        var conf = XlConf.Parse(XlText.FromBytes(observed.Files[Host.XlConfPath]!)).Defaults;
        var used = guest.Vifs.Select(v => "bridges/" + EffectiveVif.Resolve(v.Settings, guest.Type, conf).BridgeName);
        Assert.All(plan.Steps.Select(s => s.Target).Where(t => t.StartsWith("bridges/", StringComparison.Ordinal)), t => Assert.Contains(t, used));
    }

    private static PlanRequest NextRequest(Lab lab) => new()
    {
        Allow = lab.Chance(60) ? Lab.Everything : lab.Chance(50) ? PlanRequest.DefaultAllow : [],
        Force = lab.Chance(50),
    };

    private static void Break(Lab lab, SimulatedDom0State state)
    {
        switch (lab.Next(5))
        {
            case 0:
                state.FailingScripts.UnionWith(["/etc/xen/scripts/vif-bridge", "/etc/xen/scripts/vif-openvswitch", "/etc/xen/scripts/vif-route"]);
                break;
            case 1:
                state.Faults.Add(new SimulatedFault { Argv = ["xl", lab.Pick("network-attach", "network-detach", "create", "shutdown", "destroy")], Kind = SimulatedFaultKind.Fail, Stderr = "no\n" });
                break;
            default:
                state.Faults.Add(new SimulatedFault
                {
                    Kind = lab.Pick(SimulatedFaultKind.CutBefore, SimulatedFaultKind.CutAfter, SimulatedFaultKind.Hang, SimulatedFaultKind.Fail),
                    Skip = lab.Next(8),
                });
                break;
        }
    }

    private static async Task<bool> TryAsync(Lab lab, PlanStep step)
    {
        try
        {
            return (await lab.ApplyAsync(step)).Succeeded;
        }
        catch (HostShellException)
        {
            return false;
        }
    }

    private static bool IsBroken(ObservedVif vif) =>
        !vif.LinkUp || vif.Bridge is null && EffectiveVif.Resolve(vif.Settings, Domain.Guests.GuestType.Pv, VifDefaults.None).IsBridged;

    private static void AssertAsBefore(HostObservation before, HostObservation after, HashSet<string> recreated, Lab lab)
    {
        var story = lab.Log.ToString();
        // Open vSwitch keeps the port of a vif whose script could not take it away, without a device; no uplink of anyone's.
        var gone = before.Domains.SelectMany(d => d.Vifs).Select(v => v.Dom0Name).ToHashSet();
        Assert.All(before.Files, f => Assert.True(f.Value is null ? after.Files[f.Key] is null : f.Value.SequenceEqual(after.Files[f.Key] ?? []), $"{f.Key}\n{story}"));
        Assert.True(
            Bridges(before).SequenceEqual(Bridges(after, gone)), $"bridges\nhad: {string.Join(' ', Bridges(before))}\nhas: {string.Join(' ', Bridges(after, gone))}\n{story}");
        Assert.True(
            before.Domains.Select(d => d.Name).Except(recreated).Order().SequenceEqual(after.Domains.Select(d => d.Name).Except(recreated).Order()), $"domains\n{story}");
        foreach (var domain in before.Domains.Where(d => !recreated.Contains(d.Name)))
        {
            var now = after.FindDomain(domain.Name)!;
            // One that was broken before may have been mended, or have gone for good.
            var (sound, has) = (domain.Vifs.Where(v => !IsBroken(v)).Select(Show).ToList(), now.Vifs.Select(Show).ToList());
            Assert.True(sound.All(has.Contains) && now.Vifs.All(v => domain.FindVif(v.Devid) is not null),
                $"{domain.Name} had:\n{string.Join('\n', sound)}\nhas:\n{string.Join('\n', has)}\n{story}");
        }
    }

    /// <summary>A bridge that goes takes its ports along.</summary>
    private static IEnumerable<string> Touched(PlanStep step) =>
        step is DeleteBridgeStep { Ports: { } ports } delete ? [step.Target, .. ports.Select(p => PlanStep.PortTarget(delete.Name, p))] : [step.Target];

    private static IEnumerable<string> Bridges(HostObservation host, HashSet<string>? gone = null) =>
        host.Bridges.Select(b => $"{b.Name}:{b.Kind}:{b.Mtu}:{string.Join(',', host.Uplinks(b).Where(p => gone?.Contains(p) != true).Order())}").Order();

    private static string Show(ObservedVif vif)
    {
        var effective = EffectiveVif.Resolve(vif.Settings with { Mac = vif.Mac, Type = vif.Settings.Type ?? VifType.Vif, Rate = null }, Domain.Guests.GuestType.Pv, VifDefaults.None);
        return $"{vif.Devid} on {vif.Bridge}, rate {vif.Settings.Rate?.BytesPerInterval}: "
            + string.Join(' ', effective.Settings.Where(s => s.Value is { Length: > 0 }).Select(s => $"{s.Key}={s.Value}"));
    }
}

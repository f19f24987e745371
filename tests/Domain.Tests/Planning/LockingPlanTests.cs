using Xlnet.Domain.Bridges;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Vifs;
using Xunit;
using static Xlnet.Domain.Tests.Planning.PlanLab;

namespace Xlnet.Domain.Tests.Planning;

public sealed class LockingPlanTests
{
    private const string Vif = "mac=00:16:3e:80:00:01,vifname=web,ip=10.0.0.5";
    private static readonly DesiredState Open = Desired(Guest("web1", Vif));
    private static readonly DesiredState Locked = Open with { Guests = [Open.Guests[0] with { Vifs = [Open.Guests[0].Vifs[0] with { Locking = VifLocking.Locked }] }] };

    [Fact]
    public void Plan_LockedVifOfAGuestToStart_HasItsRulesFirst() =>
        Assert.Equal(["locking.set locking", "guest.create web1"], Plan(Locked, Observed(Locked), new PlanRequest { Guest = "web1", Action = GuestAction.Start }));

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, false)]
    public void Plan_RulesThatAreThere_AreSetOnlyWhenTheyAreNotInForceOrNotWanted(bool wanted, bool inForce)
    {
        var (desired, observed) = (wanted ? Locked : Open, WithRules(inForce));
        string[] steps = wanted && inForce ? [] : ["locking.set locking"];
        Assert.Equal(steps, Plan(desired, observed));
        Assert.Equal(steps.Length == 0, Drift.Of(desired, observed).InSync);
    }

    [Fact]
    public void Plan_OnlyABridge_LeavesTheRulesAlone() =>
        Assert.Empty(Plan(Locked, Observed(Locked), new PlanRequest { Targets = new HashSet<string> { "bridges/xenbr0" } }));

    [Theory]
    [InlineData("locking", "locking.set locking")]
    [InlineData("web1/vifs/0")]
    public void PlanRollback_RulesThatWereNotThereBefore_GoWhenThisOperationMadeThem(string touched, params string[] steps)
    {
        var before = Observed(Open, files: LockingFiles.Owned.ToDictionary(p => p, _ => (string?)null));
        var plan = Planner.PlanRollback(Checkpoint.Of(before, Locked), WithRules(inForce: true), new HashSet<string> { touched }, TimeSpan.FromMinutes(1));
        Assert.Equal(steps, Lines(plan));
        Assert.All(plan.Steps.OfType<SetLockingStep>(), s => Assert.All(s.To, f => Assert.Null(f.Value)));
    }

    /// <summary>xl runs the script of a vif once more when it is unplugged.</summary>
    [Fact]
    public void Plan_UnlockedOnOpenVSwitch_KeepsTheScriptUntilNoVifHasIt()
    {
        var desired = Desired(Guest("web1", Vif + ",script=vif-openvswitch,bridge=ovs1"));
        var observed = OnOpenVSwitch(desired);
        Assert.Equal(["locking.set locking", "vif.detach web1/vifs/0 vif-blip", "vif.attach web1/vifs/0 vif-blip", "locking.set locking"], Plan(desired, observed));
        var steps = Planner.Plan(desired, observed, new PlanRequest()).Steps.OfType<SetLockingStep>().ToList();
        Assert.Equal([LockingFiles.Rules, LockingFiles.UnitPath], steps[0].ChangedFiles);
        Assert.Equal(LockingFlows.Owned, steps[1].ChangedFiles);

        Assert.Contains("pending: locking.set locking: web1 runs with web, which was plugged by vif-xlnet-openvswitch", Plan(desired, observed, new PlanRequest { Allow = [] }));
        Assert.Equal(["locking.set locking", "guest.stop web1 guest-recreate", "locking.set locking"], Plan(desired, observed, new PlanRequest { Guest = "web1", Action = GuestAction.Stop }));
        Assert.Equal(["locking.set locking"], Plan(desired, observed with { Domains = [] }));
    }

    [Fact]
    public void Plan_LockedVifThatGoesToALinuxBridge_IsNeverWithoutRules()
    {
        var observed = OnOpenVSwitch(Locked) with { Bridges = [Bridge("xenbr0")], LockingInForce = true };
        Assert.Equal(["vif.detach web1/vifs/0 vif-blip", "vif.attach web1/vifs/0 vif-blip", "locking.set locking"], Plan(Locked, observed));
    }

    [Fact]
    public void PlanRollback_BackFromOpenVSwitch_KeepsTheScriptUntilItIsUnplugged()
    {
        var before = Observed(Open, domains: [Dom(1, "web1", PlanLab.Vif(1, Vif))], files: LockingFiles.Owned.ToDictionary(p => p, _ => (string?)null));
        var touched = new HashSet<string> { "locking", "web1/vifs/0" };
        Assert.Equal(
            ["locking.set locking", "vif.detach web1/vifs/0 vif-blip", "vif.attach web1/vifs/0 vif-blip", "locking.set locking"],
            Lines(Planner.PlanRollback(Checkpoint.Of(before, Open), OnOpenVSwitch(Open), touched, TimeSpan.FromMinutes(1))));
    }

    /// <summary>A host whose guest runs with a vif that is locked on Open vSwitch.</summary>
    private static HostObservation OnOpenVSwitch(DesiredState desired) => Observed(
        desired, [Dom(1, "web1", PlanLab.Vif(1, Vif + ",script=vif-xlnet-openvswitch,bridge=ovs1", on: "ovs1"))], [Bridge("xenbr0"), Bridge("ovs1", BridgeKind.OpenVSwitch)],
        RulesFor(openVSwitch: true));

    private static HostObservation WithRules(bool inForce) => Observed(Locked, files: RulesFor(openVSwitch: false)) with { LockingInForce = inForce };

    private static Dictionary<string, string?> RulesFor(bool openVSwitch) =>
        LockingFiles.Render([new LockedVif("web", Emulated: false, Locked.Guests[0].Vifs[0].Settings.Mac!, VifLockingRules.Addresses("10.0.0.5"), openVSwitch)])
            .ToDictionary(f => f.Key, f => f.Value is null ? null : System.Text.Encoding.UTF8.GetString(f.Value));
}

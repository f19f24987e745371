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

    private static HostObservation WithRules(bool inForce) => Observed(
        Locked, files: LockingFiles.Render([new LockedVif("web", Emulated: false, Locked.Guests[0].Vifs[0].Settings.Mac!, VifLockingRules.Addresses("10.0.0.5"))])
            .ToDictionary(f => f.Key, f => (string?)System.Text.Encoding.UTF8.GetString(f.Value!))) with { LockingInForce = inForce };
}

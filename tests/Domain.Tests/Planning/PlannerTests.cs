using System.Text;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Vifs;
using Xunit;
using static Xlnet.Domain.Tests.Planning.PlanLab;

namespace Xlnet.Domain.Tests.Planning;

public class PlannerTests
{
    private const string Mac1 = "mac=00:16:3e:80:00:01";
    private const string Mac2 = "mac=00:16:3e:80:00:02";

    [Fact]
    public void Plan_NothingDiffers_HasNoSteps()
    {
        var desired = Desired(Guest("web1", Mac1 + ",bridge=xenbr0"), Guest("off", ""));
        Assert.Empty(Plan(desired, Observed(desired, [Dom(1, "web1", Vif(1, Mac1 + ",bridge=xenbr0"))])));
    }

    [Theory]
    [InlineData(17, 0)]
    [InlineData(19, 2)]
    public void Plan_VlanOnARunningVif_CountsFromItsVersionOn(int minor, int steps)
    {
        var desired = Desired(Guest("web1", Mac1 + ",vlan=10"));
        var observed = Observed(desired, [Dom(1, "web1", Vif(1, Mac1))]) with { XenVersion = new XenVersion(4, minor) };
        Assert.Equal(steps, Plan(desired, observed).Length);
    }

    [Fact]
    public void Plan_EverythingDiffers_GoesInOrder()
    {
        var desired = Desired(
            Guest("a", Mac1 + ",bridge=br1", Mac2),
            Guest("b", GuestType.Hvm, "")) with
        {
            Defaults = new VifDefaults(Bridge: "br1"),
            Bridges = [new("br1", BridgeKind.Linux, 9000), new("xenbr0", BridgeKind.Linux, 1600)],
            WrittenFiles = new HashSet<string> { "/etc/xen/gone.cfg" },
            MadeBridges = new HashSet<string> { "old" },
        };
        var observed = Observed(
            desired,
            [
                Dom(1, "a", Vif(1, Mac1 + ",bridge=xenbr0"), Vif(1, "devid=5")),
                Dom(2, "b", Vif(2, "type=vif")) with { Type = GuestType.Hvm },
                Dom(3, "gone", Vif(3, "", on: "old")),
            ],
            [Bridge("xenbr0"), Bridge("old", ports: "vif3.0")],
            new Dictionary<string, string?> { ["/etc/xen/a.cfg"] = "old", ["/etc/xen/gone.cfg"] = "x" });
        Assert.Equal(
            [
                "file.write /etc/xen/xl.conf",
                "bridge.create bridges/br1",
                "bridge.set-mtu bridges/xenbr0",
                "file.write /etc/xen/a.cfg",
                "vif.detach a/vifs/0 vif-blip",
                "vif.detach a/vifs/5 vif-blip",
                "guest.stop b guest-recreate",
                "vif.attach a/vifs/0 vif-blip",
                "vif.attach a/vifs/1",
                "guest.create b guest-recreate",
                "guest.stop gone guest-recreate",
                "file.delete /etc/xen/gone.cfg",
                "bridge.delete bridges/old",
            ],
            Plan(desired, observed, new PlanRequest { Allow = Everything }));
    }

    [Theory]
    [InlineData(null, true, null, "")]
    [InlineData(true, true, null, "")]
    [InlineData(true, false, null, "bridge.set-vlan-filtering bridges/xenbr0")]
    [InlineData(false, true, null, "bridge.set-vlan-filtering bridges/xenbr0")]
    [InlineData(true, false, "xenbr0", "bridge.set-vlan-filtering bridges/xenbr0 management-path")]
    [InlineData(true, null, null, "bridge.create bridges/xenbr0")]
    public void Plan_VlanFiltering_IsSetWhereItIsAskedForAndDiffers(bool? wanted, bool? now, string? below, string expected)
    {
        var desired = Desired() with { Bridges = [new("xenbr0", BridgeKind.Linux, null, VlanFiltering: wanted)] };
        var observed = Observed(desired, bridges: now is null ? [] : [Bridge("xenbr0") with { VlanFiltering = now }]);
        if (below is not null)
            observed = observed with { Interfaces = [.. observed.Interfaces, new ObservedInterface(99, "xenbr0.7", "vlan", null, 1500, true, true, null, ["192.0.2.7/24"], Parent: below)] };
        var plan = Planner.Plan(desired, observed, new PlanRequest { Allow = Everything });
        Assert.Equal(expected, string.Join('|', Lines(plan)));
        Assert.Equal(expected.Length == 0 || now is null, Drift.Of(desired, observed).Entries.All(e => e.Field != "vlanFiltering"));
        if (now is { } before && expected.Length > 0)
        {
            var after = observed with { Bridges = [Bridge("xenbr0") with { VlanFiltering = !before }] };
            var back = Planner.PlanRollback(Checkpoint.Of(observed, desired), after, new HashSet<string> { "bridges/xenbr0" }, TimeSpan.FromMinutes(1));
            Assert.Equal(before, Assert.IsType<SetBridgeVlanFilteringStep>(Assert.Single(back.Steps)).VlanFiltering);
        }
    }

    [Fact]
    public void Plan_Ids_CountThroughStepsAndPending()
    {
        var desired = Desired(Guest("a", "bridge=br1", GuestVif)) with { Bridges = [new("br1", BridgeKind.Linux, null)] };
        var plan = Planner.Plan(desired, Observed(desired, [Dom(1, "a", Vif(1, ""))]), new PlanRequest { Allow = [] });
        Assert.Equal(["1-bridge.create", "2-vif.attach", "3-vif.detach", "4-vif.attach"], plan.Steps.Select(s => s.Id).Concat(plan.Pending.Select(p => p.Step.Id)));
        Assert.Equal(7, plan.Revision);
    }

    private const string GuestVif = "bridge=br1,devid=1";

    [Fact]
    public void Plan_BlipNotAllowed_IsPendingAndNewVifsAreNot()
    {
        var desired = Desired(Guest("a", Mac1, Mac2));
        var observed = Observed(desired, [Dom(1, "a", Vif(1, Mac1 + ",mtu=1400"))]);
        Assert.Equal(
            [
                "vif.attach a/vifs/1",
                "pending: vif.detach a/vifs/0: its impact 'vif-blip' is not in 'allow'",
                "pending: vif.attach a/vifs/0: its impact 'vif-blip' is not in 'allow'",
            ],
            Plan(desired, observed, new PlanRequest { Allow = [Impact.GuestRecreate] }));
    }

    [Fact]
    public void Plan_GuestThatWasStoppedToBeCreatedAnew_IsCreated()
    {
        var desired = Desired(Guest("a", ""), Guest("b", ""), Guest("off", ""));
        var observed = Observed(desired, [Dom(1, "b", Vif(1, ""))]);
        Assert.Equal(["guest.create a"], Plan(desired, observed, new PlanRequest { Restart = new HashSet<string> { "a", "b", "gone" } }));
    }

    [Fact]
    public void Plan_EmulatedVifOfHvm_NeedsARecreateAndTheRestIsHotPlugged()
    {
        var desired = Desired(Guest("a", GuestType.Hvm, Mac1, Mac2 + ",type=vif"));
        var observed = Observed(desired, [Dom(1, "a", Vif(1, Mac1 + ",type=ioemu,bridge=br9"))]);
        Assert.Equal(
            [
                "vif.attach a/vifs/1",
                "pending: guest.stop a: its impact 'guest-recreate' is not in 'allow'",
                "pending: guest.create a: follows the stop",
            ],
            Plan(desired, observed));
        Assert.Equal(["guest.stop a guest-recreate", "guest.create a guest-recreate"], Plan(desired, observed, new PlanRequest { Allow = Everything }));
    }

    [Fact]
    public void Plan_EmulatedVifThatRunsAsItShould_IsLeftAlone()
    {
        var desired = Desired(Guest("a", GuestType.Hvm, Mac1));
        Assert.Empty(Plan(desired, Observed(desired, [Dom(1, "a", Vif(1, Mac1 + ",type=ioemu"))]), new PlanRequest { Allow = Everything }));
    }

    [Fact]
    public void Plan_DefaultsThatChangeTheBridgeOfAnEmptyVif_ReplugsThatVifAlone()
    {
        var desired = Desired(Guest("a", "", "bridge=xenbr0")) with { Defaults = new VifDefaults(Bridge: "br1") };
        var observed = Observed(desired, [Dom(1, "a", Vif(1, ""), Vif(1, "bridge=xenbr0,devid=1"))], [Bridge("xenbr0"), Bridge("br1")]);
        Assert.Equal(["file.write /etc/xen/xl.conf", "vif.detach a/vifs/0 vif-blip", "vif.attach a/vifs/0 vif-blip"], Plan(desired, observed));
    }

    [Theory]
    [InlineData(GuestAction.Start, false, "guest.create a")]
    [InlineData(GuestAction.Start, true, "")]
    [InlineData(GuestAction.Stop, false, "")]
    [InlineData(GuestAction.Stop, true, "guest.stop a guest-recreate")]
    [InlineData(GuestAction.Recreate, false, "guest.create a")]
    [InlineData(GuestAction.Recreate, true, "guest.stop a guest-recreate|guest.create a guest-recreate")]
    [InlineData(GuestAction.Keep, false, "")]
    public void Plan_ActionOnAGuest_NeedsNoAllowance(GuestAction action, bool runs, string expected)
    {
        var desired = Desired(Guest("a", ""), Guest("b", "bridge=nowhere"));
        var observed = Observed(desired, runs ? [Dom(1, "a", Vif(1, "")), Dom(2, "b")] : [Dom(2, "b")]);
        Assert.Equal(expected, string.Join('|', Plan(desired, observed, new PlanRequest { Guest = "a", Action = action, Allow = [] })));
    }

    [Fact]
    public void Plan_OfOneGuest_TakesItsBridgesAndTheDefaultsThatTheHostHas()
    {
        var desired = Desired(Guest("a", ""), Guest("b", "bridge=br2")) with
        {
            Defaults = new VifDefaults(Bridge: "br2"),
            Bridges = [new("br1", BridgeKind.Linux, null), new("br2", BridgeKind.Linux, null), new("ovs1", BridgeKind.OpenVSwitch, null)],
            MadeBridges = new HashSet<string> { "old" },
        };
        var observed = Observed(desired, bridges: [Bridge("old")], conf: "vif.default.bridge='ovs1.10'\nvif.default.script='vif-openvswitch'\n");
        Assert.Equal(["bridge.create bridges/ovs1", "guest.create a"], Plan(desired, observed, new PlanRequest { Guest = "a", Action = GuestAction.Start }));
    }

    [Theory]
    [InlineData("bridge=xenbr0", "bridge=xenbr0", null, true)] // orphaned by a bridge that was made anew
    [InlineData("bridge=xenbr0", "bridge=xenbr0", "br1", true)]
    [InlineData("bridge=xenbr1", "bridge=xenbr1", "eth1", true)] // xenbr1 is not on the host: vif-bridge took eth1
    [InlineData("bridge=ovs1.10:20,script=vif-openvswitch", "bridge=ovs1.10:20,script=/etc/xen/scripts/vif-openvswitch", "ovs1", true)]
    [InlineData("bridge=ovs1.10:20,script=vif-openvswitch", "bridge=ovs1.10:30,script=vif-openvswitch", "ovs1", true)]
    [InlineData("script=vif-nat", "script=vif-nat", null, true)]
    [InlineData("script=vif-nat", "script=vif-nat", null, false)] // the script failed
    [InlineData("script=vif-mine", "script=vif-mine", null, false)]
    [InlineData("backend=netdom", "backend=netdom", null, false)]
    [InlineData("backend=netdom", "backend=0", "xenbr0", true)]
    [InlineData("backend=0", "backend=Domain-0", "xenbr0", true)]
    [InlineData("rate=9999Kb/s@7us", "rate=8000Kb/s@7us", "xenbr0", true)] // both are 7 or 8 bytes an interval
    [InlineData("rate=10Mb/s", "rate=10Mb/s@20ms", "xenbr0", true)]
    [InlineData("model=e1000", "", "xenbr0", true)]
    [InlineData("", "trusted", "xenbr0", true)]
    [InlineData("", "untrusted", "xenbr0", true)]
    [InlineData("mtu=1500", "", "xenbr0", true)]
    public void Plan_RunningVif_IsReplacedWhenItDiffersInWhatCounts(string wanted, string live, string? on, bool up)
    {
        var different = (wanted, live, on, up) switch
        {
            ("bridge=xenbr0", _, _, _) => true,
            ("script=vif-nat", _, _, false) => true,
            ("bridge=ovs1.10:20,script=vif-openvswitch", "bridge=ovs1.10:30,script=vif-openvswitch", _, _) => true,
            ("backend=netdom", "backend=0", _, _) => true,
            ("rate=9999Kb/s@7us", _, _, _) => Rate.Parse("9999Kb/s@7us").BytesPerInterval != Rate.Parse("8000Kb/s@7us").BytesPerInterval,
            ("rate=10Mb/s", _, _, _) => true,
            ("", "untrusted", _, _) => true,
            _ => false,
        };
        var desired = Desired(Guest("a", wanted));
        var observed = Observed(desired, [Dom(1, "a", Vif(1, live, on, up))]);
        Assert.Equal(different ? ["vif.detach a/vifs/0 vif-blip", "vif.attach a/vifs/0 vif-blip"] : [], Plan(desired, observed));
    }

    [Fact]
    public void Plan_VifOnTheOldEthBridge_IsMovedOnceXenbrIsThere()
    {
        var desired = Desired(Guest("a", "bridge=xenbr1")) with { Bridges = [new("xenbr1", BridgeKind.Linux, null)] };
        var observed = Observed(desired, [Dom(1, "a", Vif(1, "bridge=xenbr1", on: "eth1"))], [Bridge("eth1", ports: "vif1.0")]);
        Assert.Equal(["bridge.create bridges/xenbr1", "vif.detach a/vifs/0 vif-blip", "vif.attach a/vifs/0 vif-blip"], Plan(desired, observed));
    }

    [Fact]
    public void Plan_LeftoverOfAFailedAttach_IsReplaced()
    {
        var desired = Desired(Guest("a", Mac1 + ",vifname=n1"));
        var leftover = Vif(1, Mac1 + ",vifname=n1", on: null, up: false, name: "vif1.0");
        Assert.Equal(["vif.detach a/vifs/0 vif-blip", "vif.attach a/vifs/0 vif-blip"], Plan(desired, Observed(desired, [Dom(1, "a", leftover)])));
    }

    [Fact]
    public void Plan_VifNameThatMoves_IsFreeWhenItArrives()
    {
        // From a to b, from b to a, and from a guest that is created anew to c.
        var desired = Desired(Guest("a", "vifname=y"), Guest("b", "vifname=x"), Guest("c", "vifname=z"), Guest("d", GuestType.Hvm, ""));
        var observed = Observed(desired, [Dom(1, "a", Vif(1, "vifname=x")), Dom(2, "b", Vif(2, "vifname=y")), Dom(3, "c"), Dom(4, "d", Vif(4, "vifname=z"))]);
        Assert.Equal(
            [
                "vif.detach a/vifs/0 vif-blip", "vif.detach b/vifs/0 vif-blip", "guest.stop d guest-recreate",
                "vif.attach a/vifs/0 vif-blip", "vif.attach b/vifs/0 vif-blip", "vif.attach c/vifs/0", "guest.create d guest-recreate",
            ],
            Plan(desired, observed, new PlanRequest { Allow = Everything }));
        Assert.Contains("pending: vif.attach c/vifs/0: the host has another interface z", Plan(desired, observed));
    }

    [Fact]
    public void Plan_VifNamesThatWaitForOneAnother_AreAllHeld()
    {
        var desired = Desired(Guest("a", "vifname=y"), Guest("b", "vifname=z"));
        var observed = Observed(desired, [Dom(1, "a", Vif(1, "vifname=x")), Dom(2, "b", Vif(2, "vifname=y"))], interfaces: ["z"]);
        Assert.Equal(
            ["pending: vif.attach a/vifs/0: the host has another interface y", "pending: vif.attach b/vifs/0: the host has another interface z"],
            Plan(desired, observed));
    }

    [Fact]
    public void Plan_StartWithAVifNameThatIsTaken_IsHeld()
    {
        var desired = Desired(Guest("a", "vifname=x"));
        var observed = Observed(desired, [Dom(1, "a-renamed-by-hand", Vif(1, "vifname=x"))]);
        Assert.Equal(["pending: guest.create a: the host has another interface x"], Plan(desired, observed, new PlanRequest { Guest = "a", Action = GuestAction.Start }));
    }

    [Theory]
    [InlineData(DomainState.Crashed, true)]
    [InlineData(DomainState.Shutdown, true)]
    [InlineData(DomainState.Dying, true)]
    [InlineData(DomainState.Paused, false)]
    [InlineData(DomainState.Blocked, false)]
    public void Plan_DomainThatHasEnded_IsNotPluggedButStartsAnew(DomainState state, bool ended)
    {
        var desired = Desired(Guest("a", Mac1));
        var observed = Observed(desired, [Dom(1, "a") with { State = state }]);
        Assert.Equal(
            ended ? ["pending: vif.attach a/vifs/0: the domain of a has ended and is kept as it was: start or recreate the guest"] : ["vif.attach a/vifs/0"],
            Plan(desired, observed));
        var start = Planner.Plan(desired, observed, new PlanRequest { Guest = "a", Action = GuestAction.Start });
        Assert.Equal(ended ? ["guest.stop a guest-recreate", "guest.create a guest-recreate"] : ["vif.attach a/vifs/0"], Lines(start));
        Assert.All(start.Steps.OfType<StopGuestStep>(), s => Assert.True(s.Force));
    }

    [Fact]
    public void Plan_Bridge_OfTheOtherKindOrBehindAnInterface_IsHeld()
    {
        var desired = Desired() with { Bridges = [new("xenbr0", BridgeKind.OpenVSwitch, null), new("eth7", BridgeKind.Linux, null)] };
        Assert.Equal(
            [
                "pending: bridge.create bridges/xenbr0: the host has a bridge xenbr0 of the other kind, and its guests are on it",
                "pending: bridge.create bridges/eth7: the host has an interface eth7 that is no bridge",
            ],
            Plan(desired, Observed(desired, interfaces: ["eth7"])));
    }

    [Fact]
    public void Plan_WhatXlnetDidNotPut_Stays()
    {
        var desired = Desired();
        var observed = Observed(desired, [Dom(1, "other", Vif(1, ""))], [Bridge("xenbr0"), Bridge("br9")], new Dictionary<string, string?> { ["/etc/xen/other.cfg"] = "x" });
        Assert.Empty(Plan(desired, observed, new PlanRequest { Allow = Everything }));
    }

    [Fact]
    public void Plan_BridgeThatIsStillInUse_Stays()
    {
        var desired = Desired(Guest("a", "bridge=br2")) with { MadeBridges = new HashSet<string> { "br1", "br2", "br3" } };
        var observed = Observed(
            desired, [Dom(1, "a"), Dom(2, "other", Vif(2, "bridge=br1", on: "br1"))], [Bridge("br1", ports: "vif2.0"), Bridge("br2"), Bridge("br3", ports: "eth9")]);
        Assert.Equal(
            [
                "vif.attach a/vifs/0",
                "pending: bridge.delete bridges/br1: vif2.0 is still on it",
                "pending: bridge.delete bridges/br2: vif 0 of a is to be on it",
                "pending: bridge.delete bridges/br3: its impact 'management-path' is not in 'allow'",
            ],
            Plan(desired, observed));
    }

    [Fact]
    public void Plan_RemovedGuestThatMayNotBeStopped_KeepsItsFile()
    {
        var desired = Desired() with { WrittenFiles = new HashSet<string> { "/etc/xen/gone.cfg" } };
        var observed = Observed(desired, [Dom(1, "gone")], files: new Dictionary<string, string?> { ["/etc/xen/gone.cfg"] = "x" });
        Assert.Equal(
            ["pending: guest.stop gone: its impact 'guest-recreate' is not in 'allow'", "pending: file.delete /etc/xen/gone.cfg: gone still runs from it"],
            Plan(desired, observed));
    }

    [Fact]
    public void Plan_Defaults_KeepTheRestOfXlConf()
    {
        var desired = Desired() with { Defaults = new VifDefaults(Bridge: "br1") };
        var step = Assert.IsType<WriteFileStep>(Assert.Single(Planner.Plan(desired, Observed(desired, conf: "# mine\nautoballoon='off'\n"), new PlanRequest()).Steps));
        Assert.Equal("# mine\nautoballoon='off'\nvif.default.bridge=\"br1\"\n", Encoding.UTF8.GetString(step.Content));
    }
}

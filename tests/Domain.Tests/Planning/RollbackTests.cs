using Xlnet.Domain.Planning;
using Xunit;
using static Xlnet.Domain.Tests.Planning.PlanLab;

namespace Xlnet.Domain.Tests.Planning;

public class RollbackTests
{
    private static readonly DesiredState Wanted = Desired(Guest("a", ""), Guest("b", ""));

    private static string[] Back(HostObservation before, HostObservation now, string touched, params string[] recreated) =>
        Lines(Planner.PlanRollback(Checkpoint.Of(before, Wanted), now, touched.Split(' ').ToHashSet(), TimeSpan.FromMinutes(1), recreated.ToHashSet()));

    [Fact]
    public void PlanRollback_WhatWasNotTouched_Stays()
    {
        var before = Observed(Wanted, [Dom(1, "a", Vif(1, ""))]);
        var now = Observed(Wanted, [Dom(1, "a"), Dom(2, "b")], [Bridge("br1")], new Dictionary<string, string?> { ["/etc/xen/a.cfg"] = "x" });
        Assert.Empty(Back(before, now, "nothing"));
    }

    [Fact]
    public void PlanRollback_EverythingTouched_GoesInOrder()
    {
        var before = Observed(Wanted, [Dom(1, "a", Vif(1, "vifname=x")), Dom(2, "b", Vif(2, ""))], [Bridge("xenbr0"), Bridge("old", mtu: 9000)], conf: "x=1\n");
        var now = Observed(
            Wanted, [Dom(1, "a", Vif(1, "bridge=br1", on: "br1")), Dom(3, "b", Vif(3, "vifname=x"))], [Bridge("xenbr0", mtu: 9000), Bridge("br1")],
            new Dictionary<string, string?> { ["/etc/xen/a.cfg"] = "x", ["/etc/xen/b.cfg"] = null }, conf: "x=2\n");
        Assert.Equal(
            [
                "bridge.set-mtu bridges/xenbr0", "bridge.create bridges/old",
                "file.write /etc/xen/a.cfg", "file.write /etc/xen/b.cfg", "file.write /etc/xen/xl.conf",
                "vif.detach a/vifs/0 vif-blip", "guest.stop b guest-recreate", "vif.attach a/vifs/0 vif-blip", "guest.create b guest-recreate",
                "bridge.delete bridges/br1",
            ],
            Back(before, now, "bridges/xenbr0 bridges/old bridges/br1 /etc/xen/a.cfg /etc/xen/b.cfg /etc/xen/xl.conf a/vifs/0 b"));
    }

    [Fact]
    public void PlanRollback_VifOfATimeWithoutDefaults_IsPluggedAgainstThem()
    {
        var before = Observed(Wanted, [Dom(1, "a", Vif(1, ""))], conf: "vif.default.bridge='br1'\nvif.default.gatewaydev='eth0'\n");
        var now = Observed(Wanted, [Dom(1, "a")], conf: "vif.default.bridge='br1'\nvif.default.gatewaydev='eth0'\n");
        var plan = Planner.PlanRollback(Checkpoint.Of(before, Wanted), now, new HashSet<string> { "a/vifs/0" }, TimeSpan.FromMinutes(1));
        var settings = Assert.IsType<AttachVifStep>(Assert.Single(plan.Steps)).Settings;
        Assert.Equal(("xenbr0", "", null), (settings.Bridge, settings.GatewayDev, settings.Script));

        var after = Observed(Wanted, [Dom(1, "a", Vif(1, "bridge=xenbr0,gatewaydev="))]);
        Assert.Empty(Back(before, after, "a/vifs/0"));
    }

    [Theory]
    [InlineData("a/vifs/0", "vif.detach a/vifs/0 vif-blip|vif.attach a/vifs/0 vif-blip")]
    [InlineData("a/vifs/0 a", "guest.stop a guest-recreate|guest.create a guest-recreate")]
    public void PlanRollback_GuestWithAnotherDomid_HasRebootedUnlessWeDidIt(string touched, string expected)
    {
        var before = Observed(Wanted, [Dom(1, "a", Vif(1, ""))]);
        var now = Observed(Wanted, [Dom(5, "a", Vif(5, "mtu=1400"))]);
        Assert.Equal(expected, string.Join('|', Back(before, now, touched)));
    }

    [Fact]
    public void PlanRollback_GuestThatTheWayBackCreated_IsNotCreatedTwice()
    {
        var before = Observed(Wanted, [Dom(1, "a")]);
        Assert.Empty(Back(before, Observed(Wanted, [Dom(5, "a")]), "a", "a"));
        Assert.Equal(["guest.create a guest-recreate"], Back(before, Observed(Wanted), "a", "a"));
    }

    [Fact]
    public void PlanRollback_GuestThatRanWithoutAFile_ComesBackFromTheNewOneFirst()
    {
        var none = new Dictionary<string, string?> { ["/etc/xen/a.cfg"] = null };
        Assert.Equal(
            ["guest.create a guest-recreate", "file.delete /etc/xen/a.cfg"],
            Back(Observed(Wanted, [Dom(1, "a")], files: none), Observed(Wanted), "a /etc/xen/a.cfg"));
    }

    [Fact]
    public void PlanRollback_GuestThatDidNotRun_IsEnded() =>
        Assert.Equal(["guest.stop a guest-recreate"], Back(Observed(Wanted), Observed(Wanted, [Dom(1, "a")]), "a"));

    [Fact]
    public void PlanRollback_VifThatWasOrphaned_MayBeOnItsBridge()
    {
        var before = Observed(Wanted, [Dom(1, "a", Vif(1, "bridge=br1", on: null))]);
        Assert.Empty(Back(before, Observed(Wanted, [Dom(1, "a", Vif(1, "bridge=br1", on: "br1"))]), "a/vifs/0"));
    }

    [Fact]
    public void LeftBehind_AfterARollbackThatFailed_NamesWhatIsStillThere()
    {
        var none = new Dictionary<string, string?> { ["/etc/xen/a.cfg"] = null };
        var checkpoint = Checkpoint.Of(Observed(Wanted, files: none), Wanted);
        Assert.Empty(checkpoint.LeftBehind(Observed(Wanted, files: none)));
        Assert.Equal(["/etc/xen/a.cfg", "br1"], checkpoint.LeftBehind(Observed(Wanted, bridges: [Bridge("xenbr0"), Bridge("br1")])).Order());
        Assert.Equal(["/etc/xen/a.cfg"], checkpoint.LeftBehind(Observed(Wanted, files: new Dictionary<string, string?> { ["/etc/xen/a.cfg"] = "" })));
    }
}

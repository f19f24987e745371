using Xlnet.Domain.Bridges;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Xl;
using Xunit;

namespace Xlnet.Domain.Tests.Planning;

public class DriftTests
{
    [Fact]
    public void Of_HostAsWanted_IsInSync()
    {
        var desired = PlanLab.Desired(PlanLab.Guest("web1", "mac=00:16:3e:80:00:01,bridge=xenbr0"));
        var observed = PlanLab.Observed(desired, [PlanLab.Dom(3, "web1", PlanLab.Vif(3, "mac=00:16:3e:80:00:01,bridge=xenbr0"))]);
        Assert.True(Drift.Of(desired, observed).InSync);
    }

    [Theory]
    [InlineData("mac=00:16:3e:80:00:01", "mac=00:16:3e:80:00:02", "mac", "00:16:3e:80:00:01", "00:16:3e:80:00:02")]
    [InlineData("", "bridge=br1", "bridge", "xenbr0", "br1")]
    [InlineData("script=vif-route", "script=vif-nat", "script", "vif-route", "vif-nat")]
    [InlineData("rate=1Mb/s", "", "rate", "1Mb/s", null)]
    [InlineData("", "mtu=1400", "mtu", "1500", "1400")]
    [InlineData("", "vifname=eth9", "vifname", null, "eth9")]
    [InlineData("ip=10.0.0.1", "ip=10.0.0.2", "ip", "10.0.0.1", "10.0.0.2")]
    [InlineData("", "untrusted", "trusted", "true", "false")]
    [InlineData("", "gatewaydev=eth1", "gatewaydev", null, "eth1")]
    [InlineData("", "backend=net", "backend", "0", "net")]
    public void Of_SettingThatDiffers_IsShownFromTheFileAndFromWhatRuns(string wanted, string other, string field, string? database, string? value)
    {
        var desired = PlanLab.Desired(PlanLab.Guest("web1", wanted));
        var changed = PlanLab.Observed(desired, files: new Dictionary<string, string?> { ["/etc/xen/web1.cfg"] = PlanLab.File("web1", other) });
        Assert.Contains(Drift.Of(desired, changed).Entries, e => (e.Target, e.Field, e.Database, e.File, e.Live) == ("guests/web1/vifs/0", field, database, value, null));

        var on = VifSpec.Read(other).Settings.Bridge ?? "xenbr0";
        var runs = PlanLab.Observed(desired, [PlanLab.Dom(3, "web1", PlanLab.Vif(3, other, on: on))]);
        Assert.Contains(Drift.Of(desired, runs).Entries, e => (e.Target, e.Field, e.Database, e.Live) == ("guests/web1/vifs/0", field, database, value));
        Assert.DoesNotContain(Drift.Of(desired, runs).Entries, e => e.Field == DriftEntry.FileField);
    }

    [Fact]
    public void Of_LinkThatIsDown_IsNoSettingOfTheFile()
    {
        var desired = PlanLab.Desired(PlanLab.Guest("web1", ""));
        var observed = PlanLab.Observed(desired, [PlanLab.Dom(3, "web1", PlanLab.Vif(3, "", up: false))]);
        var entry = Assert.Single(Drift.Of(desired, observed).Entries);
        Assert.Equal(("link", "up", null, "down"), (entry.Field, entry.Database, entry.File, entry.Live));
    }

    [Fact]
    public void Of_BridgesFilesAndDomains_NamesEachKind()
    {
        var desired = PlanLab.Desired(PlanLab.Guest("web1")) with
        {
            Bridges = [new("xenbr0", BridgeKind.OpenVSwitch, null), new("br1", BridgeKind.Linux, 9000), new("br2", BridgeKind.Linux, null)],
            WrittenFiles = new HashSet<string> { "/etc/xen/old.cfg" },
            MadeBridges = new HashSet<string> { "br3" },
        };
        var observed = PlanLab.Observed(
            desired, [PlanLab.Dom(4, "loose")], [PlanLab.Bridge("xenbr0"), PlanLab.Bridge("br1"), PlanLab.Bridge("br3")],
            new Dictionary<string, string?> { ["/etc/xen/web1.cfg"] = null, ["/etc/xen/old.cfg"] = PlanLab.File("old"), ["/etc/xen/s.cfg"] = PlanLab.File("stray") });
        Assert.Equal(
            [
                ("bridges/xenbr0", "kind", DriftKind.Changed), ("bridges/br1", "mtu", DriftKind.Changed), ("bridges/br2", "bridge", DriftKind.Missing),
                ("bridges/br3", "bridge", DriftKind.Leftover), ("guests/web1", "file", DriftKind.Missing), ("guests/old", "file", DriftKind.Leftover),
                ("guests/stray", "file", DriftKind.Foreign), ("guests/loose", "domain", DriftKind.Foreign),
            ],
            Drift.Of(desired, observed).Entries.Select(e => (e.Target, e.Field, e.Kind)));
    }

    [Fact]
    public void Of_DefaultsThatDiffer_ShowsEach()
    {
        var desired = PlanLab.Desired() with { Defaults = new VifDefaults("vif-bridge", "br1") };
        var observed = PlanLab.Observed(desired, conf: "vifscript='vif-bridge'\nvif.default.gatewaydev='eth0'\n");
        Assert.Equal(
            [("file", "present", "changed"), ("vif.default.bridge", "br1", null), ("vif.default.gatewaydev", null, "eth0")],
            Drift.Of(desired, observed).Entries.Select(e => (e.Field, e.Database, e.File)));
    }

    [Theory]
    [InlineData("xl.conf", true)]
    [InlineData("bridges/xenbr0", true)]
    [InlineData("guests/web1", true)]
    [InlineData("guests/web1/vifs/0", true)]
    [InlineData("guests/web1/vifs/65535", true)]
    [InlineData("guests/web1/vifs/65536", false)]
    [InlineData("guests/web1/vifs/00", false)]
    [InlineData("guests/web1/vifs", false)]
    [InlineData("guests/", false)]
    [InlineData("guests/..", false)]
    [InlineData("bridges/a b", false)]
    [InlineData("web1", false)]
    [InlineData(null, false)]
    public void TryParse_Target_PrintsAsItWasWritten(string? text, bool good) => Assert.Equal(good ? text : null, DriftTarget.TryParse(text)?.ToString());

    [Theory]
    [InlineData("mac=00:16:3e:80:00:01,bridge=br1", "mac=00:16:3e:80:00:02,bridge=br2", "br2", "mac=00:16:3e:80:00:02,bridge=br2")]
    [InlineData("bridge=br1", "bridge=br1", "br2", "bridge=br2")]
    [InlineData("script=vif-openvswitch,bridge=ovs1.10", "script=vif-openvswitch,bridge=ovs1.20", "ovs1", "bridge=ovs1.20,script=vif-openvswitch")]
    [InlineData("rate=1Mb/s,mtu=1400", "", "xenbr0", "")]
    [InlineData("backend=net", "", "xenbr0", "backend=0")]
    [InlineData("", "trusted,forwarddev=x", "xenbr0", "forwarddev=x")]
    [InlineData("bridge=xenbr0", "bridge=xenbr0", null, "bridge=xenbr0")]
    public void Accept_RunningVif_TakesWhatDiffers(string database, string runs, string? on, string expected)
    {
        var settings = RunningVif.Accept(
            VifSpec.Read(database).Settings, VifDefaults.None, PlanLab.Vif(3, runs, on), GuestType.Pv, new HashSet<string> { "xenbr0", "br1", "br2", "ovs1" });
        Assert.Equal(expected, VifSpec.Render(settings));
    }

    [Fact]
    public void Plan_OneVif_LeavesItsSiblingsPlugged()
    {
        var desired = PlanLab.Desired(PlanLab.Guest("web1", "mtu=1400", "mtu=1400"), PlanLab.Guest("web2", "mtu=1400"));
        var observed = PlanLab.Observed(
            desired, [PlanLab.Dom(3, "web1", PlanLab.Vif(3, ""), PlanLab.Vif(3, "devid=1")), PlanLab.Dom(4, "web2", PlanLab.Vif(4, ""))],
            files: new Dictionary<string, string?> { ["/etc/xen/web1.cfg"] = PlanLab.File("web1", "", ""), ["/etc/xen/web2.cfg"] = null });
        Assert.Equal(
            ["file.write /etc/xen/web1.cfg", "vif.detach web1/vifs/1 vif-blip", "vif.attach web1/vifs/1 vif-blip"],
            PlanLab.Plan(desired, observed, new PlanRequest { Targets = new HashSet<string> { "guests/web1/vifs/1" } }));
    }

    [Fact]
    public void Plan_GuestOnAMissingBridge_MakesTheBridgeToo()
    {
        var desired = PlanLab.Desired(PlanLab.Guest("web1", "bridge=br1")) with { Bridges = [new("br1", BridgeKind.Linux, null), new("br2", BridgeKind.Linux, null)] };
        var observed = PlanLab.Observed(desired, [PlanLab.Dom(3, "web1")]);
        Assert.Equal(
            ["bridge.create bridges/br1", "vif.attach web1/vifs/0"],
            PlanLab.Plan(desired, observed, new PlanRequest { Targets = new HashSet<string> { "guests/web1" } }));
    }

    [Fact]
    public void PlanRollback_GuestOfAFileWithAnotherName_IsCreatedFromThatFile()
    {
        var desired = PlanLab.Desired(PlanLab.Guest("bar") with { Path = "/etc/xen/foo.cfg" });
        var checkpoint = Checkpoint.Of(PlanLab.Observed(desired, [PlanLab.Dom(3, "bar")]), desired);
        var plan = Planner.PlanRollback(checkpoint, PlanLab.Observed(desired), new HashSet<string> { "bar" }, TimeSpan.FromSeconds(1));
        Assert.Equal("/etc/xen/foo.cfg", Assert.IsType<CreateGuestStep>(Assert.Single(plan.Steps)).ConfigPath);
    }

    [Fact]
    public void Plan_LeftFileOfAnotherName_StopsTheGuestThatRunsFromIt()
    {
        var desired = PlanLab.Desired() with { WrittenFiles = new HashSet<string> { "/etc/xen/foo.cfg" } };
        var observed = PlanLab.Observed(desired, [PlanLab.Dom(3, "bar")], files: new Dictionary<string, string?> { ["/etc/xen/foo.cfg"] = PlanLab.File("bar") });
        Assert.Equal(
            ["guest.stop bar guest-recreate", "file.delete /etc/xen/foo.cfg"],
            PlanLab.Plan(desired, observed, new PlanRequest { Allow = PlanLab.Everything }));
    }

    [Fact]
    public void Adopt_RunningVifWithoutAnAddressInTheFile_HoldsItsOwnUnlessItIsTaken()
    {
        var nothing = PlanLab.Desired();
        var live = PlanLab.Vif(3, "");
        var observed = PlanLab.Observed(nothing, [PlanLab.Dom(3, "web1", live)], files: new Dictionary<string, string?> { ["/etc/xen/web1.cfg"] = "kernel = '/k'\n" + PlanLab.File("web1", "") });
        Assert.Equal(live.Mac, Assert.Single(Adopt(nothing, observed).Guests).Held[0]);
        Assert.Empty(Assert.Single(Adopt(nothing, observed, taken: true).Guests).Held);
    }

    private static Adoption Adopt(DesiredState desired, HostObservation observed, bool taken = false) =>
        Adoption.Of(desired, observed, new AdoptionRequest { Accepts = _ => false, WhyTaken = (_, _, _) => taken ? "taken" : null });
}

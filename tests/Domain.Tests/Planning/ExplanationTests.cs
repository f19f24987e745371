using Xlnet.Domain.Bridges;
using Xlnet.Domain.Common;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;
using Xunit;

namespace Xlnet.Domain.Tests.Planning;

public class ExplanationTests
{
    [Fact]
    public void Of_EmptyVif_IsOneSentenceAndEveryDefault() => Check(Ask(""), """
        This vif is connected to the bridge xenbr0 by the script vif-bridge, gets a new random MAC address (00:16:3e:…) each time the guest is created, and its interface on Dom0 will be vif<domid>.0, where <domid> is the number that xl list shows for the guest.

        mac = - (create; vif-blip)
        bridge = xenbr0 (libxl; vif-blip)
        gatewaydev = - (libxl; vif-blip)
        type = vif (guest-type; none)
        model = - (libxl; none)
        vifname = - (create; vif-blip)
        script = vif-bridge (libxl; vif-blip)
        ip = - (libxl; vif-blip)
        backend = 0 (libxl; vif-blip)
        rate = - (libxl; vif-blip)
        mtu = 1500 (libxl; vif-blip)
        vlan = - (libxl; none)
        trusted = true (libxl; vif-blip)

        interface vif<domid>.0

        /etc/xen/scripts/vif-bridge online type_if=vif
          It makes it a port of the bridge xenbr0 and sets it up.
          script=/etc/xen/scripts/vif-bridge XENBUS_TYPE=vif XENBUS_PATH=backend/vif/<domid>/0 XENBUS_BASE_PATH=backend netdev= vif=vif<domid>.0

        /local/domain/0/backend/vif/<domid>/0/frontend = /local/domain/<domid>/device/vif/0
        /local/domain/0/backend/vif/<domid>/0/frontend-id = <domid>
        /local/domain/0/backend/vif/<domid>/0/online = 1
        /local/domain/0/backend/vif/<domid>/0/state = 1
        /local/domain/0/backend/vif/<domid>/0/script = /etc/xen/scripts/vif-bridge
        /local/domain/0/backend/vif/<domid>/0/mac = <mac>
        /local/domain/0/backend/vif/<domid>/0/bridge = xenbr0
        /local/domain/0/backend/vif/<domid>/0/handle = 0
        /local/domain/0/backend/vif/<domid>/0/type = vif
        /local/domain/0/backend/vif/<domid>/0/hotplug-status = connected
        /local/domain/<domid>/device/vif/0/backend = /local/domain/0/backend/vif/<domid>/0
        /local/domain/<domid>/device/vif/0/backend-id = 0
        /local/domain/<domid>/device/vif/0/state = 1
        /local/domain/<domid>/device/vif/0/handle = 0
        /local/domain/<domid>/device/vif/0/mac = <mac>
        /local/domain/<domid>/device/vif/0/mtu = 1500
        /local/domain/<domid>/device/vif/0/trusted = 1
        """);

    [Fact]
    public void Of_HvmVif_HasATapAndNeedsACreateToChange()
    {
        var explanation = Explanation.Of(Ask("mac=00:16:3e:8a:10:02,vifname=web0", GuestType.Hvm));

        Assert.Equal(
            "This vif is connected to the bridge xenbr0 by the script vif-bridge, keeps the MAC address 00:16:3e:8a:10:02, and its interface on Dom0 will be web0. "
            + "Until the guest's own driver for Xen takes over, it sees an emulated rtl8139 card, whose interface there is web0-emu.", explanation.Summary);
        Assert.Equal(new VifInterface("web0", "web0-emu"), explanation.Interface);
        Assert.Equal(["online type_if=vif", "add type_if=tap"], explanation.Hotplug.Select(r => string.Join(' ', r.Arguments)));
        Assert.Contains(new EnvironmentVariable("INTERFACE", "vif<domid>.0-emu"), explanation.Hotplug[1].Environment);
        Assert.Contains(explanation.Xenstore, k => k.Path.EndsWith("/type", StringComparison.Ordinal) && k.Value == "vif_ioemu");
        Assert.Equal(("ioemu", SettingOrigin.GuestType), Find(explanation, "type"));
        Assert.Equal(("rtl8139", SettingOrigin.Libxl), Find(explanation, "model"));
        // vlan makes no difference to the xl of this host, which does not know it.
        Assert.All(explanation.Settings.Where(s => s.Key is not ("type" or "vlan")), s => Assert.Equal(Impact.GuestRecreate, s.ChangeImpact));
    }

    [Fact]
    public void Of_OpenVSwitchVifWithVlan_NamesBridgeVlanAndTrunks()
    {
        var explanation = Explanation.Of(Ask("bridge=ovsbr0.100:20:30,script=vif-openvswitch"));

        Assert.StartsWith(
            "This vif is connected to the Open vSwitch bridge ovsbr0 in VLAN 100, and as a trunk for the VLANs 20, 30 by the script vif-openvswitch, gets a new",
            explanation.Summary, StringComparison.Ordinal);
        Assert.Equal("/etc/xen/scripts/vif-openvswitch", Assert.Single(explanation.Hotplug).Script);
        Assert.Contains(explanation.Xenstore, k => k.Path.EndsWith("/bridge", StringComparison.Ordinal) && k.Value == "ovsbr0.100:20:30");
        Assert.Equal(Impact.VifBlip, explanation.Settings.Single(s => s.Key == "bridge").ChangeImpact);
    }

    [Fact]
    public void Of_RoutedVifWithIpAndRate_SaysRouteGatewayAndLimit()
    {
        var explanation = Explanation.Of(Ask("ip=10.0.2.131,rate=10Mb/s", defaults: new VifDefaults(Script: "vif-route", GatewayDev: "xenbr0")));

        Assert.Equal(
            "This vif is routed by Dom0, without a bridge, by the script vif-route, gets a new random MAC address (00:16:3e:…) each time the guest is created, "
            + "and its interface on Dom0 will be vif<domid>.0, where <domid> is the number that xl list shows for the guest. "
            + "Dom0 routes 10.0.2.131 to it, and its own address there is that of xenbr0, which the guest takes as gateway. "
            + "The guest can send at most 10Mb/s; what it receives is not limited.", explanation.Summary);
        Assert.Equal(("vif-route", SettingOrigin.XlConf), Find(explanation, "script"));
        Assert.Equal("xl.conf(5): vif.default.script", explanation.Settings.Single(s => s.Key == "script").Source);
        Assert.Contains(new EnvironmentVariable("netdev", "xenbr0"), explanation.Hotplug[0].Environment);
        Assert.Equal("62500,50000", explanation.Xenstore.Single(k => k.Path.EndsWith("/rate", StringComparison.Ordinal)).Value);
        Assert.Equal("10.0.2.131", explanation.Xenstore.Single(k => k.Path.EndsWith("/ip", StringComparison.Ordinal)).Value);
    }

    [Fact]
    public void Of_RunningVif_ShowsWhatOnlyTheHostKnows()
    {
        var live = new ObservedVif(1, MacAddress.Parse("00:16:3e:62:e5:3e"), "vif7.1", "eth0", XenbusState.Connected, true, VifSettings.Empty);
        var explanation = Explanation.Of(Ask("") with { Devid = 1, Domain = new ObservedDomain(7, "g", DomainState.Running, GuestType.Pv, [live]) });

        Assert.Equal(("00:16:3e:62:e5:3e", SettingOrigin.LiveHost), Find(explanation, "mac"));
        Assert.Equal(("vif7.1", SettingOrigin.LiveHost), Find(explanation, "vifname"));
        Assert.Equal(("eth0", SettingOrigin.LiveHost), Find(explanation, "bridge"));
        Assert.Equal("vif7.1", explanation.Interface.Name);
        Assert.Contains("XENBUS_PATH=backend/vif/7/1", explanation.Hotplug[0].Environment.Select(e => $"{e.Name}={e.Value}"));
        Assert.All(explanation.Xenstore, k => Assert.DoesNotContain("<", k.Path + k.Value, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(17, null)]
    [InlineData(19, "100")]
    public void Of_Vlan_CountsFromItsVersionOn(int minor, string? expected)
    {
        var vif = Ask("vlan=100") with { XenVersion = new XenVersion(4, minor) };

        Assert.Equal(expected, Find(Explanation.Of(vif), "vlan").Value);
        Assert.Equal(expected, Explanation.Of(vif).Xenstore.SingleOrDefault(k => k.Path.EndsWith("/vlan", StringComparison.Ordinal))?.Value);
        Assert.Equal(expected is null, Explanation.FindingsOf(VifSpec.Read("vlan=100").Findings, vif).Any(f => f.Code == "vif.vlan.version"));
    }

    [Fact]
    public void Of_DriverDomain_HasItsBackendThere()
    {
        var explanation = Explanation.Of(Ask("backend=net1"));

        Assert.StartsWith("/local/domain/<domid of net1>/backend/vif/", explanation.Xenstore[0].Path, StringComparison.Ordinal);
        Assert.EndsWith("driver domain net1, and not on Dom0.", explanation.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_AnyVif_NamesAMeaningAndASourceForEachSetting() =>
        Assert.All(Explanation.Of(Ask("forwarddev=x", GuestType.Hvm)).Settings, s =>
        {
            Assert.EndsWith(".", s.Meaning, StringComparison.Ordinal);
            Assert.Matches(@"\(5\)|libxl|vif-route", s.Source);
        });

    [Theory]
    [InlineData("type=ioemu", GuestType.Pv, "vif.type.ioemu-not-hvm")]
    [InlineData("model=e1000", GuestType.Pvh, "vif.model.not-hvm")]
    [InlineData("vifname=twelve-chars", GuestType.Hvm, "vif.vifname.too-long")]
    public void FindingsOf_WhatOnlyTheGuestsTypeMakesWrong_IsFound(string text, GuestType type, string code)
    {
        Assert.DoesNotContain(code, VifSpec.Read(text).Findings.Select(f => f.Code));
        Assert.Contains(code, Explanation.FindingsOf(VifSpec.Read(text).Findings, Ask(text, type)).Select(f => f.Code));
    }

    [Theory]
    [InlineData("", GuestType.Pv, "mtu=9000")]
    [InlineData("", GuestType.Pv, "rate=1MB/s")]
    [InlineData("", GuestType.Hvm, "bridge=br1")]
    [InlineData("type=vif", GuestType.Hvm, "model=e1000")]
    [InlineData("type=vif", GuestType.Hvm, "type=ioemu")]
    [InlineData("", GuestType.Hvm, "type=vif")]
    public void ChangeImpact_OfAPlanForThatChange_IsTheSame(string before, GuestType type, string change)
    {
        var mac = MacAddress.Parse("00:16:3e:00:00:07");
        var text = $"mac={mac},script=vif-bridge,bridge=xenbr0,{before}";
        var record = VifSpec.Read(text).Settings;
        var emulated = type == GuestType.Hvm && record.Type is null;
        var live = new ObservedVif(0, mac, "vif1.0", "xenbr0", XenbusState.Connected, true, record with { Type = emulated ? VifType.Ioemu : VifType.Vif });
        var plan = Planner.Plan(
            new DesiredState { Revision = 1, Guests = [new DesiredGuest("g", type, "/g", [], [new DesiredVif(0, VifSpec.Read($"{text},{change}").Settings)])] },
            new HostObservation
            {
                At = default, Simulated = true, XenVersion = XenVersion.Recorded, Interfaces = [], Scripts = [],
                Domains = [new ObservedDomain(1, "g", DomainState.Running, type, [live])],
                Bridges = [new ObservedBridge("xenbr0", BridgeKind.Linux, true, 1500, [])],
                Files = new Dictionary<string, byte[]?> { [Host.XlConfPath] = null, ["/g"] = [] },
            },
            new PlanRequest { Allow = Enum.GetValues<Impact>() });

        var explained = Explanation.Of(Ask(text, type)).Settings.Single(s => s.Key == change.Split('=')[0]);

        Assert.Equal(plan.Steps.Select(s => s.Impact).DefaultIfEmpty(Impact.None).Max(), explained.ChangeImpact);
    }

    [Theory]
    [InlineData("bridge=", "the bridge that Dom0 lists first")]
    [InlineData("bridge=a.b.c,script=vif-openvswitch", "cannot read the bridge a.b.c")]
    [InlineData("mac=zz,devid=-7,mtu=-1,vifname=,script=/,backend=,ip=", "gets a new random MAC address")]
    [InlineData("script=vif-nat", "The guest's address follows from its domid")]
    [InlineData("type=ioemu", "libxl refuses to create it")]
    public void Of_OddVif_SaysWhatComesOfIt(string text, string part) =>
        Assert.Contains(part, Explanation.Of(Ask(text)).Summary, StringComparison.Ordinal);

    private static VifQuestion Ask(string text, GuestType type = GuestType.Pv, VifDefaults? defaults = null) =>
        new() { Settings = VifSpec.Read(text).Settings, GuestType = type, Defaults = defaults ?? VifDefaults.None };

    private static (string? Value, SettingOrigin Origin) Find(Explanation explanation, string key) =>
        explanation.Settings.Single(s => s.Key == key) is var setting ? (setting.Value, setting.Origin) : default;

    private static void Check(VifQuestion vif, string golden)
    {
        var e = Explanation.Of(vif);
        List<string> lines =
        [
            e.Summary,
            "",
            .. e.Settings.Select(s => $"{s.Key} = {s.Value ?? "-"} ({Kebab.Name(s.Origin)}; {Kebab.Name(s.ChangeImpact)})"),
            "",
            $"interface {e.Interface.Name}",
            "",
            .. e.Hotplug.SelectMany(r => (string[])[$"{r.Script} {string.Join(' ', r.Arguments)}", $"  {r.Does}", "  " + string.Join(' ', r.Environment.Select(v => $"{v.Name}={v.Value}"))]),
            "",
            .. e.Xenstore.Select(k => $"{k.Path} = {k.Value}"),
        ];
        Assert.Equal(golden, string.Join('\n', lines));
    }
}

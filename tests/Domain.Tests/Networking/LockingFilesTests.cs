using System.Net;
using System.Text;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Vifs;
using Xunit;

namespace Xlnet.Domain.Tests.Networking;

public sealed class LockingFilesTests
{
    private static readonly LockedVif Web = new("web", Emulated: false, MacAddress.Parse("00:16:3e:80:00:01"), [IPAddress.Parse("192.0.2.5"), IPAddress.Parse("2001:db8::5")]);

    [Fact]
    public void Render_NoLockedVif_TakesEveryFileAway() =>
        Assert.All(LockingFiles.Render([]), f => Assert.Null(f.Value));

    [Fact]
    public void Render_ALockedVif_LetsItsOwnPassAndDropsTheRest()
    {
        var rules = Rules(Web);
        Assert.Contains("iifname vmap { \"web\" : jump vif_1 }", rules, StringComparison.Ordinal);
        Assert.Contains("""
                chain vif_1 {
                    ether saddr != 00:16:3e:80:00:01 drop
                    ether type { 8021q, 8021ad } drop
                    ether type arp arp saddr ether != 00:16:3e:80:00:01 drop

            """.ReplaceLineEndings("\n"), rules, StringComparison.Ordinal);
        Assert.Contains("        ether type ip ip saddr { 192.0.2.5 } return\n", rules, StringComparison.Ordinal);
        Assert.Contains("        ether type ip6 ip6 saddr { 2001:db8::5, fe80::216:3eff:fe80:1 } return\n        drop\n    }\n", rules, StringComparison.Ordinal);
        Assert.Contains("nd-neighbor-advert @th,64,128 0x20010db8000000000000000000000005 return\n", rules, StringComparison.Ordinal);
    }

    [Fact]
    public void Render_Emulated_HoldsTheDeviceModelsInterfaceToo() =>
        Assert.Contains("iifname vmap { \"web\" : jump vif_1, \"web-emu\" : jump vif_1 }", Rules(Web with { Emulated = true }), StringComparison.Ordinal);

    [Fact]
    public void Render_NoIPv4Address_LetsNoIPv4PassButDhcp()
    {
        var rules = Rules(Web with { Addresses = [IPAddress.Parse("2001:db8::5")] });
        Assert.DoesNotContain("ip saddr {  }", rules, StringComparison.Ordinal);
        Assert.Contains("ether type ip ip saddr 0.0.0.0 udp sport 68 udp dport 67 return", rules, StringComparison.Ordinal);
    }

    [Fact]
    public void Render_NoneOnOpenVSwitch_NeedsNoScript() =>
        Assert.All(LockingFlows.Owned, p => Assert.Null(LockingFiles.Render([Web])[p]));

    /// <summary>So that one which goes from the one kind of bridge to the other is never without.</summary>
    [Fact]
    public void Render_OneOnOpenVSwitch_NamesAllInBoth()
    {
        var files = LockingFiles.Render([Web, Web with { Name = "db", OpenVSwitch = true }]);
        Assert.Contains("iifname vmap { \"db\" : jump vif_1, \"web\" : jump vif_2 }", Encoding.UTF8.GetString(files[LockingFiles.Rules]!), StringComparison.Ordinal);
        var flows = Encoding.UTF8.GetString(files[LockingFlows.Path]!).Split('\n');
        Assert.Equal(["#", "db", "web", ""], flows.Select(l => l.Split(' ')[0]).Distinct());
        Assert.Contains("web cookie=0x786c6e6574,priority=65533,ip,dl_src=00:16:3e:80:00:01,vlan_tci=0x0000/0x1000,nw_src=192.0.2.5,actions=NORMAL", flows);
        Assert.Contains("web cookie=0x786c6e6574,priority=65532,actions=drop", flows);
        Assert.StartsWith("#!/bin/bash\n# Written by xlnet", Encoding.UTF8.GetString(files[LockingFlows.ScriptPath]!), StringComparison.Ordinal);
    }

    [Fact]
    public void Check_TrunksOnOpenVSwitch_CannotBeLocked() =>
        Assert.Equal("vif.locking.trunks", VifLockingRules.Check(new VifSettings { Ip = "192.0.2.5", Script = "vif-openvswitch", Bridge = "ovs1.10:20" }, true, GuestType.Pv, VifDefaults.None).Single().Code);

    [Theory]
    [InlineData(null, null, "vif-bridge")]
    [InlineData("vif-openvswitch", null, "vif-xlnet-openvswitch")]
    [InlineData("/etc/xen/scripts/vif-openvswitch", null, "vif-xlnet-openvswitch")]
    [InlineData(null, "vif-openvswitch", "vif-xlnet-openvswitch")]
    [InlineData("vif-xlnet-openvswitch", "vif-bridge", "vif-xlnet-openvswitch")]
    public void Pin_AScript_IsOneThatLocks(string? script, string? standard, string pinned)
    {
        Assert.Equal(pinned, VifLockingRules.Pin(new VifSettings { Script = script }, VifDefaults.None with { Script = standard }).Script);
        Assert.Equal(pinned == "vif-bridge" ? pinned : "vif-openvswitch", VifLockingRules.Unpin(pinned));
    }

    [Fact]
    public void ChainOf_OtherRules_HaveAnotherName()
    {
        var (one, same, other) = (Chain(Web), Chain(Web), Chain(Web with { Addresses = [IPAddress.Parse("192.0.2.6")] }));
        Assert.StartsWith("rules_", one, StringComparison.Ordinal);
        Assert.Equal(one, same);
        Assert.NotEqual(one, other);
        Assert.Null(LockingFiles.ChainOf("table bridge xlnet_locking {}"u8.ToArray()));

        static string? Chain(LockedVif vif) => LockingFiles.ChainOf(LockingFiles.Render([vif])[LockingFiles.Rules]!);
    }

    [Theory]
    [InlineData("00:16:3e:80:00:01")]
    [InlineData("00:00:00:00:00:01")]
    [InlineData("fe:ff:ff:ff:ff:ff")]
    public void NameOf_AMac_IsShortEnoughForTheEmulatedTwin(string mac) =>
        Assert.Matches("^x[0-9a-v]{10}$", VifLockingRules.NameOf(MacAddress.Parse(mac)));

    [Fact]
    public void NameOf_TwoMacs_Differ() =>
        Assert.NotEqual(VifLockingRules.NameOf(MacAddress.Parse("00:16:3e:80:00:01")), VifLockingRules.NameOf(MacAddress.Parse("00:16:3e:80:00:02")));

    [Theory]
    [InlineData("192.0.2.5 2001:db8::5", true, null, null, null)]
    [InlineData("192.0.2.5/32", true, null, null, null)]
    [InlineData(null, true, null, null, "vif.locking.address")]
    [InlineData("192.0.2.0/24", true, null, null, "vif.locking.address")]
    [InlineData("0.0.0.0", true, null, null, "vif.locking.address")]
    [InlineData("224.0.0.1", true, null, null, "vif.locking.address")]
    [InlineData("192.0.2.5", false, null, null, "vif.locking.mac")]
    [InlineData("192.0.2.5", true, "vif-openvswitch", null, null)]
    [InlineData("192.0.2.5", true, "vif-xlnet-openvswitch", null, null)]
    [InlineData("192.0.2.5", true, "mine", null, "vif.locking.script")]
    [InlineData("192.0.2.5", true, "vif-route", null, "vif.locking.script")]
    [InlineData("192.0.2.5", true, null, "net1", "vif.locking.backend")]
    public void Check_AVif_NamesWhatStandsInTheWay(string? ip, bool mac, string? script, string? backend, string? code) =>
        Assert.Equal(code, VifLockingRules.Check(new VifSettings { Ip = ip, Script = script, Backend = backend }, mac, GuestType.Pv, VifDefaults.None).FirstOrDefault().Code);

    private static string Rules(LockedVif vif) => Encoding.UTF8.GetString(LockingFiles.Render([vif])[LockingFiles.Rules]!);
}

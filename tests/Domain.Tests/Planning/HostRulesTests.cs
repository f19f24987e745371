using Xlnet.Domain.Bridges;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Xl;
using Xunit;

namespace Xlnet.Domain.Tests.Planning;

public class HostRulesTests
{
    private static readonly VifSurroundings Host = new(
        XenVersion.Recorded,
        null,
        new Dictionary<string, BridgeKind> { ["xenbr0"] = BridgeKind.Linux, ["ovsbr0"] = BridgeKind.OpenVSwitch, ["br0.10"] = BridgeKind.Linux },
        new Dictionary<string, string> { ["web-a"] = "web1's vif 0" });

    private static IEnumerable<string> Codes(string vif, VifSurroundings host) => HostRules.Check(VifSpec.Read(vif).Settings, host).Select(f => f.Code);

    [Theory]
    [InlineData("bridge=ovsbr0,script=vif-bridge", "vif.script.other-bridge")]
    [InlineData("bridge=ovsbr0.10:20,script=/etc/xen/scripts/vif-bridge", "vif.script.other-bridge")]
    [InlineData("bridge=xenbr0,script=vif-openvswitch", "vif.script.other-bridge")]
    [InlineData("bridge=br0.10,script=vif-openvswitch", "vif.script.other-bridge")]
    [InlineData("script=vif-openvswitch", "vif.script.other-bridge")]
    [InlineData("bridge=xenbr0:10", "vif.bridge.ovs-syntax")]
    [InlineData("vifname=web-a", "vif.vifname.duplicate")]
    [InlineData("bridge=ovsbr0.10,script=vif-openvswitch", null)]
    [InlineData("bridge=xenbr0,script=vif-bridge,vifname=web-b", null)]
    [InlineData("bridge=nowhere:10,script=vif-openvswitch", null)]
    [InlineData("bridge=ovsbr0", null)]
    [InlineData("script=vif-route,bridge=ovsbr0", null)]
    public void Check_VifOnAHostOfUnknownDefaults_FindsWhatCannotBe(string vif, string? code) =>
        Assert.Equal(code is null ? [] : [code], Codes(vif, Host));

    [Theory]
    [InlineData("bridge=ovsbr0", null, "vif.script.other-bridge")]
    [InlineData("bridge=ovsbr0", "vif-openvswitch", null)]
    [InlineData("", "vif-openvswitch", "vif.script.other-bridge")]
    public void Check_VifThatLeavesItsScriptOut_GoesByTheHostsDefault(string vif, string? script, string? code) =>
        Assert.Equal(code is null ? [] : [code], Codes(vif, Host with { Defaults = new VifDefaults(Script: script) }));

    [Fact]
    public void CheckFile_SeveralVifs_SaysWhereEachStands()
    {
        var file = GuestFile.Parse("name='g'\nkernel='/k'\nvif = [ '',\n        'vifname=web-a', 'vlan=5' ]\n");

        Assert.Equal(
            [("vif.vifname.duplicate", 4, 9, 1), ("vif.vlan.version", 4, 27, 2)],
            HostRules.CheckFile(file, Host).Select(f => (f.Code, f.Line, f.Column, f.Devid!.Value)));
        Assert.All(HostRules.CheckFile(file, Host), f => Assert.Equal(FindingSeverity.Error, f.Severity));
    }
}

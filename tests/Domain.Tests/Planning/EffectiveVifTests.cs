using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Xl;
using Xunit;

namespace Xlnet.Domain.Tests.Planning;

public class EffectiveVifTests
{
    private static readonly VifDefaults Conf = new("vif-openvswitch", "ovs1.10:20", "netdom", "eth1");

    private static string Show(string vif, GuestType type, VifDefaults defaults) => string.Join(
        '\n', EffectiveVif.Resolve(VifSpec.Read(vif).Settings, type, defaults).Settings.Select(s => $"{s.Key}={s.Value} ({s.Origin})"));

    [Fact]
    public void Resolve_EmptyVif_ComesFromLibxl() => Assert.Equal(
        """
        mac= (Create)
        bridge=xenbr0 (Libxl)
        gatewaydev= (Libxl)
        type=vif (GuestType)
        model= (Libxl)
        vifname= (Create)
        script=vif-bridge (Libxl)
        ip= (Libxl)
        backend=0 (Libxl)
        rate= (Libxl)
        mtu=1500 (Libxl)
        vlan= (Libxl)
        trusted=true (Libxl)
        """,
        Show("", GuestType.Pv, VifDefaults.None));

    [Fact]
    public void Resolve_EmptyVifOnAHostWithDefaults_ComesFromXlConf() => Assert.Equal(
        """
        mac= (Create)
        bridge=ovs1.10:20 (XlConf)
        gatewaydev=eth1 (XlConf)
        type=ioemu (GuestType)
        model=rtl8139 (Libxl)
        vifname= (Create)
        script=vif-openvswitch (XlConf)
        ip= (Libxl)
        backend=netdom (XlConf)
        rate= (Libxl)
        mtu=1500 (Libxl)
        vlan= (Libxl)
        trusted=true (Libxl)
        """,
        Show("", GuestType.Hvm, Conf));

    [Fact]
    public void Resolve_FullVif_ComesFromTheVif() => Assert.Equal(
        """
        mac=00:16:3e:80:00:01 (Vif)
        bridge=br1 (Vif)
        gatewaydev=eth0 (Vif)
        type=ioemu (Vif)
        model=e1000 (Vif)
        vifname=n1 (Vif)
        script=vif-mine (Vif)
        ip=10.0.0.1 (Vif)
        backend=0 (Vif)
        rate=10Mb/s (Vif)
        mtu=9000 (Vif)
        vlan=10 (Vif)
        trusted=false (Vif)
        """,
        string.Join('\n', EffectiveVif.Resolve(
            VifSpec.Read("mac=00:16:3e:80:00:01,bridge=br1,gatewaydev=eth0,type=ioemu,model=e1000,vifname=n1,script=/etc/xen/scripts/vif-mine,ip=10.0.0.1,backend=0,rate=10Mb/s,mtu=9000,untrusted").Settings
                with { Vlan = "10" },
            GuestType.Hvm, Conf).Settings.Select(s => $"{s.Key}={s.Value} ({s.Origin})")));

    [Theory]
    [InlineData("", "xenbr0", true, true)]
    [InlineData("bridge=", "", true, true)]
    [InlineData("bridge=br0.10", "br0.10", true, true)]
    [InlineData("bridge=ovs1.10:20,script=vif-openvswitch", "ovs1", true, true)]
    [InlineData("bridge=ovs1:20,script=/etc/xen/scripts/vif-openvswitch", "ovs1", true, true)]
    [InlineData("script=vif-route", "xenbr0", false, true)]
    [InlineData("script=/opt/vif-bridge", "xenbr0", false, true)]
    [InlineData("backend=Domain-0", "xenbr0", true, true)]
    [InlineData("backend=netdom", "xenbr0", true, false)]
    public void Resolve_BridgeAndBackend_AreRead(string vif, string bridge, bool bridged, bool ofDom0)
    {
        var effective = EffectiveVif.Resolve(VifSpec.Read(vif).Settings, GuestType.Pv, VifDefaults.None);
        Assert.Equal((bridge, bridged, ofDom0), (effective.BridgeName, effective.IsBridged, effective.IsOfDom0));
    }
}

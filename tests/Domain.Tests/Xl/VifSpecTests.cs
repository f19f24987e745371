using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;
using Xunit;

namespace Xlnet.Domain.Tests.Xl;

public class VifSpecTests
{
    [Theory]
    [InlineData("bridge=a,mac=00:16:3e:80:00:01", "bridge=b,mac=00:16:3e:80:00:01", "bridge=b,mac=00:16:3e:80:00:01")]
    [InlineData("mac=00:16:3E:80:00:01, bridge=a", "mac=00:16:3e:80:00:01,bridge=b", "mac=00:16:3E:80:00:01, bridge=b")]
    [InlineData("mac=00:16:3e:80:00:01, bridge=a", "mac=00:16:3e:80:00:01", "mac=00:16:3e:80:00:01")]
    [InlineData("mac=00:16:3e:80:00:01, bridge=a", "bridge=a", "bridge=a")]
    [InlineData("", "bridge=a", "bridge=a")]
    [InlineData("bridge=a", "", "")]
    [InlineData("bridge=a, ip=1.2.3.4", "bridge=a,ip=1.2.3.4,mtu=9000,untrusted", "bridge=a, ip=1.2.3.4, mtu=9000, untrusted")]
    [InlineData("bridge=a,", "bridge=a,model=e1000", "bridge=a,model=e1000")]
    [InlineData("netdev=eth0", "gatewaydev=eth1", "netdev=eth1")]
    [InlineData("xenif,bridge=a", "bridge=b", "xenif,bridge=b")]
    [InlineData("trusted,bridge=a", "untrusted,bridge=a", "untrusted,bridge=a")]
    [InlineData("bridge=a,bridge=b", "mtu=1400", "mtu=1400")]
    public void Update_Target_ChangesOnlyWhatDiffers(string text, string target, string expected)
    {
        var settings = VifSpec.Read(target).Settings;

        var updated = VifSpec.Update(text, settings, null);

        Assert.Equal(expected, updated);
        Assert.Equal(settings, VifSpec.Read(updated).Settings);
    }

    [Theory]
    [InlineData("bridge=a", 3, "bridge=a,devid=3")]
    [InlineData("devid=1,bridge=a", 3, "devid=3,bridge=a")]
    public void Update_Devid_IsWritten(string text, int devid, string expected) =>
        Assert.Equal(expected, VifSpec.Update(text, VifSpec.Read(text).Settings, devid));

    [Fact]
    public void Render_AllKeys_ReadsBack()
    {
        const string all =
            "mac=00:16:3e:80:00:01,bridge=b,type=ioemu,model=e1000,vifname=v,script=vif-bridge,ip=10.0.0.1,backend=d,gatewaydev=eth0,rate=10Mb/s@20ms,mtu=9000,vlan=7,untrusted,forwarddev=f,devid=2";

        var reading = VifSpec.Read(all);

        Assert.Equal(all, VifSpec.Render(reading.Settings, reading.Devid));
        Assert.Equal(all.Split(','), VifSpec.ToArguments(reading.Settings, 2));
    }

    [Fact]
    public void Read_UnknownKey_IsSkippedWithAFinding()
    {
        var reading = VifSpec.Read("brigde=a,mac=00:16:3e:80:00:01");

        Assert.Equal(new VifSettings { Mac = new(0x00163e800001) }, reading.Settings);
        var finding = Assert.Single(reading.Findings);
        Assert.Equal(("vif.unknown-key", FindingSeverity.Error, 1, "brigde"), (finding.Code, finding.Severity, finding.Column, finding.Key));
        Assert.Equal("unrecognized argument `brigde=a'", reading.Reading.Message);
    }
}

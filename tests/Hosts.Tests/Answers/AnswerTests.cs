using System.Globalization;
using System.Text.Json;
using FsCheck.Xunit;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Vifs;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Hosts.Answers;
using Xunit;

namespace Xlnet.Hosts.Tests.Answers;

public class AnswerTests
{
    private const string NetworkHeader = "Idx BE Mac Addr.         handle state evt-ch   tx-/rx-ring-ref BE-path                       \n";
    private const string DomainHeader = "Name                                        ID   Mem VCPUs\tState\tTime(s)\n";

    [Theory]
    [InlineData("0   0  00:16:3e:62:e5:3e     0     1     -1    -1/-1          /local/domain/0/backend/vif/1/0", 1, 0, XenbusState.Initialising)]
    [InlineData("100 0  00:16:3e:62:e5:3e123456     4     -1 51920/51921       /local/domain/0/backend/vif/32751/100", 32751, 100, XenbusState.Connected)]
    [InlineData("0   12 00:16:3e:62:e5:3e     0    -1     -1    -1/-1          /local/domain/12/backend/vif/3/0", 3, 0, XenbusState.Unknown)]
    public void ReadNetworks_RowsOfAllWidths_AreRead(string row, int domid, int devid, XenbusState state)
    {
        var read = Assert.Single(XlAnswers.ReadNetworks(Printed(NetworkHeader + row + "\n")));
        Assert.Equal(new NetworkRow(domid, devid, new MacAddress(0x00163e62e53e), state), read);
    }

    [Theory]
    [InlineData("g1                                           1   128     1     r-----       0.4", "g1", 1, DomainState.Running)]
    [InlineData("g2                                           2   128     1     -b----       3.2", "g2", 2, DomainState.Blocked)]
    [InlineData("m                                           42   128     1     --p---       1.3", "m", 42, DomainState.Paused)]
    [InlineData("m2                                          42   128     1     --psr-       3.4", "m2", 42, DomainState.Shutdown)]
    [InlineData("web                                          3   128     1     ---sc-       3.4", "web", 3, DomainState.Crashed)]
    [InlineData("a-name-of-more-than-forty-characters-pushes-right 12345 1048576   128     ---s--  123456.7", "a-name-of-more-than-forty-characters-pushes-right", 12345, DomainState.Shutdown)]
    [InlineData("name with blanks 7                           8   128     1     -----d       0.0", "name with blanks 7", 8, DomainState.Dying)]
    [InlineData("(null)                                       9     0     1     --ps-d       0.0", "(null)", 9, DomainState.Dying)]
    public void ReadDomains_RowsOfAllWidths_AreRead(string row, string name, int domid, DomainState state)
    {
        Assert.Equal(new DomainRow(name, domid, state), Assert.Single(XlAnswers.ReadDomains(Printed(DomainHeader + row + "\n"))));
    }

    [Property]
    public void Read_RateThatLibxlKept_GrantsTheSameCredit(uint number, byte unit, uint interval)
    {
        var bits = (long)number * (unit % 4) switch { 0 => 8, 1 => 1_000, 2 => 1_000_000, _ => 1_000_000_000 };
        if (Rate.Check(bits, interval) is not null)
            return;
        var written = new Rate(bits, interval);
        var read = NicSettings.Read(Nic($$"""{"rate_bytes_per_interval":{{written.BytesPerInterval}},"rate_interval_usecs":{{interval}}}""")).Rate;
        Assert.Equal((written.BytesPerInterval, written.IntervalMicroseconds), (read?.BytesPerInterval, read?.IntervalMicroseconds));
    }

    [Theory]
    [InlineData("10Mb/s")]
    [InlineData("1Gb/s@20ms")]
    [InlineData("8Mb/s@1s")]
    [InlineData("1Kb/s")]
    [InlineData("56Kb/s")]
    public void Read_RateAsPeopleWriteThem_IsTheWrittenOne(string written)
    {
        var rate = Rate.Parse(written, CultureInfo.InvariantCulture);
        var json = $$"""{"rate_bytes_per_interval":{{rate.BytesPerInterval}},"rate_interval_usecs":{{rate.IntervalMicroseconds}}}""";
        Assert.Equal(written, NicSettings.Read(Nic(json)).Rate?.ToString());
    }

    [Fact]
    public void Read_EveryMemberOfANic_IsItsSetting()
    {
        var read = NicSettings.Read(Nic("""
            {"backend_domname":"drv","devid":3,"mtu":9000,"model":"e1000","mac":"00:16:3e:80:00:01","ip":"10.0.0.2","bridge":"br0","ifname":"web0",
             "script":"vif-bridge","nictype":"vif_ioemu","gatewaydev":"eth0","coloft_forwarddev":"eth1","trusted":"False","unknown":{"a":[]}}
            """));
        Assert.Equal(
            new VifSettings
            {
                Backend = "drv", Mtu = 9000, Model = "e1000", Mac = new MacAddress(0x00163e800001), Ip = "10.0.0.2", Bridge = "br0", VifName = "web0",
                Script = "vif-bridge", Type = VifType.Ioemu, GatewayDev = "eth0", Trusted = false,
                Other = VifSettings.Empty.Other.Add("coloft_forwarddev", "eth1"),
            },
            read);
    }

    private static Dictionary<string, JsonElement> Nic(string json) => JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(json)!;

    private static CommandResult Printed(string stdout) => new(["xl", "test"], 0, stdout, "", TimeSpan.Zero);
}

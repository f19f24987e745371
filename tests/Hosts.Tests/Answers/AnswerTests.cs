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

    /// <summary>As iproute2 6.1 prints it, in part.</summary>
    [Fact]
    public void Read_CountersOfAnInterface_AreSeenFromDom0()
    {
        var read = IpAnswers.Read(Printed("""
            [{"ifindex":9,"ifname":"vif1.0","flags":["BROADCAST","MULTICAST","UP","LOWER_UP"],"mtu":1500,"address":"fe:ff:ff:ff:ff:ff","addr_info":[],
              "stats64":{"rx":{"bytes":1076,"packets":14,"errors":1,"dropped":2,"over_errors":0,"multicast":0},"tx":{"bytes":1146,"packets":15,"errors":3,"dropped":4,"carrier_errors":0,"collisions":0}}},
             {"ifindex":10,"ifname":"old0","mtu":1500}]
            """));
        Assert.Equal(new InterfaceStatistics(1076, 14, 1, 2, 1146, 15, 3, 4), read[0].Statistics);
        Assert.Null(read[1].Statistics);
    }

    [Fact]
    public void ReadForwarding_OfAHostThatHasItAll_IsRead()
    {
        var read = SystemAnswers.ReadForwarding(
            Printed("net.ipv4.ip_forward = 1\nnet.ipv6.conf.all.forwarding = 0\nnet.bridge.bridge-nf-call-iptables = 1\nnet.bridge.bridge-nf-call-ip6tables = 0\n"),
            Printed("-P FORWARD DROP\n-A FORWARD -i xenbr0 -j ACCEPT\n"),
            Printed("""
                {"nftables": [{"metainfo": {"version": "1.0.6"}}, {"chain": {"family": "inet", "table": "t", "name": "c", "handle": 1}},
                 {"chain": {"family": "inet", "table": "fw", "name": "fwd", "handle": 2, "type": "filter", "hook": "forward", "prio": -5, "policy": "drop"}},
                 {"chain": {"family": "ip", "table": "fw", "name": "in", "handle": 3, "type": "filter", "hook": "input", "prio": 0, "policy": "drop"}}]}
                """));
        Assert.Equal((true, false, true, true, false, "DROP"),
            (read.Ipv4Forwarding, read.Ipv6Forwarding, read.BrNetfilter, read.BridgeNfCallIptables, read.BridgeNfCallIp6tables, read.IptablesForwardPolicy));
        Assert.Equal([new NftablesChain("inet", "fw", "fwd", -5, "drop")], read.NftablesForwardChains!);
    }

    [Fact]
    public void ReadForwarding_OfAHostWithoutTheTools_SaysNothing()
    {
        var none = new CommandResult(["x"], CommandResult.NotFound, "", "x: command not found\n", TimeSpan.Zero);
        Assert.Equal(new ObservedForwarding(null, null, null, null, null, null, null), SystemAnswers.ReadForwarding(none, none, none));
        var withoutModule = SystemAnswers.ReadForwarding(Printed("net.ipv4.ip_forward = 0\n"), none, none);
        Assert.Equal((false, false, (bool?)null), (withoutModule.Ipv4Forwarding, withoutModule.BrNetfilter, withoutModule.BridgeNfCallIptables));
    }

    [Fact]
    public void ReadForwarding_NftThatPrintsSomethingElse_IsAnAnswerThatCannotBeUnderstood()
    {
        var none = Printed("");
        Assert.Throws<HostAnswerException>(() => SystemAnswers.ReadForwarding(none, none, Printed("Segmentation fault")));
    }

    [Fact]
    public void ReadHashes_LinesOfAllKinds_TakesThoseOfPlainPaths()
    {
        var hash = new string('a', 64);
        Assert.Equal(
            new Dictionary<string, string> { ["/etc/xen/a b.cfg"] = hash },
            SystemAnswers.ReadHashes(Printed($"{hash}  /etc/xen/a b.cfg\n\\{hash}  /etc/xen/a\\nb.cfg\nsha256sum: nonsense\n")));
    }

    private static Dictionary<string, JsonElement> Nic(string json) => JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(json)!;

    private static CommandResult Printed(string stdout) => new(["xl", "test"], 0, stdout, "", TimeSpan.Zero);
}

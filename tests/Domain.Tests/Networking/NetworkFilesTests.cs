using System.Net;
using System.Text;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Networking;
using Xunit;

namespace Xlnet.Domain.Tests.Networking;

public sealed class NetworkFilesTests
{
    private const string Dhcp = """
        source /etc/network/interfaces.d/*
        auto lo
        iface lo inet loopback

        # The primary network interface
        allow-hotplug eth0
        iface eth0 inet dhcp
            hostname dom0
            up ip addr add 192.0.2.11/24 dev eth0
            up ethtool -K eth0 tso off
            up ip route add 198.51.100.0/24 via 192.0.2.254 dev eth0

        """;

    private static readonly HostNetworking Bridged = new()
    {
        Mode = NetworkMode.Bridged, Backend = NetworkBackend.Ifupdown, Uplink = "eth0", Bridge = "xenbr0", Addressing = new Addressing(AddressingMethod.Dhcp, []),
    };

    private static readonly Addressing Static = new(AddressingMethod.Static, ["192.0.2.10/24", "192.0.2.11/24", "192.0.2.12/24"], IPAddress.Parse("192.0.2.1"), [IPAddress.Parse("192.0.2.53")]);

    private static readonly HostNetworking Nat = Bridged with { Mode = NetworkMode.Nat, Nat = new NatSettings(IPNetwork.Parse("10.77.0.0/29"), true, null, []) };

    [Fact]
    public void Render_BridgeOnDhcpHost_TakesTheUplinkOutAndItsLinesAlong() => Assert.Equal(
        Dhcp.Replace("""
            allow-hotplug eth0
            iface eth0 inet dhcp
                hostname dom0
                up ip addr add 192.0.2.11/24 dev eth0
                up ethtool -K eth0 tso off
                up ip route add 198.51.100.0/24 via 192.0.2.254 dev eth0

            """, "", StringComparison.Ordinal) + $"""

            {InterfacesFile.BlockBegin}
            auto eth0
            iface eth0 inet manual
                up ethtool -K eth0 tso off

            auto xenbr0
            iface xenbr0 inet dhcp
                bridge_ports eth0
                bridge_hw eth0
                bridge_stp off
                bridge_fd 0
                hostname dom0
                up ip addr add 192.0.2.11/24 dev xenbr0
                up ip route add 198.51.100.0/24 via 192.0.2.254 dev xenbr0
            {InterfacesFile.BlockEnd}

            """,
        Interfaces(Bridged, Dhcp));

    [Fact]
    public void Render_StaticAddressesOnOpenVSwitch_AreAllThereOnce()
    {
        var text = Interfaces(Bridged with { Mode = NetworkMode.OpenVSwitch, Addressing = Static, Vlan = 7, Mtu = 1400 }, Dhcp);
        Assert.EndsWith($"""
            {InterfacesFile.BlockBegin}
            allow-xenbr0 eth0
            iface eth0 inet manual
                ovs_type OVSPort
                ovs_bridge xenbr0
                mtu 1400
                up ethtool -K eth0 tso off

            auto xenbr0
            iface xenbr0 inet static
                address 192.0.2.10/24
                gateway 192.0.2.1
                mtu 1400
                dns-nameservers 192.0.2.53
                ovs_type OVSBridge
                ovs_ports eth0
                ovs_extra set bridge xenbr0 other-config:hwaddr=$(cat /sys/class/net/eth0/address) -- set port xenbr0 tag=7 -- set interface xenbr0 mtu_request=1400
                up ip address replace 192.0.2.12/24 dev xenbr0
                up ip addr add 192.0.2.11/24 dev xenbr0
                up ip route add 198.51.100.0/24 via 192.0.2.254 dev xenbr0
            {InterfacesFile.BlockEnd}

            """, text, StringComparison.Ordinal);
        Assert.True(InterfacesFile.Parse(text).IsSound);
    }

    [Theory]
    [InlineData(null, "yes", false)]
    [InlineData(true, "yes", false)]
    [InlineData(false, "no", false)]
    [InlineData(false, null, false)]
    [InlineData(true, null, true)]
    [InlineData(true, "on", true)]
    [InlineData(false, "yes", true)]
    public void Render_VlanFiltering_IsWrittenWhereTheBridgeHasAnother(bool? asked, string? own, bool written)
    {
        var original = $"auto xenbr0\niface xenbr0 inet dhcp\n bridge_ports eth0\n bridge_stp off\n bridge_fd 0\n{(own is null ? "" : $" bridge_vlan_aware {own}\n")}";
        var text = Interfaces(Bridged with { VlanFiltering = asked }, original);
        Assert.Equal(written, text != original);
        if (written)
            Assert.Equal(asked == true ? "yes" : "no", Assert.Single(InterfacesFile.Parse(text).Of("xenbr0").SelectMany(s => s.All("bridge_vlan_aware"))));
        Assert.Equal(asked is true, Interfaces(Nat with { VlanFiltering = asked }, Dhcp).Contains("bridge_vlan_aware yes", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(AskedForAlready))]
    public void Render_OriginalThatIsWhatIsAskedFor_StaysByteForByte(string original, NetworkMode mode, string? address)
    {
        var networking = Bridged with
        {
            Mode = mode, Bridge = mode == NetworkMode.Routed ? null : "xenbr0",
            Addressing = address is null ? new Addressing(AddressingMethod.Dhcp, []) : new Addressing(AddressingMethod.Static, address.Split(' '), IPAddress.Parse("192.0.2.1")),
        };
        Assert.Equal(original, Interfaces(networking, original));
        // And with another one asked for it does not.
        Assert.NotEqual(original, Interfaces(networking with { Addressing = Static }, original));
    }

    public static TheoryData<string, NetworkMode, string?> AskedForAlready => new()
    {
        { "auto xenbr0\r\niface xenbr0 inet dhcp\r\n bridge-ports eth0\r\n bridge_fd 0.0", NetworkMode.Bridged, null },
        { "iface eth0 inet manual\nallow-hotplug xenbr0\niface xenbr0 inet dhcp\n bridge_ports eth0\n bridge_stp no\n bridge_fd 0\n bridge_maxwait 0\n", NetworkMode.Bridged, null },
        { "auto xenbr0\niface xenbr0 inet static\n address 192.0.2.10\n netmask 255.255.255.0\n gateway 192.0.2.1\n bridge_ports eth0\n bridge_fd 0\n up ip addr add 192.0.2.11/24 dev $IFACE\n", NetworkMode.Bridged, "192.0.2.10/24 192.0.2.11/24" },
        { "auto xenbr0\nallow-xenbr0 eth0\niface xenbr0 inet dhcp\n ovs_type OVSBridge\n ovs_ports eth0\niface eth0 inet manual\n ovs_bridge xenbr0\n ovs_type OVSPort\n", NetworkMode.OpenVSwitch, null },
        { "# dhcp\nauto eth0\niface eth0 inet dhcp\niface eth0 inet6 auto\n", NetworkMode.Routed, null },
    };

    [Theory]
    [InlineData("auto xenbr0\niface xenbr0 inet dhcp\n bridge_ports eth0\n", "no bridge_fd leaves the kernel's 15 s")]
    [InlineData("auto xenbr0\niface xenbr0 inet dhcp\n bridge_ports eth0\n bridge_fd 0\n bridge_stp on\n", "stp")]
    [InlineData("iface xenbr0 inet dhcp\n bridge_ports eth0\n bridge_fd 0\n", "nothing brings it up")]
    [InlineData("auto xenbr0\niface xenbr0 inet dhcp\n bridge_ports eth0 eth1\n bridge_fd 0\n", "another port")]
    [InlineData("auto xenbr0 eth0\niface eth0 inet dhcp\niface xenbr0 inet dhcp\n bridge_ports eth0\n bridge_fd 0\n", "an address on the port")]
    public void Render_OriginalThatIsNearlyWhatIsAskedFor_IsWrittenAnew(string original, string why)
    {
        var text = Interfaces(Bridged, original);
        Assert.True(text.Contains(InterfacesFile.BlockBegin, StringComparison.Ordinal), why);
        Assert.Single(InterfacesFile.Parse(text).Of("xenbr0"));
    }

    [Fact]
    public void Render_BridgedHostRouted_GivesTheUplinkTheAddressAndWhatWentWithIt()
    {
        const string bridge = "auto xenbr0\niface xenbr0 inet static\n  address 192.0.2.10/24\n  gateway 192.0.2.1\n  pointopoint 192.0.2.1\n  bridge_ports eth0\n  bridge_fd 0\n  post-up ip route add 198.51.100.0/24 dev xenbr0 # not xenbr0.5\n\niface xenbr0 inet6 static\n  address 2001:db8::10/64\n  gateway fe80::1\n";
        var text = Interfaces(Bridged with { Mode = NetworkMode.Routed, Bridge = null, Addressing = new Addressing(AddressingMethod.Static, ["192.0.2.10/24"], IPAddress.Parse("192.0.2.1")) }, bridge);
        Assert.Equal($"""

            {InterfacesFile.BlockBegin}
            auto eth0
            iface eth0 inet static
                address 192.0.2.10/24
                gateway 192.0.2.1
                pointopoint 192.0.2.1
                up ip route add 198.51.100.0/24 dev eth0 # not xenbr0.5

            iface eth0 inet6 static
                address 2001:db8::10/64
                gateway fe80::1
            {InterfacesFile.BlockEnd}

            """, text.TrimStart('\n') is var trimmed ? "\n" + trimmed : "");
    }

    [Fact]
    public void Render_StanzaInASourcedFile_IsTakenOutOfThatFile()
    {
        var originals = new Dictionary<string, byte[]?>
        {
            [NetworkFiles.Interfaces] = "source-directory interfaces.d\n"u8.ToArray(),
            [NetworkFiles.InterfacesFolder + "uplink"] = "auto eth0 eth1\niface eth0 inet dhcp\niface eth1 inet manual\n"u8.ToArray(),
            [NetworkFiles.InterfacesFolder + "not.read"] = "auto eth0\niface eth0 inet dhcp\n"u8.ToArray(),
        };
        var files = NetworkFiles.Render(Bridged, [], originals);
        Assert.Equal("auto eth1\niface eth1 inet manual\n", Text(files[NetworkFiles.InterfacesFolder + "uplink"]));
        Assert.False(files.ContainsKey(NetworkFiles.InterfacesFolder + "not.read"));
        Assert.Contains("iface xenbr0 inet dhcp", Text(files[NetworkFiles.Interfaces]), StringComparison.Ordinal);
        Assert.Same(originals[NetworkFiles.InterfacesFolder + "uplink"], NetworkFiles.Render(null, [], originals)[NetworkFiles.InterfacesFolder + "uplink"]);
    }

    [Fact]
    public void Render_EachMode_HasItsFilesAndNoOthers()
    {
        Assert.Equal([NetworkFiles.Interfaces], Present(Bridged));
        Assert.Equal([NetworkFiles.Interfaces, NetworkFiles.Sysctl], Present(Bridged with { Mode = NetworkMode.Routed, Bridge = null }));
        Assert.Equal(
            [NetworkFiles.Interfaces, NetworkFiles.Sysctl, NetworkFiles.Units + NetworkFiles.DnsmasqUnit, NetworkFiles.Units + NetworkFiles.NatUnit, NetworkFiles.Dnsmasq, NetworkFiles.DnsmasqHosts, NetworkFiles.Nat],
            Present(Nat));
        Assert.DoesNotContain(NetworkFiles.Dnsmasq, Present(Nat with { Nat = Nat.Nat! with { Dhcp = false } }));
        Assert.Equal([NetworkFiles.Interfaces, NetworkFiles.NetworkdBridgeLink, NetworkFiles.NetworkdBridgeDevice, NetworkFiles.NetworkdBridge, NetworkFiles.NetworkdUplink], Present(Bridged with { Backend = NetworkBackend.SystemdNetworkd }));
        Assert.Equal([NetworkFiles.Interfaces], Present(Nat with { Backend = NetworkBackend.Unmanaged }));

        static string[] Present(HostNetworking networking)
        {
            var files = NetworkFiles.Render(networking, [], new Dictionary<string, byte[]?> { [NetworkFiles.Interfaces] = Encoding.Latin1.GetBytes(Dhcp) });
            Assert.Superset(NetworkFiles.Owned.ToHashSet(), files.Keys.ToHashSet());
            Assert.All(files, f => Assert.True(f.Value is null || f.Key == NetworkFiles.Interfaces || Text(f.Value).StartsWith("# Written by xlnet", StringComparison.Ordinal), f.Key));
            return [.. files.Where(f => f.Value is not null).Select(f => f.Key)];
        }
    }

    [Fact]
    public void Render_Leases_AreThoseOfTheSubnetByName()
    {
        StaticLease Lease(string mac, string address, string name) => new(MacAddress.Parse(mac), IPAddress.Parse(address), name);
        var files = NetworkFiles.Render(
            Nat, [Lease("00:16:3e:00:00:02", "10.77.0.3", "db_1.eu"), Lease("00:16:3e:00:00:01", "10.77.0.2", "web1"), Lease("00:16:3e:00:00:03", "10.78.0.2", "else")], new Dictionary<string, byte[]?>());
        Assert.Equal("00:16:3e:00:00:01,10.77.0.2,web1\n00:16:3e:00:00:02,10.77.0.3,db-1-eu\n", string.Join('\n', Text(files[NetworkFiles.DnsmasqHosts]).Split('\n').Skip(1)));
        // The lower half is allocated to vifs.
        Assert.Contains("dhcp-range=10.77.0.5,10.77.0.6,255.255.255.248,", Text(files[NetworkFiles.Dnsmasq]), StringComparison.Ordinal);
    }

    [Fact]
    public void Render_UplinkWithADot_IsOneWordOfTheSysctl()
    {
        var files = NetworkFiles.Render(Bridged with { Mode = NetworkMode.Routed, Bridge = null, Uplink = "eth0.10" }, [], new Dictionary<string, byte[]?>());
        Assert.Contains("\nnet/ipv4/conf/eth0.10/proxy_arp = 1\n", Text(files[NetworkFiles.Sysctl]), StringComparison.Ordinal);
    }

    private static string Interfaces(HostNetworking networking, string original) =>
        Text(NetworkFiles.Render(networking, [], new Dictionary<string, byte[]?> { [NetworkFiles.Interfaces] = Encoding.Latin1.GetBytes(original) })[NetworkFiles.Interfaces]);

    private static string Text(byte[]? content) => Encoding.Latin1.GetString(content!);
}

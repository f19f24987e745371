using System.Net;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Networking;
using Xunit;

namespace Xlnet.Hosts.Tests.Networking;

/// <summary>The real ifupdown, bridges, nftables, dnsmasq and Open vSwitch, with packets that pass.</summary>
public sealed class NetworkSwitchTests
{
    /// <summary>As the lab's sheet has it, with an address more than the stanza's own.</summary>
    private const string Bridged = """
        # This file describes the network interfaces available on your system
        source /etc/network/interfaces.d/*

        auto lo
        iface lo inet loopback

        # The bridge of the guests
        auto xenbr0
        iface xenbr0 inet static
        	address 192.0.2.10
        	netmask 255.255.255.0
        	gateway 192.0.2.1
        	bridge_ports eth0
        	bridge_stp off
        	bridge_fd 0
        	up ip addr add 192.0.2.11/24 dev xenbr0

        """;

    private static readonly HostNetworking Asked = new()
    {
        Mode = NetworkMode.Bridged, Backend = NetworkBackend.Ifupdown, Uplink = "eth0", Bridge = "xenbr0",
        Addressing = new Addressing(AddressingMethod.Static, ["192.0.2.10/24"], IPAddress.Parse("192.0.2.1")),
    };

    private static readonly HostNetworking Routed = Asked with { Mode = NetworkMode.Routed, Bridge = null };

    private static readonly HostNetworking Nat = Asked with
    {
        Mode = NetworkMode.Nat,
        Nat = new NatSettings(IPNetwork.Parse("10.77.0.0/24"), true, "lab.example", [new PortForward("tcp", 8080, IPAddress.Parse("10.77.0.5"), 80)]),
    };

    private static readonly StaticLease Lease = new(MacAddress.Parse(NetworkLab.GuestMac), IPAddress.Parse("10.77.0.5"), "web1");

    [Fact]
    public async Task Switch_BridgeTakenAwayByHand_IsMadeAnewWithItsAddresses()
    {
        await using var lab = await NetworkLab.StartAsync(Bridged);
        var originals = await lab.ReadAllAsync([NetworkFiles.Interfaces]);
        var bridged = new NetworkState(Asked, NetworkFiles.Render(Asked, [], originals));
        await lab.DoAsync("ip link set dev xenbr0 down && ip link delete dev xenbr0");
        Assert.False(await lab.PingsAsync("world", "192.0.2.10"));

        await lab.SwitchAsync(bridged with { Broken = ["xenbr0"] }, bridged);
        Assert.True(await lab.PingsAsync("world", "192.0.2.10"), await lab.DoAsync("ip addr"));
        Assert.True(await lab.PingsAsync("world", "192.0.2.11"));
    }

    [Fact]
    public async Task Switch_BridgedRoutedNatBridged_PacketsPassAndFilesComeBack()
    {
        await using var lab = await NetworkLab.StartAsync(Bridged);
        var originals = await lab.ReadAllAsync([NetworkFiles.Interfaces]);
        var bridged = new NetworkState(Asked, NetworkFiles.Render(Asked, [], originals));
        var routed = new NetworkState(Routed, NetworkFiles.Render(Routed, [], originals));
        var nat = new NetworkState(Nat, NetworkFiles.Render(Nat, [Lease], originals));
        Assert.Equal(originals[NetworkFiles.Interfaces], bridged.Files[NetworkFiles.Interfaces]);

        // Bridged: the guest is in the world's own network.
        await lab.DoAsync("ip link set dev vif1.0 master xenbr0 up");
        await lab.DoInAsync("guest", "ip addr add 192.0.2.50/24 dev eth0");
        Assert.True(await lab.PingsAsync("world", "192.0.2.50"));
        Assert.True(await lab.PingsAsync("world", "192.0.2.11"));
        var before = await SeeAsync(lab);

        // Routed, and the script twice: as vif-route does, the guest's address is a route of Dom0's.
        await lab.SwitchAsync(bridged, routed, times: 2);
        Assert.DoesNotContain("xenbr0", await lab.DoAsync("ip -o link"), StringComparison.Ordinal);
        await lab.DoAsync("ip link set dev vif1.0 up && ip addr add 192.0.2.10/32 dev vif1.0 && ip route add 192.0.2.50 dev vif1.0 && sysctl -q -w net/ipv4/conf/vif1.0/proxy_arp=1");
        // The world knows the guest's own MAC still, and would forget it in its time.
        await lab.DoInAsync("world", "ip neigh flush all");
        Assert.True(await lab.PingsAsync("world", "192.0.2.50"), await lab.DoAsync("ip addr; ip route; sysctl net.ipv4.ip_forward net.ipv4.conf.eth0.proxy_arp"));
        Assert.True(await lab.PingsAsync("guest", "192.0.2.1"));
        Assert.True(await lab.PingsAsync("world", "192.0.2.11"), "the additional address is lost");

        // NAT: the guest asks for an address, and the world sees Dom0's.
        await lab.SwitchAsync(routed, nat, times: 2);
        await lab.DoAsync("ip addr flush dev vif1.0; ip link set dev vif1.0 master xenbr0 up");
        await lab.DoInAsync("guest", "ip addr flush dev eth0");
        var lease = await lab.RunAsync("ip netns exec guest busybox udhcpc -i eth0 -f -n -q -t 10 -T 1 -s /bin/true");
        Assert.True(lease.Output.Contains("10.77.0.5", StringComparison.Ordinal), lease.Output + await lab.DoAsync("cat /run/*.log; ps ax; ip -d addr; cat /etc/xlnet/*"));
        await lab.DoInAsync("guest", "ip addr add 10.77.0.5/24 dev eth0");
        await lab.DoInAsync("guest", "ip route add default via 10.77.0.1");
        Assert.True(await lab.PingsAsync("guest", "192.0.2.1"), await lab.DoAsync("nft list ruleset; ip addr"));
        await lab.DoInAsync("world", "ip route add 10.77.0.0/24 via 192.0.2.10");
        Assert.NotEqual(0, (await lab.RunAsync("ip netns exec world busybox ping -c 1 -W 1 10.77.0.5")).Status);
        await lab.DoAsync("mkdir -p /etc/netns/guest && echo nameserver 10.77.0.1 >/etc/netns/guest/resolv.conf");
        Assert.Contains("10.77.0.5", await lab.DoInAsync("guest", "busybox ping -c 1 web1.lab.example"), StringComparison.Ordinal);
        Directory.CreateDirectory(lab.Folder + "/www");
        await File.WriteAllTextAsync(lab.Folder + "/www/hello", "forwarded", TestContext.Current.CancellationToken);
        await lab.DoInAsync("guest", $"busybox httpd -p 80 -h {lab.Folder}/www");
        Assert.EndsWith("forwarded", await lab.DoInAsync("world", "sh -c 'printf \"GET /hello HTTP/1.0\\r\\n\\r\\n\" | busybox nc -w 5 192.0.2.10 8080'"), StringComparison.Ordinal);

        // And as it was.
        await lab.SwitchAsync(nat, bridged, times: 2);
        Assert.Equal(before, await SeeAsync(lab));
        foreach (var (path, content) in bridged.Files)
            Assert.Equal(content, await lab.ReadAsync(path));
        await lab.DoInAsync("guest", "ip addr flush dev eth0");
        await lab.DoInAsync("guest", "ip addr add 192.0.2.50/24 dev eth0");
        await lab.DoInAsync("world", "ip neigh flush all");
        Assert.True(await lab.PingsAsync("world", "192.0.2.50"), "the vif was not put back");
        Assert.Equal("", await lab.DoAsync("nft list ruleset; pgrep -x dnsmasq; ls /run/*.active 2>/dev/null; true"));
        Assert.Equal("0", (await lab.DoAsync("cat /proc/sys/net/ipv4/ip_forward")).Trim());
    }

    [Fact]
    public async Task Switch_BridgedOpenVSwitchBridged_VifsFollowWhereTheirScriptCan()
    {
        await using var lab = await NetworkLab.StartAsync(Bridged, openVSwitch: true);
        var originals = await lab.ReadAllAsync([NetworkFiles.Interfaces]);
        var own = new NetworkState(null, NetworkFiles.Render(null, [], originals), [new NetworkVif("vif1.0")]);
        var vswitch = Asked with { Mode = NetworkMode.OpenVSwitch, Mtu = 1400 };
        var switched = new NetworkState(vswitch, NetworkFiles.Render(vswitch, [], originals));
        var tagged = vswitch with { Mtu = null, Vlan = 7 };
        var inVlan = new NetworkState(tagged, NetworkFiles.Render(tagged, [], originals));
        await lab.DoAsync("ip link set dev vif1.0 master xenbr0 up");
        await lab.DoInAsync("guest", "ip addr add 192.0.2.50/24 dev eth0");
        var before = await SeeAsync(lab);

        await lab.SwitchAsync(own, switched, times: 2);
        Assert.Equal("eth0", (await lab.DoAsync("ovs-vsctl list-ports xenbr0")).Trim());
        Assert.True(await lab.PingsAsync("world", "192.0.2.10"), await lab.DoAsync("ovs-vsctl show; ip addr"));
        Assert.True(await lab.PingsAsync("world", "192.0.2.11"));
        Assert.Equal("1400", (await lab.DoAsync("cat /sys/class/net/xenbr0/mtu")).Trim());
        // By which a DHCP server knows Dom0. (udhcpc takes no lease here: between veths a switch in user space leaves checksums to nobody.)
        Assert.Equal(await lab.DoAsync("cat /sys/class/net/eth0/address"), await lab.DoAsync("cat /sys/class/net/xenbr0/address"));

        // As vif-openvswitch does. Another Open vSwitch bridge of the same name takes the vif over, with its VLANs.
        await lab.DoAsync("ovs-vsctl add-port xenbr0 vif1.0 tag=7 trunks=8,9");
        await lab.SwitchAsync(switched, inVlan, times: 2);
        Assert.Equal("7\n[8, 9]\n7\n", await lab.DoAsync("ovs-vsctl get port vif1.0 tag trunks -- get port xenbr0 tag"));
        Assert.True(await lab.PingsAsync("guest", "192.0.2.10"), "Dom0's own address is not in the guest's VLAN");
        Assert.NotEqual(0, (await lab.RunAsync("ip netns exec world busybox ping -c 1 -W 1 192.0.2.50")).Status);

        await lab.SwitchAsync(inVlan, own, times: 2);
        Assert.Equal(before, await SeeAsync(lab));
        Assert.True(await lab.PingsAsync("world", "192.0.2.50"), "the vif was not put back");
        Assert.Equal("", await lab.DoAsync("ovs-vsctl list-br"));
        Assert.Equal(originals[NetworkFiles.Interfaces], await lab.ReadAsync(NetworkFiles.Interfaces));
    }

    [Fact]
    public async Task Switch_HostThatAsksForItsAddress_KeepsItOnWhateverBearsIt()
    {
        const string own = "auto lo\niface lo inet loopback\n\nauto eth0\niface eth0 inet dhcp\n    up ip addr add 192.0.2.11/24 dev eth0\n";
        await using var lab = await NetworkLab.StartAsync(own, dhcp: true);
        var originals = await lab.ReadAllAsync([NetworkFiles.Interfaces]);
        var dhcp = Asked with { Addressing = new Addressing(AddressingMethod.Dhcp, []) };
        var address = (await lab.DoAsync("ip -o -4 addr show dev eth0 | sed 's/.*inet \\(192.0.2.1[0-9][0-9]\\).*/\\1/' | head -n 1")).Trim();
        Assert.StartsWith("192.0.2.1", address, StringComparison.Ordinal);
        NetworkState[] states =
        [
            .. new[] { null, dhcp, Nat with { Addressing = dhcp.Addressing, Mtu = 1400 }, dhcp, null }
                .Select(n => new NetworkState(n, NetworkFiles.Render(n, [], originals))),
        ];

        foreach (var (from, to) in states.Zip(states.Skip(1)))
        {
            var log = await lab.SwitchAsync(from, to, times: 2);
            var bearer = to.Networking?.AddressedInterface ?? "eth0";
            var seen = await lab.DoAsync($"ip addr show dev {bearer}; ip route");
            Assert.True(seen.Contains($" {address}/24 ", StringComparison.Ordinal) && seen.Contains(" 192.0.2.11/24 ", StringComparison.Ordinal) && seen.Contains($"default via 192.0.2.1 dev {bearer}", StringComparison.Ordinal), log + seen);
            Assert.True(await lab.PingsAsync("world", address), log + seen);
            Assert.True(await lab.PingsAsync("world", "192.0.2.11"), log + seen);
        }

        Assert.Equal(originals[NetworkFiles.Interfaces], await lab.ReadAsync(NetworkFiles.Interfaces));
    }

    [Theory]
    [InlineData(NetworkMode.Routed)]
    [InlineData(NetworkMode.Nat)]
    [InlineData(NetworkMode.OpenVSwitch)]
    public async Task Switch_CutShortAfterAnyLine_TheWayBackBringsAllOfItBack(NetworkMode mode)
    {
        await using var lab = await NetworkLab.StartAsync(Bridged, openVSwitch: mode == NetworkMode.OpenVSwitch);
        var originals = await lab.ReadAllAsync([NetworkFiles.Interfaces]);
        var asked = mode switch { NetworkMode.Routed => Routed, NetworkMode.Nat => Nat, _ => Asked with { Mode = mode } };
        var own = new NetworkState(null, NetworkFiles.Render(null, [], originals), [new NetworkVif("vif1.0")]);
        var other = new NetworkState(asked, NetworkFiles.Render(asked, [Lease], originals));
        await lab.DoAsync("ip link set dev vif1.0 master xenbr0 up");
        await lab.DoInAsync("guest", "ip addr add 192.0.2.50/24 dev eth0");
        var before = await SeeAsync(lab);

        for (var (count, more) = (1, true); more; count++)
        {
            more = await lab.BeginSwitchAsync(own, other, count);
            var log = await lab.SwitchAsync(other, own);
            Assert.True(before == await SeeAsync(lab), $"after {count} lines:\n{log}\n{await SeeAsync(lab)}");
            Assert.True(await lab.PingsAsync("world", "192.0.2.50"), $"after {count} lines:\n{log}");
            foreach (var (path, content) in own.Files)
                Assert.Equal(content, await lab.ReadAsync(path));
        }

        Assert.Equal("", await lab.DoAsync("nft list ruleset; pgrep -x dnsmasq; ls /run/*.active 2>/dev/null; [ ! -e /run/openvswitch/db.sock ] || ovs-vsctl list-br"));
    }

    [Fact]
    public async Task Switch_Networkd_EachModeAndBackToTheHostsOwn()
    {
        await using var lab = await NetworkLab.StartNetworkdAsync(
            new Dictionary<string, string> { ["10-own.network"] = "[Match]\nName=eth*\n\n[Network]\nAddress=192.0.2.10/24\nGateway=192.0.2.1\n" }, openVSwitch: true);
        HostNetworking[] modes =
        [
            Asked, Asked with { Mode = NetworkMode.OpenVSwitch, Vlan = 7, Mtu = 1400 }, Asked with { Mode = NetworkMode.OpenVSwitch }, Routed, Nat, Asked,
        ];
        NetworkState[] states =
        [
            new(null, NetworkFiles.Render(null, [], new Dictionary<string, byte[]?>())),
            .. modes.Select(m => m with { Backend = NetworkBackend.SystemdNetworkd }).Select(m => new NetworkState(m, NetworkFiles.Render(m, [Lease], new Dictionary<string, byte[]?>()))),
        ];
        Assert.True(await lab.PingsAsync("world", "192.0.2.10"), await lab.DoAsync("cat /run/networkd.log; ip addr"));
        var before = await AddressesAsync();

        foreach (var (from, to) in states.Zip(states.Skip(1)))
        {
            var log = await lab.SwitchAsync(from, to, times: 2);
            if (to.Networking!.Vlan is null)
                Assert.True(await lab.PingsAsync("world", "192.0.2.10"), $"{to.Networking.Mode}: {log}{await lab.DoAsync("cat /run/networkd.log; ip addr; ovs-vsctl show")}");
            else
                Assert.Equal("7\n1400\n", await lab.DoAsync("ovs-vsctl get port xenbr0 tag; cat /sys/class/net/xenbr0/mtu"));
            if (to.Networking.Bridge is not null && to.Networking.Mode != NetworkMode.Nat)
                Assert.Equal(await lab.DoAsync("cat /sys/class/net/eth0/address"), await lab.DoAsync("cat /sys/class/net/xenbr0/address"));
            Assert.Equal(to.Networking.Mode == NetworkMode.OpenVSwitch ? "xenbr0\n" : "", await lab.DoAsync("ovs-vsctl list-br"));
            Assert.Equal(to.Networking.Mode is NetworkMode.Bridged or NetworkMode.Nat, (await lab.RunAsync("test -d /sys/class/net/xenbr0/bridge")).Status == 0);
            if (to.Networking.Mode == NetworkMode.Bridged)
                Assert.Contains("forward_delay 0", await lab.DoAsync("ip -d link show xenbr0"), StringComparison.Ordinal);
        }

        await lab.SwitchAsync(states[^1], states[0], times: 2);
        Assert.True(await lab.PingsAsync("world", "192.0.2.10"), await lab.DoAsync("cat /run/networkd.log; ip addr"));
        Assert.Equal(before, await AddressesAsync());
        foreach (var (path, content) in states[0].Files)
            Assert.Equal(content, await lab.ReadAsync(path));

        Task<string> AddressesAsync() => lab.DoAsync("ls /sys/class/net; ip -o -4 addr | sed 's/^[0-9]*: //;s/ *valid.*//'; ip route");
    }

    /// <summary>What a switch and the way back must leave as it was.</summary>
    private static async Task<string> SeeAsync(NetworkLab lab) => await lab.DoAsync(
        "ip -o link show master xenbr0 | sed 's/^[0-9]*: //;s/@.*//'; ip -o -4 addr | sed 's/^[0-9]*: //;s/ *valid.*//'; ip route; sysctl net.ipv4.ip_forward net.ipv4.conf.eth0.proxy_arp; ip -d -o link show xenbr0 | grep -o 'forward_delay [0-9]*'");
}

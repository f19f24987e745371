using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Vifs;
using Xunit;

namespace Xlnet.Hosts.Tests.Networking;

/// <summary>What a guest forges, on a real bridge with the real nftables, and on the real Open vSwitch: the world counts what arrives.</summary>
public sealed partial class LockingTests
{
    private const string Bridged = """
        auto lo
        iface lo inet loopback
        auto xenbr0
        iface xenbr0 inet static
        	address 192.0.2.10/24
        	bridge_ports eth0
        	bridge_stp off
        	bridge_fd 0

        """;

    private const string Switched = """
        auto lo
        iface lo inet loopback
        auto eth0
        iface eth0 inet manual

        """;

    /// <summary>Of vif-common.sh, what a hotplug script uses; xenstore says what the environment does.</summary>
    private const string VifCommon = """
        set -e
        command=$1
        type_if=${2#type_if=}
        dev=$INTERFACE
        fatal() { echo "$*" >&2; exit 1; }
        do_or_die() { "$@" || fatal "$* failed"; }
        do_without_error() { "$@" 2>/dev/null || :; }
        log() { :; }
        success() { :; }
        xenstore_read() { for path; do case $path in */bridge) echo "$BRIDGE" ;; *) echo "a b" ;; esac; done; }

        """;

    private static readonly MacAddress Mac = MacAddress.Parse(NetworkLab.GuestMac);
    private static readonly string Name = VifLockingRules.NameOf(Mac);

    private static readonly IReadOnlyDictionary<string, byte[]?> Files = LockingFiles.Render(
        [new LockedVif(Name, Emulated: true, Mac, [IPAddress.Parse("192.0.2.5"), IPAddress.Parse("2001:db8::5")], OpenVSwitch: true)]);

    /// <summary>What the guest does, by what the world's counter matches.</summary>
    private static readonly (string Counter, string Matches, string[] Forge)[] Forgeries =
    [
        ("mac", "ether saddr 02:00:00:00:00:66", [
            "ip link set dev eth0 address 02:00:00:00:00:66", "busybox ping -c 1 -W 1 192.0.2.1", $"ip link set dev eth0 address {NetworkLab.GuestMac}"]),
        ("ipv4", "ip saddr 192.0.2.66", [
            "ip addr add 192.0.2.66/32 dev eth0", "busybox ping -c 1 -W 1 -I 192.0.2.66 192.0.2.1", "ip addr del 192.0.2.66/32 dev eth0"]),
        // The neighbour is not there, so the guest asks for him in the name of the address that it has taken.
        ("arp", "arp saddr ip 192.0.2.77", [
            "ip addr add 192.0.2.77/32 dev eth0", "busybox ping -c 1 -W 1 -I 192.0.2.77 192.0.2.200", "ip addr del 192.0.2.77/32 dev eth0"]),
        ("ipv6", "ip6 saddr 2001:db8::66", [
            "ip addr add 2001:db8::66/128 dev eth0 nodad", "busybox ping6 -c 1 -W 1 -I 2001:db8::66 2001:db8::1", "ip addr del 2001:db8::66/128 dev eth0"]),
        ("claim", "arp saddr ip 192.0.2.1", Frame("ffffffffffff", "0806", "0001080006040002 00163e800001 c0000201 ffffffffffff c0000205")),
        ("vlan", "ether type 8021q", Frame("ffffffffffff", "8100", "00070800 4500001c0000000040110000 c0000205 c0000201 1111222200080000")),
        ("dhcpserver", "udp sport 67", Frame("ffffffffffff", "0800", "4500001c000000004011f6ca c0000205 c0000201 0043004400080000")),
        ("advert", "icmpv6 type nd-neighbor-advert icmpv6 code 0 @th,64,128 0x20010db8000000000000000000000001",
            Frame("333300000001", "86dd", "6000000000203aff fe8000000000000002163efffe800001 ff020000000000000000000000000001 8800000020000000 20010db8000000000000000000000001 020100163e800001")),
        ("router", "icmpv6 type nd-router-advert",
            Frame("333300000001", "86dd", "6000000000103aff fe8000000000000002163efffe800001 ff020000000000000000000000000001 86000000400007080000000000000000")),
        ("other", "ether type 0x88b5", Frame("ffffffffffff", "88b5", "0000")),
    ];

    [Fact]
    public async Task Rules_WhatAGuestForges_ArrivesWhenUnlockedAlone()
    {
        await using var lab = await NetworkLab.StartAsync(Bridged);
        await LoadAsync(lab, LockingFiles.Unit);
        // In force before there is an interface of that name; loading once more changes nothing.
        await lab.DoAsync($"systemctl reload-or-restart {LockingFiles.Unit}");
        await lab.DoAsync($"nft list chain bridge {LockingFiles.Table} {LockingFiles.ChainOf(Files[LockingFiles.Rules]!)}");
        await lab.DoAsync($"ip link set dev vif1.0 name {Name} && ip link set dev {Name} master xenbr0 up");
        await AssertLockedAsync(lab);

        await lab.DoAsync($"systemctl disable --now {LockingFiles.Unit}");
        Assert.Equal([.. Forgeries.Select(f => f.Counter), "dhcp"], await ForgeAsync(lab));
        Assert.DoesNotContain(LockingFiles.Table, await lab.DoAsync("nft list tables"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Flows_WhatAGuestForges_ArrivesWhenUnlockedAlone(bool emulated)
    {
        await using var lab = await StartSwitchedAsync();
        await PlugAsync(lab, emulated);
        await lab.DoAsync(LockingFlows.ScriptPath + " check");
        await AssertLockedAsync(lab);

        await lab.DoAsync($"rm {LockingFlows.Path} && systemctl disable --now {LockingFlows.Unit}");
        Assert.Equal([.. Forgeries.Select(f => f.Counter), "dhcp"], await ForgeAsync(lab));
        Assert.DoesNotContain("cookie=0x786c6e6574", await lab.DoAsync("ovs-ofctl dump-flows ovs1"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plug_GuestThatForgesAllTheTime_IsNeverHeardUntilUnlocked()
    {
        await using var lab = await StartSwitchedAsync();
        await FloodAsync(lab);
        await PlugAsync(lab);
        Assert.True(await lab.PingsAsync("guest", "192.0.2.1"), await lab.DoAsync("ovs-vsctl show; ip addr"));

        // Other addresses are put into force as a whole.
        var more = LockingFiles.Render([new LockedVif(Name, Emulated: true, Mac, [IPAddress.Parse("192.0.2.5"), IPAddress.Parse("192.0.2.66")], OpenVSwitch: true)]);
        await lab.WriteAsync(LockingFlows.Path, more[LockingFlows.Path]!);
        Assert.NotEqual(0, (await lab.RunAsync(LockingFlows.ScriptPath + " check")).Status);
        await lab.DoAsync($"systemctl reload-or-restart {LockingFlows.Unit}");
        await lab.DoAsync(LockingFlows.ScriptPath + " check");
        await lab.DoInAsync("guest", "ip addr add 192.0.2.66/32 dev eth0");
        Assert.True((await lab.RunAsync("ip netns exec guest busybox ping -c 3 -W 2 -I 192.0.2.66 192.0.2.1")).Status == 0, await lab.DoAsync("ovs-ofctl dump-flows ovs1"));

        // As systemd restarts it with ovs-vswitchd, for PartOf= and After=.
        await lab.DoAsync($"systemctl stop {LockingFlows.Unit}");
        await RestartSwitchAsync(lab);
        Assert.Equal("", await lab.DoAsync("ovs-ofctl --no-stats dump-flows ovs1 cookie=0x786c6e6574/-1"));
        await lab.DoAsync($"systemctl start {LockingFlows.Unit}");
        Assert.True(await lab.PingsAsync("guest", "192.0.2.1"));

        // Another guest is made anew meanwhile, which loads all flows again.
        await lab.DoAsync("ip link add name other type veth peer name other0");
        Assert.NotEqual(0, (await lab.RunAsync($"INTERFACE=other BRIDGE=ovs1 {LockingFlows.ScriptPath} online type_if=vif")).Status);
        await lab.DoAsync($"INTERFACE=other BRIDGE=ovs1 {LockingFlows.ScriptPath} offline type_if=vif");
        Assert.True(await lab.PingsAsync("guest", "192.0.2.1"));
        Assert.DoesNotContain("flood", await SeenAsync(lab));

        await lab.DoAsync($"rm {LockingFlows.Path} && {LockingFlows.ScriptPath} load");
        await WaitForFloodAsync(lab);
    }

    [Fact]
    public async Task Plug_FlowsThatCannotBePutIn_LeavesTheInterfaceDown()
    {
        await using var lab = await StartSwitchedAsync();
        await lab.DoAsync($"ip link set dev vif1.0 name {Name}");
        await lab.DoAsync("printf '#!/bin/sh\nexit 1\n' >/usr/local/sbin/ovs-ofctl && chmod 755 /usr/local/sbin/ovs-ofctl");
        var (status, output) = await lab.RunAsync($"INTERFACE={Name} BRIDGE=ovs1 {LockingFlows.ScriptPath} online type_if=vif");
        Assert.Equal((1, $"The flows that hold the guest of {Name} to its addresses cannot be put in.\n"), (status, output));
        Assert.DoesNotContain("UP", await lab.DoAsync($"ip -br link show dev {Name}"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_FlowsThatSomeoneChanged_AreNotInForceUntilLoadedAgain()
    {
        await using var lab = await StartSwitchedAsync();
        await PlugAsync(lab);
        foreach (var change in (string[])
        [
            "ovs-ofctl del-flows ovs1",
            "ovs-ofctl mod-flows ovs1 cookie=0x786c6e6574/-1,icmp6,actions=NORMAL",
            "ovs-ofctl add-flow ovs1 cookie=0x786c6e6574,priority=1,in_port=77,actions=drop",
            $"ovs-vsctl del-port {Name} -- add-port ovs1 eth9 -- set interface eth9 type=internal && ovs-vsctl del-port eth9 -- add-port ovs1 {Name}",
        ])
        {
            await lab.DoAsync(change);
            Assert.NotEqual(0, (await lab.RunAsync(LockingFlows.ScriptPath + " check")).Status);
            await lab.DoAsync($"{LockingFlows.ScriptPath} load && {LockingFlows.ScriptPath} check");
        }

        await lab.DoAsync($"INTERFACE={Name} BRIDGE=ovs1 {LockingFlows.ScriptPath} offline type_if=vif");
        Assert.DoesNotContain(Name, await lab.DoAsync("ovs-vsctl list-ports ovs1"), StringComparison.Ordinal);
        Assert.Equal("", await lab.DoAsync("ovs-ofctl --no-stats dump-flows ovs1 cookie=0x786c6e6574/-1"));
    }

    [Fact]
    public async Task Switch_BridgeThatIsMadeAnew_HoldsItsLockedVifThroughout()
    {
        await using var lab = await NetworkLab.StartAsync(Bridged, openVSwitch: true);
        var originals = await lab.ReadAllAsync([NetworkFiles.Interfaces]);
        var asked = new HostNetworking { Mode = NetworkMode.OpenVSwitch, Backend = NetworkBackend.Ifupdown, Uplink = "eth0", Bridge = "xenbr0", Addressing = new Addressing(AddressingMethod.Static, ["192.0.2.10/24"]) };
        NetworkState[] states = [.. new[] { null, asked, asked with { Mtu = 1400 }, asked }.Select(n => new NetworkState(n, NetworkFiles.Render(n, [], originals)))];
        await lab.SwitchAsync(states[0], states[1]);
        await LoadAsync(lab, LockingFlows.Unit);
        await CountAsync(lab);
        await FloodAsync(lab);
        await PlugAsync(lab, bridge: "xenbr0");

        foreach (var (from, to) in states.Skip(1).Zip(states.Skip(2)))
        {
            await lab.DoAsync("ovs-vsctl set bridge xenbr0 other-config:old=yes");
            var log = await lab.SwitchAsync(from, to);
            Assert.True((await lab.RunAsync("ovs-vsctl get bridge xenbr0 other-config:old")).Status != 0, "the bridge was not made anew");
            Assert.True(await lab.PingsAsync("guest", "192.0.2.1"), log + await lab.DoAsync("ovs-vsctl show; ip addr; ovs-ofctl dump-flows xenbr0"));
            await lab.DoAsync(LockingFlows.ScriptPath + " check");
        }

        Assert.DoesNotContain("flood", await SeenAsync(lab));
        await lab.DoAsync($"rm {LockingFlows.Path} && {LockingFlows.ScriptPath} load");
        await WaitForFloodAsync(lab);
    }

    /// <summary>Open vSwitch with the cable to the world, and Dom0's address.</summary>
    private static async Task<NetworkLab> StartSwitchedAsync()
    {
        var lab = await NetworkLab.StartAsync(Switched, openVSwitch: true);
        await lab.DoAsync("ovs-vsctl add-br ovs1 && ovs-vsctl add-port ovs1 eth0 && ip addr add 192.0.2.10/24 dev ovs1 && ip link set dev ovs1 up");
        await LoadAsync(lab, LockingFlows.Unit);
        await CountAsync(lab);
        return lab;
    }

    private static async Task LoadAsync(NetworkLab lab, string unit)
    {
        await lab.DoAsync("mkdir -p /etc/xlnet /etc/xen/scripts");
        foreach (var (path, content) in Files)
            await lab.WriteAsync(path, content!);
        await lab.WriteAsync("/etc/xen/scripts/vif-common.sh", Encoding.UTF8.GetBytes(VifCommon));
        await lab.DoAsync($"chmod 755 {LockingFlows.ScriptPath} && systemctl daemon-reload && systemctl enable {unit} && systemctl reload-or-restart {unit}");
    }

    private static async Task PlugAsync(NetworkLab lab, bool emulated = false, string bridge = "ovs1")
    {
        var name = emulated ? Name + "-emu" : Name;
        await lab.DoAsync($"ip link set dev vif1.0 name {name}");
        await lab.DoAsync($"INTERFACE={name} BRIDGE={bridge} {LockingFlows.ScriptPath} {(emulated ? "add type_if=tap" : "online type_if=vif")}");
        await lab.DoInAsync("guest", "ip addr add 192.0.2.5/24 dev eth0");
    }

    private static async Task RestartSwitchAsync(NetworkLab lab) => await lab.DoAsync("""
        pid=$(cat /run/openvswitch/ovs-vswitchd.pid); kill "$pid"; while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
        ovs-vswitchd --pidfile --detach --no-chdir --log-file >/dev/null 2>&1
        """);

    /// <summary>What the locked guest may do arrives, and nothing else.</summary>
    private static async Task AssertLockedAsync(NetworkLab lab)
    {
        await CountAsync(lab);
        await lab.DoInAsync("world", "ip addr add 2001:db8::1/64 dev eth0 nodad");
        await lab.RunAsync("ip netns exec guest ip addr add 192.0.2.5/24 dev eth0");
        await lab.DoInAsync("guest", "ip addr add 2001:db8::5/64 dev eth0 nodad");

        Assert.True(await lab.PingsAsync("guest", "192.0.2.1"), await lab.DoAsync("nft list ruleset; ip addr; bridge link"));
        Assert.True(await lab.PingsAsync("guest", "192.0.2.10"));
        Assert.True(await lab.PingsAsync("guest", "2001:db8::1"), await lab.DoAsync("nft list ruleset"));
        await lab.RunAsync("ip netns exec guest busybox udhcpc -i eth0 -n -q -t 1 -T 1 -s /bin/true");
        Assert.Equal(["dhcp"], await ForgeAsync(lab));
        // What was refused has not cut the guest off.
        Assert.True(await lab.PingsAsync("guest", "192.0.2.1"));
    }

    private static Task<string> CountAsync(NetworkLab lab) => lab.DoInAsync(
        "world", $"nft 'table netdev seen; delete table netdev seen; table netdev seen {{ chain in {{ type filter hook ingress device eth0 priority 0; {string.Join("; ", Forgeries.Select(f => $"{f.Matches} counter comment \"{f.Counter}\""))}; udp dport 67 counter comment \"dhcp\"; ether saddr 02:00:00:00:00:99 counter comment \"flood\"; }}; }}'");

    /// <summary>Has the guest send frames with another's MAC address, whenever its cable is plugged in.</summary>
    private static Task<string> FloodAsync(NetworkLab lab) => lab.DoAsync(
        "ip netns exec guest perl -e 'socket(S, 17, 3, 0) or die; while () { send(S, pack(q(H*), q(ffffffffffff02000000009988b5) . q(0) x 100), 0, pack(q(S n i S C C a8), 17, 0, $ARGV[0], 0, 0, 6, q())); select(undef, undef, undef, 0.0005) }' \"$(ip netns exec guest cat /sys/class/net/eth0/ifindex)\" >/dev/null 2>&1 </dev/null &");

    private static async Task WaitForFloodAsync(NetworkLab lab)
    {
        for (var tries = 0; tries < 100 && !(await SeenAsync(lab)).Contains("flood"); tries++)
            await lab.PingsAsync("guest", "192.0.2.1");
        Assert.Contains("flood", await SeenAsync(lab));
    }

    /// <summary>A frame that no tool sends, in hexadecimal, from the guest's own MAC address.</summary>
    private static string[] Frame(string to, string type, string payload) =>
    [
        "/bin/sh -c 'perl -e \"socket(S, 17, 3, 0) or die; send(S, pack(q(H*), \\$ARGV[1]), 0, pack(q(S n i S C C a8), 17, 0, \\$ARGV[0], 0, 0, 6, q())) or die\" "
        + $"$(cat /sys/class/net/eth0/ifindex) {to}{NetworkLab.GuestMac.Replace(":", "", StringComparison.Ordinal)}{type}{payload.Replace(" ", "", StringComparison.Ordinal)}{new string('0', 80)}'",
    ];

    /// <returns>The counters that have counted anything.</returns>
    private static async Task<List<string>> ForgeAsync(NetworkLab lab)
    {
        foreach (var line in Forgeries.SelectMany(f => f.Forge))
            await lab.RunAsync($"ip netns exec guest {line}");
        return await SeenAsync(lab);
    }

    private static async Task<List<string>> SeenAsync(NetworkLab lab) =>
        [.. Counters().Matches(await lab.DoInAsync("world", "nft list ruleset")).Where(m => int.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture) > 0).Select(m => m.Groups[2].Value)];

    [GeneratedRegex("packets (\\d+) bytes \\d+ comment \"(\\w+)\"")]
    private static partial Regex Counters();
}

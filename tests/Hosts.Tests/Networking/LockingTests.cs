using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Vifs;
using Xunit;

namespace Xlnet.Hosts.Tests.Networking;

/// <summary>What a guest forges, on a real bridge with the real nftables: the world counts what arrives.</summary>
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

    private static readonly MacAddress Mac = MacAddress.Parse(NetworkLab.GuestMac);
    private static readonly string Name = VifLockingRules.NameOf(Mac);

    private static readonly IReadOnlyDictionary<string, byte[]?> Files = LockingFiles.Render(
        [new LockedVif(Name, Emulated: true, Mac, [IPAddress.Parse("192.0.2.5"), IPAddress.Parse("2001:db8::5")])]);

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
        await lab.DoAsync("mkdir -p /etc/xlnet");
        foreach (var (path, content) in Files)
            await lab.WriteAsync(path, content!);
        await lab.DoAsync($"systemctl daemon-reload && systemctl enable {LockingFiles.Unit} && systemctl reload-or-restart {LockingFiles.Unit}");
        // In force before there is an interface of that name; loading once more changes nothing.
        await lab.DoAsync($"systemctl reload-or-restart {LockingFiles.Unit}");
        await lab.DoAsync($"nft list chain bridge {LockingFiles.Table} {LockingFiles.ChainOf(Files[LockingFiles.Rules]!)}");
        await lab.DoAsync($"ip link set dev vif1.0 name {Name} && ip link set dev {Name} master xenbr0 up");
        await lab.DoInAsync("world", "ip addr add 2001:db8::1/64 dev eth0 nodad");
        await lab.DoInAsync("guest", "ip addr add 192.0.2.5/24 dev eth0");
        await lab.DoInAsync("guest", "ip addr add 2001:db8::5/64 dev eth0 nodad");
        await lab.DoInAsync("world", $"nft 'table netdev seen {{ chain in {{ type filter hook ingress device eth0 priority 0; {string.Join("; ", Forgeries.Select(f => $"{f.Matches} counter comment \"{f.Counter}\""))}; udp dport 67 counter comment \"dhcp\"; }}; }}'");

        Assert.True(await lab.PingsAsync("guest", "192.0.2.1"), await lab.DoAsync("nft list ruleset; ip addr; bridge link"));
        Assert.True(await lab.PingsAsync("guest", "192.0.2.10"));
        Assert.True(await lab.PingsAsync("guest", "2001:db8::1"), await lab.DoAsync("nft list ruleset"));
        await lab.RunAsync("ip netns exec guest busybox udhcpc -i eth0 -n -q -t 1 -T 1 -s /bin/true");
        Assert.Equal(["dhcp"], await ForgeAsync(lab));
        // What was refused has not cut the guest off.
        Assert.True(await lab.PingsAsync("guest", "192.0.2.1"));

        await lab.DoAsync($"systemctl disable --now {LockingFiles.Unit}");
        Assert.Equal([.. Forgeries.Select(f => f.Counter), "dhcp"], await ForgeAsync(lab));
        Assert.DoesNotContain(LockingFiles.Table, await lab.DoAsync("nft list tables"), StringComparison.Ordinal);
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
        return [.. Counters().Matches(await lab.DoInAsync("world", "nft list ruleset")).Where(m => int.Parse(m.Groups[1].Value, CultureInfo.InvariantCulture) > 0).Select(m => m.Groups[2].Value)];
    }

    [GeneratedRegex("packets (\\d+) bytes \\d+ comment \"(\\w+)\"")]
    private static partial Regex Counters();
}

using Xlnet.Api.Tests;
using Xunit;

namespace Xlnet.XenLab;

/// <summary>How one gets from bridging to Open vSwitch, routing and NAT, by the service, on the real Xen.</summary>
[Collection(XenHost.First)]
public sealed class NetworkingLabTests(XenHost xen) : LabTests(xen)
{
    /// <summary>What of a host's files is about its network.</summary>
    private const string Files = "find /etc/network /etc/sysctl.d /etc/systemd/system /etc/systemd/network /etc/xlnet /etc/xen/xl.conf -type f 2>/dev/null | sort | xargs sha256sum";

    private static readonly string[] Guests = ["web1", "web2"];

    [Fact]
    public async Task Modes_OneAfterTheOtherAndBackFromAWrongOne_GuestAnswersInEachAndTheFilesAreAsTheyWere()
    {
        var files = await Xen.ScriptAsync(Files);
        await ShowModesAsync(files);
        await ShowWrongUplinkAsync(files);
    }

    private async Task ShowModesAsync(string files)
    {
        using var exercise = Xen.Report.Begin("7. Bridged, Open vSwitch, routed, NAT, and back");
        var sysctl = await Xen.ScriptAsync("sysctl -n net.ipv4.ip_forward");
        foreach (var (guest, address) in Guests.Zip(["172.31.77.2", "172.31.77.3"]))
        {
            await Service.PutAddressedGuestAsync(guest, address, "172.31.77.1");
            await Service.SucceedAsync($"/guests/{guest}/start");
        }

        await Xen.PingedAsync("172.31.77.2");
        var domid = (int)(await Service.DomainAsync("web1"))!["domid"]!;
        exercise.Say("At first, as the lab has it: the guests are on the Linux bridge `xenbr0`.");
        exercise.Show("/etc/network/interfaces", await Xen.RunAsync("cat", "/etc/network/interfaces"));
        await ShowReachAsync(exercise, "172.31.77", neighbour: 64);

        await SwitchAsync(exercise, new { mode = "openvswitch" });
        Assert.Contains("vif", await Xen.RunAsync("ovs-vsctl", "list-ports", "xenbr0"), StringComparison.Ordinal);
        exercise.Show("ovs-vsctl show", await Xen.RunAsync("ovs-vsctl", "show"));
        exercise.Show("ping 172.31.77.2", await Xen.PingedAsync("172.31.77.2"));
        await ShowReachAsync(exercise, "172.31.77", neighbour: 64);
        Assert.Equal(domid, (int)(await Service.DomainAsync("web1"))!["domid"]!);

        await SwitchAsync(exercise, new { mode = "routed" });
        var routes = await Xen.RunAsync("ip", "route");
        Assert.Contains("172.31.77.2 dev vif", routes, StringComparison.Ordinal);
        exercise.Show("ip route", routes);
        exercise.Show("ping 172.31.77.2", await Xen.PingedAsync("172.31.77.2"));
        await Xen.ScriptAsync("! ip link show type bridge | grep xenbr0");
        exercise.Say("Between the guests is a router now, Dom0: their replies come with a `ttl` of 63.");
        await ShowReachAsync(exercise, "172.31.77", neighbour: 63);

        // The guests' own settings are the fourth part: they get addresses of the subnet.
        await Service.PutAddressedGuestAsync("web1", "172.31.78.2", "172.31.78.1");
        await Service.PutAddressedGuestAsync("web2", "172.31.78.3", "172.31.78.1");
        await SwitchAsync(exercise, new { mode = "nat", subnet = "172.31.78.0/24", vlanFiltering = true });
        await ReaddressAsync("172.31.78");
        exercise.Show("nft list table ip xlnet_nat", await Xen.RunAsync("nft", "list", "table", "ip", "xlnet_nat"));
        exercise.Show("systemctl is-active xlnet-nat xlnet-dnsmasq", await Xen.RunAsync("systemctl", "is-active", "xlnet-nat", "xlnet-dnsmasq"));
        exercise.Show("cat /etc/xlnet/dnsmasq.hosts", await Xen.RunAsync("cat", "/etc/xlnet/dnsmasq.hosts"));
        exercise.Show("ping 172.31.78.2", await Xen.PingedAsync("172.31.78.2"));
        await ShowReachAsync(exercise, "172.31.78", neighbour: 64);
        Assert.Equal("1", (await Xen.RunAsync("cat", "/sys/class/net/xenbr0/bridge/vlan_filtering")).Trim());
        await ShowPeerAsync(exercise);

        await Service.PutAddressedGuestAsync("web1", "172.31.77.2", "172.31.77.1");
        await Service.PutAddressedGuestAsync("web2", "172.31.77.3", "172.31.77.1");
        await SwitchAsync(exercise, new { mode = "bridged" });
        Assert.Equal("0", (await Xen.RunAsync("cat", "/sys/class/net/xenbr0/bridge/vlan_filtering")).Trim());
        await ReaddressAsync("172.31.77");
        exercise.Show("ping 172.31.77.2", await Xen.PingedAsync("172.31.77.2"));
        await ShowReachAsync(exercise, "172.31.77", neighbour: 64);
        Assert.Equal(files, await Xen.ScriptAsync(Files));
        Assert.Equal(sysctl, await Xen.ScriptAsync("sysctl -n net.ipv4.ip_forward"));
        exercise.Say("Bridged again, byte for byte: the files of Dom0's network, its sysctls and xl.conf are what they were.");
        exercise.Show(Files, files);
    }

    /// <summary>With the guests running, which a software Xen takes its time to create.</summary>
    private async Task ShowWrongUplinkAsync(string files)
    {
        using var exercise = Xen.Report.Begin("8. A switch whose uplink is wrong");
        await Xen.ScriptAsync("ip link add name labnone type veth peer name labnonep");
        LabService.Is(200, await Service.Client.PutAsync(LabService.Host + "/networking", new { mode = "openvswitch", uplink = "labnone" }));

        var operation = await Service.RunAsync("/apply", LabService.Allow);

        Assert.True((string)operation["status"]! == "rolled-back", operation.Text);
        Assert.True((string)operation["error"]["code"]! == "management-path.lost", operation.Text);
        Assert.Equal(files, await Xen.ScriptAsync(Files));
        exercise.Show("…, error", (string)operation["error"]["message"]!);
        exercise.Show("ping 172.31.77.2", await Xen.PingedAsync("172.31.77.2"));
    }

    /// <summary>Gives the running guests what their files say by now; to create them anew takes a software Xen its time.</summary>
    private async Task ReaddressAsync(string subnet)
    {
        foreach (var (guest, last) in Guests.Zip([2, 3]))
            await Xen.InGuestAsync(guest, $"ip addr flush dev eth0; ip addr add {subnet}.{last}/24 dev eth0; ip route replace default via {subnet}.1");
    }

    /// <summary>The guests reach each other, and Dom0.</summary>
    private async Task ShowReachAsync(Report.Exercise exercise, string subnet, int neighbour)
    {
        exercise.Show($"web1: ping {subnet}.3", await Xen.PingsAsync("web1", subnet + ".3", neighbour));
        exercise.Show($"web2: ping {subnet}.2", await Xen.PingsAsync("web2", subnet + ".2", neighbour));
        exercise.Show($"web1: ping {subnet}.1", await Xen.PingsAsync("web1", subnet + ".1"));
    }

    /// <summary>
    /// A second host on the wire of Dom0's uplink, in a network namespace: it is given a copy of what leaves by eth0, and what it sends
    /// comes in there; by a device of eth0's own address, as Dom0 would take what comes by another for someone else's. It has no route to the
    /// guests, and notes who it hears from.
    /// </summary>
    private async Task ShowPeerAsync(Report.Exercise exercise)
    {
        await Xen.ScriptAsync("""
            set -e
            ip netns add labpeer
            ip link add name labwire address "$(cat /sys/class/net/eth0/address)" type veth peer name eth0 netns labpeer
            ip link set labwire up
            ip netns exec labpeer ip addr add 10.0.2.77/24 dev eth0
            ip netns exec labpeer ip link set eth0 up
            ip netns exec labpeer nft 'table ip seen { set from { type ipv4_addr; size 16; flags dynamic; }; chain in { type filter hook input priority 0; add @from { ip saddr }; }; }'
            for device in eth0 labwire; do tc qdisc add dev $device clsact; done
            tc filter add dev eth0 egress matchall action mirred egress mirror dev labwire
            tc filter add dev labwire ingress matchall action mirred ingress redirect dev eth0
            """);
        exercise.Say("A second host on the uplink's wire, `10.0.2.77`, has no route to the guests: it hears from Dom0's address alone, and its own pings of a guest have no answer.");
        exercise.Show("web1: ping 10.0.2.77", await Xen.PingsAsync("web1", "10.0.2.77", 63));
        var seen = await Xen.RunAsync("ip", "netns", "exec", "labpeer", "nft", "list", "set", "ip", "seen", "from");
        exercise.Show("peer: nft list set ip seen from", seen);
        Assert.Contains("elements = { 10.0.2.15 }", seen, StringComparison.Ordinal);
        await Xen.ScriptAsync("ip netns exec labpeer ip route add 172.31.78.0/24 via 10.0.2.15");
        exercise.Show("peer: ping 10.0.2.15", await Xen.UntilAsync("ip netns exec labpeer ping -n -c 1 -W 5 10.0.2.15 | grep ttl=64"));
        exercise.Show("peer: ping 172.31.78.2", await Xen.ScriptAsync("ip netns exec labpeer ping -n -c 2 -W 3 172.31.78.2 | grep ' 0 received'"));
        await Xen.ScriptAsync("ip netns delete labpeer && tc qdisc delete dev eth0 clsact");
    }

    private async Task SwitchAsync(Report.Exercise exercise, object networking)
    {
        var put = await Service.Client.PutAsync(LabService.Host + "/networking", networking);
        LabService.Is(200, put);
        var operation = await Service.RunAsync("/apply", LabService.Allow);
        Assert.True((string)operation["status"]! == "succeeded", operation.Text);
        exercise.Say($"`PUT …/networking` with `{System.Text.Json.JsonSerializer.Serialize(networking)}`, `POST …/apply`:");
        exercise.Show("GET …/operations/{id}", string.Join('\n', operation["steps"].AsArray().Select(s => $"{(string)s!["status"]!,-12} {(string)s["action"]!,-18} {(string)s["target"]!}")));
        exercise.Show("cat /etc/network/interfaces", await Xen.RunAsync("cat", "/etc/network/interfaces"));
        await Xen.GuestsConnectedAsync();
    }
}

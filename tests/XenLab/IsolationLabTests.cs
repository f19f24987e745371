using Xlnet.Api.Tests;
using Xlnet.Infrastructure.Hosts;
using Xunit;

namespace Xlnet.XenLab;

/// <summary>What keeps guests apart, set by the service and tried from within the guests, on the real Xen.</summary>
[Collection(XenHost.Second)]
public sealed class IsolationLabTests(XenHost xen) : LabTests(xen)
{
    /// <summary>What a host's administrator may write: <c>20</c>, or <c>20p/40</c>, as xl-network-configuration(5) has it.</summary>
    private const string VlanScript = """
        #!/bin/sh -e
        bridge=$(xenstore-read "$XENBUS_PATH/bridge")
        vlan=$(xenstore-read "$XENBUS_PATH/vlan")
        ip link set dev "$vif" master "$bridge" up
        bridge vlan del dev "$vif" vid 1-4094 2>/dev/null || true
        untagged=${vlan%%/*}
        bridge vlan add dev "$vif" vid "${untagged%p}" pvid untagged
        for tagged in $(echo "${vlan#"$untagged"}" | tr / ' '); do bridge vlan add dev "$vif" vid "$tagged"; done

        """;

    [Fact]
    public async Task Vlans_OnOpenVSwitchAndOnALinuxBridge_LetPacketsPassWithinOneAlone()
    {
        using var exercise = Xen.Report.Begin("7. VLANs of vifs");
        LabService.Is(201, await Service.Client.PutAsync(LabService.Host + "/bridges/ovs1", new { kind = "openvswitch" }));
        (string Name, string Address, string Vlan)[] guests = [("web1", "172.31.79.2", "20"), ("web2", "172.31.79.3", "30")];
        foreach (var (name, address, vlan) in guests)
        {
            await Service.PutAddressedGuestAsync(name, address, "172.31.79.1");
            LabService.Is(200, await Service.Client.PutAsync($"{LabService.Host}/guests/{name}/vifs/0", new { bridge = "ovs1", vlan, ip = address }));
            await Service.SucceedAsync($"/guests/{name}/start");
        }

        await Xen.GuestsConnectedAsync();
        exercise.Say("`PUT …/vifs/0` with `{\"bridge\": \"ovs1\", \"vlan\": \"20\"}`, and `30` for web2:");
        await ShowVlansAsync("ovs-vsctl --columns=name,tag list port", together: false);
        LabService.Is(200, await Service.Client.SendJsonAsync(HttpMethod.Patch, $"{LabService.Host}/guests/web2/vifs/0", new { vlan = "20" }));
        await Service.SucceedAsync("/apply", LabService.Allow);
        exercise.Say("`PATCH …/guests/web2/vifs/0` with `{\"vlan\": \"20\"}`, `POST …/apply`: now they are in one.");
        await ShowVlansAsync("ovs-vsctl --columns=name,tag list port", together: true);

        LabService.Is(201, await Service.Client.PutAsync(LabService.Host + "/bridges/br9", new { vlanFiltering = true }));
        var refused = await Service.Client.PutAsync($"{LabService.Host}/guests/web1/vifs/0", new { bridge = "br9", vlan = "20" });
        Assert.Equal((422, "vif.vlan.version"), (refused.Status, refused.Code));
        exercise.Say("On a Linux bridge xl has to hand `vlan` to a script, which it does from 4.19 on. Here it is refused, with the reason:");
        exercise.Show("PUT …/guests/web1/vifs/0 {\"bridge\": \"br9\", \"vlan\": \"20\"}", (string)refused["detail"]!);
        foreach (var (name, address, _) in guests)
            LabService.Is(200, await Service.Client.PutAsync($"{LabService.Host}/guests/{name}/vifs/0", new { bridge = "br9", ip = address }));
        await Service.SucceedAsync("/apply", LabService.Allow);
        await Xen.GuestsConnectedAsync();

        // What a later xl leaves in xenstore, and the script that it would run, by hand.
        await Xen.Shell.WriteFileAsync("/etc/xen/scripts/vif-lab-vlan", System.Text.Encoding.UTF8.GetBytes(VlanScript), TestContext.Current.CancellationToken);
        Assert.Equal(["vif-lab-vlan"], Domain.Planning.VlanScripts.Reading(new Dictionary<string, string> { ["vif-lab-vlan"] = VlanScript }));
        exercise.Show("cat /etc/xen/scripts/vif-lab-vlan", VlanScript);
        exercise.Say("The bridge `br9` has `vlanFiltering`, and this is a script of the host's own that reads `vlan`; with xenstore as a later xl would leave it:");
        await PlugAsync("web1", "20");
        await PlugAsync("web2", "30");
        await ShowVlansAsync("bridge vlan show", together: false);
        await PlugAsync("web2", "20p/40");
        await ShowVlansAsync("bridge vlan show", together: true);

        Task PlugAsync(string name, string vlan) => Xen.ScriptAsync(
            $"id=$(xl domid {name}); path=backend/vif/$id/0; xenstore-write \"$path/vlan\" {vlan} && vif=vif$id.0 XENBUS_PATH=$path sh -e /etc/xen/scripts/vif-lab-vlan online");

        async Task ShowVlansAsync(string look, bool together)
        {
            exercise.Show(look, await Xen.ScriptAsync(look));
            exercise.Show("web1: ping 172.31.79.3", together ? await Xen.PingsAsync("web1", "172.31.79.3") : await Xen.PingsInVainAsync("web1", "172.31.79.3"));
        }
    }

    [Fact]
    public async Task Locking_WhatTheGuestForges_ArrivesWhenUnlockedAlone()
    {
        using var exercise = Xen.Report.Begin("7. A vif that is locked to its addresses");
        await Service.PutAddressedGuestAsync("web1", "172.31.77.2", "172.31.77.1");
        LabService.Is(200, await Service.Client.SendJsonAsync(HttpMethod.Patch, LabService.Host + "/guests/web1/vifs/0", new { locking = "locked" }));
        await Service.SucceedAsync("/guests/web1/start");
        exercise.Say("`PATCH …/vifs/0` with `{\"locking\": \"locked\"}`, on a PV guest. What Dom0 receives is counted on `xenbr0`.");
        exercise.Show("nft list table bridge xlnet_locking", await Xen.RunAsync("nft", "list", "table", "bridge", "xlnet_locking"));
        exercise.Show("web1: ping 172.31.77.1", await Xen.PingsAsync("web1", "172.31.77.1"));
        Assert.Equal(["own"], await ForgeAsync());

        LabService.Is(200, await Service.Client.SendJsonAsync(HttpMethod.Patch, LabService.Host + "/guests/web1/vifs/0", new { locking = "unlocked" }));
        await Service.SucceedAsync("/apply", LabService.Allow);
        exercise.Say("`{\"locking\": \"unlocked\"}`, `POST …/apply`, and the same again:");
        Assert.Equal(["arp", "ipv4", "mac", "own"], await ForgeAsync());

        async Task<IReadOnlyList<string>> ForgeAsync()
        {
            await Xen.ScriptAsync("""
                nft 'table netdev labseen; delete table netdev labseen; table netdev labseen { chain in { type filter hook ingress device xenbr0 priority 0;
                    ip saddr 172.31.77.2 counter comment "own"; ether saddr 02:00:00:00:00:66 counter comment "mac";
                    ip saddr 172.31.77.66 counter comment "ipv4"; arp saddr ip 172.31.77.77 counter comment "arp"; }; }'
                """);
            string[] commands =
            [
                "ping -c 1 -W 2 172.31.77.1",
                "mac=$(cat /sys/class/net/eth0/address); ip link set eth0 down; ip link set eth0 address 02:00:00:00:00:66; ip link set eth0 up; ping -c 2 -W 2 172.31.77.1; ip link set eth0 down; ip link set eth0 address $mac; ip link set eth0 up",
                "ip addr add 172.31.77.66/32 dev eth0; ping -c 2 -W 2 -I 172.31.77.66 172.31.77.1; ip addr del 172.31.77.66/32 dev eth0",
                // The neighbour is not there, so the guest asks for him in the name of the address that it has taken.
                "ip addr add 172.31.77.77/32 dev eth0; ping -c 1 -W 2 -I 172.31.77.77 172.31.77.200; ip addr del 172.31.77.77/32 dev eth0",
            ];
            foreach (var command in commands)
                await Xen.InGuestAsync("web1", command);
            var seen = await Xen.RunAsync("nft", "list", "table", "netdev", "labseen");
            exercise.Show(string.Concat(commands.Select(c => $"web1: {c}\n    # ")) + "nft list table netdev labseen", seen);
            return [.. seen.Split('\n').Where(l => l.Contains("comment", StringComparison.Ordinal) && !l.Contains("packets 0 ", StringComparison.Ordinal)).Select(l => l.Split('"')[1]).Order(StringComparer.Ordinal)];
        }
    }
}

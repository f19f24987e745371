using Xlnet.Api.Tests;
using Xunit;

namespace Xlnet.XenLab;

/// <summary>How one gets from bridging to Open vSwitch, routing and NAT, by the service, on the real Xen.</summary>
public sealed class NetworkingLabTests(XenHost xen) : IAsyncLifetime
{
    private static readonly object Allow = new { allow = new[] { "vif-blip", "guest-recreate", "management-path" } };

    /// <summary>What of a host's files is about its network.</summary>
    private const string Files = "find /etc/network /etc/sysctl.d /etc/systemd/system /etc/systemd/network /etc/xlnet /etc/xen/xl.conf -type f 2>/dev/null | sort | xargs sha256sum";

    private LabService _service = null!;

    public async ValueTask InitializeAsync()
    {
        await xen.ResetAsync();
        _service = await LabService.StartAsync(xen);
    }

    public async ValueTask DisposeAsync()
    {
        if (_service is not null)
            await _service.DisposeAsync();
    }

    [Fact]
    public async Task Modes_OneAfterTheOther_GuestAnswersInEachAndTheFilesAreAsTheyWere()
    {
        using var exercise = xen.Report.Begin("7. Bridged, Open vSwitch, routed, NAT, and back");
        var (files, sysctl) = (await xen.ScriptAsync(Files), await xen.ScriptAsync("sysctl -n net.ipv4.ip_forward"));
        await PutGuestAsync("172.31.77.2", "172.31.77.1");
        await _service.SucceedAsync("/guests/web1/start");
        await xen.PingedAsync("172.31.77.2");
        var domid = (int)(await _service.DomainAsync("web1"))!["domid"]!;
        exercise.Say("At first, as the lab has it: the guest is on the Linux bridge `xenbr0`.");
        exercise.Show("/etc/network/interfaces", await xen.RunAsync("cat", "/etc/network/interfaces"));

        await SwitchAsync(exercise, new { mode = "openvswitch" });
        Assert.Contains("vif", await xen.RunAsync("ovs-vsctl", "list-ports", "xenbr0"), StringComparison.Ordinal);
        exercise.Show("ovs-vsctl show", await xen.RunAsync("ovs-vsctl", "show"));
        exercise.Show("ping 172.31.77.2", await xen.PingedAsync("172.31.77.2"));
        Assert.Equal(domid, (int)(await _service.DomainAsync("web1"))!["domid"]!);

        await SwitchAsync(exercise, new { mode = "routed" });
        var routes = await xen.RunAsync("ip", "route");
        Assert.Contains("172.31.77.2 dev vif", routes, StringComparison.Ordinal);
        exercise.Show("ip route", routes);
        exercise.Show("ping 172.31.77.2", await xen.PingedAsync("172.31.77.2"));
        await xen.ScriptAsync("! ip link show type bridge | grep xenbr0");

        // The guest's own settings are the fourth part: it gets an address of the subnet.
        await PutGuestAsync("172.31.78.2", "172.31.78.1");
        await SwitchAsync(exercise, new { mode = "nat", subnet = "172.31.78.0/24" });
        await _service.SucceedAsync("/guests/web1/recreate");
        exercise.Show("nft list table ip xlnet_nat", await xen.RunAsync("nft", "list", "table", "ip", "xlnet_nat"));
        exercise.Show("systemctl is-active xlnet-nat xlnet-dnsmasq", await xen.RunAsync("systemctl", "is-active", "xlnet-nat", "xlnet-dnsmasq"));
        exercise.Show("cat /etc/xlnet/dnsmasq.hosts", await xen.RunAsync("cat", "/etc/xlnet/dnsmasq.hosts"));
        exercise.Show("ping 172.31.78.2", await xen.PingedAsync("172.31.78.2"));

        await PutGuestAsync("172.31.77.2", "172.31.77.1");
        await SwitchAsync(exercise, new { mode = "bridged" });
        await _service.SucceedAsync("/guests/web1/recreate");
        exercise.Show("ping 172.31.77.2", await xen.PingedAsync("172.31.77.2"));
        Assert.Equal(files, await xen.ScriptAsync(Files));
        Assert.Equal(sysctl, await xen.ScriptAsync("sysctl -n net.ipv4.ip_forward"));
        exercise.Say("Bridged again, byte for byte: the files of Dom0's network, its sysctls and xl.conf are what they were.");
        exercise.Show(Files, files);
    }

    [Fact]
    public async Task Switch_ToAnUplinkWithoutACable_HostGoesBackByItself()
    {
        using var exercise = xen.Report.Begin("8. A switch whose uplink is wrong");
        var files = await xen.ScriptAsync(Files);
        await PutGuestAsync("172.31.77.2", "172.31.77.1");
        await _service.SucceedAsync("/guests/web1/start");
        await xen.PingedAsync("172.31.77.2");
        await xen.ScriptAsync("ip link add name labnone type veth peer name labnonep");
        LabService.Is(200, await _service.Client.PutAsync(LabService.Host + "/networking", new { mode = "openvswitch", uplink = "labnone" }));

        var operation = await _service.RunAsync("/apply", Allow);

        Assert.True((string)operation["status"]! == "rolled-back", operation.Text);
        Assert.True((string)operation["error"]["code"]! == "management-path.lost", operation.Text);
        Assert.Equal(files, await xen.ScriptAsync(Files));
        exercise.Show("…, error", (string)operation["error"]["message"]!);
        exercise.Show("ping 172.31.77.2", await xen.PingedAsync("172.31.77.2"));
    }

    private async Task SwitchAsync(Report.Exercise exercise, object networking)
    {
        var put = await _service.Client.PutAsync(LabService.Host + "/networking", networking);
        LabService.Is(200, put);
        var operation = await _service.RunAsync("/apply", Allow);
        Assert.True((string)operation["status"]! == "succeeded", operation.Text);
        exercise.Say($"`PUT …/networking` with `{System.Text.Json.JsonSerializer.Serialize(networking)}`, `POST …/apply`:");
        exercise.Show("GET …/operations/{id}", string.Join('\n', operation["steps"].AsArray().Select(s => $"{(string)s!["status"]!,-12} {(string)s["action"]!,-18} {(string)s["target"]!}")));
        exercise.Show("cat /etc/network/interfaces", await xen.RunAsync("cat", "/etc/network/interfaces"));
        await xen.GuestsConnectedAsync();
    }

    private async Task PutGuestAsync(string address, string gateway)
    {
        var put = await _service.Client.PutTextAsync($"{LabService.Host}/guests/web1/config", $"""
            name    = "web1"
            type    = "pv"
            kernel  = "/guest/vmlinux"
            ramdisk = "/guest/initrd.gz"
            extra   = "console=hvc0 quiet labip0={address}/24 labgw={gateway}"
            memory  = 128
            vif     = ['ip={address}']

            """);
        Assert.True(put.Status is 200 or 201, put.Text);
    }
}

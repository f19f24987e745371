using System.Text;
using System.Text.Json.Nodes;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Api.Tests;

/// <summary>A host's networking as one setting, on a simulated host that can be lost.</summary>
public sealed class NetworkingTests : HurriedServiceTests
{
    private const string Networking = "/v1/hosts/dom0-a/networking";
    private const string Interfaces = "/etc/network/interfaces";
    private static readonly object Allow = new { allow = new[] { "vif-blip", "management-path" } };

    [Fact]
    public async Task Get_NeverSet_TellsWhatTheHostWasFoundWith()
    {
        var found = await Client.GetJsonAsync(Networking);
        Assert.Equal(
            ("bridged", false, "ifupdown", "eth0", "xenbr0", "dhcp"),
            ((string)found["mode"]!, (bool)found["managed"]!, (string)found["backend"]!, (string)found["uplink"]!, (string)found["bridge"]!, (string)found["addressing"]["method"]!));
        Assert.Equal("vif-bridge", (string)found["defaults"]["script"]!);
    }

    [Fact]
    public async Task Put_EachModeByItsNameAlone_IsAppliedAndTheLastLeavesTheFilesAsTheyWere()
    {
        await StartGuestAsync("web1", "''");
        var (files, network) = (await FilesAsync(), await NetworkAsync());

        await SwitchAsync("openvswitch");
        Assert.Equal(("openvswitch", "vif-openvswitch"), await BridgeOfGuestAsync());
        Assert.Contains("ovs_type OVSBridge", await FileAsync(Interfaces), StringComparison.Ordinal);

        await SwitchAsync("routed");
        Assert.Equal((null, "vif-route"), await BridgeOfGuestAsync());
        Assert.Equal("1", (await StateAsync()).Sysctls["net.ipv4.ip_forward"]);
        Assert.Equal("1", (await StateAsync()).Sysctls["net.ipv4.conf.eth0.proxy_arp"]);

        var nat = await SwitchAsync("nat");
        Assert.Equal(("linux", "vif-bridge"), await BridgeOfGuestAsync());
        Assert.Equal(["xlnet-dnsmasq.service", "xlnet-nat.service"], (await StateAsync()).Units);
        Assert.Contains($"ip saddr {nat["subnet"]}", await FileAsync("/etc/xlnet/nat.nft"), StringComparison.Ordinal);
        Assert.Equal("0", (await StateAsync()).Sysctls["net.ipv4.conf.eth0.proxy_arp"]);

        await SwitchAsync("bridged");
        Assert.Equal(("linux", "vif-bridge"), await BridgeOfGuestAsync());
        Assert.Equal(files, await FilesAsync());
        Assert.Equal(network, await NetworkAsync());
        Assert.Equal("0", (await StateAsync()).Sysctls["net.ipv4.ip_forward"]);
        Assert.Empty((await StateAsync()).Units);
    }

    [Fact]
    public async Task Put_BackFromAModeWithoutABridge_ComesBackToTheHostsOwn()
    {
        await ChangeAsync(s =>
        {
            foreach (var path in new[] { Interfaces, "/etc/xen/xl.conf" })
                s.Files[path].Content = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(s.Files[path].Content).Replace("xenbr0", "br7", StringComparison.Ordinal));
            s.Interfaces.Single(i => i.Name == "xenbr0").Name = s.Interfaces.Single(i => i.Name == "eth0").Master = s.Routes[0].Dev = "br7";
            s.BroughtUp = new(["lo", "br7"], StringComparer.Ordinal);
        });
        var files = await FilesAsync();
        await SwitchAsync("routed");
        Assert.Equal("br7", (string)(await SwitchAsync("bridged"))["bridge"]!);
        Assert.Equal(files, await FilesAsync());
    }

    [Fact]
    public async Task Put_ValidateOnly_ShowsThePlanAndWritesNothing()
    {
        await StartGuestAsync("web1", "''");
        var shown = await Client.PutAsync(Networking + "?validateOnly=true", new { mode = "openvswitch" });

        Assert.Equal(200, shown.Status);
        Assert.Equal(
            [("file.write", "none"), ("networking.switch", "management-path"), ("vif.detach", "vif-blip"), ("vif.attach", "vif-blip")],
            shown["plan"]["steps"]!.AsArray().Select(s => ((string)s!["action"]!, (string)s["impact"]!)));
        Assert.Contains("+ networking openvswitch uplink eth0 bridge xenbr0\n~ web1/vifs/0 is without its bridge meanwhile\n--- /etc/network/interfaces\n", (string)shown["plan"]["steps"]![1]!["diff"]!, StringComparison.Ordinal);
        Assert.False((bool)(await Client.GetJsonAsync(Networking))["managed"]!);
        Assert.Empty((await Client.GetJsonAsync("/v1/hosts/dom0-a/plan"))["steps"].AsArray());
    }

    [Fact]
    public async Task Plan_NotAllowedToCut_HoldsTheSwitch()
    {
        await Client.PutAsync(Networking, new { mode = "routed" });
        var plan = await Client.GetJsonAsync("/v1/hosts/dom0-a/plan");
        Assert.Contains(plan["pending"].AsArray(), s => (string)s!["action"]! == "networking.switch");
    }

    [Fact]
    public async Task Apply_ThatCutsTheConnection_HostGoesBackByItself()
    {
        await StartGuestAsync("web1", "''");
        var (files, network) = (await FilesAsync(), await NetworkAsync());
        await ChangeAsync(s => s.Interfaces.Add(new SimulatedInterface { Index = 9, Name = "eth1", Mac = "52:54:00:12:34:57", Up = true, Carrier = true }));
        var put = await Client.PutAsync(Networking, new { mode = "openvswitch", uplink = "eth1" });
        Assert.Equal(200, put.Status);

        var operation = await ApplyAsync();

        Assert.Equal(("rolled-back", "management-path.lost"), ((string)operation["status"]!, (string)operation["error"]["code"]!));
        Assert.Contains("It repaired itself at ", (string)operation["error"]["message"]!, StringComparison.Ordinal);
        Assert.Equal(files, await FilesAsync());
        Assert.Equal(network, (await NetworkAsync()).Where(l => !l.StartsWith("eth1", StringComparison.Ordinal)));
        Assert.Empty((await StateAsync()).Timers);
    }

    [Fact]
    public async Task Put_AVifNamesABridgeThatGoes_IsRefusedUnlessItSaysWhereTheyGo()
    {
        await StartGuestAsync("web1", "'bridge=xenbr0'");
        var refused = await Client.PutAsync(Networking, new { mode = "routed" });
        Assert.Equal((422, "networking.vifs-stranded"), (refused.Status, refused.Code));
        Assert.Equal(["web1/vifs/0 bridge=xenbr0"], refused["vifs"].AsArray().Select(v => (string)v!));

        var moved = await Client.PutAsync(Networking, new { mode = "routed", moveVifs = new Dictionary<string, string?> { ["xenbr0"] = null } });
        Assert.Equal(200, moved.Status);
        Assert.Null((await Client.GetJsonAsync("/v1/hosts/dom0-a/guests/web1/vifs/0")).Json!["bridge"]);
        Assert.Equal("succeeded", (string)(await ApplyAsync())["status"]!);

        var nowhere = await Client.PutAsync(Networking, new { mode = "routed", moveVifs = new Dictionary<string, string?> { ["xenbr0"] = "nobr9" } });
        Assert.Equal((422, "networking.move-vifs"), (nowhere.Status, nowhere.Code));
    }

    [Fact]
    public async Task Put_AVifNamesAScriptOfAnotherMode_IsRefused()
    {
        await StartGuestAsync("web1", "'script=vif-bridge'");
        var refused = await Client.PutAsync(Networking, new { mode = "openvswitch" });
        Assert.Equal((422, "networking.script-misfit"), (refused.Status, refused.Code));
        Assert.Equal(["web1/vifs/0 script=vif-bridge"], refused["vifs"].AsArray().Select(v => (string)v!));
    }

    public static TheoryData<string, string, string?> WrongSettings => new()
    {
        { """{"mode":"openvswitch"}""", "networking.no-openvswitch", "no-ovs" },
        { """{"mode":"routed"}""", "networking.script-missing", "no-route-script" },
        { """{"mode":"bridged","uplink":"eth7"}""", "networking.uplink-missing", null },
        { """{"mode":"bridged","bridge":"br0","uplink":"xenbr0"}""", "networking.uplink-is-bridge", null },
        { """{"mode":"bridged"}""", "networking.forward-drop", "drop" },
        { """{"mode":"nat"}""", "networking.forward-drop", "drop" },
        { """{"mode":"routed","gatewayDevice":"lo9"}""", "networking.gateway-without-address", null },
        { """{"mode":"routed"}""", "networking.ipv6", "ip=fd00::7" },
        { """{"mode":"bridged"}""", "networking.duplicate-address", "ip=10.0.2.15" },
        { """{"mode":"bridged"}""", "networking.duplicate-address", "twice" },
        { """{"mode":"nat","subnet":"10.0.2.0/25"}""", "networking.subnet-overlap", null },
        { """{"mode":"bridged","mtu":1400}""", "networking.mtu", "mtu=1500" },
        { """{"mode":"bridged","backend":"unmanaged","bridge":"br7"}""", "networking.bridge-missing", null },
    };

    [Theory]
    [MemberData(nameof(WrongSettings))]
    public async Task Put_WhatTheHostSpeaksAgainst_IsRefusedWithTheEvidenceAndNothingIsWritten(string body, string code, string? host)
    {
        switch (host)
        {
            case "no-ovs": await ChangeAsync(s => s.Ovs = null); break;
            case "no-route-script": await ChangeAsync(s => s.Files.Remove("/etc/xen/scripts/vif-route")); break;
            case "drop":
                await ChangeAsync(s => (s.ForwardPolicy, s.Sysctls["net.bridge.bridge-nf-call-iptables"]) = ("DROP", "1"));
                break;
            case "twice":
                await StartGuestAsync("web1", "'ip=172.31.77.2'");
                await StartGuestAsync("web2", "'ip=172.31.77.2'");
                break;
            case not null: await StartGuestAsync("web1", $"'{host}'"); break;
        }

        var before = await FilesAsync();
        var refused = await Client.SendJsonAsync(HttpMethod.Put, Networking, JsonNode.Parse(body));

        Assert.True(422 == refused.Status, refused.Text);
        var finding = refused["findings"].AsArray().FirstOrDefault(f => (string)f!["code"]! == code);
        Assert.True(finding is not null, refused.Text);
        Assert.NotEmpty(finding!["evidence"]!.AsArray());
        Assert.False((bool)(await Client.GetJsonAsync(Networking))["managed"]!);
        Assert.Equal(before, await FilesAsync());
    }

    [Fact]
    public async Task Put_NatWithLeasesAndForwards_IsWhatDnsmasqAndNftablesGet()
    {
        await StartGuestAsync("web1", "'ip=10.77.0.10'");
        var put = await Client.PutAsync(Networking, new
        {
            mode = "nat", subnet = "10.77.0.0/24", domain = "lab.example", portForwards = new[] { new { protocol = "tcp", port = 8080, toAddress = "10.77.0.10", toPort = 80 } },
        });
        Assert.Equal((200, "10.77.0.1"), (put.Status, (string)put["gateway"]!));
        Assert.Equal("succeeded", (string)(await ApplyAsync())["status"]!);
        var mac = (string)(await Client.GetJsonAsync("/v1/hosts/dom0-a/guests/web1/vifs/0"))["mac"]!;
        Assert.Contains($"{mac},10.77.0.10,web1", await FileAsync("/etc/xlnet/dnsmasq.hosts"), StringComparison.Ordinal);
        Assert.Contains("tcp dport 8080 dnat to 10.77.0.10:80", await FileAsync("/etc/xlnet/nat.nft"), StringComparison.Ordinal);

        // A lease that changes reloads one list, and cuts nobody.
        await Client.PutTextAsync("/v1/hosts/dom0-a/guests/web2/config", "name = 'web2'\ntype = 'pv'\nkernel = '/guest/vmlinuz'\nvif = ['ip=10.77.0.11']\n");
        var plan = await Client.GetJsonAsync("/v1/hosts/dom0-a/plan");
        Assert.Contains(plan["steps"].AsArray(), s => (string)s!["action"]! == "networking.switch" && (string)s["impact"]! == "none");
    }

    [Fact]
    public async Task Drift_FilesAndBridgeChangedByHand_AreNamedAndPutBack()
    {
        await SwitchAsync("nat");
        var files = await FilesAsync();
        await ChangeAsync(s =>
        {
            s.Files["/etc/sysctl.d/60-xlnet.conf"].Content = "net.ipv4.ip_forward = 0\n"u8.ToArray();
            s.Files.Remove("/etc/xlnet/nat.nft");
        });

        var drift = await Client.GetJsonAsync("/v1/hosts/dom0-a/drift");
        Assert.Equal(
            [("networking", "changed", "/etc/sysctl.d/60-xlnet.conf"), ("networking", "missing", "/etc/xlnet/nat.nft")],
            drift["entries"].AsArray().Select(e => ((string)e!["target"]!, (string)e["kind"]!, (string)e["path"]!)));
        var accepted = await Client.PostAsync("/v1/hosts/dom0-a/drift/accept", new { targets = new[] { "networking" } });
        Assert.Equal((409, "drift.not-acceptable"), (accepted.Status, accepted.Code));
        var enforced = await RunAsync("/v1/hosts/dom0-a/drift/enforce", new { targets = new[] { "networking" }, allow = new[] { "management-path" } });
        Assert.True((string)enforced["status"]! == "succeeded", enforced.Text);
        Assert.Equal(files, await FilesAsync());

        await ChangeAsync(s => s.Interfaces.RemoveAll(i => i.Name == "xenbr0"));
        drift = await Client.GetJsonAsync("/v1/hosts/dom0-a/drift");
        Assert.Equal([("networking", "bridge", "missing")], drift["entries"].AsArray().Select(e => ((string)e!["target"]!, (string)e["field"]!, (string)e["kind"]!)));
        enforced = await RunAsync("/v1/hosts/dom0-a/drift/enforce", new { targets = new[] { "networking" }, allow = new[] { "management-path" } });
        Assert.True((string)enforced["status"]! == "succeeded", enforced.Text);
        Assert.True((bool)(await Client.GetJsonAsync("/v1/hosts/dom0-a/drift"))["inSync"]!);
    }

    [Fact]
    public async Task Bridge_OfTheNetworking_IsChangedByItAlone()
    {
        await SwitchAsync("bridged");
        Assert.Equal(["eth0"], (await Client.GetJsonAsync("/v1/hosts/dom0-a/bridges/xenbr0"))["ports"].AsArray().Select(p => (string)p!));
        var put = await Client.PutAsync("/v1/hosts/dom0-a/bridges/xenbr0", new { ports = Array.Empty<string>() });
        var deleted = await Client.DeleteAnswerAsync("/v1/hosts/dom0-a/bridges/xenbr0");
        var taken = await Client.PutAsync("/v1/hosts/dom0-a/bridges/br1", new { ports = new[] { "eth0" } });
        Assert.Equal(
            [(409, "bridge.of-networking"), (409, "bridge.of-networking"), (409, "bridge.port-in-use")],
            new[] { put, deleted, taken }.Select(a => (a.Status, a.Code)));
    }

    [Fact]
    public async Task Restore_OfARevisionWithoutIt_GivesTheHostItsOwnBack()
    {
        var (files, revision) = (await FilesAsync(), (int)(await Client.GetJsonAsync("/v1/hosts/dom0-a"))["revision"]!);
        await SwitchAsync("nat");
        Assert.Null((await Client.GetJsonAsync($"/v1/hosts/dom0-a/revisions/{revision}")).Json!["networking"]);
        var asked = (await Client.GetJsonAsync($"/v1/hosts/dom0-a/revisions/{(int)(await Client.GetJsonAsync("/v1/hosts/dom0-a"))["revision"]!}"))["networking"];
        Assert.Equal("nat", (string)asked["mode"]!);
        Assert.Equal(200, (await Client.SendJsonAsync(HttpMethod.Put, Networking, asked)).Status);
        var etag = (await Client.GetJsonAsync("/v1/hosts/dom0-a")).Headers.ETag!.ToString();
        var restored = await Client.SendJsonAsync(HttpMethod.Post, $"/v1/hosts/dom0-a/revisions/{revision}/restore", null, ("If-Match", etag));
        Assert.True(restored.Status == 200, restored.Text);
        Assert.Equal("succeeded", (string)(await ApplyAsync())["status"]!);
        Assert.Equal(files.Where(f => !f.StartsWith("/etc/xen/xl.conf", StringComparison.Ordinal)), (await FilesAsync()).Where(f => !f.StartsWith("/etc/xen/xl.conf", StringComparison.Ordinal)));
        Assert.False((bool)(await Client.GetJsonAsync(Networking))["managed"]!);
    }

    [Fact]
    public async Task Delete_WithRelease_GivesTheHostItsOwnNetworkBack()
    {
        var (files, network) = (await FilesAsync(), await NetworkAsync());
        await SwitchAsync("nat");
        Assert.NotEqual(files, await FilesAsync());
        // A simulated host goes with its row, so it fails first, and is looked at then.
        await ChangeAsync(s => s.Faults.Add(new SimulatedFault { Argv = ["systemctl", "show"], Kind = SimulatedFaultKind.Fail }));
        var refused = await Client.DeleteAnswerAsync("/v1/hosts/dom0-a?release=true");
        Assert.Equal((409, "host.not-released"), (refused.Status, refused.Code));
        Assert.Equal(200, (await Client.GetJsonAsync("/v1/hosts/dom0-a")).Status);

        Assert.Equal("succeeded", (string)(await ApplyAsync())["status"]!);
        Assert.Equal(files, await FilesAsync());
        Assert.Equal(network, await NetworkAsync());
        Assert.Equal(204, (await Client.DeleteAnswerAsync("/v1/hosts/dom0-a?release=true")).Status);
    }

    private async Task<Answer> SwitchAsync(string mode)
    {
        var put = await Client.PutAsync(Networking, new { mode });
        Assert.True(put.Status == 200, put.Text);
        var operation = await ApplyAsync();
        Assert.True((string)operation["status"]! == "succeeded", operation.Text);
        var plan = await Client.GetJsonAsync("/v1/hosts/dom0-a/plan");
        Assert.True(plan["steps"].AsArray().Count + plan["pending"].AsArray().Count == 0, plan.Text);
        return put;
    }

    private Task<Answer> ApplyAsync() => RunAsync("/v1/hosts/dom0-a/apply", Allow);

    private async Task StartGuestAsync(string name, string vif)
    {
        var put = await Client.PutTextAsync($"/v1/hosts/dom0-a/guests/{name}/config", $"name = '{name}'\ntype = 'pv'\nkernel = '/guest/vmlinuz'\nvif = [{vif}]\n");
        Assert.True(put.Status == 201, put.Text);
        var started = await RunAsync($"/v1/hosts/dom0-a/guests/{name}/start");
        Assert.True((string)started["status"]! == "succeeded", started.Text);
    }

    private async Task<(string? Kind, string? Script)> BridgeOfGuestAsync()
    {
        var observation = await Client.GetJsonAsync("/v1/hosts/dom0-a/observation");
        var bridge = (string?)observation["domains"][0]!["vifs"]![0]!["bridge"];
        var kind = observation["bridges"].AsArray().FirstOrDefault(b => (string)b!["name"]! == bridge)?["kind"];
        return ((string?)kind, (await StateAsync()).Domains[0].Vifs[0].Script);
    }

    private async Task<string> FileAsync(string path) => Encoding.UTF8.GetString((await StateAsync()).Files[path].Content);

    /// <summary>All that is a file on the host, but for what guests and logs have.</summary>
    private async Task<List<string>> FilesAsync() =>
        [.. (await StateAsync()).Files.Where(f => !f.Key.StartsWith("/var/log", StringComparison.Ordinal) && !f.Key.EndsWith(".cfg", StringComparison.Ordinal)).Select(f => $"{f.Key} {Convert.ToBase64String(f.Value.Content)}")];

    private async Task<List<string>> NetworkAsync() =>
        [.. (await StateAsync()).Interfaces.Where(i => i.Vif is null).Select(i => $"{i.Name} {i.Kind} {i.Master} {i.Up} {string.Join(' ', i.Addresses.Where(a => !a.Contains(':')))}").Order(StringComparer.Ordinal)];
}

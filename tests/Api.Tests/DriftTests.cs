using System.Text;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Api.Tests;

/// <summary>Hosts that someone changes by hand after an apply.</summary>
public sealed class DriftTests(ServiceFixture service)
{
    private HttpClient Client => service.Client;

    [Fact]
    public async Task Drift_HostAsApplied_IsInSync()
    {
        var host = await AppliedHostAsync();
        var drift = await Client.GetJsonAsync($"/v1/hosts/{host}/drift");
        Assert.True((bool)drift["inSync"]!, drift.Text);
        Assert.Empty(drift["entries"].AsArray());
        Assert.True((bool)drift["simulated"]!);
    }

    [Fact]
    public async Task Drift_FileChangedByHand_ShowsTheFieldsAndTheLines()
    {
        var host = await AppliedHostAsync();
        await EditAsync(host, "web1", text => text.Replace("bridge=br1", "bridge=xenbr0", StringComparison.Ordinal) + "vcpus = 4\n");
        var drift = await Client.GetJsonAsync($"/v1/hosts/{host}/drift");

        Assert.False((bool)drift["inSync"]!);
        Assert.Equal([("guests/web1", "file", "changed"), ("guests/web1/vifs/0", "bridge", "changed")], Fields(drift));
        Assert.Contains("-vcpus = 4", (string)drift["entries"][0]!["diff"]!, StringComparison.Ordinal);
        Assert.Equal(("br1", "xenbr0", "br1"), Values(drift, 1));
        Assert.Equal("bridge of vif 0 of web1: the database says br1, the file xenbr0, and it runs with br1.", (string)drift["entries"][1]!["message"]!);
    }

    [Fact]
    public async Task Drift_EveryKindOfHandChange_IsNamed()
    {
        var host = await AppliedHostAsync();
        await Client.PutAsync($"/v1/hosts/{host}/defaults", new { bridge = "br1" });
        await service.ChangeHostAsync(host, state =>
        {
            state.Interfaces.Single(i => i.Name == "br1").Mtu = 1400;
            state.Files.Remove("/etc/xen/web2.cfg");
            Put(state, "/etc/xen/stray.cfg", "name='stray'\nkernel='/k'\n");
            Put(state, "/etc/xen/loose.cfg", "name='loose'\nkernel='/k'\n");
            SimulatedHosts.Run(state, "xl", "create", "/etc/xen/loose.cfg");
            state.Files.Remove("/etc/xen/loose.cfg");
            SimulatedHosts.Run(state, "xl", "network-attach", "web1", "bridge=xenbr0");
        });
        await Client.PutAsync($"/v1/hosts/{host}/bridges/br7", new { });
        var drift = await Client.GetJsonAsync($"/v1/hosts/{host}/drift");
        Assert.Equal(
            [
                ("xl.conf", "file", "changed"), ("xl.conf", "vif.default.script", "changed"), ("xl.conf", "vif.default.bridge", "changed"),
                ("bridges/br1", "mtu", "changed"), ("bridges/br7", "bridge", "missing"), ("guests/web1/vifs/1", "vif", "leftover"),
                ("guests/web2", "file", "missing"), ("guests/stray", "file", "foreign"), ("guests/loose", "domain", "foreign"),
            ],
            Fields(drift));
    }

    [Fact]
    public async Task Accept_FileChangedByHand_TakesItIntoTheDatabase()
    {
        var host = await AppliedHostAsync();
        var text = await EditAsync(host, "web1", t => t.Replace("bridge=br1", "bridge=br1,mtu=1400", StringComparison.Ordinal) + "vcpus = 4\n");

        var tried = await AcceptAsync(host, "?validateOnly=true", "guests/web1");
        Assert.Equal(200, tried.Status);
        Assert.NotEqual(text, (await Client.GetJsonAsync($"/v1/hosts/{host}/guests/web1/config")).Text);
        var accepted = await AcceptAsync(host, "", "guests/web1");

        Assert.Equal(tried["entries"].ToJsonString(), accepted["entries"].ToJsonString());
        Assert.Equal(text, (await Client.GetJsonAsync($"/v1/hosts/{host}/guests/web1/config")).Text);
        // What runs is the former: an apply would bring it to the file now.
        Assert.Equal([("guests/web1/vifs/0", "mtu", "changed")], Fields(accepted));
        Assert.Equal("drift.accept web1", (string)(await Client.GetJsonAsync($"/v1/hosts/{host}/revisions?limit=1"))["items"][0]!["summary"]!);
        Assert.Equal("/etc/xen/web1.cfg", (string)(await Client.GetJsonAsync($"/v1/hosts/{host}/guests/web1"))["configPath"]!);
    }

    [Fact]
    public async Task Accept_VifPluggedUnpluggedAndMovedByHand_TakesWhatRuns()
    {
        var host = await AppliedHostAsync();
        await service.ChangeHostAsync(host, state =>
        {
            SimulatedHosts.Run(state, "xl", "network-attach", "web1", "bridge=xenbr0", "mac=00:16:3e:11:22:" + host[^2..]);
            SimulatedHosts.Run(state, "xl", "network-detach", "web2", "0");
        });

        var accepted = await AcceptAsync(host, "", "guests/web1/vifs/1", "guests/web2/vifs/0");

        Assert.Equal(200, accepted.Status);
        // The files follow with an apply; nothing that runs does.
        Assert.Equal([("guests/web1", "file"), ("guests/web1/vifs/1", "vif"), ("guests/web2", "file"), ("guests/web2/vifs/0", "vif")], Fields(accepted).Select(f => (f.Target, f.Field)));
        var plan = await Client.GetJsonAsync($"/v1/hosts/{host}/plan");
        Assert.Equal(["file.write", "file.write"], plan["steps"].AsArray().Select(s => (string)s!["action"]!));
        Assert.Equal("00:16:3e:11:22:" + host[^2..], (string)(await Client.GetJsonAsync($"/v1/hosts/{host}/guests/web1/vifs/1"))["mac"]!);
        Assert.Equal("succeeded", (string)(await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s"))["status"]!);
        Assert.True((bool)(await Client.GetJsonAsync($"/v1/hosts/{host}/drift"))["inSync"]!);
    }

    [Fact]
    public async Task Accept_PortMovedByHand_TakesTheBridgeThatItIsOn()
    {
        var host = await AppliedHostAsync();
        await service.ChangeHostAsync(host, s => s.Interfaces.Single(i => i.Vif == "1-0").Master = "xenbr0");
        var drift = await Client.GetJsonAsync($"/v1/hosts/{host}/drift");
        Assert.Equal(("br1", "br1", "xenbr0"), Values(drift, 0));
        await AcceptAsync(host, "", "guests/web1/vifs/0");
        Assert.Equal("xenbr0", (string)(await Client.GetJsonAsync($"/v1/hosts/{host}/guests/web1/vifs/0"))["bridge"]!);
    }

    [Fact]
    public async Task Ports_ChangedByHand_AreAcceptedOrPutBack()
    {
        var host = await AppliedHostAsync();
        await service.ChangeHostAsync(host, state => state.Interfaces.AddRange(new[] { 7, 8 }.Select(
            i => new SimulatedInterface { Index = 100 + i, Name = $"eth{i}", Mac = $"52:54:00:12:34:0{i}", Up = true, Carrier = true })));
        await Client.PutAsync($"/v1/hosts/{host}/bridges/br1", new { mtu = 1500, ports = new[] { "eth7" } });
        Assert.Equal("succeeded", (string)(await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s"))["status"]!);
        Assert.Empty(Fields(await Client.GetJsonAsync($"/v1/hosts/{host}/drift")));
        await service.ChangeHostAsync(host, state =>
        {
            SimulatedHosts.Run(state, "ip", "link", "set", "dev", "eth7", "nomaster");
            SimulatedHosts.Run(state, "ip", "link", "set", "dev", "eth8", "master", "br1");
        });

        var drift = await Client.GetJsonAsync($"/v1/hosts/{host}/drift");
        Assert.Equal([("bridges/br1", "ports", "changed")], Fields(drift));
        Assert.Equal(("eth7", null, "eth8"), Values(drift, 0));
        Assert.Equal("br1 has the ports eth7 in the database, and eth8 on the host.", (string)drift["entries"][0]!["message"]!);

        var enforced = await Client.PostAsync($"/v1/hosts/{host}/drift/enforce?wait=30s", new { targets = new[] { "bridges/br1" } });
        Assert.Equal(
            ["bridge.remove-port bridges/br1/ports/eth8", "bridge.add-port bridges/br1/ports/eth7"],
            enforced["steps"].AsArray().Select(s => $"{s!["action"]} {s["target"]}"));
        Assert.Empty(Fields(await Client.GetJsonAsync($"/v1/hosts/{host}/drift")));

        await service.ChangeHostAsync(host, state => SimulatedHosts.Run(state, "ip", "link", "set", "dev", "eth8", "master", "br1"));
        var accepted = await AcceptAsync(host, "", "bridges/br1");
        Assert.True((bool)accepted["inSync"]!, accepted.Text);
        Assert.Equal(["eth7", "eth8"], (await Client.GetJsonAsync($"/v1/hosts/{host}/bridges/br1"))["ports"].AsArray().Select(p => (string)p!).Order(StringComparer.Ordinal));
        Assert.Empty((await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s"))["steps"].AsArray());
    }

    [Fact]
    public async Task Accept_BridgeGoneAndGuestGone_TakesThemAway()
    {
        var host = await AppliedHostAsync();
        await Client.PutAsync($"/v1/hosts/{host}/bridges/br7", new { });
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/never/config", "name='never'\nkernel='/k'\n");
        var accepted = await AcceptAsync(host, "", "bridges/br7", "guests/never");
        Assert.True((bool)accepted["inSync"]!, accepted.Text);
        Assert.Equal(404, (await Client.GetJsonAsync($"/v1/hosts/{host}/guests/never")).Status);
        Assert.Equal(404, (await Client.GetJsonAsync($"/v1/hosts/{host}/bridges/br7")).Status);
    }

    [Fact]
    public async Task Accept_XlConfBridgeMtuAndForeignGuest_TakesThem()
    {
        var host = await AppliedHostAsync();
        await Client.PutAsync($"/v1/hosts/{host}/defaults", new { bridge = "xenbr0", script = "vif-bridge" });
        await service.ChangeHostAsync(host, state =>
        {
            Put(state, "/etc/xen/xl.conf", "vif.default.bridge=\"br1\"\n");
            Put(state, "/etc/xen/odd.cfg", "name='stray'\nkernel='/k'\nvif=['bridge=br1']\n");
            state.Interfaces.Single(i => i.Name == "br1").Mtu = 1400;
        });
        var accepted = await AcceptAsync(host, "", "xl.conf", "bridges/br1", "guests/stray");
        Assert.True((bool)accepted["inSync"]!, accepted.Text);
        Assert.Equal("br1", (string)(await Client.GetJsonAsync($"/v1/hosts/{host}/defaults"))["bridge"]!);
        Assert.Equal(1400, (int)(await Client.GetJsonAsync($"/v1/hosts/{host}/bridges/br1"))["mtu"]!);
        Assert.Equal("/etc/xen/odd.cfg", (string)(await Client.GetJsonAsync($"/v1/hosts/{host}/guests/stray"))["configPath"]!);
    }

    [Fact]
    public async Task Accept_WhatCannotBeTaken_IsRefusedAsAWhole()
    {
        var host = await AppliedHostAsync();
        await EditAsync(host, "web1", t => t + "vif = ['brigde=br1']\n");
        await service.ChangeHostAsync(host, state =>
        {
            state.Interfaces.Single(i => i.Name == "br1").Mtu = 1400;
            state.Files.Remove("/etc/xen/web2.cfg");
            state.Interfaces.Single(i => i.Vif == "2-0").Up = false;
        });

        var findings = await AcceptAsync(host, "", "bridges/br1", "guests/web1");
        Assert.Equal((422, "findings"), (findings.Status, findings.Code));
        Assert.Equal(["/targets/1"], findings.Pointers);
        Assert.Contains("vif.unknown-key", findings["findings"].AsArray().Select(f => (string)f!["code"]!));
        Assert.Equal(1500, (int)(await Client.GetJsonAsync($"/v1/hosts/{host}/bridges/br1"))["mtu"]!);
        Assert.Equal(200, (await AcceptAsync(host, "?acceptFindings=vif.unknown-key", "guests/web1")).Status);

        var missing = await AcceptAsync(host, "", "guests/web2");
        Assert.Equal((409, "guest.file-missing"), (missing.Status, missing.Code));
        var down = await AcceptAsync(host, "", "guests/web2/vifs/0");
        Assert.Equal((409, "drift.not-acceptable"), (down.Status, down.Code));
        var unknown = await AcceptAsync(host, "", "bridges/br1", "guests/nosuch");
        Assert.Equal((422, "drift.target.unknown"), (unknown.Status, unknown.Code));
        Assert.Equal(["/targets/1"], unknown.Pointers);
        Assert.Equal(200, (await AcceptAsync(host, "", "bridges/xenbr0")).Status);
    }

    [Theory]
    [InlineData("""{"targets":[]}""", "/targets")]
    [InlineData("""{}""", "/targets")]
    [InlineData("""{"targets":["xl.conf","web1"]}""", "/targets/1")]
    [InlineData("""{"targets":["guests/web1/vifs/01"]}""", "/targets/0")]
    [InlineData("""{"targets":["guests/../web1"]}""", "/targets/0")]
    public async Task AcceptAndEnforce_MalformedTargets_AreRefused(string body, string pointer)
    {
        var host = await service.NewHostAsync();
        foreach (var verb in new[] { "accept", "enforce" })
        {
            var answer = await Client.SendTextAsync(HttpMethod.Post, $"/v1/hosts/{host}/drift/{verb}", body, "application/json");
            Assert.Equal(422, answer.Status);
            Assert.Equal([pointer], answer.Pointers);
        }
    }

    [Fact]
    public async Task Enforce_OneTarget_LeavesTheOthersAsTheyAre()
    {
        var host = await AppliedHostAsync();
        await EditAsync(host, "web1", t => t + "vcpus = 4\n");
        await EditAsync(host, "web2", t => t + "vcpus = 4\n");
        await service.ChangeHostAsync(host, s => s.Interfaces.Single(i => i.Name == "br1").Mtu = 1400);

        var operation = await Client.PostAsync($"/v1/hosts/{host}/drift/enforce?wait=30s", new { targets = new[] { "guests/web1" } });

        Assert.Equal((200, "enforce", "succeeded"), (operation.Status, (string)operation["kind"]!, (string)operation["status"]!));
        Assert.Equal(["guests/web1"], operation["targets"].AsArray().Select(t => (string)t!));
        Assert.Equal(["/etc/xen/web1.cfg"], operation["steps"].AsArray().Select(s => (string)s!["target"]!));
        Assert.Equal([("bridges/br1", "mtu", "changed"), ("guests/web2", "file", "changed")], Fields(await Client.GetJsonAsync($"/v1/hosts/{host}/drift")));
    }

    [Fact]
    public async Task Enforce_OneVif_PlugsItAnewAndWritesItsFile()
    {
        var host = await AppliedHostAsync();
        await service.ChangeHostAsync(host, state =>
        {
            SimulatedHosts.Run(state, "xl", "network-attach", "web1", "bridge=xenbr0");
            SimulatedHosts.Run(state, "xl", "network-detach", "web1", "0");
        });
        var held = await Client.PostAsync($"/v1/hosts/{host}/drift/enforce?wait=30s", new { targets = new[] { "guests/web1/vifs/1" }, allow = Array.Empty<string>() });
        Assert.Equal("succeeded", (string)held["status"]!);
        Assert.Empty(held["steps"].AsArray());

        var operation = await Client.PostAsync($"/v1/hosts/{host}/drift/enforce?wait=30s", new { targets = new[] { "guests/web1/vifs/0" } });
        Assert.Equal([("vif.attach", "web1/vifs/0")], operation["steps"].AsArray().Select(s => ((string)s!["action"]!, (string)s["target"]!)));
        Assert.Equal([("guests/web1/vifs/1", "vif", "leftover")], Fields(await Client.GetJsonAsync($"/v1/hosts/{host}/drift")));
        Assert.Null((await Client.GetJsonAsync($"/v1/hosts/{await service.NewHostAsync()}")).Json!["appliedRevision"]);
    }

    /// <summary>web1 and web2 run on br1, and everything is as it was applied.</summary>
    private async Task<string> AppliedHostAsync()
    {
        var host = await service.NewHostAsync();
        await Client.PutAsync($"/v1/hosts/{host}/bridges/br1", new { mtu = 1500 });
        foreach (var guest in new[] { "web1", "web2" })
        {
            await Client.PutTextAsync($"/v1/hosts/{host}/guests/{guest}/config", $"name='{guest}'\nkernel='/guest/vmlinuz'\nvif=['bridge=br1']\n");
            Assert.Equal("succeeded", (string)(await Client.PostAsync($"/v1/hosts/{host}/guests/{guest}/start?wait=30s"))["status"]!);
        }

        Assert.Equal("succeeded", (string)(await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s"))["status"]!);
        return host;
    }

    private Task<Answer> AcceptAsync(string host, string query, params string[] targets) =>
        Client.PostAsync($"/v1/hosts/{host}/drift/accept{query}", new { targets });

    private async Task<string> EditAsync(string host, string guest, Func<string, string> edit)
    {
        var text = "";
        await service.ChangeHostAsync(host, state =>
        {
            text = edit(Encoding.UTF8.GetString(state.Files[$"/etc/xen/{guest}.cfg"].Content));
            Put(state, $"/etc/xen/{guest}.cfg", text);
        });
        return text;
    }

    private static void Put(SimulatedDom0State state, string path, string text) => state.Files[path] = new SimulatedFile { Content = Encoding.UTF8.GetBytes(text) };

    private static IEnumerable<(string Target, string Field, string Kind)> Fields(Answer drift) =>
        drift["entries"].AsArray().Select(e => ((string)e!["target"]!, (string)e["field"]!, (string)e["kind"]!));

    private static (string? Database, string? File, string? Live) Values(Answer drift, int at) =>
        drift["entries"][at] is { } e ? ((string?)e["database"], (string?)e["file"], (string?)e["live"]) : default;
}

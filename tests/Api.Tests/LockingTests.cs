using System.Text;
using System.Text.Json.Nodes;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Api.Tests;

/// <summary>A vif that is locked to its addresses, on a simulated host.</summary>
public sealed class LockingTests : HurriedServiceTests
{
    private const string Vif = "/v1/hosts/dom0-a/guests/web1/vifs/0";
    private const string Rules = "/etc/xlnet/locking.nft";
    private const string Flows = "/etc/xlnet/locking-ovs.flows";
    private const string OvsScript = "vif-xlnet-openvswitch";
    private const string OvsScriptPath = "/etc/xen/scripts/" + OvsScript;

    [Fact]
    public async Task Put_Locked_IsInForceBeforeTheVifIsPluggedAndGoesWhenUnlocked()
    {
        await StartGuestAsync();
        var put = await Client.PutAsync(Vif, new { ip = "10.0.0.5", locking = "locked" });
        Assert.True(put.Status == 200, put.Text);
        Assert.Equal(("locked", "vif-bridge"), ((string)put["locking"]!, (string)put["script"]!));
        var name = (string)put["vifname"]!;
        Assert.Matches("^x[0-9a-v]{10}$", name);

        var plan = await Client.GetJsonAsync("/v1/hosts/dom0-a/plan");
        Assert.Equal(["file.write", "locking.set", "vif.detach", "vif.attach"], plan["steps"].AsArray().Select(s => (string)s!["action"]!));
        Assert.Equal("none", (string)plan["steps"]![1]!["impact"]!);
        Assert.Contains($"iifname vmap {{ \"{name}\" : jump vif_1 }}", (string)plan["steps"]![1]!["diff"]!, StringComparison.Ordinal);
        await ApplyAsync();
        Assert.Contains($"ether saddr != {put["mac"]} drop", Encoding.UTF8.GetString((await StateAsync()).Files[Rules].Content), StringComparison.Ordinal);
        Assert.Equal(["xlnet-locking.service"], (await StateAsync()).Units);

        // An address more is another set of rules; PATCH and a file keep the vif locked.
        Assert.Equal("locked", (string)(await PatchAsync(Vif, new { ip = "10.0.0.5 10.0.0.6" }))["locking"]!);
        var file = (await Client.GetAsync("/v1/hosts/dom0-a/guests/web1/config", Ct)).Content;
        Assert.Equal(200, (await Client.PutTextAsync("/v1/hosts/dom0-a/guests/web1/config", await file.ReadAsStringAsync(Ct))).Status);
        Assert.Equal("locked", (string)(await Client.GetJsonAsync(Vif))["locking"]!);
        await ApplyAsync();
        Assert.Contains("10.0.0.6", Encoding.UTF8.GetString((await StateAsync()).Files[Rules].Content), StringComparison.Ordinal);

        Assert.Equal("unlocked", (string)(await PatchAsync(Vif, new { locking = "unlocked" }))["locking"]!);
        Assert.Equal(["locking.set"], (await Client.GetJsonAsync("/v1/hosts/dom0-a/plan"))["steps"].AsArray().Select(s => (string)s!["action"]!));
        await ApplyAsync();
        Assert.DoesNotContain((await StateAsync()).Files.Keys, p => p.Contains("xlnet", StringComparison.Ordinal) && !p.StartsWith("/var/", StringComparison.Ordinal));
        Assert.Empty((await StateAsync()).Units);
    }

    [Fact]
    public async Task Plan_RulesFlushedByHand_ArePutIntoForceAgain()
    {
        await StartGuestAsync();
        await Client.PutAsync(Vif, new { ip = "10.0.0.5", locking = "locked" });
        await ApplyAsync();
        await ChangeAsync(s => s.Units.Clear());

        Assert.Equal("networking", (string)(await Client.GetJsonAsync("/v1/hosts/dom0-a/drift"))["entries"].AsArray().Single()!["target"]!);
        Assert.Equal(["locking.set"], (await Client.GetJsonAsync("/v1/hosts/dom0-a/plan"))["steps"].AsArray().Select(s => (string)s!["action"]!));
        await ApplyAsync();
        Assert.Equal(["xlnet-locking.service"], (await StateAsync()).Units);
    }

    [Fact]
    public async Task Apply_ThatFailsAfterwards_TakesTheRulesBack()
    {
        await StartGuestAsync();
        await Client.PutAsync(Vif, new { ip = "10.0.0.5", locking = "locked" });
        await ChangeAsync(s => s.Faults.Add(new() { Argv = ["xl", "network-attach"], Kind = SimulatedFaultKind.Fail }));
        Assert.Equal("rolled-back", (string)(await RunAsync("/v1/hosts/dom0-a/apply"))["status"]!);
        Assert.DoesNotContain(Rules, (await StateAsync()).Files.Keys);
        Assert.Empty((await StateAsync()).Units);
    }

    [Fact]
    public async Task Restore_OfARevision_LocksTheVifAgain()
    {
        await StartGuestAsync();
        await Client.PutAsync(Vif, new { ip = "10.0.0.5", locking = "locked" });
        var revision = (long)(await Client.GetJsonAsync("/v1/hosts/dom0-a/revisions"))["items"]!.AsArray().Max(r => (long)r!["number"]!);
        await Client.PutAsync(Vif, new { ip = "10.0.0.5" });
        Assert.Equal("unlocked", (string)(await Client.GetJsonAsync(Vif))["locking"]!);
        var restored = await Client.SendJsonAsync(HttpMethod.Post, $"/v1/hosts/dom0-a/revisions/{revision}/restore", null, ("If-Match", "*"));
        Assert.True(restored.Status < 300, restored.Text);
        Assert.Equal("locked", (string)(await Client.GetJsonAsync(Vif))["locking"]!);
    }

    [Fact]
    public async Task Put_LockedOnOpenVSwitch_IsPluggedByTheScriptThatPutsTheRulesIn()
    {
        await StartGuestAsync();
        Assert.Equal(201, (await Client.PutAsync("/v1/hosts/dom0-a/bridges/ovs1", new { kind = "openvswitch" })).Status);
        var put = await Client.PutAsync(Vif, new { bridge = "ovs1", vlan = 20, ip = "10.0.0.5", locking = "locked" });
        Assert.True(put.Status == 200, put.Text);
        Assert.Equal(("ovs1", "20", OvsScript), ((string)put["bridge"]!, (string)put["vlan"]!, (string)put["script"]!));
        Assert.Equal(["bridge.create", "file.write", "locking.set", "vif.detach", "vif.attach"], await ActionsAsync());
        await ApplyAsync();
        var state = await StateAsync();
        Assert.Equal(["xlnet-locking-ovs.service", "xlnet-locking.service"], state.Units);
        Assert.True(state.Files[OvsScriptPath].Executable);
        Assert.Contains($"{put["vifname"]} cookie=", Encoding.UTF8.GetString(state.Files[Flows].Content), StringComparison.Ordinal);
        var port = state.Ovs!.Bridges.Single(b => b.Name == "ovs1").Ports[1];
        Assert.Equal(((string)put["vifname"]!, 20), (port.Name, port.Tag));
        Assert.Contains("what comes from the vif's own addresses", (await Client.GetJsonAsync(Vif + "/explanation")).Text, StringComparison.Ordinal);

        // What is read can be put, and a guest that is made anew is locked too.
        Assert.Equal(OvsScript, (string)(await PatchAsync(Vif, new { vlan = 21 }))["script"]!);
        await ApplyAsync();
        Assert.Equal("succeeded", (string)(await RunAsync("/v1/hosts/dom0-a/guests/web1/recreate"))["status"]!);
        await ChangeAsync(s => s.Units.Remove("xlnet-locking-ovs.service"));
        Assert.Equal("networking", (string)(await Client.GetJsonAsync("/v1/hosts/dom0-a/drift"))["entries"].AsArray().Single()!["target"]!);
        await ApplyAsync();

        Assert.Equal("vif-openvswitch", (string)(await PatchAsync(Vif, new { locking = "unlocked" }))["script"]!);
        Assert.Equal(["file.write", "locking.set", "vif.detach", "vif.attach", "locking.set"], await ActionsAsync());
        await ApplyAsync();
        Assert.Empty((await StateAsync()).Units);
        Assert.DoesNotContain((await StateAsync()).Files.Keys, p => p.Contains("xlnet", StringComparison.Ordinal) && !p.StartsWith("/var/", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Apply_OnOpenVSwitchThatFailsAfterwards_TakesTheScriptBack()
    {
        await StartGuestAsync();
        await Client.PutAsync("/v1/hosts/dom0-a/bridges/ovs1", new { kind = "openvswitch" });
        await Client.PutAsync(Vif, new { bridge = "ovs1", ip = "10.0.0.5", locking = "locked" });
        await ChangeAsync(s => s.FailingScripts.Add(OvsScriptPath));
        Assert.Equal("rolled-back", (string)(await RunAsync("/v1/hosts/dom0-a/apply"))["status"]!);
        var state = await StateAsync();
        Assert.DoesNotContain(OvsScriptPath, state.Files.Keys);
        Assert.Empty(state.Units);
        Assert.Equal("xenbr0", state.Interfaces.Single(i => i.Name == "vif1.0").Master);
    }

    [Fact]
    public async Task Networking_OfAnotherKind_TakesALockedVifAlong()
    {
        await StartGuestAsync();
        await Client.PutAsync(Vif, new { ip = "10.99.0.5", locking = "locked" });
        await ApplyAsync();
        foreach (var (mode, script, units) in ((string, string, string[])[])
        [
            ("openvswitch", OvsScript, ["xlnet-locking-ovs.service", "xlnet-locking.service"]),
            ("nat", "vif-bridge", ["xlnet-dnsmasq.service", "xlnet-locking.service", "xlnet-nat.service"]),
            ("openvswitch", OvsScript, ["xlnet-locking-ovs.service", "xlnet-locking.service"]),
            ("bridged", "vif-bridge", ["xlnet-locking.service"]),
        ])
        {
            var put = await Client.PutAsync("/v1/hosts/dom0-a/networking", new { mode });
            Assert.True(put.Status == 200, put.Text);
            Assert.Equal(("locked", script), ((string)(await Client.GetJsonAsync(Vif))["locking"]!, (string)(await Client.GetJsonAsync(Vif))["script"]!));
            var operation = await RunAsync("/v1/hosts/dom0-a/apply", new { allow = new[] { "vif-blip", "management-path" } });
            Assert.True((string)operation["status"]! == "succeeded", operation.Text);
            Assert.Empty(await ActionsAsync());
            Assert.Equal(units, (await StateAsync()).Units);
            Assert.Equal(script, (await StateAsync()).Domains[0].Vifs[0].Script);
        }

        var refused = await Client.PutAsync("/v1/hosts/dom0-a/networking", new { mode = "routed" });
        Assert.Equal((422, "vif.locking.script"), (refused.Status, refused.Code));
        Assert.Contains("web1/vifs/0", refused.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Delete_WithReleaseOfAHostOnOpenVSwitch_TakesTheScriptAwayAndTheVifToTheHostsBridge(bool networking)
    {
        await StartGuestAsync();
        if (networking)
            Assert.Equal(200, (await Client.PutAsync("/v1/hosts/dom0-a/networking", new { mode = "openvswitch" })).Status);
        else
            Assert.Equal(201, (await Client.PutAsync("/v1/hosts/dom0-a/bridges/ovs1", new { kind = "openvswitch" })).Status);
        Assert.Equal(200, (await Client.PutAsync(Vif, new { bridge = networking ? null : "ovs1", ip = "10.0.0.5", locking = "locked" })).Status);
        var applied = await RunAsync("/v1/hosts/dom0-a/apply", new { allow = new[] { "vif-blip", "management-path" } });
        Assert.True((string)applied["status"]! == "succeeded", applied.Text);
        Assert.Contains(OvsScriptPath, (await StateAsync()).Files.Keys);

        // A simulated host goes with its row, so it fails first, and is looked at then.
        await ChangeAsync(s => s.Faults.Add(new() { Argv = ["systemctl", "disable", "--now", "xlnet-locking-ovs.service"], Kind = SimulatedFaultKind.Fail }));
        var refused = await Client.DeleteAnswerAsync("/v1/hosts/dom0-a?release=true");
        Assert.Equal((409, "host.not-released"), (refused.Status, refused.Code));
        var plan = await Client.GetJsonAsync("/v1/hosts/dom0-a/plan");
        var operation = await RunAsync("/v1/hosts/dom0-a/drift/enforce", new { targets = new[] { "networking", "guests/web1/vifs/0" }, allow = new[] { "vif-blip", "management-path" } });
        Assert.True((string)operation["status"]! == "succeeded", operation.Text + plan.Text);
        var state = await StateAsync();
        Assert.DoesNotContain(state.Files.Keys, p => p.Contains("xlnet", StringComparison.Ordinal) && !p.StartsWith("/var/", StringComparison.Ordinal));
        Assert.Equal(networking ? "vif-bridge" : "vif-openvswitch", state.Domains[0].Vifs[0].Script);
        Assert.Equal(204, (await Client.DeleteAnswerAsync("/v1/hosts/dom0-a?release=true")).Status);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Delete_WithRelease_TakesTheRulesAwayFirst(bool unlocked)
    {
        await StartGuestAsync();
        await Client.PutAsync(Vif, new { ip = "10.0.0.5", locking = "locked" });
        await ApplyAsync();
        if (unlocked)
            await PatchAsync(Vif, new { locking = "unlocked" });
        // A simulated host goes with its row, so it fails first, and is looked at then.
        await ChangeAsync(s => s.Faults.Add(new() { Argv = ["systemctl", "disable"], Kind = SimulatedFaultKind.Fail }));
        var refused = await Client.DeleteAnswerAsync("/v1/hosts/dom0-a?release=true");
        Assert.Equal((409, "host.not-released"), (refused.Status, refused.Code));
        await ApplyAsync();
        Assert.DoesNotContain(Rules, (await StateAsync()).Files.Keys);
        Assert.Equal(204, (await Client.DeleteAnswerAsync("/v1/hosts/dom0-a?release=true")).Status);
    }

    [Theory]
    [InlineData("""{"locking":"locked"}""", "vif.locking.address", "/ip")]
    [InlineData("""{"locking":"locked","ip":"10.0.0.0/24"}""", "vif.locking.address", "/ip")]
    [InlineData("""{"locking":"locked","ip":"10.0.0.5","script":"vif-route"}""", "vif.locking.script", "/script")]
    [InlineData("""{"locking":"locked","ip":"10.0.0.5","script":"vif-openvswitch","bridge":"ovs1:20"}""", "vif.locking.trunks", "/bridge")]
    [InlineData("""{"locking":"locked","ip":"10.0.0.5","backend":"net1"}""", "vif.locking.backend", "/backend")]
    [InlineData("""{"locking":"locked","ip":"10.0.0.5","vifname":"web*"}""", "vif.locking.vifname", "/vifname")]
    public async Task Put_AVifThatCannotBeLocked_IsRefusedWithTheReason(string body, string code, string pointer)
    {
        await StartGuestAsync();
        var refused = await Client.PutAsync(Vif, JsonNode.Parse(body)!);
        Assert.Equal((422, code), (refused.Status, refused.Code));
        Assert.Equal(pointer, (string)refused["errors"]![0]!["pointer"]!);
    }

    [Fact]
    public async Task Put_AddressNotInTheFile_IsRefused()
    {
        Assert.Equal(200, (await PatchAsync("/v1/hosts/dom0-a", new { macPolicy = "as-written" })).Status);
        await StartGuestAsync();
        var refused = await Client.PutAsync(Vif, new { ip = "10.0.0.5", locking = "locked" });
        Assert.Equal((422, "vif.locking.mac"), (refused.Status, refused.Code));
        Assert.Equal(200, (await Client.PutAsync(Vif, new { mac = "00:16:3e:80:00:01", ip = "10.0.0.5", locking = "locked" })).Status);
    }

    private async Task<List<string>> ActionsAsync() =>
        [.. (await Client.GetJsonAsync("/v1/hosts/dom0-a/plan"))["steps"].AsArray().Select(s => (string)s!["action"]!)];

    private Task<Answer> PatchAsync(string path, object body) => Client.SendJsonAsync(HttpMethod.Patch, path, body);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private async Task StartGuestAsync()
    {
        var put = await Client.PutTextAsync("/v1/hosts/dom0-a/guests/web1/config", "name = 'web1'\ntype = 'pv'\nkernel = '/guest/vmlinuz'\nvif = ['']\n");
        Assert.True(put.Status == 201, put.Text);
        var started = await RunAsync("/v1/hosts/dom0-a/guests/web1/start");
        Assert.True((string)started["status"]! == "succeeded", started.Text);
    }

    private async Task ApplyAsync()
    {
        var operation = await RunAsync("/v1/hosts/dom0-a/apply");
        Assert.True((string)operation["status"]! == "succeeded", operation.Text);
        var plan = await Client.GetJsonAsync("/v1/hosts/dom0-a/plan");
        Assert.True(plan["steps"].AsArray().Count + plan["pending"].AsArray().Count == 0, plan.Text);
    }
}

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
    [InlineData("""{"locking":"locked","ip":"10.0.0.5","script":"vif-openvswitch"}""", "vif.locking.script", "/script")]
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

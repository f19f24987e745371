using Npgsql;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Api.Tests;

public sealed class OperationTests(ServiceFixture service)
{
    private const string Guest = "name = 'web1'\ntype = 'pv'\nkernel = '/guest/vmlinuz'\nvif = ['bridge=xenbr0']\n";

    private HttpClient Client => service.Client;

    [Fact]
    public async Task Start_BridgeMissing_RollsBackAndSaysWhy()
    {
        var host = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Guest.Replace("xenbr0", "nobr9"));

        var operation = await Client.PostAsync($"/v1/hosts/{host}/guests/web1/start?wait=30s");

        Assert.Equal("rolled-back", (string)operation["status"]!);
        var error = operation["error"];
        Assert.Equal("2-guest.create", (string)error["step"]!);
        Assert.Equal(["xl", "create", "/etc/xen/web1.cfg"], error["command"]!.AsArray().Select(a => (string)a!));
        Assert.Equal(3, (int)error["exitStatus"]!);
        Assert.Contains("Could not find bridge device nobr9", (string)error["stderr"]!, StringComparison.Ordinal);
        Assert.Equal(["file.write", "guest.create", "file.delete"], operation["steps"].AsArray().Select(s => (string)s!["action"]!));
        Assert.True((bool)operation["steps"][2]!["rollback"]!);
        // The host is as it was: no file, no domain.
        Assert.Single((await Client.GetJsonAsync($"/v1/hosts/{host}/plan"))["steps"].AsArray());
        Assert.Empty((await Client.GetJsonAsync($"/v1/hosts/{host}/observation"))["domains"].AsArray());
    }

    [Fact]
    public async Task Apply_SecondVifFails_TakesTheFirstAndTheFileBack()
    {
        var host = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Guest);
        await Client.PostAsync($"/v1/hosts/{host}/guests/web1/start?wait=30s");
        var before = (await Client.GetJsonAsync($"/v1/hosts/{host}/observation"))["domains"].ToJsonString();
        await Client.PostAsync($"/v1/hosts/{host}/guests/web1/vifs", new { vifname = "good0" });
        await Client.PostAsync($"/v1/hosts/{host}/guests/web1/vifs", new { script = "vif-nosuch" });

        var operation = await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s");

        Assert.Equal("rolled-back", (string)operation["status"]!);
        Assert.Equal("web1/vifs/2", (string)operation["error"]["target"]!);
        Assert.Contains("cannot execute /etc/xen/scripts/vif-nosuch", (string)operation["error"]["stderr"]!, StringComparison.Ordinal);
        Assert.Equal(before, (await Client.GetJsonAsync($"/v1/hosts/{host}/observation"))["domains"].ToJsonString());
        Assert.Equal(["file.write", "vif.attach", "vif.attach"], (await Client.GetJsonAsync($"/v1/hosts/{host}/plan"))["steps"].AsArray().Select(s => (string)s!["action"]!));
    }

    [Theory]
    [InlineData(SimulatedFaultKind.CutBefore, new[] { "file.write succeeded", "vif.attach interrupted", "vif.attach succeeded" })]
    [InlineData(SimulatedFaultKind.CutAfter, new[] { "file.write succeeded", "vif.attach interrupted" })]
    public async Task Apply_ConnectionCutAtACommand_GoesOnFromWhatIsTrue(SimulatedFaultKind kind, string[] journal)
    {
        var host = await NewHostWithAVifToPlugAsync();
        await service.ChangeHostAsync(host, s => s.Faults.Add(new SimulatedFault { Argv = ["xl", "network-attach"], Kind = kind }));

        var operation = await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s");

        Assert.Equal("succeeded", (string)operation["status"]!);
        Assert.Equal(journal, operation["steps"].AsArray().Select(s => $"{s!["action"]} {s["status"]}"));
        Assert.Equal(2, (await VifsAsync(host)).Count);
        Assert.Empty((await Client.GetJsonAsync($"/v1/hosts/{host}/plan"))["steps"].AsArray());
    }

    [Fact]
    public async Task Apply_ConnectionCutWhileItVerifies_AsksAgain()
    {
        var host = await NewHostWithAVifToPlugAsync();
        // The first observation is for the plan, the second to verify.
        await service.ChangeHostAsync(host, s => s.Faults.Add(new SimulatedFault { Argv = ["ovs-vsctl"], Kind = SimulatedFaultKind.CutBefore, Skip = 1 }));
        Assert.Equal("succeeded", (string)(await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s"))["status"]!);
    }

    [Fact]
    public async Task Apply_HostCannotBeUnderstoodWhileItVerifies_RollsBack()
    {
        var host = await NewHostWithAVifToPlugAsync();
        await service.ChangeHostAsync(host, s => s.Faults.Add(new SimulatedFault { Argv = ["ovs-vsctl"], Kind = SimulatedFaultKind.Garble, Skip = 1, Stdout = "?" }));

        var operation = await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s");

        Assert.Equal("rolled-back", (string)operation["status"]!);
        Assert.Equal("host.answer", (string)operation["error"]["code"]!);
        Assert.Single(await VifsAsync(host));
        Assert.Equal(["file.write", "vif.attach"], (await Client.GetJsonAsync($"/v1/hosts/{host}/plan"))["steps"].AsArray().Select(s => (string)s!["action"]!));
    }

    [Fact]
    public async Task Apply_ConnectionCutAtEveryTry_RollsBackWhenPatienceIsOver()
    {
        var host = await NewHostWithAVifToPlugAsync();
        await service.ChangeHostAsync(host, s => s.Faults.Add(new SimulatedFault { Argv = ["xl", "network-attach"], Kind = SimulatedFaultKind.CutBefore, Repeats = true }));

        var operation = await EndWithoutPatienceAsync((string)(await Client.PostAsync($"/v1/hosts/{host}/apply"))["id"]!);

        Assert.Equal("rolled-back", (string)operation["status"]!);
        Assert.Equal("host.unreachable", (string)operation["error"]["code"]!);
        Assert.Single(await VifsAsync(host));
    }

    [Fact]
    public async Task Apply_HostLostForGood_FailsSayingWhatIsUnknownAndTheNextOneWorks()
    {
        var host = await NewHostWithAVifToPlugAsync();
        await service.ChangeHostAsync(host, s =>
        {
            s.Faults.Add(new SimulatedFault { Argv = ["xl", "network-attach"], Kind = SimulatedFaultKind.CutAfter });
            s.Faults.Add(new SimulatedFault { Argv = ["xl", "info"], Kind = SimulatedFaultKind.CutBefore, Skip = 1, Repeats = true });
        });

        var operation = await EndWithoutPatienceAsync((string)(await Client.PostAsync($"/v1/hosts/{host}/apply"))["id"]!);

        Assert.Equal("failed", (string)operation["status"]!);
        Assert.Equal("host.unreachable", (string)operation["error"]["code"]!);
        Assert.Equal("web1/vifs/1", (string)operation["error"]["target"]!);
        Assert.Contains("vif.attach of web1/vifs/1 was done is unknown", (string)operation["error"]["message"]!, StringComparison.Ordinal);
        await ExecuteAsync($"UPDATE simulated_hosts s SET state = s.state || '{{\"faults\": []}}' FROM hosts h WHERE h.id = s.host_id AND h.name = '{host}'");
        var next = await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s");
        Assert.Equal("succeeded", (string)next["status"]!);
        Assert.Empty(next["steps"].AsArray());
        Assert.Equal(2, (await VifsAsync(host)).Count);
    }

    private async Task<string> NewHostWithAVifToPlugAsync()
    {
        var host = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Guest);
        await Client.PostAsync($"/v1/hosts/{host}/guests/web1/start?wait=30s");
        await Client.PostAsync($"/v1/hosts/{host}/guests/web1/vifs", new { });
        return host;
    }

    private async Task<System.Text.Json.Nodes.JsonArray> VifsAsync(string host) =>
        (await Client.GetJsonAsync($"/v1/hosts/{host}/observation"))["domains"][0]!["vifs"]!.AsArray();

    /// <summary>Waits for an operation's end, and lets it take its host to be lost for as long as it puts up with.</summary>
    private async Task<Answer> EndWithoutPatienceAsync(string id)
    {
        while (await ExecuteAsync($"UPDATE operations SET lost_since = lost_since - interval '1 hour' WHERE id = '{id}' AND lost_since IS NOT NULL") == 0)
            TestContext.Current.CancellationToken.ThrowIfCancellationRequested();
        return await Client.GetJsonAsync($"/v1/operations/{id}?wait=60s");
    }

    [Fact]
    public async Task Apply_HostDoesNotAnswer_FailsAndTheNextOneWorks()
    {
        var host = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Guest);
        await service.ChangeHostAsync(host, s => s.Faults.Add(new SimulatedFault { Argv = ["xl", "info"], Kind = SimulatedFaultKind.CutBefore }));

        var failed = await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s");
        Assert.Equal("failed", (string)failed["status"]!);
        Assert.Equal("host.unreachable", (string)failed["error"]["code"]!);
        Assert.Empty(failed["steps"].AsArray());
        Assert.Equal("succeeded", (string)(await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s"))["status"]!);
    }

    [Fact]
    public async Task Apply_ThatBreaksTheService_FailsAndDoesNotBlockItsHost()
    {
        var host = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Guest);
        await Client.GetJsonAsync($"/v1/hosts/{host}/observation");
        var state = await ExecuteAsync($"UPDATE simulated_hosts s SET state = '{{\"files\": 1}}' FROM hosts h WHERE h.id = s.host_id AND h.name = '{host}'");
        Assert.Equal(1, state);

        var failed = await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s");
        Assert.Equal("failed", (string)failed["status"]!);
        Assert.Equal("internal", (string)failed["error"]["code"]!);

        await ExecuteAsync($"DELETE FROM simulated_hosts s USING hosts h WHERE h.id = s.host_id AND h.name = '{host}'");
        Assert.Equal("succeeded", (string)(await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s"))["status"]!);
    }

    private async Task<int> ExecuteAsync(string sql)
    {
        await using var source = NpgsqlDataSource.Create(service.ConnectionString);
        await using var command = source.CreateCommand(sql);
        return await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Apply_FileOfADeletedGuestGoneByHand_IsXlnetsNoMore()
    {
        var host = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Guest);
        await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s");
        await Client.DeleteAnswerAsync($"/v1/hosts/{host}/guests/web1");
        await service.ChangeHostAsync(host, s => s.Files.Remove("/etc/xen/web1.cfg"));
        await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s");
        await service.ChangeHostAsync(host, s => s.Files["/etc/xen/web1.cfg"] = new SimulatedFile { Content = "name = 'web1'"u8.ToArray() });

        Assert.Empty((await Client.GetJsonAsync($"/v1/hosts/{host}/plan"))["steps"].AsArray());
    }

    [Fact]
    public async Task Operations_OfOneHost_RunInTheOrderInWhichTheyWereAskedFor()
    {
        var host = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Guest);
        string[] kinds = ["start", "recreate", "stop", "start", "stop"];
        var ids = new List<string>();
        foreach (var kind in kinds)
            ids.Add((string)(await Client.PostAsync($"/v1/hosts/{host}/guests/web1/{kind}"))["id"]!);

        var ended = new List<(string Status, DateTimeOffset Started, DateTimeOffset Finished)>();
        foreach (var id in ids)
        {
            var operation = await Client.GetJsonAsync($"/v1/operations/{id}?wait=60s");
            ended.Add(((string)operation["status"]!, (DateTimeOffset)operation["startedAt"]!, (DateTimeOffset)operation["finishedAt"]!));
        }

        Assert.All(ended, e => Assert.Equal("succeeded", e.Status));
        Assert.All(ended.Zip(ended.Skip(1)), pair => Assert.True(pair.First.Finished <= pair.Second.Started));
        Assert.Equal(kinds.Reverse(), (await Client.GetJsonAsync($"/v1/operations?host={host}"))["items"].AsArray().Select(o => (string)o!["kind"]!));
    }

    [Fact]
    public async Task Stop_GuestThatIgnoresShutdown_FailsInItsTimeAndForceEndsIt()
    {
        var host = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Guest);
        await Client.PostAsync($"/v1/hosts/{host}/guests/web1/start?wait=30s");
        await service.ChangeHostAsync(host, s => s.IgnoringShutdown.Add("web1"));

        var stop = await Client.PostAsync($"/v1/hosts/{host}/guests/web1/stop?wait=60s", new { shutdownSeconds = 1 });
        Assert.Equal("rolled-back", (string)stop["status"]!);
        Assert.Equal("guest.shutdown-timeout", (string)stop["error"]["code"]!);
        Assert.Single((await Client.GetJsonAsync($"/v1/hosts/{host}/observation"))["domains"].AsArray());

        Assert.Equal("succeeded", (string)(await Client.PostAsync($"/v1/hosts/{host}/guests/web1/stop?wait=60s", new { force = true }))["status"]!);
    }

    [Fact]
    public async Task Cancel_OperationThatRuns_RollsBackWhatItDid()
    {
        var host = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Guest);
        await Client.PostAsync($"/v1/hosts/{host}/guests/web1/start?wait=30s");
        await service.ChangeHostAsync(host, s => s.IgnoringShutdown.Add("web1"));
        var id = (string)(await Client.PostAsync($"/v1/hosts/{host}/guests/web1/recreate", new { shutdownSeconds = 3 }))["id"]!;
        var queued = (string)(await Client.PostAsync($"/v1/hosts/{host}/apply"))["id"]!;

        Assert.Equal("cancelled", (string)(await Client.PostAsync($"/v1/operations/{queued}/cancel"))["status"]!);
        await Client.PostAsync($"/v1/operations/{id}/cancel");

        var ended = await Client.GetJsonAsync($"/v1/operations/{id}?wait=60s");
        Assert.Contains((string)ended["status"]!, new[] { "cancelled", "rolled-back" });
        Assert.Equal(1, (int)(await Client.GetJsonAsync($"/v1/hosts/{host}/observation"))["domains"][0]!["domid"]!);
        Assert.Equal(409, (await Client.PostAsync($"/v1/operations/{id}/cancel")).Status);
    }

    [Fact]
    public async Task Delete_HostWithAnUnfinishedOperation_Is409()
    {
        var host = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Guest);
        await Client.PostAsync($"/v1/hosts/{host}/guests/web1/start?wait=30s");
        await service.ChangeHostAsync(host, s => s.IgnoringShutdown.Add("web1"));
        var id = (string)(await Client.PostAsync($"/v1/hosts/{host}/guests/web1/stop", new { shutdownSeconds = 2 }))["id"]!;

        Assert.Equal("host.busy", (await Client.DeleteAnswerAsync($"/v1/hosts/{host}")).Code);
        await Client.GetJsonAsync($"/v1/operations/{id}?wait=60s");
        Assert.Equal(204, (await Client.DeleteAnswerAsync($"/v1/hosts/{host}")).Status);
    }
}

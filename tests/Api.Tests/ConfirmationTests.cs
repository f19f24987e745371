using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Api.Tests;

/// <summary>An apply that its caller wants to decide on.</summary>
public sealed class ConfirmationTests(ServiceFixture service)
{
    private const string Guest = "name = 'web1'\ntype = 'pv'\nkernel = '/guest/vmlinuz'\nvif = ['bridge=xenbr0']\n";

    private HttpClient Client => service.Client;

    [Fact]
    public async Task Confirm_WithinItsTime_Succeeds()
    {
        var (host, id) = await AwaitAsync("10m");
        var waiting = await Client.GetJsonAsync($"/v1/operations/{id}");
        Assert.True((DateTimeOffset)waiting["confirmBy"]! > DateTimeOffset.UtcNow);
        Assert.Null((await Client.GetJsonAsync($"/v1/hosts/{host}")).Json!["appliedRevision"]);

        var confirmed = await Client.PostAsync($"/v1/operations/{id}/confirm");

        Assert.Equal("succeeded", (string)confirmed["status"]!);
        Assert.Equal(200, (await Client.PostAsync($"/v1/operations/{id}/confirm")).Status);
        Assert.NotNull((await Client.GetJsonAsync($"/v1/hosts/{host}")).Json!["appliedRevision"]);
        Assert.Empty((await Client.GetJsonAsync($"/v1/hosts/{host}/plan"))["steps"].AsArray());
    }

    [Fact]
    public async Task Confirm_NotInItsTime_RollsBack()
    {
        var (host, id) = await AwaitAsync("1s");
        var ended = await EndAsync(id);

        Assert.Equal(("rolled-back", "operation.unconfirmed"), ((string)ended["status"]!, (string)ended["error"]["code"]!));
        Assert.Contains("within 1 s", (string)ended["error"]["message"]!, StringComparison.Ordinal);
        Assert.Single((await Client.GetJsonAsync($"/v1/hosts/{host}/plan"))["steps"].AsArray());
        Assert.Equal("operation.not-awaiting-confirmation", (await Client.PostAsync($"/v1/operations/{id}/confirm")).Code);
    }

    [Fact]
    public async Task Cancel_InsteadOfConfirm_RollsBack()
    {
        var (host, id) = await AwaitAsync("1h");
        await Client.PostAsync($"/v1/operations/{id}/cancel");
        var ended = await EndAsync(id);

        Assert.Equal(("rolled-back", "operation.unconfirmed"), ((string)ended["status"]!, (string)ended["error"]["code"]!));
        Assert.Single((await Client.GetJsonAsync($"/v1/hosts/{host}/plan"))["steps"].AsArray());
    }

    [Fact]
    public async Task Operations_BehindOneThatWaits_WaitWithIt()
    {
        var (host, id) = await AwaitAsync("1h");
        var next = (string)(await Client.PostAsync($"/v1/hosts/{host}/guests/web1/start?wait=1s"))["id"]!;
        Assert.Equal("queued", (string)(await Client.GetJsonAsync($"/v1/operations/{next}"))["status"]!);

        await Client.PostAsync($"/v1/operations/{id}/confirm");

        Assert.Equal("succeeded", (string)(await EndAsync(next))["status"]!);
    }

    [Fact]
    public async Task Apply_WithNothingToDo_HasNothingToConfirm()
    {
        var host = await service.NewHostAsync();
        var operation = await Client.PostAsync($"/v1/hosts/{host}/apply?confirmWithin=60s&wait=30s");
        Assert.Equal("succeeded", (string)operation["status"]!);
        Assert.Equal(200, (await Client.PostAsync($"/v1/operations/{(string)operation["id"]!}/confirm")).Status);
    }

    [Theory]
    [InlineData("0s")]
    [InlineData("999ms")]
    [InlineData("61m")]
    [InlineData("soon")]
    [InlineData("-5s")]
    public async Task Apply_ConfirmWithinNoSuchTime_Is422(string time)
    {
        var host = await service.NewHostAsync();
        var answer = await Client.PostAsync($"/v1/hosts/{host}/apply?confirmWithin={time}");
        Assert.Equal("query.confirm-within", answer.Code);
    }

    [Fact]
    public async Task Confirm_OfAnOperationThatAsksNobody_Is409()
    {
        var host = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Guest);
        var id = (string)(await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s"))["id"]!;
        Assert.Equal((409, "operation.not-awaiting-confirmation"), ((await Client.PostAsync($"/v1/operations/{id}/confirm")).Status, (await Client.PostAsync($"/v1/operations/{id}/confirm")).Code));
        Assert.Equal(404, (await Client.PostAsync($"/v1/operations/{Guid.NewGuid()}/confirm")).Status);
    }

    [Fact]
    public async Task Apply_HostChangedByHandBetweenTheSteps_LeavesThatChangeAlone()
    {
        var host = await service.NewHostAsync();
        await Client.PutAsync($"/v1/hosts/{host}/bridges/br7", new { mtu = 1500 });
        await Client.PutAsync($"/v1/hosts/{host}/bridges/br8", new { mtu = 1500 });
        await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s");
        await Client.PutAsync($"/v1/hosts/{host}/bridges/br7", new { mtu = 1400 });
        await Client.PutAsync($"/v1/hosts/{host}/bridges/br8", new { mtu = 1400 });
        // While the first is changed, someone else changes the second.
        await service.ChangeHostAsync(host, s => s.Faults.Add(new SimulatedFault
        {
            Argv = ["ip", "link", "set", "dev", "br7", "mtu", "1400"], Kind = SimulatedFaultKind.Meanwhile, Meanwhile = ["ip", "link", "set", "dev", "br8", "mtu", "1300"],
        }));

        var operation = await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s");

        var error = operation["error"];
        Assert.Equal(("rolled-back", "host.changed"), ((string)operation["status"]!, (string)error["code"]!));
        Assert.Equal(("bridges/br8", "1500", "1300"), ((string)error["target"]!, (string)error["expected"]!, (string)error["found"]!));
        var bridges = (await Client.GetJsonAsync($"/v1/hosts/{host}/observation"))["bridges"].AsArray().ToDictionary(b => (string)b!["name"]!, b => (int)b!["mtu"]!);
        Assert.Equal((1500, 1300), (bridges["br7"], bridges["br8"]));
    }

    [Fact]
    public async Task Apply_BridgeMadeByHandMeanwhile_IsNotTakenAwayAgain()
    {
        var host = await service.NewHostAsync();
        await Client.PutAsync($"/v1/hosts/{host}/bridges/br7", new { });
        await Client.PutAsync($"/v1/hosts/{host}/bridges/br8", new { kind = "openvswitch" });
        await Client.PutAsync($"/v1/hosts/{host}/bridges/br9", new { });
        await service.ChangeHostAsync(host, s =>
        {
            s.Faults.Add(new SimulatedFault { Argv = ["ip", "link", "set", "dev", "br7", "up"], Kind = SimulatedFaultKind.Meanwhile, Meanwhile = ["ovs-vsctl", "add-br", "br8"] });
            s.Faults.Add(new SimulatedFault { Argv = ["ip", "link", "add", "name", "br9"], Kind = SimulatedFaultKind.Fail, Stderr = "no\n", Repeats = true });
        });

        var operation = await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s");

        Assert.Equal("rolled-back", (string)operation["status"]!);
        var names = (await Client.GetJsonAsync($"/v1/hosts/{host}/observation"))["bridges"].AsArray().Select(b => (string)b!["name"]!).ToList();
        Assert.DoesNotContain("br7", names);
        Assert.Contains("br8", names);
    }

    [Fact]
    public async Task Recreate_GuestThatDoesNotShutDown_StillRunsAsItDid()
    {
        var host = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Guest);
        await Client.PostAsync($"/v1/hosts/{host}/guests/web1/start?wait=30s");
        await service.ChangeHostAsync(host, s => s.IgnoringShutdown.Add("web1"));
        var before = (await Client.GetJsonAsync($"/v1/hosts/{host}/observation"))["domains"].ToJsonString();
        var file = Guest + "memory = 512\n";
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", file);
        var wanted = (await Client.GetJsonAsync($"/v1/hosts/{host}/guests/web1/config")).Text;

        var operation = await Client.PostAsync($"/v1/hosts/{host}/guests/web1/recreate?wait=60s", new { shutdownSeconds = 1 });

        Assert.Equal(("rolled-back", "guest.shutdown-timeout"), ((string)operation["status"]!, (string)operation["error"]["code"]!));
        Assert.Equal(["xl", "domid", "web1"], operation["error"]["command"]!.AsArray().Select(a => (string)a!));
        Assert.Equal(before, (await Client.GetJsonAsync($"/v1/hosts/{host}/observation"))["domains"].ToJsonString());
        Assert.Equal(wanted, (await Client.GetJsonAsync($"/v1/hosts/{host}/guests/web1/config")).Text);
        Assert.Equal(["file.write"], (await Client.GetJsonAsync($"/v1/hosts/{host}/plan"))["steps"].AsArray().Select(s => (string)s!["action"]!));
    }

    private async Task<(string Host, string Id)> AwaitAsync(string time)
    {
        var host = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Guest);
        var id = (string)(await Client.PostAsync($"/v1/hosts/{host}/apply?confirmWithin={time}"))["id"]!;
        Answer operation;
        do
            operation = await Client.GetJsonAsync($"/v1/operations/{id}?wait=30s");
        while ((string)operation["status"]! is "queued" or "running" && operation.Json!["confirmBy"] is null);
        return (host, id);
    }

    private async Task<Answer> EndAsync(string id)
    {
        Answer operation;
        do
            operation = await Client.GetJsonAsync($"/v1/operations/{id}?wait=60s");
        while (operation.Json!["finishedAt"] is null);
        return operation;
    }
}

using Xunit;

namespace Xlnet.Api.Tests;

public sealed class OperationEventTests(ServiceFixture service)
{
    private const string Guest = "name = 'web1'\ntype = 'pv'\nkernel = '/guest/vmlinuz'\nvif = ['bridge=xenbr0']\n";

    private HttpClient Client => service.Client;

    [Fact]
    public async Task Start_WhileSomeoneListens_TellsEachStepWithItsCommandsAndTheEnd()
    {
        var (host, id) = await HeldStartAsync();
        await using var events = await EventReader.OpenAsync(Client, $"/v1/operations/{id}/events");
        var first = (await events.NextAsync())!;
        Assert.Equal("operation", first.Name);
        Assert.Equal((id, host), ((string)first.Data["operation"]!["id"]!, (string)first.Data["operation"]!["host"]!));

        await ReleaseAsync(host);
        var seen = await events.ToEndAsync();

        Assert.Equal(
            ["file.write running", "file.write succeeded", "guest.create running", "guest.create succeeded", "succeeded"],
            seen.Where(e => (string)e.Data["status"]! != "running" || e.Name == "step").Select(Line));
        var created = seen.Single(e => Line(e) == "guest.create succeeded").Data["step"]!;
        Assert.Contains(created["commands"]!.AsArray(), c => c!["argv"]!.AsArray().Select(a => (string)a!).SequenceEqual(["xl", "create", "/etc/xen/web1.cfg"]));
        Assert.NotNull(created["startedAt"]);
        Assert.NotNull(created["finishedAt"]);
    }

    [Fact]
    public async Task Resumed_AfterEachEvent_GoesOnAfterIt()
    {
        var host = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Guest.Replace("xenbr0", "nobr9"));
        var id = (string)(await Client.PostAsync($"/v1/hosts/{host}/guests/web1/start?wait=30s"))["id"]!;

        // 0 is the position before all others but the asking.
        var all = await EventsAsync(id, "0");
        Assert.Equal(
            [
                "running", "file.write running", "file.write succeeded", "guest.create running", "guest.create failed", "running back",
                "file.delete running", "file.delete succeeded", "rolled-back back",
            ],
            all.Select(Line));
        Assert.Equal("hotplug.failed", (string)all[5].Data["error"]!["code"]!);
        Assert.Equal("hotplug.failed", (string)all[^1].Data["error"]!["code"]!);
        for (var i = 0; i < all.Count - 1; i++)
            Assert.Equal(all.Skip(i + 1).Select(e => (e.Id, e.Data.ToJsonString())), (await EventsAsync(id, all[i].Id)).Select(e => (e.Id, e.Data.ToJsonString())));

        var over = await Client.SendJsonAsync(HttpMethod.Get, $"/v1/operations/{id}/events", null, ("Last-Event-ID", all[^1].Id!));
        Assert.Equal(204, over.Status);
        // Who comes anew has it all in one.
        var present = Assert.Single(await EventsAsync(id, null));
        Assert.Equal((all[^1].Id, "operation", 3), (present.Id, present.Name, present.Data["operation"]!["steps"]!.AsArray().Count));
    }

    [Fact]
    public async Task Listeners_OnAnotherReplica_SeeTheSame()
    {
        var data = Directory.CreateTempSubdirectory("xlnet-test-").FullName;
        try
        {
            await using var other = await ServiceProcess.StartAsync(service.ConnectionString, data);
            var (host, id) = await HeldStartAsync();
            await using var onHost = await EventReader.OpenAsync(other.Client, $"/v1/hosts/{host}/events");
            Assert.Equal("ready", (await onHost.NextAsync())!.Name);
            await using var here = await EventReader.OpenAsync(Client, $"/v1/operations/{id}/events", "1");
            await using var there = await EventReader.OpenAsync(other.Client, $"/v1/operations/{id}/events", "1");
            await ReleaseAsync(host);
            var seen = await here.ToEndAsync();
            Assert.Equal("succeeded", Line(seen[^1]));
            Assert.Equal(seen.Select(e => e.Data.ToJsonString()), (await there.ToEndAsync()).Select(e => e.Data.ToJsonString()));
            await onHost.UntilAsync(e => e.Name == "port-added");
        }
        finally
        {
            Directory.Delete(data, recursive: true);
        }
    }

    [Fact]
    public async Task Operation_Unknown_Is404() =>
        Assert.Equal("operation.not-found", (await Client.GetJsonAsync($"/v1/operations/{Guid.NewGuid()}/events")).Code);

    /// <summary>A start that waits behind a stop, which waits for a guest that ignores it.</summary>
    private async Task<(string Host, string Id)> HeldStartAsync()
    {
        var host = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/holds/config", Guest.Replace("web1", "holds"));
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Guest);
        await Client.PostAsync($"/v1/hosts/{host}/guests/holds/start?wait=30s");
        await service.ChangeHostAsync(host, s => s.IgnoringShutdown.Add("holds"));
        await Client.PostAsync($"/v1/hosts/{host}/guests/holds/stop", new { shutdownSeconds = 600 });
        return (host, (string)(await Client.PostAsync($"/v1/hosts/{host}/guests/web1/start"))["id"]!);
    }

    private async Task ReleaseAsync(string host)
    {
        var stop = (await Client.GetJsonAsync($"/v1/operations?host={host}"))["items"].AsArray().Single(o => (string)o!["kind"]! == "stop")!;
        await Client.PostAsync($"/v1/operations/{stop["id"]}/cancel");
        await service.ChangeKnownHostAsync(host, s => s.Domains.RemoveAll(d => d.Name == "holds"));
    }

    private async Task<List<ServerEvent>> EventsAsync(string id, string? after)
    {
        await using var events = await EventReader.OpenAsync(Client, $"/v1/operations/{id}/events", after);
        return await events.ToEndAsync();
    }

    private static string Line(ServerEvent e) => e.Name == "step"
        ? $"{e.Data["step"]!["action"]} {e.Data["step"]!["status"]}"
        : $"{e.Data["status"]}{((bool)e.Data["rollingBack"]! ? " back" : "")}";
}

using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Api.Tests.Faults;

/// <summary>A fault of xlnet itself in the midst of an operation: a step throws what nobody expects.</summary>
public sealed class InternalFaultTests(ServiceFixture service)
{
    private const string Guest = "name = 'web1'\ntype = 'pv'\nkernel = '/guest/vmlinuz'\nvif = ['bridge=br7']\n";

    private HttpClient Client => service.Client;

    [Fact]
    public async Task Apply_StepThrows_HostIsBackAtItsCheckpoint()
    {
        var host = await RunningHostAsync();
        await BreakAsync(host, "xl", "network-attach");
        var before = await LookAsync(host);

        var operation = await ApplyMoreAsync(host);

        Assert.Equal(("rolled-back", "internal"), ((string)operation["status"]!, (string)operation["error"]["code"]!));
        Assert.Contains("took back", (string)operation["error"]["message"]!, StringComparison.Ordinal);
        Assert.Equal(
            [
                "bridge.set-mtu bridges/br7 succeeded", "bridge.create bridges/br9 succeeded", "file.write /etc/xen/web1.cfg succeeded", "vif.attach web1/vifs/1 interrupted",
                "bridge.set-mtu bridges/br7 succeeded", "file.write /etc/xen/web1.cfg succeeded", "bridge.delete bridges/br9 succeeded",
            ],
            operation["steps"].AsArray().Select(s => $"{s!["action"]} {s["target"]} {s["status"]}"));
        Assert.Equal(before, await LookAsync(host));

        // Nothing of the desired state is lost, nor does the host's next operation suffer.
        await service.ChangeHostAsync(host, s => s.Faults.Clear());
        Assert.Equal("succeeded", (string)(await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s"))["status"]!);
        Assert.Equal(["br7", "br9"], (await Client.GetJsonAsync($"/v1/hosts/{host}/observation"))["domains"][0]!["vifs"]!.AsArray().Select(v => (string)v!["bridge"]!));
    }

    [Fact]
    public async Task Apply_WayBackThrowsToo_FailsAndLeavesNoStepOpen()
    {
        var host = await RunningHostAsync();
        await BreakAsync(host, "xl", "network-attach");
        await BreakAsync(host, "ip", "link", "set", "dev", "br7", "mtu", "1500");

        var operation = await ApplyMoreAsync(host);

        Assert.Equal(("failed", "internal"), ((string)operation["status"]!, (string)operation["error"]["code"]!));
        Assert.All(operation["steps"].AsArray(), s => Assert.True((string)s!["status"]! is "succeeded" or "interrupted" or "skipped" && s["finishedAt"] is not null, s.ToJsonString()));
        Assert.Equal(["vif.attach", "bridge.set-mtu"], operation["steps"].AsArray().Where(s => (string)s!["status"]! == "interrupted").Select(s => (string)s!["action"]!));
        await service.ChangeHostAsync(host, s => s.Faults.Clear());
        Assert.Equal("succeeded", (string)(await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s"))["status"]!);
    }

    /// <summary>br7 and web1 on it, as they were applied.</summary>
    private async Task<string> RunningHostAsync()
    {
        var host = await service.NewHostAsync();
        await Client.PutAsync($"/v1/hosts/{host}/bridges/br7", new { mtu = 1500 });
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Guest);
        Assert.Equal("succeeded", (string)(await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s"))["status"]!);
        Assert.Equal("succeeded", (string)(await Client.PostAsync($"/v1/hosts/{host}/guests/web1/start?wait=30s"))["status"]!);
        return host;
    }

    /// <summary>A fault that the simulation does not know: it throws what no driver expects.</summary>
    private Task BreakAsync(string host, params string[] command) =>
        service.ChangeHostAsync(host, s => s.Faults.Add(new SimulatedFault { Argv = [.. command], Kind = (SimulatedFaultKind)99, Repeats = true }));

    private async Task<Answer> ApplyMoreAsync(string host)
    {
        await Client.PutAsync($"/v1/hosts/{host}/bridges/br7", new { mtu = 1400 });
        await Client.PutAsync($"/v1/hosts/{host}/bridges/br9", new { });
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Guest.Replace("]", ", 'bridge=br9']", StringComparison.Ordinal));
        return await Client.PostAsync($"/v1/hosts/{host}/apply?wait=60s");
    }

    private async Task<string> LookAsync(string host)
    {
        var seen = await Client.GetJsonAsync($"/v1/hosts/{host}/observation?contents=/etc/xen/web1.cfg");
        return string.Join('\n', seen["domains"].ToJsonString(), seen["bridges"].ToJsonString(), seen["files"].ToJsonString());
    }
}

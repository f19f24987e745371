using System.Text.Json.Nodes;
using Npgsql;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Api.Tests;

/// <summary>The service is killed in the midst of an operation, and another one goes on from what the host has by then.</summary>
public sealed class CrashTests : IAsyncLifetime
{
    private const string Guest = "name = 'web1'\ntype = 'pv'\nkernel = '/guest/vmlinuz'\nvif = ['bridge=xenbr0', '']\n";

    private readonly TestDatabase _database = new();
    private readonly string _data = Directory.CreateTempSubdirectory("xlnet-test-").FullName;

    public async ValueTask InitializeAsync() => await _database.CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_data, recursive: true);
    }

    [Fact]
    public async Task Killed_WhileTheGuestIsCreated_FinishesAfterwards()
    {
        var id = await KillDuringStartAsync(_ => { });

        await using var second = await ServiceProcess.StartAsync(_database.ConnectionString, _data);
        var operation = await second.Client.GetJsonAsync($"/v1/operations/{id}?wait=90s");

        Assert.Equal("succeeded", (string)operation["status"]!);
        Assert.Equal(
            [("file.write", "succeeded"), ("guest.create", "interrupted"), ("guest.create", "succeeded")],
            operation["steps"].AsArray().Select(s => ((string)s!["action"]!, (string)s["status"]!)));
        var domain = Assert.Single((await second.Client.GetJsonAsync("/v1/hosts/dom0-a/observation"))["domains"].AsArray())!;
        Assert.Equal(2, domain["vifs"]!.AsArray().Count);
        Assert.Empty((await second.Client.GetJsonAsync("/v1/hosts/dom0-a/plan"))["steps"].AsArray());
    }

    [Fact]
    public async Task Killed_AndTheHostRefusesAfterwards_RollsBackToWhatWasBeforeTheFirstRun()
    {
        var id = await KillDuringStartAsync(state => state.FailingScripts.Add("/etc/xen/scripts/vif-bridge"));

        await using var second = await ServiceProcess.StartAsync(_database.ConnectionString, _data);
        var operation = await second.Client.GetJsonAsync($"/v1/operations/{id}?wait=90s");

        Assert.Equal("rolled-back", (string)operation["status"]!);
        Assert.Empty((await second.Client.GetJsonAsync("/v1/hosts/dom0-a/observation"))["domains"].AsArray());
        var step = Assert.Single((await second.Client.GetJsonAsync("/v1/hosts/dom0-a/plan"))["steps"].AsArray())!;
        Assert.StartsWith("--- /dev/null", (string)step["diff"]!, StringComparison.Ordinal);
    }

    /// <summary>Starts a guest on a host whose <c>xl create</c> hangs, and kills the service while it does.</summary>
    private async Task<string> KillDuringStartAsync(Action<SimulatedDom0State> meanwhile)
    {
        string id;
        await using (var first = await ServiceProcess.StartAsync(_database.ConnectionString, _data))
        {
            await first.Client.PutAsync("/v1/hosts/dom0-a", new { driver = new { kind = "simulated" } });
            await first.Client.PutTextAsync("/v1/hosts/dom0-a/guests/web1/config", Guest);
            await first.Client.GetJsonAsync("/v1/hosts/dom0-a/observation");
            await ChangeStateAsync(s => s.Faults.Add(new SimulatedFault { Argv = ["xl", "create"], Kind = SimulatedFaultKind.Hang }));
            id = (string)(await first.Client.PostAsync("/v1/hosts/dom0-a/guests/web1/start"))["id"]!;
            Answer running;
            do
                running = await first.Client.GetJsonAsync($"/v1/operations/{id}?wait=1s");
            while (!running["steps"].AsArray().Any(s => IsRunning(s!)));
            await first.KillAsync();
        }

        await ChangeStateAsync(meanwhile);
        return id;
    }

    private static bool IsRunning(JsonNode step) => (string)step["action"]! == "guest.create" && (string)step["status"]! == "running";

    private async Task ChangeStateAsync(Action<SimulatedDom0State> change)
    {
        await using var source = NpgsqlDataSource.Create(_database.ConnectionString);
        await SimulatedHosts.ChangeAsync(source, change);
    }
}

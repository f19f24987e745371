using System.Diagnostics;
using Npgsql;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Api.Tests.Faults;

/// <summary>
/// The service is killed while an operation waits to be confirmed: one that leaves the connection alone, and one that runs under the
/// host's own timer.
/// </summary>
public sealed class ConfirmationKillTests : IAsyncLifetime
{
    private const string Host = "/v1/hosts/dom0-a";

    private readonly TestDatabase _database = new();
    private readonly string _data = Directory.CreateTempSubdirectory("xlnet-test-").FullName;
    private NpgsqlDataSource _source = null!;

    public async ValueTask InitializeAsync()
    {
        await _database.CreateAsync();
        _source = NpgsqlDataSource.Create(_database.ConnectionString);
    }

    public async ValueTask DisposeAsync()
    {
        await _source.DisposeAsync();
        await _database.DisposeAsync();
        Directory.Delete(_data, recursive: true);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Killed_ThenConfirmed_Succeeds(bool underTimer)
    {
        var (id, _) = await KillWhileItAwaitsAsync(underTimer, "10m");
        await using var second = await ServiceProcess.StartAsync(_database.ConnectionString, _data);
        Assert.Equal("awaiting-confirmation", (string)(await second.Client.GetJsonAsync($"/v1/operations/{id}"))["status"]!);

        await second.Client.PostAsync($"/v1/operations/{id}/confirm");

        Assert.Equal("succeeded", (string)(await EndAsync(second, id))["status"]!);
        Assert.Empty((await second.Client.GetJsonAsync(Host + "/plan?allow=vif-blip,management-path"))["steps"].AsArray());
        Assert.NotNull((await second.Client.GetJsonAsync(Host)).Json!["appliedRevision"]);
        await AssertNothingLeftAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Killed_NeverConfirmed_IsTakenBackAtItsTime(bool underTimer)
    {
        var (id, before) = await KillWhileItAwaitsAsync(underTimer, "20s");
        await using var second = await ServiceProcess.StartAsync(_database.ConnectionString, _data);

        var ended = await EndAsync(second, id);

        Assert.Equal(("rolled-back", "operation.unconfirmed"), ((string)ended["status"]!, (string)ended["error"]["code"]!));
        Assert.True((DateTimeOffset)ended["finishedAt"]! >= (DateTimeOffset)ended["confirmBy"]!, ended.Text);
        Assert.Equal(underTimer, ended["steps"].AsArray().Any(s => (string)s!["action"]! == "host.restore" && (string)s["status"]! == "succeeded"));
        Assert.Equal(before, await LookAsync(second));
        Assert.Single((await second.Client.GetJsonAsync(Host + "/plan?allow=vif-blip,management-path"))["steps"].AsArray());
        Assert.Equal("operation.not-awaiting-confirmation", (await second.Client.PostAsync($"/v1/operations/{id}/confirm")).Code);
        await AssertNothingLeftAsync();
    }

    [Fact]
    public async Task Killed_HostRepairsItselfMeanwhile_CannotBeConfirmedAndIsAsBefore()
    {
        var (id, before) = await KillWhileItAwaitsAsync(underTimer: true, "10m");
        await ChangeStateAsync(s => Assert.Single(s.Timers).At = DateTimeOffset.UnixEpoch);
        await using var second = await ServiceProcess.StartAsync(_database.ConnectionString, _data);

        await second.Client.PostAsync($"/v1/operations/{id}/confirm");

        var ended = await EndAsync(second, id);
        Assert.Equal(("rolled-back", "management-path.lost"), ((string)ended["status"]!, (string)ended["error"]["code"]!));
        Assert.Equal(before, await LookAsync(second));
        await AssertNothingLeftAsync();
    }

    /// <returns>The operation, and what the host was before.</returns>
    private async Task<(string Id, string Before)> KillWhileItAwaitsAsync(bool underTimer, string time)
    {
        await using var first = await ServiceProcess.StartAsync(_database.ConnectionString, _data);
        await first.Client.PutAsync(Host, new { driver = new { kind = "simulated" } });
        await first.Client.GetJsonAsync(Host + "/observation");
        await ChangeStateAsync(s => s.Interfaces.Add(new SimulatedInterface { Index = 9, Name = "eth1", Mac = "52:54:00:12:34:57", Up = true, Carrier = true }));
        if (underTimer)
            await first.Client.PutAsync(Host + "/bridges/xenbr0", new { ports = new[] { "eth0", "eth1" } });
        else
            await first.Client.PutAsync(Host + "/bridges/xenbr0", new { mtu = 1400 });
        var before = await LookAsync(first);

        var id = (string)(await first.Client.PostAsync($"{Host}/apply?confirmWithin={time}", new { allow = new[] { "vif-blip", "management-path" } }))["id"]!;
        Answer operation;
        do
            operation = await first.Client.GetJsonAsync($"/v1/operations/{id}?wait=1s");
        while ((string)operation["status"]! is "queued" or "running");
        await first.KillAsync();

        Assert.Equal("awaiting-confirmation", (string)operation["status"]!);
        Assert.Equal(underTimer ? 1 : 0, (await StateAsync()).Timers.Count);
        return (id, before);
    }

    private static async Task<Answer> EndAsync(ServiceProcess service, string id)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            // The service does not wait for one that waits itself.
            var operation = await service.Client.GetJsonAsync($"/v1/operations/{id}?wait=60s");
            if (operation.Json!["finishedAt"] is not null)
                return operation;
            Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromMinutes(2), operation.Text);
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
    }

    private static async Task<string> LookAsync(ServiceProcess service)
    {
        var seen = await service.Client.GetJsonAsync(Host + "/observation");
        return string.Join('\n', seen["interfaces"].ToJsonString(), seen["bridges"].ToJsonString());
    }

    private async Task AssertNothingLeftAsync()
    {
        var state = await StateAsync();
        Assert.Empty(state.Timers);
        Assert.DoesNotContain(state.Files.Keys, k => k.StartsWith("/var/lib/xlnet", StringComparison.Ordinal));
    }

    private Task<SimulatedDom0State> StateAsync() => SimulatedHosts.StateAsync(_source);

    private Task ChangeStateAsync(Action<SimulatedDom0State> change) => SimulatedHosts.ChangeAsync(_source, change);
}

using System.Diagnostics;
using Npgsql;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Api.Tests.Faults;

/// <summary>Two services on one database.</summary>
public sealed class ReplicaTests : IAsyncLifetime
{
    private const string Guest = "name = 'web1'\ntype = 'pv'\nkernel = '/guest/vmlinuz'\nvif = ['bridge=xenbr0']\n";

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

    [Fact]
    public async Task DeadHosts_OnBothReplicas_DelayNobodyElse()
    {
        // More than the slots that a scheduler usually has, on each of the two.
        const int Dead = 80;
        List<string> dead = [.. Enumerable.Range(0, Dead).Select(i => $"dead{i}")];
        List<string> hung = [];
        await using var first = await ServiceProcess.StartAsync(_database.ConnectionString, _data);
        await Task.WhenAll(dead.Append("well").Select(h => PrepareAsync(first.Client, h)));
        await HangCreatesAsync("dead%");

        // Each of them hangs, and would for the three minutes that an xl create may take. The first half is the first replica's, as there
        // is no other. After that each runs what it gets to first: one by one, so that the second, which was asked, gets to one too.
        await HangAsync(first, dead[..(Dead / 2)]);
        var began = Stopwatch.GetTimestamp();
        await using var second = await ServiceProcess.StartAsync(_database.ConnectionString, _data);
        while (hung.Count < Dead && (await RunningOnAsync()).Count < 2)
            await HangAsync(second, [dead[hung.Count]]);
        await HangAsync(second, dead[hung.Count..]);
        var replicas = await RunningOnAsync();
        TestContext.Current.TestOutputHelper?.WriteLine($"{string.Join(" and ", replicas)} dead hosts on the replicas");
        Assert.Equal((2, Dead), (replicas.Count, replicas.Sum()));

        foreach (var replica in new[] { second, first })
        {
            await replica.Client.PutTextAsync("/v1/hosts/well/guests/web1/config", Guest.Replace("web1'", $"web1'\nmemory = {(replica == first ? 128 : 256)}"));
            var operation = await replica.Client.PostAsync("/v1/hosts/well/apply?wait=60s");
            Assert.Equal("succeeded", (string)operation["status"]!);
            Assert.Single(operation["steps"].AsArray());
            foreach (var id in hung)
                Assert.Equal("running", (string)(await replica.Client.GetJsonAsync($"/v1/operations/{id}"))["status"]!);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"all looked at {Stopwatch.GetElapsedTime(began).TotalSeconds:0.0} s after the first half hung");

        async Task HangAsync(ServiceProcess replica, List<string> hosts)
        {
            hung.AddRange(await Task.WhenAll(hosts.Select(async h => (string)(await replica.Client.PostAsync($"/v1/hosts/{h}/guests/web1/start"))["id"]!)));
            await UntilCreatingAsync(hung.Count);
        }
    }

    [Fact]
    public async Task Killed_InApplies_TheOtherReplicaFinishesThem()
    {
        const int Hosts = 8;
        await using var first = await ServiceProcess.StartAsync(_database.ConnectionString, _data);
        List<string> hosts = [.. Enumerable.Range(0, Hosts).Select(i => $"h{i}")];
        await Task.WhenAll(hosts.Select(h => PrepareAsync(first.Client, h)));
        await HangCreatesAsync("h%");
        var operations = await Task.WhenAll(hosts.Select(async h => (string)(await first.Client.PostAsync($"/v1/hosts/{h}/guests/web1/start"))["id"]!));
        await UntilCreatingAsync(Hosts);
        // It comes when all of them are the first's.
        await using var second = await ServiceProcess.StartAsync(_database.ConnectionString, _data);

        await first.KillAsync();
        var killed = Stopwatch.GetTimestamp();

        foreach (var id in operations)
        {
            var ended = await second.Client.GetJsonAsync($"/v1/operations/{id}?wait=90s");
            Assert.Equal("succeeded", (string)ended["status"]!);
            Assert.Equal(["file.write succeeded", "guest.create interrupted", "guest.create succeeded"], ended["steps"].AsArray().Select(s => $"{s!["action"]} {s["status"]}"));
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"{Hosts} operations of a replica that was killed were finished by the other {Stopwatch.GetElapsedTime(killed).TotalSeconds:0.0} s later");
    }

    private static async Task PrepareAsync(HttpClient client, string host)
    {
        await client.PutAsync($"/v1/hosts/{host}", new { driver = new { kind = "simulated" } });
        await client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Guest);
        await client.GetJsonAsync($"/v1/hosts/{host}/observation");
    }

    /// <summary>Waits, not for ever, until so many operations hang.</summary>
    private async Task UntilCreatingAsync(int operations)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            var creating = (await CountsAsync("SELECT count(*) FROM operation_steps WHERE action = 'guest.create' AND status = 'running'"))[0];
            if (creating == operations)
                return;
            Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromMinutes(2), $"{creating} of {operations} operations run.");
            await Task.Delay(50, TestContext.Current.CancellationToken);
        }
    }

    /// <summary>How many hosts' operations each replica runs, by Quartz's own account.</summary>
    private Task<List<long>> RunningOnAsync() =>
        CountsAsync("SELECT count(DISTINCT job_name) FROM qrtz_fired_triggers WHERE job_group = 'hosts' AND state = 'EXECUTING' GROUP BY instance_name");

    private async Task<List<long>> CountsAsync(string sql)
    {
        await using var command = _source.CreateCommand(sql);
        await using var rows = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        List<long> counts = [];
        while (await rows.ReadAsync(TestContext.Current.CancellationToken))
            counts.Add(rows.GetInt64(0));
        return counts;
    }

    private Task HangCreatesAsync(string names) =>
        SimulatedHosts.ChangeAsync(_source, state => state.Faults.Add(new SimulatedFault { Argv = ["xl", "create"], Kind = SimulatedFaultKind.Hang }), names);
}

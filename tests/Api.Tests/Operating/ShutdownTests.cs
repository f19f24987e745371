using System.Collections.Concurrent;
using Npgsql;
using Xlnet.Api.Tests.Faults;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Api.Tests.Operating;

/// <summary>One of two replicas stops. What happens when one is killed in the midst of a step is in <see cref="KillTests"/> and <see cref="ReplicaTests"/>.</summary>
public sealed class ShutdownTests : IAsyncLifetime
{
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
    public async Task AskedToStop_InAnApply_EndsTheStepAndTheOtherReplicaDoesTheRest()
    {
        const string Step = "guest.stop hvm1";
        await using var first = await ServiceProcess.StartAsync(_database.ConnectionString, _data);
        await using var gate = await JournalGate.InstallAsync(_database.ConnectionString);
        var host = new TwelveSteps(first.Client, "dom0-a");
        await host.PrepareAsync(new { kind = "simulated" });
        // The step has had its effect, and is not over yet.
        var closed = await gate.CloseAsync(host.Host, Step, "succeeded");
        await host.ApplyAsync();
        await gate.StandAtAsync(closed);
        await using var second = await ServiceProcess.StartAsync(_database.ConnectionString, _data);
        var waiting = first.Client.GetJsonAsync($"/v1/operations/{host.Operation}?wait=110s");

        await first.AskToStopAsync();
        await UntilNotReadyAsync(first);
        await gate.OpenAsync(closed);
        Assert.Equal(200, (await waiting).Status);
        Assert.Equal(0, await first.EndAsync());
        Assert.Equal("succeeded", await host.CheckAsync(second.Client));
        var steps = (await second.Client.GetJsonAsync($"/v1/operations/{host.Operation}"))["steps"].AsArray().Select(s => $"{s!["action"]} {s["target"]} {s["status"]}").ToList();
        var begun = TwelveSteps.Actions.TakeWhile(a => a != Step).Append(Step).ToList();
        Assert.Equal(begun.Select(a => a + " succeeded"), steps[..begun.Count]);
        Assert.Equal(TwelveSteps.Actions.Skip(begun.Count).Select(a => a + " skipped"), steps[begun.Count..12]);
        Assert.Equal(TwelveSteps.Actions.Skip(begun.Count).Select(a => a + " succeeded"), steps[12..]);
    }

    [Fact]
    public async Task AskedToStop_InAStepThatHangs_BreaksItOffAndTheOtherReplicaGoesOn()
    {
        await using var first = await ServiceProcess.StartAsync(_database.ConnectionString, _data);
        await first.Client.PutAsync("/v1/hosts/dom0-a", new { driver = new { kind = "simulated" } });
        await first.Client.PutTextAsync("/v1/hosts/dom0-a/guests/web1/config", GuestFile("web1"));
        await first.Client.GetJsonAsync("/v1/hosts/dom0-a/observation");
        await SimulatedHosts.ChangeAsync(_source, s => s.Faults.Add(new SimulatedFault { Argv = ["xl", "create"], Kind = SimulatedFaultKind.Hang }));
        var id = (string)(await first.Client.PostAsync("/v1/hosts/dom0-a/guests/web1/start"))["id"]!;
        while (!(await first.Client.GetJsonAsync($"/v1/operations/{id}?wait=1s"))["steps"].AsArray().Any(s => (string)s!["action"]! == "guest.create" && (string)s["status"]! == "running"))
        {
        }

        await using var second = await ServiceProcess.StartAsync(_database.ConnectionString, _data);

        await first.AskToStopAsync();
        await UntilNotReadyAsync(first);
        // It still answers, and what it is asked for is run by the other one.
        Assert.Equal(201, (await first.Client.PutAsync("/v1/hosts/dom0-b", new { driver = new { kind = "simulated" } })).Status);
        var accepted = await first.Client.PostAsync("/v1/hosts/dom0-b/apply");
        Assert.Equal(202, accepted.Status);

        Assert.Equal(0, await first.EndAsync());
        Assert.Equal("succeeded", (string)(await second.Client.GetJsonAsync($"/v1/operations/{accepted["id"]}?wait=60s"))["status"]!);
        var ended = await second.Client.GetJsonAsync($"/v1/operations/{id}?wait=90s");
        Assert.Equal("succeeded", (string)ended["status"]!);
        Assert.Equal(["file.write succeeded", "guest.create interrupted", "guest.create succeeded"], ended["steps"].AsArray().Select(s => $"{s!["action"]} {s["status"]}"));
    }

    /// <summary>Whatever a client saw accepted is in the database, and every operation that was accepted ends.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task OneOfTwo_StopsUnderLoad_NothingThatWasAcceptedIsLost(bool isAsked)
    {
        const int Clients = 6, Rounds = 12;
        await using var first = await ServiceProcess.StartAsync(_database.ConnectionString, _data);
        await using var second = await ServiceProcess.StartAsync(_database.ConnectionString, _data);
        for (var i = 0; i < Clients; i++)
            Assert.Equal(201, (await second.Client.PutAsync($"/v1/hosts/h{i}", new { driver = new { kind = "simulated" } })).Status);
        var (guests, operations, faults) = (new ConcurrentBag<string>(), new ConcurrentBag<string>(), new ConcurrentBag<string>());
        var (gone, underWay) = (0, new TaskCompletionSource());

        var load = Task.WhenAll(Enumerable.Range(0, Clients).Select(LoadAsync));
        await Task.WhenAny(underWay.Task, load);
        if (isAsked)
        {
            await first.AskToStopAsync();
            Assert.Equal(0, await first.EndAsync());
        }
        else
        {
            await first.KillAsync();
        }

        await load;
        TestContext.Current.TestOutputHelper?.WriteLine($"{guests.Count} guests and {operations.Count} operations accepted; {gone} requests found the first replica gone");
        Assert.Empty(faults);
        Assert.Equal(Clients * Rounds, guests.Count);
        Assert.True(gone > 0, "No request met the replica that stopped, so the load was over before.");
        foreach (var guest in guests)
            Assert.Equal(200, (await second.Client.GetJsonAsync(guest)).Status);
        foreach (var id in operations)
        {
            var ended = await second.Client.GetJsonAsync($"/v1/operations/{id}?wait=110s");
            Assert.True((string)ended["status"]! == "succeeded", ended.Text);
        }

        for (var i = 0; i < Clients; i++)
            Assert.Empty((await second.Client.GetJsonAsync($"/v1/hosts/h{i}/plan"))["steps"].AsArray());

        async Task LoadAsync(int client)
        {
            for (var round = 0; round < Rounds; round++)
            {
                var guest = $"/v1/hosts/h{client}/guests/g{round}";
                await AcceptedAsync(c => c.PutTextAsync($"{guest}/config", GuestFile($"g{round}")), $"{guest} {round}");
                guests.Add(guest);
                operations.Add((string)(await AcceptedAsync(c => c.PostAsync($"/v1/hosts/h{client}/apply"), guest))["id"]!);
                if (operations.Count >= Clients * Rounds / 4)
                    underWay.TrySetResult();
            }
        }

        // Of the first while it answers; then of the other. A request whose answer was lost is sent again: it may have been done.
        async Task<Answer> AcceptedAsync(Func<HttpClient, Task<Answer>> send, string what)
        {
            try
            {
                var answer = await send(first.Client);
                if (answer.Status is 200 or 201 or 202)
                    return answer;
                faults.Add($"{what}: {answer.Text}");
            }
            catch (HttpRequestException)
            {
                Interlocked.Increment(ref gone);
            }

            var other = await send(second.Client);
            Assert.True(other.Status is 200 or 201 or 202, other.Text);
            return other;
        }
    }

    private static async Task UntilNotReadyAsync(ServiceProcess service)
    {
        Answer ready;
        while ((ready = await service.Client.GetJsonAsync("/readyz")).Status == 200)
        {
        }

        Assert.StartsWith("The service stops", (string)Assert.Single(ready["problems"].AsArray())!, StringComparison.Ordinal);
    }

    private static string GuestFile(string name) => $"name = '{name}'\ntype = 'pv'\nkernel = '/guest/vmlinuz'\nvif = ['bridge=xenbr0']\n";
}

using System.Diagnostics;
using Xunit;

namespace Xlnet.Api.Tests.Faults;

/// <summary>The service is killed (SIGKILL) at every step of a plan of twelve, before the step and after it, each on a host of its own.</summary>
public sealed class KillTests : IAsyncLifetime
{
    private readonly TestDatabase _database = new();
    private readonly string _data = Directory.CreateTempSubdirectory("xlnet-test-").FullName;

    public async ValueTask InitializeAsync() => await _database.CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_data, recursive: true);
    }

    [Fact]
    public async Task Killed_AtEveryStep_HostEndsAsTheJournalSays()
    {
        await using var first = await ServiceProcess.StartAsync(_database.ConnectionString, _data);
        await using var gate = await JournalGate.InstallAsync(_database.ConnectionString);
        List<(TwelveSteps Host, int Step, string Status)> cases =
        [
            .. Enumerable.Range(0, 12).SelectMany(step => new[] { "running", "succeeded" }, (step, status) => (new TwelveSteps(first.Client, $"s{step + 1}-{status}"), step, status)),
        ];
        await Task.WhenAll(cases.Select(c => c.Host.PrepareAsync(new { kind = "simulated" })));
        foreach (var (host, step, status) in cases)
            await gate.CloseAsync(host.Host, TwelveSteps.Actions[step], status);
        await Task.WhenAll(cases.Select(c => c.Host.ApplyAsync()));
        await gate.StandAsync(cases.Count);

        await first.KillAsync();
        await gate.TerminateAsync();
        await gate.OpenAsync();
        var killed = Stopwatch.GetTimestamp();

        await using var second = await ServiceProcess.StartAsync(_database.ConnectionString, _data);
        foreach (var (host, step, status) in cases)
        {
            var ended = await host.CheckAsync(second.Client);
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"killed at step {step + 1} ({TwelveSteps.Actions[step]}), {(status == "running" ? "before" : "after")} its effect: {ended}, {Stopwatch.GetElapsedTime(killed).TotalSeconds:0.0} s after the kill");
        }
    }
}

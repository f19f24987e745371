using System.Diagnostics;
using Npgsql;
using Xlnet.Infrastructure.Data;
using Xunit;

namespace Xlnet.Api.Tests.Faults;

/// <summary>PostgreSQL is restarted while applies stand at each step of a plan of twelve, before the step and after it.</summary>
public sealed class DatabaseRestartTests
{
    [Theory]
    [InlineData("fast")]
    [InlineData("immediate")]
    public async Task Restarted_AtEveryStep_HostEndsAsTheJournalSays(string mode)
    {
        var data = Directory.CreateTempSubdirectory("xlnet-test-").FullName;
        await using var postgres = await PostgresServer.StartAsync();
        await using (var service = await ServiceProcess.StartAsync(postgres.ConnectionString, data))
        {
            await using var gate = await JournalGate.InstallAsync(postgres.ConnectionString);
            List<(TwelveSteps Host, int Step, string Status)> cases =
            [
                .. Enumerable.Range(0, 12).SelectMany(step => new[] { "running", "succeeded" }, (step, status) => (new TwelveSteps(service.Client, $"s{step + 1}-{status}"), step, status)),
            ];
            await Task.WhenAll(cases.Select(c => c.Host.PrepareAsync(new { kind = "simulated" })));
            foreach (var (host, step, status) in cases)
                await gate.CloseAsync(host.Host, TwelveSteps.Actions[step], status);
            await Task.WhenAll(cases.Select(c => c.Host.ApplyAsync()));
            await gate.StandAsync(cases.Count);

            // With the server's sessions the lock is gone that holds the gates.
            await postgres.RestartAsync(mode);
            var restarted = Stopwatch.GetTimestamp();

            foreach (var (host, step, status) in cases)
            {
                var ended = await host.CheckAsync(service.Client);
                TestContext.Current.TestOutputHelper?.WriteLine(
                    $"{mode} restart at step {step + 1} ({TwelveSteps.Actions[step]}), {(status == "running" ? "before" : "after")} its effect: {ended}, {Stopwatch.GetElapsedTime(restarted).TotalSeconds:0.0} s after the restart");
            }
        }

        Directory.Delete(data, recursive: true);
    }

    /// <summary>With less, an immediate restart lost what PostgreSQL had confirmed: jobs that had ended ran for ever, and kept their hosts.</summary>
    [Fact]
    public async Task Connections_OfAServerThatConfirmsBeforeItHasWritten_WaitForItsWriting()
    {
        await using var postgres = await PostgresServer.StartAsync();

        Assert.Equal("off", await ShowAsync(postgres.ConnectionString));
        Assert.Equal("on", await ShowAsync(XlnetDbOptions.Complete(postgres.ConnectionString)));
        Assert.Equal("remote_apply", await ShowAsync(XlnetDbOptions.Complete($"{postgres.ConnectionString};Options=-c synchronous_commit=remote_apply")));
    }

    private static async Task<object?> ShowAsync(string connectionString)
    {
        await using var source = NpgsqlDataSource.Create(connectionString);
        await using var show = source.CreateCommand("SHOW synchronous_commit");
        return await show.ExecuteScalarAsync(TestContext.Current.CancellationToken);
    }
}

using Xlnet.Api.Tests;
using Xunit;

namespace Xlnet.Sdk.Tests;

/// <summary>What examples/ has, killed with SIGKILL at one request or another and run again: the host ends as if nothing had been.</summary>
public sealed class RerunTests(ServiceFixture service)
{
    /// <summary>At each of its requests. The two send the same ones, so one of them in every way will do.</summary>
    [Theory]
    [InlineData("github-actions.yml", Held.Unseen, Held.UnderWay, Held.Unheard)]
    [InlineData("gitlab-ci.yml", Held.Unheard)]
    public async Task Pipeline_KilledAtAnyRequestAndRunAgain_EndsTheSame(string file, params Held[] ways)
    {
        var pipeline = Pipeline.Read(file);
        var name = file[..6];
        var (state, requests) = await WholeAsync(name, async (url, host) => await InCheckoutAsync(folder => pipeline.RunAsync(folder, url, host)));
        Assert.Equal(9, requests);
        foreach (var held in ways)
        {
            for (var number = 1; number <= requests; number++)
            {
                await AssertSameAsync(state, $"{name}-{held}-{number}".ToLowerInvariant(), number, held, (cut, url, host) => InCheckoutAsync(async folder =>
                {
                    // In the same folder, with what the first run left there.
                    var killed = await pipeline.RunUntilAsync(cut, folder, url, host);
                    await pipeline.RunAsync(folder, service.Url(), host);
                    return killed;
                }));
            }
        }
    }

    /// <summary>The host alone is there; a guest is there, and not the other; the apply is under way; one guest is started.</summary>
    [Fact]
    public async Task Playbook_KilledAndRunAgain_EndsTheSame()
    {
        using var playbook = new Playbook();
        var (state, requests) = await WholeAsync("ansible", playbook.RunAsync);
        Assert.Equal(10, requests);
        foreach (var (number, held) in new[] { (3, Held.Unseen), (4, Held.Unheard), (7, Held.UnderWay), (8, Held.Unheard) })
        {
            await AssertSameAsync(state, $"ansible-{number}", number, held, async (cut, url, host) =>
            {
                var killed = await playbook.RunUntilAsync(cut, url, host);
                await playbook.RunAsync(service.Url(), host);
                return killed;
            });
        }
    }

    /// <returns>How it ends when nothing comes between, and how many requests that takes.</returns>
    private async Task<(string State, int Requests)> WholeAsync(string host, Func<string, string, Task> run)
    {
        await using var gate = await Gate.StartAsync(service.Url());
        await run(gate.Url, host);
        var state = await HostState.ReadAsync(service.Client, host);
        Assert.Contains("\"steps\":[]", state, StringComparison.Ordinal);
        return (state, gate.Seen);
    }

    private async Task AssertSameAsync(string state, string host, int number, Held held, Func<Task, string, string, Task<bool>> killAndRunAgain)
    {
        await using var gate = await Gate.StartAsync(service.Url(), number, held);
        Assert.True(await killAndRunAgain(gate.Holding, gate.Url, host), $"{host} was never killed");
        Assert.Equal(number, gate.Seen);
        var after = await HostState.ReadAsync(service.Client, host);
        Assert.True(state == after, $"{host} has\n{after}\ninstead of\n{state}");
        Assert.Equal(204, (await service.Client.DeleteAnswerAsync($"/v1/hosts/{host}")).Status);
    }

    private static async Task<T> InCheckoutAsync<T>(Func<string, Task<T>> run)
    {
        var folder = Directory.CreateTempSubdirectory("xlnet-pipeline-").FullName;
        try
        {
            Pipeline.CheckOut(folder);
            return await run(folder);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static Task<bool> InCheckoutAsync(Func<string, Task> run) => InCheckoutAsync(async folder =>
    {
        await run(folder);
        return true;
    });
}

using Xlnet.Hosts.Tests.Contract;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Hosts.DeadMan;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Hosts.Tests.Operations;

public sealed class DeadManTimerTests
{
    /// <summary>Seen on the real Xen, where making the mark takes some time: whoever came back in that moment took it for a fault of xlnet's.</summary>
    [Fact]
    public async Task ReadRuns_WhileAMarkIsBeingMade_AreThoseThatHaveBegun()
    {
        await using var shell = new SimulatedShell(new InMemoryStateStore(), new InstantTime());
        var timer = new DeadManTimer(shell, Guid.Parse("01939f7a-0000-7000-8000-000000000001"));
        foreach (var name in new[] { "began-1", "ended-1", "began-2.tmp" })
            await shell.WriteFileAsync($"{timer.Folder}/{name}", "2026-11-26T14:15:28Z\n"u8.ToArray(), TestContext.Current.CancellationToken);

        var run = Assert.Single(await timer.ReadRunsAsync(TestContext.Current.CancellationToken));

        Assert.Equal((1, true), (run.Number, run.Ended));
    }
}

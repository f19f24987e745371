using Xlnet.Infrastructure.Hosts.Watching;
using Xunit;

namespace Xlnet.Hosts.Tests.Watching;

public sealed class HostListenerTests
{
    [Fact]
    public async Task Tell_MoreThanIsRead_LetsTheListenerGoWithAllThatCameBefore()
    {
        var ct = TestContext.Current.CancellationToken;
        var listener = new HostListener();
        var told = 0;
        while (!listener.Lagged)
        {
            listener.Tell(new HostEvent(HostEventKind.Changed, DateTimeOffset.UnixEpoch.AddSeconds(told)));
            Assert.True(++told < 100_000, "What waits for a listener is not bounded.");
        }

        listener.Tell(new HostEvent(HostEventKind.Changed, default));
        var waiting = await listener.Events.ReadAllAsync(ct).ToListAsync(ct);
        Assert.Equal(told - 1, waiting.Count);
        Assert.Equal(DateTimeOffset.UnixEpoch.AddSeconds(told - 2), waiting[^1].At);
    }
}

using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;

namespace Xlnet.Infrastructure.Hosts.Watching;

/// <summary>
/// Who wants to know what changes on a host, on this replica. A host has one watcher for all its listeners: it begins with the first
/// of them and ends with the last, so a host that nobody listens to costs nothing.
/// </summary>
public sealed class HostWatchers(HostConnector connector, TimeProvider clock, ILogger<HostWatchers> logger)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<long, HostWatcher> _watchers = [];
    private int _running;

    /// <summary>How many watchers there are, those included that have not let go of their host yet.</summary>
    public int Running => Volatile.Read(ref _running);

    /// <summary>
    /// What changes on the host from <see cref="HostEventKind.Ready"/> on. Ends when the host is deleted, or after
    /// <see cref="HostEventKind.Resync"/>, when whoever reads is too slow.
    /// </summary>
    public async IAsyncEnumerable<HostEvent> ListenAsync(long hostId, [EnumeratorCancellation] CancellationToken ct)
    {
        var listener = new HostListener();
        HostWatcher? watcher;
        lock (_lock)
        {
            if (!_watchers.TryGetValue(hostId, out watcher))
            {
                watcher = _watchers[hostId] = new HostWatcher(
                    hostId, token => connector.OpenAsync(hostId, token), token => connector.FindAsync(hostId, token), clock, logger);
                Interlocked.Increment(ref _running);
                watcher.Start();
            }

            watcher.Join(listener);
        }

        try
        {
            await foreach (var item in listener.Events.ReadAllAsync(ct).ConfigureAwait(false))
                yield return item;
            if (listener.Lagged)
                yield return new HostEvent(HostEventKind.Resync, clock.GetUtcNow());
        }
        finally
        {
            await LeaveAsync(hostId, watcher, listener).ConfigureAwait(false);
        }
    }

    private async Task LeaveAsync(long hostId, HostWatcher watcher, HostListener listener)
    {
        lock (_lock)
        {
            if (!watcher.Leave(listener))
                return;
            _watchers.Remove(hostId);
        }

        await watcher.DisposeAsync().ConfigureAwait(false);
        Interlocked.Decrement(ref _running);
    }
}

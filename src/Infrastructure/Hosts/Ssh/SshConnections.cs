using Xlnet.Domain.Hosts;

namespace Xlnet.Infrastructure.Hosts.Ssh;

/// <summary>
/// The connections of the service, one a host, shared by whoever has to do with it. One that broke is replaced when it is next needed,
/// one whose host is reached otherwise by now is not used again, and one that nobody needed for a while is closed.
/// </summary>
public sealed class SshConnections : IDisposable
{
    private static readonly TimeSpan Idle = TimeSpan.FromMinutes(5);

    private readonly KeyStore _keys;
    private readonly TimeProvider _time;
    private readonly Dictionary<long, Entry> _entries = [];
    private readonly Lock _lock = new();
    private readonly ITimer _sweep;

    public SshConnections(KeyStore keys, TimeProvider time)
    {
        (_keys, _time) = (keys, time);
        _sweep = time.CreateTimer(_ => Sweep(), null, Idle, TimeSpan.FromMinutes(1));
    }

    /// <summary>A connection could not be made; the code says why.</summary>
    public event Action<string>? Failed;

    /// <summary>How many connections there are, by what is done with them.</summary>
    public IReadOnlyList<(string State, int Count)> Count()
    {
        lock (_lock)
        {
            var opening = _entries.Values.Count(e => !e.Connection.IsCompleted);
            var open = _entries.Values.Where(e => e.Connection.IsCompletedSuccessfully && e.Connection.Result.IsAlive).ToList();
            return [("opening", opening), ("used", open.Count(e => e.Users > 0)), ("idle", open.Count(e => e.Users == 0))];
        }
    }

    /// <summary>The fingerprint of a host's key, for a host that has none pinned yet; <see cref="SshTarget.Key"/> is not used.</summary>
    /// <exception cref="HostShellException">It cannot be reached.</exception>
    public static Task<string> FetchHostKeyAsync(SshTarget target, CancellationToken ct) => SshConnection.FetchHostKeyAsync(target).WaitAsync(ct);

    /// <summary>The host's connection until the lease is given back.</summary>
    internal async Task<Lease> RentAsync(long host, SshTarget target, CancellationToken ct)
    {
        Entry entry;
        lock (_lock)
        {
            var known = _entries.GetValueOrDefault(host);
            if (known?.Serves(target) is not true)
            {
                known?.Retire();
                known = _entries[host] = new Entry(target, Task.Run(() => OpenAsync(target), CancellationToken.None));
            }

            entry = known;
            entry.Users++;
        }

        try
        {
            return new Lease(this, entry, await entry.Connection.WaitAsync(ct).ConfigureAwait(false));
        }
        catch
        {
            Return(entry);
            throw;
        }
    }

    /// <summary>Has the next one who has to do with the host connect anew; those who use its connection now keep it.</summary>
    public void Renew(long host)
    {
        lock (_lock)
        {
            if (_entries.Remove(host, out var known))
                known.Retire();
        }
    }

    public void Dispose()
    {
        _sweep.Dispose();
        lock (_lock)
        {
            foreach (var entry in _entries.Values)
                entry.Close();
            _entries.Clear();
        }
    }

    private async Task<SshConnection> OpenAsync(SshTarget target)
    {
        try
        {
            return await SshConnection.OpenAsync(target, _keys).ConfigureAwait(false);
        }
        catch (HostShellException e)
        {
            Failed?.Invoke(e.Code);
            throw;
        }
    }

    private void Return(Entry entry)
    {
        lock (_lock)
        {
            entry.Users--;
            entry.LastUse = _time.GetTimestamp();
            if (entry is { Retired: true, Users: 0 })
                entry.Close();
        }
    }

    private void Sweep()
    {
        lock (_lock)
        {
            foreach (var (host, entry) in _entries.Where(e => e.Value.Users == 0 && _time.GetElapsedTime(e.Value.LastUse) >= Idle).ToList())
            {
                _entries.Remove(host);
                entry.Close();
            }
        }
    }

    internal sealed class Lease(SshConnections pool, Entry entry, SshConnection connection) : IDisposable
    {
        public SshConnection Connection => connection;

        public void Dispose() => pool.Return(entry);
    }

    /// <summary>All but <see cref="Connection"/> under the pool's lock.</summary>
    internal sealed class Entry(SshTarget target, Task<SshConnection> connection)
    {
        public Task<SshConnection> Connection => connection;

        public int Users { get; set; }

        public long LastUse { get; set; }

        public bool Retired { get; private set; }

        public bool Serves(SshTarget wanted) =>
            wanted == target && (!connection.IsCompleted || (connection.IsCompletedSuccessfully && connection.Result.IsAlive));

        public void Retire()
        {
            Retired = true;
            if (Users == 0)
                Close();
        }

        public void Close() => connection.ContinueWith(
            opened => opened.Result.Dispose(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
    }
}

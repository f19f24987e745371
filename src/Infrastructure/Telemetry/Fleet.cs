using Microsoft.EntityFrameworkCore;
using Npgsql;
using Xlnet.Domain.Common;
using Xlnet.Domain.Operations;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Infrastructure.Telemetry;

/// <summary>
/// What only the database knows, and so the same on every replica. Read when somebody asks and what was read is old, so that a service
/// that nobody watches asks its database nothing.
/// </summary>
public sealed class Fleet(IDbContextFactory<XlnetDbContext> contexts, TimeProvider clock) : IDisposable
{
    private static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(5);

    /// <summary>A pool is a series for each of its states: more than these, the fullest ones, are not shown.</summary>
    private const int MaxPools = 100;

    private readonly SemaphoreSlim _one = new(1);
    private long _readAt;

    /// <summary>Null until it was read, and while the database does not answer: no number rather than an old one.</summary>
    public FleetNumbers? Current { get; private set; }

    public async Task RefreshAsync(CancellationToken ct)
    {
        await _one.WaitAsync(ct);
        try
        {
            if (Current is not null && clock.GetElapsedTime(_readAt) < MaxAge)
                return;
            Current = await ReadAsync(ct);
            _readAt = clock.GetTimestamp();
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException or TimeoutException)
        {
            Current = null;
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    private async Task<FleetNumbers> ReadAsync(CancellationToken ct)
    {
        await using var db = await contexts.CreateDbContextAsync(ct);
        var now = clock.GetUtcNow();
        var open = db.Operations.AsNoTracking().Where(o => o.FinishedAt == null);
        var unfinished = await open.GroupBy(o => o.Status).Select(g => new { g.Key, Count = g.LongCount() }).ToDictionaryAsync(g => g.Key, g => g.Count, ct);
        var oldest = await open.Where(o => o.Status != OperationStatus.AwaitingConfirmation).MinAsync(o => (DateTimeOffset?)o.RequestedAt, ct);
        var lost = await open.Where(o => o.LostSince != null).Select(o => o.HostId).Distinct().LongCountAsync(ct);
        var timers = await open.LongCountAsync(o => o.DeadManFiresAt != null, ct);
        var pools = await db.MacPools.AsNoTracking().ToListAsync(ct);
        // What has left quarantine is free.
        var used = (await db.MacAllocations.AsNoTracking().Where(a => a.PoolId != null && (a.State != AllocationState.Quarantined || a.AvailableAt > now))
            .GroupBy(a => new { a.PoolId, a.State }).Select(g => new { g.Key.PoolId, g.Key.State, Count = g.LongCount() }).ToListAsync(ct)).ToLookup(u => u.PoolId);
        // All states, also those without an operation: a series that comes and goes cannot be alerted on.
        foreach (var status in new[] { OperationStatus.Queued, OperationStatus.Running, OperationStatus.AwaitingConfirmation })
            unfinished.TryAdd(status, 0);
        return new FleetNumbers(
            unfinished, oldest is { } at ? now - at : TimeSpan.Zero, lost, timers,
            [.. pools.Select(p => new PoolNumbers(p.Name.Value, p.Size, Enum.GetValues<AllocationState>().ToDictionary(s => s, s => used[p.Id].FirstOrDefault(u => u.State == s)?.Count ?? 0)))
                .OrderByDescending(p => p.Used.Values.Sum() / (double)p.Size).Take(MaxPools)]);
    }
}

/// <param name="OldestAge">Of those that wait for nobody's word; zero when there is none.</param>
public sealed record FleetNumbers(
    IReadOnlyDictionary<OperationStatus, long> Unfinished, TimeSpan OldestAge, long LostHosts, long Timers, IReadOnlyList<PoolNumbers> Pools);

public sealed record PoolNumbers(string Name, long Size, IReadOnlyDictionary<AllocationState, long> Used);

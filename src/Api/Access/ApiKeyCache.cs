using System.Collections.Concurrent;
using System.Data.Common;
using Microsoft.EntityFrameworkCore;
using Xlnet.Domain.Access;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Api.Access;

/// <summary>
/// The keys that were used of late, so that a request costs no statement for its key. What happens to a key on this replica counts at
/// once; on the others within <see cref="MaxAge"/>. Prefixes of no key are not kept, so it never holds more than there are keys.
/// </summary>
internal sealed class ApiKeyCache(IDbContextFactory<XlnetDbContext> contexts, TimeProvider clock, ILogger<ApiKeyCache> logger)
{
    public static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan NoteEvery = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, (ApiKey Key, long ReadAt)> _keys = [];
    private readonly ConcurrentDictionary<long, DateTimeOffset> _noted = new();
    private long _generation;

    /// <summary>The key of a prefix; null when there is none.</summary>
    public async ValueTask<ApiKey?> FindAsync(string prefix, CancellationToken ct)
    {
        // Its age counts from before it is read: what changes meanwhile is as old as that.
        var now = clock.GetTimestamp();
        long generation;
        lock (_gate)
        {
            if (_keys.TryGetValue(prefix, out var known) && clock.GetElapsedTime(known.ReadAt, now) < MaxAge)
                return known.Key;
            generation = _generation;
        }

        await using var db = await contexts.CreateDbContextAsync(ct);
        var key = await db.ApiKeys.AsNoTracking().SingleOrDefaultAsync(k => k.Prefix == prefix, ct);
        lock (_gate)
        {
            if (key is null)
                _keys.Remove(prefix);
            else if (generation == _generation)
                _keys[prefix] = (key, now);
        }

        return key;
    }

    public async ValueTask<bool> IsGoodAsync(string prefix, byte[] secretHash, CancellationToken ct) =>
        await FindAsync(prefix, ct) is { } key && key.Accepts(secretHash, clock.GetUtcNow());

    /// <summary>After a change of the key has been committed. What is being read just now may be from before it, and is not kept.</summary>
    public void Forget(ApiKey key)
    {
        lock (_gate)
        {
            _generation++;
            _keys.Remove(key.Prefix);
        }
    }

    /// <summary>Notes the use of a key, at most once a minute over all replicas. Failing to is no reason to refuse the request.</summary>
    public async ValueTask NoteUseAsync(ApiKey key, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        if (_noted.TryGetValue(key.Id, out var last) && now - last < NoteEvery)
            return;
        _noted[key.Id] = now;
        try
        {
            await using var db = await contexts.CreateDbContextAsync(ct);
            await db.Database.ExecuteSqlAsync($"""
                INSERT INTO api_key_uses AS u (key_id, last_used_at) VALUES ({key.Id}, {now})
                ON CONFLICT (key_id) DO UPDATE SET last_used_at = excluded.last_used_at WHERE u.last_used_at <= excluded.last_used_at - {NoteEvery}
                """, ct);
        }
        catch (DbException e)
        {
            logger.LogWarning(e, "The use of the key {Key} could not be noted", key.Name);
        }
    }
}

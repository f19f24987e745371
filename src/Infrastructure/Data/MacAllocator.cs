using System.Globalization;
using System.Net.NetworkInformation;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;
using Xlnet.Domain.Access;
using Xlnet.Domain.Common;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Vifs;

namespace Xlnet.Infrastructure.Data;

/// <summary>
/// Gives, claims and takes back MAC addresses, one statement each, within the caller's transaction. A pool's addresses are
/// numbered by a sequence, which nobody waits for, and scattered over its range; when the sequence has gone through all of them,
/// what has left quarantine is given again. The primary key of mac_allocations has the last word.
/// </summary>
public sealed class MacAllocator(XlnetDbContext db, RequestInfo request, TimeProvider clock)
{
    /// <summary>
    /// Gives an address to a vif: one reserved for it or its guest, else a new one of the pool. One statement at every fill level.
    /// Addresses that were claimed by hand are passed over, each once in the pool's life.
    /// </summary>
    /// <exception cref="RuleException">409 <c>mac-pool.exhausted</c>.</exception>
    public async Task<MacAddress> AllocateAsync(MacPool pool, VifHolder holder, CancellationToken ct)
    {
        // A second try is needed only when someone claimed the very address by hand between the look and the insert.
        for (var attempt = 0; attempt < 3; attempt++)
        {
            if (await AllocateOnceAsync(pool, AllocationState.Held, holder.ToString(), holder.GuestHolder, ct) is { } mac)
                return mac;
        }

        throw new RuleException(RuleKind.Conflict, "mac-pool.exhausted",
            $"The MAC pool '{pool.Name}' ({pool.First} to {pool.Last}) has no free address: release some, wait for the quarantine of released ones to end, or add a pool.");
    }

    /// <summary>Sets an address of the pool aside for a name that need not exist yet.</summary>
    public async Task<MacAddress> ReserveAsync(MacPool pool, string reservedFor, CancellationToken ct) =>
        await AllocateOnceAsync(pool, AllocationState.Reserved, reservedFor, null, ct)
        ?? throw new RuleException(RuleKind.Conflict, "mac-pool.exhausted", $"The MAC pool '{pool.Name}' has no free address.");

    /// <summary>Takes one very address for a vif. It must be free, reserved for that vif or its guest, or in quarantine after a vif of that guest.</summary>
    /// <exception cref="RuleException">409 <c>mac.in-use</c>, <c>mac.reserved</c> or <c>mac.in-quarantine</c>, which name the holder.</exception>
    public Task ClaimAsync(MacAddress mac, VifHolder holder, CancellationToken ct) =>
        ClaimAsync(mac, AllocationState.Held, holder.ToString(), holder.GuestHolder, ct);

    /// <summary>Sets one very address aside for a name.</summary>
    public Task ReserveAsync(MacAddress mac, string reservedFor, CancellationToken ct) =>
        ClaimAsync(mac, AllocationState.Reserved, reservedFor, null, ct);

    /// <summary>Sends addresses into quarantine. The ledger keeps who held them.</summary>
    public async Task ReleaseAsync(IReadOnlyCollection<MacAddress> macs, CancellationToken ct)
    {
        if (macs.Count == 0)
            return;
        await using var command = db.Command("""
            WITH released AS (
                UPDATE mac_allocations a
                SET state = 'quarantined', since = @now,
                    available_at = @now + COALESCE((SELECT p.quarantine FROM mac_pools p WHERE p.id = a.pool_id), @quarantine)
                WHERE a.mac = ANY (@macs) AND a.state <> 'quarantined'
                RETURNING a.mac)
            UPDATE mac_holdings SET held_until = @now
            WHERE mac = ANY (ARRAY(SELECT mac FROM released)) AND held_until IS NULL
            """);
        command.Parameters.Add(new NpgsqlParameter("now", clock.GetUtcNow()));
        command.Parameters.Add(new NpgsqlParameter("quarantine", MacPool.DefaultQuarantine));
        command.Parameters.Add(new NpgsqlParameter("macs", NpgsqlDbType.Array | NpgsqlDbType.MacAddr) { Value = macs.Select(Native).ToArray() });
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Makes addresses free at once that have just been released, for the one who takes them over.</summary>
    public Task EndQuarantineAsync(IReadOnlyCollection<MacAddress> macs, CancellationToken ct) => macs.Count == 0
        ? Task.CompletedTask
        : db.MacAllocations.Where(a => macs.Contains(a.Mac) && a.State == AllocationState.Quarantined).ExecuteUpdateAsync(a => a.SetProperty(x => x.AvailableAt, clock.GetUtcNow()), ct);

    /// <summary>Adds a pool with its sequence.</summary>
    /// <exception cref="RuleException">409 <c>mac-pool.exists</c> or <c>mac-pool.overlap</c>.</exception>
    public async Task AddPoolAsync(MacPool pool, CancellationToken ct)
    {
        // Two pools that overlap would give the same address twice; nobody else adds one until this transaction ends.
        await db.Database.ExecuteSqlAsync($"LOCK TABLE mac_pools IN SHARE ROW EXCLUSIVE MODE", ct);
        var clash = await db.MacPools
            .FromSql($"SELECT *, xmin FROM mac_pools WHERE name = {pool.Name.Value} OR first <= {Native(pool.Last)} AND last >= {Native(pool.First)}")
            .AsNoTracking().OrderBy(p => p.Id).FirstOrDefaultAsync(ct);
        if (clash?.Name == pool.Name)
            throw new RuleException(RuleKind.Conflict, "mac-pool.exists", $"There is a MAC pool '{pool.Name}' already: {clash.First} to {clash.Last}.");
        if (clash is not null)
            throw new RuleException(RuleKind.Conflict, "mac-pool.overlap", $"The range overlaps that of the pool '{clash.Name}': {clash.First} to {clash.Last}.");

        db.Add(pool);
        await db.SaveChangesAsync(ct);
        await using (var create = db.Command(string.Create(CultureInfo.InvariantCulture, $"CREATE SEQUENCE {pool.SequenceName} AS bigint MINVALUE 0 START 0 CACHE 1")))
            await create.ExecuteNonQueryAsync(ct);
        // Addresses that were claimed by hand before the pool was there belong to it from now on.
        await using var adopt = db.Command("UPDATE mac_allocations SET pool_id = @pool WHERE pool_id IS NULL AND mac BETWEEN @first AND @last");
        adopt.Parameters.Add(new NpgsqlParameter("pool", pool.Id));
        adopt.Parameters.Add(Mac("first", pool.First));
        adopt.Parameters.Add(Mac("last", pool.Last));
        await adopt.ExecuteNonQueryAsync(ct);
    }

    /// <summary>Takes a pool and its sequence away; none of its addresses may be held, reserved or in quarantine.</summary>
    public async Task RemovePoolAsync(MacPool pool, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        if (await db.MacAllocations.FirstOrDefaultAsync(a => a.PoolId == pool.Id
                && (a.State != AllocationState.Quarantined || a.AvailableAt > now), ct) is { } busy)
        {
            throw new RuleException(RuleKind.Conflict, "mac-pool.in-use",
                $"The MAC pool '{pool.Name}' is in use: {busy.Mac} is {Kebab.Name(busy.State)} by '{busy.Holder}'.").With("holder", busy.Holder);
        }

        if (await db.Hosts.FirstOrDefaultAsync(h => h.MacPoolId == pool.Id, ct) is { } host)
            throw new RuleException(RuleKind.Conflict, "mac-pool.in-use", $"The host '{host.Name}' takes its addresses from the MAC pool '{pool.Name}'.");
        await db.MacAllocations.Where(a => a.PoolId == pool.Id).ExecuteDeleteAsync(ct);
        db.Remove(pool);
        await db.SaveChangesAsync(ct);
        await using var drop = db.Command(string.Create(CultureInfo.InvariantCulture, $"DROP SEQUENCE {pool.SequenceName}"));
        await drop.ExecuteNonQueryAsync(ct);
    }

    private async Task<MacAddress?> AllocateOnceAsync(MacPool pool, AllocationState state, string holder, string? guest, CancellationToken ct)
    {
        await using var command = db.Command("""
            WITH RECURSIVE reserved AS (
                UPDATE mac_allocations SET state = @state, holder = @holder, since = @now
                WHERE mac = (SELECT r.mac FROM mac_allocations r
                             WHERE r.state = 'reserved' AND r.holder IN (@holder, @guest) AND @state = 'held'
                             ORDER BY r.mac::text LIMIT 1 FOR UPDATE SKIP LOCKED)
                RETURNING mac),
            draw AS (
                SELECT nextval(@sequence::regclass) AS n WHERE NOT EXISTS (SELECT FROM reserved)
              UNION ALL
                SELECT nextval(@sequence::regclass) FROM draw
                WHERE n < @size AND (
                    SELECT t.mac FROM mac_allocations t
                    WHERE t.mac = lpad(to_hex(@first + n * @multiplier % @size), 12, '0')::macaddr) IS NOT NULL),
            candidate AS (
                SELECT lpad(to_hex(@first + n * @multiplier % @size), 12, '0')::macaddr AS mac
                FROM draw WHERE n < @size AND n = (SELECT max(n) FROM draw)),
            fresh AS (
                INSERT INTO mac_allocations (mac, pool_id, state, holder, since)
                SELECT c.mac, @pool, @state, @holder, @now FROM candidate c
                ON CONFLICT (mac) DO NOTHING
                RETURNING mac),
            again AS (
                UPDATE mac_allocations SET state = @state, holder = @holder, since = @now, available_at = NULL
                WHERE mac = (SELECT q.mac FROM mac_allocations q
                             WHERE q.pool_id = @pool AND q.state = 'quarantined' AND q.available_at <= @now
                             ORDER BY q.available_at LIMIT 1 FOR UPDATE SKIP LOCKED)
                  AND NOT EXISTS (SELECT FROM reserved) AND NOT EXISTS (SELECT FROM candidate)
                RETURNING mac),
            given AS (
                SELECT mac FROM reserved UNION ALL SELECT mac FROM fresh UNION ALL SELECT mac FROM again),
            closed AS (
                UPDATE mac_holdings SET held_until = @now WHERE mac = (SELECT mac FROM reserved) AND held_until IS NULL),
            ledger AS (
                INSERT INTO mac_holdings (mac, holder, state, held_from) SELECT mac, @holder, @state, @now FROM given)
            SELECT mac FROM given
            """);
        command.Parameters.Add(new NpgsqlParameter("sequence", pool.SequenceName));
        command.Parameters.Add(new NpgsqlParameter("first", (long)pool.First.Value));
        command.Parameters.Add(new NpgsqlParameter("size", pool.Size));
        command.Parameters.Add(new NpgsqlParameter("multiplier", pool.Multiplier));
        command.Parameters.Add(new NpgsqlParameter("pool", pool.Id));
        command.Parameters.Add(new NpgsqlParameter("state", Kebab.Name(state)));
        command.Parameters.Add(new NpgsqlParameter("holder", holder));
        command.Parameters.Add(new NpgsqlParameter("guest", guest ?? holder));
        command.Parameters.Add(new NpgsqlParameter("now", clock.GetUtcNow()));
        return await command.ExecuteScalarAsync(ct) is PhysicalAddress given ? From(given) : null;
    }

    private async Task ClaimAsync(MacAddress mac, AllocationState state, string holder, string? guest, CancellationToken ct)
    {
        await using (var command = db.Command("""
            WITH claimed AS (
                INSERT INTO mac_allocations AS a (mac, pool_id, state, holder, since)
                VALUES (@mac, (SELECT p.id FROM mac_pools p WHERE @mac BETWEEN p.first AND p.last), @state, @holder, @now)
                ON CONFLICT (mac) DO UPDATE
                SET state = excluded.state, holder = excluded.holder, since = excluded.since, available_at = NULL
                WHERE a.state = 'quarantined' AND (a.available_at <= @now OR a.holder = @holder OR starts_with(a.holder, @guest || '/'))
                   OR a.state = 'reserved' AND a.holder IN (@holder, @guest) AND @state = 'held'
                RETURNING a.mac),
            closed AS (
                UPDATE mac_holdings SET held_until = @now WHERE mac = (SELECT mac FROM claimed) AND held_until IS NULL),
            ledger AS (
                INSERT INTO mac_holdings (mac, holder, state, held_from) SELECT mac, @holder, @state, @now FROM claimed)
            SELECT mac FROM claimed
            """))
        {
            command.Parameters.Add(Mac("mac", mac));
            command.Parameters.Add(new NpgsqlParameter("state", Kebab.Name(state)));
            command.Parameters.Add(new NpgsqlParameter("holder", holder));
            command.Parameters.Add(new NpgsqlParameter("guest", guest ?? holder));
            command.Parameters.Add(new NpgsqlParameter("now", clock.GetUtcNow()));
            if (await command.ExecuteScalarAsync(ct) is PhysicalAddress)
                return;
        }

        var other = await db.MacAllocations.AsNoTracking().SingleAsync(a => a.Mac == mac, ct);
        throw Taken(other, request.Scope);
    }

    /// <summary>The 409 that names who has an address, to whoever may see his host.</summary>
    public static RuleException Taken(MacAllocation other, HostScope scope)
    {
        if (!scope.HasHolder(other.Holder))
        {
            var code = other.State switch { AllocationState.Held => "mac.in-use", AllocationState.Reserved => "mac.reserved", _ => "mac.in-quarantine" };
            return new RuleException(RuleKind.Conflict, code, $"{other.Mac} is not free, and whose it is is not yours to see: give another address, or leave 'mac' out and one is allocated.",
                new FieldError("/mac", code, "is not free"));
        }

        var exception = other.State switch
        {
            AllocationState.Held => new RuleException(RuleKind.Conflict, "mac.in-use",
                $"{other.Mac} is held by the vif {other.Holder}: give another address, or leave 'mac' out and one is allocated.",
                new FieldError("/mac", "mac.in-use", $"held by {other.Holder}")),
            AllocationState.Reserved => new RuleException(RuleKind.Conflict, "mac.reserved",
                $"{other.Mac} is reserved for '{other.Holder}': give another address, or end the reservation.",
                new FieldError("/mac", "mac.reserved", $"reserved for {other.Holder}")),
            AllocationState.Quarantined => new RuleException(RuleKind.Conflict, "mac.in-quarantine",
                $"{other.Mac} was held by {other.Holder} and is in quarantine until {other.AvailableAt:yyyy-MM-ddTHH:mm:ssZ}, so that no one who still has it cached reaches another guest.",
                new FieldError("/mac", "mac.in-quarantine", $"in quarantine after {other.Holder}")),
            _ => throw new ArgumentOutOfRangeException(nameof(other)),
        };
        exception.With("holder", other.Holder);
        if (other.State == AllocationState.Held && VifHolder.TryParse(other.Holder, out var holder))
            exception.With("conflictingVif", holder);
        return exception;
    }

    private static NpgsqlParameter Mac(string name, MacAddress mac) => new(name, NpgsqlDbType.MacAddr) { Value = Native(mac) };

    private static PhysicalAddress Native(MacAddress mac) => PhysicalAddress.Parse(mac.ToString());

    private static MacAddress From(PhysicalAddress address) => new(Convert.ToUInt64(address.ToString(), 16));
}

using System.Net;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;
using Xlnet.Domain.Common;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Subnets;
using Xlnet.Domain.Vifs;

namespace Xlnet.Infrastructure.Data;

/// <param name="Addresses">That it has, each with the subnet that it is of.</param>
/// <param name="Allocate">The subnet to give it an address of: the one that it has, or a new one; null for none.</param>
/// <param name="Pointer">Where its addresses stand in the request.</param>
public sealed record AddressWish(VifHolder Holder, IReadOnlyList<(Subnet Subnet, IPAddress Address)> Addresses, Subnet? Allocate, string Pointer)
{
    /// <summary>For what stands in <c>ip=</c>: its single addresses, as far as they are of a subnet where the vif is.</summary>
    public static AddressWish Of(VifHolder holder, VifSettings settings, Host host, IReadOnlyList<Subnet> subnets, string pointer) => new(
        holder,
        [.. VifLockingRules.Addresses(settings.Ip).SelectMany(a => subnets.Where(s => s.Cidr.Contains(a) && s.Serves(settings, host.KnownDefaults() ?? VifDefaults.None, host.Networking)), (a, s) => (s, a))],
        null, pointer);
}

/// <summary>
/// Gives, claims and takes back addresses of a host's subnets, a statement each at every fill level. Whoever does holds the host's row
/// (<see cref="HostWrite"/>), so nobody else allocates from its subnets meanwhile: a counter that is part of the transaction does, and a
/// trial that is taken back uses up nothing.
/// </summary>
public sealed class SubnetAllocator(XlnetDbContext db, TimeProvider clock)
{
    private static readonly Func<XlnetDbContext, long, IAsyncEnumerable<Subnet>> Of = EF.CompileAsyncQuery(
        (XlnetDbContext db, long host) => db.Subnets.Where(s => s.HostId == host).OrderBy(s => s.Name).AsNoTracking());

    public async Task<IReadOnlyList<Subnet>> ReadAsync(long hostId, CancellationToken ct) => await Of(db, hostId).ToListAsync(ct);

    /// <summary>
    /// Brings what vifs hold to what they are to have. What is no longer had is released first, so that an address can move from one of
    /// them to another.
    /// </summary>
    /// <param name="holders">Whose vifs these are, as <c>host/</c> or <c>host/guest/</c>: what others of them hold is released.</param>
    /// <returns>For each wish, the address that was allocated for it, or null.</returns>
    /// <exception cref="RuleException">409, which names the holder; 422 when two of the vifs have the same address.</exception>
    public async Task<IReadOnlyList<IPAddress?>> SettleAsync(
        string holders, IReadOnlyList<Subnet> subnets, IReadOnlyList<AddressWish> wishes, CancellationToken ct)
    {
        var ids = subnets.Select(s => s.Id).ToArray();
        var held = await db.SubnetAddresses.AsNoTracking()
            .Where(a => ids.Contains(a.SubnetId) && a.State == AllocationState.Held && a.Holder.StartsWith(holders)).ToListAsync(ct);
        var given = wishes.Select(w => w.Allocate is { } subnet
            ? held.Where(h => h.SubnetId == subnet.Id && h.Holder == w.Holder.ToString() && subnet.Cidr.Contains(h.Address.Value)).Select(h => h.Address.Value).FirstOrDefault()
            : null).ToArray();
        var wanted = wishes.Index()
            .SelectMany(w => w.Item.Addresses.Concat(given[w.Index] is { } kept ? [(w.Item.Allocate!, kept)] : []), (w, a) => new Claim(a.Item1, a.Item2, w.Item.Holder, w.Item.Pointer))
            .DistinctBy(c => (c.Subnet.Id, c.Address, c.Holder)).ToList();
        if (wanted.GroupBy(c => (c.Subnet.Id, c.Address)).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw RuleException.Invalid(twice.Last().Pointer, "ip.duplicate",
                $"{twice.Key.Address} stands at several vifs ({string.Join(", ", twice.Select(c => c.Holder))}), and is of the subnet {twice.First().Subnet}: give each its own.");
        }

        var stays = wanted.Select(c => (c.Subnet.Id, c.Address, c.Holder.ToString())).ToHashSet();
        await ReleaseAsync([.. held.Where(h => !stays.Contains((h.SubnetId, h.Address.Value, h.Holder)))], ct);
        var present = held.Select(h => (h.SubnetId, h.Address.Value, h.Holder)).ToHashSet();
        await ClaimAsync([.. wanted.Where(c => !present.Contains((c.Subnet.Id, c.Address, c.Holder.ToString())))], ct);
        for (var i = 0; i < wishes.Count; i++)
        {
            if (wishes[i].Allocate is { } subnet)
                given[i] ??= await DrawAsync(subnet, AllocationState.Held, wishes[i].Holder.ToString(), wishes[i].Holder.GuestHolder, ct);
        }

        return given;
    }

    /// <summary>
    /// The same for all vifs of a host, for whoever has changed where its subnets are or what they are. Nothing is allocated.
    /// </summary>
    /// <param name="pointer">The member of the request that changed it.</param>
    /// <exception cref="RuleException">Also 409 <c>subnet.in-use</c>: a vif asked a subnet for its address, and is not on it any more.</exception>
    public async Task SettleAllAsync(Host host, string pointer, CancellationToken ct)
    {
        var subnets = await ReadAsync(host.Id, ct);
        if (subnets.Count == 0)
            return;
        var vifs = await db.Vifs.AsNoTracking().Where(v => v.HostId == host.Id && v.Ip != null)
            .Join(db.Guests, v => v.GuestId, g => g.Id, (v, g) => new { Guest = g.Name, Vif = v }).OrderBy(v => v.Guest).ThenBy(v => v.Vif.Devid).ToListAsync(ct);
        var wishes = vifs.ConvertAll(v => AddressWish.Of(new VifHolder(host.Name.Value, v.Guest.Value, v.Vif.Devid), v.Vif.WrittenSettings, host, subnets, pointer));
        foreach (var (vif, wish) in vifs.Zip(wishes))
        {
            if (vif.Vif.Subnet is { } name && !wish.Addresses.Any(a => a.Subnet.Name == name) && subnets.First(s => s.Name == name) is var subnet)
            {
                throw new RuleException(RuleKind.Conflict, "subnet.in-use",
                    $"The vif {wish.Holder} has its address, {vif.Vif.Ip}, of the subnet '{name}', and would be outside of it: {subnet.Cidr} on {subnet.Place}. Give it another address first.",
                    new FieldError(pointer, "subnet.in-use", $"leaves {wish.Holder} outside")).With("conflictingVif", wish.Holder);
            }
        }

        await SettleAsync($"{host.Name}/", subnets, wishes, ct);
    }

    /// <summary>Makes addresses of a host's free at once that have just been released, for the one who takes them over.</summary>
    public Task EndQuarantineAsync(long hostId, IReadOnlyCollection<IPAddress> released, CancellationToken ct)
    {
        List<IpAddress> wanted = [.. released.Select(a => new IpAddress(a))];
        return wanted.Count == 0
            ? Task.CompletedTask
            : db.SubnetAddresses.Where(a => db.Subnets.Any(s => s.HostId == hostId && s.Id == a.SubnetId) && wanted.Contains(a.Address) && a.State == AllocationState.Quarantined)
                .ExecuteUpdateAsync(a => a.SetProperty(x => x.AvailableAt, clock.GetUtcNow()), ct);
    }

    /// <summary>Sets an address aside for a name: the very one, or one of the subnet.</summary>
    /// <param name="pointer">Where the very one stands in the request.</param>
    public async Task<IPAddress> ReserveAsync(Subnet subnet, IPAddress? address, string reservedFor, string pointer, CancellationToken ct)
    {
        if (address is null)
            return await DrawAsync(subnet, AllocationState.Reserved, reservedFor, reservedFor, ct);
        await using var command = ClaimCommand([subnet.Id], [address], [reservedFor], AllocationState.Reserved);
        if (await command.ExecuteScalarAsync(ct) is null)
            throw Taken(subnet, await FindAsync(subnet, address, ct), pointer);
        return address;
    }

    /// <summary>What vifs of these holders have goes into quarantine.</summary>
    /// <param name="holders">As <c>host/guest/</c>.</param>
    public async Task ReleaseAllAsync(long hostId, string holders, CancellationToken ct)
    {
        var held = await db.SubnetAddresses.AsNoTracking()
            .Where(a => db.Subnets.Any(s => s.Id == a.SubnetId && s.HostId == hostId) && a.State == AllocationState.Held && a.Holder.StartsWith(holders)).ToListAsync(ct);
        await ReleaseAsync(held, ct);
    }

    /// <summary>Sends addresses into quarantine. The ledger keeps who had them.</summary>
    public async Task ReleaseAsync(IReadOnlyCollection<SubnetAddress> addresses, CancellationToken ct)
    {
        if (addresses.Count == 0)
            return;
        await using var command = db.CommandPlannedAnew("""
            WITH released AS (
                UPDATE subnet_addresses a SET state = 'quarantined', since = @now, available_at = @now + s.quarantine
                FROM unnest(@subnets, @addresses) AS g (subnet_id, address) JOIN subnets s ON s.id = g.subnet_id
                WHERE a.subnet_id = g.subnet_id AND a.address = g.address AND a.state <> 'quarantined'
                RETURNING a.subnet_id, a.address)
            UPDATE subnet_holdings h SET held_until = @now
            FROM released r WHERE h.subnet_id = r.subnet_id AND h.address = r.address AND h.held_until IS NULL
            """);
        command.Parameters.Add(new NpgsqlParameter<long[]>("subnets", [.. addresses.Select(a => a.SubnetId)]));
        command.Parameters.Add(Addresses([.. addresses.Select(a => a.Address.Value)]));
        command.Parameters.Add(new NpgsqlParameter("now", clock.GetUtcNow()));
        await command.ExecuteNonQueryAsync(ct);
    }

    /// <summary>The 409 that names who has an address.</summary>
    public static RuleException Taken(Subnet subnet, SubnetAddress other, string pointer)
    {
        var (code, message, detail) = other.State switch
        {
            AllocationState.Held => ("ip.in-use",
                $"{other.Address} of the subnet {subnet} is held by the vif {other.Holder}: give another address, or name the 'subnet' without one and it is allocated.", $"held by {other.Holder}"),
            AllocationState.Reserved => ("ip.reserved",
                $"{other.Address} of the subnet {subnet} is reserved for '{other.Holder}': give another address, or end the reservation.", $"reserved for {other.Holder}"),
            AllocationState.Quarantined => ("ip.in-quarantine",
                $"{other.Address} of the subnet {subnet} was held by {other.Holder} and is in quarantine until {other.AvailableAt:yyyy-MM-ddTHH:mm:ssZ}, so that no one who still has it cached reaches another guest.", $"in quarantine after {other.Holder}"),
            _ => throw new ArgumentOutOfRangeException(nameof(other)),
        };
        var exception = new RuleException(RuleKind.Conflict, code, message, new FieldError(pointer, code, detail)).With("holder", other.Holder);
        if (other.State == AllocationState.Held && VifHolder.TryParse(other.Holder, out var holder))
            exception.With("conflictingVif", holder);
        return exception;
    }

    private async Task ClaimAsync(IReadOnlyList<Claim> claims, CancellationToken ct)
    {
        if (claims.Count == 0)
            return;
        var claimed = new HashSet<(long, IPAddress)>();
        await using (var command = ClaimCommand(
            [.. claims.Select(c => c.Subnet.Id)], [.. claims.Select(c => c.Address)], [.. claims.Select(c => c.Holder.ToString())], AllocationState.Held))
        await using (var reader = await command.ExecuteReaderAsync(ct))
        {
            while (await reader.ReadAsync(ct))
                claimed.Add((reader.GetInt64(0), reader.GetFieldValue<IPAddress>(1)));
        }

        if (claims.FirstOrDefault(c => !claimed.Contains((c.Subnet.Id, c.Address))) is { } clash)
            throw Taken(clash.Subnet, await FindAsync(clash.Subnet, clash.Address, ct), clash.Pointer);
    }

    /// <summary>An address that is free, reserved for that vif or its guest, or in quarantine after a vif of that guest.</summary>
    private NpgsqlCommand ClaimCommand(long[] subnets, IPAddress[] addresses, string[] holders, AllocationState state)
    {
        var command = db.CommandPlannedAnew("""
            WITH claimed AS (
                INSERT INTO subnet_addresses AS a (subnet_id, address, state, holder, since)
                SELECT q.subnet_id, q.address, @state, q.holder, @now FROM unnest(@subnets, @addresses, @holders) AS q (subnet_id, address, holder)
                ON CONFLICT (subnet_id, address) DO UPDATE
                SET state = excluded.state, holder = excluded.holder, since = excluded.since, available_at = NULL
                WHERE a.state = 'quarantined' AND (a.available_at <= @now OR starts_with(a.holder, regexp_replace(excluded.holder, '[^/]*$', '')))
                   OR a.state = 'reserved' AND @state = 'held' AND a.holder IN (excluded.holder, regexp_replace(excluded.holder, '/[^/]*$', ''))
                RETURNING a.subnet_id, a.address, a.holder),
            closed AS (
                UPDATE subnet_holdings h SET held_until = @now FROM claimed c
                WHERE h.subnet_id = c.subnet_id AND h.address = c.address AND h.held_until IS NULL),
            ledger AS (
                INSERT INTO subnet_holdings (subnet_id, address, holder, state, held_from)
                SELECT c.subnet_id, c.address, c.holder, @state, @now FROM claimed c)
            SELECT subnet_id, address FROM claimed
            """);
        command.Parameters.Add(new NpgsqlParameter<long[]>("subnets", subnets));
        command.Parameters.Add(Addresses(addresses));
        command.Parameters.Add(new NpgsqlParameter<string[]>("holders", holders));
        command.Parameters.Add(new NpgsqlParameter("state", Kebab.Name(state)));
        command.Parameters.Add(new NpgsqlParameter("now", clock.GetUtcNow()));
        return command;
    }

    /// <summary>
    /// An address for a holder: one reserved for it or its guest, the one that it had and that is in quarantine, the next that was never
    /// given, or, when the counter has gone through them all, the one that has been free for longest.
    /// </summary>
    /// <remarks>
    /// Addresses given by hand lie in the counter's way. They are gone through once, in their order, up to the first gap: to ask for each by
    /// itself left it to PostgreSQL's statistics whether that was a look into the index, or all addresses of the subnet each time.
    /// </remarks>
    private async Task<IPAddress> DrawAsync(Subnet subnet, AllocationState state, string holder, string guest, CancellationToken ct)
    {
        await using var command = db.CommandPlannedAnew("""
            WITH own AS (
                SELECT address FROM subnet_addresses
                WHERE subnet_id = @subnet AND @state = 'held'
                  AND (state = 'reserved' AND holder IN (@holder, @guest) OR state = 'quarantined' AND holder = @holder AND address BETWEEN @first AND @last)
                ORDER BY state DESC, address LIMIT 1),
            counter AS (
                SELECT next AS n FROM subnets WHERE id = @subnet AND NOT EXISTS (SELECT FROM own)),
            draw AS (
                SELECT CASE WHEN c.n >= @size THEN c.n ELSE COALESCE(
                    (SELECT g.expected FROM (
                        SELECT t.address, t.address - @first AS n, c.n + row_number() OVER (ORDER BY t.address) - 1 AS expected
                        FROM subnet_addresses t WHERE t.subnet_id = @subnet AND t.address BETWEEN @first + c.n AND @last) g
                     WHERE g.n <> g.expected ORDER BY g.address LIMIT 1),
                    c.n + (SELECT count(*) FROM subnet_addresses t WHERE t.subnet_id = @subnet AND t.address BETWEEN @first + c.n AND @last)) END AS n
                FROM counter c),
            fresh AS (
                SELECT n FROM draw WHERE n < @size),
            moved AS (
                UPDATE subnets SET next = least((SELECT n + 1 FROM draw), @size) WHERE id = @subnet AND EXISTS (SELECT FROM draw)),
            again AS (
                SELECT address FROM subnet_addresses
                WHERE subnet_id = @subnet AND state = 'quarantined' AND available_at <= @now AND address BETWEEN @first AND @last
                  AND NOT EXISTS (SELECT FROM own) AND NOT EXISTS (SELECT FROM fresh)
                ORDER BY available_at LIMIT 1),
            given AS (
                INSERT INTO subnet_addresses (subnet_id, address, state, holder, since)
                SELECT @subnet, address, @state, @holder, @now
                FROM (SELECT address FROM own UNION ALL SELECT @first + n FROM fresh UNION ALL SELECT address FROM again) AS chosen
                ON CONFLICT (subnet_id, address) DO UPDATE
                SET state = excluded.state, holder = excluded.holder, since = excluded.since, available_at = NULL
                RETURNING address),
            closed AS (
                UPDATE subnet_holdings h SET held_until = @now FROM given g
                WHERE h.subnet_id = @subnet AND h.address = g.address AND h.held_until IS NULL),
            ledger AS (
                INSERT INTO subnet_holdings (subnet_id, address, holder, state, held_from) SELECT @subnet, address, @holder, @state, @now FROM given)
            SELECT address FROM given
            """);
        command.Parameters.Add(new NpgsqlParameter("subnet", subnet.Id));
        command.Parameters.Add(new NpgsqlParameter("first", NpgsqlDbType.Inet) { Value = subnet.First });
        command.Parameters.Add(new NpgsqlParameter("last", NpgsqlDbType.Inet) { Value = subnet.Last });
        command.Parameters.Add(new NpgsqlParameter("size", subnet.Size));
        command.Parameters.Add(new NpgsqlParameter("state", Kebab.Name(state)));
        command.Parameters.Add(new NpgsqlParameter("holder", holder));
        command.Parameters.Add(new NpgsqlParameter("guest", guest));
        command.Parameters.Add(new NpgsqlParameter("now", clock.GetUtcNow()));
        return await command.ExecuteScalarAsync(ct) as IPAddress ?? throw new RuleException(RuleKind.Conflict, "subnet.exhausted",
            $"The subnet {subnet} has no free address between {subnet.First} and {subnet.Last}: release some, wait for the quarantine of released ones to end, or widen it.");
    }

    private async Task<SubnetAddress> FindAsync(Subnet subnet, IPAddress address, CancellationToken ct) =>
        await db.SubnetAddresses.AsNoTracking().SingleAsync(a => a.SubnetId == subnet.Id && a.Address == new IpAddress(address), ct);

    private static NpgsqlParameter Addresses(IPAddress[] addresses) => new("addresses", NpgsqlDbType.Array | NpgsqlDbType.Inet) { Value = addresses };

    private sealed record Claim(Subnet Subnet, IPAddress Address, VifHolder Holder, string Pointer);
}

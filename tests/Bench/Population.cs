using Npgsql;

namespace Xlnet.Bench;

/// <summary>
/// A database full of hosts of 100 guests with four vifs each, made by SQL, as if the API had made them. The hosts are called 10001 and
/// so on, the guests 1.5 to 100.5: numbers are what pgbench can make of its own, and a guest's name has to have more than digits.
/// </summary>
internal static class Population
{
    public const int Guests = 100;
    public const int Vifs = 4;

    /// <summary>Each address is the one that its place in the pool's sequence stands for, so the allocation goes on behind them.</summary>
    private const string Sql = """
        SET session_replication_role = replica; -- Every reference is as it should be: it need not be looked up.
        CREATE TEMPORARY TABLE new_hosts AS
            SELECT nextval(pg_get_serial_sequence('hosts', 'id')) AS id, (10000 + h)::text AS name FROM generate_series(1, $1) h;
        INSERT INTO hosts (id, name, driver_kind, mac_policy, revision, created_at, updated_at)
            SELECT id, name, 'simulated', 'allocate', 1, now(), now() FROM new_hosts;
        INSERT INTO revisions (host_id, number, created_at, summary) SELECT id, 1, now(), 'bench' FROM new_hosts;

        CREATE TEMPORARY TABLE new_guests AS
            SELECT nextval(pg_get_serial_sequence('guests', 'id')) AS id, h.id AS host_id, h.name AS host, g || '.5' AS name
            FROM new_hosts h, generate_series(1, $2) g;
        CREATE TEMPORARY TABLE new_vifs AS
            SELECT g.id AS guest_id, g.host_id, g.host || '/' || g.name || '/' || d AS holder, d AS devid, p.id AS pool_id,
                   lpad(to_hex(('x' || lpad(replace(p.first::text, ':', ''), 16, '0'))::bit(64)::bigint
                       + (row_number() OVER () - 1) * p.multiplier % 8388608), 12, '0')::macaddr AS mac
            FROM new_guests g, generate_series(0, $3 - 1) d, mac_pools p WHERE p.name = 'default';
        INSERT INTO mac_allocations (mac, pool_id, state, holder, since) SELECT mac, pool_id, 'held', holder, now() FROM new_vifs;
        INSERT INTO mac_holdings (mac, holder, state, held_from) SELECT mac, holder, 'held', now() FROM new_vifs;
        INSERT INTO vifs (host_id, guest_id, devid, position, mac, mac_written, bridge, other)
            SELECT host_id, guest_id, devid, devid, mac, true, 'xenbr0', '{}' FROM new_vifs;
        SELECT setval('mac_pool_' || min(pool_id) || '_seq', count(*)) FROM new_vifs;

        CREATE TEMPORARY TABLE new_files AS
            SELECT g.id, g.host_id, g.name, l.vifs, convert_to(format(E'name = ''%s''\ntype = ''pv''\nkernel = ''/guest/vmlinuz''\nmemory = 128\nvif = [%s]\n', g.name, l.entries), 'UTF8') AS config
            FROM new_guests g JOIN (
                SELECT guest_id, string_agg(format('''mac=%s,bridge=xenbr0''', mac), ', ' ORDER BY devid) AS entries,
                       jsonb_agg(jsonb_build_object('mac', mac, 'devid', devid, 'subnet', null, 'locking', 'unlocked', 'macWritten', true) ORDER BY devid) AS vifs
                FROM new_vifs GROUP BY guest_id) l ON l.guest_id = g.id;
        INSERT INTO guests (id, host_id, name, type, config, created_at, updated_at) SELECT id, host_id, name, 'pv', config, now(), now() FROM new_files;
        INSERT INTO revision_objects (host_id, revision, kind, name, document)
            SELECT host_id, 1, 'guest', name, jsonb_build_object('vifs', vifs, 'config', translate(encode(config, 'base64'), E'\n', ''), 'filePath', null) FROM new_files;
        DROP TABLE new_hosts, new_guests, new_vifs, new_files;
        RESET session_replication_role;
        """;

    /// <summary>Fills a database in which the service has made its tables.</summary>
    public static async Task FillAsync(NpgsqlDataSource database, int hosts)
    {
        await using var connection = await database.OpenConnectionAsync();
        foreach (var statement in Sql.Replace("$1", $"{hosts}").Replace("$2", $"{Guests}").Replace("$3", $"{Vifs}").Split(";\n", StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            await ExecuteAsync(connection, statement);
        await ExecuteAsync(connection, "VACUUM (ANALYZE)");
        await ExecuteAsync(connection, "CHECKPOINT");
        // A database in use has long been read; at random, it would take hours until all of it was.
        await ExecuteAsync(connection, "CREATE EXTENSION pg_prewarm");
        await ExecuteAsync(connection, "SELECT pg_prewarm(c.oid) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind IN ('r', 'i')");
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync();
    }
}

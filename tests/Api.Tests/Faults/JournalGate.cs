using Npgsql;
using Xunit;

namespace Xlnet.Api.Tests.Faults;

/// <summary>
/// Stops an operation at a step, without a hook in the service: PostgreSQL keeps the service's write to the journal waiting, before
/// the step has any effect (its <c>running</c>) or after it has had all of it (its <c>succeeded</c>).
/// </summary>
internal sealed class JournalGate : IAsyncDisposable
{
    private const string Install = """
        CREATE TABLE gates (id serial, host text, step text, status text);
        CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE gate int := (SELECT g.id FROM gates g JOIN hosts h ON h.name = g.host JOIN operations o ON o.host_id = h.id
                             WHERE o.id = NEW.operation_id AND g.step = NEW.action || ' ' || NEW.target AND g.status = NEW.status);
        BEGIN
            IF gate IS NOT NULL THEN
                PERFORM pg_advisory_xact_lock_shared(4711, gate);
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER wait_at_gate BEFORE UPDATE ON operation_steps FOR EACH ROW EXECUTE FUNCTION wait_at_gate();
        """;

    private const string Waiting = "FROM pg_locks WHERE locktype = 'advisory' AND classid = 4711 AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

    private readonly NpgsqlDataSource _source;
    private readonly NpgsqlConnection _keeper;

    private JournalGate(NpgsqlDataSource source, NpgsqlConnection keeper) => (_source, _keeper) = (source, keeper);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>For a database that a service has made its tables in.</summary>
    public static async Task<JournalGate> InstallAsync(string connectionString)
    {
        var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false }.ConnectionString);
        var gate = new JournalGate(source, await source.OpenConnectionAsync(Ct));
        await gate.ExecuteAsync(Install);
        return gate;
    }

    /// <param name="step">Its action and its target.</param>
    /// <param name="status">What the service would write: <c>running</c> or <c>succeeded</c>.</param>
    /// <returns>The gate's number.</returns>
    public async Task<int> CloseAsync(string host, string step, string status)
    {
        await using var insert = _source.CreateCommand("INSERT INTO gates (host, step, status) VALUES ($1, $2, $3) RETURNING id");
        foreach (var value in new[] { host, step, status })
            insert.Parameters.Add(new NpgsqlParameter { Value = value });
        var id = (int)(await insert.ExecuteScalarAsync(Ct))!;
        await KeepAsync($"SELECT pg_advisory_lock(4711, {id})");
        return id;
    }

    /// <summary>Waits until so many operations stand at their gates.</summary>
    public async Task StandAsync(int operations)
    {
        while (await CountAsync(Waiting) < operations)
            Ct.ThrowIfCancellationRequested();
    }

    /// <summary>Waits until an operation stands at this gate.</summary>
    public async Task StandAtAsync(int gate)
    {
        while (await CountAsync($"{Waiting} AND objid = {gate}") == 0)
            Ct.ThrowIfCancellationRequested();
    }

    /// <summary>Opens a gate, for good.</summary>
    public async Task OpenAsync(int gate)
    {
        await ExecuteAsync($"DELETE FROM gates WHERE id = {gate}");
        await KeepAsync($"SELECT pg_advisory_unlock(4711, {gate})");
    }

    /// <summary>Opens all gates. What waits at one is written after all, and so it may be though the service that wrote it is dead.</summary>
    public async Task OpenAsync()
    {
        await ExecuteAsync("DELETE FROM gates");
        await KeepAsync("SELECT pg_advisory_unlock_all()");
    }

    /// <summary>Makes what waits at a gate fail, so that it is never written.</summary>
    public Task TerminateAsync() => ExecuteAsync($"SELECT pg_terminate_backend(pid) {Waiting}");

    public async ValueTask DisposeAsync()
    {
        await _keeper.DisposeAsync();
        await _source.DisposeAsync();
    }

    private async Task KeepAsync(string sql)
    {
        await using var command = new NpgsqlCommand(sql, _keeper);
        await command.ExecuteNonQueryAsync(Ct);
    }

    private async Task<long> CountAsync(string from)
    {
        await using var count = _source.CreateCommand($"SELECT count(*) {from}");
        return (long)(await count.ExecuteScalarAsync(Ct))!;
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = _source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Ct);
    }
}

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
        CREATE TABLE gates (host text, ordinal int, status text);
        CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT FROM gates g JOIN hosts h ON h.name = g.host JOIN operations o ON o.host_id = h.id
                       WHERE o.id = NEW.operation_id AND g.ordinal = NEW.ordinal AND g.status = NEW.status) THEN
                PERFORM pg_advisory_xact_lock_shared(4711);
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER wait_at_gate BEFORE UPDATE ON operation_steps FOR EACH ROW EXECUTE FUNCTION wait_at_gate();
        """;

    private const string Waiting = "FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711 AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

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
        await gate.LockAsync();
        return gate;
    }

    /// <param name="ordinal">Of the step in the journal, from 0.</param>
    /// <param name="status">What the service would write: <c>running</c> or <c>succeeded</c>.</param>
    public Task CloseAsync(string host, int ordinal, string status) =>
        ExecuteAsync("INSERT INTO gates VALUES ($1, $2, $3)", host, ordinal, status);

    /// <summary>Waits until so many operations stand at their gates.</summary>
    public async Task StandAsync(int operations)
    {
        while (await CountAsync() < operations)
            Ct.ThrowIfCancellationRequested();
    }

    /// <summary>Opens all gates. What waits at one is written after all, and so it may be though the service that wrote it is dead.</summary>
    public async Task OpenAsync()
    {
        await ExecuteAsync("DELETE FROM gates");
        await using var unlock = new NpgsqlCommand("SELECT pg_advisory_unlock_all()", _keeper);
        await unlock.ExecuteNonQueryAsync(Ct);
    }

    /// <summary>Makes what waits at a gate fail, so that it is never written.</summary>
    public Task TerminateAsync() => ExecuteAsync($"SELECT pg_terminate_backend(pid) {Waiting}");

    public async ValueTask DisposeAsync()
    {
        await _keeper.DisposeAsync();
        await _source.DisposeAsync();
    }

    private async Task LockAsync()
    {
        await using var take = new NpgsqlCommand("SELECT pg_advisory_lock(4711)", _keeper);
        await take.ExecuteNonQueryAsync(Ct);
    }

    private async Task<long> CountAsync()
    {
        await using var count = _source.CreateCommand($"SELECT count(*) {Waiting}");
        return (long)(await count.ExecuteScalarAsync(Ct))!;
    }

    private async Task ExecuteAsync(string sql, params object[] values)
    {
        await using var command = _source.CreateCommand(sql);
        foreach (var value in values)
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        await command.ExecuteNonQueryAsync(Ct);
    }
}

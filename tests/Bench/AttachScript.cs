using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;

namespace Xlnet.Bench;

/// <summary>
/// The statements of a POST of a vif as a script for pgbench, attach-vif.sql. Whether they are still the service's own is looked up in
/// PostgreSQL's statistics before anything is measured.
/// </summary>
internal sealed partial class AttachScript(string database)
{
    /// <summary>Each run gives the vifs other numbers.</summary>
    private int _runs;

    /// <exception cref="InvalidOperationException">The script and the service run other statements; both lists are in the message.</exception>
    public static async Task<AttachScript> CheckedAsync(NpgsqlDataSource server, string service, Func<Task> post, string database)
    {
        await using var create = server.CreateCommand("CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
        await create.ExecuteNonQueryAsync();
        var script = new AttachScript(database);
        // The first time there is more to ask: what is kept from then on.
        await post();
        var (asked, scripted) = (await StatementsAsync(server, service, post), await StatementsAsync(server, database, () => script.PgbenchAsync(true, "--client=1", "--transactions=1")));
        return asked.SequenceEqual(scripted) ? script : throw new InvalidOperationException(
            $"attach-vif.sql is to have the statements of a POST of a vif. The service's own:\n{string.Join('\n', asked.Except(scripted))}\nThe script's own:\n{string.Join('\n', scripted.Except(asked))}");
    }

    /// <summary>Transactions a second.</summary>
    /// <param name="prepared">Whether each statement is planned once, as the service has it.</param>
    public async Task<double> RunAsync(int clients, TimeSpan duration, bool prepared)
    {
        var output = await PgbenchAsync(prepared, string.Create(CultureInfo.InvariantCulture, $"--client={clients}"), string.Create(CultureInfo.InvariantCulture, $"--time={duration.TotalSeconds}"));
        return double.Parse(PerSecond().Match(output).Groups[1].Value, CultureInfo.InvariantCulture);
    }

    private Task<string> PgbenchAsync(bool prepared, params string[] options)
    {
        var target = new NpgsqlConnectionStringBuilder(database);
        return Programs.RunAsync(["pgbench", "--no-vacuum", $"--protocol={(prepared ? "prepared" : "extended")}", $"--file={Path.Combine(AppContext.BaseDirectory, "attach-vif.sql")}", string.Create(CultureInfo.InvariantCulture, $"--define=n={_runs++ * 100_000}"), .. options, $"--host={target.Host}",
            string.Create(CultureInfo.InvariantCulture, $"--port={target.Port}"), $"--username={target.Username}", target.Database!]);
    }

    /// <summary>The statements of xlnet's own tables that one POST takes, their parameters and constants left out.</summary>
    private static async Task<List<string>> StatementsAsync(NpgsqlDataSource server, string database, Func<Task> run)
    {
        await using var reset = server.CreateCommand("SELECT pg_stat_statements_reset()");
        await reset.ExecuteNonQueryAsync();
        await run();
        await using var read = server.CreateCommand("""
            SELECT s.query, s.calls FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
            WHERE d.datname = $1 AND s.query !~ 'qrtz_|pg_stat_statements'
            """);
        read.Parameters.Add(new NpgsqlParameter { Value = new NpgsqlConnectionStringBuilder(database).Database });
        await using var rows = await read.ExecuteReaderAsync();
        List<string> statements = [];
        while (await rows.ReadAsync())
            statements.Add(string.Create(CultureInfo.InvariantCulture, $"{rows.GetInt64(1)} times: {Blanks().Replace(OtherNames().Replace(Parameters().Replace(rows.GetString(0), "?"), ""), " ").Trim()}"));
        return [.. statements.Order(StringComparer.Ordinal)];
    }

    [GeneratedRegex(@"\$[0-9]+")]
    private static partial Regex Parameters();

    /// <summary>By which the script keeps apart columns of one name.</summary>
    [GeneratedRegex(" AS bench_[a-z]+")]
    private static partial Regex OtherNames();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();

    [GeneratedRegex(@"^tps = ([0-9.]+)", RegexOptions.Multiline)]
    private static partial Regex PerSecond();
}

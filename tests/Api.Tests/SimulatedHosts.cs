using Microsoft.EntityFrameworkCore;
using Npgsql;
using Xlnet.Infrastructure.Data;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Api.Tests;

internal static class SimulatedHosts
{
    /// <summary>Runs a command as someone at the host would, on a state that the caller keeps.</summary>
    public static void Run(SimulatedDom0State state, params string[] argv)
    {
        var result = new SimulatedShell(new OneState(state), TimeProvider.System).RunAsync(argv, TimeSpan.FromSeconds(5), CancellationToken.None).GetAwaiter().GetResult();
        Assert.True(result.Succeeded, result.Stderr);
    }

    /// <summary>Changes simulated hosts behind the backs of the services that have the database.</summary>
    /// <param name="names">A pattern of LIKE.</param>
    public static async Task ChangeAsync(NpgsqlDataSource source, Action<SimulatedDom0State> change, string names = "%")
    {
        await using var db = Open(source);
        // Locked, as whoever watches a host changes it too.
        await using var transaction = await db.Database.BeginTransactionAsync();
        foreach (var row in await db.SimulatedHosts.FromSql($"SELECT s.* FROM simulated_hosts s JOIN hosts h ON h.id = s.host_id WHERE h.name LIKE {names} FOR UPDATE OF s").ToListAsync())
        {
            var state = SimulatedDom0State.FromJson(row.State);
            change(state);
            row.State = state.ToJson();
        }

        await db.SaveChangesAsync();
        await transaction.CommitAsync();
    }

    /// <summary>The state of the only simulated host.</summary>
    public static async Task<SimulatedDom0State> StateAsync(NpgsqlDataSource source)
    {
        await using var db = Open(source);
        return SimulatedDom0State.FromJson((await db.SimulatedHosts.SingleAsync()).State);
    }

    private static XlnetDbContext Open(NpgsqlDataSource source)
    {
        var options = new DbContextOptionsBuilder<XlnetDbContext>();
        XlnetDbOptions.Configure(options, source);
        return new XlnetDbContext(options.Options);
    }

    private sealed class OneState(SimulatedDom0State state) : ISimulatedStateStore
    {
        public Task<T> UpdateAsync<T>(Func<SimulatedDom0State, T> change, CancellationToken ct) => Task.FromResult(change(state));
    }
}

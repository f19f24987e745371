using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using Xlnet.Domain.Common;
using Xlnet.Domain.Hosts;
using Xlnet.Infrastructure.Data;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xlnet.Infrastructure.Hosts.Ssh;

namespace Xlnet.Infrastructure.Hosts;

/// <summary>Opens the way to a host: the one driver, over the shell that the host's kind asks for.</summary>
public sealed class HostConnector(
    IDbContextFactory<XlnetDbContext> contexts, IOptions<XlnetOptions> options, TimeProvider clock, ILogger<XlHostDriver> logger, SshConnections ssh)
{
    /// <summary>How the host is reached by now; null when it is xlnet's no more.</summary>
    internal async Task<HostWay?> FindAsync(long hostId, CancellationToken ct)
    {
        await using var db = await contexts.CreateDbContextAsync(ct);
        return await db.Hosts.AsNoTracking().Where(h => h.Id == hostId).Select(h => new HostWay(h.DriverKind, h.DriverPath, h.Ssh)).SingleOrDefaultAsync(ct);
    }

    /// <exception cref="RuleException">404 when the host is gone.</exception>
    /// <exception cref="HostShellException">It cannot be reached.</exception>
    public Task<IHostDriver> OpenAsync(long hostId, CancellationToken ct) => OpenAsync(hostId, fresh: false, ct);

    /// <param name="fresh">Whether the connection must be made now, and none that is open already may serve: it shows that the host can be reached.</param>
    /// <exception cref="RuleException">404 when the host is gone.</exception>
    /// <exception cref="HostShellException">It cannot be reached.</exception>
    public async Task<IHostDriver> OpenAsync(long hostId, bool fresh, CancellationToken ct)
    {
        // Of all shells, those over SSH alone have a connection that lasts.
        if (fresh)
            ssh.Renew(hostId);
        var host = await FindAsync(hostId, ct) ?? throw RuleException.NotFound("host", hostId.ToString(System.Globalization.CultureInfo.InvariantCulture));
        return Open(hostId, host, new SimulatedHostStore(contexts, hostId));
    }

    /// <summary>A host that is being made, whose row nobody else sees yet. A simulated one is as fresh as it will be, and nothing done to it is kept.</summary>
    public IHostDriver OpenNew(Host host) => Open(
        host.Id, new HostWay(host.DriverKind, host.DriverPath, host.Ssh), new InMemoryStateStore(FreshDom0.Create((ulong)host.Id)));

    private XlHostDriver Open(long hostId, HostWay host, ISimulatedStateStore state)
    {
        IHostShell shell = host.Kind switch
        {
            DriverKind.Simulated => new SimulatedShell(state, clock),
            DriverKind.Directory => SimulatedShell.OverDirectory(Folder(host.Path!), state, clock),
            DriverKind.Local => new LocalShell(clock),
            DriverKind.Ssh => new SshShell(ssh, hostId, host.Ssh!, clock),
            _ => throw new InvalidOperationException($"{host.Kind} has no shell."),
        };
        return new XlHostDriver(shell, clock, logger);
    }

    private string Folder(string name)
    {
        var folder = Path.Combine(Path.GetFullPath(options.Value.DataDirectory), "directories", name);
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HostShellException(HostShellError.FileSystem, $"The host's folder {folder} cannot be made: {e.Message}", e);
        }

        return folder;
    }

    /// <summary>
    /// Keeps a simulated Dom0 in PostgreSQL: every replica sees the same one, and a killed service finds it as it left it. Who looks
    /// several times, as every observation does, reads a state that nobody changed in between once.
    /// </summary>
    private sealed class SimulatedHostStore(IDbContextFactory<XlnetDbContext> contexts, long hostId) : ISimulatedStateStore
    {
        private Kept? _kept;

        public async Task<T> UpdateAsync<T>(Func<SimulatedDom0State, T> change, CancellationToken ct)
        {
            await using var db = await contexts.CreateDbContextAsync(ct);
            await using var transaction = await db.Database.BeginTransactionAsync(ct);
            var kept = await LockAsync(db, ct);
            if (kept is null)
            {
                // Two at once: the second waits for the first's insert here, and then reads it.
                var fresh = FreshDom0.Create((ulong)hostId).ToJson();
                await db.Database.ExecuteSqlAsync($"INSERT INTO simulated_hosts (host_id, state) VALUES ({hostId}, {fresh}::jsonb) ON CONFLICT DO NOTHING", ct);
                kept = (await LockAsync(db, ct))!;
            }

            // What a change leaves behind that throws half-way is no state of the host's.
            _kept = null;
            var result = change(kept.State);
            // Most commands only look.
            var after = kept.State.ToJson();
            var changed = after != kept.Json;
            if (changed)
                await db.Database.ExecuteSqlAsync($"UPDATE simulated_hosts SET state = {after}::jsonb WHERE host_id = {hostId}", ct);
            await transaction.CommitAsync(ct);
            if (!changed)
                _kept = kept;
            return result;
        }

        /// <returns>Null when there is no state yet.</returns>
        private async Task<Kept?> LockAsync(XlnetDbContext db, CancellationToken ct)
        {
            await using var command = db.Command("SELECT xmin::text, CASE WHEN xmin::text = @known THEN NULL ELSE state::text END FROM simulated_hosts WHERE host_id = @host FOR UPDATE");
            command.Parameters.Add(new NpgsqlParameter("known", _kept?.Version ?? ""));
            command.Parameters.Add(new NpgsqlParameter("host", hostId));
            await using var row = await command.ExecuteReaderAsync(ct);
            if (!await row.ReadAsync(ct))
                return null;
            if (await row.IsDBNullAsync(1, ct))
                return _kept;
            // PostgreSQL's jsonb orders keys its own way, so what it gave back is no measure of a change.
            var state = SimulatedDom0State.FromJson(row.GetString(1));
            return new Kept(row.GetString(0), state, state.ToJson());
        }

        /// <param name="Version">Of the row: another one after each change.</param>
        private sealed record Kept(string Version, SimulatedDom0State State, string Json);
    }
}

/// <summary>What a host's registration says of the way to it.</summary>
internal sealed record HostWay(DriverKind Kind, string? Path, SshTarget? Ssh);

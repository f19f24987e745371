using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
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

    /// <summary>Keeps a simulated Dom0 in PostgreSQL: every replica sees the same one, and a killed service finds it as it left it.</summary>
    private sealed class SimulatedHostStore(IDbContextFactory<XlnetDbContext> contexts, long hostId) : ISimulatedStateStore
    {
        public async Task<T> UpdateAsync<T>(Func<SimulatedDom0State, T> change, CancellationToken ct)
        {
            await using var db = await contexts.CreateDbContextAsync(ct);
            await using var transaction = await db.Database.BeginTransactionAsync(ct);
            var row = await db.SimulatedHosts.FromSql($"SELECT * FROM simulated_hosts WHERE host_id = {hostId} FOR UPDATE").SingleOrDefaultAsync(ct);
            if (row is null)
            {
                // Two at once: the second waits for the first's insert here, and then reads it.
                var fresh = FreshDom0.Create((ulong)hostId).ToJson();
                await db.Database.ExecuteSqlAsync($"INSERT INTO simulated_hosts (host_id, state) VALUES ({hostId}, {fresh}::jsonb) ON CONFLICT DO NOTHING", ct);
                row = await db.SimulatedHosts.FromSql($"SELECT * FROM simulated_hosts WHERE host_id = {hostId} FOR UPDATE").SingleAsync(ct);
            }

            var state = SimulatedDom0State.FromJson(row.State);
            var before = state.ToJson();
            var result = change(state);
            // Most commands only look. PostgreSQL's jsonb orders keys its own way, so what it gave back is no measure.
            if (state.ToJson() is var after && after != before)
                row.State = after;
            await db.SaveChangesAsync(ct);
            await transaction.CommitAsync(ct);
            return result;
        }
    }
}

/// <summary>What a host's registration says of the way to it.</summary>
internal sealed record HostWay(DriverKind Kind, string? Path, SshTarget? Ssh);

using System.Data;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Microsoft.EntityFrameworkCore;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Vifs;

namespace Xlnet.Infrastructure.Data;

/// <summary>Reads what a host is to be, as of one moment: five statements, however many guests it has.</summary>
public static class DesiredStateReader
{
    /// <returns>Null when the host is gone.</returns>
    public static async Task<DesiredState?> ReadAsync(XlnetDbContext db, long hostId, CancellationToken ct)
    {
        if (db.Database.CurrentTransaction is not null)
            return await ReadWithinAsync(db, hostId, ct);
        await using var transaction = await db.Database.BeginTransactionAsync(IsolationLevel.RepeatableRead, ct);
        return await ReadWithinAsync(db, hostId, ct);
    }

    /// <summary>The same within a transaction that the caller holds, such as one that has the host's row locked.</summary>
    public static async Task<DesiredState?> ReadWithinAsync(XlnetDbContext db, long hostId, CancellationToken ct)
    {
        var host = await db.Hosts.AsNoTracking().SingleOrDefaultAsync(h => h.Id == hostId, ct);
        if (host is null)
            return null;
        var bridges = await db.Bridges.AsNoTracking().Where(b => b.HostId == hostId).OrderBy(b => b.Name).ToListAsync(ct);
        var guests = await db.Guests.AsNoTracking().Where(g => g.HostId == hostId).OrderBy(g => g.Name)
            .Select(g => new { g.Id, g.Name, g.FilePath, g.Type, g.Config }).ToListAsync(ct);
        var vifs = (await db.Vifs.AsNoTracking().Where(v => v.HostId == hostId).ToListAsync(ct)).ToLookup(v => v.GuestId);
        var artifacts = await db.HostArtifacts.AsNoTracking().Where(a => a.HostId == hostId).ToListAsync(ct);
        return new DesiredState
        {
            Revision = host.Revision,
            XlConf = host.XlConf,
            Defaults = host.Defaults,
            Bridges = [.. bridges.Select(b => new DesiredBridge(b.Name.Value, b.Kind, b.Mtu, b.Ports, b.VlanFiltering))],
            Guests = [.. guests.Select(g => new DesiredGuest(g.Name.Value, g.Type, g.FilePath ?? Host.GuestConfigPath(g.Name.Value), g.Config,
                [.. vifs[g.Id].OrderBy(v => v.Position).Select(v => new DesiredVif(v.Devid, v.WrittenSettings, v.Locking))]))],
            Networking = host.NetworkingState is { } state
                ? new DesiredNetworking(host.Networking, state.Applied, state.Originals, state.IsTaken, Leases(guests.ToDictionary(g => g.Id, g => g.Name.Value), vifs))
                : null,
            WrittenFiles = artifacts.Where(a => a.Kind == HostArtifactKind.GuestFile).Select(a => a.Name).ToHashSet(),
            MadeBridges = artifacts.Where(a => a.Kind == HostArtifactKind.Bridge).Select(a => a.Name).ToHashSet(),
        };
    }

    /// <summary>The vifs whose <c>ip=</c> names one IPv4 address, in their order.</summary>
    private static List<StaticLease> Leases(Dictionary<long, string> guests, ILookup<long, Vif> vifs) =>
    [
        .. vifs.SelectMany(g => g)
            .Select(v => (Vif: v, Address: IPAddress.TryParse((v.WrittenSettings.Ip ?? "").Split(' ')[0].Split('/')[0], out var address) ? address : null))
            .Where(v => v.Address?.AddressFamily == AddressFamily.InterNetwork)
            .OrderBy(v => guests[v.Vif.GuestId], StringComparer.Ordinal).ThenBy(v => v.Vif.Devid)
            .Select(v => new StaticLease(v.Vif.Mac, v.Address!, v.Vif.Devid == 0 ? guests[v.Vif.GuestId] : string.Create(CultureInfo.InvariantCulture, $"{guests[v.Vif.GuestId]}-{v.Vif.Devid}"))),
    ];
}

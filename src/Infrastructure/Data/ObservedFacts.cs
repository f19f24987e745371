using Microsoft.EntityFrameworkCore;
using Xlnet.Domain.Planning;

namespace Xlnet.Infrastructure.Data;

public static class ObservedFacts
{
    /// <summary>
    /// Keeps what a write is held to of what a host was seen with: its Xen version, and what decides on <c>vlan=</c>. What is known already
    /// leaves the row, and so its ETag, alone.
    /// </summary>
    public static Task KeepAsync(XlnetDbContext db, long hostId, HostObservation observed, CancellationToken ct)
    {
        var version = observed.XenVersion;
        string[] scripts = [.. observed.VlanScripts.Order(StringComparer.Ordinal)];
        string[] bridges = [.. observed.Bridges.Where(b => b.VlanFiltering is true).Select(b => b.Name).Order(StringComparer.Ordinal)];
        return db.Hosts
            .Where(h => h.Id == hostId && (h.XenVersion == null || h.XenVersion != version || h.VlanScripts != scripts || h.VlanBridges != bridges))
            .ExecuteUpdateAsync(h => h.SetProperty(x => x.XenVersion, version).SetProperty(x => x.VlanScripts, scripts).SetProperty(x => x.VlanBridges, bridges), ct);
    }
}

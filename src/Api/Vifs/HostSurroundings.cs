using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Xlnet.Domain.Common;
using Xlnet.Domain.Planning;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Api.Vifs;

/// <summary>Reads what the vifs of a host have to fit, in two statements.</summary>
internal static class HostSurroundings
{
    /// <param name="guest">The guest whose own vifs do not stand in its way.</param>
    public static async Task<VifSurroundings> ReadAsync(XlnetDbContext db, Host host, string? guest, CancellationToken ct)
    {
        var bridges = await db.Bridges.AsNoTracking().Where(b => b.HostId == host.Id).Select(b => new { b.Name, b.Kind, b.VlanFiltering }).ToListAsync(ct);
        var named = await db.Vifs.AsNoTracking().Where(v => v.HostId == host.Id && v.VifName != null)
            .Join(db.Guests, v => v.GuestId, g => g.Id, (v, g) => new { Guest = g.Name, v.Devid, v.VifName })
            .ToListAsync(ct);
        return new VifSurroundings(
            host.XenVersionToKeepTo,
            host.KnownDefaults(),
            bridges.ToDictionary(b => b.Name.Value, b => b.Kind),
            named.Where(v => v.Guest.Value != guest).DistinctBy(v => v.VifName)
                .ToDictionary(v => v.VifName!, v => string.Create(CultureInfo.InvariantCulture, $"{v.Guest}'s vif {v.Devid}")))
        {
            VlanScripts = host.VlanScripts.ToHashSet(),
            // What the database says of a bridge comes before what it was last seen with.
            FilteringBridges = host.VlanBridges.Except(bridges.Where(b => b.VlanFiltering is false).Select(b => b.Name.Value))
                .Union(bridges.Where(b => b.VlanFiltering is true).Select(b => b.Name.Value)).ToHashSet(),
        };
    }

    public static async Task<VifSurroundings> ReadAsync(XlnetDbContext db, ResourceName host, string? guest, CancellationToken ct) =>
        await ReadAsync(db, await db.Hosts.AsNoTracking().SingleOrDefaultAsync(h => h.Name == host, ct) ?? throw RuleException.NotFound("host", host.Value), guest, ct);
}

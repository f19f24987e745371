using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Common;
using Xlnet.Domain.Planning;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Api.Vifs;

/// <summary>Reads what the vifs of a host have to fit, in two statements.</summary>
internal static class HostSurroundings
{
    private static readonly Func<XlnetDbContext, long, IAsyncEnumerable<Bridge>> BridgesOf = EF.CompileAsyncQuery(
        (XlnetDbContext db, long host) => db.Bridges.AsNoTracking().Where(b => b.HostId == host));

    private static readonly Func<XlnetDbContext, long, IAsyncEnumerable<NamedVif>> NamedVifsOf = EF.CompileAsyncQuery(
        (XlnetDbContext db, long host) => db.Vifs.AsNoTracking().Where(v => v.HostId == host && v.VifName != null)
            .Join(db.Guests, v => v.GuestId, g => g.Id, (v, g) => new NamedVif(g.Name, v.Devid, v.VifName!)));

    /// <param name="guest">The guest whose own vifs do not stand in its way.</param>
    public static async Task<VifSurroundings> ReadAsync(XlnetDbContext db, Host host, string? guest, CancellationToken ct)
    {
        var bridges = await BridgesOf(db, host.Id).ToListAsync(ct);
        var named = await NamedVifsOf(db, host.Id).ToListAsync(ct);
        return new VifSurroundings(
            host.XenVersionToKeepTo,
            host.KnownDefaults(),
            bridges.ToDictionary(b => b.Name.Value, b => b.Kind),
            named.Where(v => v.Guest.Value != guest).DistinctBy(v => v.VifName)
                .ToDictionary(v => v.VifName, v => string.Create(CultureInfo.InvariantCulture, $"{v.Guest}'s vif {v.Devid}")))
        {
            VlanScripts = host.VlanScripts.ToHashSet(),
            // What the database says of a bridge comes before what it was last seen with.
            FilteringBridges = host.VlanBridges.Except(bridges.Where(b => b.VlanFiltering is false).Select(b => b.Name.Value))
                .Union(bridges.Where(b => b.VlanFiltering is true).Select(b => b.Name.Value)).ToHashSet(),
        };
    }

    public static async Task<VifSurroundings> ReadAsync(XlnetDbContext db, ResourceName host, string? guest, CancellationToken ct) =>
        await ReadAsync(db, await db.Hosts.AsNoTracking().SingleOrDefaultAsync(h => h.Name == host, ct) ?? throw RuleException.NotFound("host", host.Value), guest, ct);

    private sealed record NamedVif(GuestName Guest, int Devid, string VifName);
}

using System.Linq.Expressions;
using Microsoft.EntityFrameworkCore;
using Xlnet.Domain.Common;
using Xlnet.Domain.Vifs;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Api.Vifs;

internal static class VifQueries
{
    /// <summary>A vif by its URL; null when there is none.</summary>
    public static readonly Func<XlnetDbContext, ResourceName, GuestName, int, CancellationToken, Task<Vif?>> FindAsync = EF.CompileAsyncQuery(
        (XlnetDbContext db, ResourceName host, GuestName guest, int devid, CancellationToken ct) =>
            (from h in db.Hosts
             join g in db.Guests on h.Id equals g.HostId
             join v in db.Vifs on g.Id equals v.GuestId
             where h.Name == host && g.Name == guest && v.Devid == devid
             select v).AsNoTracking().SingleOrDefault());

    /// <summary>Those that name a bridge, with VLANs of Open vSwitch or without.</summary>
    public static Expression<Func<Vif, bool>> On(string bridge) => v => v.Bridge == bridge || v.Bridge!.StartsWith(bridge + ".") || v.Bridge!.StartsWith(bridge + ":");
}

using Microsoft.EntityFrameworkCore;
using Xlnet.Domain.Hosts;

namespace Xlnet.Infrastructure.Data;

public static class ObservedVersions
{
    /// <summary>Keeps the Xen version that a host was seen with. One that is known already leaves the row, and so its ETag, alone.</summary>
    public static Task KeepAsync(XlnetDbContext db, long hostId, XenVersion version, CancellationToken ct) =>
        db.Hosts.Where(h => h.Id == hostId && (h.XenVersion == null || h.XenVersion != version))
            .ExecuteUpdateAsync(h => h.SetProperty(x => x.XenVersion, version), ct);
}

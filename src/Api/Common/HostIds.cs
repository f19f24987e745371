using Microsoft.EntityFrameworkCore;
using Xlnet.Domain.Common;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Api.Common;

internal static class HostIds
{
    /// <exception cref="RuleException">404 when there is no such host.</exception>
    public static async Task<long> FindAsync(XlnetDbContext db, ResourceName host, CancellationToken ct) =>
        await db.Hosts.AsNoTracking().Where(h => h.Name == host).Select(h => (long?)h.Id).SingleOrDefaultAsync(ct)
        ?? throw RuleException.NotFound("host", host.Value);
}

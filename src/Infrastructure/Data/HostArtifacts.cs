using Microsoft.EntityFrameworkCore;
using Xlnet.Domain.Common;
using Xlnet.Domain.Hosts;

namespace Xlnet.Infrastructure.Data;

public static class HostArtifacts
{
    /// <summary>Notes that something on a host is xlnet's to take away.</summary>
    public static Task AddAsync(XlnetDbContext db, long hostId, HostArtifactKind kind, string name, DateTimeOffset now, CancellationToken ct) =>
        db.Database.ExecuteSqlAsync(
            $"INSERT INTO host_artifacts (host_id, kind, name, created_at) VALUES ({hostId}, {Kebab.Name(kind)}, {name}, {now}) ON CONFLICT DO NOTHING", ct);
}

using Microsoft.EntityFrameworkCore;
using Xlnet.Domain.Common;
using Xlnet.Domain.Hosts;

namespace Xlnet.Infrastructure.Data;

public static class HostArtifacts
{
    /// <summary>Notes that things on a host are xlnet's to take away.</summary>
    public static Task AddAsync(XlnetDbContext db, long hostId, HostArtifactKind kind, IReadOnlyList<string> names, DateTimeOffset now, CancellationToken ct) =>
        names.Count == 0
            ? Task.CompletedTask
            : db.Database.ExecuteSqlAsync(
                $"INSERT INTO host_artifacts (host_id, kind, name, created_at) SELECT {hostId}, {Kebab.Name(kind)}, name, {now} FROM unnest({names.ToArray()}) AS name ON CONFLICT DO NOTHING", ct);
}

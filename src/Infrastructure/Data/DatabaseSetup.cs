using Microsoft.EntityFrameworkCore;
using Xlnet.Domain.Common;
using Xlnet.Domain.Macs;

namespace Xlnet.Infrastructure.Data;

/// <summary>Brings a database to the schema of this version, with the pool that every one has. Safe on many replicas at once.</summary>
public static class DatabaseSetup
{
    public static async Task RunAsync(XlnetDbContext db, TimeProvider clock, CancellationToken ct)
    {
        // EF Core takes a lock of its own around the migrations, and AddPoolAsync one around the pools. Asked to migrate, it also makes the
        // model of the last migration and compares it, which nearly every start can do without.
        if ((await db.Database.GetPendingMigrationsAsync(ct)).Any())
            await db.Database.MigrateAsync(ct);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        await db.Database.ExecuteSqlAsync($"LOCK TABLE mac_pools IN SHARE ROW EXCLUSIVE MODE", ct);
        var name = ResourceName.Parse(MacPool.DefaultName);
        if (await db.MacPools.AnyAsync(p => p.Name == name, ct))
            return;
        var pool = MacPool.Create(name, MacPool.DefaultFirst, MacPool.DefaultLast, clock.GetUtcNow());
        pool.Description = "The upper half of Xen's range, which libxl itself never draws from.";
        await new MacAllocator(db, new RequestInfo(), clock).AddPoolAsync(pool, ct);
        await transaction.CommitAsync(ct);
    }
}

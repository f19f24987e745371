using Microsoft.EntityFrameworkCore;
using Xlnet.Domain.Common;
using Xlnet.Domain.Planning;
using Xlnet.Infrastructure.Data;
using Xlnet.Infrastructure.Hosts;

namespace Xlnet.Api.Drifts;

/// <summary>A host with all of its guest files, those of guests that xlnet does not know among them.</summary>
/// <param name="TooLarge">Guest files that are larger than any that xlnet takes; they are not read.</param>
internal sealed record HostSight(HostObservation Observed, IReadOnlyList<string> TooLarge)
{
    /// <summary>What a guest file may have, as for one that is put.</summary>
    private const int MostBytes = 1 << 20;

    /// <remarks>Not within a transaction: a slow host would keep the writers of its row waiting.</remarks>
    public static async Task<HostSight> ReadAsync(XlnetDbContext db, HostConnector connector, long hostId, ResourceName host, CancellationToken ct)
    {
        var desired = await DesiredStateReader.ReadAsync(db, hostId, ct) ?? throw RuleException.NotFound("host", host.Value);
        await using var driver = await connector.OpenAsync(hostId, ct);
        var files = (await driver.ListGuestFilesAsync(ct)).ToLookup(f => f.Length <= MostBytes, f => f.Path);
        var observed = await driver.ObserveAsync([.. desired.Paths.Union(files[true])], ct);
        await ObservedFacts.KeepAsync(db, hostId, observed, ct);
        return new HostSight(observed, [.. files[false]]);
    }

    /// <summary>What is seen of a host while an operation changes it may be gone a moment later.</summary>
    /// <exception cref="RuleException">409.</exception>
    public static async Task CheckIdleAsync(XlnetDbContext db, HostWrite write, CancellationToken ct)
    {
        if (await db.Operations.AnyAsync(o => o.HostId == write.Host.Id && o.FinishedAt == null, ct))
            throw new RuleException(RuleKind.Conflict, "host.busy", $"An operation of the host '{write.Host.Name}' has not ended, so what was seen of the host may not last: wait for it, or cancel it.");
    }
}

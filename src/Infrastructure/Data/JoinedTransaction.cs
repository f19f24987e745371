using Microsoft.EntityFrameworkCore.Storage;

namespace Xlnet.Infrastructure.Data;

/// <summary>A transaction of one's own, or a part in another's, which this neither commits nor ends.</summary>
/// <param name="own">Null for a part in another's.</param>
public sealed class JoinedTransaction(IDbContextTransaction? own) : IAsyncDisposable
{
    public Task CommitAsync(CancellationToken ct) => own?.CommitAsync(ct) ?? Task.CompletedTask;

    public ValueTask DisposeAsync() => own?.DisposeAsync() ?? ValueTask.CompletedTask;
}

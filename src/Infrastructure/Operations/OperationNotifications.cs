using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Infrastructure.Operations;

/// <summary>Tells who waits for an operation, on any replica, that it has moved: PostgreSQL's LISTEN and NOTIFY.</summary>
public sealed partial class OperationNotifications(NpgsqlDataSource dataSource, ILogger<OperationNotifications> logger) : BackgroundService
{
    private const string Channel = "xlnet_operations";

    // Notifications can be lost while the connection is: whoever waits looks again after this time in any case.
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(2);

    private readonly ConcurrentDictionary<Guid, TaskCompletionSource> _waiting = new();

    /// <summary>Sends within the context's transaction, if there is one: with its commit.</summary>
    public static Task SendAsync(XlnetDbContext db, Guid operation, CancellationToken ct) =>
        db.Database.ExecuteSqlAsync($"SELECT pg_notify({Channel}, {operation.ToString()})", ct);

    /// <summary>Ends when the operation has moved since this was called, or after two seconds. Call it, then look, then await it.</summary>
    public Task MovedAsync(Guid operation, CancellationToken ct)
    {
        var source = _waiting.GetOrAdd(operation, _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        return Task.WhenAny(source.Task, Task.Delay(LookAgain, ct));
    }

    /// <summary>An operation that has ended moves no more, and whoever has seen that lets it be forgotten.</summary>
    public void Forget(Guid operation)
    {
        if (_waiting.TryRemove(operation, out var source))
            source.TrySetResult();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await ListenAsync(stoppingToken);
            }
            catch (Exception e) when (e is NpgsqlException or System.Net.Sockets.SocketException or TimeoutException)
            {
                LogLost(logger, e.Message);
                await Task.Delay(LookAgain, stoppingToken);
            }
        }
    }

    private async Task ListenAsync(CancellationToken ct)
    {
        await using var connection = await dataSource.OpenConnectionAsync(ct);
        connection.Notification += (_, e) =>
        {
            if (Guid.TryParse(e.Payload, out var id) && _waiting.TryRemove(id, out var source))
                source.TrySetResult();
        };
        await using (var listen = new NpgsqlCommand($"LISTEN {Channel}", connection))
            await listen.ExecuteNonQueryAsync(ct);
        while (true)
            await connection.WaitAsync(ct);
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Lost the connection that listens for operations: {Reason}")]
    private static partial void LogLost(ILogger logger, string reason);
}

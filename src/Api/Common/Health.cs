using System.Net.Sockets;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Quartz;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Api.Common;

/// <param name="Database">Whether PostgreSQL answers.</param>
/// <param name="Migrations">Whether its schema is this version's; null where it could not be asked.</param>
/// <param name="Scheduler">Whether this replica runs operations.</param>
/// <param name="Problems">What is wrong, in words; null when nothing is.</param>
public sealed record Status(string Result, bool? Database = null, bool? Migrations = null, bool? Scheduler = null, IReadOnlyList<string>? Problems = null);

internal static class Health
{
    public const string LivePath = "/healthz";

    public const string ReadyPath = "/readyz";

    /// <summary>Less than a probe waits, as one that gives up shows no reason.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    public static void MapHealth(this WebApplication app)
    {
        app.MapGet(LivePath, () => TypedResults.Ok(new Status("ok"))).WithTags("Health").WithName("Health_Live").WithSummary("Whether the process answers")
            .WithDescription("Nothing else is looked at: who restarts what does not answer asks this.").Produces(StatusCodes.Status400BadRequest)
            .DisableHttpMetrics().AllowAnonymous();
        app.MapGet(ReadyPath, ReadyAsync).WithTags("Health").WithName("Health_Ready").WithSummary("Whether it can do its work")
            .Produces<Status>(StatusCodes.Status503ServiceUnavailable).Produces(StatusCodes.Status400BadRequest).DisableHttpMetrics().AllowAnonymous();
    }

    /// <remarks>For a load balancer: 503 while the database, its schema or the scheduler is not there.</remarks>
    private static async Task<Results<Ok<Status>, JsonHttpResult<Status>>> ReadyAsync(
        IDbContextFactory<XlnetDbContext> contexts, ISchedulerFactory schedulers, IHostApplicationLifetime lifetime, CancellationToken ct)
    {
        List<string> problems = [];
        var (database, migrations) = await AskDatabaseAsync(contexts, problems, ct);
        var scheduler = (await schedulers.GetAllSchedulers(ct)).Select(s => (SchedulerStatus?)s.Status).FirstOrDefault();
        if (lifetime.ApplicationStopping.IsCancellationRequested)
            problems.Add("The service stops: it begins no operation any more, and another replica should be asked.");
        else if (scheduler != SchedulerStatus.Running)
            problems.Add($"The scheduler is {scheduler?.ToString().ToLowerInvariant() ?? "not there yet"}: operations are accepted here, and run by another replica or not at all.");
        return problems.Count == 0
            ? TypedResults.Ok(new Status("ready", database, migrations, scheduler == SchedulerStatus.Running))
            : TypedResults.Json(new Status("not-ready", database, migrations, scheduler == SchedulerStatus.Running, problems), ApiJson.Default.Status, statusCode: StatusCodes.Status503ServiceUnavailable);
    }

    private static async Task<(bool Database, bool? Migrations)> AskDatabaseAsync(IDbContextFactory<XlnetDbContext> contexts, List<string> problems, CancellationToken ct)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(ct);
        limit.CancelAfter(Patience);
        try
        {
            await using var db = await contexts.CreateDbContextAsync(limit.Token);
            List<string> pending = [.. await db.Database.GetPendingMigrationsAsync(limit.Token)];
            if (pending.Count > 0)
                problems.Add($"The database has an older schema than this version, without {string.Join(", ", pending)}: a service that starts brings it up to date.");
            return (true, pending.Count == 0);
        }
        catch (OperationCanceledException) when (!ct.IsCancellationRequested)
        {
            problems.Add($"The database did not answer within {Patience.TotalSeconds:0} s.");
        }
        catch (Exception e) when (e is NpgsqlException or SocketException or TimeoutException or InvalidOperationException)
        {
            problems.Add($"The database cannot be asked: {(e as InvalidOperationException)?.InnerException?.Message ?? e.Message}");
        }

        return (false, null);
    }
}

using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Quartz;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Api.Common;

/// <param name="Database">Whether PostgreSQL answers.</param>
/// <param name="Migrations">Whether its schema is this version's.</param>
/// <param name="Scheduler">Whether operations are run.</param>
public sealed record Status(string Result, bool? Database = null, bool? Migrations = null, bool? Scheduler = null);

internal static class Health
{
    public static void MapHealth(this WebApplication app)
    {
        app.MapGet("/healthz", () => TypedResults.Ok(new Status("ok"))).WithTags("Health").WithName("Health_Live").WithSummary("Whether the process answers")
            .WithDescription("Nothing else is looked at: who restarts what does not answer asks this.").Produces(StatusCodes.Status400BadRequest);
        app.MapGet("/readyz", ReadyAsync).WithTags("Health").WithName("Health_Ready").WithSummary("Whether it can do its work")
            .Produces<Status>(StatusCodes.Status503ServiceUnavailable).Produces(StatusCodes.Status400BadRequest);
    }

    /// <remarks>For a load balancer: 503 while the database, its schema or the scheduler is not there.</remarks>
    private static async Task<Results<Ok<Status>, JsonHttpResult<Status>>> ReadyAsync(
        IDbContextFactory<XlnetDbContext> contexts, ISchedulerFactory schedulers, CancellationToken ct)
    {
        var (database, migrations) = (false, false);
        try
        {
            await using var db = await contexts.CreateDbContextAsync(ct);
            migrations = !(await db.Database.GetPendingMigrationsAsync(ct)).Any();
            database = true;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or InvalidOperationException)
        {
        }

        var scheduler = (await schedulers.GetAllSchedulers(ct)).Any(s => s.Status == SchedulerStatus.Running);
        return database && migrations && scheduler
            ? TypedResults.Ok(new Status("ready", database, migrations, scheduler))
            : TypedResults.Json(new Status("not-ready", database, migrations, scheduler), ApiJson.Default.Status, statusCode: StatusCodes.Status503ServiceUnavailable);
    }
}

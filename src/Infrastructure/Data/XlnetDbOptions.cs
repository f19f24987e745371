using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Xlnet.Infrastructure.Data;

public static class XlnetDbOptions
{
    /// <summary>How every context of xlnet talks to PostgreSQL.</summary>
    public static void Configure(DbContextOptionsBuilder options, NpgsqlDataSource dataSource) => options
        .UseNpgsql(dataSource, npgsql => npgsql.MigrationsAssembly("Xlnet.Migrations"))
        .UseSnakeCaseNamingConvention();

    /// <summary>
    /// What every connection asks for, unless the connection string itself says otherwise:
    /// <list type="bullet">
    /// <item><c>synchronous_commit = on</c>. The journal is written before each step, and Quartz notes who runs a host: both only mean
    /// something when what PostgreSQL has confirmed outlives its crash. A server or database with <c>off</c> loses the last half second.</item>
    /// <item>Statements that come again are prepared: PostgreSQL else takes longer to plan most of them than to run them.</item>
    /// <item>A connection is not reset when it goes back to the pool: nothing here leaves anything behind in its session, and the reset
    /// would be a statement more for each request.</item>
    /// </list>
    /// </summary>
    public static string Complete(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        settings.Options = $"-c synchronous_commit=on {settings.Options}".TrimEnd();
        if (!settings.ShouldSerialize("Max Auto Prepare"))
            settings.MaxAutoPrepare = 200;
        if (!settings.ShouldSerialize("No Reset On Close"))
            settings.NoResetOnClose = true;
        return settings.ConnectionString;
    }
}

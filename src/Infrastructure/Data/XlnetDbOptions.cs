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
    /// The journal is written before each step, and Quartz notes who runs a host: both only mean something when what PostgreSQL has
    /// confirmed outlives its crash. A server or database with <c>synchronous_commit = off</c> loses the last half second, so every
    /// connection asks for <c>on</c>, unless the connection string itself says otherwise.
    /// </summary>
    public static string Durable(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        settings.Options = $"-c synchronous_commit=on {settings.Options}".TrimEnd();
        return settings.ConnectionString;
    }
}

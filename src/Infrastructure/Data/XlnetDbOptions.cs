using Microsoft.EntityFrameworkCore;

namespace Xlnet.Infrastructure.Data;

public static class XlnetDbOptions
{
    /// <summary>How every context of xlnet talks to PostgreSQL.</summary>
    public static void Configure(DbContextOptionsBuilder options, string connectionString) => options
        .UseNpgsql(connectionString, npgsql => npgsql.MigrationsAssembly("Xlnet.Migrations"))
        .UseSnakeCaseNamingConvention();
}

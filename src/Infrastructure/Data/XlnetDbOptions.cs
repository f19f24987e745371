using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Xlnet.Infrastructure.Data;

public static class XlnetDbOptions
{
    /// <summary>How every context of xlnet talks to PostgreSQL.</summary>
    public static void Configure(DbContextOptionsBuilder options, NpgsqlDataSource dataSource) => options
        .UseNpgsql(dataSource, npgsql => npgsql.MigrationsAssembly("Xlnet.Migrations"))
        .UseSnakeCaseNamingConvention();
}

using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Npgsql;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Migrations;

/// <summary>For <c>dotnet ef migrations add</c>, which needs a model and no database.</summary>
public sealed class DesignTimeFactory : IDesignTimeDbContextFactory<XlnetDbContext>
{
    public XlnetDbContext CreateDbContext(string[] args)
    {
        var options = new DbContextOptionsBuilder<XlnetDbContext>();
        XlnetDbOptions.Configure(options, NpgsqlDataSource.Create("Host=localhost;Database=xlnet"));
        return new XlnetDbContext(options.Options);
    }
}

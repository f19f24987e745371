using System.Diagnostics;
using System.Net;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Quartz;
using Xlnet.Api.Tests.Faults;
using Xlnet.Api.Tests.Input;
using Xunit;

namespace Xlnet.Api.Tests.Operating;

public sealed class HealthTests : IAsyncLifetime
{
    private readonly string _data = Directory.CreateTempSubdirectory("xlnet-test-").FullName;

    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_data, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Ready_DatabaseStopsAndComesBack_SaysWhichIsWrongAndIsReadyAgain()
    {
        await using var postgres = await PostgresServer.StartAsync();
        await using var service = await ServiceProcess.StartAsync(postgres.ConnectionString, _data);
        await UntilAsync(service.Client, 200);

        await postgres.StopAsync();
        var down = await service.Client.GetJsonAsync("/readyz");

        Assert.Equal((503, "not-ready", false, true), (down.Status, (string)down["result"]!, (bool)down["database"]!, (bool)down["scheduler"]!));
        Assert.Null(down.Json!["migrations"]);
        Assert.StartsWith("The database cannot be asked: ", (string)Assert.Single(down["problems"].AsArray())!, StringComparison.Ordinal);
        Assert.Equal(200, (await service.Client.GetJsonAsync("/healthz")).Status);
        foreach (var answer in (Answer[])[await service.Client.GetJsonAsync("/v1/hosts"), await service.Client.PutAsync("/v1/hosts/dom0", new { driver = new { kind = "simulated" } })])
        {
            InputService.CheckProblem(answer, 503, "database.unavailable");
            Assert.Equal(TimeSpan.FromSeconds(5), answer.Headers.RetryAfter!.Delta);
        }

        Assert.DoesNotContain("xlnet_operation_unfinished{", (await service.Client.GetJsonAsync("/metrics")).Text, StringComparison.Ordinal);

        await postgres.StartAgainAsync();
        await UntilAsync(service.Client, 200);
        // A connection of the pool may have died with the database, and who gets that one asks once more.
        var began = Stopwatch.GetTimestamp();
        while (!(await service.Client.GetJsonAsync("/metrics")).Text.Contains("xlnet_operation_unfinished{", StringComparison.Ordinal))
            Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromMinutes(1), "The metrics of the database do not come back.");
    }

    [Fact]
    public async Task Ready_OlderSchemaAndSchedulerInStandby_SaysWhichIsWrong()
    {
        await using var database = new TestDatabase();
        await database.CreateAsync();
        await using var factory = new WebApplicationFactory<Program>().WithWebHostBuilder(builder => builder
            .UseSetting("ConnectionStrings:Xlnet", database.ConnectionString)
            .UseSetting("Xlnet:DataDirectory", _data)
            .UseSetting("Logging:LogLevel:Default", "Error"));
        factory.UseKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        factory.StartServer();
        var client = factory.CreateClient();
        var ready = await UntilAsync(client, 200);
        Assert.Equal(("ready", true, true, true), ((string)ready["result"]!, (bool)ready["database"]!, (bool)ready["migrations"]!, (bool)ready["scheduler"]!));

        await using var source = NpgsqlDataSource.Create(database.ConnectionString);
        var last = (string)(await ScalarAsync(source, "DELETE FROM \"__EFMigrationsHistory\" WHERE migration_id = (SELECT max(migration_id) FROM \"__EFMigrationsHistory\") RETURNING migration_id"))!;
        var old = await client.GetJsonAsync("/readyz");
        Assert.Equal((503, true, false, true), (old.Status, (bool)old["database"]!, (bool)old["migrations"]!, (bool)old["scheduler"]!));
        Assert.Contains(last, (string)Assert.Single(old["problems"].AsArray())!, StringComparison.Ordinal);

        var scheduler = await factory.Services.GetRequiredService<ISchedulerFactory>().GetScheduler(TestContext.Current.CancellationToken);
        await scheduler.Standby(TestContext.Current.CancellationToken);
        var both = await client.GetJsonAsync("/readyz");
        Assert.Equal((503, true, false, false), (both.Status, (bool)both["database"]!, (bool)both["migrations"]!, (bool)both["scheduler"]!));
        Assert.Equal(2, both["problems"].AsArray().Count);

        await ScalarAsync(source, $"INSERT INTO \"__EFMigrationsHistory\" VALUES ('{last}', '10.0')");
        var standby = await client.GetJsonAsync("/readyz");
        Assert.Equal((503, true, true, false), (standby.Status, (bool)standby["database"]!, (bool)standby["migrations"]!, (bool)standby["scheduler"]!));
        Assert.StartsWith("The scheduler is standby", (string)Assert.Single(standby["problems"].AsArray())!, StringComparison.Ordinal);

        await scheduler.Start(TestContext.Current.CancellationToken);
        await UntilAsync(client, 200);
    }

    private static async Task<Answer> UntilAsync(HttpClient client, int status)
    {
        var began = Stopwatch.GetTimestamp();
        while (true)
        {
            var answer = await client.GetJsonAsync("/readyz");
            if (answer.Status == status)
                return answer;
            Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromMinutes(1), answer.Text);
        }
    }

    private static async Task<object?> ScalarAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        return await command.ExecuteScalarAsync(TestContext.Current.CancellationToken);
    }
}

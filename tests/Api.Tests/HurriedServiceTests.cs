using System.Net;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Xlnet.Infrastructure.Data;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Api.Tests;

/// <summary>A service of a test's own, with one simulated host, dom0-a, and a clock that is in a hurry: what waits a minute is over in two seconds.</summary>
public abstract class HurriedServiceTests : IAsyncLifetime
{
    protected const int Hurry = 30;

    private readonly TestDatabase _database = new();
    private readonly string _data = Directory.CreateTempSubdirectory("xlnet-test-").FullName;
    private WebApplicationFactory<Program> _factory = null!;

    protected HttpClient Client { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        await _database.CreateAsync();
        Start(Hurry);
        await Client.PutAsync("/v1/hosts/dom0-a", new { driver = new { kind = "simulated" } });
        // The first look makes the host's state.
        await Client.GetJsonAsync("/v1/hosts/dom0-a/observation");
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        await _database.DisposeAsync();
        Directory.Delete(_data, recursive: true);
        GC.SuppressFinalize(this);
    }

    protected void Start(int hurry)
    {
        _factory = new WebApplicationFactory<Program>().WithWebHostBuilder(builder => builder
            .UseSetting("ConnectionStrings:Xlnet", _database.ConnectionString)
            .UseSetting("Xlnet:DataDirectory", _data)
            .UseSetting("Logging:LogLevel:Default", "Error")
            .ConfigureTestServices(services => services.AddSingleton<TimeProvider>(new HurriedTime(hurry))));
        _factory.UseKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _factory.StartServer();
        Client = _factory.CreateClient();
    }

    protected async Task StopAsync() => await _factory.DisposeAsync();

    /// <summary>Asks for an operation, and waits until it has ended.</summary>
    protected async Task<Answer> RunAsync(string path, object? body = null) => await EndAsync((string)(await Client.PostAsync(path, body))["id"]!);

    protected async Task<Answer> EndAsync(string id)
    {
        Answer operation;
        do
            operation = await Client.GetJsonAsync($"/v1/operations/{id}?wait=60s");
        while (operation.Json!["finishedAt"] is null);
        return operation;
    }

    protected async Task<SimulatedDom0State> StateAsync()
    {
        await using var db = await ContextAsync();
        return SimulatedDom0State.FromJson((await db.SimulatedHosts.AsNoTracking().SingleAsync()).State);
    }

    /// <summary>Changes the host behind the service's back.</summary>
    protected async Task ChangeAsync(Action<SimulatedDom0State> change)
    {
        await using var db = await ContextAsync();
        var row = await db.SimulatedHosts.SingleAsync();
        var state = SimulatedDom0State.FromJson(row.State);
        change(state);
        row.State = state.ToJson();
        await db.SaveChangesAsync();
    }

    private Task<XlnetDbContext> ContextAsync() => _factory.Services.GetRequiredService<IDbContextFactory<XlnetDbContext>>().CreateDbContextAsync();
}

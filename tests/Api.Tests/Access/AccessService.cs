using System.Net;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.AspNetCore.TestHost;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Xlnet.Api.Access;
using Xlnet.Domain.Access;
using Xlnet.Infrastructure.Data;
using Xunit;

namespace Xlnet.Api.Tests.Access;

/// <summary>A service that asks who its callers are, with a database and an issuer of tokens of its own, and the hosts one and two.</summary>
public class AccessService : IAsyncLifetime
{
    public const string Audience = "xlnet";

    private readonly TestDatabase _database = new();
    private readonly string _data = Directory.CreateTempSubdirectory("xlnet-test-").FullName;
    private readonly List<HttpClient> _clients = [];
    private WebApplicationFactory<Program> _factory = null!;

    internal Issuer Issuer { get; } = new();

    /// <summary>With a key that may do everything, named root.</summary>
    public HttpClient Admin { get; private set; } = null!;

    public IServiceProvider Services => _factory.Services;

    public string ConnectionString => _database.ConnectionString;

    protected virtual IEnumerable<(string Name, string Value)> Settings => [];

    protected virtual TimeProvider Clock => TimeProvider.System;

    public async ValueTask InitializeAsync()
    {
        await _database.CreateAsync();
        await Issuer.StartAsync();
        _factory = new WebApplicationFactory<Program>().WithWebHostBuilder(builder =>
        {
            builder.UseSetting("ConnectionStrings:Xlnet", _database.ConnectionString)
                .UseSetting("Xlnet:DataDirectory", _data)
                .UseSetting("Logging:LogLevel:Default", "Error")
                .UseSetting("Xlnet:Authentication:Authority", Issuer.Address)
                .UseSetting("Xlnet:Authentication:Audience", Audience)
                .UseSetting("Xlnet:Authentication:HostsClaim", "xlnet_hosts")
                .ConfigureTestServices(services => services.AddSingleton(Clock));
            foreach (var (name, value) in Settings)
                builder.UseSetting(name, value);
        });
        _factory.UseKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _factory.StartServer();
        await using (var scope = Services.CreateAsyncScope())
        {
            var (_, secret) = await scope.ServiceProvider.GetRequiredService<ApiKeyService>()
                .CreateAsync(new CreateApiKeyRequest { Name = "root", Role = AccessRole.Admin }, validateOnly: false, TestContext.Current.CancellationToken);
            Admin = Client(secret);
        }

        foreach (var host in (string[])["one", "two"])
            Assert.Equal(201, (await Admin.PutAsync($"/v1/hosts/{host}", new { driver = new { kind = "simulated" } })).Status);
    }

    /// <summary>Who sends this key or token, or nothing.</summary>
    public HttpClient Client(string? credentials)
    {
        var client = _factory.CreateClient();
        if (credentials is not null)
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", credentials);
        _clients.Add(client);
        return client;
    }

    /// <summary>A new key's name and the key.</summary>
    public async Task<(string Name, string Secret)> NewKeyAsync(string role, params string[] hosts)
    {
        var name = $"k-{Guid.NewGuid():n}"[..20];
        var made = await Admin.PostAsync("/v1/api-keys", new { name, role, hosts = hosts.Length == 0 ? null : hosts });
        Assert.True(made.Status == 201, made.Text);
        return (name, (string)made["secret"]!);
    }

    /// <summary>Who has a new key.</summary>
    public async Task<HttpClient> NewClientAsync(string role, params string[] hosts) => Client((await NewKeyAsync(role, hosts)).Secret);

    public async Task<XlnetDbContext> ContextAsync() =>
        await Services.GetRequiredService<IDbContextFactory<XlnetDbContext>>().CreateDbContextAsync(TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        _clients.ForEach(c => c.Dispose());
        if (_factory is not null)
            await _factory.DisposeAsync();
        await Issuer.DisposeAsync();
        await _database.DisposeAsync();
        Directory.Delete(_data, recursive: true);
        GC.SuppressFinalize(this);
    }
}

[CollectionDefinition("Access")]
public sealed class AccessGroup : ICollectionFixture<AccessService>;

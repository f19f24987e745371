using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Mvc.Testing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Xlnet.Api.Tests;
using Xlnet.Domain.Common;
using Xlnet.Infrastructure.Data;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

[assembly: AssemblyFixture(typeof(ServiceFixture))]

namespace Xlnet.Api.Tests;

/// <summary>The whole service on a real Kestrel, with a database of its own on a real PostgreSQL. All tests share it; each uses hosts of its own.</summary>
public sealed class ServiceFixture : IAsyncLifetime
{
    private readonly TestDatabase _database = new();
    private readonly string _data = Directory.CreateTempSubdirectory("xlnet-test-").FullName;
    private WebApplicationFactory<Program> _factory = null!;

    public HttpClient Client { get; private set; } = null!;

    public IServiceProvider Services => _factory.Services;

    /// <summary>Where directory hosts have their folders.</summary>
    public string DirectoryRoot => Path.Combine(_data, "directories");

    /// <summary>Where the private keys for hosts over SSH are.</summary>
    public string KeyDirectory => Path.Combine(_data, "keys");

    public string ConnectionString => _database.ConnectionString;

    public async ValueTask InitializeAsync()
    {
        await _database.CreateAsync();
        _factory = new WebApplicationFactory<Program>().WithWebHostBuilder(builder => builder
            .UseSetting("ConnectionStrings:Xlnet", _database.ConnectionString)
            .UseSetting("Xlnet:DataDirectory", _data)
            .UseSetting("Logging:LogLevel:Default", "Error"));
        _factory.UseKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _factory.StartServer();
        Client = _factory.CreateClient();
    }

    /// <summary>A fresh simulated host under a new name.</summary>
    public async Task<string> NewHostAsync(object? more = null)
    {
        var name = $"h-{Guid.NewGuid():n}"[..20];
        var body = new JsonObject { ["driver"] = new JsonObject { ["kind"] = "simulated" } };
        if (more is not null)
        {
            foreach (var (key, value) in JsonNode.Parse(System.Text.Json.JsonSerializer.Serialize(more))!.AsObject())
                body[key] = value?.DeepClone();
        }

        var response = await Client.SendJsonAsync(HttpMethod.Put, $"/v1/hosts/{name}", body);
        Assert.Equal(201, response.Status);
        return name;
    }

    /// <summary>Changes a simulated host behind the service's back.</summary>
    public async Task ChangeHostAsync(string host, Action<SimulatedDom0State> change)
    {
        // The first observation makes the host's state.
        await Client.GetJsonAsync($"/v1/hosts/{host}/observation");
        await ChangeKnownHostAsync(host, change);
    }

    /// <summary>The same, for one that has been observed already, and perhaps cannot be just now.</summary>
    public async Task ChangeKnownHostAsync(string host, Action<SimulatedDom0State> change)
    {
        await using var db = await Services.GetRequiredService<IDbContextFactory<XlnetDbContext>>().CreateDbContextAsync();
        var name = ResourceName.Parse(host);
        // Locked, as whoever watches the host changes it too.
        await using var transaction = await db.Database.BeginTransactionAsync();
        var row = await db.SimulatedHosts.FromSql($"SELECT s.* FROM simulated_hosts s JOIN hosts h ON h.id = s.host_id WHERE h.name = {name.Value} FOR UPDATE OF s").SingleAsync();
        var state = SimulatedDom0State.FromJson(row.State);
        change(state);
        row.State = state.ToJson();
        await db.SaveChangesAsync();
        await transaction.CommitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        Client?.Dispose();
        if (_factory is not null)
            await _factory.DisposeAsync();
        await _database.DisposeAsync();
        Directory.Delete(_data, recursive: true);
    }
}

/// <summary>A database that lives as long as this object, on the PostgreSQL of <c>XLNET_TEST_POSTGRES</c>.</summary>
public sealed class TestDatabase : IAsyncDisposable
{
    private readonly string _server = Environment.GetEnvironmentVariable("XLNET_TEST_POSTGRES")
        ?? throw new InvalidOperationException("XLNET_TEST_POSTGRES is not set: run the tests with ./test, which starts a PostgreSQL for them.");

    private readonly string _name = $"xlnet_test_{Guid.NewGuid():n}";

    public string ConnectionString => new NpgsqlConnectionStringBuilder(_server) { Database = _name, MaxPoolSize = 100 }.ConnectionString;

    public async Task CreateAsync()
    {
        await using var server = NpgsqlDataSource.Create(_server);
        await using var create = server.CreateCommand($"CREATE DATABASE {_name}");
        await create.ExecuteNonQueryAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await using var server = NpgsqlDataSource.Create(_server);
        await using var drop = server.CreateCommand($"DROP DATABASE IF EXISTS {_name} WITH (FORCE)");
        await drop.ExecuteNonQueryAsync();
    }
}

/// <summary>An answer with its body as JSON, when it is.</summary>
public sealed record Answer(int Status, JsonNode? Json, string Text, HttpResponseHeaders Headers, string? ContentType)
{
    public JsonNode this[string name] => Json![name] ?? throw new Xunit.Sdk.XunitException($"no '{name}' in {Text}");

    /// <summary>The code of a problem.</summary>
    public string? Code => (string?)Json?["code"];

    /// <summary>The pointers of a problem's fields.</summary>
    public IReadOnlyList<string> Pointers => [.. Json?["errors"]?.AsArray().Select(e => (string)e!["pointer"]!) ?? []];
}

public static class HttpClientExtensions
{
    public static async Task<Answer> AnswerAsync(this HttpClient client, HttpRequestMessage request)
    {
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        var type = response.Content.Headers.ContentType?.MediaType;
        // A stream of events may never end: its first line shows that it has begun.
        var text = type == "text/event-stream"
            ? await new StreamReader(await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken)).ReadLineAsync(TestContext.Current.CancellationToken) ?? ""
            : await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        var json = type is not null && type.EndsWith("json", StringComparison.Ordinal) ? JsonNode.Parse(text) : null;
        return new Answer((int)response.StatusCode, json, text, response.Headers, type);
    }

    public static Task<Answer> GetJsonAsync(this HttpClient client, string path) =>
        client.AnswerAsync(new HttpRequestMessage(HttpMethod.Get, path));

    public static Task<Answer> DeleteAnswerAsync(this HttpClient client, string path) =>
        client.AnswerAsync(new HttpRequestMessage(HttpMethod.Delete, path));

    public static Task<Answer> SendJsonAsync(this HttpClient client, HttpMethod method, string path, object? body, params (string Name, string Value)[] headers)
    {
        var text = body is JsonNode node ? node.ToJsonString() : body is null ? "" : System.Text.Json.JsonSerializer.Serialize(body);
        return client.SendTextAsync(method, path, text, "application/json", headers);
    }

    public static Task<Answer> SendTextAsync(
        this HttpClient client, HttpMethod method, string path, string body, string contentType = "text/plain", params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(method, path);
        if (body.Length > 0)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body));
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        }

        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return client.AnswerAsync(request);
    }

    public static Task<Answer> PostAsync(this HttpClient client, string path, object? body = null) => client.SendJsonAsync(HttpMethod.Post, path, body);

    public static Task<Answer> PutAsync(this HttpClient client, string path, object? body) => client.SendJsonAsync(HttpMethod.Put, path, body);

    public static Task<Answer> PutTextAsync(this HttpClient client, string path, string text) => client.SendTextAsync(HttpMethod.Put, path, text);
}

using System.Text.Json.Nodes;
using Npgsql;
using Xunit;

namespace Xlnet.Api.Tests.Operating;

public sealed class LogTests : IAsyncLifetime
{
    private const string Guest = "name = 'web1'\ntype = 'pv'\nkernel = '/guest/vmlinuz'\nextra = 'guest-s3cret'\nvif = ['bridge=xenbr0']\n";

    private readonly TestDatabase _database = new();
    private readonly string _data = Directory.CreateTempSubdirectory("xlnet-test-").FullName;

    public async ValueTask InitializeAsync() => await _database.CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_data, recursive: true);
    }

    [Fact]
    public async Task Lines_StartedInAnotherFolder_AreThoseOfTheSettingsBesideTheService()
    {
        await using var service = await ServiceProcess.StartAsync(_database.ConnectionString, _data);
        await SendAsync(service, HttpMethod.Put, "/v1/hosts/dom0-a", "application/json", """{"driver":{"kind":"simulated"}}""", "request-1");
        await service.AskToStopAsync();
        Assert.Equal(0, await service.EndAsync());

        Assert.DoesNotContain(service.Lines, l => l.Contains("Microsoft.EntityFrameworkCore", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Lines_OfANameTakenTwice_ReportNoFault()
    {
        await using var service = await ServiceProcess.StartAsync(_database.ConnectionString, _data);
        var statuses = new List<int>();
        foreach (var id in (string[])["request-1", "request-2"])
        {
            var answer = await SendAsync(service, HttpMethod.Post, "/v1/api-keys", "application/json", """{"name":"pipeline","role":"viewer"}""", id);
            statuses.Add(answer.Status);
        }

        Assert.Equal([201, 409], statuses);
        await service.AskToStopAsync();
        Assert.Equal(0, await service.EndAsync());
        Assert.DoesNotContain(service.Lines, l => l.StartsWith("fail:", StringComparison.Ordinal) || l.Contains("Exception", StringComparison.Ordinal));
    }

    /// <summary>With everything logged that can be, so that nothing is safe by not being logged.</summary>
    [Fact]
    public async Task Lines_OfRequestsAndOperations_CarryTheirIdsAndNoSecret()
    {
        var keys = Directory.CreateDirectory(Path.Combine(_data, "keys")).FullName;
        var key = Path.Combine(keys, "lab");
        await File.WriteAllTextAsync(key, "-----BEGIN OPENSSH PRIVATE KEY-----\nkey-s3cret\n-----END OPENSSH PRIVATE KEY-----\n", TestContext.Current.CancellationToken);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(key, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var connection = new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Password = "database-s3cret" }.ConnectionString;
        await using var service = await ServiceProcess.StartAsync(connection, _data, environment: new Dictionary<string, string>
        {
            ["Logging__Console__FormatterName"] = "json",
            ["Logging__LogLevel__Default"] = "Trace",
            ["Logging__LogLevel__Microsoft.AspNetCore"] = "Trace",
            ["Logging__LogLevel__Microsoft.EntityFrameworkCore"] = "Trace",
            ["Logging__LogLevel__Microsoft.EntityFrameworkCore.Database.Command"] = "Trace",
            ["Logging__LogLevel__Quartz"] = "Trace",
        });

        await SendAsync(service, HttpMethod.Put, "/v1/hosts/dom0-a", "application/json", """{"driver":{"kind":"simulated"}}""", "request-1");
        await SendAsync(service, HttpMethod.Put, "/v1/hosts/dom0-a/guests/web1/config", "text/plain", Guest, "request-2");
        var operation = await SendAsync(service, HttpMethod.Post, "/v1/hosts/dom0-a/apply?wait=60s", "application/json", """{"allow":["vif-blip"]}""", "request-3");
        Assert.Equal("succeeded", (string)operation["status"]!);
        await SendAsync(service, HttpMethod.Put, "/v1/hosts/dom0-b", "application/json",
            $$$"""{"driver":{"kind":"ssh","address":"127.0.0.1","port":1,"user":"root","key":"lab","hostKey":"SHA256:{{{new string('A', 43)}}}"}}""", "request-4");
        await SendAsync(service, HttpMethod.Get, "/v1/hosts/dom0-b/observation", null, null, "request-5");
        await SendAsync(service, HttpMethod.Put, "/v1/hosts/dom0-c", "application/json", """{"driver":"body-s3cret""", "request-6");
        await service.AskToStopAsync();
        Assert.Equal(0, await service.EndAsync());

        List<Line> lines = [.. service.Lines.Select(l => new Line(l, JsonNode.Parse(l)!))];
        Assert.All(lines, l => Assert.DoesNotContain("s3cret", l.Text, StringComparison.Ordinal));
        // A line of a request is one that says so itself: each of them has the request's id, and no other.
        var ofRequests = lines.Where(l => l.Scope("RequestPath") is not null).ToLookup(l => l.Scope("RequestPath"), l => l.Scope("RequestId"));
        Assert.Equal(["request-1"], ofRequests["/v1/hosts/dom0-a"].Distinct());
        Assert.Equal(["request-2"], ofRequests["/v1/hosts/dom0-a/guests/web1/config"].Distinct());
        Assert.Equal(["request-5"], ofRequests["/v1/hosts/dom0-b/observation"].Distinct());
        Assert.Equal(["request-6"], ofRequests["/v1/hosts/dom0-c"].Distinct());

        var ofOperation = lines.Where(l => l.Category == "Xlnet.Infrastructure.Operations.OperationRunner").ToList();
        Assert.Equal(2, ofOperation.Count);
        Assert.All(ofOperation, l => Assert.Equal(
            ((string)operation["id"]!, "dom0-a", "request-3"), (l.Scope("OperationId"), l.Scope("Host"), l.Scope("RequestId"))));
        Assert.Contains(lines, l => l.Category.StartsWith("Microsoft.EntityFrameworkCore", StringComparison.Ordinal) && l.Scope("OperationId") == (string)operation["id"]!);
    }

    private static Task<Answer> SendAsync(ServiceProcess service, HttpMethod method, string path, string? type, string? body, string id)
    {
        var request = new HttpRequestMessage(method, path);
        if (body is not null)
            request.Content = new StringContent(body, System.Text.Encoding.UTF8, type!);
        request.Headers.Add("X-Request-ID", id);
        request.Headers.Add("Authorization", "Bearer bearer-s3cret");
        request.Headers.Add("Cookie", "session=cookie-s3cret");
        return service.Client.AnswerAsync(request);
    }

    private sealed record Line(string Text, JsonNode Json)
    {
        public string Category => (string)Json[nameof(Category)]!;

        public string? Scope(string name) => (string?)Json["Scopes"]?.AsArray().Select(s => s as JsonObject).LastOrDefault(s => s?.ContainsKey(name) == true)?[name];
    }
}

using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Xlnet.Api.Tests.Input;
using Xunit;

namespace Xlnet.Api.Tests.Access;

/// <summary>Who is let in, and which role does what.</summary>
[Collection("Access")]
public sealed partial class AccessTests(AccessService service)
{
    [Fact]
    public async Task Request_WithoutCredentials_IsAskedForThem()
    {
        var answer = await service.Client(null).GetJsonAsync("/v1/hosts");
        InputService.CheckProblem(answer, 401, "access.missing");
        Assert.Equal("Bearer realm=\"xlnet\"", answer.Headers.WwwAuthenticate.ToString());
    }

    [Theory]
    [InlineData("Bearer xlnet_nobody000000_0123456789012345678901234567890123456789012", "access.key")]
    [InlineData("Bearer xlnet_nobody000000_short", "access.key")]
    [InlineData("Bearer xlnet_", "access.key")]
    [InlineData("Bearer gibberish", "access.token")]
    [InlineData("Bearer a.b.c", "access.token")]
    [InlineData("Bearer", "access.scheme")]
    [InlineData("Basic eDp5", "access.scheme")]
    public async Task Request_WithUselessCredentials_IsRefused(string header, string code)
    {
        var answer = await service.Client(null).SendJsonAsync(HttpMethod.Get, "/v1/hosts", null, ("Authorization", header));
        InputService.CheckProblem(answer, 401, code);
        Assert.Equal("Bearer realm=\"xlnet\", error=\"invalid_token\"", answer.Headers.WwwAuthenticate.ToString());
    }

    [Fact]
    public async Task Request_WithTheRightPrefixAndAnotherSecret_IsRefused()
    {
        var (_, secret) = await service.NewKeyAsync("viewer");
        Assert.Equal(200, (await service.Client(secret).GetJsonAsync("/v1/hosts")).Status);
        var wrong = secret[..^1] + (secret[^1] == 'a' ? 'b' : 'a');
        InputService.CheckProblem(await service.Client(wrong).GetJsonAsync("/v1/hosts"), 401, "access.key");
    }

    [Fact]
    public async Task Service_PathsOfNoOne_AreOpen()
    {
        var nobody = service.Client(null);
        foreach (var path in (string[])["/healthz", "/readyz", "/openapi/v1.json", "/swagger/index.html"])
            Assert.True((await nobody.GetJsonAsync(path)).Status == 200, path);
        // What is not said to be open is not, be it nothing at all.
        foreach (var path in (string[])["/", "/metrics", "/v1", "/v1/nothing", "/v1/hosts/one/nothing"])
            Assert.True((await nobody.GetJsonAsync(path)).Status == 401, path);
        InputService.CheckProblem(await service.Admin.GetJsonAsync("/v1/nothing"), 404, "not-found");
    }

    [Fact]
    public void Endpoints_Each_HasAPolicyOrIsOpenOnPurpose()
    {
        string[] open = ["/healthz", "/readyz", "/openapi/{documentName}.json"];
        var endpoints = service.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>().ToList();
        Assert.NotEmpty(endpoints);
        foreach (var endpoint in endpoints)
        {
            var path = endpoint.RoutePattern.RawText!;
            Assert.True(open.Contains(path) == endpoint.Metadata.OfType<IAllowAnonymous>().Any(), path);
            Assert.True(open.Contains(path) || endpoint.Metadata.OfType<IAuthorizeData>().Any(a => a.Policy is not null), path);
        }
    }

    [Theory]
    [InlineData("viewer", 0)]
    [InlineData("operator", 1)]
    [InlineData("admin", 2)]
    public async Task Operations_Each_TakesItsRole(string role, int rank)
    {
        var client = await service.NewClientAsync(role);
        var seen = 0;
        foreach (var (name, method, path) in Operations())
        {
            var needed = name switch
            {
                "Hosts_Delete" or "Audit_List" or "MacPools_Create" or "MacPools_Put" or "MacPools_Patch" or "MacPools_Delete" => 2,
                _ when name.StartsWith("ApiKeys_", StringComparison.Ordinal) => 2,
                "Lint_Run" or "Explain_Run" => 0,
                _ => method == "GET" ? 0 : 1,
            };
            var answer = await client.SendJsonAsync(new HttpMethod(method), path, null);
            if (rank < needed)
            {
                InputService.CheckProblem(answer, 403, "access.role");
                Assert.Equal(needed == 2 ? "admin" : "operator", (string?)answer["requiredRole"]);
            }
            else
            {
                Assert.True(answer.Status is not 401 and not 403, $"{name}: {answer.Status} {answer.Text}");
            }

            seen++;
        }

        Assert.True(seen > 50);
    }

    [Fact]
    public async Task Operations_Each_IsClosedToTheUnknown()
    {
        var nobody = service.Client(null);
        foreach (var (name, method, path) in Operations())
        {
            var answer = await nobody.SendJsonAsync(new HttpMethod(method), path, null);
            Assert.True(answer is { Status: 401, Code: "access.missing" }, $"{name}: {answer.Status} {answer.Text}");
        }
    }

    [Fact]
    public async Task Document_EveryOperation_SaysWhoMay()
    {
        var document = (await service.Client(null).GetJsonAsync("/openapi/v1.json")).Json!;
        Assert.Equal(["apiKey", "token"], document["components"]!["securitySchemes"]!.AsObject().Select(s => s.Key).Order(StringComparer.Ordinal));
        Assert.Contains(document["security"]!.AsArray(), s => s!["apiKey"] is not null);
        foreach (var (path, item) in document["paths"]!.AsObject())
        {
            foreach (var (method, operation) in item!.AsObject())
            {
                // What is open to all says so; the rest keeps to what the document says for all.
                Assert.True((operation!["security"] is null) == path.StartsWith("/v1/", StringComparison.Ordinal), path);
                if (path.StartsWith("/v1/", StringComparison.Ordinal))
                    Assert.All((string[])["401", "403", "429"], s => Assert.True(operation["responses"]![s] is not null, $"{method} {path} {s}"));
            }
        }
    }

    [Fact]
    public async Task Request_OfAKnownKey_CostsNoStatementForIt()
    {
        var client = await service.NewClientAsync("viewer");
        await client.GetJsonAsync("/v1/hosts/one");
        using var counter = new StatementCounter();
        // The key is read anew every five seconds, which may be just now, but not twice running.
        var statements = new List<int>();
        for (var i = 0; i < 3; i++)
            statements.Add((await counter.CountAsync(client, HttpMethod.Get, "/v1/hosts/one")).Statements);
        Assert.Equal(1, statements.Min());
    }

    private IEnumerable<(string Name, string Method, string Path)> Operations() =>
        from endpoint in service.Services.GetRequiredService<EndpointDataSource>().Endpoints.OfType<RouteEndpoint>()
        where endpoint.RoutePattern.RawText!.StartsWith("/v1/", StringComparison.Ordinal)
        select (endpoint.Metadata.GetMetadata<IEndpointNameMetadata>()!.EndpointName, endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods.Single(),
            Parameter().Replace(endpoint.RoutePattern.RawText!, p => p.Groups[1].Value switch
            {
                "id" => Guid.Empty.ToString(),
                "number" or "devid" => "1",
                "mac" => "02:00:00:00:00:01",
                "address" => "10.0.0.1",
                _ => "none-such",
            }));

    [GeneratedRegex(@"\{(\w+)(:\w+)?\}")]
    private static partial Regex Parameter();
}

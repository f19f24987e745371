using System.Text.Json.Nodes;
using Xlnet.Api.Tests.Input;
using Xunit;

namespace Xlnet.Api.Tests.Access;

/// <summary>Its issuer is gone: nothing listens on port 1.</summary>
public sealed class OrphanedService : AccessService
{
    protected override IEnumerable<(string Name, string Value)> Settings => [("Xlnet:Authentication:Authority", "http://127.0.0.1:1")];
}

public sealed class OrphanedTests(OrphanedService service) : IClassFixture<OrphanedService>
{
    [Fact]
    public async Task Token_OfAnIssuerThatIsGone_IsNotCalledWrong()
    {
        var answer = await service.Client(service.Issuer.Token()).GetJsonAsync("/v1/hosts");
        InputService.CheckProblem(answer, 503, "access.issuer-unreachable");
        Assert.NotNull(answer.Headers.RetryAfter);
        Assert.Empty(answer.Headers.WwwAuthenticate);
        Assert.Equal(200, (await service.Admin.GetJsonAsync("/v1/hosts")).Status);
    }
}

/// <summary>Tokens of an issuer that runs beside the service.</summary>
[Collection("Access")]
public sealed class TokenTests(AccessService service)
{
    [Fact]
    public async Task Token_OfTheIssuer_OpensAndNamesItsSubject()
    {
        var subject = $"s-{Guid.NewGuid():n}";
        var client = service.Client(service.Issuer.Token(c => c["sub"] = subject));
        Assert.Equal(200, (await client.GetJsonAsync("/v1/hosts")).Status);
        Assert.Equal(201, (await client.PutAsync("/v1/hosts/one/bridges/tok0", new { })).Status);
        Assert.Equal(subject, (string?)Assert.Single((await service.Admin.GetJsonAsync($"/v1/audit?actor={subject}"))["items"].AsArray())!["actor"]);
    }

    [Fact]
    public async Task Token_ThatIsNotRight_IsRefused()
    {
        var issuer = service.Issuer;
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        (string Why, string Token, string Code)[] wrong =
        [
            ("another audience", issuer.Token(c => c["aud"] = "something-else"), "access.token"),
            ("no audience", issuer.Token(c => c.Remove("aud")), "access.token"),
            ("another issuer", issuer.Token(c => c["iss"] = "https://issuer.example"), "access.token"),
            ("expired", issuer.Token(c => (c["nbf"], c["exp"]) = (now - 7200, now - 3600)), "access.token-expired"),
            ("no end", issuer.Token(c => c.Remove("exp")), "access.token"),
            ("not yet", issuer.Token(c => (c["nbf"], c["exp"]) = (now + 3600, now + 7200)), "access.token"),
            ("signed by another", issuer.Forged(), "access.token"),
            ("changed", issuer.Tampered(), "access.token"),
            ("alg none", issuer.Unsigned(), "access.token"),
            ("signed by the public key", issuer.SignedByPublicKey(), "access.token"),
            ("no subject", issuer.Token(c => c.Remove("sub")), "access.token"),
            ("a subject that cannot be stored", issuer.Token(c => c["sub"] = "a\0b"), "access.token"),
            ("a subject without end", issuer.Token(c => c["sub"] = new string('s', 256)), "access.token"),
        ];
        foreach (var (why, token, code) in wrong)
        {
            var answer = await service.Client(token).GetJsonAsync("/v1/hosts");
            Assert.True(answer.Status == 401 && answer.Code == code, $"{why}: {answer.Status} {answer.Text}");
            InputService.CheckProblem(answer, 401, code);
            Assert.Equal("Bearer realm=\"xlnet\", error=\"invalid_token\"", answer.Headers.WwwAuthenticate.ToString());
        }

        Assert.Equal(200, (await service.Client(issuer.Token()).GetJsonAsync("/v1/hosts")).Status);
    }

    [Theory]
    [InlineData("""["operator"]""", 200, 201, 403)]
    [InlineData("\"operator\"", 200, 201, 403)]
    [InlineData("""["viewer","offline_access"]""", 200, 403, 403)]
    [InlineData("""["viewer","admin","operator"]""", 200, 201, 200)]
    [InlineData("""["Admin","root"]""", 403, 403, 403)]
    [InlineData("[]", 403, 403, 403)]
    [InlineData("null", 403, 403, 403)]
    public async Task Token_WithRoles_HasTheHighest(string roles, int read, int write, int audit)
    {
        var client = service.Client(service.Issuer.Token(c => c["roles"] = JsonNode.Parse(roles)));
        var answer = await client.GetJsonAsync("/v1/hosts");
        Assert.Equal(read, answer.Status);
        if (read == 403)
            InputService.CheckProblem(answer, 403, "access.role");
        await service.Admin.DeleteAnswerAsync("/v1/hosts/one/bridges/tok1");
        Assert.Equal(write, (await client.PutAsync("/v1/hosts/one/bridges/tok1", new { })).Status);
        Assert.Equal(audit, (await client.GetJsonAsync("/v1/audit")).Status);
    }

    [Theory]
    [InlineData("""["one"]""", 200, 403)]
    [InlineData("\"two\"", 403, 200)]
    [InlineData("""["one","two"]""", 200, 200)]
    [InlineData("\"*\"", 200, 200)]
    // The claim is set to be the one that says the hosts: without it there are none.
    [InlineData("[]", 403, 403)]
    [InlineData("null", 403, 403)]
    public async Task Token_WithHosts_IsForThoseAlone(string hosts, int one, int two)
    {
        var client = service.Client(service.Issuer.Token(c => c["xlnet_hosts"] = JsonNode.Parse(hosts)));
        Assert.Equal((one, two), ((await client.GetJsonAsync("/v1/hosts/one")).Status, (await client.GetJsonAsync("/v1/hosts/two")).Status));
        var shown = (await client.GetJsonAsync("/v1/hosts"))["items"].AsArray().Select(h => (string)h!["name"]!).ToList();
        Assert.Equal((one == 200, two == 200), (shown.Contains("one"), shown.Contains("two")));
    }
}

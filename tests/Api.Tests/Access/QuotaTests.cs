using Xlnet.Api.Tests.Input;
using Xunit;

namespace Xlnet.Api.Tests.Access;

/// <summary>Three requests an hour, so that none comes back while a test runs; a new key has all of them.</summary>
public sealed class QuotaService : AccessService
{
    protected override IEnumerable<(string Name, string Value)> Settings => [("Xlnet:RateLimit:Requests", "3"), ("Xlnet:RateLimit:WindowSeconds", "3600")];
}

public sealed class QuotaTests(QuotaService service) : IClassFixture<QuotaService>
{
    [Fact]
    public async Task Requests_BeyondTheQuota_AreRefusedAndSayWhenToComeAgain()
    {
        // The service's own key has used its quota up on the hosts, so these come by token.
        var client = service.Client(service.Issuer.Token(c => c["sub"] = "greedy"));
        for (var left = 2; left >= 0; left--)
        {
            // A refusal for another reason counts as well.
            var answer = await client.GetJsonAsync(left == 1 ? "/v1/hosts/none-such" : "/v1/hosts");
            Assert.Equal(left == 1 ? 404 : 200, answer.Status);
            Assert.Equal("\"caller\";q=3;w=3600", Header(answer, "RateLimit-Policy"));
            Assert.Matches($"^\"caller\";r={left};t=[0-9]+$", Header(answer, "RateLimit"));
            Assert.Null(answer.Headers.RetryAfter);
        }

        var refused = await client.GetJsonAsync("/v1/hosts");
        InputService.CheckProblem(refused, 429, "quota.exceeded");
        Assert.Equal("\"caller\";r=0;t=3600", Header(refused, "RateLimit"));
        Assert.InRange(refused.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1200));
        // It is the API that is counted, and each caller for himself.
        Assert.Equal(200, (await client.GetJsonAsync("/healthz")).Status);
        Assert.Equal(200, (await service.Client(service.Issuer.Token(c => c["sub"] = "modest")).GetJsonAsync("/v1/hosts")).Status);
        Assert.Equal(401, (await service.Client(null).GetJsonAsync("/v1/hosts")).Status);
    }

    private static string Header(Answer answer, string name) => Assert.Single(answer.Headers.GetValues(name));
}

using Xunit;

namespace Xlnet.Api.Tests.Access;

/// <summary>On whose clock the fifteen seconds between two looks at the key are over in half a second.</summary>
public sealed class HurriedAccessService : AccessService
{
    private readonly HurriedTime _clock = new(30);

    protected override TimeProvider Clock => _clock;
}

public sealed class StreamTests(HurriedAccessService service) : IClassFixture<HurriedAccessService>
{
    [Fact]
    public async Task Stream_OfAKeyThatIsDeleted_Ends()
    {
        var (gone, gonesSecret) = await service.NewKeyAsync("viewer");
        var (_, stayingSecret) = await service.NewKeyAsync("viewer");
        using var ends = await OpenAsync(gonesSecret);
        using var stays = await OpenAsync(stayingSecret);
        Assert.Equal(204, (await service.Admin.DeleteAnswerAsync($"/v1/api-keys/{gone}")).Status);
        var heartbeats = 0;
        while (await ends.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
        {
            heartbeats += line.StartsWith(": still", StringComparison.Ordinal) ? 1 : 0;
            Assert.True(heartbeats < 100, "it goes on without end");
        }

        // The other one goes on: as many heartbeats as the first had, and one more.
        for (var seen = 0; seen <= heartbeats;)
            seen += (await stays.ReadLineAsync(TestContext.Current.CancellationToken))!.StartsWith(": still", StringComparison.Ordinal) ? 1 : 0;
    }

    private async Task<StreamReader> OpenAsync(string secret)
    {
        var response = await service.Client(secret).GetAsync("/v1/hosts/one/events", HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        Assert.Equal(200, (int)response.StatusCode);
        return new StreamReader(await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
    }
}

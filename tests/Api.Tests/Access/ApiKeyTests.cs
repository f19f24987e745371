using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xlnet.Api.Access;
using Xlnet.Api.Tests.Input;
using Xlnet.Domain.Access;
using Xlnet.Domain.Common;
using Xlnet.Infrastructure.Data;
using Xunit;

namespace Xlnet.Api.Tests.Access;

/// <summary>A key's life: made, used, given another secret, expired, deleted.</summary>
[Collection("Access")]
public sealed class ApiKeyTests(AccessService service)
{
    [Fact]
    public async Task Key_Made_IsShownOnceAndKeptNowhere()
    {
        var made = await service.Admin.PostAsync("/v1/api-keys", new { name = "once", role = "operator", hosts = new[] { "two", "one", "two" }, expiresAt = "2199-01-31T12:00:00+02:00" });
        Assert.True(made.Status == 201, made.Text);
        Assert.Equal("/v1/api-keys/once", made.Headers.Location!.ToString());
        Assert.True(made.Headers.CacheControl!.NoStore);
        var secret = (string)made["secret"]!;
        Assert.Matches($"^xlnet_{made["prefix"]}_[0-9A-Za-z]{{43}}$", secret);
        Assert.Equal(["one", "two"], made["hosts"].AsArray().Select(h => (string)h!));
        Assert.Equal("2199-01-31T10:00:00Z", (string?)made["expiresAt"]);

        var read = await service.Admin.GetJsonAsync("/v1/api-keys/once");
        Assert.Equal("operator", (string?)read["role"]);
        Assert.Equal(made.Headers.ETag, read.Headers.ETag);
        var listed = await service.Admin.GetJsonAsync("/v1/api-keys?limit=1000");
        Assert.Contains(listed["items"].AsArray(), k => (string?)k!["name"] == "once");
        var audit = await service.Admin.GetJsonAsync("/v1/audit?action=api-key.create&limit=1000");
        Assert.Contains(audit["items"].AsArray(), a => (string?)a!["target"] == "api-keys/once" && (string?)a["after"]!["role"] == "operator");
        foreach (var answer in (Answer[])[read, listed, audit])
        {
            Assert.DoesNotContain(secret.Split('_')[2], answer.Text, StringComparison.Ordinal);
            Assert.DoesNotContain("hash", answer.Text, StringComparison.OrdinalIgnoreCase);
        }

        Assert.DoesNotContain(secret.Split('_')[2], await EverythingAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Key_Trial_MakesNone()
    {
        var trial = await service.Admin.PostAsync("/v1/api-keys?validateOnly=true", new { name = "trial", role = "viewer" });
        Assert.Equal(201, trial.Status);
        Assert.Null(trial.Json!["secret"]);
        Assert.Equal(404, (await service.Admin.GetJsonAsync("/v1/api-keys/trial")).Status);
    }

    [Fact]
    public async Task Key_OfATakenName_IsRefused()
    {
        var (name, _) = await service.NewKeyAsync("viewer");
        InputService.CheckProblem(await service.Admin.PostAsync("/v1/api-keys", new { name, role = "viewer" }), 409, "api-key.exists");
    }

    [Theory]
    [InlineData("""{"role":"viewer"}""", 422, "api-key.name", "/name")]
    [InlineData("""{"name":"Upper","role":"viewer"}""", 422, "api-key.name", "/name")]
    [InlineData("""{"name":"x"}""", 422, "api-key.role", "/role")]
    [InlineData("""{"name":"x","role":"root"}""", 400, "body.type", "/role")]
    [InlineData("""{"name":"x","role":"viewer","hosts":[]}""", 422, "api-key.hosts", "/hosts")]
    [InlineData("""{"name":"x","role":"viewer","hosts":["a/b"]}""", 422, "host.name", "/hosts/0")]
    [InlineData("""{"name":"x","role":"viewer","hosts":[null]}""", 422, "host.name", "/hosts/0")]
    [InlineData("""{"name":"x","role":"viewer","expiresAt":"2001-01-01T00:00:00Z"}""", 422, "api-key.expires-at", "/expiresAt")]
    [InlineData("""{"name":"x","role":"viewer","expiresAt":"2199-01-01T00:00:00"}""", 400, "body.type", "/expiresAt")]
    [InlineData("""{"name":"x","role":"viewer","expiresAt":"tomorrow"}""", 400, "body.type", "/expiresAt")]
    [InlineData("""{"name":"x","role":"viewer","secret":"xlnet_"}""", 400, "body.unknown-member", "/secret")]
    public async Task Key_WithWrongFields_IsRefused(string body, int status, string code, string pointer)
    {
        var answer = await service.Admin.PostAsync("/v1/api-keys", JsonNode.Parse(body));
        Assert.True(answer.Status == status, answer.Text);
        Assert.Contains(answer["errors"].AsArray(), e => (string?)e!["code"] == code && (string?)e["pointer"] == pointer);
    }

    [Fact]
    public async Task Key_Rotated_TakesTheOldSecretAsLongAsWasSaid()
    {
        var (name, first) = await service.NewKeyAsync("viewer");
        var second = await RotateAsync(name, new { overlapSeconds = 3600 });
        Assert.NotNull(second["previousUntil"]);
        Assert.Equal((200, 200), (await StatusAsync(first), await StatusAsync(second)));
        // The overlap is of one secret: an even older one ends.
        var third = await RotateAsync(name, new { overlapSeconds = 3600 });
        Assert.Equal((401, 200, 200), (await StatusAsync(first), await StatusAsync(second), await StatusAsync(third)));
        var last = await RotateAsync(name, null);
        Assert.Null(last.Json!["previousUntil"]);
        Assert.Equal((401, 401, 200), (await StatusAsync(second), await StatusAsync(third), await StatusAsync(last)));
        InputService.CheckProblem(await service.Admin.PostAsync($"/v1/api-keys/{name}/rotate", new { overlapSeconds = -1 }), 422, "validation", "/overlapSeconds");
        Assert.Equal(200, await StatusAsync(last));
    }

    [Fact]
    public void Key_AfterItsOverlapAndItsEnd_OpensNoMore()
    {
        var clock = new ManualTime();
        var key = new ApiKey { Name = ResourceName.Parse("k"), ExpiresAt = clock.Start.AddHours(2) };
        var (first, second) = (HashOf(key.Rotate(TimeSpan.Zero, clock.Start)), HashOf(key.Rotate(TimeSpan.FromHours(1), clock.Start)));
        (TimeSpan At, bool First, bool Second)[] expected =
        [
            (TimeSpan.Zero, true, true),
            (TimeSpan.FromHours(1) - TimeSpan.FromTicks(1), true, true),
            (TimeSpan.FromHours(1), false, true),
            (TimeSpan.FromHours(2) - TimeSpan.FromTicks(1), false, true),
            (TimeSpan.FromHours(2), false, false),
        ];
        foreach (var (at, isFirst, isSecond) in expected)
            Assert.Equal((at, isFirst, isSecond), (at, key.Accepts(first, clock.Start + at), key.Accepts(second, clock.Start + at)));
        Assert.False(key.Accepts([], clock.Start));

        static byte[] HashOf(string text)
        {
            Assert.True(ApiKey.TryParse(text, out _, out var secret));
            return ApiKey.Hash(secret);
        }
    }

    [Fact]
    public async Task Key_RotatedAsATrial_StaysAsItIs()
    {
        var (name, secret) = await service.NewKeyAsync("viewer");
        Assert.Null((await service.Admin.PostAsync($"/v1/api-keys/{name}/rotate?validateOnly=true")).Json!["secret"]);
        Assert.Equal(200, (await service.Client(secret).GetJsonAsync("/v1/hosts")).Status);
    }

    [Fact]
    public async Task Key_ChangedSince_IsNotRotatedOrDeleted()
    {
        var (name, secret) = await service.NewKeyAsync("viewer");
        var seen = (await service.Admin.GetJsonAsync($"/v1/api-keys/{name}")).Headers.ETag!.ToString();
        // A use is no change of the key.
        Assert.Equal(200, (await service.Client(secret).GetJsonAsync("/v1/hosts")).Status);
        var used = await service.Admin.GetJsonAsync($"/v1/api-keys/{name}");
        Assert.NotNull(used.Json!["lastUsedAt"]);
        Assert.Equal(seen, used.Headers.ETag!.ToString());
        Assert.Equal(200, (await service.Admin.SendJsonAsync(HttpMethod.Post, $"/v1/api-keys/{name}/rotate", null, ("If-Match", seen))).Status);
        Assert.Equal(412, (await service.Admin.SendJsonAsync(HttpMethod.Post, $"/v1/api-keys/{name}/rotate", null, ("If-Match", seen))).Status);
        Assert.Equal(412, (await service.Admin.SendJsonAsync(HttpMethod.Delete, $"/v1/api-keys/{name}", null, ("If-Match", seen))).Status);
    }

    [Fact]
    public async Task Key_Deleted_IsGoodForNothingAtOnce()
    {
        var (name, secret) = await service.NewKeyAsync("viewer");
        var client = service.Client(secret);
        Assert.Equal(200, (await client.GetJsonAsync("/v1/hosts")).Status);
        Assert.Equal(204, (await service.Admin.DeleteAnswerAsync($"/v1/api-keys/{name}?validateOnly=true")).Status);
        Assert.Equal(200, (await client.GetJsonAsync("/v1/hosts")).Status);
        Assert.Equal(204, (await service.Admin.DeleteAnswerAsync($"/v1/api-keys/{name}")).Status);
        InputService.CheckProblem(await client.GetJsonAsync("/v1/hosts"), 401, "access.key");
        InputService.CheckProblem(await service.Admin.GetJsonAsync($"/v1/api-keys/{name}"), 404, "api-key.not-found");
        InputService.CheckProblem(await service.Admin.DeleteAnswerAsync($"/v1/api-keys/{name}"), 404, "api-key.not-found");
    }

    [Fact]
    public async Task Key_Expired_IsGoodForNothing()
    {
        // As it is in the database of whoever made it a while ago.
        var key = new ApiKey { Name = ResourceName.Parse("expired"), CreatedAt = DateTimeOffset.UtcNow.AddDays(-2), ExpiresAt = DateTimeOffset.UtcNow.AddSeconds(-1) };
        var secret = key.Rotate(TimeSpan.Zero, key.CreatedAt);
        await using (var db = await service.ContextAsync())
        {
            db.Add(key);
            await db.SaveChangesAsync(TestContext.Current.CancellationToken);
        }

        InputService.CheckProblem(await service.Client(secret).GetJsonAsync("/v1/hosts"), 401, "access.key-expired");
        // To whoever does not have it, it is as any that is none.
        InputService.CheckProblem(await service.Admin.PostAsync("/v1/api-keys/expired/rotate"), 409, "api-key.expired");
    }

    [Fact]
    public async Task Cache_KeyDeletedElsewhere_IsKnownWithinFiveSeconds()
    {
        var clock = new ManualTime();
        var cache = NewCache(clock);
        var (name, secret) = await service.NewKeyAsync("viewer");
        var prefix = secret.Split('_')[1];
        Assert.NotNull(await cache.FindAsync(prefix, TestContext.Current.CancellationToken));
        Assert.Equal(204, (await service.Admin.DeleteAnswerAsync($"/v1/api-keys/{name}")).Status);

        clock.Pass(ApiKeyCache.MaxAge - TimeSpan.FromTicks(1));
        Assert.NotNull(await cache.FindAsync(prefix, TestContext.Current.CancellationToken));
        clock.Pass(TimeSpan.FromTicks(1));
        Assert.Null(await cache.FindAsync(prefix, TestContext.Current.CancellationToken));
        Assert.Equal(TimeSpan.FromSeconds(5), ApiKeyCache.MaxAge);
    }

    [Fact]
    public async Task Cache_UsesOfAKey_AreNotedOnceAMinute()
    {
        var clock = new ManualTime();
        var (one, other) = (NewCache(clock), NewCache(clock));
        var (name, _) = await service.NewKeyAsync("viewer");
        ApiKey key;
        await using (var db = await service.ContextAsync())
            key = await db.ApiKeys.AsNoTracking().SingleAsync(k => k.Name == ResourceName.Parse(name), TestContext.Current.CancellationToken);

        Assert.Equal(clock.Start, await UseAsync(one));
        clock.Pass(TimeSpan.FromSeconds(59));
        Assert.Equal(clock.Start, await UseAsync(one));
        // Another replica knows nothing of the first use, and the database does.
        Assert.Equal(clock.Start, await UseAsync(other));
        clock.Pass(TimeSpan.FromSeconds(1));
        Assert.Equal(clock.Start.AddMinutes(1), await UseAsync(one));
        await service.Admin.DeleteAnswerAsync($"/v1/api-keys/{name}");
        clock.Pass(TimeSpan.FromMinutes(1));
        // The key is gone by now, and whoever came in by it just before is served all the same.
        await one.NoteUseAsync(key, TestContext.Current.CancellationToken);

        async Task<DateTimeOffset> UseAsync(ApiKeyCache cache)
        {
            await cache.NoteUseAsync(key, TestContext.Current.CancellationToken);
            await using var db = await service.ContextAsync();
            return (await db.ApiKeyUses.AsNoTracking().SingleAsync(u => u.KeyId == key.Id, TestContext.Current.CancellationToken)).LastUsedAt;
        }
    }

    private ApiKeyCache NewCache(TimeProvider clock) =>
        new(service.Services.GetRequiredService<IDbContextFactory<XlnetDbContext>>(), clock, NullLogger<ApiKeyCache>.Instance);

    private async Task<Answer> RotateAsync(string name, object? body)
    {
        var answer = await service.Admin.PostAsync($"/v1/api-keys/{name}/rotate", body);
        Assert.True(answer.Status == 200, answer.Text);
        Assert.True(answer.Headers.CacheControl!.NoStore);
        return answer;
    }

    private Task<int> StatusAsync(Answer made) => StatusAsync((string)made["secret"]!);

    private async Task<int> StatusAsync(string secret) => (await service.Client(secret).GetJsonAsync("/v1/hosts")).Status;

    /// <summary>Every row of every table as text.</summary>
    private async Task<string> EverythingAsync()
    {
        await using var database = NpgsqlDataSource.Create(service.ConnectionString);
        await using var all = database.CreateCommand("SELECT database_to_xml(true, true, '')::text");
        return (string)(await all.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
    }
}

/// <summary>A clock that a test moves.</summary>
internal sealed class ManualTime : TimeProvider
{
    private long _passed;

    public DateTimeOffset Start { get; } = new(2030, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public void Pass(TimeSpan time) => _passed += time.Ticks;

    public override DateTimeOffset GetUtcNow() => Start.AddTicks(_passed);

    public override long GetTimestamp() => _passed;
}

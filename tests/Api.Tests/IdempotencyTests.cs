using System.Text.Json.Nodes;
using Npgsql;
using Xunit;

namespace Xlnet.Api.Tests;

/// <summary>A POST that is sent again is done once.</summary>
public sealed class IdempotencyTests(ServiceFixture service)
{
    private HttpClient Client => service.Client;

    [Fact]
    public async Task Post_SentTwice_IsDoneOnceAndAnsweredTheSame()
    {
        var (guest, key) = (await GuestAsync(), NewKey());

        var first = await PostAsync($"{guest}/vifs", new { bridge = "br1" }, key);
        var second = await PostAsync($"{guest}/vifs", new { bridge = "br1" }, key);

        Assert.Equal(201, first.Status);
        Assert.Equal((201, first.Text, first.Headers.Location, first.Headers.ETag), (second.Status, second.Text, second.Headers.Location, second.Headers.ETag));
        Assert.Equal("true", Header(second, "Idempotency-Replayed"));
        Assert.Null(Header(first, "Idempotency-Replayed"));
        Assert.True(DateTimeOffset.Parse(Header(first, "Idempotency-Key-Expires")!, null) > DateTimeOffset.UtcNow.AddHours(23));
        Assert.Single((await Client.GetJsonAsync($"{guest}/vifs"))["items"].AsArray());
        Assert.Equal(201, (await PostAsync($"{guest}/vifs", new { bridge = "br1" }, NewKey())).Status);
        Assert.Equal(2, (await Client.GetJsonAsync($"{guest}/vifs"))["items"].AsArray().Count);
    }

    [Fact]
    public async Task Post_WithAKeyOfAnotherRequest_IsRefused()
    {
        var (guest, key) = (await GuestAsync(), NewKey());
        Assert.Equal(201, (await PostAsync($"{guest}/vifs", new { bridge = "br1" }, key)).Status);

        foreach (var (path, body) in new[] { ($"{guest}/vifs", new { bridge = "br2" }), ($"{guest}/vifs?acceptFindings=all", new { bridge = "br1" }), ($"{await GuestAsync()}/vifs", new { bridge = "br1" }) })
        {
            var other = await PostAsync(path, body, key);
            Assert.True(other.Status == 422, other.Text);
            if (!path.Contains('?', StringComparison.Ordinal))
                Assert.Equal("idempotency-key.reused", other.Code);
        }

        Assert.Single((await Client.GetJsonAsync($"{guest}/vifs"))["items"].AsArray());
    }

    [Theory]
    [InlineData("/v1/api-keys")]
    [InlineData("/V1/Api-Keys")]
    [InlineData("/v1/api-keys/")]
    public async Task Post_WhoseAnswerHasASecret_IsNotKept(string path)
    {
        var name = NewKey();
        var made = await PostAsync(path, new { name, role = "viewer" }, name);
        Assert.True(made.Status == 201, made.Text);
        Assert.Null(Header(made, "Idempotency-Key-Expires"));
        await using var database = NpgsqlDataSource.Create(service.ConnectionString);
        await using var kept = database.CreateCommand($"SELECT count(*) FROM stored_answers WHERE key = '{name}'");
        Assert.Equal(0L, await kept.ExecuteScalarAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Post_ThatWasRefused_MayBeRightTheNextTime()
    {
        var (guest, key) = (await GuestAsync(), NewKey());
        var clone = new { name = "web2" };
        Assert.Equal(201, (await PostAsync($"{guest}/clone", clone, NewKey())).Status);
        var refused = await PostAsync($"{guest}/clone", clone, key);
        Assert.Equal((409, "guest.exists"), (refused.Status, refused.Code));
        Assert.Equal(204, (await Client.DeleteAnswerAsync(guest[..^4] + "web2")).Status);
        Assert.Equal(201, (await PostAsync($"{guest}/clone", clone, key)).Status);
        Assert.Equal("true", Header(await PostAsync($"{guest}/clone", clone, key), "Idempotency-Replayed"));
    }

    [Fact]
    public async Task Post_WhileTheFirstIsUnderWay_IsToldSo()
    {
        var (guest, key) = (await GuestAsync(), NewKey());
        await using var other = NpgsqlDataSource.Create(service.ConnectionString);
        await using var connection = await other.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        var host = guest.Split('/')[3];
        // Who writes the host waits for this, with the key in his hands.
        await using (var hold = new NpgsqlCommand("SELECT 1 FROM hosts WHERE name = $1 FOR UPDATE", connection, transaction) { Parameters = { new() { Value = host } } })
            await hold.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        var first = PostAsync($"{guest}/vifs", new { }, key);
        await using (var waits = new NpgsqlCommand("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid() AND $1 = ANY(pg_blocking_pids(pid))", connection, transaction) { Parameters = { new() { Value = connection.ProcessID } } })
        {
            while ((long)(await waits.ExecuteScalarAsync(TestContext.Current.CancellationToken))! == 0)
                await Task.Yield();
        }

        var second = await PostAsync($"{guest}/vifs", new { }, key);
        Assert.Equal((409, "idempotency-key.in-flight"), (second.Status, second.Code));

        await transaction.RollbackAsync(TestContext.Current.CancellationToken);
        var answered = await first;
        Assert.Equal(201, answered.Status);
        Assert.Equal(answered.Text, (await PostAsync($"{guest}/vifs", new { }, key)).Text);
    }

    [Fact]
    public async Task Apply_SentTwice_IsOneOperation()
    {
        var (guest, key) = (await GuestAsync(), NewKey());
        var host = guest[..guest.IndexOf("/guests", StringComparison.Ordinal)];

        var answers = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => PostAsync($"{host}/apply?wait=30s", null, key)));

        Assert.All(answers, a => Assert.True(a.Status is 200 or 202 || a.Code == "idempotency-key.in-flight", a.Text));
        var operations = (await Client.GetJsonAsync($"/v1/operations?host={host.Split('/')[3]}"))["items"].AsArray();
        var id = (string)Assert.Single(operations)!["id"]!;
        Assert.All(answers.Where(a => a.Status < 300), a => Assert.Equal(id, (string)a["id"]!));
        var again = await PostAsync($"{host}/apply?wait=30s", null, key);
        Assert.Equal((200, id, "succeeded"), (again.Status, (string)again["id"]!, (string)again["status"]!));
    }

    [Fact]
    public async Task Post_WithNewMacPool_LeavesNothingWhenItsAnswerIsNotKept()
    {
        var (key, pool) = (NewKey(), $"p-{Guid.NewGuid():n}"[..12]);
        var body = JsonNode.Parse($$"""{"name": "{{pool}}", "first": "0a:00:00:00:00:00", "last": "0a:00:00:00:00:0f"}""");
        var tried = await PostAsync("/v1/mac-pools?validateOnly=true", body, key);
        Assert.True(tried.Status == 201, tried.Text);
        Assert.Equal(404, (await Client.GetJsonAsync($"/v1/mac-pools/{pool}")).Status);
        Assert.Equal(201, (await PostAsync("/v1/mac-pools", body, key)).Status);
        Assert.Equal("true", Header(await PostAsync("/v1/mac-pools", body, key), "Idempotency-Replayed"));
        Assert.Equal(204, (await Client.DeleteAnswerAsync($"/v1/mac-pools/{pool}")).Status);
    }

    [Fact]
    public async Task Post_OfAHostThatIsThere_SaysSoWithAKeyToo()
    {
        var host = await service.NewHostAsync();
        var posted = await PostAsync("/v1/hosts", new { name = host, driver = new { kind = "simulated" } }, NewKey());
        Assert.Equal((409, "host.exists"), (posted.Status, posted.Code));
    }

    [Fact]
    public async Task Post_WithAKeyThatIsTooLong_IsRefused()
    {
        var posted = await PostAsync("/v1/hosts", new { name = "h-none", driver = new { kind = "simulated" } }, new string('k', 256));
        Assert.Equal((422, "idempotency-key.malformed"), (posted.Status, posted.Code));
    }

    private async Task<string> GuestAsync()
    {
        var host = await service.NewHostAsync();
        var guest = await Client.PostAsync($"/v1/hosts/{host}/guests", new { name = "web1", kernel = "/boot/vmlinuz" });
        Assert.True(guest.Status == 201, guest.Text);
        return $"/v1/hosts/{host}/guests/web1";
    }

    private static string NewKey() => Guid.NewGuid().ToString();

    private static string? Header(Answer answer, string name) => answer.Headers.TryGetValues(name, out var values) ? values.Single() : null;

    private Task<Answer> PostAsync(string path, object? body, string key) => Client.SendJsonAsync(HttpMethod.Post, path, body, ("Idempotency-Key", key));
}

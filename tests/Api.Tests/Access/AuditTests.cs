using System.Globalization;
using System.Text.Json.Nodes;
using Xlnet.Api.Tests.Input;
using Xunit;

namespace Xlnet.Api.Tests.Access;

/// <summary>Who changed what.</summary>
[Collection("Access")]
public sealed class AuditTests(AccessService service)
{
    [Fact]
    public async Task Audit_OfAChange_SaysWhoWhatAndWhichRequest()
    {
        var (name, secret) = await service.NewKeyAsync("operator");
        var id = $"r-{Guid.NewGuid():n}";
        var client = service.Client(secret);
        Assert.Equal(201, (await client.SendJsonAsync(HttpMethod.Put, "/v1/hosts/one/bridges/au0", new { description = "a" }, ("X-Request-ID", id))).Status);
        Assert.Equal(200, (await client.PutAsync("/v1/hosts/one/bridges/au0", new { description = "b" })).Status);

        var entry = Assert.Single(await ItemsAsync($"requestId={id}"))!;
        Assert.Equal((name, id, "127.0.0.1", "one/bridges/au0"), ((string?)entry["actor"], (string?)entry["requestId"], (string?)entry["remoteAddress"], (string?)entry["target"]));
        Assert.Null(entry["before"]);
        Assert.Equal("a", (string?)entry["after"]!["description"]);
        var both = await ItemsAsync($"actor={name}");
        Assert.Equal(["b", "a"], both.Select(e => (string?)e!["after"]!["description"]));
        Assert.Equal("a", (string?)both[0]!["before"]!["description"]);
        // The revision and the operation name him too.
        Assert.Contains((await client.GetJsonAsync("/v1/hosts/one/revisions"))["items"].AsArray(), r => (string?)r!["actor"] == name);
    }

    [Fact]
    public async Task Audit_Filters_Narrow()
    {
        var (name, secret) = await service.NewKeyAsync("admin");
        var client = service.Client(secret);
        await client.PutAsync("/v1/hosts/one/bridges/fi0", new { });
        await client.PutAsync("/v1/hosts/two/bridges/fi0", new { });
        await client.DeleteAnswerAsync("/v1/hosts/two/bridges/fi0");
        await client.PostAsync("/v1/hosts/two/apply?wait=30s");

        Assert.Equal(["operation.apply", "bridge.delete", "bridge.create", "bridge.create"], Actions(await ItemsAsync($"actor={name}")));
        Assert.Equal(["operation.apply", "bridge.delete", "bridge.create"], Actions(await ItemsAsync($"actor={name}&host=two")));
        Assert.Equal(["bridge.delete"], Actions(await ItemsAsync($"actor={name}&host=two&action=bridge.delete")));
        var times = (await ItemsAsync($"actor={name}")).Select(e => (string)e!["at"]!).ToList();
        Assert.Equal(times.OrderByDescending(t => DateTimeOffset.Parse(t, CultureInfo.InvariantCulture)), times);
        Assert.Equal(2, (await ItemsAsync($"actor={name}&since={times[1]}")).Count);
        Assert.Equal(["bridge.create"], Actions(await ItemsAsync($"actor={name}&until={times[2]}")));
        Assert.Equal(["bridge.delete"], Actions(await ItemsAsync($"actor={name}&since={times[1]}&until={times[0]}")));
        Assert.Empty(await ItemsAsync("actor=nobody%00"));
        Assert.Empty(await ItemsAsync($"actor={name}&host=none-such"));
    }

    [Fact]
    public async Task Audit_Pages_GoThroughAllOnce()
    {
        var (name, secret) = await service.NewKeyAsync("operator");
        var client = service.Client(secret);
        for (var i = 0; i < 5; i++)
            await client.PutAsync($"/v1/hosts/one/bridges/pa{i}", new { });
        var seen = new List<string?>();
        var cursor = "";
        do
        {
            var page = await service.Admin.GetJsonAsync($"/v1/audit?actor={name}&limit=2{cursor}");
            seen.AddRange(page["items"].AsArray().Select(e => (string?)e!["target"]));
            cursor = page.Json!["next"] is { } next ? $"&cursor={next}" : null;
        }
        while (cursor is not null);
        Assert.Equal(Enumerable.Range(0, 5).Reverse().Select(i => $"one/bridges/pa{i}"), seen);
    }

    [Fact]
    public async Task Audit_OfKeysAndPools_HasBothSides()
    {
        var (name, _) = await service.NewKeyAsync("viewer");
        await service.Admin.PostAsync($"/v1/api-keys/{name}/rotate");
        await service.Admin.DeleteAnswerAsync($"/v1/api-keys/{name}");
        await service.Admin.PostAsync("/v1/mac-pools", new { name = "au", first = "0e:00:00:0a:00:00", last = "0e:00:00:0a:00:ff" });
        await service.Admin.PutAsync("/v1/mac-pools/au", new { description = "new" });
        await service.Admin.PutAsync("/v1/mac-pools/au", new { description = "new" });
        await service.Admin.DeleteAnswerAsync("/v1/mac-pools/au");

        var keys = (await ItemsAsync("actor=root")).Where(e => (string?)e!["target"] == $"api-keys/{name}").ToList();
        Assert.Equal(["api-key.delete", "api-key.rotate", "api-key.create"], Actions(keys));
        Assert.Equal("viewer", (string?)keys[0]!["before"]!["role"]);
        Assert.Null(keys[0]!["after"]);
        Assert.NotEqual((string?)keys[1]!["before"]!["rotatedAt"], (string?)keys[1]!["after"]!["rotatedAt"]);
        var pools = (await ItemsAsync("actor=root")).Where(e => (string?)e!["target"] == "mac-pools/au").ToList();
        // What changes nothing leaves no entry.
        Assert.Equal(["mac-pool.delete", "mac-pool.update", "mac-pool.create"], Actions(pools));
        Assert.Null(pools[1]!["before"]!["description"]);
        Assert.Equal("new", (string?)pools[1]!["after"]!["description"]);
    }

    [Fact]
    public async Task Audit_OfAnOperation_SaysWhoConfirmedAndWhoCancelled()
    {
        var (name, secret) = await service.NewKeyAsync("operator");
        var client = service.Client(secret);
        await client.PutAsync("/v1/hosts/one/bridges/co0", new { });
        var first = (string)(await client.PostAsync("/v1/hosts/one/apply?confirmWithin=1h&wait=30s"))["id"]!;
        Assert.Equal(200, (await client.PostAsync($"/v1/operations/{first}/confirm")).Status);
        await client.PutAsync("/v1/hosts/one/bridges/co1", new { });
        var second = (string)(await client.PostAsync("/v1/hosts/one/apply?confirmWithin=1h&wait=30s"))["id"]!;
        Assert.Equal(200, (await client.PostAsync($"/v1/operations/{second}/cancel")).Status);
        // What is refused is no change.
        Assert.Equal(409, (await client.PostAsync($"/v1/operations/{first}/cancel")).Status);
        Assert.Equal(
            [("operation.cancel", $"one/operations/{second}"), ("operation.confirm", $"one/operations/{first}")],
            (await ItemsAsync($"actor={name}")).Select(e => ((string)e!["action"]!, (string)e["target"]!)).Where(e => e.Item1 is "operation.cancel" or "operation.confirm"));
        await client.GetJsonAsync($"/v1/operations/{second}?wait=60s");
    }

    [Theory]
    [InlineData("since=yesterday", "query.time", "since")]
    [InlineData("until=2030-01-01T00:00:00", "query.time", "until")]
    [InlineData("host=A", "host.name", "host")]
    [InlineData("cursor=x", "page.cursor", "cursor")]
    [InlineData("cursor=b25l", "page.cursor", "cursor")]
    [InlineData("user=x", "query.unknown", "user")]
    public async Task Audit_WrongQuery_IsRefused(string query, string code, string pointer) =>
        InputService.CheckProblem(await service.Admin.GetJsonAsync($"/v1/audit?{query}"), 422, code, pointer);

    private async Task<List<JsonNode?>> ItemsAsync(string query)
    {
        var answer = await service.Admin.GetJsonAsync($"/v1/audit?limit=1000&{query}");
        Assert.True(answer.Status == 200, answer.Text);
        return [.. answer["items"].AsArray()];
    }

    private static IEnumerable<string?> Actions(IEnumerable<JsonNode?> items) => items.Select(e => (string?)e!["action"]);
}

using System.Text.Json.Nodes;
using Xunit;

namespace Xlnet.Api.Tests;

/// <summary>Orders and filters of lists.</summary>
public sealed class ListTests(ServiceFixture service)
{
    private HttpClient Client => service.Client;

    [Fact]
    public async Task Sort_InEachOrder_PagesThroughAllOnce()
    {
        var host = await HostAsync();
        string[] names = ["a", "b", "c", "d", "e"];
        // Made in another order than that of their names, and the first changed last.
        foreach (var name in new[] { "c", "a", "e", "b", "d" })
            Assert.Equal(201, (await Client.PostAsync($"{host}/guests", new { name, kernel = "/k" })).Status);
        Assert.Equal(200, (await Client.SendJsonAsync(HttpMethod.Patch, $"{host}/guests/c", new { memory = 512 })).Status);

        foreach (var (sort, expected) in new[]
        {
            ("name", "abcde"), ("-name", "edcba"), ("createdAt", "caebd"), ("-createdAt", "dbeac"), ("updatedAt", "aebdc"), ("-updatedAt", "cdbea"),
        })
        {
            foreach (var limit in new[] { 1, 2, 100 })
            {
                var (seen, cursor) = ("", "");
                do
                {
                    var page = await Client.GetJsonAsync($"{host}/guests?sort={sort}&limit={limit}{(cursor.Length > 0 ? $"&cursor={cursor}" : "")}");
                    Assert.True(page.Status == 200, page.Text);
                    seen += string.Concat(page["items"].AsArray().Select(g => (string)g!["name"]!));
                    cursor = (string?)page.Json!["next"] ?? "";
                }
                while (cursor.Length > 0);

                Assert.Equal((sort, limit, expected), (sort, limit, seen));
            }
        }

        Assert.Equal(names.Length, (await Client.GetJsonAsync($"{host}/guests"))["items"].AsArray().Count);
    }

    [Fact]
    public async Task Cursor_OfAnotherOrder_IsRefused()
    {
        var host = await HostAsync();
        foreach (var name in new[] { "a", "b" })
            Assert.Equal(201, (await Client.PostAsync($"{host}/guests", new { name, kernel = "/k" })).Status);
        foreach (var (mine, others) in new[] { ("name", "-name"), ("name", "createdAt"), ("-createdAt", "createdAt"), ("createdAt", "name") })
        {
            var cursor = (string)(await Client.GetJsonAsync($"{host}/guests?limit=1&sort={mine}"))["next"]!;
            var page = await Client.GetJsonAsync($"{host}/guests?limit=1&sort={others}&cursor={cursor}");
            Assert.Equal((422, "page.cursor"), (page.Status, (string)page["errors"][0]!["code"]!));
        }
    }

    [Theory]
    [InlineData("/v1/hosts?sort=color", "query.sort")]
    [InlineData("/v1/hosts?driver=color", "query.driver")]
    [InlineData("/v1/operations?kind=color", "query.kind")]
    [InlineData("/v1/mac-allocations?sort=name", "query.sort")]
    [InlineData("/v1/mac-allocations?order=name", "query.unknown")]
    public async Task List_ByWhatThereIsNot_SaysWhatThereIs(string path, string code)
    {
        var page = await Client.GetJsonAsync(path);
        Assert.Equal((422, code), (page.Status, (string)page["errors"][0]!["code"]!));
        Assert.Contains(", ", (string)page["detail"]!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{host}/guests/web1/vifs", "devid", "devid", true)]
    [InlineData("{host}/revisions", "number", "number", false)]
    [InlineData("{host}/subnets/one/addresses", "address", "address", true)]
    [InlineData("/v1/operations?host={name}", "requestedAt", "id", false)]
    [InlineData("/v1/mac-allocations?pool=default", "mac", "mac", true)]
    [InlineData("/v1/audit?host={name}", "at", "requestId", false)]
    public async Task List_WithOneOrder_RunsBothWays(string path, string field, string key, bool up)
    {
        var host = await HostAsync();
        Is(201, await Client.PostAsync($"{host}/bridges", new { name = "br1" }));
        Is(201, await Client.PostAsync($"{host}/subnets", new { name = "one", cidr = "10.77.1.0/24", bridge = "br1" }));
        var vif = """{"bridge": "br1", "subnet": "one"}""";
        Is(201, await Client.PostAsync($"{host}/guests", JsonNode.Parse($$"""{"name": "web1", "kernel": "/k", "vifs": [{{vif}}, {{vif}}, {{vif}}]}""")));
        for (var i = 0; i < 3; i++)
            Is(200, await Client.PostAsync($"{host}/apply?wait=30s"));
        var list = path.Replace("{host}", host, StringComparison.Ordinal).Replace("{name}", host.Split('/')[3], StringComparison.Ordinal);
        list += list.Contains('?', StringComparison.Ordinal) ? "&" : "?";

        // Other tests' addresses come and go meanwhile, and in pools of their own there may be a million.
        var mine = await NamesAsync($"{host}/guests/web1/vifs", "mac");
        var all = await ReadAsync(up ? field : $"-{field}", 1000);
        Assert.InRange(all.Count, 3, 999);
        Assert.Equal(all, await ReadAsync(null, 1000));
        Assert.Equal(Enumerable.Reverse(all), await ReadAsync(up ? $"-{field}" : field, key == "mac" ? 100 : 2));

        async Task<List<string>> ReadAsync(string? sort, int limit)
        {
            var (seen, cursor) = (new List<string>(), "");
            do
            {
                var page = await Client.GetJsonAsync($"{list}limit={limit}{(sort is null ? "" : $"&sort={sort}")}{(cursor.Length > 0 ? $"&cursor={cursor}" : "")}");
                Assert.True(page.Status == 200, page.Text);
                seen.AddRange(page["items"].AsArray().Select(i => i![key]!.ToString()).Where(k => key != "mac" || mine.Contains(k)));
                cursor = (string?)page.Json!["next"] ?? "";
            }
            while (cursor.Length > 0);
            return seen;
        }
    }

    [Fact]
    public async Task Filters_OfEachList_LeaveThoseAlone()
    {
        var host = await HostAsync();
        Is(201, await Client.PostAsync($"{host}/bridges", new { name = "br1" }));
        Is(201, await Client.PostAsync($"{host}/bridges", new { name = "ovs1", kind = "openvswitch" }));
        Is(201, await Client.PostAsync($"{host}/subnets", new { name = "one", cidr = "10.77.1.0/24", bridge = "br1" }));
        Is(201, await Client.PostAsync($"{host}/subnets", new { name = "two", cidr = "10.77.2.0/24", bridge = "ovs1" }));
        Is(201, await Client.PostAsync($"{host}/guests", JsonNode.Parse("""{"name": "web1", "kernel": "/k", "vifs": [{"bridge": "br1"}, {"bridge": "ovs1", "vlan": "20"}]}""")));
        Is(201, await Client.PostAsync($"{host}/guests", new { name = "web2", type = "pvh", kernel = "/k" }));
        Is(200, await Client.PostAsync($"{host}/guests/web1/start?wait=30s"));
        Is(200, await Client.PostAsync($"{host}/apply?wait=30s"));

        Assert.Equal(["ovs1"], await NamesAsync($"{host}/bridges?kind=openvswitch"));
        Assert.Equal(["one"], await NamesAsync($"{host}/subnets?bridge=br1"));
        Assert.Equal(["web2"], await NamesAsync($"{host}/guests?type=pvh"));
        Assert.Equal(["web1"], await NamesAsync($"{host}/guests?bridge=ovs1"));
        Assert.Equal(["1"], await NamesAsync($"{host}/guests/web1/vifs?bridge=ovs1", "devid"));
        var name = host.Split('/')[3];
        Assert.Equal(["start"], await NamesAsync($"/v1/operations?host={name}&kind=start", "kind"));
        Assert.Equal(["start"], await NamesAsync($"/v1/operations?host={name}&guest=web1", "kind"));
        Assert.Contains(name, await NamesAsync("/v1/hosts?driver=simulated&limit=1000"));
        Assert.DoesNotContain(name, await NamesAsync("/v1/hosts?driver=ssh&limit=1000"));
        Assert.Contains(name, await NamesAsync("/v1/hosts?pool=default&limit=1000"));
        Assert.Equal(["default"], await NamesAsync("/v1/mac-pools?sort=createdAt&limit=1"));

        var tagged = new HttpRequestMessage(HttpMethod.Delete, $"{host}/guests/web2") { Headers = { { "X-Request-ID", name } } };
        Is(204, await Client.AnswerAsync(tagged));
        Assert.Equal(["guest.delete web2"], await NamesAsync($"{host}/revisions?requestId={name}", "summary"));
    }

    private async Task<IReadOnlyList<string>> NamesAsync(string path, string member = "name")
    {
        var page = await Client.GetJsonAsync(path);
        Assert.True(page.Status == 200, page.Text);
        return [.. page["items"].AsArray().Select(i => i![member]!.ToString())];
    }

    private async Task<string> HostAsync() => $"/v1/hosts/{await service.NewHostAsync()}";

    private static void Is(int status, Answer answer) => Assert.True(answer.Status == status, answer.Text);
}

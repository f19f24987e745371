using System.Text;
using Xunit;

namespace Xlnet.Api.Tests.Input;

/// <summary>Paths, queries and headers that cannot be right, and requests that clash with what is there.</summary>
[Collection("Input")]
public sealed class BadRequestTests(InputService service)
{
    private const string Put = """{"driver":{"kind":"simulated"}}""";

    [Theory]
    [InlineData("GET", "/nowhere", 404, "not-found")]
    [InlineData("PUT", "/v1/nowhere", 404, "not-found")]
    [InlineData("GET", "/v1/hosts/in/guests/g1/vifs/abc", 404, "not-found")]
    [InlineData("GET", "/v1/hosts/in/guests/g1/vifs/99999999999", 404, "not-found")]
    [InlineData("GET", "/v1/hosts/in/guests/g1/vifs/7", 404, "vif.not-found")]
    [InlineData("GET", "/v1/hosts/in/guests/g7", 404, "guest.not-found")]
    [InlineData("GET", "/v1/hosts/in/bridges/br7", 404, "bridge.not-found")]
    [InlineData("GET", "/v1/hosts/in/revisions/99", 404, "revision.not-found")]
    [InlineData("GET", "/v1/hosts/in/revisions/-1", 404, "revision.not-found")]
    [InlineData("GET", "/v1/hosts/absent/plan", 404, "host.not-found")]
    [InlineData("POST", "/v1/hosts/absent/apply", 404, "host.not-found")]
    [InlineData("GET", "/v1/mac-pools/absent", 404, "mac-pool.not-found")]
    [InlineData("GET", "/v1/mac-allocations/02:00:00:00:99:99", 404, "mac.not-found")]
    [InlineData("GET", "/v1/operations/00000000-0000-0000-0000-000000000000", 404, "operation.not-found")]
    [InlineData("GET", "/v1/operations/abc", 404, "not-found")]
    [InlineData("DELETE", "/v1/hosts", 405, "method-not-allowed")]
    [InlineData("PATCH", "/v1/operations", 405, "method-not-allowed")]
    [InlineData("TRACE", "/v1/hosts", 405, "method-not-allowed")]
    [InlineData("GET", "/v1/hosts/X", 422, "host.name")]
    [InlineData("GET", "/v1/hosts/%20", 422, "host.name")]
    [InlineData("GET", "/v1/hosts/a%2Fb", 422, "host.name")]
    [InlineData("GET", "/v1/hosts/a%0Ab", 422, "host.name")]
    [InlineData("GET", "/v1/hosts/%C3%A9", 422, "host.name")]
    [InlineData("GET", "/v1/hosts/%F0%9F%98%80", 422, "host.name")]
    [InlineData("GET", "/v1/hosts/%FF", 422, "host.name")]
    [InlineData("GET", "/v1/hosts/in/guests/1", 422, "guest.name")]
    [InlineData("GET", "/v1/hosts/in/guests/Domain-0", 422, "guest.name")]
    [InlineData("GET", "/v1/hosts/in/bridges/aaaaaaaaaaaaaaaa", 422, "bridge.name")]
    [InlineData("GET", "/v1/mac-allocations/00:16:3e", 422, "mac.malformed")]
    public async Task Any_BadPath_Problem(string method, string path, int status, string code) =>
        InputService.CheckProblem(await service.SendAsync(method, path), status, code);

    [Fact]
    public async Task Get_VeryLongName_Problem() => InputService.CheckProblem(await service.SendAsync("GET", "/v1/hosts/" + new string('a', 5000)), 422, "host.name", "host");

    [Theory]
    [InlineData("GET /v1/hosts/%00", 400)]
    [InlineData("GET /v1/hosts/../../etc/passwd", 404)]
    [InlineData("GET /v1/hosts/%2e%2e/%2e%2e/etc/passwd", 404)]
    [InlineData("GET /v1/hosts/..%2f..%2fetc", 422)]
    [InlineData("GET v1/hosts", 400)]
    [InlineData("G\u00e9T /v1/hosts", 400)]
    public async Task Any_RawPath_NeverServed(string requestLine, int status) => Assert.Equal(status, await service.SendRawAsync(requestLine));

    [Theory]
    [InlineData("GET", "/v1/hosts?limit=0", "page.limit", "limit")]
    [InlineData("GET", "/v1/hosts?limit=1001", "page.limit", "limit")]
    [InlineData("GET", "/v1/hosts?limit=", "page.limit", "limit")]
    [InlineData("GET", "/v1/hosts?limit=1e2", "page.limit", "limit")]
    [InlineData("GET", "/v1/hosts?limit=5&limit=6", "page.limit", "limit")]
    [InlineData("GET", "/v1/hosts?limit=%00", "page.limit", "limit")]
    [InlineData("GET", "/v1/hosts?cursor=!!", "page.cursor", "cursor")]
    [InlineData("GET", "/v1/hosts?cursor=AA", "page.cursor", "cursor")]
    [InlineData("GET", "/v1/hosts?cursor=gICA", "page.cursor", "cursor")]
    [InlineData("GET", "/v1/mac-allocations?cursor=YWJj", "page.cursor", "cursor")]
    [InlineData("GET", "/v1/operations?cursor=YWJj", "page.cursor", "cursor")]
    [InlineData("GET", "/v1/hosts/in/revisions?cursor=YWJj", "page.cursor", "cursor")]
    [InlineData("GET", "/v1/hosts/in/guests/g1/vifs?cursor=YWJj", "page.cursor", "cursor")]
    [InlineData("GET", "/v1/hosts?offset=3", "query.unknown", "offset")]
    [InlineData("PUT", "/v1/hosts/new?validate_only=true", "query.unknown", "validate_only")]
    [InlineData("PUT", "/v1/hosts/new?validateOnly=abc", "query.boolean", "validateOnly")]
    [InlineData("PUT", "/v1/hosts/new?validateOnly=", "query.boolean", "validateOnly")]
    [InlineData("PUT", "/v1/hosts/new?validateOnly=true&validateOnly=false", "query.boolean", "validateOnly")]
    [InlineData("DELETE", "/v1/hosts/in?validateOnly=1", "query.boolean", "validateOnly")]
    [InlineData("POST", "/v1/hosts/in/apply?wait=x", "query.wait", "wait")]
    [InlineData("POST", "/v1/hosts/in/apply?wait=-1", "query.wait", "wait")]
    [InlineData("POST", "/v1/hosts/in/apply?wait=6m", "query.wait", "wait")]
    [InlineData("POST", "/v1/hosts/in/apply?wait=99999999999", "query.wait", "wait")]
    [InlineData("GET", "/v1/hosts/in/plan?allow=x", "query.allow", "allow")]
    [InlineData("GET", "/v1/mac-allocations?state=HELD", "query.state", "state")]
    [InlineData("GET", "/v1/operations?status=x", "query.status", "status")]
    [InlineData("PUT", "/v1/hosts/in/guests/g9/config?acceptFindings=nonsense", "query.accept-findings", "acceptFindings")]
    public async Task Any_BadQuery_RefusedByName(string method, string path, string code, string parameter)
    {
        var before = await service.SnapshotAsync();
        var answer = method == "PUT" && path.Contains("config", StringComparison.Ordinal)
            ? await service.SendAsync(method, path, "name='g9'\nkernel='/k'\n"u8.ToArray(), "text/plain")
            : await service.SendAsync(method, path, method == "PUT" ? Encoding.UTF8.GetBytes(Put) : null);
        InputService.CheckProblem(answer, 422, code, parameter);
        Assert.Equal(before, await service.SnapshotAsync());
    }

    [Fact]
    public async Task Lint_UnknownKind_Refused() =>
        InputService.CheckProblem(await service.SendAsync("POST", "/v1/lint?kind=GUEST", "x"u8.ToArray(), "text/plain"), 422, "query.kind", "kind");

    [Theory]
    [InlineData("garbage")]
    [InlineData("\"")]
    [InlineData("\"zz\"")]
    [InlineData("W/\"1\"")]
    [InlineData("\"1\", \"2\"")]
    [InlineData(",")]
    public async Task Put_IfMatchOfAnotherVersion_412(string tag)
    {
        var before = await service.SnapshotAsync();
        InputService.CheckProblem(await service.SendAsync("PUT", "/v1/hosts/in", Encoding.UTF8.GetBytes(Put), headers: ("If-Match", tag)), 412, "precondition.if-match");
        InputService.CheckProblem(await service.SendAsync("PUT", "/v1/hosts/absent", Encoding.UTF8.GetBytes(Put), headers: ("If-Match", tag)), 412, "precondition.if-match");
        Assert.Equal(before, await service.SnapshotAsync());
    }

    [Fact]
    public async Task Restore_WithoutIfMatch_428() =>
        InputService.CheckProblem(await service.SendAsync("POST", "/v1/hosts/in/revisions/1/restore"), 428, "precondition.required");

    [Theory]
    [InlineData("abc-1", true)]
    [InlineData("a b", false)]
    [InlineData("", false)]
    public async Task Any_RequestId_EchoedOrReplaced(string id, bool echoed)
    {
        var answer = await service.SendAsync("GET", "/v1/hosts/in", headers: ("X-Request-ID", id));
        var given = Assert.Single(answer.Headers.GetValues("X-Request-ID"));
        Assert.Equal(echoed, given == id);
        Assert.NotEmpty(given);
    }

    [Fact]
    public async Task Any_RequestIdOf129_Replaced()
    {
        var answer = await service.SendAsync("GET", "/v1/hosts/in", headers: ("X-Request-ID", new string('a', 129)));
        Assert.InRange(Assert.Single(answer.Headers.GetValues("X-Request-ID")).Length, 1, 128);
    }

    [Theory]
    [InlineData("POST", "/v1/hosts", """{"name":"in","driver":{"kind":"simulated"}}""", "host.exists", null, "'in'")]
    [InlineData("PUT", "/v1/hosts/in", """{"driver":{"kind":"directory","path":"x"}}""", "host.driver", "/driver", "simulated")]
    [InlineData("POST", "/v1/hosts/in/bridges", """{"name":"br0"}""", "bridge.exists", null, "'br0'")]
    [InlineData("DELETE", "/v1/hosts/in/bridges/br0", null, "bridge.in-use", null, "in/g1/0")]
    [InlineData("POST", "/v1/hosts/in/guests", """{"name":"g1","kernel":"/k"}""", "guest.exists", null, "'g1'")]
    [InlineData("POST", "/v1/hosts/in/guests/g1/vifs", """{"devid":0}""", "vif.exists", "/devid", "vif 0")]
    [InlineData("POST", "/v1/hosts/in/guests", """{"name":"g9","kernel":"/k","vifs":[{},{"mac":"02:00:00:00:01:01"}]}""", "mac.in-use", "/vifs/1/mac", "in/g1/0")]
    [InlineData("POST", "/v1/hosts/in/guests", """{"name":"g9","kernel":"/k","vifs":[{},{"vifname":"g1-lan"}]}""", "vifname.in-use", "/vifs/1/vifname", "in/g1/0")]
    [InlineData("POST", "/v1/hosts/in/guests", """{"name":"g9","config":"name='g9'\nkernel='k'\nvif=['mac=02:00:00:00:01:01']\n"}""", "mac.in-use", "/config", "in/g1/0")]
    [InlineData("POST", "/v1/mac-pools", """{"name":"default","first":"02:00:00:00:00:00","last":"02:00:00:00:00:09"}""", "mac-pool.exists", null, "'default'")]
    [InlineData("POST", "/v1/mac-pools", """{"name":"over","first":"00:16:3e:00:00:00","last":"00:16:3e:80:00:00"}""", "mac-pool.overlap", null, "'default'")]
    [InlineData("DELETE", "/v1/mac-pools/default", null, "mac-pool.default", null, "default pool")]
    [InlineData("POST", "/v1/mac-allocations", """{"reservedFor":"x","mac":"02:00:00:00:01:01"}""", "mac.in-use", "/mac", "in/g1/0")]
    [InlineData("DELETE", "/v1/mac-allocations/02:00:00:00:01:01", null, "mac.in-use", null, "in/g1/0")]
    public async Task Any_Clash_409NamesTheHolder(string method, string path, string? json, string code, string? pointer, string holder)
    {
        var before = await service.SnapshotAsync();
        var answer = await service.SendAsync(method, path, json is null ? null : Encoding.UTF8.GetBytes(json));
        InputService.CheckProblem(answer, 409, code, pointer);
        Assert.Contains(holder, (string)answer["detail"]!, StringComparison.Ordinal);
        if (holder == "in/g1/0")
            Assert.Equal("""{"host":"in","guest":"g1","devid":0}""", answer["conflictingVif"].ToJsonString());
        Assert.Equal(before, await service.SnapshotAsync());
    }

    [Fact]
    public async Task Delete_PoolInUse_409NamesTheUser()
    {
        await service.SendAsync("POST", "/v1/mac-pools", """{"name":"used","first":"0e:00:00:00:00:00","last":"0e:00:00:00:00:ff"}"""u8.ToArray());
        await service.SendAsync("PUT", "/v1/hosts/user", """{"driver":{"kind":"simulated"},"macPool":"used"}"""u8.ToArray());
        var answer = await service.SendAsync("DELETE", "/v1/mac-pools/used");
        InputService.CheckProblem(answer, 409, "mac-pool.in-use");
        Assert.Contains("'user'", (string)answer["detail"]!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("PUT", "/v1/hosts/twice", Put, 200, 201)]
    [InlineData("POST", "/v1/hosts", """{"name":"twice2","driver":{"kind":"simulated"}}""", 201, 409)]
    [InlineData("PUT", "/v1/hosts/in/bridges/twice", "{}", 200, 201)]
    [InlineData("POST", "/v1/hosts/in/bridges", """{"name":"twice2"}""", 201, 409)]
    [InlineData("PUT", "/v1/hosts/in/guests/twice", """{"kernel":"/k","vifs":[{"mac":"02:00:00:00:02:01"}]}""", 200, 201)]
    [InlineData("POST", "/v1/hosts/in/guests", """{"name":"twice2","kernel":"/k","vifs":[{"mac":"02:00:00:00:02:02"}]}""", 201, 409)]
    [InlineData("PUT", "/v1/hosts/in/guests/twice3/config", "name='twice3'\nkernel='k'\nvif=['mac=02:00:00:00:02:03']\n", 200, 201)]
    [InlineData("PUT", "/v1/hosts/in/guests/g1/vifs/77", """{"mac":"02:00:00:00:02:04"}""", 200, 201)]
    [InlineData("POST", "/v1/hosts/in/guests/g1/vifs", """{"devid":78}""", 201, 409)]
    [InlineData("POST", "/v1/mac-pools", """{"name":"twice","first":"0a:00:00:00:00:00","last":"0a:00:00:00:00:ff"}""", 201, 409)]
    [InlineData("PUT", "/v1/mac-pools/default", """{"description":"d"}""", 200, 200)]
    [InlineData("POST", "/v1/mac-allocations", """{"reservedFor":"a","mac":"02:00:00:00:02:05"}""", 201, 409)]
    public async Task Any_EightAtOnce_OneMakesItAndNoneFails(string method, string path, string body, int first, int second)
    {
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ =>
            service.SendAsync(method, path, Encoding.UTF8.GetBytes(body), path.EndsWith("config", StringComparison.Ordinal) ? "text/plain" : "application/json")));
        Assert.All(answers, a => Assert.True(a.Status == first || a.Status == second, a.Text));
        if (first != second)
            Assert.Single(answers, a => a.Status == 201);
    }

    [Fact]
    public async Task Patch_TwoMembersAtOnce_LosesNeither()
    {
        await service.SendAsync("PUT", "/v1/hosts/in/bridges/both", "{}"u8.ToArray());
        for (var i = 0; i < 10; i++)
        {
            var answers = await Task.WhenAll(
                service.SendAsync("PATCH", "/v1/hosts/in/bridges/both", Encoding.UTF8.GetBytes($$"""{"mtu":{{1000 + i}}}"""), "application/merge-patch+json"),
                service.SendAsync("PATCH", "/v1/hosts/in/bridges/both", Encoding.UTF8.GetBytes($$"""{"description":"d{{i}}"}"""), "application/merge-patch+json"));
            Assert.All(answers, a => Assert.Equal(200, a.Status));
            var bridge = await service.Client.GetJsonAsync("/v1/hosts/in/bridges/both");
            Assert.Equal((1000 + i, $"d{i}"), ((int)bridge["mtu"], (string)bridge["description"]!));
        }
    }

    [Theory]
    [InlineData("kernel='/k'\n", "xl.refuses")]
    [InlineData("name='other'\nkernel='/k'\n", "guest.name-differs")]
    [InlineData("name='g9'\nkernel='/k\n", "xl.refuses")]
    [InlineData("name='g9'\r\nkernel='/k'\r\n", "xl.refuses")]
    [InlineData("name='g9'\nkernel='/k'\0\n", "xl.refuses")]
    [InlineData("name='g9'\nkernel='/k'\nvif=['brige=x']\n", "findings")]
    [InlineData("name='g9'\nkernel='/k'\nvif=['mac=00:16:3e:zz:00:01']\n", "findings")]
    public async Task PutConfig_BadFile_RefusedWithFindings(string file, string code)
    {
        var before = await service.SnapshotAsync();
        var answer = await service.SendAsync("PUT", "/v1/hosts/in/guests/g9/config", Encoding.Latin1.GetBytes(file), "text/plain");
        InputService.CheckProblem(answer, 422, code);
        if (code != "guest.name-differs" && !file.StartsWith("kernel", StringComparison.Ordinal))
        {
            var finding = answer["findings"][0]!;
            Assert.Equal("error", (string?)finding["severity"]);
            Assert.InRange((int)finding["line"]!, 1, 3);
            Assert.NotEqual("", (string?)finding["message"]);
        }

        Assert.Equal(before, await service.SnapshotAsync());
    }

    [Theory]
    [InlineData("vif.unknown-key", 201)]
    [InlineData("vif.mtu.range,vif.unknown-key", 201)]
    [InlineData("all", 201)]
    [InlineData("vif.mtu.range", 422)]
    public async Task PutConfig_AcceptedFindings_TakenAsTheyAre(string accepted, int status)
    {
        var answer = await service.SendAsync("PUT", $"/v1/hosts/in/guests/g9/config?validateOnly=true&acceptFindings={accepted}",
            "name='g9'\nkernel='/k'\nvif=['brige=x']\n"u8.ToArray(), "text/plain");
        Assert.Equal(status, answer.Status);
        if (status == 201)
            Assert.Contains("'brige=x,mac=", answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PutConfig_NotUtf8_KeptByteForByteAndShownDecoded()
    {
        byte[] file = [.. "name='bytes'\nkernel='/k"u8, 0xE9, .. "'\nvif=['mac=02:00:00:00:03:01,script=\u00e9']\n"u8];
        Assert.Equal(201, (await service.SendAsync("PUT", "/v1/hosts/in/guests/bytes/config?acceptFindings=all", file, "text/plain")).Status);
        Assert.Equal(file, await service.Client.GetByteArrayAsync(new Uri("/v1/hosts/in/guests/bytes/config", UriKind.Relative), TestContext.Current.CancellationToken));
        var vif = (await service.Client.GetJsonAsync("/v1/hosts/in/guests/bytes"))["vifs"][0]!;
        Assert.Equal("\u00e9", (string?)vif["script"]);
        Assert.Contains("script=\u00e9", (string)vif["spec"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PutGuest_ConfigInJson_StoredAsUtf8()
    {
        await service.SendAsync("PUT", "/v1/hosts/in/guests/utf8", """{"config":"name='utf8'\nkernel='/k'\n# é\n"}"""u8.ToArray());
        Assert.Equal("name='utf8'\nkernel='/k'\n# é\n", (await service.Client.GetJsonAsync("/v1/hosts/in/guests/utf8/config")).Text);
    }

    [Fact]
    public async Task PutConfig_MebibyteOfBrackets_Refused()
    {
        var answer = await service.SendAsync("PUT", "/v1/hosts/in/guests/g9/config", Encoding.ASCII.GetBytes("name='g9'\nvif=" + new string('[', (1 << 20) - 20)), "text/plain");
        InputService.CheckProblem(answer, 422, "xl.refuses");
    }

    [Fact]
    public async Task PutConfig_1001Vifs_Refused()
    {
        var file = $"name='g9'\nkernel='/k'\nvif=[{string.Join(',', Enumerable.Repeat("''", 1001))}]\n";
        InputService.CheckProblem(await service.SendAsync("PUT", "/v1/hosts/in/guests/g9/config", Encoding.ASCII.GetBytes(file), "text/plain"), 422, "guest.vifs.too-many");
    }

    [Fact]
    public async Task Get_Times_AreUtcWithZ()
    {
        var host = await service.Client.GetJsonAsync("/v1/hosts/in");
        Assert.Matches(@"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$", (string)host["createdAt"]!);
    }
}

using System.Text;
using Xunit;

namespace Xlnet.Api.Tests.Input;

/// <summary>Bodies that are no JSON, or not what an operation takes: each is refused with the place, and changes nothing.</summary>
[Collection("Input")]
public sealed class BadBodyTests(InputService service)
{
    private const string Host = "/v1/hosts/new";
    private const string Driver = "\"driver\":{\"kind\":\"simulated\"}";
    private const string Vifs = "/v1/hosts/in/guests/g1/vifs";

    public static TheoryData<string, string, string> BrokenJson => new()
    {
        { "", "body.required", "" },
        { "null", "body.type", "" },
        { "[]", "body.type", "" },
        { "\"x\"", "body.type", "" },
        { "1e999", "body.type", "" },
        { "{\"driver\":{\"kind\":", "body.json", "/driver/kind" },
        { "{" + Driver + "} x", "body.json", "" },
        { "{/*c*/" + Driver + "}", "body.json", "" },
        { "{" + Driver + ",}", "body.json", "/driver" },
        { "{" + Driver + ",\"bogus\":1}", "body.unknown-member", "/bogus" },
        { "{\"driver\":{\"kind\":\"simulated\",\"x/y~z\":1}}", "body.unknown-member", "/driver/x~1y~0z" },
        { "{\"Driver\":{\"kind\":\"simulated\"}}", "body.unknown-member", "/Driver" },
        { "{" + Driver + ",\"description\":\"a\",\"description\":\"b\"}", "body.duplicate-member", "/description" },
        { "{\"driver\":{\"kind\":\"simulated\",\"kind\":\"simulated\"}}", "body.duplicate-member", "/driver/kind" },
        { "{\"driver\":\"simulated\"}", "body.type", "/driver" },
        { "{\"driver\":{\"kind\":0}}", "body.type", "/driver/kind" },
        { "{\"driver\":{\"kind\":\"real\"}}", "body.type", "/driver/kind" },
        { "{\"driver\":{\"kind\":\"Simulated\"}}", "body.type", "/driver/kind" },
        { "{" + Driver + ",\"description\":5}", "body.type", "/description" },
        { "{" + Driver + ",\"description\":[\"a\"]}", "body.type", "/description" },
        { "{" + Driver + ",\"description\":\"\\ud800\"}", "body.surrogate", "/description" },
        { "{\"\\udc00\":1}", "body.surrogate", "" },
        { "{" + Driver + ",\"description\":\"a\\u0000b\"}", "body.nul", "/description" },
        { "{\"a\\u0000b\":1}", "body.nul", "" },
        { "{\"driver\":" + new string('[', 100) + new string(']', 100) + "}", "body.json", "/driver" + string.Concat(Enumerable.Repeat("/0", 30)) },
        { "{\"zz\":" + new string('[', 20_000) + "}", "body.json", "/zz" + string.Concat(Enumerable.Repeat("/0", 30)) },
    };

    [Theory]
    [MemberData(nameof(BrokenJson))]
    public async Task Put_BrokenJson_RefusedWithItsPlace(string json, string code, string pointer)
    {
        var before = await service.SnapshotAsync();
        var answer = await service.SendAsync("PUT", Host, Encoding.UTF8.GetBytes(json));
        InputService.CheckProblem(answer, 400, code, code == "body.required" ? null : pointer);
        Assert.Equal(before, await service.SnapshotAsync());
    }

    [Theory]
    [MemberData(nameof(BrokenJson))]
    public async Task Patch_BrokenJson_Refused(string json, string code, string pointer)
    {
        var answer = await service.SendAsync("PATCH", "/v1/hosts/in", Encoding.UTF8.GetBytes(json.Length == 0 ? " " : json), "application/merge-patch+json");
        // A scalar is a patch of no object, and white space alone is no JSON at all.
        InputService.CheckProblem(answer, 400, json.Length == 0 ? "body.json" : code, json.Length == 0 ? null : pointer);
    }

    [Theory]
    [InlineData("{\"driver\":{\"kind\":\"simulated\"},\"description\":\"\u00ff\u00fe\"}")]
    [InlineData("{\"dri\u00ffver\":1}")]
    [InlineData("{\"description\":\"\u00ed\u00a0\u0080\"}")]
    public async Task Put_InvalidUtf8_Refused(string latin1)
    {
        var answer = await service.SendAsync("PUT", Host, Encoding.Latin1.GetBytes(latin1));
        InputService.CheckProblem(answer, 400, "body.utf-8");
    }

    [Fact]
    public async Task Put_ByteOrderMark_LetPass()
    {
        var answer = await service.SendAsync("PUT", Host + "?validateOnly=true", [0xEF, 0xBB, 0xBF, .. Encoding.UTF8.GetBytes("{" + Driver + "}")]);
        Assert.Equal(201, answer.Status);
    }

    [Theory]
    [InlineData("PUT", "/v1/hosts/new", "text/plain")]
    [InlineData("PUT", "/v1/hosts/new", null)]
    [InlineData("PUT", "/v1/hosts/new", ";;;")]
    [InlineData("PUT", "/v1/hosts/new", "application/xml")]
    [InlineData("PUT", "/v1/hosts/new", "application/merge-patch+json")]
    [InlineData("PUT", "/v1/hosts/new", "application/json; charset=utf-16")]
    [InlineData("PUT", "/v1/hosts/new", "application/json; charset=bogus")]
    [InlineData("POST", "/v1/hosts", "application/x-www-form-urlencoded")]
    [InlineData("PATCH", "/v1/hosts/in", "application/json-patch+json")]
    [InlineData("POST", "/v1/hosts/in/apply", "text/plain")]
    [InlineData("PUT", "/v1/hosts/in/guests/g1/config", "application/json")]
    [InlineData("PUT", "/v1/hosts/in/guests/g1/config", ";;;")]
    [InlineData("PUT", "/v1/hosts/in/xl.conf", "multipart/form-data")]
    [InlineData("POST", "/v1/lint", "text/html")]
    public async Task Any_WrongContentType_415(string method, string path, string? contentType) =>
        InputService.CheckProblem(await service.SendAsync(method, path, "{}"u8.ToArray(), contentType), 415, "content-type");

    /// <summary>What curl says of a file unless it is told otherwise.</summary>
    [Theory]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("application/octet-stream")]
    [InlineData(null)]
    public async Task PutXlConf_FileUnderAnotherName_IsTaken(string? contentType) =>
        Assert.Equal(200, (await service.SendAsync("PUT", "/v1/hosts/in/xl.conf?validateOnly=true", "vif.default.bridge='b'\n"u8.ToArray(), contentType)).Status);

    [Theory]
    [InlineData((1 << 20) + 1, 200)]
    [InlineData((8 << 20) + 1, 413)]
    public async Task Lint_LargeText_GetsAFindingAsLongAsItCan(int length, int status)
    {
        var answer = await service.SendAsync("POST", "/v1/lint", Enumerable.Repeat((byte)' ', length).ToArray(), "text/plain", chunked: true);
        Assert.Equal(status, answer.Status);
        if (status == 200)
            Assert.Equal("xl.too-large", (string?)Assert.Single(answer.Json!["findings"]!.AsArray())!["code"]);
    }

    [Theory]
    [InlineData("PUT", "/v1/hosts/new", "application/json", false)]
    [InlineData("PUT", "/v1/hosts/new", "application/json", true)]
    [InlineData("PATCH", "/v1/hosts/in", "application/merge-patch+json", true)]
    [InlineData("POST", "/v1/hosts/in/apply", "application/json", true)]
    [InlineData("PUT", "/v1/hosts/in/guests/g1/config", "text/plain", false)]
    [InlineData("PUT", "/v1/hosts/in/guests/g1/config", "text/plain", true)]
    [InlineData("PUT", "/v1/hosts/in/xl.conf", "text/plain", true)]
    public async Task Any_BodyOverOneMebibyte_413(string method, string path, string contentType, bool chunked)
    {
        var body = new byte[(1 << 20) + 1];
        Array.Fill(body, (byte)' ');
        InputService.CheckProblem(await service.SendAsync(method, path, body, contentType, chunked), 413, "body.too-large");
    }

    public static TheoryData<string, int, string, string> BadVifs => new()
    {
        { """{"mac":"zz"}""", 422, "mac.malformed", "/mac" },
        { """{"mac":""}""", 422, "mac.malformed", "/mac" },
        { """{"mac":"01:00:00:00:00:01"}""", 422, "vif.mac.multicast", "/mac" },
        { """{"mac":"00:00:00:00:00:00"}""", 422, "vif.mac.zero", "/mac" },
        { """{"mac":1}""", 400, "body.type", "/mac" },
        { """{"rate":"10Mb/s"}""", 400, "body.type", "/rate" },
        { """{"rate":{}}""", 422, "vif.rate", "/rate/bitsPerSecond" },
        { """{"rate":{"bitsPerSecond":0}}""", 422, "vif.rate", "/rate/bitsPerSecond" },
        { """{"rate":{"bitsPerSecond":-8}}""", 422, "vif.rate", "/rate/bitsPerSecond" },
        { """{"rate":{"bitsPerSecond":7}}""", 422, "vif.rate", "/rate/bitsPerSecond" },
        { """{"rate":{"bitsPerSecond":8.5}}""", 400, "body.type", "/rate/bitsPerSecond" },
        { """{"rate":{"bitsPerSecond":1e6}}""", 400, "body.type", "/rate/bitsPerSecond" },
        { """{"rate":{"bitsPerSecond":"8"}}""", 400, "body.type", "/rate/bitsPerSecond" },
        { """{"rate":{"bitsPerSecond":99999999999999999999}}""", 400, "body.type", "/rate/bitsPerSecond" },
        { """{"rate":{"bitsPerSecond":9223372036854775800}}""", 422, "vif.rate", "/rate/bitsPerSecond" },
        { """{"rate":{"bitsPerSecond":8000000,"intervalMicroseconds":0}}""", 422, "vif.rate", "/rate/intervalMicroseconds" },
        { """{"rate":{"bitsPerSecond":8,"x":1}}""", 400, "body.unknown-member", "/rate/x" },
        { """{"bridge":"a b"}""", 422, "vif.bridge.invalid", "/bridge" },
        { """{"bridge":"aaaaaaaaaaaaaaaa"}""", 422, "vif.bridge.invalid", "/bridge" },
        { """{"bridge":"a,script=/bin/sh"}""", 422, "vif.value.invalid", "/bridge" },
        { """{"bridge":"a\nb"}""", 422, "vif.value.invalid", "/bridge" },
        { """{"bridge":"a']\nextra='x"}""", 422, "vif.value.invalid", "/bridge" },
        { """{"bridge":""}""", 422, "vif.value.invalid", "/bridge" },
        { """{"bridge":"br\u00fc"}""", 422, "vif.value.invalid", "/bridge" },
        { """{"script":"/bin/sh"}""", 422, "vif.script.invalid", "/script" },
        { """{"script":"../x"}""", 422, "vif.script.invalid", "/script" },
        { """{"script":"/etc/xen/scripts/../../x"}""", 422, "vif.script.invalid", "/script" },
        { """{"script":"vif-bridge;reboot"}""", 422, "vif.script.invalid", "/script" },
        { """{"vifname":"aaaaaaaaaaaaaaaa"}""", 422, "vif.vifname.too-long", "/vifname" },
        { """{"vifname":"a/b"}""", 422, "vif.vifname.invalid", "/vifname" },
        { """{"ip":"300.1.1.1"}""", 422, "vif.ip.invalid", "/ip" },
        { """{"ip":"1.1.1.1;ls"}""", 422, "vif.ip.invalid", "/ip" },
        { """{"backend":"a b"}""", 422, "vif.value.invalid", "/backend" },
        { """{"gatewaydev":"a/b"}""", 422, "vif.value.invalid", "/gatewaydev" },
        { """{"mtu":0}""", 422, "vif.mtu.range", "/mtu" },
        { """{"mtu":1500.5}""", 400, "body.type", "/mtu" },
        { """{"mtu":99999999999}""", 400, "body.type", "/mtu" },
        { """{"trusted":"true"}""", 400, "body.type", "/trusted" },
        { """{"trusted":1}""", 400, "body.type", "/trusted" },
        { """{"type":"Vif"}""", 400, "body.type", "/type" },
        { """{"type":"ioemu"}""", 422, "vif.type.ioemu-not-hvm", "/type" },
        { """{"model":"e1000"}""", 422, "vif.model.not-hvm", "/model" },
        { """{"vlan":"5"}""", 422, "vif.vlan.version", "/vlan" },
        { """{"other":[]}""", 400, "body.type", "/other" },
        { """{"other":{"forwarddev":1}}""", 400, "body.type", "/other/forwarddev" },
        { """{"other":{"forwarddev":null}}""", 422, "vif.value.invalid", "/other/forwarddev" },
        { """{"other":{"a/b~c.d":"x"}}""", 422, "vif.unknown-key", "/other/a~1b~0c.d" },
        { """{"devid":-1}""", 422, "vif.devid", "/devid" },
        { """{"devid":65536}""", 422, "vif.devid", "/devid" },
    };

    [Theory]
    [MemberData(nameof(BadVifs))]
    public async Task Vif_BadMember_RefusedWithItsPointer(string json, int status, string code, string pointer)
    {
        var before = await service.SnapshotAsync();
        var one = await service.SendAsync("POST", Vifs, Encoding.UTF8.GetBytes(json));
        var guest = await service.SendAsync("POST", "/v1/hosts/in/guests", Encoding.UTF8.GetBytes($$"""{"name":"g9","kernel":"/k","vifs":[{},{{json}}]}"""));

        Check(one, pointer);
        Check(guest, "/vifs/1" + pointer);
        Assert.Equal(before, await service.SnapshotAsync());

        void Check(Answer answer, string at)
        {
            InputService.CheckProblem(answer, status, answer.Code == "validation" ? "validation" : code, at);
            Assert.Equal(code, (string?)answer["errors"].AsArray().First(e => (string?)e!["pointer"] == at)!["code"]);
        }
    }

    [Fact]
    public async Task Vif_ManyBadMembers_AllToldOnce()
    {
        var answer = await Post(Vifs, """{"mac":"zz","mtu":0,"bridge":"a,b c","rate":{"bitsPerSecond":7},"other":{"x":"y"}}""");
        InputService.CheckProblem(answer, 422, "validation");
        Assert.Equal(["/bridge", "/mac", "/mtu", "/other/x", "/rate/bitsPerSecond"], answer.Pointers.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("/v1/hosts", """{"name":"X Y","driver":{"kind":"simulated"}}""", "validation", "/name")]
    [InlineData("/v1/hosts", """{"name":"new"}""", "validation", "/driver")]
    [InlineData("/v1/hosts", """{"name":"new","driver":{}}""", "validation", "/driver/kind")]
    [InlineData("/v1/hosts", """{"name":"new","driver":{"kind":"simulated","path":"x"}}""", "validation", "/driver/path")]
    [InlineData("/v1/hosts", """{"name":"new","driver":{"kind":"directory","path":"../x"}}""", "validation", "/driver/path")]
    [InlineData("/v1/hosts", """{"name":"new","driver":{"kind":"directory"}}""", "validation", "/driver/path")]
    [InlineData("/v1/hosts", """{"name":"new","driver":{"kind":"simulated"},"macPool":"nope"}""", "mac-pool.not-found", "/macPool")]
    [InlineData("/v1/hosts/in/bridges", """{"name":"a b"}""", "validation", "/name")]
    [InlineData("/v1/hosts/in/bridges", """{"name":"br9","mtu":67}""", "validation", "/mtu")]
    [InlineData("/v1/hosts/in/bridges", """{"name":"br.9","kind":"openvswitch"}""", "bridge.name.openvswitch", "/name")]
    [InlineData("/v1/hosts/in/guests", """{"name":"1","kernel":"/k"}""", "validation", "/name")]
    [InlineData("/v1/hosts/in/guests", """{"name":"g9"}""", "guest.kernel.required", "/kernel")]
    [InlineData("/v1/hosts/in/guests", """{"name":"g9","kernel":"/k\"\nvif=[]"}""", "validation", "/kernel")]
    [InlineData("/v1/hosts/in/guests", """{"name":"g9","kernel":"/k","memory":0}""", "validation", "/memory")]
    [InlineData("/v1/hosts/in/guests", """{"name":"g9","kernel":"/k","config":"x"}""", "validation", "/config")]
    [InlineData("/v1/hosts/in/guests", """{"name":"g9","kernel":"/k","vifs":[null]}""", "validation", "/vifs/0")]
    [InlineData("/v1/hosts/in/guests", """{"name":"g9","kernel":"/k","vifs":[{"devid":1},{"devid":1}]}""", "vif.devid.duplicate", "/vifs/1/devid")]
    [InlineData("/v1/hosts/in/guests", """{"name":"g9","kernel":"/k","vifs":[{"mac":"02:00:00:00:00:09"},{"mac":"02:00:00:00:00:09"}]}""", "mac.duplicate", "/vifs/1/mac")]
    [InlineData("/v1/hosts/in/guests", """{"name":"g9","kernel":"/k","vifs":[{"vifname":"x"},{"vifname":"x"}]}""", "vifname.duplicate", "/vifs/1/vifname")]
    [InlineData("/v1/hosts/in/guests", """{"name":"g9","config":"name='g8'\nkernel='/k'\n"}""", "guest.name-differs", "/config")]
    [InlineData("/v1/mac-pools", """{"name":"p","first":"02:00:00:00:00:00"}""", "validation", "/last")]
    [InlineData("/v1/mac-pools", """{"name":"p","first":"02:00:00:00:00:09","last":"02:00:00:00:00:01"}""", "mac-pool.range", "/last")]
    [InlineData("/v1/mac-pools", """{"name":"p","first":"01:00:00:00:00:00","last":"01:00:00:00:00:09"}""", "mac-pool.multicast", "/first")]
    [InlineData("/v1/mac-pools", """{"name":"p","first":"02:00:00:00:00:00","last":"02:ff:ff:ff:ff:ff"}""", "mac-pool.too-large", "/last")]
    [InlineData("/v1/mac-pools", """{"name":"p","first":"02:00:00:00:00:00","last":"02:00:00:00:00:09","quarantineSeconds":-1}""", "validation", "/quarantineSeconds")]
    [InlineData("/v1/mac-allocations", """{"mac":"02:00:00:00:00:09"}""", "validation", "/reservedFor")]
    [InlineData("/v1/mac-allocations", """{"reservedFor":"x","mac":"03:00:00:00:00:09"}""", "validation", "/mac")]
    [InlineData("/v1/mac-allocations", """{"reservedFor":"x","mac":"02:00:00:00:00:09","pool":"default"}""", "validation", "/pool")]
    [InlineData("/v1/hosts/in/guests/g1/stop", """{"shutdownSeconds":0}""", "validation", "/shutdownSeconds")]
    public async Task Post_BadMember_RefusedWithItsPointer(string path, string json, string code, string pointer)
    {
        var before = await service.SnapshotAsync();
        InputService.CheckProblem(await Post(path, json), 422, code, pointer);
        Assert.Equal(before, await service.SnapshotAsync());
    }

    [Theory]
    [InlineData("""{"allow":["all"]}""", "/allow/0")]
    [InlineData("""{"allow":[null]}""", "/allow/0")]
    [InlineData("""{"allow":"vif-blip"}""", "/allow")]
    [InlineData("""{"force":true}""", "/force")]
    public async Task Apply_BadBody_NothingQueued(string json, string pointer)
    {
        var before = await service.SnapshotAsync();
        InputService.CheckProblem(await Post("/v1/hosts/in/apply", json), 400, json.Contains("force", StringComparison.Ordinal) ? "body.unknown-member" : "body.type", pointer);
        Assert.Equal(before, await service.SnapshotAsync());
    }

    [Fact]
    public async Task Put_Defaults_ForeignScript_Refused() =>
        InputService.CheckProblem(await service.SendAsync("PUT", "/v1/hosts/in/defaults", """{"script":"/bin/sh"}"""u8.ToArray()), 422, "validation", "/script");

    private Task<Answer> Post(string path, string json) => service.SendAsync("POST", path, Encoding.UTF8.GetBytes(json));
}

using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Xunit;

namespace Xlnet.Api.Tests.DesiredStates;

/// <summary>A whole host as one document.</summary>
public sealed class DesiredStateTests(ServiceFixture service)
{
    private const string Guest = """{"name": "web1", "kernel": "/boot/vmlinuz", "memory": 256, "vifs": [{"bridge": "br1"}]}""";

    private HttpClient Client => service.Client;

    [Fact]
    public async Task Put_OfAGet_ChangesNothing()
    {
        var host = await FullHostAsync();
        var read = await Client.GetJsonAsync($"{host}/desired-state");
        Assert.Equal(200, read.Status);
        var before = await Client.GetJsonAsync(host);

        var put = await PutAsync(host, read.Json!, ("If-Match", read.Headers.ETag!.Tag));

        Assert.True(put.Status == 200, put.Text);
        Assert.Empty(put["changes"].AsArray());
        Assert.Empty(put["removed"].AsArray());
        var after = await Client.GetJsonAsync(host);
        Assert.Equal((before.Text, before.Headers.ETag), (after.Text, after.Headers.ETag));
        Assert.Equal(read.Text, (await Client.GetJsonAsync($"{host}/desired-state")).Text);
    }

    [Fact]
    public async Task Put_OnAnEmptyHost_MakesWhatTheOtherOneIs()
    {
        var host = await FullHostAsync();
        var document = (await Client.GetJsonAsync($"{host}/desired-state")).Json!.AsObject();
        var removed = await Client.DeleteAnswerAsync(host);
        Assert.Equal(204, removed.Status);

        var put = await PutAsync(host, document, "?acceptFindings=all");

        Assert.True(put.Status == 201, put.Text);
        Assert.True((bool)put["created"]!);
        Assert.Equal(document.ToJsonString(), put["desiredState"].ToJsonString());
        Assert.Equal(document.ToJsonString(), (await Client.GetJsonAsync($"{host}/desired-state")).Json!.ToJsonString());
    }

    [Fact]
    public async Task Put_WhatItLeavesOut_IsListedFirstAndThenTakenAway()
    {
        var host = await FullHostAsync();
        var tag = (await Client.GetJsonAsync(host)).Headers.ETag!.Tag;
        var document = JsonNode.Parse("""{"guests": [{"name": "web2", "kernel": "/boot/vmlinuz"}]}""")!;
        string[] expected = ["guests/old1", "guests/web1", "subnets/lan", "subnets/nat", "bridges/br1", "bridges/xenbr0"];

        var tried = await PutAsync(host, document, "?validateOnly=true");

        Assert.True(tried.Status == 200, tried.Text);
        Assert.Equal(expected, tried["removed"].AsArray().Select(r => (string)r!));
        Assert.Equal(tag, (await Client.GetJsonAsync(host)).Headers.ETag!.Tag);

        var put = await PutAsync(host, document, ("If-Match", tag));

        Assert.Equal(expected, put["removed"].AsArray().Select(r => (string)r!));
        Assert.Equal(["web2"], (await Client.GetJsonAsync($"{host}/guests"))["items"].AsArray().Select(g => (string)g!["name"]!));
        Assert.Empty((await Client.GetJsonAsync($"{host}/bridges"))["items"].AsArray());
        Assert.Empty((await Client.GetJsonAsync($"{host}/subnets"))["items"].AsArray());
        Assert.Null((await Client.GetJsonAsync(host)).Json!["description"]);
    }

    [Fact]
    public async Task Put_OverAHost_NeedsTheVersionThatWasSeen()
    {
        var host = $"/v1/hosts/{await service.NewHostAsync()}";
        var refused = await PutAsync(host, new JsonObject());
        Assert.Equal((428, "precondition.required"), (refused.Status, refused.Code));
        var stale = await PutAsync(host, new JsonObject(), ("If-Match", "\"1\""));
        Assert.Equal((412, "precondition.if-match"), (stale.Status, stale.Code));
        Assert.Equal(200, (await PutAsync(host, new JsonObject(), ("If-Match", "*"))).Status);
    }

    [Fact]
    public async Task Put_OfANewHostWithoutADriver_SaysWhatIsMissing()
    {
        var put = await PutAsync(NewPath(), new JsonObject());
        Assert.Equal((422, "driver.required"), (put.Status, put.Code));
        Assert.Equal(["/driver"], put.Pointers);
    }

    [Theory]
    [InlineData("""{"bridges": [{"name": "br1"}, {"name": "br1"}]}""", "/bridges/1/name", "desired-state.twice")]
    [InlineData("""{"guests": [{"name": "a", "kernel": "/k"}, {"name": "b", "kernel": "/k", "memory": 0}]}""", "/guests/1/memory", "guest.memory")]
    [InlineData("""{"guests": [{"name": "a", "config": "name = \"b\"\nkernel = \"/k\"\n"}]}""", "/guests/0/config", "guest.name-differs")]
    [InlineData("""{"guests": [{"name": "a", "config": "name = \"a\"\nkernel = \"/k\"\nvif = ['']\n", "held": [{"devid": 1, "locking": "locked"}]}]}""", "/guests/0/held", "vif.not-found")]
    [InlineData("""{"guests": [{"name": "a", "configBase64": "%"}]}""", "/guests/0/configBase64", "desired-state.base64")]
    [InlineData("""{"networking": {"mode": "nat", "moveVifs": {"br1": null}}}""", "/networking", "desired-state.moves")]
    [InlineData("""{"networking": {"mode": "bridged", "uplink": "nosuch0"}}""", "/networking/uplink", "networking.uplink-missing")]
    [InlineData("""{"xlConf": "vif.default.bridge=\"br1\"", "defaults": {"bridge": "br1"}}""", "/defaults", "desired-state.xl-conf.both")]
    [InlineData("""{"subnets": [{"name": "lan", "cidr": "10.77.0.0/24"}, {"name": "lan2", "cidr": "10.77.0.0/16"}]}""", "/subnets/1/cidr", "subnet.overlap")]
    [InlineData("""{"bridges": [{"name": "br1", "ports": ["eth1"]}, {"name": "br2", "ports": ["eth1"]}]}""", null, "bridge.port-in-use")]
    public async Task Put_WithSomethingWrong_SaysWhereAndLeavesNothing(string document, string? pointer, string code)
    {
        var host = NewPath();
        var body = JsonNode.Parse(document)!;
        body["driver"] = new JsonObject { ["kind"] = "simulated" };
        var put = await PutAsync(host, body);
        Assert.True(put.Status is 409 or 422, put.Text);
        if (pointer is not null)
            Assert.Equal((pointer, code), ((string)put["errors"][0]!["pointer"]!, (string)put["errors"][0]!["code"]!));
        else
            Assert.Equal(code, put.Code);
        Assert.Equal(404, (await Client.GetJsonAsync(host)).Status);
    }

    [Fact]
    public async Task Put_WithoutABridgeThatAVifIsOn_IsRefused()
    {
        var host = await FullHostAsync();
        var document = (await Client.GetJsonAsync($"{host}/desired-state")).Json!;
        document["bridges"] = new JsonArray();
        document["subnets"] = new JsonArray();
        foreach (var guest in document["guests"]!.AsArray())
            guest!.AsObject().Remove("held");
        var put = await PutAsync(host, document, ("If-Match", "*"));
        Assert.Equal((409, "bridge.in-use"), (put.Status, put.Code));
    }

    /// <summary>What goes on one host is free for what comes on another, and within one.</summary>
    [Fact]
    public async Task Post_OfTwoHosts_MovesAGuestWithItsAddress()
    {
        var (from, to) = (await service.NewHostAsync(), await service.NewHostAsync());
        Assert.Equal(201, (await Client.PostAsync($"/v1/hosts/{from}/guests", JsonNode.Parse(Guest))).Status);
        var mac = (string)(await Client.GetJsonAsync($"/v1/hosts/{from}/guests/web1/vifs/0"))["mac"]!;
        var (left, right) = ((await Client.GetJsonAsync($"/v1/hosts/{from}/desired-state")).Json!, (await Client.GetJsonAsync($"/v1/hosts/{to}/desired-state")).Json!);
        (right["guests"], left["guests"]) = (left["guests"]!.DeepClone(), new JsonArray());
        (left["name"], left["ifMatch"], right["name"], right["ifMatch"]) = (from, "*", to, "*");

        // The host that gets it comes first in the request.
        var posted = await Client.PostAsync("/v1/desired-states", new JsonObject { ["hosts"] = new JsonArray(right, left) });

        Assert.True(posted.Status == 200, posted.Text);
        Assert.Equal([to, from], posted["hosts"].AsArray().Select(h => (string)h!["host"]!));
        Assert.Equal(mac, (string)(await Client.GetJsonAsync($"/v1/hosts/{to}/guests/web1/vifs/0"))["mac"]!);
        Assert.Empty((await Client.GetJsonAsync($"/v1/hosts/{from}/guests"))["items"].AsArray());
    }

    [Fact]
    public async Task Post_OfHostsOfWhichOneIsWrong_ChangesNone()
    {
        var (good, bad) = ($"h-{Guid.NewGuid():n}"[..20], $"h-{Guid.NewGuid():n}"[..20]);
        var posted = await Client.PostAsync("/v1/desired-states", JsonNode.Parse($$"""
            {"hosts": [
                {"name": "{{good}}", "driver": {"kind": "simulated"}, "guests": [{{Guest}}]},
                {"name": "{{bad}}", "driver": {"kind": "simulated"}, "guests": [{"name": "web1", "config": "name = \"web2\"\nkernel = \"/k\"\n"}]}
            ]}
            """));
        Assert.Equal((422, "guest.name-differs"), (posted.Status, posted.Code));
        Assert.Equal(["/hosts/1/guests/0/config"], posted.Pointers);
        Assert.Equal(404, (await Client.GetJsonAsync($"/v1/hosts/{good}")).Status);
        Assert.Equal(404, (await Client.GetJsonAsync($"/v1/hosts/{bad}")).Status);
    }

    [Fact]
    public async Task Put_InYaml_IsTheSameAsInJson()
    {
        var host = await FullHostAsync();
        var json = await Client.GetJsonAsync($"{host}/desired-state");
        var request = new HttpRequestMessage(HttpMethod.Get, $"{host}/desired-state") { Headers = { { "Accept", "application/yaml" } } };
        var yaml = await Client.AnswerAsync(request);
        Assert.Equal("application/yaml", yaml.ContentType);
        Assert.Contains("config: |\n", yaml.Text, StringComparison.Ordinal);

        var put = await Client.SendTextAsync(HttpMethod.Put, $"{host}/desired-state", yaml.Text, "application/yaml", ("If-Match", yaml.Headers.ETag!.Tag));

        Assert.True(put.Status == 200, put.Text);
        Assert.Empty(put["changes"].AsArray());
        Assert.Equal(json.Text, (await Client.GetJsonAsync($"{host}/desired-state")).Text);
    }

    [Fact]
    public async Task Get_OfAFileThatIsNoUtf8_LosesNothing()
    {
        var host = $"/v1/hosts/{await service.NewHostAsync()}";
        byte[] file = [.. "name = \"web1\"\nkernel = \"/k\"\n# "u8, 0xff, 0xfe, .. "\nvif = ['mac=00:16:3e:11:22:33']\n"u8];
        var request = new HttpRequestMessage(HttpMethod.Put, $"{host}/guests/web1/config") { Content = new ByteArrayContent(file) };
        Assert.Equal(201, (await Client.AnswerAsync(request)).Status);
        var read = await Client.GetJsonAsync($"{host}/desired-state");
        Assert.Equal(file, Convert.FromBase64String((string)read["guests"][0]!["configBase64"]!));
        Assert.Empty((await PutAsync(host, read.Json!, ("If-Match", "*")))["changes"].AsArray());
    }

    /// <summary>A host with something of everything: a networking, a bridge, subnets, guests with locks, with subnets, and as they were found.</summary>
    private async Task<string> FullHostAsync()
    {
        var host = $"/v1/hosts/{await service.NewHostAsync(new { description = "A full one", macPolicy = "as-written" })}";
        Is(200, await Client.PutAsync($"{host}/networking", new { mode = "nat" }));
        Is(201, await Client.PostAsync($"{host}/bridges", new { name = "br1", mtu = 1400, description = "The second" }));
        Is(201, await Client.PostAsync($"{host}/subnets", new { name = "lan", cidr = "10.77.0.0/24", bridge = "br1", gateway = "10.77.0.1" }));
        Is(201, await Client.PostAsync($"{host}/guests", JsonNode.Parse("""
            {"name": "web1", "kernel": "/boot/vmlinuz", "vifs": [
                {"bridge": "br1", "subnet": "lan", "mac": "00:16:3e:00:00:01", "locking": "locked"}, {"subnet": "nat"}, {}]}
            """)?.Fresh()));
        Is(201, await Client.PutTextAsync($"{host}/guests/old1/config?acceptFindings=all", "# By hand.\nname=\"old1\"\nkernel = '/boot/vmlinuz'\nvif = [ '', 'bridge=br1,unknownkey=1' ]\n"));
        return host;
    }

    private static void Is(int status, Answer answer) => Assert.True(answer.Status == status, answer.Text);

    private static string NewPath() => string.Create(CultureInfo.InvariantCulture, $"/v1/hosts/h-{Guid.NewGuid():n}")[..30];

    private Task<Answer> PutAsync(string host, JsonNode document, params (string, string)[] headers) => PutAsync(host, document, "", headers);

    private Task<Answer> PutAsync(string host, JsonNode document, string query, params (string, string)[] headers) =>
        Client.SendJsonAsync(HttpMethod.Put, $"{host}/desired-state{query}", document, headers);
}

internal static class FreshAddresses
{
    /// <summary>An address written in a test is given once, and each test has hosts of its own on one database.</summary>
    public static JsonNode Fresh(this JsonNode guest)
    {
        foreach (var vif in guest["vifs"]!.AsArray().Where(v => v!["mac"] is not null))
            vif!["mac"] = "00:16:3e:" + string.Join(':', Encoding.ASCII.GetBytes(Guid.NewGuid().ToString("n")[..3]).Select(b => (b & 0x7f).ToString("x2", CultureInfo.InvariantCulture)));
        return guest;
    }
}

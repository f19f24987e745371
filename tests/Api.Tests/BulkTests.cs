using System.Text.Json.Nodes;
using Xunit;

namespace Xlnet.Api.Tests;

/// <summary>Many changes of guests and vifs as one.</summary>
public sealed class BulkTests(ServiceFixture service)
{
    private HttpClient Client => service.Client;

    [Fact]
    public async Task Bulk_OfGuestsAndVifs_IsOneRevision()
    {
        var host = await HostAsync();
        var before = (long)(await Client.GetJsonAsync(host))["revision"]!;

        var bulk = await Client.PostAsync($"{host}/bulk", JsonNode.Parse("""
            {"changes": [
                {"action": "create", "guest": "web1", "settings": {"kernel": "/boot/vmlinuz", "vifs": [{}]}},
                {"action": "create", "guest": "web1", "vif": {"bridge": "br1"}},
                {"action": "put", "guest": "web1", "devid": 0, "vif": {"bridge": "br2"}},
                {"action": "put", "guest": "web2", "settings": {"kernel": "/boot/vmlinuz", "memory": 512}},
                {"action": "delete", "guest": "old1"},
                {"action": "delete", "guest": "old2", "devid": 0}
            ]}
            """));

        Assert.True(bulk.Status == 200, bulk.Text);
        Assert.Equal(before + 1, (long)bulk["revision"]!);
        Assert.Equal([true, true, false, true, false, false], bulk["results"].AsArray().Select(r => (bool)r!["created"]!));
        Assert.Equal(1, (int)bulk["results"][1]!["devid"]!);
        var guests = (await Client.GetJsonAsync($"{host}/guests"))["items"].AsArray();
        Assert.Equal(["old2", "web1", "web2"], guests.Select(g => (string)g!["name"]!));
        Assert.Equal(["br2", "br1"], guests[1]!["vifs"]!.AsArray().Select(v => (string)v!["bridge"]!));
        Assert.Empty(guests[0]!["vifs"]!.AsArray());
        var vif = await Client.GetJsonAsync($"{host}/guests/web1/vifs/1");
        Assert.Equal(vif.Headers.ETag!.Tag, (string)bulk["results"][1]!["version"]!);
    }

    [Fact]
    public async Task Bulk_OfWhichOneIsWrong_ChangesNothingAndSaysWhich()
    {
        var host = await HostAsync();
        var before = (await Client.GetJsonAsync(host)).Text;
        (string Change, int Status, string Code, string Pointer)[] wrong =
        [
            ("""{"action": "create", "guest": "old1", "settings": {"kernel": "/k"}}""", 409, "guest.exists", ""),
            ("""{"action": "delete", "guest": "none"}""", 404, "guest.not-found", ""),
            ("""{"action": "delete", "guest": "old1", "devid": 7}""", 404, "vif.not-found", ""),
            ("""{"action": "put", "guest": "old1", "devid": 0, "vif": {"mac": "00:16:3e:00:00:zz"}}""", 422, "mac.malformed", "/changes/1/vif/mac"),
            ("""{"action": "put", "guest": "old1", "devid": 0, "vif": {"subnet": "nosuch"}}""", 422, "vif.subnet.not-found", "/changes/1/vif/subnet"),
            ("""{"action": "put", "guest": "old1", "devid": 0, "vif": {}, "ifMatch": "\"1\""}""", 412, "precondition.if-match", "/changes/1/vif/ifMatch"),
            ("""{"action": "create", "guest": "web9"}""", 422, "bulk.settings", "/changes/1/settings"),
            ("""{"action": "put", "guest": "old1", "vif": {}}""", 422, "bulk.devid", "/changes/1/devid"),
            ("""{"action": "create", "guest": "web9", "settings": {"config": "name = \"web8\"\nkernel = \"/k\"\n"}}""", 422, "guest.name-differs", "/changes/1/settings/config"),
        ];
        foreach (var (change, status, code, pointer) in wrong)
        {
            var bulk = await Client.PostAsync($"{host}/bulk", JsonNode.Parse($$"""{"changes": [{"action": "delete", "guest": "old2"}, {{change}}]}"""));
            Assert.True((status, code) == (bulk.Status, bulk.Status == 422 ? (string)bulk["errors"][0]!["code"]! : bulk.Code), bulk.Text);
            if (pointer.Length > 0)
                Assert.Equal(pointer, (string)bulk["errors"][0]!["pointer"]!);
        }

        Assert.Equal(before, (await Client.GetJsonAsync(host)).Text);
    }

    private async Task<string> HostAsync()
    {
        var host = $"/v1/hosts/{await service.NewHostAsync()}";
        foreach (var name in new[] { "old1", "old2" })
            Assert.Equal(201, (await Client.PostAsync($"{host}/guests", new { name, kernel = "/boot/vmlinuz", vifs = new[] { new { } } })).Status);
        return host;
    }
}

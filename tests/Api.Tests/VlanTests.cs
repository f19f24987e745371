using System.Text.Json.Nodes;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Api.Tests;

/// <summary>VLANs by fields of their own, and the script that follows from the kind of a vif's bridge.</summary>
public sealed class VlanTests(ServiceFixture service)
{
    private HttpClient Client => service.Client;

    [Fact]
    public async Task Put_VlanAndTrunksOnOpenVSwitch_StandInTheFilesBridgeAndOnThePort()
    {
        var (host, vif) = await NewGuestAsync();
        var put = await Client.PutAsync(vif, new { bridge = "ovs1", vlan = 20, trunks = new[] { 40, 30 } });
        Assert.Equal(200, put.Status);
        foreach (var answer in new[] { put, await Client.GetJsonAsync(vif) })
        {
            Assert.Equal(("ovs1", "20", "[30,40]", "vif-openvswitch"), ((string)answer["bridge"]!, (string)answer["vlan"]!, answer["trunks"].ToJsonString(), (string)answer["script"]!));
            Assert.Contains("bridge=ovs1.20:30:40", (string)answer["spec"]!, StringComparison.Ordinal);
        }

        await SucceedsAsync(host, "/apply");
        await SucceedsAsync(host, "/guests/g1/start");
        SimulatedOvsPort? port = null;
        await service.ChangeKnownHostAsync(host, s => port = s.Ovs!.Bridges.Single(b => b.Name == "ovs1").Ports.Single(p => p.Name == "vif1.0"));
        Assert.Equal((20, "30,40"), (port!.Tag, string.Join(',', port.Trunks)));
        Assert.Empty((await Client.GetJsonAsync($"/v1/hosts/{host}/plan"))["steps"].AsArray());
    }

    [Fact]
    public async Task Patch_OneOfThem_KeepsTheOthers()
    {
        var (_, vif) = await NewGuestAsync();
        Assert.Equal(200, (await Client.PutAsync(vif, new { bridge = "ovs1", vlan = "20", trunks = new[] { 30 } })).Status);

        var tag = await Client.SendJsonAsync(HttpMethod.Patch, vif, new { vlan = "21" });
        Assert.Contains("bridge=ovs1.21:30", (string)tag["spec"]!, StringComparison.Ordinal);
        var none = await Client.SendJsonAsync(HttpMethod.Patch, vif, new JsonObject { ["vlan"] = null, ["trunks"] = null });
        Assert.Equal(("ovs1", true, true), ((string)none["bridge"]!, none.Json!["vlan"] is null, none.Json!["trunks"] is null));
        // As no one asked for the script, it goes where its bridge goes.
        var linux = await Client.SendJsonAsync(HttpMethod.Patch, vif, new { bridge = "xenbr0" });
        Assert.Equal((200, true), (linux.Status, linux.Json!["script"] is null));
    }

    [Fact]
    public async Task Put_WhatWasRead_ChangesNothing()
    {
        var (host, vif) = await NewGuestAsync();
        Assert.Equal(200, (await Client.PutAsync(vif, new { bridge = "ovs1", vlan = "20", trunks = new[] { 30 } })).Status);
        var file = await Client.GetStringAsync($"/v1/hosts/{host}/guests/g1/config", TestContext.Current.CancellationToken);

        var again = (await Client.GetJsonAsync(vif)).Json!.AsObject();
        foreach (var derived in new[] { "macInFile", "rateText", "spec" })
            again.Remove(derived);
        Assert.Equal(200, (await Client.SendJsonAsync(HttpMethod.Put, vif, again)).Status);
        Assert.Equal(file, await Client.GetStringAsync($"/v1/hosts/{host}/guests/g1/config", TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData("""{"bridge":"xenbr0","trunks":[30]}""", "vif.trunks.bridge", "/trunks")]
    [InlineData("""{"bridge":"nowhere","trunks":[30]}""", "vif.trunks.bridge", "/trunks")]
    [InlineData("""{"bridge":"xenbr0","vlan":"20"}""", "vif.vlan.version", "/vlan")]
    [InlineData("""{"bridge":"ovs1.20","trunks":[30]}""", "vif.vlan.twice", "/bridge")]
    [InlineData("""{"bridge":"ovs1","vlan":"4095"}""", "vif.value.invalid", "/vlan")]
    [InlineData("""{"bridge":"ovs1","trunks":[0]}""", "vif.trunks", "/trunks")]
    [InlineData("""{"bridge":"ovs1","trunks":[5,5]}""", "vif.trunks", "/trunks")]
    [InlineData("""{"bridge":"ovs1","script":"vif-bridge","vlan":"20"}""", "vif.script.other-bridge", "/script")]
    public async Task Put_VlansThatNothingReads_AreRefused(string body, string code, string pointer)
    {
        var (_, vif) = await NewGuestAsync();
        var answer = await Client.SendJsonAsync(HttpMethod.Put, vif, JsonNode.Parse(body));
        Assert.Equal((422, code, pointer), (answer.Status, (string)answer["errors"][0]!["code"]!, answer.Pointers[0]));
    }

    [Fact]
    public async Task Networking_SwitchedToAnotherKind_LeavesVifsOfOtherBridgesOnTheirScripts()
    {
        var (host, vif) = await NewGuestAsync();
        Assert.Equal(200, (await Client.PutAsync(vif, new { bridge = "br5" })).Status);
        Assert.Equal(201, (await Client.PostAsync($"/v1/hosts/{host}/guests/g1/vifs", new { bridge = "ovs1", vlan = "20" })).Status);

        var put = await Client.PutAsync($"/v1/hosts/{host}/networking", new { mode = "openvswitch" });
        Assert.True(put.Status == 200, put.Text);
        Assert.Equal("vif-bridge", (string)(await Client.GetJsonAsync(vif))["script"]!);
        Assert.Equal(("ovs1", "20", true), await SecondAsync());

        Assert.Equal(200, (await Client.PutAsync($"/v1/hosts/{host}/networking", new { mode = "bridged" })).Status);
        Assert.Null((await Client.GetJsonAsync(vif)).Json!["script"]);
        Assert.Equal(("ovs1", "20", false), await SecondAsync());

        async Task<(string, string, bool)> SecondAsync()
        {
            var second = await Client.GetJsonAsync(vif[..^1] + "1");
            return ((string)second["bridge"]!, (string)second["vlan"]!, second.Json!["script"] is null);
        }
    }

    [Fact]
    public async Task Networking_LinuxBridgeInPlaceOfOneWithVlans_IsRefusedUntilItSaysWhereTheyGo()
    {
        var (host, vif) = await NewGuestAsync();
        Assert.Equal(200, (await Client.PutAsync($"/v1/hosts/{host}/networking", new { mode = "openvswitch" })).Status);
        Assert.Equal(200, (await Client.PutAsync(vif, new { bridge = "xenbr0", vlan = "20" })).Status);

        var refused = await Client.PutAsync($"/v1/hosts/{host}/networking", new { mode = "bridged" });
        Assert.Equal((422, "networking.vifs-stranded"), (refused.Status, refused.Code));
        var moved = await Client.PutAsync($"/v1/hosts/{host}/networking", new { mode = "bridged", moveVifs = new Dictionary<string, string> { ["xenbr0"] = "ovs1" } });
        Assert.True(moved.Status == 200, moved.Text);
        Assert.Contains("bridge=ovs1.20", (string)(await Client.GetJsonAsync(vif))["spec"]!, StringComparison.Ordinal);
    }

    /// <summary>A guest of one vif on a host with a bridge of each kind beside its own.</summary>
    private async Task<(string Host, string Vif)> NewGuestAsync()
    {
        var host = await service.NewHostAsync();
        Assert.Equal(201, (await Client.PutAsync($"/v1/hosts/{host}/bridges/ovs1", new { kind = "openvswitch" })).Status);
        Assert.Equal(201, (await Client.PutAsync($"/v1/hosts/{host}/bridges/br5", new { })).Status);
        Assert.Equal(201, (await Client.PutTextAsync($"/v1/hosts/{host}/guests/g1/config", "name = 'g1'\ntype = 'pv'\nkernel = '/guest/vmlinuz'\nmemory = 128\nvif = ['']\n")).Status);
        // From here on the host's xl.conf is known.
        Assert.Equal(200, (await Client.PutAsync($"/v1/hosts/{host}/defaults", new { script = "vif-bridge" })).Status);
        return (host, $"/v1/hosts/{host}/guests/g1/vifs/0");
    }

    private async Task SucceedsAsync(string host, string path)
    {
        var ended = await Client.PostAsync($"/v1/hosts/{host}{path}?wait=60s");
        Assert.True((string)ended["status"]! == "succeeded", ended.Text);
    }
}

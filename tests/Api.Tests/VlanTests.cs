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
    [InlineData("""{"bridge":"xenbr0","vlan":"20","trunks":[30]}""", "vif.vlan.version", "/vlan")]
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
    public async Task Put_VlanOnALinuxBridge_NeedsAScriptThatReadsItAndABridgeThatFilters()
    {
        var (host, vif) = await NewGuestAsync(xenMinor: 19);
        await IsRefusedAsync(new { bridge = "br5", vlan = "20" }, "vif.vlan.unread", "those that do are vif-vlan");
        await IsRefusedAsync(new { bridge = "br5", vlan = "20", script = "vif-plain" }, "vif.vlan.unread", "vif-plain");
        await IsRefusedAsync(new { bridge = "br5", vlan = "20", script = "vif-vlan" }, "vif.vlan.filtering", "vlanFiltering of the bridge");
        // Someone has set it on the host: to have seen it is enough.
        await service.ChangeKnownHostAsync(host, s => s.Interfaces.Single(i => i.Name == "xenbr0").VlanFiltering = true);
        await IsRefusedAsync(new { bridge = "xenbr0", vlan = "20", script = "vif-vlan" }, "vif.vlan.filtering", "xenbr0");
        await ObserveAsync(host);
        Assert.Equal(200, (await Client.PutAsync(vif, new { bridge = "xenbr0", vlan = "20", script = "vif-vlan" })).Status);

        Assert.Equal(200, (await Client.PutAsync($"/v1/hosts/{host}/bridges/br5", new { vlanFiltering = true })).Status);
        var put = await Client.PutAsync(vif, new { bridge = "br5", vlan = "20", script = "vif-vlan", trunks = new[] { 40, 30 } });
        Assert.True(put.Status == 200, put.Text);
        foreach (var answer in new[] { put, await Client.GetJsonAsync(vif) })
        {
            Assert.Equal(("br5", "20", "[30,40]", "vif-vlan"), ((string)answer["bridge"]!, (string)answer["vlan"]!, answer["trunks"].ToJsonString(), (string)answer["script"]!));
            Assert.Contains("vlan=20p/30/40", (string)answer["spec"]!, StringComparison.Ordinal);
        }

        var plain = await Client.SendJsonAsync(HttpMethod.Patch, vif, new JsonObject { ["trunks"] = null });
        Assert.Contains("vlan=20,", (string)plain["spec"]! + ",", StringComparison.Ordinal);
        await SucceedsAsync(host, "/apply");
        var observation = await ObserveAsync(host);
        Assert.True((bool)observation["bridges"].AsArray().Single(b => (string)b!["name"]! == "br5")!["vlanFiltering"]!);
        Assert.Equal(["vif-vlan"], observation["scripts"].AsArray().Where(s => (bool)s!["readsVlan"]!).Select(s => (string)s!["name"]!));

        // Whoever is in a VLAN would be in one network with all others.
        var refused = await Client.PutAsync($"/v1/hosts/{host}/bridges/br5", new { vlanFiltering = false });
        Assert.Equal((409, "bridge.vlans-in-use", "/vlanFiltering"), (refused.Status, refused.Code, refused.Pointers[0]));
        Assert.Equal((host, "g1", 0), ((string)refused["conflictingVif"]["host"]!, (string)refused["conflictingVif"]["guest"]!, (int)refused["conflictingVif"]["devid"]!));
        Assert.Equal(409, (await DesiredWithoutFilteringAsync(keepsVlan: true)).Status);

        // What the database says of a bridge comes before what it was seen with.
        Assert.Equal(200, (await DesiredWithoutFilteringAsync(keepsVlan: false)).Status);
        await IsRefusedAsync(new { bridge = "br5", vlan = "21", script = "vif-vlan" }, "vif.vlan.filtering", "br5");

        async Task<Answer> DesiredWithoutFilteringAsync(bool keepsVlan)
        {
            var document = (await Client.GetJsonAsync($"/v1/hosts/{host}/desired-state")).Json!;
            document["bridges"]!.AsArray().Single(b => (string)b!["name"]! == "br5")!["vlanFiltering"] = false;
            var guest = document["guests"]![0]!;
            if (!keepsVlan)
                guest["config"] = ((string)guest["config"]!).Replace(",vlan=20", "", StringComparison.Ordinal);
            return await Client.SendJsonAsync(HttpMethod.Put, $"/v1/hosts/{host}/desired-state", document, ("If-Match", "*"));
        }

        async Task IsRefusedAsync(object body, string code, string hint)
        {
            var answer = await Client.PutAsync(vif, body);
            Assert.Equal((422, code, "/vlan"), (answer.Status, answer.Code, answer.Pointers[0]));
            Assert.Contains(hint, answer.Text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Put_VlanWhereTheHostsDefaultScriptReadsIt_LeavesTheScriptToIt()
    {
        var (host, vif) = await NewGuestAsync(xenMinor: 19);
        Assert.Equal(200, (await Client.PutAsync($"/v1/hosts/{host}/defaults", new { script = "vif-vlan" })).Status);
        Assert.Equal(200, (await Client.PutAsync($"/v1/hosts/{host}/bridges/br5", new { vlanFiltering = true })).Status);
        var put = await Client.PutAsync(vif, new { bridge = "br5", vlan = 20 });
        Assert.True(put.Status == 200, put.Text);
        Assert.Null(put.Json!["script"]);
    }

    [Fact]
    public async Task Put_VlanOnAHostOfAnOlderXen_IsRefusedWhateverItsScriptsRead()
    {
        var (host, vif) = await NewGuestAsync(xenMinor: 18);
        Assert.Equal(200, (await Client.PutAsync($"/v1/hosts/{host}/bridges/br5", new { vlanFiltering = true })).Status);
        Assert.Equal("vif.vlan.version", (await Client.PutAsync(vif, new { bridge = "br5", vlan = "20", script = "vif-vlan" })).Code);
        Assert.DoesNotContain((await ObserveAsync(host))["scripts"].AsArray(), s => (bool)s!["readsVlan"]!);
    }

    [Fact]
    public async Task Bridge_VlanFiltering_IsKeptPatchedAndRefusedOnOpenVSwitch()
    {
        var (host, _) = await NewGuestAsync();
        var path = $"/v1/hosts/{host}/bridges/br5";
        Assert.True((bool)(await Client.PutAsync(path, new { vlanFiltering = true })).Json!["vlanFiltering"]!);
        Assert.True((bool)(await Client.SendJsonAsync(HttpMethod.Patch, path, new { description = "apart" })).Json!["vlanFiltering"]!);
        var refused = await Client.PutAsync($"/v1/hosts/{host}/bridges/ovs1", new { kind = "openvswitch", vlanFiltering = true });
        Assert.Equal((422, "bridge.vlan-filtering", "/vlanFiltering"), (refused.Status, refused.Code, refused.Pointers[0]));

        await SucceedsAsync(host, "/apply");
        await service.ChangeKnownHostAsync(host, s => s.Interfaces.Single(i => i.Name == "br5").VlanFiltering = false);
        var drift = await Client.GetJsonAsync($"/v1/hosts/{host}/drift");
        Assert.Contains(drift["entries"].AsArray(), e => (string)e!["target"]! == "bridges/br5" && (string)e["field"]! == "vlanFiltering");
        Assert.Equal(["bridge.set-vlan-filtering"], (await Client.GetJsonAsync($"/v1/hosts/{host}/plan"))["steps"].AsArray().Select(s => (string)s!["action"]!));
        await SucceedsAsync(host, "/apply");
        Assert.Empty((await Client.GetJsonAsync($"/v1/hosts/{host}/plan"))["steps"].AsArray());
    }

    [Fact]
    public async Task Networking_VlanFiltering_IsTheBridges()
    {
        var (host, vif) = await NewGuestAsync(xenMinor: 19);
        foreach (var mode in new[] { "openvswitch", "routed" })
        {
            var refused = await Client.PutAsync($"/v1/hosts/{host}/networking", new { mode, vlanFiltering = true });
            Assert.Equal((422, "networking.not-in-mode", "/vlanFiltering"), (refused.Status, refused.Code, refused.Pointers[0]));
        }

        Assert.Equal(200, (await Client.PutAsync($"/v1/hosts/{host}/networking", new { mode = "bridged" })).Status);
        var without = await Client.PutAsync(vif, new { bridge = "xenbr0", vlan = "20", script = "vif-vlan" });
        Assert.Equal("vif.vlan.filtering", without.Code);
        var put = await Client.PutAsync($"/v1/hosts/{host}/networking", new { mode = "bridged", vlanFiltering = true });
        Assert.True(put.Status == 200, put.Text);
        Assert.Equal(200, (await Client.PutAsync(vif, new { bridge = "xenbr0", vlan = "20", script = "vif-vlan" })).Status);
        var applied = await Client.PostAsync($"/v1/hosts/{host}/apply?wait=60s", new { allow = new[] { "vif-blip", "management-path" } });
        Assert.True((string)applied["status"]! == "succeeded", applied.Text);
        await service.ChangeKnownHostAsync(host, s => Assert.True(s.Interfaces.Single(i => i.Name == "xenbr0").VlanFiltering));
        Assert.Empty((await Client.GetJsonAsync($"/v1/hosts/{host}/plan"))["steps"].AsArray());
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

    [Fact]
    public async Task Networking_WhoseBridgeWouldJoinItsVlans_IsRefusedWithTheVifsInThem()
    {
        var (host, vif) = await NewGuestAsync(xenMinor: 19);
        var networking = $"/v1/hosts/{host}/networking";
        Assert.Equal(200, (await Client.PutAsync(networking, new { mode = "bridged", vlanFiltering = true })).Status);
        Assert.Equal(200, (await Client.PutAsync(vif, new { vlan = "20", script = "vif-vlan" })).Status);

        var refused = await Client.PutAsync(networking, new { mode = "bridged", vlanFiltering = false });
        Assert.Equal((422, "networking.vlans-joined", "/vlanFiltering"), (refused.Status, refused.Code, refused.Pointers[0]));
        Assert.Equal("g1/vifs/0 vlan=20", (string)refused["findings"][0]!["evidence"]![0]!);
        Assert.Equal(200, (await Client.PutAsync(vif, new { })).Status);
        Assert.Equal(200, (await Client.PutAsync(networking, new { mode = "bridged", vlanFiltering = false })).Status);
    }

    private async Task<Answer> ObserveAsync(string host)
    {
        var observation = await Client.GetJsonAsync($"/v1/hosts/{host}/observation");
        Assert.True(observation.Status == 200, observation.Text);
        return observation;
    }

    /// <summary>A guest of one vif on a host with a bridge of each kind beside its own.</summary>
    /// <param name="xenMinor">Of a host that was seen with it, and with two scripts of its own, of which one reads vlan.</param>
    private async Task<(string Host, string Vif)> NewGuestAsync(int? xenMinor = null)
    {
        var host = await service.NewHostAsync();
        if (xenMinor is { } minor)
        {
            await service.ChangeHostAsync(host, s =>
            {
                s.XenMinor = minor;
                s.Files["/etc/xen/scripts/vif-vlan"] = Script("#!/bin/sh\nvlan=$(xenstore-read \"$XENBUS_PATH/vlan\")\n");
                s.Files["/etc/xen/scripts/vif-plain"] = Script("#!/bin/sh\n# There is $XENBUS_PATH/vlan too.\n");
            });
            await ObserveAsync(host);
        }

        Assert.Equal(201, (await Client.PutAsync($"/v1/hosts/{host}/bridges/ovs1", new { kind = "openvswitch" })).Status);
        Assert.Equal(201, (await Client.PutAsync($"/v1/hosts/{host}/bridges/br5", new { })).Status);
        Assert.Equal(201, (await Client.PutTextAsync($"/v1/hosts/{host}/guests/g1/config", "name = 'g1'\ntype = 'pv'\nkernel = '/guest/vmlinuz'\nmemory = 128\nvif = ['']\n")).Status);
        // From here on the host's xl.conf is known.
        Assert.Equal(200, (await Client.PutAsync($"/v1/hosts/{host}/defaults", new { script = "vif-bridge" })).Status);
        return (host, $"/v1/hosts/{host}/guests/g1/vifs/0");
    }

    private static SimulatedFile Script(string text) => new() { Content = System.Text.Encoding.UTF8.GetBytes(text), Executable = true };

    private async Task SucceedsAsync(string host, string path)
    {
        var ended = await Client.PostAsync($"/v1/hosts/{host}{path}?wait=60s");
        Assert.True((string)ended["status"]! == "succeeded", ended.Text);
    }
}

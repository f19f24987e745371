using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Xlnet.Domain.Common;
using Xlnet.Domain.Hosts;
using Xlnet.Infrastructure.Data;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Api.Tests;

/// <summary>What a vif means, over HTTP; pinning it; and keys that a host's Xen does not know.</summary>
public sealed class ExplainTests(ServiceFixture service)
{
    private HttpClient Client => service.Client;

    [Fact]
    public async Task Explain_EmptyVif_IsOneSentence()
    {
        var answer = await Client.PostAsync("/v1/explain", new { vif = "" });

        Assert.Equal(200, answer.Status);
        var summary = (string)answer["summary"]!;
        Assert.All(["xenbr0", "vif-bridge", "random MAC", "vif<domid>.0"], part => Assert.Contains(part, summary, StringComparison.Ordinal));
        Assert.Equal(summary.Length - 1, summary.LastIndexOf('.'));
        Assert.Null(answer.Json!["live"]);
        Assert.NotEmpty((string)answer["liveReason"]!);
        Assert.True((bool)answer["xl"]["accepted"]!);
    }

    [Fact]
    public async Task Explain_XlConfGuestTypeAndFindings_AreTaken()
    {
        var answer = await Client.PostAsync("/v1/explain", new { vif = "colour=red", xlConf = "vif.default.bridge=\"br7\"\n", guestType = "hvm", xenVersion = "4.19" });

        Assert.Equal(("br7", "xl-conf"), Setting(answer, "bridge"));
        Assert.Equal(("ioemu", "guest-type"), Setting(answer, "type"));
        Assert.Equal("vif<domid>.0-emu", (string)answer["interface"]["emulated"]!);
        Assert.Equal("4.19", (string)answer["xenVersion"]!);
        Assert.Equal("vif.unknown-key", (string)Assert.Single(answer["findings"].AsArray())!["code"]!);
    }

    [Theory]
    [InlineData("""{"vif":"rate=fast"}""")]
    [InlineData("""{"vif":"","xlConf":"vif.default.bridge=[\n"}""")]
    public async Task Explain_WhatXlRefuses_SaysSo(string body)
    {
        var answer = await Client.SendJsonAsync(HttpMethod.Post, "/v1/explain", JsonNode.Parse(body));

        Assert.Equal(200, answer.Status);
        Assert.False((bool)answer["xl"]["accepted"]!);
        Assert.StartsWith("xl refuses this", (string)answer["summary"]!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{}", "/vif")]
    [InlineData("""{"vif":"","xenVersion":"new"}""", "/xenVersion")]
    [InlineData("""{"vif":"","guestType":"vm"}""", "/guestType")]
    [InlineData("""{"vif":7}""", "/vif")]
    [InlineData("""{"vif":"","bridge":"x"}""", "/bridge")]
    public async Task Explain_BadInput_IsRefusedWithItsPlace(string body, string pointer)
    {
        var answer = await Client.SendJsonAsync(HttpMethod.Post, "/v1/explain", JsonNode.Parse(body));

        Assert.InRange(answer.Status, 400, 422);
        Assert.Equal([pointer], answer.Pointers);
    }

    [Fact]
    public async Task Explanation_OfAStoppedAndARunningGuest_ShowsWhatTheHostKnows()
    {
        var (host, vif) = await NewGuestAsync();

        var stopped = await Client.GetJsonAsync($"{vif}/explanation");
        Assert.Equal(200, stopped.Status);
        Assert.Equal((null, "create"), Setting(stopped, "mac"));
        Assert.Contains("does not run", (string)stopped["liveReason"]!, StringComparison.Ordinal);
        Assert.Equal("4.17", (string)(await Client.GetJsonAsync($"/v1/hosts/{host}"))["xenVersion"]!);

        await StartAsync(host);
        var running = await Client.GetJsonAsync($"{vif}/explanation");
        var live = await LiveAsync(host);
        Assert.Equal(((string)live["mac"]!, "live-host"), Setting(running, "mac"));
        Assert.Equal("vif1.0", (string)running["interface"]["name"]!);
        Assert.Equal("vif1.0", (string)running["live"]["dom0Name"]!);
        Assert.True((bool)running["live"]["simulated"]!);
    }

    [Fact]
    public async Task Explanation_HostCannotBeAsked_StillExplains()
    {
        var (host, vif) = await NewGuestAsync();
        await service.ChangeHostAsync(host, state => state.Faults.Add(new SimulatedFault { Kind = SimulatedFaultKind.Fail, Repeats = true }));

        var answer = await Client.GetJsonAsync($"{vif}/explanation");

        Assert.Equal(200, answer.Status);
        Assert.Null(answer.Json!["live"]);
        Assert.Contains("could not be asked", (string)answer["liveReason"]!, StringComparison.Ordinal);
        Assert.Equal(("xenbr0", "libxl"), Setting(answer, "bridge"));
    }

    [Fact]
    public async Task Explanation_NoSuchVif_Is404()
    {
        var (host, vif) = await NewGuestAsync();
        Assert.Equal("vif.not-found", (await Client.GetJsonAsync($"{vif}9/explanation")).Code);
        Assert.Equal("guest.not-found", (await Client.GetJsonAsync($"/v1/hosts/{host}/guests/none/vifs/0/explanation")).Code);
        Assert.Equal("vif.not-found", (await Client.PostAsync($"{vif}9/pin")).Code);
    }

    [Fact]
    public async Task Pin_RunningGuest_KeepsItsDrawnAddressThroughARecreate()
    {
        var (host, vif) = await NewGuestAsync();
        await StartAsync(host);
        var drawn = (string)(await LiveAsync(host))["mac"]!;

        var pinned = await Client.PostAsync($"{vif}/pin");

        Assert.Equal(200, pinned.Status);
        Assert.Equal($"mac={drawn},bridge=xenbr0,script=vif-bridge", (string)pinned["spec"]!);
        Assert.Contains($"vif = ['mac={drawn},bridge=xenbr0,script=vif-bridge']", (await Client.GetJsonAsync($"/v1/hosts/{host}/guests/g1/config")).Text, StringComparison.Ordinal);
        Assert.Equal(["file.write"], (await Client.GetJsonAsync($"/v1/hosts/{host}/plan"))["steps"].AsArray().Select(s => (string)s!["action"]!));
        Assert.Equal("succeeded", (string)(await Client.PostAsync($"/v1/hosts/{host}/guests/g1/recreate?wait=30s"))["status"]!);
        Assert.Equal(drawn, (string)(await LiveAsync(host))["mac"]!);
    }

    [Fact]
    public async Task Pin_StoppedGuest_TakesTheHeldAddressAndTheHostsDefaults()
    {
        var (host, vif) = await NewGuestAsync();
        var held = (string)(await Client.GetJsonAsync(vif))["mac"]!;
        await Client.PutAsync($"/v1/hosts/{host}/defaults", new { bridge = "br-lab" });

        Assert.Equal($"mac={held},bridge=br-lab,script=vif-bridge", (string)(await Client.PostAsync($"{vif}/pin"))["spec"]!);
    }

    [Fact]
    public async Task Pin_AddressThatAnotherVifHolds_Is409AndNamesIt()
    {
        var (host, vif) = await NewGuestAsync();
        await StartAsync(host);
        var drawn = (string)(await LiveAsync(host))["mac"]!;
        var (other, otherVif) = await NewGuestAsync();
        Assert.Equal(200, (await Client.PutAsync(otherVif, new { mac = drawn })).Status);

        var answer = await Client.PostAsync($"{vif}/pin");

        Assert.Equal(409, answer.Status);
        Assert.Equal("mac.in-use", answer.Code);
        Assert.Contains(other, answer.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Lint_WithFix_GivesTheMendedText()
    {
        var fixable = await Client.SendTextAsync(HttpMethod.Post, "/v1/lint?kind=vif&fix=true", "MAC=00:16:3e:8a:10:02,netdev=eth0");
        Assert.Equal("mac=00:16:3e:8a:10:02,gatewaydev=eth0", (string)fixable["fixed"]!);
        Assert.NotEmpty(fixable["findings"].AsArray());

        Assert.Null((await Client.SendTextAsync(HttpMethod.Post, "/v1/lint?kind=vif", "netdev=eth0")).Json!["fixed"]);
        Assert.Null((await Client.SendTextAsync(HttpMethod.Post, "/v1/lint?kind=vif&fix=true", "colour=red")).Json!["fixed"]);
    }

    [Fact]
    public async Task Lint_ForAHost_SaysWhatOnlyItsBridgesAndGuestsCan()
    {
        var (host, vif) = await NewGuestAsync();
        Assert.Equal(201, (await Client.PutAsync($"/v1/hosts/{host}/bridges/ovs0", new { kind = "openvswitch" })).Status);
        Assert.Equal(200, (await Client.PutAsync(vif, new { vifname = "web-a" })).Status);
        const string text = "name='g2'\nkernel='/k'\nvif=['vifname=web-a','bridge=ovs0,script=vif-bridge','vlan=7']\n";

        var alone = await Client.SendTextAsync(HttpMethod.Post, "/v1/lint", text);
        var there = await Client.SendTextAsync(HttpMethod.Post, $"/v1/lint?host={host}", text);

        Assert.DoesNotContain("vif.vifname.duplicate", Codes(alone));
        Assert.Equal(Codes(alone).Concat(["vif.vifname.duplicate", "vif.script.other-bridge", "vif.vlan.version"]).Order(), Codes(there).Order());
        Assert.Contains("vif.script.other-bridge", Codes(await Client.SendTextAsync(HttpMethod.Post, $"/v1/lint?kind=vif&host={host}", "bridge=ovs0.7,script=vif-bridge")));
        Assert.Equal(404, (await Client.SendTextAsync(HttpMethod.Post, "/v1/lint?host=none", text)).Status);

        static IEnumerable<string> Codes(Answer answer) => answer["findings"].AsArray().Select(f => (string)f!["code"]!);
    }

    [Fact]
    public async Task Vif_WhoseScriptDoesNotFitItsBridge_IsRefused()
    {
        var (host, vif) = await NewGuestAsync();
        Assert.Equal(201, (await Client.PutAsync($"/v1/hosts/{host}/bridges/ovs0", new { kind = "openvswitch" })).Status);

        var answer = await Client.PutAsync(vif, new { bridge = "ovs0.10", script = "vif-bridge" });
        Assert.Equal((422, "vif.script.other-bridge"), (answer.Status, answer.Code));
        Assert.Equal(["/script"], answer.Pointers);
        Assert.Equal(200, (await Client.PutAsync(vif, new { bridge = "ovs0.10", script = "vif-openvswitch" })).Status);

        var file = Config.Replace("''", "'bridge=ovs0,script=vif-bridge'", StringComparison.Ordinal);
        Assert.Equal("findings", (await Client.PutTextAsync($"/v1/hosts/{host}/guests/g1/config", file)).Code);
        Assert.Equal(200, (await Client.PutTextAsync($"/v1/hosts/{host}/guests/g1/config?acceptFindings=vif.script.other-bridge", file)).Status);
    }

    [Fact]
    public async Task Vlan_OnAHostThatDoesNotKnowIt_IsRefusedWithTheVersionThatDoes()
    {
        var (host, vif) = await NewGuestAsync();
        var file = Config.Replace("''", "'vlan=100'", StringComparison.Ordinal);

        var put = await Client.PutAsync(vif, new { vlan = "100" });
        Assert.Equal((422, "vif.vlan.version"), (put.Status, put.Code));
        Assert.Contains("4.19", put.Text, StringComparison.Ordinal);
        Assert.Equal(422, (await Client.PutTextAsync($"/v1/hosts/{host}/guests/g1/config", file)).Status);
        Assert.Equal(200, (await Client.PutTextAsync($"/v1/hosts/{host}/guests/g1/config?acceptFindings=vif.vlan.version", file)).Status);

        await using (var db = await service.Services.GetRequiredService<IDbContextFactory<XlnetDbContext>>().CreateDbContextAsync(TestContext.Current.CancellationToken))
        {
            var name = ResourceName.Parse(host);
            var id = await db.Hosts.Where(h => h.Name == name).Select(h => h.Id).SingleAsync(TestContext.Current.CancellationToken);
            await db.Hosts.Where(h => h.Id == id).ExecuteUpdateAsync(h => h.SetProperty(x => x.XenVersion, new XenVersion(4, 19)), TestContext.Current.CancellationToken);
        }

        var unread = await Client.PutAsync(vif, new { vlan = "100" });
        Assert.Equal((422, "vif.vlan.unread"), (unread.Status, unread.Code));
        Assert.Equal(200, (await Client.PutTextAsync($"/v1/hosts/{host}/guests/g1/config", file)).Status);
        Assert.Equal("4.19", (string)(await Client.GetJsonAsync($"/v1/hosts/{host}"))["xenVersion"]!);
    }

    private const string Config = "name = 'g1'\ntype = 'pv'\nkernel = '/guest/vmlinuz'\nmemory = 128\nvif = ['']\n";

    private static (string? Value, string Origin) Setting(Answer answer, string key) =>
        answer["settings"].AsArray().Single(s => (string)s!["key"]! == key) is { } setting ? ((string?)setting["value"], (string)setting["origin"]!) : default;

    /// <summary>A guest whose file says vif = [''], and keeps saying so.</summary>
    private async Task<(string Host, string Vif)> NewGuestAsync()
    {
        var host = await service.NewHostAsync(new { macPolicy = "as-written" });
        Assert.Equal(201, (await Client.PutTextAsync($"/v1/hosts/{host}/guests/g1/config", Config)).Status);
        return (host, $"/v1/hosts/{host}/guests/g1/vifs/0");
    }

    private async Task StartAsync(string host) =>
        Assert.Equal("succeeded", (string)(await Client.PostAsync($"/v1/hosts/{host}/guests/g1/start?wait=30s"))["status"]!);

    private async Task<JsonNode> LiveAsync(string host) => (await Client.GetJsonAsync($"/v1/hosts/{host}/observation"))["domains"][0]!["vifs"]![0]!;
}

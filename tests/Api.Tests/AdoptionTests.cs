using System.Text;
using System.Text.Json.Nodes;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Api.Tests;

/// <summary>Hosts that were there before xlnet.</summary>
public sealed class AdoptionTests(ServiceFixture service)
{
    private HttpClient Client => service.Client;

    [Fact]
    public async Task Adopt_AHostWithAPast_LeavesAnApplyNothingToDo()
    {
        var host = await HostWithAPastAsync();
        var adopted = await Client.PostAsync($"/v1/hosts/{host}/adopt");

        Assert.Equal(200, adopted.Status);
        Assert.Equal("/etc/xen/xl.conf", (string)adopted["adopted"]["xlConf"]!["path"]!);
        Assert.Equal(["ovs1", "xenbr0"], adopted["adopted"]["bridges"]!.AsArray().Select(b => (string)b!["name"]!));
        Assert.Equal(["bar", "web1"], adopted["adopted"]["guests"]!.AsArray().Select(g => (string)g!["name"]!));
        Assert.Equal(
            [("guests/crlf", "xl.refuses"), ("guests/nofile", "guest.file-missing"), ("guests/typo", "findings")],
            adopted["skipped"].AsArray().Select(s => ((string)s!["target"]!, (string)s["code"]!)));
        Assert.Equal("vif.unknown-key", (string)adopted["skipped"][2]!["findings"]![0]!["code"]!);

        await AssertPlanEmptyAsync(host);
        var operation = await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s");
        Assert.Equal("succeeded", (string)operation["status"]!);
        Assert.Empty(operation["steps"].AsArray());
        var bar = await Client.GetJsonAsync($"/v1/hosts/{host}/guests/bar");
        Assert.Equal("/etc/xen/foo.cfg", (string)bar["configPath"]!);
        // A vif that runs and whose file names no address: its own is held, and stays out of the file.
        var live = (await Client.GetJsonAsync($"/v1/hosts/{host}/observation"))["domains"].AsArray().Single(d => (string)d!["name"]! == "web1")!["vifs"]![0]!;
        var vif = (await Client.GetJsonAsync($"/v1/hosts/{host}/guests/web1"))["vifs"][0]!;
        Assert.Equal(((string)live["mac"]!, false), ((string)vif["mac"]!, (bool)vif["macInFile"]!));
        Assert.Equal("adopt xl.conf; adopt bridges/ovs1; adopt bridges/xenbr0; adopt bar; adopt web1", await RevisionAsync(host));
    }

    [Fact]
    public async Task Adopt_Twice_ChangesNothingMore()
    {
        var host = await HostWithAPastAsync();
        var first = await Client.PostAsync($"/v1/hosts/{host}/adopt");
        var second = await Client.PostAsync($"/v1/hosts/{host}/adopt");

        Assert.Equal((long)first["revision"]!, (long)second["revision"]!);
        Assert.Empty(second["adopted"]["guests"]!.AsArray());
        Assert.Null(second["adopted"]["xlConf"]);
        Assert.Equal(["bridges/ovs1", "bridges/xenbr0", "guests/bar", "guests/web1", "xl.conf"], second["unchanged"].AsArray().Select(u => (string)u!).Order(StringComparer.Ordinal));
        Assert.Equal(first["skipped"].ToJsonString(), second["skipped"].ToJsonString());
    }

    [Fact]
    public async Task Adopt_ValidateOnly_ShowsItAndTakesNothing()
    {
        var host = await HostWithAPastAsync();
        var tried = await Client.PostAsync($"/v1/hosts/{host}/adopt?validateOnly=true");
        Assert.Equal(2, tried["adopted"]["guests"]!.AsArray().Count);
        Assert.Empty((await Client.GetJsonAsync($"/v1/hosts/{host}/guests"))["items"].AsArray());
        Assert.Equal((await Client.PostAsync($"/v1/hosts/{host}/adopt"))["adopted"].ToJsonString(), tried["adopted"].ToJsonString());
    }

    [Fact]
    public async Task Adopt_AcceptedFindings_TakesTheFileAsItIs()
    {
        var host = await HostWithAPastAsync();
        Assert.Equal("query.accept-findings", (await Client.PostAsync($"/v1/hosts/{host}/adopt?acceptFindings=no.such")).Code);
        var adopted = await Client.PostAsync($"/v1/hosts/{host}/adopt?acceptFindings=vif.unknown-key");
        Assert.Contains("typo", adopted["adopted"]["guests"]!.AsArray().Select(g => (string)g!["name"]!));
        await AssertPlanEmptyAsync(host);
    }

    [Fact]
    public async Task Adopt_AddressThatAnotherGuestHolds_SkipsThatGuestAlone()
    {
        var other = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{other}/guests/holder/config", "name='holder'\nkernel='/k'\nvif=['mac=00:16:3e:aa:cc:01']\n");
        var host = await service.NewHostAsync();
        await WriteAsync(host, "/etc/xen/clash.cfg", "name='clash'\nkernel='/k'\nvif=['mac=00:16:3e:aa:cc:01']\n");
        await WriteAsync(host, "/etc/xen/twin.cfg", "name='twin'\nkernel='/k'\nvif=['mac=00:16:3e:aa:cc:02']\n");
        await WriteAsync(host, "/etc/xen/twin2.cfg", "name='twin2'\nkernel='/k'\nvif=['mac=00:16:3e:aa:cc:02']\n");

        var adopted = await Client.PostAsync($"/v1/hosts/{host}/adopt");

        Assert.Equal(["twin"], adopted["adopted"]["guests"]!.AsArray().Select(g => (string)g!["name"]!));
        Assert.Equal(["mac.in-use", "mac.in-use"], adopted["skipped"].AsArray().Select(s => (string)s!["code"]!));
        Assert.Contains($"{other}/holder/0", (string)adopted["skipped"][0]!["reason"]!, StringComparison.Ordinal);
        Assert.Contains("twin", (string)adopted["skipped"][1]!["reason"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Adopt_GuestThatRunsOtherwiseThanItsFileSays_IsSkippedWithTheDifference()
    {
        var host = await HostWithAPastAsync();
        await WriteAsync(host, "/etc/xen/web1.cfg", "name='web1'\nkernel='/guest/vmlinuz'\nvif=['mtu=1400']\n");
        var adopted = await Client.PostAsync($"/v1/hosts/{host}/adopt");
        var skipped = adopted["skipped"].AsArray().Single(s => (string)s!["target"]! == "guests/web1")!;
        Assert.Equal("guest.differs-live", (string)skipped["code"]!);
        Assert.Contains("mtu", (string)skipped["reason"]!, StringComparison.Ordinal);
        await AssertPlanEmptyAsync(host);
    }

    [Fact]
    public async Task Adopt_OverADesiredStateThatDiffers_IsTakenOnlyWhenAsked()
    {
        var host = await HostWithAPastAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/bar/config", "name='bar'\nkernel='/k'\nvif=['mac=00:16:3e:aa:cc:77']\n");
        await Client.PutAsync($"/v1/hosts/{host}/bridges/xenbr0", new { mtu = 9000, description = "ours" });
        await Client.PutAsync($"/v1/hosts/{host}/defaults", new { bridge = "other" });

        var refused = await Client.PostAsync($"/v1/hosts/{host}/adopt");
        Assert.Equal(["bridges/xenbr0", "guests/bar", "xl.conf"], refused["skipped"].AsArray().Where(s => (string)s!["code"]! == "adopt.differs").Select(s => (string)s!["target"]!).Order(StringComparer.Ordinal));

        var taken = await Client.PostAsync($"/v1/hosts/{host}/adopt?overwrite=true");
        Assert.DoesNotContain(taken["skipped"].AsArray(), s => (string)s!["code"]! == "adopt.differs");
        await AssertPlanEmptyAsync(host);
        Assert.Equal("ours", (string)(await Client.GetJsonAsync($"/v1/hosts/{host}/bridges/xenbr0"))["description"]!);
        Assert.Equal("/etc/xen/foo.cfg", (string)(await Client.GetJsonAsync($"/v1/hosts/{host}/guests/bar"))["configPath"]!);
    }

    [Fact]
    public async Task Adopted_GuestThatIsChangedStoppedAndStarted_KeepsItsFile()
    {
        var host = await HostWithAPastAsync();
        await Client.PostAsync($"/v1/hosts/{host}/adopt");
        await Client.SendJsonAsync(HttpMethod.Patch, $"/v1/hosts/{host}/guests/bar/vifs/0", new { mtu = 1400 });
        Assert.Equal("succeeded", (string)(await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s"))["status"]!);
        Assert.Equal("succeeded", (string)(await Client.PostAsync($"/v1/hosts/{host}/guests/bar/recreate?wait=30s", new { allow = new[] { "guest-recreate" }, force = true }))["status"]!);

        var seen = await Client.GetJsonAsync($"/v1/hosts/{host}/observation?contents=/etc/xen/foo.cfg");
        Assert.Contains("mtu=1400", (string)File(seen, "/etc/xen/foo.cfg")!["content"]!, StringComparison.Ordinal);
        Assert.Null(File(seen, "/etc/xen/bar.cfg"));
    }

    [Fact]
    public async Task Adopted_ApplyThatFails_BringsTheGuestBackFromItsOwnFile()
    {
        var host = await HostWithAPastAsync();
        await Client.PostAsync($"/v1/hosts/{host}/adopt");
        await service.ChangeHostAsync(host, s => s.Faults.Add(new SimulatedFault { Argv = ["xl", "create"], Kind = SimulatedFaultKind.Fail, Stderr = "no luck" }));
        var operation = await Client.PostAsync($"/v1/hosts/{host}/guests/bar/recreate?wait=30s", new { force = true });
        Assert.Equal("rolled-back", (string)operation["status"]!);
        Assert.Contains("bar", (await Client.GetJsonAsync($"/v1/hosts/{host}/observation"))["domains"].AsArray().Select(d => (string)d!["name"]!));
    }

    [Fact]
    public async Task Adopted_GuestThatIsDeleted_GoesFromTheHostWhenApplied()
    {
        var host = await HostWithAPastAsync();
        await Client.PostAsync($"/v1/hosts/{host}/adopt");
        await Client.DeleteAnswerAsync($"/v1/hosts/{host}/guests/bar");
        await Client.DeleteAnswerAsync($"/v1/hosts/{host}/bridges/ovs1");

        var plan = await Client.GetJsonAsync($"/v1/hosts/{host}/plan?allow=guest-recreate");
        Assert.Equal([("guest.stop", "bar"), ("file.delete", "/etc/xen/foo.cfg")], plan["steps"].AsArray().Select(s => ((string)s!["action"]!, (string)s["target"]!)));
        // An adopted bridge was never xlnet's to take away.
        Assert.Equal("succeeded", (string)(await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s", new { allow = new[] { "guest-recreate" } }))["status"]!);
        var seen = await Client.GetJsonAsync($"/v1/hosts/{host}/observation");
        Assert.Null(File(seen, "/etc/xen/foo.cfg"));
        Assert.Contains("ovs1", seen["bridges"].AsArray().Select(b => (string)b!["name"]!));
    }

    [Fact]
    public async Task Adopted_RevisionBeforeIsRestored_LeavesTheHostAlone()
    {
        var host = await HostWithAPastAsync();
        var before = (long)(await Client.GetJsonAsync($"/v1/hosts/{host}"))["revision"]!;
        await Client.PostAsync($"/v1/hosts/{host}/adopt");
        await Client.SendJsonAsync(HttpMethod.Post, $"/v1/hosts/{host}/revisions/{before}/restore", null, ("If-Match", "*"));
        Assert.Empty((await Client.GetJsonAsync($"/v1/hosts/{host}/guests"))["items"].AsArray());
        await AssertPlanEmptyAsync(host);
        // And back: the file is as it was found, without an address that nobody wrote.
        await Client.SendJsonAsync(HttpMethod.Post, $"/v1/hosts/{host}/revisions/{before + 1}/restore", null, ("If-Match", "*"));
        Assert.Equal(2, (await Client.GetJsonAsync($"/v1/hosts/{host}/guests"))["items"].AsArray().Count);
        await AssertPlanEmptyAsync(host);
    }

    [Fact]
    public async Task Create_GuestWhoseFileAnAdoptedGuestHas_IsRefused()
    {
        var host = await HostWithAPastAsync();
        await Client.PostAsync($"/v1/hosts/{host}/adopt");
        var refused = await Client.PutTextAsync($"/v1/hosts/{host}/guests/foo/config", "name='foo'\nkernel='/k'\n");
        Assert.Equal((409, "guest.file-in-use"), (refused.Status, refused.Code));
    }

    [Fact]
    public async Task Observation_OfAHost_ShowsItInFull()
    {
        var host = await HostWithAPastAsync();
        await service.ChangeHostAsync(host, state =>
        {
            state.Sysctls["net.bridge.bridge-nf-call-iptables"] = "1";
            SimulatedHosts.Run(state, "iptables", "-P", "FORWARD", "DROP");
        });
        var seen = await Client.GetJsonAsync($"/v1/hosts/{host}/observation?contents=/etc/xen/foo.cfg,/etc/xen/xl.conf");

        var vif = seen["domains"][0]!["vifs"]![0]!;
        Assert.Equal(("vif1.0", "xenbr0", 0), ((string)vif["dom0Name"]!, (string)vif["bridge"]!, (int)vif["dom0Statistics"]!["rxBytes"]!));
        Assert.Contains("vif-bridge", seen["scripts"].AsArray().Select(s => (string)s!["name"]!));
        Assert.All(seen["scripts"].AsArray(), s => Assert.Equal(64, ((string)s!["sha256"]!).Length));
        Assert.StartsWith("# the file of bar", (string)File(seen, "/etc/xen/foo.cfg")!["content"]!, StringComparison.Ordinal);
        Assert.Null(File(seen, "/etc/xen/web1.cfg")!["content"]);
        Assert.Equal(
            """{"ipv4Forwarding":false,"ipv6Forwarding":false,"brNetfilter":true,"bridgeNfCallIptables":true,"bridgeNfCallIp6tables":null,"iptablesForwardPolicy":"DROP","nftablesForwardChains":[{"family":"ip","table":"filter","name":"FORWARD","priority":0,"policy":"drop"}]}""",
            seen["forwarding"].ToJsonString());

        foreach (var path in new[] { "/etc/shadow", "/etc/xen/../shadow.cfg", "/etc/xen/sub/x.cfg" })
            Assert.Equal((422, "query.contents"), ((await Client.GetJsonAsync($"/v1/hosts/{host}/observation?contents={path}")) is var refused ? refused.Status : 0, refused.Code));
    }

    [Fact]
    public async Task AdoptAndAccept_WhileAnOperationRuns_AreRefused()
    {
        var host = await HostWithAPastAsync();
        await Client.PostAsync($"/v1/hosts/{host}/adopt");
        await service.ChangeHostAsync(host, s => s.Faults.Add(new SimulatedFault { Argv = ["xl", "shutdown"], Kind = SimulatedFaultKind.Hang }));
        var running = await Client.PostAsync($"/v1/hosts/{host}/guests/bar/stop");
        Assert.Equal((409, "host.busy"), ((await Client.PostAsync($"/v1/hosts/{host}/adopt")) is var adopt ? adopt.Status : 0, adopt.Code));
        Assert.Equal("host.busy", (await Client.PostAsync($"/v1/hosts/{host}/drift/accept", new { targets = new[] { "xl.conf" } })).Code);
        await Client.PostAsync($"/v1/operations/{running["id"]}/cancel");
    }

    [Fact]
    public async Task Adopt_HostThatCannotBeAskedOrIsNotThere_SaysSo()
    {
        Assert.Equal((404, "host.not-found"), await StatusAsync("nosuch-host"));
        var host = await service.NewHostAsync();
        await service.ChangeHostAsync(host, s => s.Faults.Add(new SimulatedFault { Argv = ["xl", "info"], Kind = SimulatedFaultKind.CutBefore }));
        Assert.Equal((502, "host.unreachable"), await StatusAsync(host));

        async Task<(int, string?)> StatusAsync(string name)
        {
            var answer = await Client.PostAsync($"/v1/hosts/{name}/adopt");
            return (answer.Status, answer.Code);
        }
    }

    /// <summary>xenbr0 and an Open vSwitch bridge; web1 and bar run, nofile without a file; what xl refuses, and a typo.</summary>
    private async Task<string> HostWithAPastAsync()
    {
        var host = await service.NewHostAsync();
        await service.ChangeHostAsync(host, state =>
        {
            SimulatedHosts.Run(state, "ovs-vsctl", "add-br", "ovs1");
            Put(state, "/etc/xen/xl.conf", "# ours\ndefaultbridge=\"xenbr0\"\nvif.default.script = 'vif-bridge'\n");
            Put(state, "/etc/xen/web1.cfg", "name='web1'\nkernel='/guest/vmlinuz'\nvif=['']\n");
            Put(state, "/etc/xen/foo.cfg", "# the file of bar\nname=\"bar\"\nkernel='/guest/vmlinuz'\nvif = [ 'bridge=xenbr0, rate=1MB/s' ] # slow\n");
            Put(state, "/etc/xen/nofile.cfg", "name='nofile'\nkernel='/guest/vmlinuz'\n");
            foreach (var name in new[] { "web1", "foo", "nofile" })
                SimulatedHosts.Run(state, "xl", "create", $"/etc/xen/{name}.cfg");
            state.Files.Remove("/etc/xen/nofile.cfg");
            Put(state, "/etc/xen/crlf.cfg", "name='crlf'\r\nkernel='/k'\r\n");
            Put(state, "/etc/xen/typo.cfg", "name='typo'\nkernel='/k'\nvif=['brigde=xenbr0']\n");
        });
        return host;
    }

    private static void Put(SimulatedDom0State state, string path, string text) => state.Files[path] = new SimulatedFile { Content = Encoding.UTF8.GetBytes(text) };

    private Task WriteAsync(string host, string path, string text) => service.ChangeHostAsync(host, s => Put(s, path, text));

    private async Task AssertPlanEmptyAsync(string host)
    {
        var plan = await Client.GetJsonAsync($"/v1/hosts/{host}/plan?allow=vif-blip,guest-recreate,management-path");
        Assert.True(plan["steps"].AsArray().Count + plan["pending"].AsArray().Count == 0, plan.Text);
    }

    private async Task<string> RevisionAsync(string host) => (string)(await Client.GetJsonAsync($"/v1/hosts/{host}/revisions?limit=1"))["items"][0]!["summary"]!;

    private static JsonNode? File(Answer observation, string path) => observation["files"].AsArray().FirstOrDefault(f => (string)f!["path"]! == path);
}

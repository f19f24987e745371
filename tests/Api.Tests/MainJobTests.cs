using System.Text.Json.Nodes;
using Xunit;

namespace Xlnet.Api.Tests;

/// <summary>What xlnet is for, end to end over HTTP.</summary>
public sealed class MainJobTests(ServiceFixture service)
{
    private const string Web1 = """
        # A web server, written by hand.
        name    = "web1"
        type    = "pv"          # paravirtualised
        kernel  = "/guest/vmlinuz"
        ramdisk = "/guest/initrd.gz"
        memory  = 128
        vif     = ['bridge=xenbr0']   # one card
        extra   = "console=hvc0"
        # end

        """;

    private HttpClient Client => service.Client;

    [Fact]
    public async Task MainJob_FromGuestFileToObservation_Works()
    {
        var host = await service.NewHostAsync();
        var guest = $"/v1/hosts/{host}/guests/web1";

        Assert.Equal(201, (await Client.PutTextAsync($"{guest}/config", Web1)).Status);
        var vif = await Client.PostAsync($"{guest}/vifs", new { bridge = "xenbr0", rate = new { bitsPerSecond = 10_000_000 } });
        Assert.Equal(201, vif.Status);
        Assert.InRange((string)vif["mac"]!, "00:16:3e:80:00:00", "00:16:3e:ff:ff:ff");
        Assert.Equal(1, (int)vif["devid"]!);
        Assert.Equal(50_000, (int)vif["rate"]["intervalMicroseconds"]!);

        var file = (await Client.GetJsonAsync($"{guest}/config")).Text;
        var (before, after) = (Web1.Split('\n'), file.Split('\n'));
        Assert.Equal(before.Length, after.Length);
        Assert.Equal([6], Enumerable.Range(0, before.Length).Where(i => before[i] != after[i]));
        Assert.StartsWith("vif     = [", after[6], StringComparison.Ordinal);
        Assert.EndsWith("]   # one card", after[6], StringComparison.Ordinal);

        var plan = await Client.GetJsonAsync($"/v1/hosts/{host}/plan");
        var step = Assert.Single(plan["steps"].AsArray())!;
        Assert.Equal("file.write", (string)step["action"]!);
        Assert.Equal("none", (string)step["impact"]!);
        Assert.Contains("+vif     = [", (string)step["diff"]!, StringComparison.Ordinal);

        Assert.Equal("succeeded", (string)(await Client.PostAsync($"{guest}/start?wait=30s"))["status"]!);
        var apply = await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s");
        Assert.Equal("succeeded", (string)apply["status"]!);
        Assert.StartsWith("/v1/operations/", apply.Headers.Location!.ToString(), StringComparison.Ordinal);

        var domain = Assert.Single((await Client.GetJsonAsync($"/v1/hosts/{host}/observation"))["domains"].AsArray())!;
        Assert.Equal("web1", (string)domain["name"]!);
        var wanted = (await Client.GetJsonAsync($"{guest}/vifs"))["items"].AsArray().Select(v => (string)v!["mac"]!);
        Assert.Equal(wanted, domain["vifs"]!.AsArray().Select(v => (string)v!["mac"]!));
        Assert.All(domain["vifs"]!.AsArray(), v => Assert.Equal("xenbr0", (string)v!["bridge"]!));
        Assert.Equal(["vif1.0", "vif1.1"], domain["vifs"]!.AsArray().Select(v => (string)v!["dom0Name"]!));

        var again = await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s");
        Assert.Equal("succeeded", (string)again["status"]!);
        Assert.Empty(again["steps"].AsArray());
    }

    [Fact]
    public async Task Apply_VifAddedToRunningGuest_PlugsItIn()
    {
        var host = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Web1);
        await Client.PostAsync($"/v1/hosts/{host}/guests/web1/start?wait=30s");
        var vif = await Client.PostAsync($"/v1/hosts/{host}/guests/web1/vifs", new { vifname = "web1-dmz" });

        var apply = await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s");

        Assert.Equal(["file.write", "vif.attach"], apply["steps"].AsArray().Select(s => (string)s!["action"]!));
        var live = (await Client.GetJsonAsync($"/v1/hosts/{host}/observation"))["domains"][0]!["vifs"]!.AsArray();
        Assert.Equal("web1-dmz", (string)live[1]!["dom0Name"]!);
        Assert.Equal((string)vif["mac"]!, (string)live[1]!["mac"]!);
    }

    [Fact]
    public async Task Apply_VifBlipNotAllowed_StaysPending()
    {
        var host = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Web1);
        await Client.PostAsync($"/v1/hosts/{host}/guests/web1/start?wait=30s");
        await Client.DeleteAnswerAsync($"/v1/hosts/{host}/guests/web1/vifs/0");

        var apply = await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s", new { allow = Array.Empty<string>() });
        Assert.Equal("succeeded", (string)apply["status"]!);
        Assert.Equal(["file.write"], apply["steps"].AsArray().Select(s => (string)s!["action"]!));

        var pending = Assert.Single((await Client.GetJsonAsync($"/v1/hosts/{host}/plan?allow=none"))["pending"].AsArray())!;
        Assert.Equal("vif.detach", (string)pending["action"]!);
        Assert.Contains("vif-blip", (string)pending["reason"]!, StringComparison.Ordinal);
        Assert.Single((await Client.GetJsonAsync($"/v1/hosts/{host}/plan"))["steps"].AsArray());
    }

    [Fact]
    public async Task Recreate_RunningGuest_GetsNextDomidAndKeepsItsAddress()
    {
        var host = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Web1);
        await Client.PostAsync($"/v1/hosts/{host}/guests/web1/start?wait=30s");
        var before = (await Client.GetJsonAsync($"/v1/hosts/{host}/observation"))["domains"][0]!;

        Assert.Equal("succeeded", (string)(await Client.PostAsync($"/v1/hosts/{host}/guests/web1/recreate?wait=30s"))["status"]!);

        var after = (await Client.GetJsonAsync($"/v1/hosts/{host}/observation"))["domains"][0]!;
        Assert.Equal(1, (int)before["domid"]!);
        Assert.Equal(2, (int)after["domid"]!);
        Assert.Equal((string)before["vifs"]![0]!["mac"]!, (string)after["vifs"]![0]!["mac"]!);
        Assert.Equal("vif2.0", (string)after["vifs"]![0]!["dom0Name"]!);
        Assert.Equal("succeeded", (string)(await Client.PostAsync($"/v1/hosts/{host}/guests/web1/stop?wait=30s"))["status"]!);
        Assert.Empty((await Client.GetJsonAsync($"/v1/hosts/{host}/observation"))["domains"].AsArray());
    }

    [Fact]
    public async Task Delete_GuestThatWasApplied_TakesItsFileAway()
    {
        var host = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Web1);
        await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s");
        Assert.Equal(204, (await Client.DeleteAnswerAsync($"/v1/hosts/{host}/guests/web1")).Status);

        var apply = await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s");

        Assert.Equal(["file.delete"], apply["steps"].AsArray().Select(s => (string)s!["action"]!));
        Assert.Empty((await Client.GetJsonAsync($"/v1/hosts/{host}/plan"))["steps"].AsArray());
    }

    [Fact]
    public async Task Defaults_Changed_ReplugTheVifsThatFollowThem()
    {
        var host = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Web1.Replace("'bridge=xenbr0'", "''"));
        await Client.PostAsync($"/v1/hosts/{host}/guests/web1/start?wait=30s");
        await Client.PutAsync($"/v1/hosts/{host}/bridges/br-lab", new { });
        Assert.Equal(200, (await Client.PutAsync($"/v1/hosts/{host}/defaults", new { script = "vif-bridge", bridge = "br-lab" })).Status);

        var apply = await Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s");

        Assert.Equal("succeeded", (string)apply["status"]!);
        Assert.Equal(["file.write", "bridge.create", "vif.detach", "vif.attach"], apply["steps"].AsArray().Select(s => (string)s!["action"]!));
        Assert.Contains("autoballoon", (string)apply["steps"][0]!["diff"]!, StringComparison.Ordinal);
        var live = (await Client.GetJsonAsync($"/v1/hosts/{host}/observation"))["domains"][0]!["vifs"]![0]!;
        Assert.Equal("br-lab", (string)live["bridge"]!);
    }

    [Fact]
    public async Task DirectoryHost_Applied_HasItsFilesInItsFolder()
    {
        var name = $"d-{Guid.NewGuid():n}"[..20];
        Assert.Equal(201, (await Client.PutAsync($"/v1/hosts/{name}", new { driver = new { kind = "directory", path = name } })).Status);
        await Client.PutTextAsync($"/v1/hosts/{name}/guests/web1/config", Web1);
        Assert.Equal("succeeded", (string)(await Client.PostAsync($"/v1/hosts/{name}/apply?wait=30s"))["status"]!);

        var file = await File.ReadAllTextAsync(Path.Combine(service.DirectoryRoot, name, "etc/xen/web1.cfg"), TestContext.Current.CancellationToken);
        Assert.Equal((await Client.GetJsonAsync($"/v1/hosts/{name}/guests/web1/config")).Text, file);
    }

    [Fact]
    public async Task AsWritten_EmptyVif_StaysAsTheStudentWroteIt()
    {
        var host = await service.NewHostAsync(new { macPolicy = "as-written" });
        var text = Web1.Replace("'bridge=xenbr0'", "''");
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", text);
        Assert.Equal(text, (await Client.GetJsonAsync($"/v1/hosts/{host}/guests/web1/config")).Text);

        await Client.PostAsync($"/v1/hosts/{host}/guests/web1/start?wait=30s");

        var live = (string)(await Client.GetJsonAsync($"/v1/hosts/{host}/observation"))["domains"][0]!["vifs"]![0]!["mac"]!;
        Assert.InRange(live, "00:16:3e:00:00:00", "00:16:3e:7f:ff:ff");
        Assert.Empty((await Client.GetJsonAsync($"/v1/hosts/{host}/plan"))["steps"].AsArray());
        Assert.False((bool)(await Client.GetJsonAsync($"/v1/hosts/{host}/guests/web1/vifs/0"))["macInFile"]!);
    }

    [Fact]
    public async Task ValidateOnly_OnAWrite_ChangesNothing()
    {
        var host = await service.NewHostAsync();
        var answer = await Client.SendTextAsync(HttpMethod.Put, $"/v1/hosts/{host}/guests/web1/config?validateOnly=true", Web1);
        Assert.Equal(201, answer.Status);
        Assert.Equal(404, (await Client.GetJsonAsync($"/v1/hosts/{host}/guests/web1")).Status);
        Assert.Equal(1, (int)(await Client.GetJsonAsync($"/v1/hosts/{host}"))["revision"]!);
    }

    [Fact]
    public async Task Put_OfWhatIsThere_MakesNoRevision()
    {
        var host = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Web1);
        var file = (await Client.GetJsonAsync($"/v1/hosts/{host}/guests/web1/config")).Text;
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", file);
        await Client.PutAsync($"/v1/hosts/{host}", new { driver = new { kind = "simulated" } });
        Assert.Equal(2, (int)(await Client.GetJsonAsync($"/v1/hosts/{host}"))["revision"]!);
    }

    [Fact]
    public async Task Restore_EarlierRevision_BringsGuestsVifsAndAddressesBack()
    {
        var host = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Web1);
        var vif = await Client.PostAsync($"/v1/hosts/{host}/guests/web1/vifs", new { vifname = "dmz0" });
        var then = (await Client.GetJsonAsync($"/v1/hosts/{host}/guests/web1/config")).Text;
        await Client.DeleteAnswerAsync($"/v1/hosts/{host}/guests/web1");
        await Client.PutAsync($"/v1/hosts/{host}/bridges/br9", new { });

        Assert.Equal(428, (await Client.PostAsync($"/v1/hosts/{host}/revisions/3/restore")).Status);
        var etag = (await Client.GetJsonAsync($"/v1/hosts/{host}")).Headers.ETag!.ToString();
        var restored = await Client.SendJsonAsync(HttpMethod.Post, $"/v1/hosts/{host}/revisions/3/restore", null, ("If-Match", etag));

        Assert.Equal(200, restored.Status);
        Assert.Equal(then, (await Client.GetJsonAsync($"/v1/hosts/{host}/guests/web1/config")).Text);
        Assert.Equal((string)vif["mac"]!, (string)(await Client.GetJsonAsync($"/v1/hosts/{host}/guests/web1/vifs/1"))["mac"]!);
        Assert.Equal(404, (await Client.GetJsonAsync($"/v1/hosts/{host}/bridges/br9")).Status);
        // A host that was given no xl.conf has none now either, and not an empty one.
        Assert.DoesNotContain((await Client.GetJsonAsync($"/v1/hosts/{host}/plan"))["steps"].AsArray(), s => (string)s!["target"]! == "/etc/xen/xl.conf");
        Assert.Equal([6, 5, 4, 3, 2, 1], (await Client.GetJsonAsync($"/v1/hosts/{host}/revisions"))["items"].AsArray().Select(r => (int)r!["number"]!));
    }

    [Fact]
    public async Task Patch_Vif_ChangesWhatItNamesAndKeepsTheRest()
    {
        var host = await service.NewHostAsync();
        await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Web1);
        var path = $"/v1/hosts/{host}/guests/web1/vifs/0";
        var before = await Client.GetJsonAsync(path);

        var after = await Client.SendJsonAsync(HttpMethod.Patch, path, JsonNode.Parse("""{"bridge":null,"mtu":9000}"""));

        Assert.Equal(200, after.Status);
        Assert.Null(after.Json!["bridge"]);
        Assert.Equal(9000, (int)after["mtu"]!);
        Assert.Equal((string)before["mac"]!, (string)after["mac"]!);
        var stale = before.Headers.ETag!.ToString();
        Assert.Equal(412, (await Client.SendJsonAsync(HttpMethod.Patch, path, JsonNode.Parse("""{"mtu":1500}"""), ("If-Match", stale))).Status);
        Assert.Equal(200, (await Client.SendJsonAsync(HttpMethod.Patch, path, JsonNode.Parse("""{"mtu":1500}"""), ("If-Match", after.Headers.ETag!.ToString()))).Status);
    }
}

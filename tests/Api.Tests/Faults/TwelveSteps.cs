using System.Text.Json.Nodes;
using Xunit;

namespace Xlnet.Api.Tests.Faults;

/// <summary>A host with a past, and a wish for it whose plan has twelve steps of every kind.</summary>
internal sealed class TwelveSteps(HttpClient client, string host)
{
    /// <summary>What the plan has to be, in order.</summary>
    public static readonly IReadOnlyList<string> Actions =
    [
        "file.write /etc/xen/xl.conf", "bridge.set-mtu bridges/brkept", "bridge.create bridges/brnew", "file.write /etc/xen/hvm1.cfg", "file.write /etc/xen/web1.cfg",
        "vif.detach web1/vifs/0", "guest.stop hvm1", "vif.attach web1/vifs/0", "guest.create hvm1", "guest.stop old1", "file.delete /etc/xen/old1.cfg",
        "bridge.delete bridges/brgone",
    ];

    /// <summary>The step that is journalled and done together with the one before it.</summary>
    public const string WithTheOneBefore = "file.write /etc/xen/web1.cfg";

    private static readonly string[] Allowed = ["vif-blip", "guest-recreate", "management-path"];

    private string _before = "";

    public string Host => host;

    public string Operation { get; private set; } = "";

    /// <summary>Makes the host, gives it its past, and stages the wish.</summary>
    public async Task PrepareAsync(object driver)
    {
        await PutAsync("", new { driver });
        foreach (var bridge in new[] { "brkept", "brgone" })
            await PutAsync($"/bridges/{bridge}", new { mtu = 1500 });
        await PutGuestAsync("web1", "pv", "bridge=brkept");
        await PutGuestAsync("hvm1", "hvm", "bridge=xenbr0");
        await PutGuestAsync("old1", "pv", "bridge=xenbr0");
        await SucceedsAsync("/apply");
        foreach (var guest in new[] { "web1", "hvm1", "old1" })
            await SucceedsAsync($"/guests/{guest}/start");
        _before = await LookAsync();

        await PutAsync("/defaults", new { script = "vif-bridge", bridge = "brkept" });
        await PutAsync("/bridges/brnew", new { mtu = 1400 });
        await PutAsync("/bridges/brkept", new { mtu = 1400 });
        await PatchVifAsync("web1", "brnew");
        await PatchVifAsync("hvm1", "brkept");
        await DeleteAsync("/guests/old1");
        await DeleteAsync("/bridges/brgone");
        Assert.Equal(Actions, await PlanAsync());
    }

    public async Task ApplyAsync() => Operation = (string)(await client.PostAsync($"/v1/hosts/{host}/apply", new { allow = Allowed }))["id"]!;

    public async Task<Answer> EndAsync(HttpClient after) => await after.GetJsonAsync($"/v1/operations/{Operation}?wait=110s");

    /// <summary>The host is as the journal says: as it was to be, or as it was.</summary>
    /// <returns>The operation's status.</returns>
    public async Task<string> CheckAsync(HttpClient after)
    {
        client = after;
        var ended = await EndAsync(after);
        var status = (string)ended["status"]!;
        Assert.True(status is "succeeded" or "rolled-back", ended.Text);
        Assert.All(ended["steps"].AsArray(), s => Assert.NotEqual("running", (string)s!["status"]!));
        if (status == "succeeded")
        {
            Assert.Empty(await PlanAsync());
            Assert.Equal(["hvm1 brkept", "web1 brnew"], (await DomainsAsync()).Order(StringComparer.Ordinal));
        }
        else
        {
            Assert.Equal(Actions, await PlanAsync());
            Assert.Equal(_before, await LookAsync());
        }

        return status;
    }

    private async Task<IEnumerable<string>> PlanAsync() =>
        (await client.GetJsonAsync($"/v1/hosts/{host}/plan?allow={string.Join(',', Allowed)}"))["steps"].AsArray().Select(s => $"{s!["action"]} {s["target"]}");

    private async Task<IEnumerable<string>> DomainsAsync() =>
        (await ObserveAsync())["domains"].AsArray().Select(d => $"{d!["name"]} {d["vifs"]![0]!["bridge"]}");

    private Task<Answer> ObserveAsync() => client.GetJsonAsync($"/v1/hosts/{host}/observation");

    /// <summary>Bridges, guests and vifs, without domids, which a guest that is created again does not keep.</summary>
    private async Task<string> LookAsync()
    {
        var seen = await ObserveAsync();
        var bridges = seen["bridges"].AsArray().Select(b => $"{b!["name"]} {b["kind"]} {b["mtu"]} {b["up"]}");
        var vifs = seen["domains"].AsArray().SelectMany(d => d!["vifs"]!.AsArray(), (d, v) => $"{d!["name"]}/{v!["devid"]} {v["mac"]} {v["bridge"]} {v["linkUp"]}");
        return string.Join('\n', [.. bridges.Order(StringComparer.Ordinal), .. vifs.Order(StringComparer.Ordinal)]);
    }

    private async Task PutAsync(string path, object body) => Good(await client.PutAsync($"/v1/hosts/{host}{path}", body));

    private async Task PutGuestAsync(string name, string type, string vif) => Good(await client.PutTextAsync(
        $"/v1/hosts/{host}/guests/{name}/config", $"name = '{name}'\ntype = '{type}'\n{(type == "pv" ? "kernel = '/guest/vmlinuz'\n" : "")}memory = 128\nvif = ['{vif}']\n"));

    private async Task PatchVifAsync(string guest, string bridge) => Good(await client.SendJsonAsync(
        HttpMethod.Patch, $"/v1/hosts/{host}/guests/{guest}/vifs/0", new JsonObject { ["bridge"] = bridge }));

    private async Task DeleteAsync(string path) => Good(await client.DeleteAnswerAsync($"/v1/hosts/{host}{path}"));

    private async Task SucceedsAsync(string path)
    {
        var ended = await client.PostAsync($"/v1/hosts/{host}{path}?wait=110s");
        Assert.True((string)ended["status"]! == "succeeded", ended.Text);
    }

    private static void Good(Answer answer) => Assert.True(answer.Status is >= 200 and < 300, answer.Text);
}

using System.Text.RegularExpressions;
using Xlnet.Hosts.Tests.Ssh;
using Xlnet.StandInDom0;
using Xunit;

namespace Xlnet.Api.Tests;

/// <summary>A host over SSH that was there before xlnet: files, a bridge and a running guest that its admin made.</summary>
public sealed class SshAdoptionTests(ServiceFixture service) : IAsyncLifetime
{
    private const string Web1 = "# by hand\nname = \"web1\"\nkernel = '/guest/vmlinuz'\nvif = [ 'mac=00:16:3e:5a:00:01, bridge=br9' ]\n";
    private const string Bar = "name='bar'\nkernel='/guest/vmlinuz'\nmemory = 128\n";

    private readonly string _name = $"ssh-{Guid.NewGuid():n}"[..20];
    private StandInHost _dom0 = null!;
    private Sshd _sshd = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private HttpClient Client => service.Client;

    private string Url => "/v1/hosts/" + _name;

    public async ValueTask InitializeAsync()
    {
        _dom0 = await StandInHost.StartAsync(Ct);
        _sshd = await Sshd.StartAsync(new SshdOptions { Prefix = _dom0.Enter(), Environment = _dom0.LoginEnvironment });
        Directory.CreateDirectory(service.KeyDirectory);
        File.Copy(_sshd.KeyDirectory + "/lab", Path.Combine(service.KeyDirectory, _name));
        var target = _sshd.Target;
        var put = await Client.PutAsync(Url, new { driver = new { kind = "ssh", address = target.Address, port = target.Port, user = target.User, key = _name, hostKey = target.HostKey } });
        Assert.Equal(201, put.Status);
    }

    public async ValueTask DisposeAsync()
    {
        await _sshd.DisposeAsync();
        await _dom0.DisposeAsync();
    }

    [Fact]
    public async Task Adopt_ThenChangesByHand_AreEnforcedAndAccepted()
    {
        await OnHostAsync("ip", "link", "add", "name", "br9", "type", "bridge");
        await OnHostAsync("ip", "link", "set", "dev", "br9", "up");
        await WriteAsync("web1", Web1);
        await WriteAsync("foo", Bar);
        await WriteAsync("typo", "name='typo'\nkernel='/k'\nvif=['brigde=xenbr0']\n");
        await OnHostAsync("xl", "create", "/etc/xen/web1.cfg");

        var adopted = await Client.PostAsync(Url + "/adopt");
        Assert.Equal(["br9", "xenbr0"], adopted["adopted"]["bridges"]!.AsArray().Select(b => (string)b!["name"]!));
        Assert.Equal([("bar", false), ("web1", true)], adopted["adopted"]["guests"]!.AsArray().Select(g => ((string)g!["name"]!, (bool)g["running"]!)));
        var skipped = Assert.Single(adopted["skipped"].AsArray())!;
        Assert.Equal(("guests/typo", "findings", "vif.unknown-key"), ((string)skipped["target"]!, (string)skipped["code"]!, (string)skipped["findings"]![0]!["code"]!));
        Assert.Equal(Web1, (await Client.GetJsonAsync(Url + "/guests/web1/config")).Text);
        Assert.Empty(await SucceedAsync("/apply", new { allow = new[] { "vif-blip", "guest-recreate", "management-path" } }));
        Assert.Equal([("guests/typo", "file", "foreign")], await DriftAsync());

        // By hand: a bridge, a file, and a vif of the guest that runs.
        await OnHostAsync("ip", "link", "set", "dev", "br9", "mtu", "1400");
        await WriteAsync("foo", Bar + "vcpus = 4\n");
        await OnHostAsync("xl", "network-attach", "web1", "mac=00:16:3e:5a:00:02", "bridge=xenbr0");
        Assert.Equal(
            [("bridges/br9", "mtu", "changed"), ("guests/bar", "file", "changed"), ("guests/web1/vifs/1", "vif", "leftover"), ("guests/typo", "file", "foreign")],
            (await DriftAsync()).OrderBy(d => d.Field == "file" && d.Kind == "foreign"));

        Assert.Equal(["bridge.set-mtu bridges/br9"], await SucceedAsync("/drift/enforce", new { targets = new[] { "bridges/br9" } }));
        Assert.Equal(1500, await _dom0.Store.UpdateAsync(s => s.Interfaces.Single(i => i.Name == "br9").Mtu, Ct));

        var accepted = await Client.PostAsync(Url + "/drift/accept", new { targets = new[] { "guests/bar", "guests/web1/vifs/1" } });
        Assert.Equal(200, accepted.Status);
        Assert.Equal(Bar + "vcpus = 4\n", (await Client.GetJsonAsync(Url + "/guests/bar/config")).Text);
        Assert.Equal("00:16:3e:5a:00:02", (string)(await Client.GetJsonAsync(Url + "/guests/web1/vifs/1"))["mac"]!);
        // The vif that was plugged in runs on; its file follows.
        Assert.Equal(["file.write /etc/xen/web1.cfg"], await SucceedAsync("/apply"));
        Assert.Equal([("guests/typo", "file", "foreign")], await DriftAsync());
        Assert.StartsWith(Web1[..Web1.IndexOf(" ]", StringComparison.Ordinal)], await File.ReadAllTextAsync($"{_dom0.FilesPath}/etc/xen/web1.cfg", Ct), StringComparison.Ordinal);
        Assert.Equal(2, (await Client.GetJsonAsync(Url + "/observation"))["domains"][0]!["vifs"]!.AsArray().Count);
    }

    [Fact]
    public async Task AdoptAndDrift_ManyGuestFiles_ReadThemInOneRoundTrip()
    {
        await _dom0.AnswerAsBeforeAsync(Ct);
        await WriteAsync("guest0", Named(0));
        var few = (Adopt: await CommandsAsync("/adopt?validateOnly=true"), Drift: await CommandsAsync("/drift"));
        for (var i = 1; i < 60; i++)
            await WriteAsync($"guest{i}", Named(i));

        Assert.Equal(few, (await CommandsAsync("/adopt?validateOnly=true"), await CommandsAsync("/drift")));
        var adopted = await Client.PostAsync(Url + "/adopt");
        Assert.Equal(60, adopted["adopted"]["guests"]!.AsArray().Count);
        Assert.Equal(few, (await CommandsAsync("/adopt?validateOnly=true"), await CommandsAsync("/drift")));

        static string Named(int i) => $"name='guest{i}'\nkernel='/guest/vmlinuz'\n";
    }

    /// <summary>How many commands the host was asked for a request.</summary>
    private async Task<int> CommandsAsync(string path)
    {
        var before = Count();
        var answer = path.StartsWith("/adopt", StringComparison.Ordinal) ? await Client.PostAsync(Url + path) : await Client.GetJsonAsync(Url + path);
        Assert.True(answer.Status == 200, answer.Text);
        return Count() - before;

        int Count() => Regex.Count(_sshd.Log, "Starting session: command");
    }

    private Task<string> OnHostAsync(params string[] argv)
    {
        string[] all = [.. _dom0.Enter(), .. argv];
        return Sshd.RunAsync(all[0], all[1..]);
    }

    private Task WriteAsync(string file, string text) => File.WriteAllTextAsync($"{_dom0.FilesPath}/etc/xen/{file}.cfg", text, Ct);

    private async Task<IEnumerable<string>> SucceedAsync(string path, object? body = null)
    {
        var operation = await Client.PostAsync($"{Url}{path}?wait=60s", body);
        Assert.True((string)operation["status"]! == "succeeded", operation.Text);
        return operation["steps"].AsArray().Select(s => $"{s!["action"]} {s["target"]}");
    }

    private async Task<IEnumerable<(string Target, string Field, string Kind)>> DriftAsync() =>
        (await Client.GetJsonAsync(Url + "/drift"))["entries"].AsArray().Select(e => ((string)e!["target"]!, (string)e["field"]!, (string)e["kind"]!));
}

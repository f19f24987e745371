using Xlnet.StandInDom0;
using Xunit;

namespace Xlnet.Api.Tests;

/// <summary>The service runs on the Dom0 that it drives, as far as there is one without a hypervisor: a <see cref="StandInHost"/>.</summary>
public sealed class LocalHostTests : IAsyncLifetime
{
    private const string Host = "/v1/hosts/here";
    private const string File = "/etc/xen/web1.cfg";

    private readonly TestDatabase _database = new();
    private readonly string _data = Directory.CreateTempSubdirectory("xlnet-test-").FullName;
    private StandInHost _dom0 = null!;
    private ServiceProcess _service = null!;

    private HttpClient Client => _service.Client;

    public async ValueTask InitializeAsync()
    {
        await _database.CreateAsync();
        _dom0 = await StandInHost.StartAsync(TestContext.Current.CancellationToken);
        _service = await ServiceProcess.StartAsync(_database.ConnectionString, _data, through: _dom0.Enter());
    }

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        await _dom0.DisposeAsync();
        await _database.DisposeAsync();
        Directory.Delete(_data, recursive: true);
    }

    [Fact]
    public async Task Guest_PutAppliedStartedAndPluggedInto_IsOnTheHostItself()
    {
        var host = await Client.PutAsync(Host, new { driver = new { kind = "local" } });
        Assert.Equal((201, false), (host.Status, (bool)host["simulated"]!));
        await Client.PutAsync(Host + "/bridges/br7", new { });
        await Client.PutTextAsync(Host + "/guests/web1/config", "name = 'web1'\ntype = 'pv'\nkernel = '/guest/vmlinuz'\nvif = ['bridge=xenbr0']\n");

        Assert.Equal(["bridge.create", "file.write"], await SucceedAsync("/apply"));
        Assert.Equal((await Client.GetJsonAsync(Host + "/guests/web1/config")).Text, await System.IO.File.ReadAllTextAsync(_dom0.FilesPath + File, TestContext.Current.CancellationToken));
        Assert.False(System.IO.File.Exists(File), "The service has written to the machine of the tests.");

        Assert.Equal(["guest.create"], await SucceedAsync("/guests/web1/start"));
        var vif = (await Client.GetJsonAsync(Host + "/guests/web1/vifs/0"))["mac"];
        var seen = await Client.GetJsonAsync(Host + "/observation");
        var live = Assert.Single(Assert.Single(seen["domains"].AsArray())!["vifs"]!.AsArray())!;
        Assert.Equal(("vif1.0", "xenbr0", (string)vif!), ((string)live["dom0Name"]!, (string)live["bridge"]!, (string)live["mac"]!));
        Assert.Contains("vif1.0", seen["bridges"].AsArray().Single(b => (string)b!["name"]! == "xenbr0")!["ports"]!.AsArray().Select(p => (string)p!));
        await AssertInSyncAsync();

        Assert.Equal(201, (await Client.PostAsync(Host + "/guests/web1/vifs", new { bridge = "br7" })).Status);
        Assert.Equal(["file.write", "vif.attach"], await SucceedAsync("/apply"));
        await AssertInSyncAsync();

        Assert.Equal(["guest.stop"], await SucceedAsync("/guests/web1/stop"));
        Assert.Empty((await Client.GetJsonAsync(Host + "/observation"))["domains"].AsArray());
        await AssertInSyncAsync();
    }

    private async Task<IEnumerable<string>> SucceedAsync(string path)
    {
        var operation = await Client.PostAsync($"{Host}{path}?wait=110s");
        Assert.True((string)operation["status"]! == "succeeded", operation.Text);
        return operation["steps"].AsArray().Select(s => (string)s!["action"]!);
    }

    private async Task AssertInSyncAsync()
    {
        var drift = await Client.GetJsonAsync(Host + "/drift");
        Assert.True((bool)drift["inSync"]! && drift["entries"].AsArray().Count == 0, drift.Text);
    }
}

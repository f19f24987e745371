using Xlnet.Domain.Bridges;
using Xlnet.Domain.Planning;
using Xlnet.Infrastructure.Hosts;
using Xunit;

namespace Xlnet.Hosts.Tests.Contract;

/// <summary>What the driver does with Linux bridges, on a host where they can be made.</summary>
public abstract class BridgeContract : ShellContract
{
    [Theory]
    [InlineData(null)]
    [InlineData(1400)]
    public Task LinuxBridge_CreatedChangedAndDeleted_IsAsAsked(int? mtu) => BridgeIsAsAskedAsync(BridgeKind.Linux, mtu);

    protected async Task BridgeIsAsAskedAsync(BridgeKind kind, int? mtu)
    {
        await using var driver = await DriverAsync();
        await DoneOnceAsync(driver, new CreateBridgeStep("xltest0", kind, mtu), "add", "add-br", "set");
        Assert.Equal((kind, true, mtu ?? 1500), await BridgeAsync());

        await DoneOnceAsync(driver, new SetBridgeMtuStep("xltest0", 1300, mtu ?? 1500), "set");
        Assert.Equal((kind, true, 1300), await BridgeAsync());

        await DoneOnceAsync(driver, new DeleteBridgeStep("xltest0", kind, 1300, Impact.None), "delete", "del-br");
        Assert.Null(await BridgeAsync());

        async Task<(BridgeKind, bool, int)?> BridgeAsync()
        {
            var reader = new HostReader((argv, ct) => Opened.RunAsync(argv, Limit, ct));
            var bridges = HostReader.Bridges(await reader.ReadInterfacesAsync(Ct), await reader.ReadOvsAsync(Ct));
            return bridges.FirstOrDefault(b => b.Name == "xltest0") is { } bridge ? (bridge.Kind, bridge.Up, bridge.Mtu) : null;
        }
    }

    [Fact]
    public async Task CreateBridge_ThatIsDown_IsSetUp()
    {
        await using var driver = await DriverAsync();
        Done(await driver.ApplyAsync(new CreateBridgeStep("xltest0", BridgeKind.Linux, null), Ct));
        await Opened.RunAsync(["ip", "link", "set", "dev", "xltest0", "down"], Limit, Ct);
        var outcome = await driver.ApplyAsync(new CreateBridgeStep("xltest0", BridgeKind.Linux, 1280), Ct);
        Done(outcome);
        Assert.Contains(outcome.Commands, c => c.Argv.SequenceEqual(["ip", "link", "set", "dev", "xltest0", "up"]));
        Assert.Contains(outcome.Commands, c => c.Argv.SequenceEqual(["ip", "link", "set", "dev", "xltest0", "mtu", "1280"]));
        Done(await driver.ApplyAsync(new DeleteBridgeStep("xltest0", BridgeKind.Linux, 1280, Impact.None), Ct));
    }

    [Fact]
    public async Task CreateBridge_NameOfAnInterface_Fails()
    {
        await using var driver = await DriverAsync();
        await FailsAsync(driver, new CreateBridgeStep("lo", BridgeKind.Linux, null), "bridge.name-in-use");
    }

    [Fact]
    public async Task CreateBridge_NameThatTheKernelRefuses_Fails()
    {
        await using var driver = await DriverAsync();
        var failure = await FailsAsync(driver, new CreateBridgeStep("averyveryverylongname", BridgeKind.Linux, null), "bridge.create-failed");
        Assert.Contains("not a valid ifname", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SetBridgeMtu_NoSuchBridgeOrNoSuchSize_Fails()
    {
        await using var driver = await DriverAsync();
        await FailsAsync(driver, new SetBridgeMtuStep("xlnone", 1400, 1500), "bridge.missing");
        Done(await driver.ApplyAsync(new CreateBridgeStep("xltest0", BridgeKind.Linux, null), Ct));
        await FailsAsync(driver, new SetBridgeMtuStep("xltest0", 1, 1500), "bridge.set-mtu-failed");
        Done(await driver.ApplyAsync(new DeleteBridgeStep("xltest0", BridgeKind.Linux, null, Impact.None), Ct));
    }

    [Fact]
    public async Task ReadLines_MonitorOfLinks_GivesEachLineWhenItComes()
    {
        var shell = await ShellAsync();
        await RunAsync("link", "add", "name", "xltest0", "type", "bridge");
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        limit.CancelAfter(Limit);
        await using var lines = shell.ReadLinesAsync(["ip", "monitor", "link"], limit.Token).GetAsyncEnumerator(Ct);
        // It does not say when it has begun to listen: something goes on until it does.
        var line = lines.MoveNextAsync().AsTask();
        for (var mtu = 1300; !line.IsCompleted; mtu = 2701 - mtu)
            await RunAsync("link", "set", "dev", "xltest0", "mtu", $"{mtu}");
        Assert.True(await line);
        Assert.Contains("xltest0", lines.Current, StringComparison.Ordinal);

        await RunAsync("link", "delete", "dev", "xltest0", "type", "bridge");
        do
            Assert.True(await lines.MoveNextAsync());
        while (!lines.Current.StartsWith("Deleted", StringComparison.Ordinal));
        Assert.Contains("xltest0", lines.Current, StringComparison.Ordinal);

        async Task RunAsync(params string[] words) => Assert.Equal("", (await shell.RunAsync(["ip", .. words], Limit, Ct)).Stderr);
    }
}

using System.Security.Cryptography;
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
            var reader = new HostReader((commands, ct) => Opened.RunAllAsync(commands, Limit, ct));
            var bridges = HostReader.Bridges(await reader.ReadInterfacesAsync(Ct), await reader.ReadOvsAsync(Ct));
            return bridges.FirstOrDefault(b => b.Name == "xltest0") is { } bridge ? (bridge.Kind, bridge.Up, bridge.Mtu) : null;
        }
    }

    [Fact]
    public async Task Interfaces_OfAHost_HaveCounters()
    {
        await ShellAsync();
        var reader = new HostReader((commands, ct) => Opened.RunAllAsync(commands, Limit, ct));
        Assert.All(await reader.ReadInterfacesAsync(Ct), i => Assert.NotNull(i.Statistics));
    }

    [Fact]
    public async Task Hashes_OfFiles_AreThoseOfTheirBytes()
    {
        await ShellAsync();
        byte[] content = [0, 1, (byte)'\n', 255];
        await Opened.WriteFileAsync(Folder + "/hashed", content, Ct);
        var reader = new HostReader((commands, ct) => Opened.RunAllAsync(commands, Limit, ct));
        var hashes = await reader.ReadHashesAsync([Folder + "/none", Folder + "/hashed"], Ct);
        Assert.Equal(KeyValuePair.Create(Folder + "/hashed", Convert.ToHexStringLower(SHA256.HashData(content))), Assert.Single(hashes));
        await Opened.DeleteFileAsync(Folder + "/hashed", Ct);
    }

    [Fact]
    public Task LinuxBridgePort_AddedMovedAndRemoved_IsAsAsked() => PortIsAsAskedAsync(BridgeKind.Linux);

    protected async Task PortIsAsAskedAsync(BridgeKind kind)
    {
        await using var driver = await DriverAsync();
        await MakePortAsync("xlport0");
        Done(await driver.ApplyAsync(new CreateBridgeStep("xltest0", kind, null), Ct));
        Done(await driver.ApplyAsync(new CreateBridgeStep("xltest1", kind, null), Ct));

        await DoneOnceAsync(driver, new AddBridgePortStep("xltest0", kind, "xlport0", null, Impact.None), "set", "add-port");
        Assert.Equal("xltest0", await BridgeOfAsync());
        Assert.True(await IsUpAsync());

        await DoneOnceAsync(driver, new AddBridgePortStep("xltest1", kind, "xlport0", new PortBridge("xltest0", kind), Impact.None), "set", "add-port");
        Assert.Equal("xltest1", await BridgeOfAsync());

        // Someone has moved it since: what is planned from another place is not done.
        var failure = await FailsAsync(driver, new RemoveBridgePortStep("xltest0", kind, "xlport0", Impact.None), "host.changed");
        Assert.Equal(("on bridge xltest0", "on bridge xltest1"), (failure.Expected, failure.Found));
        failure = await FailsAsync(driver, new AddBridgePortStep("xltest0", kind, "xlport0", null, Impact.None), "host.changed");
        Assert.Equal(("on no bridge", "on bridge xltest1"), (failure.Expected, failure.Found));
        await FailsAsync(driver, new DeleteBridgeStep("xltest1", kind, null, Impact.None, []), "host.changed");

        await DoneOnceAsync(driver, new RemoveBridgePortStep("xltest1", kind, "xlport0", Impact.None), "set", "del-port");
        Assert.Null(await BridgeOfAsync());
        Done(await driver.ApplyAsync(new DeleteBridgeStep("xltest0", kind, null, Impact.None), Ct));
        Done(await driver.ApplyAsync(new DeleteBridgeStep("xltest1", kind, null, Impact.None, []), Ct));
        await Opened.RunAsync(["ip", "link", "delete", "dev", "xlport0"], Limit, Ct);

        async Task<string?> BridgeOfAsync()
        {
            var reader = new HostReader((commands, ct) => Opened.RunAllAsync(commands, Limit, ct));
            return HostReader.Bridges(await reader.ReadInterfacesAsync(Ct), await reader.ReadOvsAsync(Ct)).FirstOrDefault(b => b.Ports.Contains("xlport0"))?.Name;
        }

        async Task<bool> IsUpAsync() =>
            (await new HostReader((commands, ct) => Opened.RunAllAsync(commands, Limit, ct)).ReadInterfacesAsync(Ct)).Single(i => i.Name == "xlport0").Up;
    }

    [Fact]
    public async Task AddBridgePort_NoSuchPortOrBridge_Fails()
    {
        await using var driver = await DriverAsync();
        await FailsAsync(driver, new AddBridgePortStep("xlnone", BridgeKind.Linux, "lo", null, Impact.None), "bridge.missing");
        Done(await driver.ApplyAsync(new CreateBridgeStep("xltest0", BridgeKind.Linux, null), Ct));
        await FailsAsync(driver, new AddBridgePortStep("xltest0", BridgeKind.Linux, "xlnone", null, Impact.None), "bridge.port-missing");
        await FailsAsync(driver, new AddBridgePortStep("xltest0", BridgeKind.Linux, "lo", null, Impact.None), "bridge.add-port-failed");
        Done(await driver.ApplyAsync(new DeleteBridgeStep("xltest0", BridgeKind.Linux, null, Impact.None), Ct));
    }

    [Fact]
    public async Task SetBridgeMtu_ThatSomeoneElseHasSet_IsNotOverwritten()
    {
        await using var driver = await DriverAsync();
        Done(await driver.ApplyAsync(new CreateBridgeStep("xltest0", BridgeKind.Linux, 1400), Ct));
        var failure = await FailsAsync(driver, new SetBridgeMtuStep("xltest0", 1300, 1500), "host.changed");
        Assert.Equal(("1500", "1400"), (failure.Expected, failure.Found));
        Done(await driver.ApplyAsync(new DeleteBridgeStep("xltest0", BridgeKind.Linux, null, Impact.None), Ct));
    }

    [Fact]
    public async Task Routes_OfTheHost_AreReadWithoutTheKernels()
    {
        await using var driver = await DriverAsync();
        Assert.All(await driver.ReadRoutesAsync(Ct), r => Assert.NotEqual("kernel", r.Protocol));
    }

    /// <summary>An interface that is nobody's: of a kind that every kernel has.</summary>
    protected async Task MakePortAsync(string name)
    {
        var made = await Opened.RunAsync(["ip", "link", "add", "name", name, "type", "veth", "peer", "name", name + "p"], Limit, Ct);
        Assert.True(made.Succeeded, made.Stderr);
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

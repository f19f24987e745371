using System.Text;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Planning;
using Xlnet.Infrastructure.Hosts;
using Xunit;

namespace Xlnet.Hosts.Tests.Contract;

/// <summary>
/// What the driver does on a Xen host: a running Xen with xl, the lab's xenbr0, Open vSwitch, and a kernel and a ramdisk for small PV
/// guests that shut down when they are asked to.
/// </summary>
public abstract partial class HostContract : BridgeContract
{
    /// <summary>Where the host keeps a kernel and a ramdisk for guests.</summary>
    protected virtual string Kernel => "/guest/vmlinuz";

    protected virtual string Ramdisk => "/guest/initrd.gz";

    /// <summary>Lets the guests that were created come up. A real host needs some seconds; a simulated one is told to.</summary>
    protected abstract Task LetGuestsConnectAsync();

    protected string GuestFileOf(string name, params string[] vifs) =>
        $"name = \"{name}\"\ntype = \"pv\"\nkernel = \"{Kernel}\"\nramdisk = \"{Ramdisk}\"\nextra = \"console=hvc0 quiet\"\nmemory = 128\nvcpus = 1\n"
        + $"vif = [{string.Join(", ", vifs.Select(v => $"'{v}'"))}]\n";

    /// <summary>Writes a guest's file and creates the guest.</summary>
    protected async Task<ObservedDomain> StartAsync(XlHostDriver driver, string name, params string[] vifs)
    {
        var path = $"{Folder}/{name}.cfg";
        Done(await driver.ApplyAsync(new WriteFileStep(path, null, Encoding.UTF8.GetBytes(GuestFileOf(name, vifs))), Ct));
        Done(await driver.ApplyAsync(new CreateGuestStep(name, path, Impact.None), Ct));
        await LetGuestsConnectAsync();
        var domain = (await driver.ObserveAsync([], Ct)).FindDomain(name);
        Assert.NotNull(domain);
        return domain;
    }

    [Theory]
    [InlineData(null)]
    [InlineData(1400)]
    public Task OpenVSwitchBridge_CreatedChangedAndDeleted_IsAsAsked(int? mtu) => BridgeIsAsAskedAsync(BridgeKind.OpenVSwitch, mtu);

    [Fact]
    public Task OpenVSwitchBridgePort_AddedMovedAndRemoved_IsAsAsked() => PortIsAsAskedAsync(BridgeKind.OpenVSwitch);

    /// <summary>A kernel may be without it, so the machine that runs the tests is not asked.</summary>
    [Fact]
    public async Task LinuxBridge_VlanFilteringSetAndTakenOff_IsAsAsked()
    {
        await using var driver = await DriverAsync();
        await DoneOnceAsync(driver, new CreateBridgeStep("xltest0", BridgeKind.Linux, null), "add", "set");
        Assert.False(await FilteringAsync("xltest0"));
        await DoneOnceAsync(driver, new SetBridgeVlanFilteringStep("xltest0", true, Impact.None), "set");
        Assert.True(await FilteringAsync("xltest0"));
        await DoneOnceAsync(driver, new SetBridgeVlanFilteringStep("xltest0", false, Impact.None), "set");
        Assert.False(await FilteringAsync("xltest0"));

        await DoneOnceAsync(driver, new CreateBridgeStep("xltest1", BridgeKind.Linux, 1400, VlanFiltering: true), "add", "set");
        Assert.True(await FilteringAsync("xltest1"));
        await FailsAsync(driver, new SetBridgeVlanFilteringStep("xlnone", true, Impact.None), "bridge.missing");
        foreach (var name in new[] { "xltest0", "xltest1" })
            Done(await driver.ApplyAsync(new DeleteBridgeStep(name, BridgeKind.Linux, null, Impact.None), Ct));

        async Task<bool> FilteringAsync(string name)
        {
            var reader = new HostReader((commands, ct) => Opened.RunAllAsync(commands, Limit, ct));
            return HostReader.Bridges(await reader.ReadInterfacesAsync(Ct), []).Single(b => b.Name == name).VlanFiltering!.Value;
        }
    }

    [Fact]
    public async Task BridgePort_MovedBetweenTheKindsOfBridge_IsOnTheOther()
    {
        await using var driver = await DriverAsync();
        await MakePortAsync("xlport0");
        Done(await driver.ApplyAsync(new CreateBridgeStep("xltest0", BridgeKind.Linux, null), Ct));
        Done(await driver.ApplyAsync(new CreateBridgeStep("xltest1", BridgeKind.OpenVSwitch, null), Ct));
        Done(await driver.ApplyAsync(new AddBridgePortStep("xltest0", BridgeKind.Linux, "xlport0", null, Impact.None), Ct));

        Done(await driver.ApplyAsync(new AddBridgePortStep("xltest1", BridgeKind.OpenVSwitch, "xlport0", new PortBridge("xltest0", BridgeKind.Linux), Impact.None), Ct));
        Assert.Equal("xltest1", (await driver.ObserveAsync([], Ct)).FindBridgeOf("xlport0")?.Name);
        Done(await driver.ApplyAsync(new AddBridgePortStep("xltest0", BridgeKind.Linux, "xlport0", new PortBridge("xltest1", BridgeKind.OpenVSwitch), Impact.None), Ct));
        Assert.Equal("xltest0", (await driver.ObserveAsync([], Ct)).FindBridgeOf("xlport0")?.Name);

        Done(await driver.ApplyAsync(new DeleteBridgeStep("xltest0", BridgeKind.Linux, null, Impact.None), Ct));
        Done(await driver.ApplyAsync(new DeleteBridgeStep("xltest1", BridgeKind.OpenVSwitch, null, Impact.None), Ct));
        await Opened.RunAsync(["ip", "link", "delete", "dev", "xlport0"], Limit, Ct);
    }

    [Fact]
    public async Task DetachVif_OfADomainThatIsAnotherByNow_IsNotDone()
    {
        await using var driver = await DriverAsync();
        var domain = await StartAsync(driver, "web1", "mac=00:16:3e:80:00:01");
        var failure = await FailsAsync(driver, new DetachVifStep("web1", 0, domain.Vifs[0].Mac, domain.Domid + 1), "host.changed");
        Assert.Equal($"domain {domain.Domid + 1}", failure.Expected);
        await FailsAsync(driver, new StopGuestStep("web1", Force: true, TimeSpan.FromMinutes(1), domain.Domid + 1), "host.changed");
        Assert.NotNull((await driver.ObserveAsync([], Ct)).FindDomain("web1"));
    }
}

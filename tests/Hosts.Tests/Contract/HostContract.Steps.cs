using System.Text;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Vifs;
using Xlnet.Infrastructure.Hosts;
using Xunit;

namespace Xlnet.Hosts.Tests.Contract;

/// <summary>Each kind of step: done, done again, and every way in which it fails.</summary>
public abstract partial class HostContract
{
    private static readonly MacAddress Mac = new(0x00163e800007);

    [Fact]
    public async Task WriteFile_NewOne_IsWrittenOnce()
    {
        await using var driver = await DriverAsync();
        var step = new WriteFileStep(Folder + "/web1.cfg", null, "name = 'web1'\n"u8.ToArray());
        await DoneOnceAsync(driver, step);
        var shell = await ShellAsync();
        Assert.Equal(step.Content, await shell.ReadFileAsync(step.Path, Ct));
    }

    [Fact]
    public async Task WriteFile_ChangedOnTheHostSincePlanned_IsNotOverwritten()
    {
        await using var driver = await DriverAsync();
        var shell = await ShellAsync();
        await shell.WriteFileAsync(Folder + "/web1.cfg", "by hand"u8.ToArray(), Ct);
        foreach (var before in new[] { null, "as planned"u8.ToArray() })
            await FailsAsync(driver, new WriteFileStep(Folder + "/web1.cfg", before, "new"u8.ToArray()), "file.changed");
        Assert.Equal("by hand"u8.ToArray(), await shell.ReadFileAsync(Folder + "/web1.cfg", Ct));
    }

    [Fact]
    public async Task WriteFile_WhereAFolderIs_Fails()
    {
        await using var driver = await DriverAsync();
        var shell = await ShellAsync();
        await shell.WriteFileAsync(Folder + "/dir/file", "x"u8.ToArray(), Ct);
        await FailsAsync(driver, new WriteFileStep(Folder + "/dir", null, "x"u8.ToArray()), "file.failed");
    }

    [Fact]
    public async Task DeleteFile_AsPlanned_IsGoneOnce()
    {
        await using var driver = await DriverAsync();
        var shell = await ShellAsync();
        await shell.WriteFileAsync(Folder + "/web1.cfg", "old"u8.ToArray(), Ct);
        await DoneOnceAsync(driver, new DeleteFileStep(Folder + "/web1.cfg", "old"u8.ToArray()));
        Assert.Null(await shell.ReadFileAsync(Folder + "/web1.cfg", Ct));
    }

    [Fact]
    public async Task DeleteFile_ChangedOnTheHostSincePlanned_Stays()
    {
        await using var driver = await DriverAsync();
        var shell = await ShellAsync();
        await shell.WriteFileAsync(Folder + "/web1.cfg", "by hand"u8.ToArray(), Ct);
        await FailsAsync(driver, new DeleteFileStep(Folder + "/web1.cfg", "old"u8.ToArray()), "file.changed");
        Assert.NotNull(await shell.ReadFileAsync(Folder + "/web1.cfg", Ct));
    }

    [Theory]
    [InlineData(BridgeKind.Linux, null)]
    [InlineData(BridgeKind.Linux, 1400)]
    [InlineData(BridgeKind.OpenVSwitch, null)]
    [InlineData(BridgeKind.OpenVSwitch, 1400)]
    public async Task Bridge_CreatedChangedAndDeleted_IsAsAsked(BridgeKind kind, int? mtu)
    {
        Need(kind == BridgeKind.Linux ? HostCapabilities.Bridges : HostCapabilities.OpenVSwitch);
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
        Need(HostCapabilities.Bridges);
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
        Need(HostCapabilities.Bridges);
        await using var driver = await DriverAsync();
        await FailsAsync(driver, new CreateBridgeStep("lo", BridgeKind.Linux, null), "bridge.name-in-use");
    }

    [Fact]
    public async Task CreateBridge_NameThatTheKernelRefuses_Fails()
    {
        Need(HostCapabilities.Bridges);
        await using var driver = await DriverAsync();
        var failure = await FailsAsync(driver, new CreateBridgeStep("averyveryverylongname", BridgeKind.Linux, null), "bridge.create-failed");
        Assert.Contains("not a valid ifname", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SetBridgeMtu_NoSuchBridgeOrNoSuchSize_Fails()
    {
        Need(HostCapabilities.Bridges);
        await using var driver = await DriverAsync();
        await FailsAsync(driver, new SetBridgeMtuStep("xlnone", 1400, 1500), "bridge.missing");
        Done(await driver.ApplyAsync(new CreateBridgeStep("xltest0", BridgeKind.Linux, null), Ct));
        await FailsAsync(driver, new SetBridgeMtuStep("xltest0", 1, 1500), "bridge.set-mtu-failed");
        Done(await driver.ApplyAsync(new DeleteBridgeStep("xltest0", BridgeKind.Linux, null, Impact.None), Ct));
    }

    [Fact]
    public async Task CreateGuest_OnAnOpenVSwitchBridge_IsItsPort()
    {
        Need(HostCapabilities.Xen | HostCapabilities.OpenVSwitch);
        await using var driver = await DriverAsync();
        Done(await driver.ApplyAsync(new CreateBridgeStep("ovsbr0", BridgeKind.OpenVSwitch, null), Ct));
        var domain = await StartAsync(driver, "web1", "script=vif-openvswitch,bridge=ovsbr0.20");
        Assert.Equal("ovsbr0", domain.FindVif(0)!.Bridge);
        Assert.Equal([domain.FindVif(0)!.Dom0Name], (await driver.ObserveAsync([], Ct)).FindBridge("ovsbr0")!.Ports);
    }

    [Fact]
    public async Task CreateGuest_BridgeThatIsMissing_FailsWithTheEvidenceAndLeavesNothing()
    {
        Need(HostCapabilities.Xen);
        await using var driver = await DriverAsync();
        await WriteGuestAsync("web1", "bridge=nobr9");
        var failure = await FailsAsync(driver, new CreateGuestStep("web1", Folder + "/web1.cfg", Impact.None), "hotplug.failed");
        Assert.Equal(("/etc/xen/scripts/vif-bridge", "Could not find bridge device nobr9"), (failure.Script, failure.HotplugError));
        Assert.NotNull(failure.HotplugLog);

        var seen = await driver.ObserveAsync([], Ct);
        Assert.Empty(seen.Domains);
        Assert.DoesNotContain(seen.Interfaces, i => i.Kind == "vif");
    }

    [Fact]
    public async Task CreateGuest_BridgeOfTheOtherKind_FailsWithTheLogWhereTheScriptSaysNothing()
    {
        Need(HostCapabilities.Xen | HostCapabilities.OpenVSwitch);
        await using var driver = await DriverAsync();
        Done(await driver.ApplyAsync(new CreateBridgeStep("ovsbr0", BridgeKind.OpenVSwitch, null), Ct));
        await WriteGuestAsync("web1", "script=vif-bridge,bridge=ovsbr0");
        var failure = await FailsAsync(driver, new CreateGuestStep("web1", Folder + "/web1.cfg", Impact.None), "hotplug.failed");
        Assert.Null(failure.HotplugError);
        Assert.Contains("Operation not supported", failure.HotplugLog, StringComparison.Ordinal);

        await WriteGuestAsync("web2", "script=vif-openvswitch,bridge=xenbr0");
        failure = await FailsAsync(driver, new CreateGuestStep("web2", Folder + "/web2.cfg", Impact.None), "hotplug.failed");
        Assert.StartsWith("ovs-vsctl --timeout=30", failure.HotplugError, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CreateGuest_ScriptThatIsMissing_SaysWhich()
    {
        Need(HostCapabilities.Xen);
        await using var driver = await DriverAsync();
        await WriteGuestAsync("web1", "script=vif-nosuch");
        var failure = await FailsAsync(driver, new CreateGuestStep("web1", Folder + "/web1.cfg", Impact.None), "hotplug.script-missing");
        Assert.Equal("/etc/xen/scripts/vif-nosuch", failure.Script);
    }

    [Theory]
    [InlineData("vif = ['rate=banana']", "guest.config-invalid", "invalid rate in `banana'")]
    [InlineData("vif = [", "guest.config-invalid", "config parsing error")]
    [InlineData("vif = ['backend=nosuchdom']", "vif.invalid", "Unable to set nic defaults")]
    [InlineData("memory = 2000000", "guest.out-of-memory", "Out of memory")]
    public async Task CreateGuest_FileThatXlRefuses_SaysWhy(string line, string code, string message)
    {
        Need(HostCapabilities.Xen);
        await using var driver = await DriverAsync();
        var shell = await ShellAsync();
        await shell.WriteFileAsync(Folder + "/web1.cfg", Encoding.UTF8.GetBytes(GuestFileOf("web1") + line + "\n"), Ct);
        var failure = await FailsAsync(driver, new CreateGuestStep("web1", Folder + "/web1.cfg", Impact.None), code);
        Assert.Contains(message, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CreateGuest_NoFile_SaysWhich()
    {
        Need(HostCapabilities.Xen);
        await using var driver = await DriverAsync();
        var failure = await FailsAsync(driver, new CreateGuestStep("web1", Folder + "/none.cfg", Impact.None), "guest.config-missing");
        Assert.Contains("none.cfg", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CreateGuest_FileOfAGuestThatRuns_SaysWhoHasTheName()
    {
        Need(HostCapabilities.Xen);
        await using var driver = await DriverAsync();
        await StartAsync(driver, "web1", "");
        var failure = await FailsAsync(driver, new CreateGuestStep("web2", Folder + "/web1.cfg", Impact.None), "guest.name-in-use");
        Assert.Contains("\"web1\"", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AttachVif_GuestThatDoesNotRun_Fails()
    {
        Need(HostCapabilities.Xen);
        await using var driver = await DriverAsync();
        await FailsAsync(driver, new AttachVifStep("web1", 0, VifSettings.Empty, Impact.None), "guest.not-running");
    }

    [Fact]
    public async Task AttachVif_BridgeThatIsMissing_FailsAndItsLeftoverIsSeenAndCanBeDetached()
    {
        Need(HostCapabilities.Xen);
        await using var driver = await DriverAsync();
        await StartAsync(driver, "web1", "");
        var step = new AttachVifStep("web1", 1, new VifSettings { Mac = Mac, Bridge = "nobr9" }, Impact.None);
        var failure = await FailsAsync(driver, step, "hotplug.failed");
        Assert.Equal(("/etc/xen/scripts/vif-bridge", "Could not find bridge device nobr9"), (failure.Script, failure.HotplugError));

        var left = (await driver.ObserveAsync([], Ct)).FindDomain("web1")!.FindVif(1);
        Assert.Equal((Mac, false, null, XenbusState.Connected), (left?.Mac, left?.LinkUp, left?.Bridge, left?.State));
        await FailsAsync(driver, step, "vif.leftover");

        Done(await driver.ApplyAsync(new DetachVifStep("web1", 1, Mac), Ct));
        Done(await driver.ApplyAsync(step with { Settings = new VifSettings { Mac = Mac, Bridge = "xenbr0" } }, Ct));
    }

    [Fact]
    public async Task AttachVif_VifNameThatIsTaken_LeavesTheOtherGuestAlone()
    {
        Need(HostCapabilities.Xen);
        await using var driver = await DriverAsync();
        await StartAsync(driver, "web1", "vifname=dup0");
        await StartAsync(driver, "web2", "");
        var failure = await FailsAsync(driver, new AttachVifStep("web2", 1, new VifSettings { VifName = "dup0", Mac = Mac }, Impact.None), "hotplug.failed");
        Assert.Contains("An interface with name dup0 already exists", failure.HotplugError, StringComparison.Ordinal);

        var seen = await driver.ObserveAsync([], Ct);
        Assert.Equal(("dup0", true), (seen.FindDomain("web1")!.FindVif(0)!.Dom0Name, seen.FindDomain("web1")!.FindVif(0)!.LinkUp));
        var left = seen.FindDomain("web2")!.FindVif(1)!;
        Assert.Equal(($"vif{seen.FindDomain("web2")!.Domid}.1", false), (left.Dom0Name, left.LinkUp));
    }

    [Fact]
    public async Task CreateGuest_VifNameThatIsTaken_TakesTheOtherGuestsPortDown()
    {
        Need(HostCapabilities.Xen);
        await using var driver = await DriverAsync();
        await StartAsync(driver, "web1", "vifname=dup0");
        await WriteGuestAsync("web2", "vifname=dup0");
        await FailsAsync(driver, new CreateGuestStep("web2", Folder + "/web2.cfg", Impact.None), "hotplug.failed");

        var cut = (await driver.ObserveAsync([], Ct)).FindDomain("web1")!.FindVif(0)!;
        Assert.Equal((false, null), (cut.LinkUp, cut.Bridge));
    }

    [Fact]
    public async Task AttachVif_DevidOfAnotherVif_Fails()
    {
        Need(HostCapabilities.Xen);
        await using var driver = await DriverAsync();
        await StartAsync(driver, "web1", "");
        await FailsAsync(driver, new AttachVifStep("web1", 0, new VifSettings { Mac = Mac }, Impact.None), "vif.devid-in-use");
    }

    [Fact]
    public async Task AttachVif_EveryKindOfSetting_IsObservedAsGiven()
    {
        Need(HostCapabilities.Xen);
        await using var driver = await DriverAsync();
        await StartAsync(driver, "web1", "");
        var settings = new VifSettings
        {
            Mac = Mac, Bridge = "xenbr0", Script = "vif-bridge", VifName = "web1-x", Ip = "10.1.2.3 10.1.2.4", Rate = new Rate(8_000_000, 20_000),
            Mtu = 1400, Type = VifType.Vif,
        };
        Done(await driver.ApplyAsync(new AttachVifStep("web1", 3, settings, Impact.None), Ct));
        var seen = await driver.ObserveAsync([], Ct);
        Assert.Equal(settings, seen.FindDomain("web1")!.FindVif(3)!.Settings);
        Assert.Equal(1400, seen.Interfaces.Single(i => i.Name == "web1-x").Mtu);
    }

    [Fact]
    public async Task DetachVif_GuestOrVifThatIsNotThere_IsDone()
    {
        Need(HostCapabilities.Xen);
        await using var driver = await DriverAsync();
        Done(await driver.ApplyAsync(new DetachVifStep("web1", 0, Mac), Ct));
        await StartAsync(driver, "web1", "");
        Done(await driver.ApplyAsync(new DetachVifStep("web1", 7, Mac), Ct));
        Assert.Single((await driver.ObserveAsync([], Ct)).FindDomain("web1")!.Vifs);
    }

    [Fact]
    public async Task DetachVif_AnotherAddressUnderTheDevid_StaysPlugged()
    {
        Need(HostCapabilities.Xen);
        await using var driver = await DriverAsync();
        await StartAsync(driver, "web1", "");
        await FailsAsync(driver, new DetachVifStep("web1", 0, Mac), "vif.changed");
        Assert.Single((await driver.ObserveAsync([], Ct)).FindDomain("web1")!.Vifs);
    }

    [Fact]
    public async Task StopGuest_NameThatIsTheDomidOfAnother_StopsTheOneOfThatName()
    {
        Need(HostCapabilities.Xen);
        await using var driver = await DriverAsync();
        var other = await StartAsync(driver, "web1", "");
        var name = other.Domid.ToString(System.Globalization.CultureInfo.InvariantCulture);
        await StartAsync(driver, name, "");
        Done(await driver.ApplyAsync(new StopGuestStep(name, Force: true, TimeSpan.FromMinutes(1)), Ct));
        Assert.Equal(["web1"], (await driver.ObserveAsync([], Ct)).Domains.Select(d => d.Name));
    }

    [Fact]
    public async Task StopGuest_ThatDoesNotRun_IsDone()
    {
        Need(HostCapabilities.Xen);
        await using var driver = await DriverAsync();
        Done(await driver.ApplyAsync(new StopGuestStep("web1", Force: false, TimeSpan.FromMinutes(1)), Ct));
    }

    /// <summary>The step fails with the code, and its commands end with the one that failed.</summary>
    protected static async Task<StepFailure> FailsAsync(XlHostDriver driver, PlanStep step, string code)
    {
        var outcome = await driver.ApplyAsync(step, Ct);
        Assert.NotNull(outcome.Failure);
        Assert.True(code == outcome.Failure.Code, $"{outcome.Failure.Code}: {outcome.Failure.Message}");
        return outcome.Failure;
    }

    private IHostShell Opened => _shells[0];

    private async Task WriteGuestAsync(string name, params string[] vifs) =>
        await Opened.WriteFileAsync($"{Folder}/{name}.cfg", Encoding.UTF8.GetBytes(GuestFileOf(name, vifs)), Ct);
}

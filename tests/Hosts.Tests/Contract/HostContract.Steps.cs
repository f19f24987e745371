using System.Net;
using System.Text;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Networking;
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
    public async Task CreateGuest_OnAnOpenVSwitchBridge_IsItsPort()
    {
        await using var driver = await DriverAsync();
        Done(await driver.ApplyAsync(new CreateBridgeStep("ovsbr0", BridgeKind.OpenVSwitch, null), Ct));
        var domain = await StartAsync(driver, "web1", "script=vif-openvswitch,bridge=ovsbr0.20");
        Assert.Equal("ovsbr0", domain.FindVif(0)!.Bridge);
        Assert.Equal([domain.FindVif(0)!.Dom0Name], (await driver.ObserveAsync([], Ct)).FindBridge("ovsbr0")!.Ports);
    }

    /// <summary>For hosts that have the script's own programs: a stand-in has not.</summary>
    protected async Task LockedVifIsHeldFromItsCreateOnAsync()
    {
        await using var driver = await DriverAsync();
        Done(await driver.ApplyAsync(new CreateBridgeStep("ovsbr0", BridgeKind.OpenVSwitch, null), Ct));
        var (open, locked) = (LockingFiles.Render([]), LockingFiles.Render([new LockedVif("x1", Emulated: false, Mac, [IPAddress.Parse("172.31.77.2")], OpenVSwitch: true)]));
        Done(await driver.ApplyAsync(new SetLockingStep(open, locked), Ct));
        var observed = await driver.ObserveAsync(LockingFiles.Owned, Ct);
        Assert.True(observed.LockingInForce);
        Assert.Contains(LockingFlows.ScriptName, observed.Scripts);

        var domain = await StartAsync(driver, "web1", $"mac={Mac},vifname=x1,script={LockingFlows.ScriptName},bridge=ovsbr0.20");
        Assert.Equal(("x1", "ovsbr0"), (domain.FindVif(0)!.Dom0Name, domain.FindVif(0)!.Bridge));
        Assert.True((await driver.ObserveAsync(LockingFiles.Owned, Ct)).LockingInForce);
        var other = new VifSettings { Mac = new(0x00163e800008), VifName = "x2", Script = LockingFlows.ScriptName, Bridge = "ovsbr0" };
        var failure = await FailsAsync(driver, new AttachVifStep("web1", 1, other, Impact.None), "hotplug.failed");
        Assert.Equal($"xlnet has no rules for x2: {LockingFlows.ScriptName} is for vifs that it has locked.", failure.HotplugError);

        Done(await driver.ApplyAsync(new StopGuestStep("web1", Force: true, TimeSpan.FromMinutes(1)), Ct));
        Done(await driver.ApplyAsync(new SetLockingStep(locked, open), Ct));
        observed = await driver.ObserveAsync(LockingFiles.Owned, Ct);
        Assert.DoesNotContain(LockingFlows.ScriptName, observed.Scripts);
        Assert.All(observed.Files, f => Assert.Null(f.Value));
        Assert.Empty(observed.FindBridge("ovsbr0")!.Ports);
    }

    [Fact]
    public async Task CreateGuest_BridgeThatIsMissing_FailsWithTheEvidenceAndLeavesNothing()
    {
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
        await using var driver = await DriverAsync();
        var shell = await ShellAsync();
        await shell.WriteFileAsync(Folder + "/web1.cfg", Encoding.UTF8.GetBytes(GuestFileOf("web1") + line + "\n"), Ct);
        var failure = await FailsAsync(driver, new CreateGuestStep("web1", Folder + "/web1.cfg", Impact.None), code);
        Assert.Contains(message, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CreateGuest_NoFile_SaysWhich()
    {
        await using var driver = await DriverAsync();
        var failure = await FailsAsync(driver, new CreateGuestStep("web1", Folder + "/none.cfg", Impact.None), "guest.config-missing");
        Assert.Contains("none.cfg", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CreateGuest_FileOfAGuestThatRuns_SaysWhoHasTheName()
    {
        await using var driver = await DriverAsync();
        await StartAsync(driver, "web1", "");
        var failure = await FailsAsync(driver, new CreateGuestStep("web2", Folder + "/web1.cfg", Impact.None), "guest.name-in-use");
        Assert.Contains("\"web1\"", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AttachVif_GuestThatDoesNotRun_Fails()
    {
        await using var driver = await DriverAsync();
        await FailsAsync(driver, new AttachVifStep("web1", 0, VifSettings.Empty, Impact.None), "guest.not-running");
    }

    [Fact]
    public async Task AttachVif_BridgeThatIsMissing_FailsAndItsLeftoverIsSeenAndCanBeDetached()
    {
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
        await using var driver = await DriverAsync();
        await StartAsync(driver, "web1", "");
        await FailsAsync(driver, new AttachVifStep("web1", 0, new VifSettings { Mac = Mac }, Impact.None), "vif.devid-in-use");
    }

    [Fact]
    public async Task AttachVif_EveryKindOfSetting_IsObservedAsGiven()
    {
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
        await using var driver = await DriverAsync();
        Done(await driver.ApplyAsync(new DetachVifStep("web1", 0, Mac), Ct));
        await StartAsync(driver, "web1", "");
        Done(await driver.ApplyAsync(new DetachVifStep("web1", 7, Mac), Ct));
        Assert.Single((await driver.ObserveAsync([], Ct)).FindDomain("web1")!.Vifs);
    }

    [Fact]
    public async Task DetachVif_AnotherAddressUnderTheDevid_StaysPlugged()
    {
        await using var driver = await DriverAsync();
        await StartAsync(driver, "web1", "");
        await FailsAsync(driver, new DetachVifStep("web1", 0, Mac), "vif.changed");
        Assert.Single((await driver.ObserveAsync([], Ct)).FindDomain("web1")!.Vifs);
    }

    [Fact]
    public async Task StopGuest_NameThatIsTheDomidOfAnother_StopsTheOneOfThatName()
    {
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
        await using var driver = await DriverAsync();
        Done(await driver.ApplyAsync(new StopGuestStep("web1", Force: false, TimeSpan.FromMinutes(1)), Ct));
    }

    private async Task WriteGuestAsync(string name, params string[] vifs) =>
        await Opened.WriteFileAsync($"{Folder}/{name}.cfg", Encoding.UTF8.GetBytes(GuestFileOf(name, vifs)), Ct);
}

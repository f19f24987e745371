using Xlnet.Domain.Guests;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Vifs;
using Xlnet.Hosts.Tests.Contract;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Hosts.Tests.Simulation;

public sealed class SimulatedHostTests : HostContract
{
    private readonly InMemoryStateStore _store = new();

    protected override string Folder => "/etc/xen";

    protected override Task<IHostShell> OpenAsync(TimeProvider time) => Task.FromResult<IHostShell>(new SimulatedShell(_store, time));

    protected override Task LetGuestsConnectAsync() => _store.ConnectGuestsAsync(Ct);

    [Fact]
    public Task SetLocking_OnOpenVSwitch_HoldsTheVifFromItsCreateOn() => LockedVifIsHeldFromItsCreateOnAsync();

    /// <summary>Not in the contract: the recorded host has no hardware virtualization. libxl's own defaults, from its source.</summary>
    [Fact]
    public async Task CreateGuest_Hvm_HasEmulatedVifsAndPluggedOnesWithout()
    {
        var shell = await ShellAsync();
        await shell.WriteFileAsync("/etc/xen/win.cfg", "name='win'\ntype='hvm'\nmemory=1024\nvif=['','type=vif']\n"u8.ToArray(), Ct);
        await using var driver = await DriverAsync();
        Done(await driver.ApplyAsync(new CreateGuestStep("win", "/etc/xen/win.cfg", Impact.None), Ct));
        Done(await driver.ApplyAsync(new AttachVifStep("win", 2, VifSettings.Empty, Impact.None), Ct));

        var domain = (await driver.ObserveAsync([], Ct)).FindDomain("win")!;
        Assert.Equal(GuestType.Hvm, domain.Type);
        Assert.Equal([VifType.Ioemu, VifType.Vif, VifType.Vif], domain.Vifs.Select(v => v.Settings.Type));
    }

    [Fact]
    public async Task CreateGuest_PvWithAnEmulatedVif_IsRefused()
    {
        var shell = await ShellAsync();
        await shell.WriteFileAsync("/etc/xen/pv.cfg", "name='pv'\nkernel='/k'\nvif=['type=ioemu']\n"u8.ToArray(), Ct);
        await using var driver = await DriverAsync();
        await FailsAsync(driver, new CreateGuestStep("pv", "/etc/xen/pv.cfg", Impact.None), "vif.invalid");
    }
}

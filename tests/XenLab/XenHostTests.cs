using Xlnet.Hosts.Tests.Contract;
using Xlnet.Infrastructure.Hosts;
using Xunit;
using Xunit.v3;

namespace Xlnet.XenLab;

/// <summary>A real Xen with its own xl, over SSH: the contract that the simulation keeps is this one's.</summary>
[Collection(XenHost.Second)]
public sealed class XenHostTests(XenHost xen) : HostContract
{
    protected override string Folder => "/root/lab";

    protected override string Kernel => "/guest/vmlinux";

    protected override TimeProvider Time => TimeProvider.System;

    protected override Task<IHostShell> OpenAsync(TimeProvider time) => Task.FromResult(xen.NewShell(time));

    protected override Task LetGuestsConnectAsync() => xen.GuestsConnectedAsync();

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        // What the suite for shells alone does, leaves nothing but files in its folder.
        if (TestContext.Current.TestMethod is IXunitTestMethod { Method.DeclaringType: { } declaring } && declaring == typeof(ShellContract))
            await xen.RunAsync("rm", "-rf", Folder);
        else
            await xen.ResetAsync();
    }

    [Fact]
    public Task SetLocking_OnOpenVSwitch_HoldsTheVifFromItsCreateOn() => LockedVifIsHeldFromItsCreateOnAsync();
}

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
}

using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Xlnet.Domain.Planning;
using Xlnet.Infrastructure.Hosts;
using Xunit;

namespace Xlnet.Hosts.Tests.Contract;

/// <summary>What the host behind a shell can do. A test that needs more than it can is skipped, and says so.</summary>
[Flags]
public enum HostCapabilities
{
    /// <summary>Commands and files, as every host.</summary>
    None = 0,

    /// <summary>A running Xen with xl, the lab's xenbr0, and a kernel and a ramdisk for small PV guests.</summary>
    Xen = 1,

    /// <summary>Linux bridges can be made and taken away.</summary>
    Bridges = 2,

    /// <summary>Open vSwitch runs.</summary>
    OpenVSwitch = 4,

    /// <summary>A guest that is asked to shut down does so. (That of the lab's QEMU does not.)</summary>
    GuestsShutDown = 8,

    All = Xen | Bridges | OpenVSwitch | GuestsShutDown,
}

/// <summary>
/// What every shell, and the driver over it, keeps to. A new kind of shell joins by one class that derives from this one and says
/// how a shell is opened and what its host can do.
/// </summary>
public abstract partial class HostContract : IAsyncLifetime
{
    private readonly List<IHostShell> _shells = [];

    protected abstract HostCapabilities Capabilities { get; }

    /// <summary>A folder on the host in which the suite may do as it likes; it need not exist.</summary>
    protected abstract string Folder { get; }

    /// <summary>Where the host keeps a kernel and a ramdisk for guests.</summary>
    protected virtual string Kernel => "/guest/vmlinuz";

    protected virtual string Ramdisk => "/guest/initrd.gz";

    /// <summary>The clock of shells and drivers: one without waits on a host that is simulated, the real one on a real host.</summary>
    protected virtual TimeProvider Time => new InstantTime();

    protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>A shell on the host of this test. Several of one test lead to the same host.</summary>
    protected abstract Task<IHostShell> OpenAsync(TimeProvider time);

    /// <summary>Lets the guests that were created come up. A real host needs some seconds; a simulated one is told to.</summary>
    protected abstract Task LetGuestsConnectAsync();

    public virtual ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public virtual async ValueTask DisposeAsync()
    {
        foreach (var shell in _shells)
            await shell.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    protected void Need(HostCapabilities needed) =>
        Assert.SkipUnless((Capabilities & needed) == needed, $"This host lacks {needed & ~Capabilities}.");

    protected async Task<IHostShell> ShellAsync(TimeProvider? time = null)
    {
        var shell = await OpenAsync(time ?? Time);
        _shells.Add(shell);
        return shell;
    }

    protected async Task<XlHostDriver> DriverAsync() =>
        new(await ShellAsync(), Time, NullLogger<XlHostDriver>.Instance);

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

    protected static void Done(StepOutcome outcome) =>
        Assert.True(outcome.Succeeded, $"{outcome.Failure?.Code}: {outcome.Failure?.Message}");

    /// <summary>The step is done, and whoever does it again changes nothing: it only looks.</summary>
    protected static async Task DoneOnceAsync(XlHostDriver driver, PlanStep step, params string[] changing)
    {
        Done(await driver.ApplyAsync(step, Ct));
        var again = await driver.ApplyAsync(step, Ct);
        Done(again);
        Assert.DoesNotContain(again.Commands, c => changing.Any(word => c.Argv.Contains(word)));
    }
}

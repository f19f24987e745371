using Microsoft.Extensions.Logging.Abstractions;
using Xlnet.Domain.Planning;
using Xlnet.Infrastructure.Hosts;
using Xunit;

namespace Xlnet.Hosts.Tests.Contract;

/// <summary>
/// What every shell, and the driver over it, keeps to, on any host. A new kind of shell joins by one class that says how a shell is
/// opened, and derives from the contract that its host can keep: this one, <see cref="BridgeContract"/>, or <see cref="HostContract"/>
/// for a Xen host. Each has the tests of those before it, so none is ever skipped.
/// </summary>
public abstract partial class ShellContract : IAsyncLifetime
{
    private readonly List<IHostShell> _shells = [];

    /// <summary>The first shell that the test has opened.</summary>
    protected IHostShell Opened => _shells[0];

    /// <summary>A folder on the host in which the suite may do as it likes; it need not exist.</summary>
    protected abstract string Folder { get; }

    /// <summary>The clock of shells and drivers: one without waits on a host that is simulated, the real one on a real host.</summary>
    protected virtual TimeProvider Time => new InstantTime();

    protected static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>A shell on the host of this test. Several of one test lead to the same host.</summary>
    protected abstract Task<IHostShell> OpenAsync(TimeProvider time);

    public virtual ValueTask InitializeAsync() => ValueTask.CompletedTask;

    public virtual async ValueTask DisposeAsync()
    {
        foreach (var shell in _shells)
            await shell.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    protected async Task<IHostShell> ShellAsync(TimeProvider? time = null)
    {
        var shell = await OpenAsync(time ?? Time);
        _shells.Add(shell);
        return shell;
    }

    protected async Task<XlHostDriver> DriverAsync() =>
        new(await ShellAsync(), Time, NullLogger<XlHostDriver>.Instance);

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

    /// <summary>The step fails with the code, and its commands end with the one that failed.</summary>
    protected static async Task<StepFailure> FailsAsync(XlHostDriver driver, PlanStep step, string code)
    {
        var outcome = await driver.ApplyAsync(step, Ct);
        Assert.NotNull(outcome.Failure);
        Assert.True(code == outcome.Failure.Code, $"{outcome.Failure.Code}: {outcome.Failure.Message}");
        return outcome.Failure;
    }
}

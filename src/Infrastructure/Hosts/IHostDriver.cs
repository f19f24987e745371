using Xlnet.Domain.Networking;
using Xlnet.Domain.Planning;
using Xlnet.Infrastructure.Hosts.DeadMan;

namespace Xlnet.Infrastructure.Hosts;

/// <summary>
/// Puts steps into force on one host, and says what the host has. It decides nothing: what to do comes from the planner, and a
/// rollback is a plan too (from what is observed back to what the checkpoint holds).
/// </summary>
public interface IHostDriver : IAsyncDisposable
{
    /// <summary>Reads domains, vifs, bridges, interfaces, scripts, and the files asked for. Changes nothing.</summary>
    /// <param name="files">Absolute paths whose contents are wanted.</param>
    /// <exception cref="HostShellException">The host could not be asked.</exception>
    /// <exception cref="HostAnswerException">A command that only reads failed, or answered what could not be understood.</exception>
    Task<HostObservation> ObserveAsync(IReadOnlyCollection<string> files, CancellationToken ct);

    /// <summary>The same after steps were done: what no step changes, the version and the scripts, is taken over.</summary>
    Task<HostObservation> ObserveAgainAsync(HostObservation before, IReadOnlyCollection<string> files, CancellationToken ct);

    /// <summary>Reads what comes and goes: domains, vifs, bridges and interfaces. Changes nothing.</summary>
    /// <exception cref="HostShellException">The host could not be asked.</exception>
    /// <exception cref="HostAnswerException">A command that only reads failed, or answered what could not be understood.</exception>
    Task<HostSnapshot> LookAsync(CancellationToken ct);

    /// <summary>A line whenever a network interface of the host has changed, until nobody reads it any more.</summary>
    /// <exception cref="HostShellException">The host could not be asked, or was lost.</exception>
    /// <exception cref="HostAnswerException">The host cannot say so by itself.</exception>
    IAsyncEnumerable<string> MonitorLinksAsync(CancellationToken ct);

    /// <summary>
    /// The same with what no plan needs: hashes of scripts and files, forwarding and its filters. Four commands more, so a plan's
    /// observation, of which a running operation makes several, does without.
    /// </summary>
    Task<HostInspection> InspectAsync(IReadOnlyCollection<string> files, CancellationToken ct);

    /// <summary>The files of /etc/xen that may be guests': those that end in <c>.cfg</c>.</summary>
    Task<IReadOnlyList<HostFile>> ListGuestFilesAsync(CancellationToken ct);

    /// <summary>
    /// Does one step. Doing a finished step again is a no-op. A step that fails may leave a part behind, as the real xl does (a
    /// failed network-attach leaves its vif): whoever asked observes and plans again.
    /// </summary>
    /// <exception cref="HostShellException">The host could not be asked; whether the step was done is unknown.</exception>
    Task<StepOutcome> ApplyAsync(PlanStep step, CancellationToken ct);

    /// <summary>Does steps that write files, all of them or none.</summary>
    /// <returns>What became of each; null for one that was left alone because another failed.</returns>
    /// <exception cref="HostShellException">The host could not be asked; whether the steps were done is unknown.</exception>
    Task<IReadOnlyList<StepOutcome?>> WriteFilesAsync(IReadOnlyList<WriteFileStep> steps, CancellationToken ct);

    /// <summary>The routes of the main table that the kernel did not make itself, of both families.</summary>
    Task<IReadOnlyList<HostRoute>> ReadRoutesAsync(CancellationToken ct);

    /// <summary>Who keeps Dom0's own network, and with what.</summary>
    Task<NetworkFacts> ReadNetworkFactsAsync(CancellationToken ct);

    /// <summary>The timer by which the host undoes what an operation's steps may have cut.</summary>
    DeadManTimer DeadMan(Guid operation);
}

/// <param name="Commands">What ran for it, in order; the last one is the one that failed.</param>
/// <param name="Failure">Null when the step was done.</param>
/// <param name="Changed">Whether anything was changed or tried to be; false when the host had it already.</param>
public sealed record StepOutcome(IReadOnlyList<CommandResult> Commands, StepFailure? Failure, bool Changed)
{
    public bool Succeeded => Failure is null;
}

/// <param name="Code">Stable, such as <c>hotplug.failed</c> or <c>guest.shutdown-timeout</c>.</param>
/// <param name="Message">What went wrong, in one sentence.</param>
/// <param name="Script">The hotplug script that failed, where one did.</param>
/// <param name="HotplugError">What the script left in xenstore's <c>hotplug-error</c>.</param>
/// <param name="HotplugLog">The tail of /var/log/xen/xen-hotplug.log.</param>
/// <param name="Expected">What the plan took the host to have, where it has something else by now.</param>
/// <param name="Found">What it has instead.</param>
public sealed record StepFailure(
    string Code, string Message, string? Script = null, string? HotplugError = null, string? HotplugLog = null, string? Expected = null, string? Found = null)
{
    /// <summary>Someone else changed the host since the plan was made.</summary>
    public static StepFailure HostChanged(string what, string expected, string found) => new(
        "host.changed", $"{what} is not as it was when the plan was made: someone else changed it. Expected was {expected}; found was {found}. Plan again.",
        Expected: expected, Found: found);
}

/// <summary>The host answered, and the answer is of no use: a reading command failed, or printed what could not be understood.</summary>
public sealed class HostAnswerException(string message, CommandResult? command = null, Exception? inner = null) : Exception(message, inner)
{
    public CommandResult? Command { get; } = command;

    /// <summary>Stable: what the host lacks and what it does not let us do has a code of its own.</summary>
    public string Code => Command switch
    {
        { ExitStatus: CommandResult.NotFound } => "host.program-missing",
        { Succeeded: false } when Command.Stderr.Contains("Permission denied", StringComparison.Ordinal)
            || Command.Stderr.Contains("Operation not permitted", StringComparison.Ordinal) => "host.permission-denied",
        _ => "host.answer",
    };
}

using System.Globalization;
using System.Text.RegularExpressions;

namespace Xlnet.Infrastructure.Hosts.Steps;

/// <summary>Makes of what xl printed when it failed one sentence, a stable code, and the evidence of a hotplug script.</summary>
internal static partial class XlFailure
{
    private const string LogPath = "/var/log/xen/xen-hotplug.log";
    private const string LogLines = "20";

    /// <summary>In the order in which they are looked for: what comes later is often the consequence of what comes first.</summary>
    private static readonly (string Text, string Code)[] Known =
    [
        ("Domain with name", "guest.name-in-use"),
        ("Failed to read config file", "guest.config-missing"),
        ("config parsing error", "guest.config-invalid"),
        ("Failed to parse config", "guest.config-invalid"),
        ("Neither kernel nor bootloader specified", "guest.config-invalid"),
        ("Domain name must be specified", "guest.config-invalid"),
        ("Out of memory", "guest.out-of-memory"),
        ("failed to open file", "guest.kernel-missing"),
        ("Unable to set nic defaults", "vif.invalid"),
        ("Invalid parameter", "vif.invalid"),
        ("unrecognized argument", "vif.invalid"),
        ("device already exists", "vif.devid-in-use"),
        ("is an invalid domain identifier", "guest.not-running"),
    ];

    [GeneratedRegex("(?<script>/\\S+) (online|offline|add|remove) \\[[0-9-]+\\] exited with error status (?<status>[0-9]+)")]
    private static partial Regex ScriptExited();

    [GeneratedRegex("script: (?<error>.*)$", RegexOptions.Multiline)]
    private static partial Regex ScriptSaid();

    /// <param name="otherwise">The code where nothing more can be told.</param>
    public static async Task<StepFailure> ReadAsync(
        StepRun run, CommandResult result, string otherwise, int? domid, int? devid, CancellationToken ct)
    {
        var stderr = result.Stderr;
        if (ScriptExited().Match(stderr) is not { Success: true } exited)
        {
            var (text, code) = Array.Find(Known, k => stderr.Contains(k.Text, StringComparison.Ordinal));
            var line = text is null ? null : stderr.Split('\n').First(l => l.Contains(text, StringComparison.Ordinal));
            return line is null ? StepRun.Failed(otherwise, result) : new StepFailure(code, $"xl refused: {line.Trim()}");
        }

        var script = exited.Groups["script"].Value;
        var error = ScriptSaid().Match(stderr) is { Success: true } said ? said.Groups["error"].Value : null;
        if (error is null && domid is not null)
        {
            var path = string.Create(CultureInfo.InvariantCulture, $"/local/domain/0/backend/vif/{domid}/{devid}/hotplug-error");
            error = await EvidenceAsync(run, ["xenstore-read", path], ct).ConfigureAwait(false);
        }

        var log = await EvidenceAsync(run, ["tail", "-n", LogLines, LogPath], ct).ConfigureAwait(false);
        var status = exited.Groups["status"].Value;
        return status == "255"
            ? new StepFailure("hotplug.script-missing", $"The hotplug script {script} could not be run: the host has no such script.", script, error, log)
            : new StepFailure("hotplug.failed", $"The hotplug script {script} exited with status {status}" + (error is null ? "." : $": {error}"), script, error, log);
    }

    /// <summary>Not a command of the step: it is asked only to explain, and when it can't be had the failure stands all the same.</summary>
    private static async Task<string?> EvidenceAsync(StepRun run, IReadOnlyList<string> argv, CancellationToken ct)
    {
        try
        {
            var answer = await run.Shell.RunAsync(argv, XlHostDriver.ReadTimeout, ct).ConfigureAwait(false);
            return answer.Succeeded ? answer.Stdout.TrimEnd('\n') : null;
        }
        catch (HostShellException)
        {
            return null;
        }
    }
}

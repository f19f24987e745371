using System.Globalization;
using System.Text;
using Xlnet.Infrastructure.Hosts.Answers;

namespace Xlnet.Infrastructure.Hosts.DeadMan;

/// <summary>
/// A timer on a host that restores it unless it is stopped: what xlnet's own connection may not survive undoes itself. Each arming of
/// one operation has a number and a unit of its own, so that the next timer runs before the last one is stopped.
/// </summary>
public sealed class DeadManTimer(IHostShell shell, Guid operation)
{
    /// <summary>What systemctl exits with for a unit that is not there (LSB: not installed).</summary>
    private const int NotLoaded = 5;

    public string Folder => FolderOf(operation);

    public static string FolderOf(Guid operation) => $"/var/lib/xlnet/deadman-{operation}";

    /// <summary>Null when the host can run a command later and on its own.</summary>
    public async Task<StepFailure?> CheckAsync(CancellationToken ct)
    {
        // systemd-run is there in a container too, where no systemd answers it: systemctl show asks the manager itself.
        foreach (var argv in (IReadOnlyList<string[]>)[["systemd-run", "--version"], ["systemctl", "show", "--property=Version"]])
        {
            var answer = await shell.RunAsync(argv, XlHostDriver.ReadTimeout, ct).ConfigureAwait(false);
            if (!answer.Succeeded)
            {
                return new StepFailure(
                    "management-path.no-timer",
                    "The plan may cut the connection to the host, and the host has no systemd to repair itself with: "
                    + $"'{CommandAnswer.Show(answer)}' exited with status {answer.ExitStatus}: {CommandAnswer.Excerpt(answer.Stderr)}. Nothing was changed.");
            }
        }

        return null;
    }

    /// <summary>Writes the script, and starts the timer that will run it.</summary>
    public async Task<StepFailure?> ArmAsync(int number, TimeSpan after, DeadManScript script, CancellationToken ct)
    {
        await shell.WriteFilesAsync(
            [.. script.Files.Select(f => new FileContent($"{Folder}/{f.Name}", f.Content)), new FileContent(ScriptPath(number), Encoding.UTF8.GetBytes(script.Text))],
            ct).ConfigureAwait(false);
        // Without an accuracy of its own a timer may come a minute late (systemd.timer(5), AccuracySec).
        var armed = await shell.RunAsync(
            [
                "systemd-run", $"--on-active={Seconds(after)}s", "--timer-property=AccuracySec=1s", "--property=KillMode=process", $"--unit={Unit(number)}",
                $"--description=xlnet restores what operation {operation} changed", "/bin/sh", ScriptPath(number),
            ],
            XlHostDriver.ReadTimeout, ct).ConfigureAwait(false);
        return armed.Succeeded
            ? null
            : new StepFailure("management-path.not-armed",
                $"The timer that would repair the host could not be started: '{CommandAnswer.Show(armed)}' exited with status {armed.ExitStatus}: {CommandAnswer.Excerpt(armed.Stderr)}.");
    }

    /// <summary>Stops a timer; one that is not there, because it was stopped or has run out, is no error.</summary>
    public async Task<StepFailure?> DisarmAsync(int number, CancellationToken ct)
    {
        var stopped = await shell.RunAsync(["systemctl", "stop", Unit(number) + ".timer"], XlHostDriver.ReadTimeout, ct).ConfigureAwait(false);
        return stopped.Succeeded || stopped.ExitStatus == NotLoaded
            ? null
            : new StepFailure("management-path.not-disarmed",
                $"The timer that would repair the host could not be stopped: '{CommandAnswer.Show(stopped)}' exited with status {stopped.ExitStatus}: {CommandAnswer.Excerpt(stopped.Stderr)}.");
    }

    /// <summary>What the scripts of this operation have left: when each began, and when it had ended.</summary>
    public async Task<IReadOnlyList<DeadManRun>> ReadRunsAsync(CancellationToken ct)
    {
        var names = (await shell.ListFilesAsync(Folder, ct).ConfigureAwait(false)).Select(f => f.Path[(f.Path.LastIndexOf('/') + 1)..]).ToHashSet();
        List<DeadManRun> runs = [];
        foreach (var name in names.Where(n => n.StartsWith(DeadManScript.Began, StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            // A mark that is only being made is a temporary file still.
            if (!int.TryParse(name[DeadManScript.Began.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out var number))
                continue;
            runs.Add(new DeadManRun(number, await ReadTimeAsync(name, ct).ConfigureAwait(false), names.Contains(DeadManScript.Ended + name[DeadManScript.Began.Length..])));
        }

        return runs;
    }

    /// <summary>What the scripts of this operation said.</summary>
    public async Task<string?> ReadLogAsync(CancellationToken ct) =>
        await shell.ReadFileAsync($"{Folder}/log", ct).ConfigureAwait(false) is { } bytes ? Encoding.UTF8.GetString(bytes) : null;

    /// <summary>Takes the operation's folder away.</summary>
    public async Task RemoveAsync(CancellationToken ct) =>
        await shell.RunAsync(["rm", "-rf", Folder], XlHostDriver.ReadTimeout, ct).ConfigureAwait(false);

    public string ScriptPath(int number) => $"{Folder}/restore-{Text(number)}.sh";

    private string Unit(int number) => $"xlnet-deadman-{operation}-{Text(number)}";

    private async Task<DateTimeOffset?> ReadTimeAsync(string name, CancellationToken ct) =>
        await shell.ReadFileAsync($"{Folder}/{name}", ct).ConfigureAwait(false) is { } bytes
        && DateTimeOffset.TryParse(Encoding.UTF8.GetString(bytes).Trim(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time
            : null;

    private static string Seconds(TimeSpan time) => Text((int)Math.Ceiling(time.TotalSeconds));

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}

/// <param name="Number">Of the arming.</param>
/// <param name="BeganAt">By the host's clock.</param>
/// <param name="Ended">False while the script runs.</param>
public sealed record DeadManRun(int Number, DateTimeOffset? BeganAt, bool Ended);

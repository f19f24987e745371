using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Xlnet.Domain.Common;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Planning;
using Xlnet.Infrastructure.Hosts.Answers;
using Xlnet.Infrastructure.Hosts.DeadMan;

namespace Xlnet.Infrastructure.Hosts.Steps;

/// <summary>
/// Has the host switch its own network. The script is started by systemd and not by our connection, which it may well cut: what it
/// came to, it writes down, and whoever comes back reads it there.
/// </summary>
internal static class NetworkingSteps
{
    /// <summary>For DHCP and slow interfaces; the timer that takes everything back is shorter.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(500);

    private const int Number = 1;

    public static async Task<StepFailure?> SwitchAsync(StepRun run, SwitchNetworkingStep step, CancellationToken ct)
    {
        var script = SwitchScript.Of(step.From, step.To, step.Operation, Number);
        // Another switch of the same operation, such as the way back, is another folder.
        var name = $"{DeadManScript.NetworkingUnit(step.Operation)}-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(script.Text)))[..8]}";
        var folder = $"{DeadManTimer.FolderOf(step.Operation)}/{name}";
        if (!(await MarksAsync(run, folder, ct).ConfigureAwait(false)).Contains(Mark(SwitchScript.Began)))
        {
            if (await ChangedAsync(run, step, ct).ConfigureAwait(false) is { } changed)
                return changed;
            run.Changed = true;
            await run.Shell.WriteFilesAsync(
                [.. script.Files.Select(f => new FileContent($"{folder}/{f.Name}", f.Content)), new FileContent(folder + "/switch.sh", Encoding.UTF8.GetBytes(script.Text))],
                ct).ConfigureAwait(false);
            // What ifup leaves running, such as a DHCP client, is to outlive the script: KillMode.
            var started = await run.RunAsync(
                ["systemd-run", "--on-active=0s", "--timer-property=AccuracySec=100ms", "--property=KillMode=process", $"--unit={name}", "/bin/sh", folder + "/switch.sh"],
                XlHostDriver.ReadTimeout, ct).ConfigureAwait(false);
            if (!started.Succeeded)
                return StepRun.Failed("networking.not-started", started);
        }

        var began = run.Time.GetTimestamp();
        while (true)
        {
            var marks = await MarksAsync(run, folder, ct).ConfigureAwait(false);
            var isOver = marks.Contains(Mark(SwitchScript.Ended));
            if (!isOver && run.Time.GetElapsedTime(began) < Limit)
            {
                await Task.Delay(LookAgain, run.Time, ct).ConfigureAwait(false);
                continue;
            }

            if (isOver && !marks.Contains(Mark(SwitchScript.Failed)))
                break;
            var log = await run.Shell.ReadFileAsync(folder + "/log", ct).ConfigureAwait(false) is { } bytes ? Encoding.UTF8.GetString(bytes) : "";
            return isOver
                ? new StepFailure("networking.failed", $"The host did not get all of its new network: {CommandAnswer.Excerpt(Complaints(log))}")
                : new StepFailure("networking.unfinished", $"The host did not switch its network within {Limit.TotalSeconds:0} s: {CommandAnswer.Excerpt(log)}");
        }

        await run.RunAsync(["rm", "-rf", folder], XlHostDriver.ReadTimeout, ct).ConfigureAwait(false);
        return null;
    }

    private static async Task<StepFailure?> ChangedAsync(StepRun run, SwitchNetworkingStep step, CancellationToken ct)
    {
        var now = await run.Shell.ReadFilesAsync([.. step.ChangedFiles], ct).ConfigureAwait(false);
        foreach (var (path, content) in now)
        {
            if (!FileContents.Same(content, step.From.Files.GetValueOrDefault(path)) && !FileContents.Same(content, step.To.Files.GetValueOrDefault(path)))
                return FileSteps.Changed(path);
        }

        return null;
    }

    private static async Task<HashSet<string>> MarksAsync(StepRun run, string folder, CancellationToken ct) =>
        [.. (await run.Shell.ListFilesAsync(folder, ct).ConfigureAwait(false)).Select(f => HostPath.Name(f.Path))];

    private static string Complaints(string log) =>
        string.Join('\n', log.Split('\n').Where(l => !l.Contains(" done: ", StringComparison.Ordinal) && !l.Contains(" put: ", StringComparison.Ordinal)));

    private static string Mark(string mark) => mark + Number.ToString(CultureInfo.InvariantCulture);
}

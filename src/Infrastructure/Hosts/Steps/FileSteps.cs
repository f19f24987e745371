using Xlnet.Domain.Common;
using Xlnet.Domain.Planning;

namespace Xlnet.Infrastructure.Hosts.Steps;

/// <summary>Writes and removes files, but never over what the plan did not know of.</summary>
internal static class FileSteps
{
    /// <summary>All of them or none.</summary>
    /// <returns>What became of each; null for one that was left alone because another failed.</returns>
    public static async Task<IReadOnlyList<StepOutcome?>> WriteAsync(IHostShell shell, IReadOnlyList<WriteFileStep> steps, CancellationToken ct)
    {
        var begun = false;
        try
        {
            var now = await shell.ReadFilesAsync([.. steps.Select(s => s.Path)], ct).ConfigureAwait(false);
            var wanted = steps.Where(s => !FileContents.Same(now[s.Path], s.Content)).ToList();
            if (wanted.Where(s => !FileContents.Same(now[s.Path], s.Before)).ToList() is { Count: > 0 } changed)
                return Outcomes(s => changed.Contains(s) ? new StepOutcome([], Changed(s.Path), false) : null);
            begun = true;
            await shell.WriteFilesAsync([.. wanted.Select(s => new FileContent(s.Path, s.Content))], ct).ConfigureAwait(false);
            return Outcomes(s => new StepOutcome([], null, wanted.Contains(s)));
        }
        catch (HostShellException e) when (e.FileCode is not null)
        {
            var at = steps.FirstOrDefault(s => s.Path.Equals(e.Evidence.GetValueOrDefault("path"))) ?? steps[0];
            return Outcomes(s => s == at ? new StepOutcome([], new StepFailure(e.FileCode, e.Message), begun) : null);
        }

        IReadOnlyList<StepOutcome?> Outcomes(Func<WriteFileStep, StepOutcome?> of) => [.. steps.Select(of)];
    }

    public static async Task<StepFailure?> DeleteAsync(StepRun run, DeleteFileStep step, CancellationToken ct)
    {
        var now = await run.Shell.ReadFileAsync(step.Path, ct).ConfigureAwait(false);
        if (now is null)
            return null;
        if (!FileContents.Same(now, step.Before))
            return Changed(step.Path);
        run.Changed = true;
        await run.Shell.DeleteFileAsync(step.Path, ct).ConfigureAwait(false);
        return null;
    }

    internal static StepFailure Changed(string path) =>
        new("file.changed", $"{path} is not as it was when the plan was made: someone changed it on the host. Plan again.");
}

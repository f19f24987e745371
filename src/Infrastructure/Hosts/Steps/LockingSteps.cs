using Xlnet.Domain.Common;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Planning;

namespace Xlnet.Infrastructure.Hosts.Steps;

/// <summary>Puts the rules that hold guests to their addresses into force, or takes them away.</summary>
internal static class LockingSteps
{
    private const string Code = "locking.failed";

    public static async Task<StepFailure?> SetAsync(StepRun run, SetLockingStep step, CancellationToken ct)
    {
        var now = await run.Shell.ReadFilesAsync(LockingFiles.Owned, ct).ConfigureAwait(false);
        foreach (var (path, content) in now)
        {
            if (!FileContents.Same(content, step.From.GetValueOrDefault(path)) && !FileContents.Same(content, step.To.GetValueOrDefault(path)))
                return FileSteps.Changed(path);
        }

        run.Changed = true;
        await run.Shell.WriteFilesAsync([.. step.To.Where(f => f.Value is not null).Select(f => new FileContent(f.Key, f.Value!))], ct).ConfigureAwait(false);
        if (step.To[LockingFlows.ScriptPath] is not null && await run.ChangeAsync(Code, ["chmod", "755", LockingFlows.ScriptPath], ct).ConfigureAwait(false) is { } failure)
            return failure;
        return await SetAsync(run, step, now, LockingFiles.Unit, [LockingFiles.Rules, LockingFiles.UnitPath], ct).ConfigureAwait(false)
            ?? await SetAsync(run, step, now, LockingFlows.Unit, LockingFlows.Owned, ct).ConfigureAwait(false);
    }

    /// <param name="paths">What it loads first, and its own last: as long as that is there, a plan finds something to take away.</param>
    private static async Task<StepFailure?> SetAsync(
        StepRun run, SetLockingStep step, IReadOnlyDictionary<string, byte[]?> now, string unit, IReadOnlyList<string> paths, CancellationToken ct)
    {
        if (step.To[paths[0]] is not null)
        {
            return await run.ChangeAsync(Code, ["systemctl", "daemon-reload"], ct).ConfigureAwait(false)
                ?? await run.ChangeAsync(Code, ["systemctl", "enable", unit], ct).ConfigureAwait(false)
                ?? await run.ChangeAsync(Code, ["systemctl", "reload-or-restart", unit], ct).ConfigureAwait(false);
        }

        if (paths.All(p => now[p] is null))
            return null;
        // Without its rules, the unit takes no interface down as it ends.
        await run.Shell.DeleteFileAsync(paths[0], ct).ConfigureAwait(false);
        if (now[paths[^1]] is not null && await run.ChangeAsync(Code, ["systemctl", "disable", "--now", unit], ct).ConfigureAwait(false) is { } failure)
            return failure;
        foreach (var path in paths.Skip(1))
            await run.Shell.DeleteFileAsync(path, ct).ConfigureAwait(false);
        return await run.ChangeAsync(Code, ["systemctl", "daemon-reload"], ct).ConfigureAwait(false);
    }
}

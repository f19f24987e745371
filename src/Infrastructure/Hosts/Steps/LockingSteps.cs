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
        return step.To[LockingFiles.Rules] is null
            ? await TakeAwayAsync(run, now, ct).ConfigureAwait(false)
            : await PutAsync(run, step, ct).ConfigureAwait(false);
    }

    private static async Task<StepFailure?> PutAsync(StepRun run, SetLockingStep step, CancellationToken ct)
    {
        await run.Shell.WriteFilesAsync([.. step.To.Where(f => f.Value is not null).Select(f => new FileContent(f.Key, f.Value!))], ct).ConfigureAwait(false);
        return await run.ChangeAsync(Code, ["systemctl", "daemon-reload"], ct).ConfigureAwait(false)
            ?? await run.ChangeAsync(Code, ["systemctl", "enable", LockingFiles.Unit], ct).ConfigureAwait(false)
            ?? await run.ChangeAsync(Code, ["systemctl", "reload-or-restart", LockingFiles.Unit], ct).ConfigureAwait(false);
    }

    /// <summary>The files go last: as long as they are there, a plan finds something to take away.</summary>
    private static async Task<StepFailure?> TakeAwayAsync(StepRun run, IReadOnlyDictionary<string, byte[]?> now, CancellationToken ct)
    {
        if (now[LockingFiles.UnitPath] is not null
            && await run.ChangeAsync(Code, ["systemctl", "disable", "--now", LockingFiles.Unit], ct).ConfigureAwait(false) is { } failure)
            return failure;
        foreach (var path in now.Where(f => f.Value is not null).Select(f => f.Key))
            await run.Shell.DeleteFileAsync(path, ct).ConfigureAwait(false);
        return await run.ChangeAsync(Code, ["systemctl", "daemon-reload"], ct).ConfigureAwait(false);
    }
}

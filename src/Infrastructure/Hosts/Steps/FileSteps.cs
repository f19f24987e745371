using Xlnet.Domain.Planning;

namespace Xlnet.Infrastructure.Hosts.Steps;

/// <summary>Writes and removes files, but never over what the plan did not know of.</summary>
internal static class FileSteps
{
    public static async Task<StepFailure?> WriteAsync(StepRun run, WriteFileStep step, CancellationToken ct)
    {
        var now = await run.Shell.ReadFileAsync(step.Path, ct).ConfigureAwait(false);
        if (Same(now, step.Content))
            return null;
        if (!Same(now, step.Before))
            return Changed(step.Path);
        run.Changed = true;
        await run.Shell.WriteFileAsync(step.Path, step.Content, ct).ConfigureAwait(false);
        return null;
    }

    public static async Task<StepFailure?> DeleteAsync(StepRun run, DeleteFileStep step, CancellationToken ct)
    {
        var now = await run.Shell.ReadFileAsync(step.Path, ct).ConfigureAwait(false);
        if (now is null)
            return null;
        if (!Same(now, step.Before))
            return Changed(step.Path);
        run.Changed = true;
        await run.Shell.DeleteFileAsync(step.Path, ct).ConfigureAwait(false);
        return null;
    }

    private static bool Same(byte[]? left, byte[]? right) =>
        left is null || right is null ? left == right : left.AsSpan().SequenceEqual(right);

    private static StepFailure Changed(string path) =>
        new("file.changed", $"{path} is not as it was when the plan was made: someone changed it on the host. Plan again.");
}

using System.Collections.ObjectModel;
using Xlnet.Domain.Common;

namespace Xlnet.Infrastructure.Hosts;

/// <summary>
/// All that a driver needs of a Dom0: run a command, read and write files. Commands are argument vectors and never pass through
/// a shell, so nothing that stands in a name or a value can become a command of its own. Paths are absolute and hold no <c>..</c>;
/// any other is a <see cref="HostShellError.FileSystem"/> error.
/// </summary>
public interface IHostShell : IAsyncDisposable
{
    /// <summary>True when no real Dom0 is behind it.</summary>
    bool Simulated { get; }

    /// <summary>
    /// Runs one command and waits for its end. An exit status other than 0 is an answer, not an exception; so is a program that the
    /// host does not have (<see cref="CommandResult.NotFound"/>).
    /// </summary>
    /// <exception cref="ArgumentException">There is no program in it, or a NUL.</exception>
    /// <exception cref="HostShellException">The host could not be asked, or the command ran longer than <paramref name="timeout"/>.</exception>
    Task<CommandResult> RunAsync(IReadOnlyList<string> argv, TimeSpan timeout, CancellationToken ct);

    /// <summary>Runs several commands side by side, and waits for all of them; in one round trip where that is dear.</summary>
    /// <returns>The answers, in the order of the commands.</returns>
    /// <exception cref="ArgumentException">There is no program in one, or a NUL.</exception>
    /// <exception cref="HostShellException">The host could not be asked, or they ran longer than <paramref name="timeout"/>.</exception>
    async Task<IReadOnlyList<CommandResult>> RunAllAsync(IReadOnlyList<IReadOnlyList<string>> commands, TimeSpan timeout, CancellationToken ct) =>
        await Task.WhenAll(commands.Select(argv => RunAsync(argv, timeout, ct))).ConfigureAwait(false);

    /// <summary>
    /// Runs a command that goes on, such as <c>ip monitor link</c>, and gives the lines of its output as they come. It ends when the
    /// command ends with status 0. Who stops reading, or cancels, ends the command on the host too. What the command prints while
    /// nobody reads is held back, not kept.
    /// </summary>
    /// <exception cref="ArgumentException">There is no program in it, or a NUL.</exception>
    /// <exception cref="HostAnswerException">The command ended with another status; <see cref="CommandResult.NotFound"/> where the host has no such program.</exception>
    /// <exception cref="HostShellException">The host could not be asked, or was lost.</exception>
    IAsyncEnumerable<string> ReadLinesAsync(IReadOnlyList<string> argv, CancellationToken ct);

    /// <summary>A file's bytes, or null when there is none.</summary>
    Task<byte[]?> ReadFileAsync(string path, CancellationToken ct);

    /// <summary>Several files' bytes by their paths, null where there is none; in one round trip where that is dear.</summary>
    async Task<IReadOnlyDictionary<string, byte[]?>> ReadFilesAsync(IReadOnlyCollection<string> paths, CancellationToken ct)
    {
        var contents = new Dictionary<string, byte[]?>(StringComparer.Ordinal);
        foreach (var path in paths)
            contents[path] = await ReadFileAsync(path, ct).ConfigureAwait(false);
        return contents;
    }

    /// <summary>
    /// Replaces files as a whole: temporary files beside them, fsync, rename. A reader sees the old bytes or the new, never a part. Each
    /// file's mode stays; a new one gets 0644. Directories above them that are missing are made. No file takes its place before all are
    /// ready to: when one can't be written, none was.
    /// </summary>
    /// <exception cref="HostShellException">One can't be written; which, is <c>path</c> in the evidence.</exception>
    Task WriteFilesAsync(IReadOnlyList<FileContent> files, CancellationToken ct);

    /// <summary>Removes a file; one that is not there is no error.</summary>
    Task DeleteFileAsync(string path, CancellationToken ct);

    /// <summary>The plain files of a directory, in the order of their names' bytes; empty when there is no such directory.</summary>
    Task<IReadOnlyList<HostFile>> ListFilesAsync(string directory, CancellationToken ct);
}

public static class HostShellExtensions
{
    /// <summary>Replaces one file.</summary>
    public static Task WriteFileAsync(this IHostShell shell, string path, ReadOnlyMemory<byte> content, CancellationToken ct) =>
        shell.WriteFilesAsync([new FileContent(path, content)], ct);
}

/// <param name="Path">Absolute.</param>
public sealed record FileContent(string Path, ReadOnlyMemory<byte> Content);

/// <param name="Path">Absolute.</param>
/// <param name="Length">In bytes.</param>
/// <param name="Executable">Whether its owner may execute it.</param>
public sealed record HostFile(string Path, long Length, bool Executable);

/// <param name="ExitStatus">0 to 255.</param>
/// <param name="Stdout">Its output; bytes that are no UTF-8 are replaced.</param>
/// <param name="Stderr">Its error output, likewise.</param>
public sealed record CommandResult(IReadOnlyList<string> Argv, int ExitStatus, string Stdout, string Stderr, TimeSpan Elapsed)
{
    /// <summary>The exit status where the host has no such program, as a shell's.</summary>
    public const int NotFound = 127;

    public bool Succeeded => ExitStatus == 0;
}

/// <summary>The host could not be asked. What the last command did is unknown, so whoever catches it observes before going on.</summary>
public sealed class HostShellException(HostShellError error, string message, Exception? inner = null) : Exception(message, inner)
{
    public HostShellError Error { get; } = error;

    /// <summary>The code of the problem, such as <c>host.unreachable</c>.</summary>
    public string Code => $"host.{Kebab.Name(Error)}";

    /// <summary>The code of a step that failed so, when the host is there and refuses a file; else null.</summary>
    internal string? FileCode => Error switch
    {
        HostShellError.FileSystem => "file.failed",
        HostShellError.DiskFull => "file.disk-full",
        HostShellError.PermissionDenied => "file.permission-denied",
        _ => null,
    };

    /// <summary>What a program may want to read of it, under JSON names: <c>address</c>, <c>expectedHostKey</c>, …; never a key.</summary>
    public IReadOnlyDictionary<string, object?> Evidence { get; init; } = ReadOnlyDictionary<string, object?>.Empty;

    internal static HostShellException TimedOut(IReadOnlyList<string> argv, TimeSpan limit, Exception? inner = null) =>
        new(HostShellError.TimedOut, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"'{string.Join(' ', argv)}' did not end within {limit.TotalSeconds:0.###} s."), inner);
}

/// <summary>Why a host could not be asked; <c>host.</c> and its name in kebab-case is the code of the problem.</summary>
public enum HostShellError
{
    /// <summary>No connection, or it broke.</summary>
    Unreachable,

    /// <summary>The command did not end in its time.</summary>
    TimedOut,

    /// <summary>A file could not be read or written: not a file, a directory above it is none.</summary>
    FileSystem,

    /// <summary>A file could not be written: the disk is full, or a quota is.</summary>
    DiskFull,

    /// <summary>A file could not be read or written: permission, or a file system that is read-only.</summary>
    PermissionDenied,

    /// <summary>The host has another key than the pinned one.</summary>
    HostKeyChanged,

    /// <summary>The host does not let the user in with the key.</summary>
    KeyRefused,

    /// <summary>The key store has no private key of that name.</summary>
    KeyMissing,

    /// <summary>The private key is there and can't be used: its mode, a passphrase, its form.</summary>
    KeyUnusable,

    /// <summary>The host let the user in, and its login shell did not run the command.</summary>
    NoShell,

    /// <summary>The command printed more than anything that a driver reads.</summary>
    TooMuchOutput,
}

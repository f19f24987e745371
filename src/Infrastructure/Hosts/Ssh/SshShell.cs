using System.Formats.Tar;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Xlnet.Domain.Hosts;

namespace Xlnet.Infrastructure.Hosts.Ssh;

/// <summary>
/// A Dom0 over SSH. Files go through commands as well: SSH.NET's SFTP would need a connection of its own, knows no fsync, and of a full
/// disk says no more than <c>Failure</c>. What the commands need is what Debian's essential packages have.
/// </summary>
/// <param name="time">The clock of the time limits.</param>
public sealed class SshShell(SshConnections connections, long host, SshTarget target, TimeProvider time) : IHostShell
{
    private static readonly TimeSpan FileLimit = TimeSpan.FromMinutes(1);

    private const string TemporarySuffix = ".xlnet-tmp";

    /// <summary>tar's exit status for a file that changed while it was read.</summary>
    private const int TarChanged = 1;

    // Each command's output, error output and status are files of a tar archive. A command that can't be run has a shell's status and says
    // so. In memory, where root may: a host whose disk is full can be looked at too.
    private const string RunAllFunctions = """
        d=$(mktemp -d -p /run 2>/dev/null || mktemp -d) || exit 2
        trap 'rm -rf -- "$d"' EXIT
        trap 'exit 2' HUP INT PIPE TERM
        run() { i=$1; shift; "$@" </dev/null >"$d/$i.stdout" 2>"$d/$i.stderr"; echo $? >"$d/$i.status"; }

        """;

    private const string RunAllEnd = """
        wait
        tar -c -b 1 -C "$d" -f - .
        """;

    // Those that are there, as a tar archive: one program for all, whereas one for each file would take as long as all of the rest.
    private const string ReadScript = """
        for p; do
            shift
            if [ -d "$p" ]; then printf %s "$p"; echo "$p: Is a directory" >&2; exit 2
            elif [ -e "$p" ]; then set -- "$@" "$p"
            fi
        done
        [ $# -eq 0 ] || exec tar -c -h -P -b 1 -f - -- "$@"
        """;

    // $t is a folder that each folder of files gets for a while, with them in it as they will be; $1 is the folder, the others are
    // names in it. The input is a tar archive, all of which is taken in any case: SSH.NET tells of its end also when the channel is
    // closed by then, for which sshd hangs up. A connection that breaks ends it early, which tar sees only within a file.
    private const string WriteFunctions = """
        check() {
            d=$1; shift
            for n; do [ ! -d "$d/$n" ] || { printf %s "$d/$n"; echo "$d/$n: Is a directory" >&2; return 1; }; done
        }
        complete() { d=$1; shift; for n; do [ -f "$d/$t/$n" ] || { printf %s "$d/$n"; echo "$d/$n did not arrive" >&2; return 1; }; done; }
        keepmode() {
            d=$1; shift
            for n; do shift; [ ! -e "$d/$n" ] || set -- "$@" "$d/$n"; done
            [ $# -eq 0 ] || cp --attributes-only --preserve=mode,ownership -t "$d/$t" -- "$@"
        }
        flush() { d=$1; shift; for n; do shift; set -- "$@" "$d/$t/$n"; done; sync -- "$@"; }
        place() { d=$1; shift; for n; do shift; set -- "$@" "$d/$t/$n"; done; mv -f -t "$d/" -- "$@" && rmdir -- "$d/$t"; }
        clean() { rm -rf -- "$1/$t"; }
        trap 'each clean; cat >/dev/null' EXIT
        trap 'exit 1' HUP INT PIPE TERM
        umask 022
        each check && tar -x -P --no-same-owner -f - && each complete && each keepmode && each flush && each place || exit
        trap 'cat >/dev/null' EXIT
        """;

    private const string DeleteScript = """
        if [ -d "$1" ]; then echo "$1: Is a directory" >&2; exit 1; fi
        exec rm -f -- "$1"
        """;

    private const string ListScript = """
        [ -d "$1" ] || exit 0
        exec find -L "$1" -ignore_readdir_race -mindepth 1 -maxdepth 1 -type f -printf '%m %s %f\0'
        """;

    public bool Simulated => false;

    public async Task<CommandResult> RunAsync(IReadOnlyList<string> argv, TimeSpan timeout, CancellationToken ct)
    {
        HostCommand.Check(argv);
        var (result, elapsed) = await RunAsync(argv, null, timeout, ct).ConfigureAwait(false);
        return new CommandResult([.. argv], result.ExitStatus & 0xff, Encoding.UTF8.GetString(result.Stdout), result.Stderr, elapsed);
    }

    public async Task<IReadOnlyList<CommandResult>> RunAllAsync(IReadOnlyList<IReadOnlyList<string>> commands, TimeSpan timeout, CancellationToken ct)
    {
        if (commands.Count < 2)
            return [.. await Task.WhenAll(commands.Select(argv => RunAsync(argv, timeout, ct))).ConfigureAwait(false)];
        foreach (var argv in commands)
            HostCommand.Check(argv);
        var calls = commands.Select((argv, i) => string.Create(CultureInfo.InvariantCulture, $"run {i} {RemoteCommand.Quote(argv)} &\n"));
        var (result, elapsed) = await RunAsync(["sh", "-c", RunAllFunctions + string.Concat(calls) + RunAllEnd], null, timeout, ct, string.Join(", ", commands.Select(c => string.Join(' ', c)))).ConfigureAwait(false);
        if (result.ExitStatus != 0)
            throw target.Failed(HostPath.ErrorOf(result.Stderr), $"Nothing could be asked of {target}: {result.Stderr.Trim()}");
        var parts = await ReadArchiveAsync(result.Stdout, ct).ConfigureAwait(false);
        return
        [
            .. commands.Select((argv, i) => new CommandResult(
                [.. argv], int.Parse(Part(i, "status"), CultureInfo.InvariantCulture), Part(i, "stdout"), Part(i, "stderr"), elapsed)),
        ];

        string Part(int i, string name) => Encoding.UTF8.GetString(parts[string.Create(CultureInfo.InvariantCulture, $"./{i}.{name}")]);
    }

    public async IAsyncEnumerable<string> ReadLinesAsync(IReadOnlyList<string> argv, [EnumeratorCancellation] CancellationToken ct)
    {
        HostCommand.Check(argv);
        using var lease = await connections.RentAsync(host, target, ct).ConfigureAwait(false);
        await foreach (var line in lease.Connection.StreamAsync(RemoteCommand.UntilClosed([.. argv]), ct).ConfigureAwait(false))
            yield return line;
    }

    public async Task<byte[]?> ReadFileAsync(string path, CancellationToken ct) => (await ReadFilesAsync([path], ct).ConfigureAwait(false))[path];

    public async Task<IReadOnlyDictionary<string, byte[]?>> ReadFilesAsync(IReadOnlyCollection<string> paths, CancellationToken ct)
    {
        var contents = new Dictionary<string, byte[]?>(StringComparer.Ordinal);
        foreach (var batch in paths.Select(HostPath.Check).Distinct().Chunk(200))
        {
            foreach (var path in batch)
                contents[path] = null;
            await ReadFilesAsync(batch, contents, ct).ConfigureAwait(false);
        }

        return contents;
    }

    private async Task ReadFilesAsync(string[] paths, Dictionary<string, byte[]?> contents, CancellationToken ct)
    {
        for (var attempt = 1; ; attempt++)
        {
            var result = await ScriptAsync(paths[0], ReadScript, null, ct, paths).ConfigureAwait(false);
            // One went away, or was written to, between tar's look at it and its reading.
            var changed = result.ExitStatus == TarChanged || result.Stderr.Contains("No such file or directory", StringComparison.Ordinal);
            if (changed && attempt < 3)
                continue;
            if (result.ExitStatus != 0 && (!changed || result.Stderr.Contains("shrank", StringComparison.Ordinal)))
                throw Refused(result, paths);
            foreach (var (path, content) in await ReadArchiveAsync(result.Stdout, ct).ConfigureAwait(false))
                contents[path] = content;
            return;
        }
    }

    private static async Task<Dictionary<string, byte[]>> ReadArchiveAsync(byte[] archive, CancellationToken ct)
    {
        var files = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        await using var reader = new TarReader(new MemoryStream(archive));
        while (await reader.GetNextEntryAsync(copyData: false, ct).ConfigureAwait(false) is { } entry)
        {
            if (entry.EntryType == TarEntryType.Directory)
                continue;
            using var content = new MemoryStream();
            if (entry.DataStream is { } data)
                await data.CopyToAsync(content, ct).ConfigureAwait(false);
            files[entry.Name] = content.ToArray();
        }

        return files;
    }

    public async Task WriteFilesAsync(IReadOnlyList<FileContent> files, CancellationToken ct)
    {
        if (files.Count == 0)
            return;
        var temporary = $".{Guid.NewGuid():N}{TemporarySuffix}";
        using var archive = new MemoryStream();
        await using (var tar = new TarWriter(archive, TarEntryFormat.Gnu, leaveOpen: true))
        {
            foreach (var (path, content) in files)
            {
                var entry = new GnuTarEntry(TarEntryType.RegularFile, $"{HostPath.Parent(HostPath.Check(path)).TrimEnd('/')}/{temporary}/{HostPath.Name(path)}")
                {
                    Mode = AtomicFile.NewMode, ModificationTime = time.GetUtcNow(), DataStream = new MemoryStream(content.ToArray(), writable: false),
                };
                await tar.WriteEntryAsync(entry, ct).ConfigureAwait(false);
            }
        }

        var folders = files.GroupBy(f => HostPath.Parent(f.Path), f => HostPath.Name(f.Path)).Select(g => "\"$1\" " + RemoteCommand.Quote([g.Key.TrimEnd('/'), .. g]));
        var script = $"t={temporary}\neach() {{ {string.Join(" && ", folders)}; }}\n{WriteFunctions}";
        var result = await ScriptAsync(files[0].Path, script, archive.ToArray(), ct).ConfigureAwait(false);
        if (result.ExitStatus != 0)
            throw Refused(result, [.. files.Select(f => f.Path)]);
    }

    public async Task DeleteFileAsync(string path, CancellationToken ct)
    {
        var result = await ScriptAsync(path, DeleteScript, null, ct, HostPath.Check(path)).ConfigureAwait(false);
        if (result.ExitStatus != 0)
            throw Refused(result, [path]);
    }

    public async Task<IReadOnlyList<HostFile>> ListFilesAsync(string directory, CancellationToken ct)
    {
        var result = await ScriptAsync(directory, ListScript, null, ct, HostPath.Check(directory)).ConfigureAwait(false);
        if (result.ExitStatus != 0)
            throw Refused(result, [directory]);
        return
        [
            .. Encoding.UTF8.GetString(result.Stdout).Split('\0', StringSplitOptions.RemoveEmptyEntries)
                .Select(entry => entry.Split(' ', 3))
                .Where(entry => !entry[2].EndsWith(TemporarySuffix, StringComparison.Ordinal))
                .Select(entry => new HostFile(
                    directory.TrimEnd('/') + "/" + entry[2],
                    long.Parse(entry[1], CultureInfo.InvariantCulture),
                    ((UnixFileMode)Convert.ToInt32(entry[0], 8) & UnixFileMode.UserExecute) != 0))
                .OrderBy(file => file.Path, StringComparer.Ordinal),
        ];
    }

    /// <summary>The connection is the pool's, and stays for the next one.</summary>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task<RemoteResult> ScriptAsync(string path, string script, ReadOnlyMemory<byte>? input, CancellationToken ct, params string[] arguments)
    {
        var (result, _) = await RunAsync(["sh", "-c", script, "sh", .. arguments], input, FileLimit, ct, $"the files of {path}").ConfigureAwait(false);
        return result;
    }

    /// <param name="what">What a message calls it, where its arguments say little.</param>
    private async Task<(RemoteResult Result, TimeSpan Elapsed)> RunAsync(
        IReadOnlyList<string> argv, ReadOnlyMemory<byte>? input, TimeSpan timeout, CancellationToken ct, string? what = null)
    {
        // SSH.NET tells the host of the end of an input only when there was some.
        if (input is { IsEmpty: true })
            input = null;
        using var lease = await connections.RentAsync(host, target, ct).ConfigureAwait(false);
        using var limit = new CancellationTokenSource(timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        var started = time.GetTimestamp();
        try
        {
            var result = await lease.Connection.RunAsync(RemoteCommand.Within([.. argv], timeout, input is not null), input, either.Token).ConfigureAwait(false);
            return (result, time.GetElapsedTime(started));
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw HostShellException.TimedOut(what is null ? argv : [what], timeout, e);
        }
    }

    /// <summary>The file that a script, or a program of its, complains of; the first where that can't be told.</summary>
    private HostShellException Refused(RemoteResult result, string[] paths)
    {
        var said = result.Stdout is [(byte)'/', ..] at ? Encoding.UTF8.GetString(at) : null;
        var path = Array.Find(paths, p => p == said) ?? Array.Find(paths, p => result.Stderr.Contains(p, StringComparison.Ordinal)) ?? paths[0];
        return target.Failed(
            HostPath.ErrorOf(result.Stderr), $"{path}: {result.Stderr.Trim()}", more: new Dictionary<string, object?> { ["path"] = path, ["stderr"] = result.Stderr });
    }
}

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

    // One line a file: '=' and its bytes in base64; '-' where there is none; '!' and why not.
    private const string ReadScript = """
        for p; do
            if [ -d "$p" ]; then echo "!$p: Is a directory"
            elif [ ! -e "$p" ]; then echo -
            elif b=$(base64 -w0 -- "$p" 2>&1); then echo "=$b"
            else echo "!$b" | tr '\n' ' '; echo
            fi
        done
        """;

    // $1 is the suffix of the temporary files; then a path and its length for each file, whose bytes follow one another in the input.
    // A connection that breaks ends the input early: what stands at its end says that all of it arrived. What fails says at which path.
    // It takes the whole input in any case: SSH.NET tells of its end also when the channel is closed by then, for which sshd hangs up.
    private const string WriteScript = """
        s=$1; shift
        each() { f=$1; shift; while [ $# -gt 0 ]; do "$f" "$1" "$1$s" "$2" || { printf %s "$1"; return 1; }; shift 2; done; }
        receive() {
            d=${1%/*}
            if [ -d "$1" ]; then echo "$1: Is a directory" >&2; return 1; fi
            [ -d "${d:-/}" ] || mkdir -p -- "$d" || return
            if [ -e "$1" ]; then cp -p -- "$1" "$2" || return; fi
            head -c "$3" >"$2"
        }
        place() { mv -f -T -- "$2" "$1"; }
        temporary() { printf '%s\0' "$2"; }
        trap 'each temporary "$@" | xargs -0 rm -f --; cat >/dev/null' EXIT
        trap 'exit 1' HUP INT PIPE TERM
        umask 022
        each receive "$@" || exit
        read -r end && [ "$end" = end ] || { echo 'only a part of it arrived' >&2; exit 1; }
        each temporary "$@" | xargs -0 sync -- && each place "$@" && trap 'cat >/dev/null' EXIT
        """;

    private static readonly byte[] EndOfInput = "end\n"u8.ToArray();

    private const string DeleteScript = """
        if [ -d "$1" ]; then echo "$1: Is a directory" >&2; exit 1; fi
        exec rm -f -- "$1"
        """;

    private const string ListScript = """
        [ -d "$1" ] || exit 0
        exec find -L "$1" -mindepth 1 -maxdepth 1 -type f -printf '%m %s %f\0'
        """;

    public bool Simulated => false;

    public async Task<CommandResult> RunAsync(IReadOnlyList<string> argv, TimeSpan timeout, CancellationToken ct)
    {
        HostCommand.Check(argv);
        var (result, elapsed) = await RunAsync(argv, null, timeout, ct).ConfigureAwait(false);
        return new CommandResult([.. argv], result.ExitStatus & 0xff, Encoding.UTF8.GetString(result.Stdout), result.Stderr, elapsed);
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
            var result = await ScriptAsync(batch[0], ReadScript, null, ct, batch).ConfigureAwait(false);
            var lines = Encoding.ASCII.GetString(result.Stdout).Split('\n');
            if (lines.Length != batch.Length + 1)
                throw HostPath.Error(batch[0], $"{batch.Length} files were asked for, and {lines.Length - 1} answered");
            foreach (var (path, line) in batch.Zip(lines))
            {
                contents[path] = line[0] switch
                {
                    '=' => Convert.FromBase64String(line[1..]),
                    '-' => null,
                    _ when line.Contains("No such file or directory", StringComparison.Ordinal) => null,
                    _ => throw Refused(path, line[1..]),
                };
            }
        }

        return contents;
    }

    public Task WriteFilesAsync(IReadOnlyList<FileContent> files, CancellationToken ct)
    {
        if (files.Count == 0)
            return Task.CompletedTask;
        using var input = new MemoryStream();
        List<string> arguments = [$".{Guid.NewGuid():N}{TemporarySuffix}"];
        foreach (var (path, content) in files)
        {
            input.Write(content.Span);
            arguments.AddRange([HostPath.Check(path), content.Length.ToString(CultureInfo.InvariantCulture)]);
        }

        input.Write(EndOfInput);
        return ScriptAsync(files[0].Path, WriteScript, input.ToArray(), ct, [.. arguments]);
    }

    public Task DeleteFileAsync(string path, CancellationToken ct) => ScriptAsync(path, DeleteScript, null, ct, HostPath.Check(path));

    public async Task<IReadOnlyList<HostFile>> ListFilesAsync(string directory, CancellationToken ct)
    {
        var result = await ScriptAsync(directory, ListScript, null, ct, HostPath.Check(directory)).ConfigureAwait(false);
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
        return result.ExitStatus == 0 ? result : throw Refused(result.Stdout is [(byte)'/', ..] at ? Encoding.UTF8.GetString(at) : path, result.Stderr);
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

    private HostShellException Refused(string path, string reason) => target.Failed(
        HostPath.ErrorOf(reason), $"{path}: {reason.Trim()}", more: new Dictionary<string, object?> { ["path"] = path, ["stderr"] = reason });
}

using System.ComponentModel;
using System.Runtime.CompilerServices;
using System.Text;
using System.Threading.Channels;
using CliWrap;
using Xlnet.Infrastructure.Hosts.Answers;

namespace Xlnet.Infrastructure.Hosts;

/// <summary>The machine that the service runs on is the Dom0.</summary>
/// <param name="time">The clock of the time limits.</param>
public sealed class LocalShell(TimeProvider time) : IHostShell
{
    /// <summary>The exit status of what is there and can't be run, as a shell's.</summary>
    private const int CannotExecute = 126;

    /// <summary>Where a Dom0's tools are also where the service's PATH leaves them out.</summary>
    private static readonly string[] SystemFolders = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/bin", "/bin"];

    public bool Simulated => false;

    public async Task<CommandResult> RunAsync(IReadOnlyList<string> argv, TimeSpan timeout, CancellationToken ct)
    {
        HostCommand.Check(argv);
        if (FindProgram(argv[0]) is not { } program)
            return new CommandResult([.. argv], CommandResult.NotFound, "", $"{argv[0]}: command not found\n", TimeSpan.Zero);
        using var limit = new CancellationTokenSource(timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ct, limit.Token);
        var (stdout, stderr) = (new StringBuilder(), new StringBuilder());
        var started = time.GetTimestamp();
        try
        {
            var result = await Wrap(program, argv)
                .WithStandardOutputPipe(PipeTarget.ToStringBuilder(stdout, Encoding.UTF8))
                .WithStandardErrorPipe(PipeTarget.ToStringBuilder(stderr, Encoding.UTF8))
                .ExecuteAsync(either.Token)
                .ConfigureAwait(false);
            return new CommandResult([.. argv], result.ExitCode & 0xff, stdout.ToString(), stderr.ToString(), time.GetElapsedTime(started));
        }
        catch (Win32Exception e)
        {
            return new CommandResult([.. argv], CannotExecute, "", $"{argv[0]}: {e.Message}\n", time.GetElapsedTime(started));
        }
        catch (OperationCanceledException e) when (!ct.IsCancellationRequested)
        {
            throw HostShellException.TimedOut(argv, timeout, e);
        }
    }

    public async IAsyncEnumerable<string> ReadLinesAsync(IReadOnlyList<string> argv, [EnumeratorCancellation] CancellationToken ct)
    {
        HostCommand.Check(argv);
        var started = time.GetTimestamp();
        if (FindProgram(argv[0]) is not { } program)
            throw Ended(CommandResult.NotFound, "command not found");
        // A reader that falls behind holds the command up by its pipe, as everywhere else.
        var lines = Channel.CreateBounded<string>(1);
        var complaint = "";
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        var running = RunToEndAsync();
        try
        {
            await foreach (var line in lines.Reader.ReadAllAsync(ct).ConfigureAwait(false))
                yield return line;
            if (await running.ConfigureAwait(false) is var status and not 0)
                throw Ended(status, complaint);
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await ((Task)running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        async Task<int> RunToEndAsync()
        {
            try
            {
                var result = await Wrap(program, argv)
                    .WithStandardOutputPipe(PipeTarget.ToDelegate(async (line, token) => await lines.Writer.WriteAsync(line, token).ConfigureAwait(false), Encoding.UTF8))
                    .WithStandardErrorPipe(PipeTarget.ToDelegate(line => complaint = line, Encoding.UTF8))
                    .ExecuteAsync(stop.Token)
                    .ConfigureAwait(false);
                return result.ExitCode & 0xff;
            }
            catch (Win32Exception e)
            {
                complaint = e.Message;
                return CannotExecute;
            }
            finally
            {
                lines.Writer.Complete();
            }
        }

        HostAnswerException Ended(int status, string stderr) =>
            CommandAnswer.Failed(new CommandResult([.. argv], status, "", stderr, time.GetElapsedTime(started)));
    }

    public Task<byte[]?> ReadFileAsync(string path, CancellationToken ct) => UseAsync(
        path,
        async () => File.Exists(path) ? await File.ReadAllBytesAsync(path, ct).ConfigureAwait(false) : null,
        ct);

    public Task WriteFilesAsync(IReadOnlyList<FileContent> files, CancellationToken ct) => Task.Run(() => AtomicFile.Replace(files, HostPath.Check), ct);

    public Task DeleteFileAsync(string path, CancellationToken ct) => UseAsync(
        path,
        () =>
        {
            if (File.Exists(path))
                File.Delete(path);
            return Task.FromResult(true);
        },
        ct);

    public Task<IReadOnlyList<HostFile>> ListFilesAsync(string directory, CancellationToken ct) =>
        Task.Run(() => AtomicFile.List(HostPath.Check(directory), directory), ct);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    // LC_ALL=C: what is printed is read by patterns, and those know English.
    private static Command Wrap(string program, IReadOnlyList<string> argv) => Cli.Wrap(program)
        .WithArguments(argv.Skip(1))
        .WithEnvironmentVariables(new Dictionary<string, string?> { ["LC_ALL"] = "C.UTF-8" })
        .WithValidation(CommandResultValidation.None);

    /// <summary>Along the PATH only. .NET would look into the working directory first, where anyone may have put an <c>xl</c>.</summary>
    private static string? FindProgram(string name)
    {
        if (name.Contains('/'))
            return File.Exists(name) ? name : null;
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Concat(SystemFolders);
        return folders.Where(f => f.StartsWith('/')).Select(f => $"{f}/{name}").FirstOrDefault(File.Exists);
    }

    private static Task<T> UseAsync<T>(string path, Func<Task<T>> use, CancellationToken ct)
    {
        HostPath.Check(path);
        return Task.Run(
            async () =>
            {
                if (Directory.Exists(path))
                    throw HostPath.Error(path, "Is a directory");
                try
                {
                    return await use().ConfigureAwait(false);
                }
                catch (Exception e) when (e is IOException or UnauthorizedAccessException)
                {
                    throw HostPath.Error(path, e.Message, e);
                }
            },
            ct);
    }
}

using System.Globalization;
using System.Runtime.CompilerServices;
using Xlnet.Infrastructure.Hosts.Answers;

namespace Xlnet.Infrastructure.Hosts.Simulation;

/// <summary>
/// A Dom0 that exists only as a state in a store. It answers as the real one was recorded to, and each command and each file write
/// is one atomic update of that state, so many shells, also of several processes, can share one host.
/// </summary>
public sealed class SimulatedShell : IHostShell
{
    private static readonly TimeSpan MonitorInterval = TimeSpan.FromMilliseconds(200);

    // A store may well hold something while it waits for its turn, such as a connection to PostgreSQL.
    private readonly SemaphoreSlim _one = new(1);
    private readonly ISimulatedStateStore _store;
    private readonly TimeProvider _time;
    private readonly Func<SimulatedDom0State, ISimulatedFiles> _files;

    /// <param name="time">The clock by which a hung command comes to its time limit and timers run out.</param>
    public SimulatedShell(ISimulatedStateStore store, TimeProvider time)
        : this(store, time, static state => new StateFiles(state))
    {
    }

    private SimulatedShell(ISimulatedStateStore store, TimeProvider time, Func<SimulatedDom0State, ISimulatedFiles> files)
    {
        _store = store;
        _time = time;
        _files = files;
    }

    public bool Simulated => true;

    /// <summary>
    /// A simulated Dom0 whose files live below a real folder: what is written to <c>/etc/xen/web1.cfg</c> is
    /// <c>&lt;root&gt;/etc/xen/web1.cfg</c>. What the folder lacks is read from the state (the scripts, a fresh xl.conf).
    /// </summary>
    /// <param name="root">An existing folder.</param>
    public static SimulatedShell OverDirectory(string root, ISimulatedStateStore store, TimeProvider time)
    {
        var folder = new RootedFolder(root);
        return new SimulatedShell(store, time, state => new FolderFiles(folder, new StateFiles(state)));
    }

    public async Task<CommandResult> RunAsync(IReadOnlyList<string> argv, TimeSpan timeout, CancellationToken ct)
    {
        HostCommand.Check(argv);
        var started = _time.GetTimestamp();
        if (argv is ["sleep", var seconds] && int.TryParse(seconds, NumberStyles.None, CultureInfo.InvariantCulture, out var duration))
            return await SleepAsync(argv, TimeSpan.FromSeconds(duration), timeout, ct).ConfigureAwait(false);
        var (fault, answer) = await UseAsync(state => Run(state, argv), ct).ConfigureAwait(false);

        switch (fault)
        {
            case SimulatedFaultKind.Hang:
                await Task.Delay(timeout, _time, ct).ConfigureAwait(false);
                throw HostShellException.TimedOut(argv, timeout);
            case SimulatedFaultKind.CutBefore or SimulatedFaultKind.CutAfter:
                throw new HostShellException(HostShellError.Unreachable, $"The connection broke while {argv[0]} ran.");
            default:
                return new CommandResult([.. argv], answer.ExitStatus, answer.Stdout, answer.Stderr, _time.GetElapsedTime(started));
        }
    }

    public async IAsyncEnumerable<string> ReadLinesAsync(IReadOnlyList<string> argv, [EnumeratorCancellation] CancellationToken ct)
    {
        HostCommand.Check(argv);
        if (argv is ["ip", "monitor", "link"])
        {
            await foreach (var line in MonitorLinksAsync(argv, ct).ConfigureAwait(false))
                yield return line;
            yield break;
        }

        var result = CommandAnswer.Expect(await RunAsync(argv, Timeout.InfiniteTimeSpan, ct).ConfigureAwait(false));
        foreach (var line in result.Stdout.Split('\n', StringSplitOptions.RemoveEmptyEntries))
            yield return line;
    }

    public Task<byte[]?> ReadFileAsync(string path, CancellationToken ct) => UseAsync(state => _files(state).Read(path), ct);

    public Task<IReadOnlyDictionary<string, byte[]?>> ReadFilesAsync(IReadOnlyCollection<string> paths, CancellationToken ct) => UseAsync(
        IReadOnlyDictionary<string, byte[]?> (state) =>
        {
            var files = _files(state);
            return paths.Distinct().ToDictionary(p => p, files.Read, StringComparer.Ordinal);
        },
        ct);

    public Task WriteFilesAsync(IReadOnlyList<FileContent> files, CancellationToken ct) =>
        UseAsync(
            state =>
            {
                _files(state).Write(files);
                return true;
            },
            ct);

    public Task DeleteFileAsync(string path, CancellationToken ct) =>
        UseAsync(
            state =>
            {
                _files(state).Delete(path);
                return true;
            },
            ct);

    public Task<IReadOnlyList<HostFile>> ListFilesAsync(string directory, CancellationToken ct) => UseAsync(state => _files(state).List(directory), ct);

    public ValueTask DisposeAsync()
    {
        _one.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>
    /// Never ends by itself. Another replica's commands change the state too, so it looks again and again, and does not see what came
    /// and went in between.
    /// </summary>
    private async IAsyncEnumerable<string> MonitorLinksAsync(IReadOnlyList<string> argv, [EnumeratorCancellation] CancellationToken ct)
    {
        var before = await LookAsync().ConfigureAwait(false);
        while (true)
        {
            await Task.Delay(MonitorInterval, _time, ct).ConfigureAwait(false);
            var now = await LookAsync().ConfigureAwait(false);
            foreach (var line in IpProgram.Monitor(before, now))
                yield return line;
            before = now;
        }

        async Task<IReadOnlyDictionary<int, string>> LookAsync()
        {
            var (fault, links) = await UseAsync(state => (TakeFault(state, argv), IpProgram.Links(state)), ct).ConfigureAwait(false);
            return fault?.Kind switch
            {
                null or SimulatedFaultKind.Hang => links,
                SimulatedFaultKind.CutBefore or SimulatedFaultKind.CutAfter => throw new HostShellException(HostShellError.Unreachable, $"The connection broke while {argv[0]} ran."),
                _ => throw CommandAnswer.Failed(new CommandResult([.. argv], fault.ExitStatus, fault.Stdout, fault.Stderr, TimeSpan.Zero)),
            };
        }
    }


    /// <summary>What is due on the host happens first, whether or not it can be reached; and what cuts the path is not answered.</summary>
    private async Task<T> UseAsync<T>(Func<SimulatedDom0State, T> use, CancellationToken ct)
    {
        await _one.WaitAsync(ct).ConfigureAwait(false);
        var (lost, result) = (false, default(T)!);
        try
        {
            // The state must be kept also when the connection is lost, so that is told only afterwards.
            (lost, result) = await _store.UpdateAsync(
                state =>
                {
                    new SimulatedDom0(state, _files(state), _time.GetUtcNow()).FireTimers();
                    if (IsLost(state))
                        return (true, default(T)!);
                    var result = use(state);
                    return (IsLost(state), result);
                },
                ct).ConfigureAwait(false);
        }
        finally
        {
            _one.Release();
        }

        return lost ? throw new HostShellException(HostShellError.Unreachable, "The host cannot be reached: nothing answers at its address.") : result;
    }

    private static bool IsLost(SimulatedDom0State state) => state.ManagementPath is { } path && !path.IsThere(state);

    private async Task<CommandResult> SleepAsync(IReadOnlyList<string> argv, TimeSpan duration, TimeSpan timeout, CancellationToken ct)
    {
        var ends = timeout == Timeout.InfiniteTimeSpan || duration < timeout;
        await Task.Delay(ends ? duration : timeout, _time, ct).ConfigureAwait(false);
        return ends ? new CommandResult([.. argv], 0, "", "", duration) : throw HostShellException.TimedOut(argv, timeout);
    }

    private (SimulatedFaultKind? Fault, Answer Answer) Run(SimulatedDom0State state, IReadOnlyList<string> argv)
    {
        var fault = TakeFault(state, argv);
        var answer = fault?.Kind switch
        {
            SimulatedFaultKind.Fail => new Answer(fault.ExitStatus, fault.Stdout, fault.Stderr),
            SimulatedFaultKind.Garble => new Answer(0, fault.Stdout, fault.Stderr),
            SimulatedFaultKind.Hang or SimulatedFaultKind.CutBefore => Answer.Nothing,
            null or SimulatedFaultKind.CutAfter or SimulatedFaultKind.Meanwhile => new SimulatedDom0(state, _files(state), _time.GetUtcNow()).Run(argv),
            var kind => throw new InvalidOperationException($"{kind} is no kind of fault."),
        };
        if (fault is { Kind: SimulatedFaultKind.Meanwhile })
            new SimulatedDom0(state, _files(state), _time.GetUtcNow()).Run(fault.Meanwhile);
        return (fault?.Kind, answer);
    }

    private static SimulatedFault? TakeFault(SimulatedDom0State state, IReadOnlyList<string> argv)
    {
        var fault = state.Faults.Find(f => f.Argv.Count <= argv.Count && f.Argv.SequenceEqual(argv.Take(f.Argv.Count)));
        if (fault is { Skip: > 0 })
        {
            fault.Skip--;
            return null;
        }

        if (fault is { Repeats: false })
            state.Faults.Remove(fault);
        return fault;
    }
}

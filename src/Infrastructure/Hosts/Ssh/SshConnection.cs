using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using Renci.SshNet;
using Renci.SshNet.Common;
using Xlnet.Domain.Hosts;

namespace Xlnet.Infrastructure.Hosts.Ssh;

/// <summary>One connection to a host, logged in. Its callers share it, each with a channel of its own.</summary>
internal sealed class SshConnection : IDisposable
{
    /// <summary>Of the ten sessions that sshd grants a connection (MaxSessions), and one of them is kept for ending what runs in another.</summary>
    private const int MaxCommands = 7;

    private const int MaxStreams = 2;

    private const int MaxOutput = 32 * 1024 * 1024;

    /// <summary>How long TCP, the key exchange and the login may take together.</summary>
    private static readonly TimeSpan ConnectLimit = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(15);

    /// <summary>What ending a command on the host may take, before the connection is given up for dead.</summary>
    private static readonly TimeSpan EndLimit = RemoteCommand.KillAfter + TimeSpan.FromSeconds(10);

    private static readonly TimeSpan WatchOutput = TimeSpan.FromSeconds(1);

    /// <summary>In the order of preference of OpenSSH's client; without ssh-rsa, which is SHA-1.</summary>
    private static readonly string[][] HostKeyFamilies =
    [
        ["ssh-ed25519"], ["ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"], ["rsa-sha2-512", "rsa-sha2-256"],
    ];

    private readonly SshTarget _target;
    private readonly SshClient _client;
    private readonly SemaphoreSlim _commands = new(MaxCommands);
    private readonly SemaphoreSlim _streams = new(MaxStreams);
    private volatile bool _closed;

    private SshConnection(SshTarget target, SshClient client) => (_target, _client) = (target, client);

    public bool IsAlive => !_closed && _client.IsConnected;

    /// <summary>Logs in to the host that has the pinned key.</summary>
    /// <exception cref="HostShellException">It cannot be reached, is another one, or does not let us in.</exception>
    public static async Task<SshConnection> OpenAsync(SshTarget target, KeyStore keys)
    {
        using var key = keys.Open(target.Key);
        using var limit = new CancellationTokenSource(ConnectLimit);
        List<OfferedKey> offered = [];
        // A host has a key of each family and offers one a connection: which one the pin is of shows only on asking for each.
        foreach (var family in HostKeyFamilies)
        {
            var (client, hostKey) = await TryAsync(target, key, family, k => k.Fingerprint == target.HostKey, limit.Token).ConfigureAwait(false);
            if (client is not null)
                return new SshConnection(target, client);
            if (hostKey is not null)
                offered.Add(hostKey);
        }

        throw target.Failed(
            HostShellError.HostKeyChanged,
            $"{target} has another host key than the pinned one, {target.HostKey}: it offered {string.Join(", ", offered)}. Nothing was sent to it. "
            + "If the host was installed anew, give its new key as the driver's hostKey; if not, someone stands between it and xlnet.",
            more: new Dictionary<string, object?> { ["expectedHostKey"] = target.HostKey, ["offeredHostKeys"] = offered.ConvertAll(k => k.ToString()).ToArray() });
    }

    /// <summary>The fingerprint of the host's key, of the best family that it has. Nobody logs in.</summary>
    /// <exception cref="HostShellException">It cannot be reached.</exception>
    public static async Task<string> FetchHostKeyAsync(SshTarget target)
    {
        using var limit = new CancellationTokenSource(ConnectLimit);
        foreach (var family in HostKeyFamilies)
        {
            var (_, hostKey) = await TryAsync(target, null, family, _ => false, limit.Token).ConfigureAwait(false);
            if (hostKey is not null)
                return hostKey.Fingerprint;
        }

        throw target.Failed(HostShellError.Unreachable, $"{target} has no host key of a kind that is secure today: Ed25519, ECDSA or RSA with SHA-2.");
    }

    /// <summary>Runs a command line to its end.</summary>
    /// <param name="input">Its standard input, when it has one.</param>
    /// <param name="stop">Ends the wait at once, and then the command on the host.</param>
    public async Task<RemoteResult> RunAsync(RemoteCommand remote, ReadOnlyMemory<byte>? input, CancellationToken stop)
    {
        await _commands.WaitAsync(stop).ConfigureAwait(false);
        var running = new Running(this, remote, input);
        try
        {
            while (await Task.WhenAny(running.Done, Task.Delay(WatchOutput, stop)).ConfigureAwait(false) != running.Done)
            {
                stop.ThrowIfCancellationRequested();
                if (running.OutputLength > MaxOutput)
                    throw TooMuch(remote);
            }

            await running.Done.ConfigureAwait(false);
            if (running.OutputLength > MaxOutput)
                throw TooMuch(remote);
            return Result(remote, running.Command);
        }
        catch (Exception e) when (IsBroken(e))
        {
            throw Broke(remote, e);
        }
        finally
        {
            if (running.Done.IsCompleted)
                Ended(running);
            else
                _ = EndAsync(running);
        }
    }

    /// <summary>Starts a command line that runs until its standard input ends; what it prints is read as it comes.</summary>
    public async IAsyncEnumerable<string> StreamAsync(RemoteCommand remote, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken ct)
    {
        await _streams.WaitAsync(ct).ConfigureAwait(false);
        try
        {
            var started = Stopwatch.GetTimestamp();
            // Disposing it closes the channel, and with it the input.
            using var command = Create(remote);
            var done = Task.Run(() => command.ExecuteAsync(CancellationToken.None), CancellationToken.None);
            var lines = System.Threading.Channels.Channel.CreateBounded<string>(1);
            // SSH.NET's streams block whoever reads them, so it is a thread of its own.
            var reading = Task.Factory.StartNew(() => ReadLines(command, done, lines.Writer, ct), ct, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            await foreach (var line in lines.Reader.ReadAllAsync(ct).ConfigureAwait(false))
                yield return line;
            await reading.ConfigureAwait(false);
            if (command.OutputStream?.Length > MaxOutput)
                throw TooMuch(remote);
            try
            {
                await done.WaitAsync(ct).ConfigureAwait(false);
            }
            catch (Exception e) when (IsBroken(e))
            {
                throw Broke(remote, e);
            }

            var result = Result(remote, command);
            Answers.CommandAnswer.Expect(new CommandResult([.. remote.Argv], result.ExitStatus, "", result.Stderr, Stopwatch.GetElapsedTime(started)));
        }
        finally
        {
            _streams.Release();
        }
    }

    public void Dispose()
    {
        _closed = true;
        // A connection that is dead waits for answers while it closes.
        _ = Task.Run(() => Quietly(_client.Dispose));
    }

    private static async Task<(SshClient? Client, OfferedKey? Offered)> TryAsync(
        SshTarget target, PrivateKeyFile? key, string[] family, Func<OfferedKey, bool> isTrusted, CancellationToken limit)
    {
        AuthenticationMethod method = key is null ? new NoneAuthenticationMethod(target.User) : new PrivateKeyAuthenticationMethod(target.User, key);
        var info = new ConnectionInfo(target.Address, target.Port, target.User, method) { Timeout = ConnectLimit, MaxSessions = MaxCommands + MaxStreams + 1 };
        foreach (var algorithm in info.HostKeyAlgorithms.Keys.Except(family).ToList())
            info.HostKeyAlgorithms.Remove(algorithm);
        var client = new SshClient(info) { KeepAliveInterval = KeepAlive };
        OfferedKey? offered = null;
        client.HostKeyReceived += (_, e) =>
        {
            offered = new OfferedKey(e.HostKeyName, "SHA256:" + e.FingerPrintSHA256);
            e.CanTrust = isTrusted(offered);
        };
        var connected = false;
        try
        {
            // Not all of it heeds its token, and a host may well go silent there.
            await Task.Run(() => client.ConnectAsync(limit), CancellationToken.None).WaitAsync(limit).ConfigureAwait(false);
            connected = true;
            return (client, offered);
        }
        catch (SshAuthenticationException e)
        {
            throw target.Failed(
                HostShellError.KeyRefused,
                $"{target} does not let {target.User} in with the private key '{target.Key}': {e.Message} Put its public key into the authorized_keys of {target.User} there.",
                e,
                new Dictionary<string, object?> { ["key"] = target.Key });
        }
        catch (Exception) when (offered is not null && !isTrusted(offered))
        {
            return (null, offered);
        }
        catch (SshConnectionException e) when (e.DisconnectReason == Renci.SshNet.Messages.Transport.DisconnectReason.KeyExchangeFailed)
        {
            return (null, null);
        }
        catch (Exception e) when (e is OperationCanceledException or SshOperationTimeoutException)
        {
            // SSH.NET's own limit is the same, and on a busy machine it may be the first to notice.
            throw target.Failed(HostShellError.Unreachable, $"{target} cannot be reached: no connection within {ConnectLimit.TotalSeconds:0} s.", e);
        }
        catch (Exception e) when (IsBroken(e))
        {
            throw target.Failed(HostShellError.Unreachable, $"{target} cannot be reached: {e.Message}", e);
        }
        finally
        {
            if (!connected)
                _ = Task.Run(() => Quietly(client.Dispose), CancellationToken.None);
        }
    }

    private SshCommand Create(RemoteCommand remote)
    {
        try
        {
            return _client.CreateCommand(remote.Line, Encoding.UTF8);
        }
        catch (Exception e) when (IsBroken(e))
        {
            throw Broke(remote, e);
        }
    }

    private void Ended(Running running)
    {
        running.Dispose();
        _commands.Release();
    }

    /// <summary>Nobody waits for the command any more: it is to end on the host too. Where that can't be had, the connection is dead.</summary>
    private async Task EndAsync(Running running)
    {
        try
        {
            using var limit = new CancellationTokenSource(EndLimit);
            if (await running.PidAsync().WaitAsync(limit.Token).ConfigureAwait(false) is { } pid)
            {
                using var kill = _client.CreateCommand($"kill -TERM {pid}");
                await kill.ExecuteAsync(limit.Token).WaitAsync(limit.Token).ConfigureAwait(false);
            }

            await running.Done.WaitAsync(limit.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (IsBroken(e) || e is OperationCanceledException)
        {
            Dispose();
        }
        finally
        {
            Ended(running);
        }
    }

    private static void ReadLines(SshCommand command, Task done, System.Threading.Channels.ChannelWriter<string> lines, CancellationToken ct)
    {
        try
        {
            // The stream is there once the command has begun.
            while (command.OutputStream is null && !done.IsCompleted)
                Thread.Yield();
            using var reader = new StreamReader(command.OutputStream ?? Stream.Null, Encoding.UTF8, detectEncodingFromByteOrderMarks: false);
            while (reader.ReadLine() is { } line)
            {
                if (!lines.TryWrite(line))
                    lines.WriteAsync(line, ct).AsTask().GetAwaiter().GetResult();
                // SSH.NET takes all that the host sends, whether it is read or not.
                if (command.OutputStream!.Length > MaxOutput)
                    return;
            }
        }
        catch (Exception e) when (IsBroken(e) || e is OperationCanceledException)
        {
            // Whoever reads has gone, or the connection; the task of the command says so.
        }
        finally
        {
            lines.Complete();
        }
    }

    /// <summary>What a command that has ended left.</summary>
    private RemoteResult Result(RemoteCommand remote, SshCommand command)
    {
        var (stdout, stderr) = (ReadAll(command.OutputStream), Encoding.UTF8.GetString(ReadAll(command.ExtendedOutputStream)));
        return RemoteCommand.AfterPid(stderr) is { } said
            ? new RemoteResult(command.ExitStatus ?? RemoteCommand.StatusOfSignal(command.ExitSignal), stdout, said)
            : throw _target.Failed(
                HostShellError.NoShell,
                $"{_target} let us in, and did not run '{remote}': it said {Answers.CommandAnswer.Excerpt(Encoding.UTF8.GetString(stdout) + stderr)}. The user needs a POSIX login shell there.",
                more: new Dictionary<string, object?> { ["command"] = remote.Argv.ToArray() });
    }

    private static byte[] ReadAll(Stream stream)
    {
        using var all = new MemoryStream();
        stream.CopyTo(all);
        return all.ToArray();
    }

    private HostShellException Broke(RemoteCommand remote, Exception e)
    {
        if (!_client.IsConnected)
            Dispose();
        return _target.Failed(
            HostShellError.Unreachable, $"The connection to {_target} broke while '{remote}' ran: {e.Message}", e,
            new Dictionary<string, object?> { ["command"] = remote.Argv.ToArray() });
    }

    private HostShellException TooMuch(RemoteCommand remote) => _target.Failed(
        HostShellError.TooMuchOutput, $"'{remote}' printed more than {MaxOutput:N0} bytes.", more: new Dictionary<string, object?> { ["command"] = remote.Argv.ToArray() });

    private static bool IsBroken(Exception e) => e is SshException or SocketException or IOException or ObjectDisposedException or InvalidOperationException;

    private static void Quietly(Action close)
    {
        try
        {
            close();
        }
        catch (Exception e) when (IsBroken(e))
        {
            // It is closed, then.
        }
    }

    private sealed record OfferedKey(string Algorithm, string Fingerprint)
    {
        public override string ToString() => $"{Algorithm} {Fingerprint}";
    }

    /// <summary>One command under way.</summary>
    private sealed class Running : IDisposable
    {
        public Running(SshConnection connection, RemoteCommand remote, ReadOnlyMemory<byte>? input)
        {
            try
            {
                Command = connection.Create(remote);
            }
            catch
            {
                connection._commands.Release();
                throw;
            }

            // Opening a channel blocks.
            Done = Task.Run(() => ExecuteAsync(input));
        }

        public SshCommand Command { get; }

        public Task Done { get; }

        public long OutputLength => (Command.OutputStream?.Length ?? 0) + (Command.ExtendedOutputStream?.Length ?? 0);

        /// <summary>The process on the host, as soon as it has said so; null when it ended without.</summary>
        public Task<int?> PidAsync() => Task.Run(() =>
        {
            while (Command.ExtendedOutputStream is null && !Done.IsCompleted)
                Thread.Yield();
            if (Command.ExtendedOutputStream is not { } stderr)
                return (int?)null;
            using var reader = new StreamReader(stderr, Encoding.UTF8, detectEncodingFromByteOrderMarks: false, leaveOpen: true);
            while (reader.ReadLine() is { } line)
            {
                if (RemoteCommand.PidOf(line) is { } pid)
                    return pid;
            }

            return null;
        });

        public void Dispose() => Quietly(Command.Dispose);

        private async Task ExecuteAsync(ReadOnlyMemory<byte>? input)
        {
            var executing = Command.ExecuteAsync(CancellationToken.None);
            // A write waits for the host to take it, and waits on when the connection breaks.
            if (input is { } bytes)
                await Task.WhenAny(executing, Task.Run(() => WriteAsync(bytes))).ConfigureAwait(false);
            await executing.ConfigureAwait(false);
        }

        private async Task WriteAsync(ReadOnlyMemory<byte> bytes)
        {
            try
            {
                await using var stdin = Command.CreateInputStream();
                await stdin.WriteAsync(bytes).ConfigureAwait(false);
            }
            catch (Exception e) when (IsBroken(e))
            {
                // It ended before it had read all; its exit status says why.
            }
        }
    }
}

/// <param name="Stderr">Without what the login shell printed before the command.</param>
internal sealed record RemoteResult(int ExitStatus, byte[] Stdout, string Stderr);

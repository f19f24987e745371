using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Hosts.Simulation;

namespace Xlnet.StandInDom0;

/// <summary>
/// Says what the programs of a stand-in answer. Each is a real process, a small one (<see cref="Script"/>): it sends its arguments to a
/// socket here, and writes and exits as it is told. When it is killed, what it does here ends too.
/// </summary>
internal sealed class ProgramServer : IAsyncDisposable
{
    /// <summary>What cuts the SSH connection over which it is started.</summary>
    public const string CutProgram = "cut-ssh";

    private const byte Exit = 0;
    private const byte Stdout = 1;
    private const byte Stderr = 2;

    private readonly string _folder;
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;

    public ProgramServer(string folder)
    {
        _folder = folder;
        _listener.Bind(new UnixDomainSocketEndPoint(SocketPath(folder)));
        _listener.Listen();
        _accepting = AcceptAsync();
    }

    /// <summary>The program itself, which takes the name to play as its first argument. Perl, as every Debian has it, and it starts in milliseconds.</summary>
    public static string Script(string folder) => $$"""
        #!/usr/bin/perl
        use IO::Socket::UNIX;
        $| = 1;
        my $host = IO::Socket::UNIX->new('{{SocketPath(folder)}}') or die "The stand-in is gone: $!\n";
        print $host pack('N/a*', join("\0", @ARGV));
        while (read($host, my $head, 5) == 5) {
            my ($kind, $length) = unpack('CN', $head);
            exit $length if $kind == {{Exit}};
            read($host, my $text, $length);
            print { $kind == {{Stdout}} ? STDOUT : STDERR } $text;
        }
        exit 255;

        """;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        _listener.Dispose();
        await _accepting.ConfigureAwait(false);
        _stop.Dispose();
    }

    private static string SocketPath(string folder) => Path.Combine(folder, "programs");

    private async Task AcceptAsync()
    {
        var playing = new HashSet<Task>();
        try
        {
            while (true)
            {
                var program = await _listener.AcceptAsync(_stop.Token).ConfigureAwait(false);
                playing.RemoveWhere(p => p.IsCompleted);
                playing.Add(PlayAsync(program));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(playing).ConfigureAwait(false);
        }
    }

    private async Task PlayAsync(Socket program)
    {
        await Task.Yield();
        using var socket = program;
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        try
        {
            var argv = await ReadArgumentsAsync(socket, gone.Token).ConfigureAwait(false);
            var ended = EndedAsync(socket, gone);
            try
            {
                await SendAsync(socket, Exit, await RunAsync(socket, argv, gone.Token).ConfigureAwait(false), []).ConfigureAwait(false);
                socket.Shutdown(SocketShutdown.Send);
            }
            finally
            {
                await ended.ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or EndOfStreamException)
        {
            // It was killed.
        }
    }

    /// <summary>It sends nothing more: when there is something to read, it has ended.</summary>
    private static async Task EndedAsync(Socket socket, CancellationTokenSource gone)
    {
        await Task.WhenAny(socket.ReceiveAsync(new byte[1], SocketFlags.None, gone.Token).AsTask()).ConfigureAwait(false);
        await gone.CancelAsync().ConfigureAwait(false);
    }

    /// <returns>Its exit status.</returns>
    private async Task<int> RunAsync(Socket socket, string[] argv, CancellationToken ct)
    {
        if (argv is [CutProgram])
        {
            SshSession.Cut(socket);
            return 255;
        }

        var shell = SimulatedShell.OverDirectory(StandInHost.RootOf(_folder), new FileStateStore(_folder), TimeProvider.System);
        try
        {
            if (argv is ["ip", "monitor", ..])
            {
                await foreach (var line in shell.ReadLinesAsync(argv, ct).ConfigureAwait(false))
                    await WriteAsync(Stdout, line + "\n").ConfigureAwait(false);
                return 0;
            }

            var result = await shell.RunAsync(argv, Timeout.InfiniteTimeSpan, ct).ConfigureAwait(false);
            await WriteAsync(Stdout, result.Stdout).ConfigureAwait(false);
            await WriteAsync(Stderr, result.Stderr).ConfigureAwait(false);
            return result.ExitStatus;
        }
        catch (HostShellException e)
        {
            // The simulation's fault of a connection that breaks, or a file that it could not read.
            await WriteAsync(Stderr, e.Message + "\n").ConfigureAwait(false);
            if (e.Error == HostShellError.Unreachable)
                SshSession.Cut(socket);
            return 255;
        }

        async Task WriteAsync(byte kind, string text)
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            if (bytes.Length > 0)
                await SendAsync(socket, kind, bytes.Length, bytes).ConfigureAwait(false);
        }
    }

    private static async Task<string[]> ReadArgumentsAsync(Socket socket, CancellationToken ct)
    {
        await using var stream = new NetworkStream(socket, ownsSocket: false);
        var length = new byte[4];
        await stream.ReadExactlyAsync(length, ct).ConfigureAwait(false);
        var text = new byte[BinaryPrimitives.ReadInt32BigEndian(length)];
        await stream.ReadExactlyAsync(text, ct).ConfigureAwait(false);
        return Encoding.UTF8.GetString(text).Split('\0');
    }

    private static async Task SendAsync(Socket socket, byte kind, int number, byte[] data)
    {
        var head = new byte[5];
        head[0] = kind;
        BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(1), number);
        byte[] all = [.. head, .. data];
        for (var sent = 0; sent < all.Length;)
            sent += await socket.SendAsync(all.AsMemory(sent), SocketFlags.None).ConfigureAwait(false);
    }
}

using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Hosts.Ssh;
using Xunit;

namespace Xlnet.Hosts.Tests.Ssh;

/// <summary>What goes on, and what has to end, on the other side of an SSH connection.</summary>
public sealed class SshStreamTests : IAsyncLifetime
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    private Sshd _sshd = null!;
    private SshConnections _connections = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _sshd = await Sshd.StartAsync();
        _connections = _sshd.Connections();
    }

    public async ValueTask DisposeAsync()
    {
        _connections.Dispose();
        await _sshd.DisposeAsync();
    }

    [Fact]
    public async Task ReadLines_CommandThatEnds_YieldsItsLines()
    {
        List<string> lines = [];
        await foreach (var line in Shell().ReadLinesAsync(["printf", "a b\n$HOME\nlast"], Ct))
            lines.Add(line);
        Assert.Equal(["a b", "$HOME", "last"], lines);
    }

    [Fact]
    public async Task ReadLines_Left_EndsTheCommandOnTheHost()
    {
        string? id = null;
        await foreach (var line in Shell().ReadLinesAsync(["sh", "-c", "echo $$; exec sleep 600"], Ct))
        {
            id = line;
            break;
        }

        await GoneAsync(id);
    }

    [Fact]
    public async Task ReadLines_ConnectionCut_EndsTheCommandAndSaysSo()
    {
        string? id = null;
        var e = await Assert.ThrowsAsync<HostShellException>(async () =>
        {
            await foreach (var line in Shell().ReadLinesAsync(["sh", "-c", "echo $$; exec sleep 600"], Ct))
            {
                id = line;
                await _sshd.CutAsync();
            }
        });
        Assert.Equal(HostShellError.Unreachable, e.Error);
        await GoneAsync(id);
    }

    [Theory]
    [InlineData("exec sleep 600")]
    [InlineData("trap '' TERM HUP; while :; do sleep 1; done")]
    public async Task Run_TimedOutOrCancelled_EndsTheCommandOnTheHost(string script)
    {
        var file = Path.GetTempFileName();
        using var cancel = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        var running = Shell().RunAsync(["sh", "-c", $"echo $$ >{file}; {script}"], Limit, cancel.Token);
        while (new FileInfo(file).Length == 0)
            await Task.Delay(10, Ct);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        await GoneAsync(await File.ReadAllTextAsync(file, Ct));
        Assert.Equal("on", (await Shell().RunAsync(["printf", "on"], Limit, Ct)).Stdout);
        File.Delete(file);
    }

    [Fact]
    public async Task Run_EndedByASignal_AnswersAsAShellDoes()
    {
        var result = await Shell().RunAsync(["sh", "-c", "kill -KILL $$"], Limit, Ct);
        Assert.Equal(137, result.ExitStatus);
    }

    [Fact]
    public async Task Run_OutputOfBothKinds_IsReadWholeWithoutDeadlock()
    {
        var result = await Shell().RunAsync(["sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' e >&2; head -c 3000000 /dev/zero | tr '\\0' o"], Limit, Ct);
        Assert.Equal((0, 3_000_000, 3_000_000), (result.ExitStatus, result.Stdout.Length, result.Stderr.Length));
    }

    [Fact]
    public async Task Run_MoreOutputThanAnyoneReads_IsRefused()
    {
        var e = await Assert.ThrowsAsync<HostShellException>(() => Shell().RunAsync(["yes"], Limit, Ct));
        Assert.Equal(HostShellError.TooMuchOutput, e.Error);
    }

    [Fact]
    public async Task Run_CannotBeExecuted_Answers126() =>
        Assert.Equal(126, (await Shell().RunAsync(["/etc/passwd"], Limit, Ct)).ExitStatus);

    [Fact]
    public async Task Run_ConnectionCut_IsUnreachableAndTheNextUseConnectsAnew()
    {
        var running = Shell().RunAsync(["sh", "-c", "sleep 600"], Limit, Ct);
        while (_sshd.Connected == 0)
            await Task.Delay(10, Ct);
        while (!running.IsCompleted)
        {
            await _sshd.CutAsync();
            await Task.Delay(10, Ct);
        }

        Assert.Equal(HostShellError.Unreachable, (await Assert.ThrowsAsync<HostShellException>(() => running)).Error);
        Assert.Equal("on", (await Shell().RunAsync(["printf", "on"], Limit, Ct)).Stdout);
    }

    [Fact]
    public async Task Run_ManyShells_ShareOneConnection()
    {
        await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => Shell().RunAsync(["true"], Limit, Ct)));
        Assert.Equal(1, System.Text.RegularExpressions.Regex.Count(_sshd.Log, "Accepted publickey"));
    }

    [Fact]
    public async Task Run_AfterRenew_GoesOverANewConnectionAndTheOldOneEnds()
    {
        await Shell().RunAsync(["true"], Limit, Ct);
        _connections.Renew(1);
        await Shell().RunAsync(["true"], Limit, Ct);
        Assert.Equal(2, System.Text.RegularExpressions.Regex.Count(_sshd.Log, "Accepted publickey"));
        while (_sshd.Connected > 1)
            await Task.Delay(10, Ct);
    }

    [Fact]
    public async Task Run_OtherTarget_GoesOverANewConnection()
    {
        await Shell().RunAsync(["true"], Limit, Ct);
        await _sshd.MakeKeyAsync("other");
        await _sshd.AllowAsync("other");
        var other = new SshShell(_connections, 1, _sshd.Target with { Key = "other" }, TimeProvider.System);
        await other.RunAsync(["true"], Limit, Ct);
        Assert.Equal(2, System.Text.RegularExpressions.Regex.Count(_sshd.Log, "Accepted publickey"));
    }

    private SshShell Shell() => new(_connections, 1, _sshd.Target, TimeProvider.System);

    /// <summary>Waits, up to the test's time limit, until the process has ended.</summary>
    private static async Task GoneAsync(string? id)
    {
        Assert.NotNull(id);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        while (Directory.Exists($"/proc/{id.Trim()}"))
            await Task.Delay(20, limit.Token);
    }
}

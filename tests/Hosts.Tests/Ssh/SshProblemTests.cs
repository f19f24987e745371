using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Hosts.Ssh;
using Xunit;

namespace Xlnet.Hosts.Tests.Ssh;

/// <summary>What goes wrong on the way to a host, and on its disk.</summary>
public sealed class SshProblemTests : IDisposable
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    private readonly string _folder = Directory.CreateTempSubdirectory("xlnet-ssh-").FullName;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("ed25519")]
    [InlineData("ecdsa")]
    [InlineData("rsa")]
    public async Task HostKey_OfEachKind_IsFoundAndPinned(string type)
    {
        await using var sshd = await Sshd.StartAsync();
        await sshd.StopAsync();
        await sshd.MakeHostKeyAsync(type);
        await sshd.StartAgainAsync();
        Assert.Equal(sshd.HostKey, await SshConnections.FetchHostKeyAsync(sshd.Target, Ct));
        using var connections = sshd.Connections();
        Assert.Equal("on", (await Shell(connections, sshd).RunAsync(["printf", "on"], Limit, Ct)).Stdout);
    }

    [Fact]
    public async Task HostKey_PinOfAnotherOneOfTheHosts_IsTaken()
    {
        var rsa = _folder + "/rsa";
        await Sshd.RunAsync("ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", rsa);
        var fingerprint = (await Sshd.RunAsync("ssh-keygen", "-l", "-E", "sha256", "-f", rsa + ".pub")).Split(' ')[1];
        await using var sshd = await Sshd.StartAsync(new SshdOptions { Extra = "HostKey " + rsa });
        using var connections = sshd.Connections();
        var shell = new SshShell(connections, 1, sshd.Target with { HostKey = fingerprint }, TimeProvider.System);
        Assert.Equal("on", (await shell.RunAsync(["printf", "on"], Limit, Ct)).Stdout);
    }

    [Theory]
    [InlineData("rsa")]
    [InlineData("ecdsa")]
    public async Task Key_OfEachKind_LogsIn(string type)
    {
        await using var sshd = await Sshd.StartAsync();
        await sshd.MakeKeyAsync("other", type: type);
        await sshd.AllowAsync("other");
        using var connections = sshd.Connections();
        var shell = new SshShell(connections, 1, sshd.Target with { Key = "other" }, TimeProvider.System);
        Assert.Equal("on", (await shell.RunAsync(["printf", "on"], Limit, Ct)).Stdout);
    }

    [Fact]
    public async Task Key_WithAPassphraseOrNoKeyAtAll_IsUnusable()
    {
        await using var sshd = await Sshd.StartAsync();
        await sshd.MakeKeyAsync("secret", "pass phrase");
        await File.WriteAllTextAsync(sshd.KeyDirectory + "/text", "no key", Ct);
        await Sshd.RunAsync("chmod", "0400", sshd.KeyDirectory + "/text");
        using var connections = sshd.Connections();
        foreach (var (key, why) in new[] { ("secret", "passphrase"), ("text", "holds no private key"), ("lab.pub", "mode") })
        {
            var shell = new SshShell(connections, 1, sshd.Target with { Key = key }, TimeProvider.System);
            var e = await FailsAsync(HostShellError.KeyUnusable, () => shell.RunAsync(["true"], Limit, Ct));
            Assert.Contains(why, e.Message, StringComparison.Ordinal);
        }

        Assert.Equal(0, sshd.Connected);
    }

    [Fact]
    public async Task WriteFile_DiskFull_SaysSoAndLeavesTheOldFileAlone()
    {
        await using var sshd = await Sshd.StartAsync(OnDisk("size=64k"));
        using var connections = sshd.Connections();
        var shell = Shell(connections, sshd);
        await shell.WriteFileAsync(_folder + "/web1.cfg", "old"u8.ToArray(), Ct);

        var e = await FailsAsync(HostShellError.DiskFull, () => shell.WriteFileAsync(_folder + "/web1.cfg", new byte[100_000], Ct));
        Assert.Contains("Wrote only", e.Message, StringComparison.Ordinal);
        Assert.Equal("old"u8.ToArray(), await shell.ReadFileAsync(_folder + "/web1.cfg", Ct));
        Assert.Equal("web1.cfg\n", (await shell.RunAsync(["ls", "-A", _folder], Limit, Ct)).Stdout);
    }

    [Fact]
    public async Task WriteFile_WhereNobodyMay_IsPermissionDenied()
    {
        await using var sshd = await Sshd.StartAsync(OnDisk("ro"));
        using var connections = sshd.Connections();
        await FailsAsync(HostShellError.PermissionDenied, () => Shell(connections, sshd).WriteFileAsync(_folder + "/web1.cfg", "x"u8.ToArray(), Ct));
    }

    /// <summary>The folder is a file system of sshd's own, in a mount namespace of its own.</summary>
    private SshdOptions OnDisk(string options) => new()
    {
        Prefix =
        [
            "unshare", .. Environment.IsPrivilegedProcess ? [] : (string[])["--user", "--map-root-user"], "--mount",
            "sh", "-c", $"mount -t tmpfs -o {options} tmpfs {_folder} && exec \"$@\"", "sh",
        ],
    };

    [Fact]
    public async Task WriteFile_ExistingOne_KeepsItsMode()
    {
        await using var sshd = await Sshd.StartAsync();
        using var connections = sshd.Connections();
        var shell = Shell(connections, sshd);
        var path = _folder + "/web1.cfg";
        await shell.WriteFileAsync(path, "old"u8.ToArray(), Ct);
        Assert.Equal("644\n", await Sshd.RunAsync("stat", "-c", "%a", path));
        await Sshd.RunAsync("chmod", "0750", path);
        await shell.WriteFileAsync(path, "new"u8.ToArray(), Ct);
        Assert.Equal("750\n", await Sshd.RunAsync("stat", "-c", "%a", path));
    }

    [Fact]
    public async Task WriteFile_CutInTheMiddle_LeavesTheOldFileWholeAndNothingElse()
    {
        await using var sshd = await Sshd.StartAsync();
        using var connections = sshd.Connections();
        var shell = Shell(connections, sshd);
        var path = _folder + "/big";
        await shell.WriteFileAsync(path, "old"u8.ToArray(), Ct);
        var writing = shell.WriteFileAsync(path, new byte[64 << 20], Ct);
        while (!writing.IsCompleted && Directory.GetFileSystemEntries(_folder).Length < 2)
            await Task.Yield();
        await sshd.CutAsync();
        await FailsAsync(HostShellError.Unreachable, () => writing);
        // What wrote it on the host sees the end of its input, and takes its part away.
        while (Directory.GetFileSystemEntries(_folder).Length > 1)
            await Task.Delay(10, Ct);
        Assert.Equal("old"u8.ToArray(), await shell.ReadFileAsync(path, Ct));
    }

    [Fact]
    public async Task Run_LoginShellThatRunsNothing_IsNoShell()
    {
        await using var sshd = await Sshd.StartAsync(new SshdOptions { Extra = "ForceCommand echo This account is not available." });
        using var connections = sshd.Connections();
        var e = await FailsAsync(HostShellError.NoShell, () => Shell(connections, sshd).RunAsync(["true"], Limit, Ct));
        Assert.Contains("This account is not available.", e.Message, StringComparison.Ordinal);
    }

    private static SshShell Shell(SshConnections connections, Sshd sshd) => new(connections, 1, sshd.Target, TimeProvider.System);

    private static async Task<HostShellException> FailsAsync(HostShellError error, Func<Task> use)
    {
        var e = await Assert.ThrowsAsync<HostShellException>(use);
        Assert.True(error == e.Error, $"{e.Error}: {e.Message}");
        return e;
    }
}

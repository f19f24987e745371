using System.Diagnostics;
using System.Globalization;
using Xlnet.Hosts.Tests.Contract;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Hosts.Ssh;

namespace Xlnet.Hosts.Tests.Ssh;

/// <summary>
/// Real bridges over real SSH. The sshd listens on this machine's loopback, where the test can reach it, and each session's command is
/// sent on into a network namespace of the test's own.
/// </summary>
public sealed class SshNamespaceHostTests : BridgeContract
{
    private readonly string _folder = Directory.CreateTempSubdirectory("xlnet-ssh-").FullName;
    private readonly Process _keeper = Process.Start(
        new ProcessStartInfo("unshare", [.. IsRoot ? [] : (string[])["--user", "--map-root-user"], "--net", "sleep", "600"]) { RedirectStandardError = true })!;

    private Sshd _sshd = null!;
    private SshConnections _connections = null!;

    private static bool IsRoot => Environment.IsPrivilegedProcess;

    protected override string Folder => _folder + "/etc";

    protected override TimeProvider Time => TimeProvider.System;

    protected override Task<IHostShell> OpenAsync(TimeProvider time) => Task.FromResult<IHostShell>(new SshShell(_connections, 1, _sshd.Target, time));

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        while (await File.ReadAllTextAsync($"/proc/{_keeper.Id}/comm") != "sleep\n")
            Xunit.Assert.False(_keeper.HasExited, "No network namespace could be made: this needs root, or user namespaces.");
        var enter = string.Create(CultureInfo.InvariantCulture, $"nsenter --target {_keeper.Id}{(IsRoot ? "" : " --user --preserve-credentials")} --net");
        _sshd = await Sshd.StartAsync(new SshdOptions { Extra = $"ForceCommand exec {enter} -- /bin/sh -c \"$SSH_ORIGINAL_COMMAND\"" });
        _connections = _sshd.Connections();
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _connections.Dispose();
        await _sshd.DisposeAsync();
        if (!_keeper.HasExited)
            _keeper.Kill();
        await _keeper.WaitForExitAsync();
        _keeper.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}

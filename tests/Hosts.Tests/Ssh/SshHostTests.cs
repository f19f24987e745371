using Xlnet.Hosts.Tests.Contract;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Hosts.Ssh;

namespace Xlnet.Hosts.Tests.Ssh;

/// <summary>This machine over its own sshd: commands and files.</summary>
public sealed class SshHostTests : ShellContract
{
    private readonly string _folder = Directory.CreateTempSubdirectory("xlnet-ssh-").FullName;
    private Sshd _sshd = null!;
    private SshConnections _connections = null!;

    protected override string Folder => _folder + "/etc";

    protected override TimeProvider Time => TimeProvider.System;

    protected override Task<IHostShell> OpenAsync(TimeProvider time) =>
        Task.FromResult<IHostShell>(new SshShell(_connections, 1, _sshd.Target, time));

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _sshd = await Sshd.StartAsync();
        _connections = _sshd.Connections();
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _connections.Dispose();
        await _sshd.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}

using Xlnet.Hosts.Tests.Contract;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xlnet.Infrastructure.Hosts.Ssh;
using Xlnet.StandInDom0;

namespace Xlnet.Hosts.Tests.Ssh;

/// <summary><see cref="SshShell"/> and a real sshd on a Dom0, as far as there is one without a hypervisor: a <see cref="StandInHost"/>.</summary>
public sealed class SshDom0Tests : HostContract
{
    private StandInHost _host = null!;
    private Sshd _sshd = null!;
    private SshConnections _connections = null!;

    protected override string Folder => "/etc/xen";

    protected override TimeProvider Time => TimeProvider.System;

    protected override Task<IHostShell> OpenAsync(TimeProvider time) => Task.FromResult<IHostShell>(new SshShell(_connections, 1, _sshd.Target, time));

    protected override Task LetGuestsConnectAsync() => _host.Store.ConnectGuestsAsync(Ct);

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _host = await StandInHost.StartAsync(Ct);
        _sshd = await Sshd.StartAsync(new SshdOptions { Prefix = _host.Enter(), Environment = _host.LoginEnvironment });
        _connections = _sshd.Connections();
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _connections.Dispose();
        await _sshd.DisposeAsync();
        await _host.DisposeAsync();
    }
}

using Xlnet.Hosts.Tests.Contract;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Hosts.Simulation;

namespace Xlnet.Hosts.Tests.Simulation;

public sealed class SimulatedHostTests : HostContract
{
    private readonly InMemoryStateStore _store = new();

    protected override HostCapabilities Capabilities => HostCapabilities.All;

    protected override string Folder => "/etc/xen";

    protected override Task<IHostShell> OpenAsync(TimeProvider time) => Task.FromResult<IHostShell>(new SimulatedShell(_store, time));

    protected override Task LetGuestsConnectAsync() => _store.ConnectGuestsAsync(Ct);
}

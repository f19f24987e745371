using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Api.Tests;

internal static class SimulatedHosts
{
    /// <summary>Runs a command as someone at the host would, on a state that the caller keeps.</summary>
    public static void Run(SimulatedDom0State state, params string[] argv)
    {
        var result = new SimulatedShell(new OneState(state), TimeProvider.System).RunAsync(argv, TimeSpan.FromSeconds(5), CancellationToken.None).GetAwaiter().GetResult();
        Assert.True(result.Succeeded, result.Stderr);
    }

    private sealed class OneState(SimulatedDom0State state) : ISimulatedStateStore
    {
        public Task<T> UpdateAsync<T>(Func<SimulatedDom0State, T> change, CancellationToken ct) => Task.FromResult(change(state));
    }
}

namespace Xlnet.Infrastructure.Hosts.Simulation;

/// <summary>Keeps the state of one simulated Dom0.</summary>
public interface ISimulatedStateStore
{
    /// <summary>
    /// Hands the state to <paramref name="change"/> and keeps it as that left it, all or nothing, one change after the other also
    /// between processes. The change may run again on a freshly loaded state when a first attempt could not be kept.
    /// </summary>
    /// <returns>What the change returned.</returns>
    Task<T> UpdateAsync<T>(Func<SimulatedDom0State, T> change, CancellationToken ct);
}

/// <summary>Keeps the state in memory: it is gone with the process.</summary>
public sealed class InMemoryStateStore(SimulatedDom0State state) : ISimulatedStateStore
{
    private readonly Lock _lock = new();
    private string _state = state.ToJson();

    /// <summary>A fresh lab host.</summary>
    public InMemoryStateStore() : this(FreshDom0.Create())
    {
    }

    // Kept as JSON and not as the object: a change that throws half-way then leaves nothing behind, and every test that runs over
    // this store also shows that the state survives being stored.
    public Task<T> UpdateAsync<T>(Func<SimulatedDom0State, T> change, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        lock (_lock)
        {
            var current = SimulatedDom0State.FromJson(_state);
            var result = change(current);
            _state = current.ToJson();
            return Task.FromResult(result);
        }
    }
}

public static class SimulatedStateStoreExtensions
{
    /// <summary>Lets every guest's network driver connect now, as some seconds do on a real host.</summary>
    public static Task ConnectGuestsAsync(this ISimulatedStateStore store, CancellationToken ct) => store.UpdateAsync(
        state =>
        {
            SimulatedDom0.ConnectGuests(state);
            return true;
        },
        ct);
}

using System.Globalization;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Planning;

namespace Xlnet.Infrastructure.Hosts.Steps;

/// <summary>Bridges: Linux's by <c>ip link</c>, Open vSwitch's by <c>ovs-vsctl</c>.</summary>
internal static class BridgeSteps
{
    public static async Task<StepFailure?> CreateAsync(StepRun run, CreateBridgeStep step, CancellationToken ct)
    {
        const string Failed = "bridge.create-failed";
        var (bridge, other) = await FindAsync(run, step.Name, step.Kind, ct).ConfigureAwait(false);
        if (bridge is null && other is not null)
            return new StepFailure("bridge.name-in-use", $"{step.Name} is there already, as {other}.");

        StepFailure? failure = null;
        if (bridge is null)
        {
            failure = await run.ChangeAsync(
                Failed,
                step.Kind == BridgeKind.OpenVSwitch
                    ? ["ovs-vsctl", OvsTimeout, "--may-exist", "add-br", step.Name]
                    // No forward delay: its 15 seconds of silence on a new port can time a guest's DHCP out.
                    : ["ip", "link", "add", "name", step.Name, .. Mtu(step.Mtu), "type", "bridge", "forward_delay", "0", "stp_state", "0", .. Filtering(step.VlanFiltering)],
                ct).ConfigureAwait(false);
        }

        if (failure is null && step.Mtu is { } mtu && mtu != bridge?.Mtu && (bridge is not null || step.Kind == BridgeKind.OpenVSwitch))
            failure = await run.ChangeAsync(Failed, SetMtu(step.Name, step.Kind, mtu), ct).ConfigureAwait(false);
        if (failure is null && bridge is not null && step.VlanFiltering is { } filtering && filtering != bridge.VlanFiltering)
            failure = await run.ChangeAsync(Failed, SetFiltering(step.Name, filtering), ct).ConfigureAwait(false);
        if (failure is null && bridge is not { Up: true })
            failure = await run.ChangeAsync(Failed, ["ip", "link", "set", "dev", step.Name, "up"], ct).ConfigureAwait(false);
        // One that was there is someone else's, also when it was not up yet.
        run.Changed = bridge is null;
        return failure;
    }

    public static async Task<StepFailure?> DeleteAsync(StepRun run, DeleteBridgeStep step, CancellationToken ct)
    {
        var (bridge, _) = await FindAsync(run, step.Name, step.Kind, ct).ConfigureAwait(false);
        if (bridge is null)
            return null;
        if (step.Ports is { } known && bridge.Ports.Except(known).ToList() is { Count: > 0 } more)
            return StepFailure.HostChanged($"Bridge {step.Name}", known.Count == 0 ? "no port" : $"no port but {string.Join(", ", known)}", string.Join(", ", more));
        return await run.ChangeAsync(
            "bridge.delete-failed",
            step.Kind == BridgeKind.OpenVSwitch
                ? ["ovs-vsctl", OvsTimeout, "--if-exists", "del-br", step.Name]
                : ["ip", "link", "delete", "dev", step.Name, "type", "bridge"],
            ct).ConfigureAwait(false);
    }

    public static async Task<StepFailure?> SetMtuAsync(StepRun run, SetBridgeMtuStep step, CancellationToken ct)
    {
        var bridges = await ReadAsync(run, ct).ConfigureAwait(false);
        if (bridges.Bridges.FirstOrDefault(b => b.Name == step.Name) is not { } bridge)
            return new StepFailure("bridge.missing", $"There is no bridge {step.Name} on the host.");
        if (bridge.Mtu != step.Mtu && bridge.Mtu != step.Before)
            return StepFailure.HostChanged($"The MTU of bridge {step.Name}", Text(step.Before), Text(bridge.Mtu));
        return bridge.Mtu == step.Mtu
            ? null
            : await run.ChangeAsync("bridge.set-mtu-failed", SetMtu(step.Name, bridge.Kind, step.Mtu), ct).ConfigureAwait(false);
    }

    public static async Task<StepFailure?> SetVlanFilteringAsync(StepRun run, SetBridgeVlanFilteringStep step, CancellationToken ct)
    {
        var (bridge, other) = await FindAsync(run, step.Name, BridgeKind.Linux, ct).ConfigureAwait(false);
        if (bridge is null)
            return new StepFailure("bridge.missing", other is null ? $"There is no bridge {step.Name} on the host." : $"{step.Name} is {other}.");
        return bridge.VlanFiltering == step.VlanFiltering
            ? null
            : await run.ChangeAsync("bridge.set-vlan-filtering-failed", SetFiltering(step.Name, step.VlanFiltering), ct).ConfigureAwait(false);
    }

    /// <summary>ovs-vsctl waits for ovs-vswitchd without end when that does not run.</summary>
    internal const string OvsTimeout = "--timeout=10";

    private static string[] Filtering(bool? filtering) => filtering is { } set ? ["vlan_filtering", set ? "1" : "0"] : [];

    private static string[] SetFiltering(string name, bool filtering) => ["ip", "link", "set", "dev", name, "type", "bridge", .. Filtering(filtering)];

    private static string[] Mtu(int? mtu) => mtu is { } bytes ? ["mtu", Text(bytes)] : [];

    /// <remarks>Open vSwitch sets the device back to the least of its ports' MTUs unless one is requested of it.</remarks>
    private static string[] SetMtu(string name, BridgeKind kind, int mtu) => kind == BridgeKind.OpenVSwitch
        ? ["ovs-vsctl", OvsTimeout, "set", "Interface", name, $"mtu_request={Text(mtu)}"]
        : ["ip", "link", "set", "dev", name, "mtu", Text(mtu)];

    /// <returns>The bridge; or, when the name is taken by something else, what that is.</returns>
    private static async Task<(ObservedBridge? Bridge, string? Other)> FindAsync(StepRun run, string name, BridgeKind kind, CancellationToken ct)
    {
        var (bridges, interfaces) = await ReadAsync(run, ct).ConfigureAwait(false);
        if (bridges.FirstOrDefault(b => b.Name == name) is { } bridge)
            return bridge.Kind == kind ? (bridge, null) : (null, bridge.Kind == BridgeKind.Linux ? "a Linux bridge" : "an Open vSwitch bridge");
        return interfaces.Any(i => i.Name == name) ? (null, "an interface that is no bridge") : (null, null);
    }

    internal static async Task<(IReadOnlyList<ObservedBridge> Bridges, IReadOnlyList<ObservedInterface> Interfaces)> ReadAsync(
        StepRun run, CancellationToken ct)
    {
        var interfaces = await run.Reader.ReadInterfacesAsync(ct).ConfigureAwait(false);
        var ovs = await run.Reader.ReadOvsAsync(ct).ConfigureAwait(false);
        return (HostReader.Bridges(interfaces, ovs), interfaces);
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}

using Xlnet.Domain.Bridges;
using Xlnet.Domain.Planning;

namespace Xlnet.Infrastructure.Hosts.Steps;

/// <summary>Makes interfaces of Dom0 ports of bridges, and takes them off.</summary>
internal static class BridgePortSteps
{
    private const string AddFailed = "bridge.add-port-failed";
    private const string RemoveFailed = "bridge.remove-port-failed";

    public static async Task<StepFailure?> AddAsync(StepRun run, AddBridgePortStep step, CancellationToken ct)
    {
        var (bridges, interfaces) = await BridgeSteps.ReadAsync(run, ct).ConfigureAwait(false);
        if (bridges.FirstOrDefault(b => b.Name == step.Bridge) is not { } bridge)
            return Missing(step.Bridge);
        if (interfaces.FirstOrDefault(i => i.Name == step.Port) is not { } device)
            return new StepFailure("bridge.port-missing", $"There is no interface {step.Port} on the host.");
        var now = bridges.FirstOrDefault(b => b.Ports.Contains(step.Port));
        if (now?.Name != step.Bridge)
        {
            if (now?.Name != step.From?.Name)
                return Elsewhere(step.Port, step.From?.Name, now?.Name);
            if (await PutAsync(run, step, bridge.Kind, now, ct).ConfigureAwait(false) is { } failure)
                return failure;
        }

        // A port that is down carries nothing.
        return device.Up ? null : await run.ChangeAsync(AddFailed, ["ip", "link", "set", "dev", step.Port, "up"], ct).ConfigureAwait(false);
    }

    public static async Task<StepFailure?> RemoveAsync(StepRun run, RemoveBridgePortStep step, CancellationToken ct)
    {
        var (bridges, _) = await BridgeSteps.ReadAsync(run, ct).ConfigureAwait(false);
        if (bridges.FirstOrDefault(b => b.Ports.Contains(step.Port)) is not { } now)
            return null;
        return now.Name == step.Bridge
            ? await run.ChangeAsync(RemoveFailed, Remove(step.Port, now.Kind), ct).ConfigureAwait(false)
            : Elsewhere(step.Port, step.Bridge, now.Name);
    }

    /// <summary>In one command where it can be: between two the port is on no bridge, and what comes over it may be lost for good.</summary>
    private static async Task<StepFailure?> PutAsync(StepRun run, AddBridgePortStep step, BridgeKind kind, ObservedBridge? now, CancellationToken ct)
    {
        if (now is not null && now.Kind != kind && await run.ChangeAsync(AddFailed, Remove(step.Port, now.Kind), ct).ConfigureAwait(false) is { } failure)
            return failure;
        return await run.ChangeAsync(
            AddFailed,
            kind == BridgeKind.OpenVSwitch
                ? ["ovs-vsctl", BridgeSteps.OvsTimeout, "--", "--if-exists", "del-port", step.Port, "--", "add-port", step.Bridge, step.Port]
                // The kernel takes it off its present bridge itself (rtnetlink's do_set_master).
                : ["ip", "link", "set", "dev", step.Port, "master", step.Bridge],
            ct).ConfigureAwait(false);
    }

    private static string[] Remove(string port, BridgeKind kind) => kind == BridgeKind.OpenVSwitch
        ? ["ovs-vsctl", BridgeSteps.OvsTimeout, "--if-exists", "del-port", port]
        : ["ip", "link", "set", "dev", port, "nomaster"];

    private static StepFailure Missing(string bridge) => new("bridge.missing", $"There is no bridge {bridge} on the host.");

    private static StepFailure Elsewhere(string port, string? expected, string? found) =>
        StepFailure.HostChanged($"The port {port}", On(expected), On(found));

    private static string On(string? bridge) => bridge is null ? "on no bridge" : $"on bridge {bridge}";
}

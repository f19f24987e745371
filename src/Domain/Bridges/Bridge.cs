using Xlnet.Domain.Common;

namespace Xlnet.Domain.Bridges;

/// <summary>A bridge that a host is to have.</summary>
public sealed class Bridge
{
    public long Id { get; private set; }

    public long HostId { get; init; }

    public required InterfaceName Name { get; init; }

    public BridgeKind Kind { get; set; }

    /// <summary>In bytes, 68 to 65535; null leaves the host's own.</summary>
    public int? Mtu { get; set; }

    /// <summary>
    /// Its uplinks: the interfaces of Dom0 that are to be its ports, vifs not among them. Null leaves those that it has; an empty
    /// list takes them away.
    /// </summary>
    public string[]? Ports { get; set; }

    /// <summary>
    /// A Linux bridge: whether it keeps VLANs apart, each port in those that it is given; null leaves what it has. Open vSwitch always does.
    /// </summary>
    public bool? VlanFiltering { get; set; }

    public string? Description { get; set; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset UpdatedAt { get; set; }

    public uint Version { get; private set; }

    /// <summary>An Open vSwitch bridge may hold neither '.' nor ':' in its name: vif-openvswitch reads a VLAN behind them.</summary>
    public static string? CheckName(InterfaceName name, BridgeKind kind) =>
        kind == BridgeKind.OpenVSwitch && name.Value.AsSpan().ContainsAny('.', ':')
            ? $"'{name}' cannot name an Open vSwitch bridge: vif-openvswitch reads what follows a '.' as a VLAN. Leave the '.' out."
            : null;

    /// <summary>Open vSwitch has no such switch.</summary>
    public static string? CheckVlanFiltering(BridgeKind kind, bool? filtering) => kind == BridgeKind.OpenVSwitch && filtering is not null
        ? "An Open vSwitch bridge always keeps VLANs apart: vlanFiltering is for Linux bridges. Leave it out."
        : null;

    /// <summary>What cannot be an uplink of a bridge of this name: itself, and what a hotplug script plugs.</summary>
    public static string? CheckPort(InterfaceName bridge, string port) =>
        !InterfaceName.TryParse(port, null, out _) ? $"'{port}' is no interface name: {InterfaceName.Rule}."
        : port == bridge.Value ? $"'{port}' is the bridge itself."
        : port == "lo" ? "'lo' cannot be a port of a bridge."
        : IsVifName(port) ? $"'{port}' is the name of a guest's vif: its hotplug script plugs it. List uplinks only."
        : null;

    /// <summary>As libxl and QEMU call the interfaces of guests: <c>vif1.0</c>, <c>vif1.0-emu</c>, <c>tap1.0</c>.</summary>
    public static bool IsVifName(string name) =>
        name.EndsWith("-emu", StringComparison.Ordinal)
        || (name.StartsWith("vif", StringComparison.Ordinal) || name.StartsWith("tap", StringComparison.Ordinal))
            && name[3..].Split('.') is [{ Length: > 0 } domid, { Length: > 0 } devid] && domid.All(char.IsAsciiDigit) && devid.All(char.IsAsciiDigit);
}

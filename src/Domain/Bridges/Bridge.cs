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

    public string? Description { get; set; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset UpdatedAt { get; set; }

    public uint Version { get; private set; }

    /// <summary>An Open vSwitch bridge may hold neither '.' nor ':' in its name: vif-openvswitch reads a VLAN behind them.</summary>
    public static string? CheckName(InterfaceName name, BridgeKind kind) =>
        kind == BridgeKind.OpenVSwitch && name.Value.AsSpan().ContainsAny('.', ':')
            ? $"'{name}' cannot name an Open vSwitch bridge: vif-openvswitch reads what follows a '.' as a VLAN. Leave the '.' out."
            : null;
}

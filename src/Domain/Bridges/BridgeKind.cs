namespace Xlnet.Domain.Bridges;

/// <summary>What switches the packets of a bridge.</summary>
public enum BridgeKind
{
    /// <summary>The kernel's bridge; its hotplug script is vif-bridge.</summary>
    Linux,

    /// <summary>Open vSwitch; its hotplug script is vif-openvswitch.</summary>
    OpenVSwitch,
}

namespace Xlnet.Domain.Networking;

/// <summary>Who keeps a host's own network, and with what.</summary>
/// <param name="InterfacesFiles">The paths of /etc/network/interfaces and of the files that it may source; empty where ifupdown is not used.</param>
/// <param name="NetworkdLinks">The indices of the interfaces that systemd-networkd keeps.</param>
/// <param name="HasIfupdown">Whether ifup is there.</param>
/// <param name="NoOpenVSwitch">What ovs-vsctl said where it is not there or does not run; null where it does.</param>
public sealed record NetworkFacts(
    IReadOnlyList<string> InterfacesFiles, IReadOnlySet<int> NetworkdLinks, bool HasIfupdown, string? NoOpenVSwitch);

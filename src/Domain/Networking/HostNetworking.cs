using System.Net;
using Xlnet.Domain.Bridges;

namespace Xlnet.Domain.Networking;

/// <summary>How a host connects its vifs to the world.</summary>
public enum NetworkMode
{
    /// <summary>A Linux bridge with an uplink; Dom0's address is the bridge's. Script vif-bridge.</summary>
    Bridged,

    /// <summary>An Open vSwitch bridge with an uplink; Dom0's address is that of the bridge's internal port. Script vif-openvswitch.</summary>
    OpenVSwitch,

    /// <summary>No bridge: each vif is a route of Dom0's, which answers ARP for its guests on the uplink. Script vif-route.</summary>
    Routed,

    /// <summary>A Linux bridge without an uplink, and a subnet behind Dom0's address. Script vif-bridge.</summary>
    Nat,
}

/// <summary>What keeps Dom0's own network, and so what xlnet writes to keep it.</summary>
public enum NetworkBackend
{
    /// <summary>Debian's /etc/network/interfaces.</summary>
    Ifupdown,

    /// <summary>The .network and .netdev files of /etc/systemd/network.</summary>
    SystemdNetworkd,

    /// <summary>Whoever keeps it, xlnet does not touch it: it checks that what the guests need is there.</summary>
    Unmanaged,
}

/// <summary>A host's networking as one setting.</summary>
public sealed record HostNetworking
{
    public required NetworkMode Mode { get; init; }

    public required NetworkBackend Backend { get; init; }

    /// <summary>The interface by which Dom0 reaches the world, such as eth0.</summary>
    public required string Uplink { get; init; }

    /// <summary>The bridge of the vifs; null when routed.</summary>
    public string? Bridge { get; init; }

    /// <summary>Dom0's own address: on the bridge when bridged or on Open vSwitch, else on the uplink.</summary>
    public required Addressing Addressing { get; init; }

    /// <summary>Of the bridge and its uplink, in bytes; null leaves what they have.</summary>
    public int? Mtu { get; init; }

    /// <summary>Open vSwitch: the VLAN that Dom0's own address is in, 1 to 4094; null for untagged.</summary>
    public int? Vlan { get; init; }

    /// <summary>Bridged and NAT: whether the bridge keeps VLANs apart; null leaves what it has.</summary>
    public bool? VlanFiltering { get; init; }

    /// <summary>Routed: the interface whose address vif-route gives its vifs (<c>vif.default.gatewaydev</c>); the uplink unless set.</summary>
    public string? GatewayDevice { get; init; }

    /// <summary>Routed: whether Dom0 answers ARP on the uplink for its guests' addresses.</summary>
    public bool ProxyArp { get; init; } = true;

    public NatSettings? Nat { get; init; }

    /// <summary>Whether the bridge has the uplink as a port, and so Dom0's address.</summary>
    internal bool IsSwitched => Mode is NetworkMode.Bridged or NetworkMode.OpenVSwitch;

    /// <summary>Of <see cref="Bridge"/>, in the modes that have one.</summary>
    public BridgeKind BridgeKind => Mode == NetworkMode.OpenVSwitch ? BridgeKind.OpenVSwitch : BridgeKind.Linux;

    /// <summary>The interface that bears Dom0's address.</summary>
    public string AddressedInterface => IsSwitched ? Bridge! : Uplink;
}

/// <summary>How an interface of Dom0 gets its addresses.</summary>
/// <param name="Addresses">Static: in CIDR notation, the first the main one.</param>
/// <param name="Gateway">Static: the default route's next hop.</param>
/// <param name="Dns">Static: for resolv.conf, where the backend keeps that.</param>
public sealed record Addressing(
    AddressingMethod Method, IReadOnlyList<string> Addresses, IPAddress? Gateway = null, IReadOnlyList<IPAddress>? Dns = null);

public enum AddressingMethod
{
    Dhcp,
    Static,
    None,
}

/// <summary>What stands behind Dom0's address in NAT mode.</summary>
/// <param name="Subnet">The guests' own, IPv4, /8 to /29; Dom0 has its first address.</param>
/// <param name="Dhcp">Whether a dnsmasq of xlnet's gives addresses and answers DNS on the bridge.</param>
/// <param name="Domain">The DNS domain of the guests' names; null for none.</param>
public sealed record NatSettings(IPNetwork Subnet, bool Dhcp, string? Domain, IReadOnlyList<PortForward> PortForwards)
{
    /// <summary>Dom0's address on the bridge: the subnet's first.</summary>
    public IPAddress Gateway => At(1);

    /// <summary>
    /// The addresses that are allocated to vifs, the lower half. dnsmasq gives the others to whoever asks, so that a lease which it has
    /// given never stands in the way of one that is allocated.
    /// </summary>
    public (IPAddress First, IPAddress Last) Allocated => (At(2), At(Half));

    /// <summary>The addresses that dnsmasq gives to whoever asks and has none: the upper half.</summary>
    public (IPAddress First, IPAddress Last) Leased => (At(Half + 1), At((1u << (32 - Subnet.PrefixLength)) - 2));

    private uint Half => 1u << (31 - Subnet.PrefixLength);

    private IPAddress At(uint offset)
    {
        Span<byte> bytes = stackalloc byte[4];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt32BigEndian(
            bytes, System.Buffers.Binary.BinaryPrimitives.ReadUInt32BigEndian(Subnet.BaseAddress.GetAddressBytes()) + offset);
        return new IPAddress(bytes);
    }
}

/// <summary>What reaches Dom0's address at a port is sent on to a guest.</summary>
/// <param name="Protocol">tcp or udp.</param>
public sealed record PortForward(string Protocol, int Port, IPAddress ToAddress, int ToPort);

/// <summary>An address that belongs to a vif, for dnsmasq to give.</summary>
public sealed record StaticLease(Macs.MacAddress Mac, IPAddress Address, string Name);

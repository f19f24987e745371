using Xlnet.Domain.Bridges;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Vifs;

namespace Xlnet.Domain.Planning;

/// <summary>A host as it was at one moment.</summary>
public sealed record HostObservation
{
    /// <summary>When the reading began, by the service's clock.</summary>
    public required DateTimeOffset At { get; init; }

    /// <summary>True when no real Dom0 answered.</summary>
    public required bool Simulated { get; init; }

    /// <summary>From <c>xl info</c>.</summary>
    public required XenVersion XenVersion { get; init; }

    /// <summary>The running guests by domid; Dom0 is not among them.</summary>
    public required IReadOnlyList<ObservedDomain> Domains { get; init; }

    public required IReadOnlyList<ObservedBridge> Bridges { get; init; }

    /// <summary>Every interface of Dom0 by its index, bridges and vifs among them.</summary>
    public required IReadOnlyList<ObservedInterface> Interfaces { get; init; }

    /// <summary>The files that were asked for, by path; content null where there is no such file.</summary>
    public required IReadOnlyDictionary<string, byte[]?> Files { get; init; }

    /// <summary>Whether just the rules of <see cref="Networking.LockingFiles"/> that the host has are in force, where that was read.</summary>
    public bool LockingInForce { get; init; }

    /// <summary>The executable files of /etc/xen/scripts whose names start with <c>vif</c>, bare.</summary>
    public required IReadOnlyList<string> Scripts { get; init; }

    /// <summary>Those of <see cref="Scripts"/> that read <c>vlan</c> (<see cref="Planning.VlanScripts"/>); none where xl does not hand it to them.</summary>
    public IReadOnlyList<string> VlanScripts { get; init; } = [];

    /// <summary>The guest files of /etc/xen that were read with it: the paths in <see cref="Files"/> that end in <c>.cfg</c>.</summary>
    public IEnumerable<string> GuestFilePaths => Files.Where(f => f.Value is not null && Host.IsGuestFilePath(f.Key)).Select(f => f.Key).Order(StringComparer.Ordinal);

    public ObservedDomain? FindDomain(string name) => Domains.FirstOrDefault(d => d.Name == name);

    public ObservedBridge? FindBridge(string name) => Bridges.FirstOrDefault(b => b.Name == name);

    public ObservedInterface? FindInterface(string name) => Interfaces.FirstOrDefault(i => i.Name == name);

    /// <summary>The bridge that an interface is a port of.</summary>
    public ObservedBridge? FindBridgeOf(string port) => Bridges.FirstOrDefault(b => b.Ports.Contains(port));

    /// <summary>The ports of a bridge that are no guest's.</summary>
    public IReadOnlyList<string> Uplinks(ObservedBridge bridge) => [.. bridge.Ports.Where(p => !IsVif(p))];

    /// <summary>Whether an interface is the Dom0 end of a guest's vif, or QEMU's twin of one.</summary>
    public bool IsVif(string name) =>
        Bridge.IsVifName(name)
        || FindInterface(name)?.Kind is "vif" or "tun"
        || Domains.Any(d => d.Vifs.Any(v => v.Dom0Name == name));
}

/// <param name="Domid">Counts up by one for each create; never given again until the host boots.</param>
public sealed record ObservedDomain(int Domid, string Name, DomainState State, GuestType Type, IReadOnlyList<ObservedVif> Vifs)
{
    public ObservedVif? FindVif(int devid) => Vifs.FirstOrDefault(v => v.Devid == devid);
}

/// <summary>The letters of <c>xl list</c>.</summary>
public enum DomainState
{
    Running,
    Blocked,
    Paused,
    Shutdown,
    Crashed,
    Dying,
}

/// <param name="Devid">The <c>Idx</c> of <c>xl network-list</c>.</param>
/// <param name="Mac">The address that the guest's side has.</param>
/// <param name="Dom0Name"><c>vif&lt;domid&gt;.&lt;devid&gt;</c>, or vifname.</param>
/// <param name="Bridge">The bridge that the interface is a port of now, Linux or Open vSwitch; null when of none.</param>
/// <param name="State">The xenbus state of the frontend.</param>
/// <param name="LinkUp">Whether the Dom0 interface is administratively up; a failed hotplug leaves one that is not.</param>
/// <param name="Settings">What <c>xl list -l</c> keeps of it: as written, with xl.conf's defaults filled in.</param>
/// <param name="Dom0Statistics">What Dom0's interface has counted; null where Dom0 has none for it.</param>
public sealed record ObservedVif(
    int Devid, MacAddress Mac, string Dom0Name, string? Bridge, XenbusState State, bool LinkUp, VifSettings Settings,
    InterfaceStatistics? Dom0Statistics = null);

/// <summary>xen/include/public/io/xenbus.h.</summary>
public enum XenbusState
{
    Unknown = 0,
    Initialising = 1,
    InitWait = 2,
    Initialised = 3,
    Connected = 4,
    Closing = 5,
    Closed = 6,
    Reconfiguring = 7,
    Reconfigured = 8,
}

/// <param name="Ports">The names of its ports; an Open vSwitch bridge's own internal port is not among them.</param>
/// <param name="Stp">A Linux bridge: whether it speaks the spanning tree protocol; null where that is not known.</param>
/// <param name="ForwardDelay">A Linux bridge: how long a new port waits before it forwards, in seconds; null where that is not known.</param>
/// <param name="VlanFiltering">A Linux bridge: whether it keeps VLANs apart; null where that is not known.</param>
public sealed record ObservedBridge(string Name, BridgeKind Kind, bool Up, int Mtu, IReadOnlyList<string> Ports, bool? Stp = null, double? ForwardDelay = null, bool? VlanFiltering = null);

/// <param name="Kind">As <c>ip -d link</c> says (<c>bridge</c>, <c>openvswitch</c>, <c>vif</c>, <c>veth</c> …); null for a plain device.</param>
/// <param name="Master">The bridge that it is a port of, by <c>ip link</c>.</param>
/// <param name="Addresses">In CIDR notation.</param>
/// <param name="Parent">The interface that a VLAN or the like stands on.</param>
/// <param name="Bridge">Of a bridge of the kernel.</param>
public sealed record ObservedInterface(
    int Index, string Name, string? Kind, MacAddress? Mac, int Mtu, bool Up, bool Carrier, string? Master, IReadOnlyList<string> Addresses,
    string? Parent = null, InterfaceStatistics? Statistics = null, LinuxBridgeFacts? Bridge = null)
{
    /// <summary>Whether it has an address that others than its neighbours can reach.</summary>
    public bool HasGlobalAddress => Addresses.Any(a => !a.StartsWith("fe80:", StringComparison.OrdinalIgnoreCase));
}

/// <summary>What the kernel says of a bridge of its own.</summary>
/// <param name="ForwardDelay">In seconds.</param>
public sealed record LinuxBridgeFacts(bool Stp, double ForwardDelay, bool VlanFiltering);

/// <summary>
/// What an interface of Dom0 has counted since it was made, seen from Dom0: of a vif's interface, what was received is what the
/// guest has sent.
/// </summary>
public sealed record InterfaceStatistics(
    long RxBytes, long RxPackets, long RxErrors, long RxDropped, long TxBytes, long TxPackets, long TxErrors, long TxDropped);

/// <summary>A host in full: with what no plan needs, and what takes commands of its own to learn.</summary>
/// <param name="Scripts">The executable files of /etc/xen/scripts whose names start with <c>vif</c>, bare.</param>
/// <param name="Files">xl.conf and the guest files of /etc/xen.</param>
public sealed record HostInspection(
    HostObservation Host, IReadOnlyList<ObservedFile> Scripts, IReadOnlyList<ObservedFile> Files, ObservedForwarding Forwarding);

/// <param name="Length">In bytes.</param>
/// <param name="Sha256">In hexadecimal; null where the host could not compute it.</param>
public sealed record ObservedFile(string Path, long Length, string? Sha256);

/// <summary>What decides whether packets of guests pass through Dom0. What is null the host could not say.</summary>
/// <param name="Ipv4Forwarding"><c>net.ipv4.ip_forward</c>, which routed and NAT guests need.</param>
/// <param name="Ipv6Forwarding"><c>net.ipv6.conf.all.forwarding</c>.</param>
/// <param name="BrNetfilter">Whether <c>br_netfilter</c> is loaded: only then are there <c>net.bridge.*</c> keys.</param>
/// <param name="BridgeNfCallIptables">Whether bridged IPv4 packets pass through iptables' FORWARD, where a DROP policy cuts them off.</param>
/// <param name="BridgeNfCallIp6tables">The same for IPv6.</param>
/// <param name="IptablesForwardPolicy">Of <c>iptables -S FORWARD</c>, such as <c>ACCEPT</c>; null on a host without iptables.</param>
/// <param name="NftablesForwardChains">The base chains of nftables at the forward hook; null on a host without nft.</param>
public sealed record ObservedForwarding(
    bool? Ipv4Forwarding, bool? Ipv6Forwarding, bool? BrNetfilter, bool? BridgeNfCallIptables, bool? BridgeNfCallIp6tables,
    string? IptablesForwardPolicy, IReadOnlyList<NftablesChain>? NftablesForwardChains);

/// <param name="Family"><c>ip</c>, <c>ip6</c>, <c>inet</c> or <c>bridge</c>.</param>
/// <param name="Policy"><c>accept</c> or <c>drop</c>.</param>
public sealed record NftablesChain(string Family, string Table, string Name, int Priority, string Policy);

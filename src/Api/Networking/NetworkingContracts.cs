using System.ComponentModel.DataAnnotations;
using System.Net;
using FluentValidation;
using Xlnet.Api.Hosts;
using Xlnet.Api.Plans;
using Xlnet.Api.Common;
using Xlnet.Domain.Common;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Networking;

namespace Xlnet.Api.Networking;

/// <summary>A host's networking as it is put. What is left out is taken from what the host has.</summary>
public sealed record NetworkingRequest
{
    /// <summary>
    /// How the host connects its vifs: `bridged` (a Linux bridge with an uplink), `openvswitch` (the same with Open vSwitch), `routed` (a
    /// route for each vif, no bridge) or `nat` (a bridge without an uplink, and a subnet behind Dom0's address).
    /// </summary>
    [Required]
    public NetworkMode? Mode { get; init; }

    /// <summary>What keeps Dom0's own network; observed unless given. With `unmanaged` xlnet changes none of it, and checks that what the guests need is there.</summary>
    public NetworkBackend? Backend { get; init; }

    /// <summary>The interface by which Dom0 reaches the world, such as `eth0`.</summary>
    public string? Uplink { get; init; }

    /// <summary>The bridge of the vifs; the one that the host has unless given, else `xenbr0`. Not when routed.</summary>
    public string? Bridge { get; init; }

    /// <summary>Dom0's own address: on the bridge when bridged or on Open vSwitch, else on the uplink.</summary>
    public AddressingContract? Addressing { get; init; }

    /// <summary>Of the bridge and its uplink, in bytes, 68 to 65535; left out, they keep theirs.</summary>
    public int? Mtu { get; init; }

    /// <summary>Open vSwitch: the VLAN that Dom0's own address is in, 1 to 4094.</summary>
    public int? Vlan { get; init; }

    /// <summary>Bridged and NAT: whether the bridge keeps VLANs apart, as a vif with `vlan` needs; left out, it keeps what it has.</summary>
    public bool? VlanFiltering { get; init; }

    /// <summary>Routed: the interface whose address vif-route gives its vifs; the uplink unless given.</summary>
    public string? GatewayDevice { get; init; }

    /// <summary>Routed: whether Dom0 answers ARP on the uplink for its guests; true unless given.</summary>
    public bool? ProxyArp { get; init; }

    /// <summary>NAT: the guests' own IPv4 subnet, of which Dom0 has the first address; a free one of 10.99.0.0/16 unless given.</summary>
    public string? Subnet { get; init; }

    /// <summary>NAT: whether a dnsmasq of xlnet's gives the guests their addresses and answers DNS; true unless given.</summary>
    public bool? Dhcp { get; init; }

    /// <summary>NAT: the DNS domain of the guests' names.</summary>
    public string? Domain { get; init; }

    /// <summary>NAT: what reaches Dom0's address at a port is sent on to a guest.</summary>
    public IReadOnlyList<PortForwardContract>? PortForwards { get; init; }

    /// <summary>Where the vifs go whose bridge goes away: the bridge that they name, and the one that they are to name instead, or null for none.</summary>
    public IReadOnlyDictionary<string, string?>? MoveVifs { get; init; }

    /// <summary>
    /// What becomes of the vifs that have their address of a subnet on which they would not be any more: the subnet, and the one that gives
    /// them another address, or null for none.
    /// </summary>
    public IReadOnlyDictionary<string, string?>? MoveAddresses { get; init; }

    /// <summary>The PUT that would ask for it.</summary>
    internal static NetworkingRequest Of(HostNetworking networking)
    {
        var routed = networking.Mode == NetworkMode.Routed;
        return new NetworkingRequest
        {
            Mode = networking.Mode,
            Backend = networking.Backend,
            Uplink = networking.Uplink,
            Bridge = networking.Bridge,
            Addressing = AddressingContract.Of(networking.Addressing),
            Mtu = networking.Mtu,
            Vlan = networking.Vlan,
            VlanFiltering = networking.VlanFiltering,
            GatewayDevice = routed ? networking.GatewayDevice : null,
            ProxyArp = routed ? networking.ProxyArp : null,
            Subnet = networking.Nat?.Subnet.ToString(),
            Dhcp = networking.Nat?.Dhcp,
            Domain = networking.Nat?.Domain,
            PortForwards = networking.Nat is { PortForwards.Count: > 0 } nat ? PortForwardContract.Of(nat.PortForwards) : null,
        };
    }
}

/// <param name="Method">`dhcp`, `static` or `none`.</param>
/// <param name="Addresses">Static: in CIDR notation, the first the main one.</param>
/// <param name="Gateway">Static: the default route's next hop.</param>
/// <param name="Dns">Static: the name servers, where the backend keeps them.</param>
public sealed record AddressingContract(
    AddressingMethod? Method = null, IReadOnlyList<string>? Addresses = null, string? Gateway = null, IReadOnlyList<string>? Dns = null)
{
    internal static AddressingContract Of(Addressing addressing) => new(
        addressing.Method, addressing.Method == AddressingMethod.Static ? addressing.Addresses : null, addressing.Gateway?.ToString(), addressing.Dns is { } dns ? [.. dns.Select(d => d.ToString())] : null);

    internal Addressing ToDomain() => new(
        Method ?? (Addresses is { Count: > 0 } ? AddressingMethod.Static : AddressingMethod.Dhcp), Addresses ?? [],
        Gateway is null ? null : IPAddress.Parse(Gateway), Dns is null ? null : [.. Dns.Select(IPAddress.Parse)]);
}

/// <param name="Protocol">`tcp` or `udp`.</param>
/// <param name="Port">Of Dom0's address, 1 to 65535.</param>
/// <param name="ToAddress">The guest's, of the subnet.</param>
/// <param name="ToPort">The same as `port` unless given.</param>
public sealed record PortForwardContract(string? Protocol = null, int? Port = null, string? ToAddress = null, int? ToPort = null)
{
    internal static IReadOnlyList<PortForwardContract> Of(IReadOnlyList<PortForward> forwards) =>
        [.. forwards.Select(f => new PortForwardContract(f.Protocol, f.Port, f.ToAddress.ToString(), f.ToPort))];
}

/// <summary>A host's networking.</summary>
/// <param name="Managed">Whether it was set; else it is what the host has been found with.</param>
/// <param name="Backend">Null where it can't be told what keeps Dom0's own network.</param>
/// <param name="VlanFiltering">Whether the bridge is to keep VLANs apart; null where it keeps what it has.</param>
/// <param name="Gateway">NAT: Dom0's address on the bridge.</param>
/// <param name="Defaults">The vif.default.* that go with it.</param>
/// <param name="Findings">What was found on the host that is to be known, though it does not stand in the way.</param>
/// <param name="Plan">What an apply would do, with what the networking changes; where the host is looked at only, null.</param>
/// <param name="Simulated">True when no real Dom0 is behind the host.</param>
public sealed record NetworkingResponse(
    NetworkMode Mode, bool Managed, NetworkBackend? Backend, string? Uplink, string? Bridge, AddressingContract Addressing, int? Mtu, int? Vlan, bool? VlanFiltering,
    string? GatewayDevice, bool? ProxyArp, string? Subnet, string? Gateway, bool? Dhcp, string? Domain, IReadOnlyList<PortForwardContract>? PortForwards,
    DefaultsContract Defaults, IReadOnlyList<NetworkingFinding> Findings, PlanResponse? Plan, bool Simulated)
{
    internal static NetworkingResponse Of(
        HostNetworking networking, VifDefaults defaults, IReadOnlyList<PreflightFinding> findings, PlanResponse? plan, bool simulated) => new(
        networking.Mode, true, networking.Backend, networking.Uplink, networking.Bridge, AddressingContract.Of(networking.Addressing), networking.Mtu, networking.Vlan, networking.VlanFiltering,
        networking.Mode == NetworkMode.Routed ? networking.GatewayDevice ?? networking.Uplink : null,
        networking.Mode == NetworkMode.Routed ? networking.ProxyArp : null,
        networking.Nat?.Subnet.ToString(), networking.Nat?.Gateway.ToString(), networking.Nat?.Dhcp, networking.Nat?.Domain,
        networking.Nat is { } nat ? PortForwardContract.Of(nat.PortForwards) : null,
        DefaultsContract.Of(defaults), [.. findings.Select(NetworkingFinding.Of)], plan, simulated);

    internal static NetworkingResponse Of(NetworkSight sight, VifDefaults defaults, bool simulated) => new(
        sight.Mode, false, sight.Backend, sight.Uplink, sight.Bridge, AddressingContract.Of(sight.Addressing), null, null, null, null, null, null, null, null, null, null,
        DefaultsContract.Of(defaults), [], null, simulated);
}

/// <param name="Code">Stable, such as `networking.script-missing`.</param>
/// <param name="Message">What is wrong, why, and what would be right.</param>
/// <param name="Evidence">What shows it, as the host has it.</param>
public sealed record NetworkingFinding(string Code, string Message, IReadOnlyList<string> Evidence)
{
    internal static NetworkingFinding Of(PreflightFinding finding) => new(finding.Code, finding.Message, finding.Evidence);
}

internal sealed class NetworkingRequestValidator : AbstractValidator<NetworkingRequest>
{
    public NetworkingRequestValidator()
    {
        RuleFor(r => r.Mode).NotNull().WithErrorCode("networking.mode").WithMessage($"Say which mode: {string.Join(", ", Kebab.Names<NetworkMode>())}.");
        RuleFor(r => r.Subnet).Must(s => s is null || Cidrs.TryParse(s) is not null).WithErrorCode("networking.subnet").WithMessage("A subnet is an IPv4 network such as 10.77.0.0/24, its host bits zero.");
        RuleFor(r => r.Subnet).Null().When(r => r.Mode != NetworkMode.Nat).WithErrorCode("networking.not-in-mode").WithMessage("A subnet is for mode nat. Leave it out.");
        RuleFor(r => r.PortForwards).Null().When(r => r.Mode != NetworkMode.Nat).WithErrorCode("networking.not-in-mode").WithMessage("Port forwards are for mode nat. Leave them out.");
        RuleFor(r => r.PortForwards).Must(f => f is null || f.Count <= 1000).WithErrorCode("networking.port-forwards").WithMessage("There are at most 1,000 port forwards.");
        RuleForEach(r => r.PortForwards).ChildRules(f =>
        {
            f.RuleFor(p => p.Protocol).Must(p => p is null or "tcp" or "udp").WithErrorCode("networking.protocol").WithMessage("A protocol is tcp or udp.");
            f.RuleFor(p => p.Port).NotNull().InclusiveBetween(1, 65535).WithErrorCode("networking.port").WithMessage("A port is 1 to 65535.");
            f.RuleFor(p => p.ToPort).InclusiveBetween(1, 65535).WithErrorCode("networking.port").WithMessage("A port is 1 to 65535.");
            f.RuleFor(p => p.ToAddress).Must(Cidrs.IsAddress).WithErrorCode("networking.address").WithMessage("Give the guest's address, such as 10.99.0.10.");
        });
        RuleFor(r => r.Addressing).ChildRules(a =>
        {
            a.RuleFor(x => x!.Gateway).Must(g => g is null || Cidrs.IsAddress(g)).WithErrorCode("networking.address").WithMessage("A gateway is an IP address.");
            a.RuleForEach(x => x!.Dns).Must(Cidrs.IsAddress).WithErrorCode("networking.address").WithMessage("A name server is an IP address.");
            a.RuleFor(x => x!.Addresses).Must(x => x is null || x.Count <= 64).WithErrorCode("networking.addresses").WithMessage("There are at most 64 addresses.");
        }).When(r => r.Addressing is not null);
        RuleFor(r => r.MoveAddresses).Must(m => m is null || m.Count <= 64).WithErrorCode("networking.move-addresses").WithMessage("There are at most 64 subnets to move addresses from.");
        RuleFor(r => r.MoveVifs).Must(m => m is null || m.Count <= 64).WithErrorCode("networking.move-vifs").WithMessage("There are at most 64 bridges to move vifs from.");
    }
}

using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Xlnet.Domain.Common;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;

namespace Xlnet.Domain.Subnets;

/// <summary>
/// The addresses that the vifs of one place of a host have: of one of its bridges, or of its networking. Each is a vif's alone,
/// whether it was allocated from the subnet or written as <c>ip=</c> by hand.
/// </summary>
public sealed class Subnet
{
    /// <summary>The name of the one that comes with mode <c>nat</c>.</summary>
    public const string NatName = "nat";

    /// <summary>The most addresses that are allocated from: 2^32. An IPv6 subnet may be larger.</summary>
    public const long MaxSize = 1L << 32;

    public const string CidrRule = "A subnet is an IPv4 network of /8 to /30 such as 10.77.0.0/24, or an IPv6 one of /32 to /126 such as 2001:db8:7::/64, its host bits zero.";

    public static readonly TimeSpan DefaultQuarantine = TimeSpan.FromHours(24);

    public long Id { get; private set; }

    public long HostId { get; init; }

    public required ResourceName Name { get; init; }

    public string? Description { get; set; }

    public IPNetwork Cidr { get; private set; }

    /// <summary>The bridge whose vifs it is for; null for those on the host's networking.</summary>
    public string? Bridge { get; private set; }

    /// <summary>The mode of the host's networking in which it is for them; null for all but <c>nat</c>, which has a subnet of its own.</summary>
    public NetworkMode? Mode { get; private set; }

    /// <summary>The first address that is allocated.</summary>
    public IPAddress First { get; private set; } = IPAddress.None;

    /// <summary>The last address that is allocated.</summary>
    public IPAddress Last { get; private set; } = IPAddress.None;

    /// <summary>The guests' way out; reserved, so that no guest gets it.</summary>
    public IPAddress? Gateway { get; private set; }

    /// <summary>How long a released address waits before it is given to another vif.</summary>
    public TimeSpan Quarantine { get; set; } = DefaultQuarantine;

    /// <summary>How many addresses of the range have been come by: what was never given begins behind them.</summary>
    public long Next { get; private set; }

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>Counts its changes; an allocation is none.</summary>
    public int Version { get; private set; }

    public long Size => (long)(Number(Last) - Number(First)) + 1;

    /// <summary>Sets what it is, checked.</summary>
    /// <param name="first">Null for the first that an interface can have.</param>
    /// <param name="last">Null for the last that an interface can have, or as far as <see cref="MaxSize"/> reaches.</param>
    /// <exception cref="RuleException">422, with the member at fault.</exception>
    public void Set(IPNetwork cidr, string? bridge, NetworkMode? mode, IPAddress? first, IPAddress? last, IPAddress? gateway)
    {
        CheckCidr(cidr);
        if (bridge is not null && mode is not null)
            throw RuleException.Invalid("/mode", "subnet.place", "A subnet is on a bridge, or on the host's networking in a mode: leave one of the two out.");
        var (lowest, highest) = Usable(cidr);
        var from = first ?? Address(lowest, cidr.BaseAddress.AddressFamily);
        CheckInside("first", from);
        var to = last ?? Address(UInt128.Min(highest, Number(from) + (UInt128)(MaxSize - 1)), cidr.BaseAddress.AddressFamily);
        CheckInside("last", to);
        if (Number(to) < Number(from))
            throw RuleException.Invalid("/last", "subnet.range", $"The range ends ({to}) before it starts ({from}): swap the two.");
        if (Number(to) - Number(from) >= (UInt128)MaxSize)
            throw RuleException.Invalid("/last", "subnet.range", $"The range {from} to {to} has more than {MaxSize} addresses: allocate from fewer.");
        if (gateway is not null)
            CheckInside("gateway", gateway);

        // Another range is gone through from its start: what is taken is passed over.
        if (!from.Equals(First) || !to.Equals(Last))
            Next = 0;
        (Cidr, Bridge, Mode, First, Last, Gateway) = (cidr, bridge, mode, from, to, gateway);

        void CheckInside(string member, IPAddress address)
        {
            if (address.AddressFamily != cidr.BaseAddress.AddressFamily || Number(address) < lowest || Number(address) > highest)
            {
                throw RuleException.Invalid($"/{member}", "subnet.range",
                    $"{address} is no address of a guest in {cidr}: those are {Address(lowest, cidr.BaseAddress.AddressFamily)} to {Address(highest, cidr.BaseAddress.AddressFamily)}.");
            }
        }
    }

    /// <summary>For whoever has changed it; what was put and is as it was, is no change.</summary>
    public void CountChange() => Version++;

    /// <summary>Whether a vif is where this subnet is.</summary>
    /// <param name="networking">The host's; null while its own network is left to it.</param>
    public bool Serves(VifSettings vif, VifDefaults defaults, HostNetworking? networking)
    {
        var routed = networking?.Mode == NetworkMode.Routed;
        if (!EffectiveVif.IsDom0(vif.Backend))
            return false;
        if (Bridge is not null)
            return (vif.Bridge is not null || !routed) && NetNames.BridgeNames(vif.Bridge ?? defaults.Bridge ?? EffectiveVif.DefaultBridge).Contains(Bridge);
        var onNetworking = vif.Bridge is null || !routed && NetNames.BridgeNames(vif.Bridge).Contains(networking?.Bridge ?? defaults.Bridge ?? EffectiveVif.DefaultBridge);
        return onNetworking && (Mode is { } mode ? networking?.Mode == mode : networking?.Mode != NetworkMode.Nat);
    }

    /// <summary>Whether a vif may be where both of them are, so that an address of both would be either's.</summary>
    public bool SharesPlace(Subnet other)
    {
        if (Bridge is not null || other.Bridge is not null)
            return Bridge == other.Bridge;
        return Mode == other.Mode || Mode is null && other.Mode != NetworkMode.Nat || other.Mode is null && Mode != NetworkMode.Nat;
    }

    /// <summary>For people: the place in words.</summary>
    public string Place => Bridge is { } bridge ? $"the bridge {bridge}"
        : Mode is { } mode ? $"the host's networking in mode {Kebab.Name(mode)}"
        : "the host's networking in any mode but nat";

    private static void CheckCidr(IPNetwork cidr)
    {
        var four = cidr.BaseAddress.AddressFamily == AddressFamily.InterNetwork;
        if (cidr.PrefixLength < (four ? 8 : 32) || cidr.PrefixLength > (four ? 30 : 126))
            throw RuleException.Invalid("/cidr", "subnet.cidr", CidrRule);
        if (four ? cidr.BaseAddress.GetAddressBytes() is [0 or 127 or >= 224, ..] or [169, 254, ..] : cidr.BaseAddress.GetAddressBytes() is [0 or 0xff, ..] or [0xfe, >= 0x80 and < 0xc0, ..])
            throw RuleException.Invalid("/cidr", "subnet.cidr", $"{cidr} is no subnet of guests: it is loopback, link-local, multicast or reserved. Give one such as 10.77.0.0/24.");
    }

    /// <summary>IPv4's first address names the network and its last one all of it; IPv6's first one is any router's (RFC 4291, 2.6.1).</summary>
    private static (UInt128 Lowest, UInt128 Highest) Usable(IPNetwork cidr)
    {
        var four = cidr.BaseAddress.AddressFamily == AddressFamily.InterNetwork;
        var size = UInt128.One << ((four ? 32 : 128) - cidr.PrefixLength);
        var start = Number(cidr.BaseAddress);
        return (start + 1, start + size - (four ? 2u : 1u));
    }

    private static UInt128 Number(IPAddress address)
    {
        var bytes = address.GetAddressBytes();
        return bytes.Length == 4 ? BinaryPrimitives.ReadUInt32BigEndian(bytes) : BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    private static IPAddress Address(UInt128 number, AddressFamily family)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteUInt128BigEndian(bytes, number);
        return new IPAddress(family == AddressFamily.InterNetwork ? bytes[12..] : bytes);
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Name} ({Cidr})");
}

/// <summary>An address of a subnet that is not free: held by a vif, reserved, or in quarantine.</summary>
public sealed class SubnetAddress
{
    public long SubnetId { get; init; }

    public required IpAddress Address { get; init; }

    public AllocationState State { get; set; }

    /// <summary>The vif that holds it, as <c>host/guest/devid</c>, or the name that it is reserved for.</summary>
    public required string Holder { get; set; }

    public DateTimeOffset Since { get; set; }

    /// <summary>The end of its quarantine.</summary>
    public DateTimeOffset? AvailableAt { get; set; }
}

/// <summary>The ledger: who had an address of a subnet, from when until when.</summary>
public sealed class SubnetHolding
{
    public long Id { get; private set; }

    public long SubnetId { get; init; }

    public required IpAddress Address { get; init; }

    public required string Holder { get; init; }

    public AllocationState State { get; init; }

    public DateTimeOffset From { get; init; }

    public DateTimeOffset? Until { get; set; }
}

using System.Collections.Immutable;
using Xlnet.Domain.Macs;

namespace Xlnet.Domain.Vifs;

/// <summary>
/// What one entry of a guest's <c>vif</c> list sets. A property that is null is not written there, and its default applies:
/// xl.conf's <c>vif.default.*</c>, then libxl's own (xl-network-configuration(5)).
/// </summary>
public sealed record VifSettings
{
    /// <summary>An entry that sets nothing: <c>vif = ['']</c>.</summary>
    public static readonly VifSettings Empty = new();

    /// <summary><c>mac=</c>; unset, xl draws a new one in 00:16:3e at each create.</summary>
    public MacAddress? Mac { get; init; }

    /// <summary><c>bridge=</c>: a bridge's name; for Open vSwitch also <c>BR.TAG</c>, <c>BR.TAG:TRUNK:TRUNK</c> or <c>BR:TRUNK</c>.</summary>
    public string? Bridge { get; init; }

    /// <summary><c>type=</c>: emulated and paravirtualised, or paravirtualised only. Means something on HVM guests only.</summary>
    public VifType? Type { get; init; }

    /// <summary><c>model=</c>: the emulated card, for HVM with <see cref="VifType.Ioemu"/>.</summary>
    public string? Model { get; init; }

    /// <summary><c>vifname=</c>: the interface's name on Dom0, at most 15 characters, 11 where HVM adds <c>-emu</c>.</summary>
    public string? VifName { get; init; }

    /// <summary><c>script=</c>: the hotplug script, a bare name below /etc/xen/scripts or a path below it.</summary>
    public string? Script { get; init; }

    /// <summary><c>ip=</c>: addresses for the hotplug script, separated by blanks.</summary>
    public string? Ip { get; init; }

    /// <summary><c>backend=</c>: the name or domid of the driver domain; unset, Dom0.</summary>
    public string? Backend { get; init; }

    /// <summary><c>gatewaydev=</c>: the interface whose address vif-route gives the guest as gateway.</summary>
    public string? GatewayDev { get; init; }

    /// <summary><c>rate=</c>: the limit of what the guest sends.</summary>
    public Rate? Rate { get; init; }

    /// <summary><c>mtu=</c>, in bytes.</summary>
    public int? Mtu { get; init; }

    /// <summary><c>vlan=</c>, known to xl from 4.19 on (<see cref="Xl.VlanText"/>); no hotplug script that comes with Xen reads it.</summary>
    public string? Vlan { get; init; }

    /// <summary>The bare words <c>trusted</c> (true) and <c>untrusted</c> (false).</summary>
    public bool? Trusted { get; init; }

    /// <summary>Keys that xl knows and xlnet gives no field of its own: <c>forwarddev</c> and <c>colo_*</c>.</summary>
    public ImmutableSortedDictionary<string, string> Other { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

    public bool Equals(VifSettings? other) =>
        other is not null
        && (Mac, Bridge, Type, Model, VifName, Script, Ip) == (other.Mac, other.Bridge, other.Type, other.Model, other.VifName, other.Script, other.Ip)
        && (Backend, GatewayDev, Rate, Mtu, Vlan, Trusted) == (other.Backend, other.GatewayDev, other.Rate, other.Mtu, other.Vlan, other.Trusted)
        && Other.SequenceEqual(other.Other);

    public override int GetHashCode() => HashCode.Combine(Mac, Bridge, VifName, Script, Ip, Rate, Other.Count);
}

/// <summary><c>type=</c> of a vif.</summary>
public enum VifType
{
    /// <summary>Paravirtualised only.</summary>
    Vif,

    /// <summary>Emulated by the device model, with a paravirtualised twin; libxl's default on HVM.</summary>
    Ioemu,
}

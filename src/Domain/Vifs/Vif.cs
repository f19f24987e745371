using System.Collections.Immutable;
using Xlnet.Domain.Common;
using Xlnet.Domain.Macs;

namespace Xlnet.Domain.Vifs;

/// <summary>One entry of a guest's vif list.</summary>
public sealed class Vif
{
    public long Id { get; private set; }

    /// <summary>The host's, repeated here so that an index can keep a vifname unique on it.</summary>
    public long HostId { get; init; }

    /// <summary>Follows from the guest's list of vifs.</summary>
    public long GuestId { get; private set; }

    /// <summary>The device's number in the guest, from 0; the second half of vif&lt;domid&gt;.&lt;devid&gt;.</summary>
    public int Devid { get; init; }

    /// <summary>Its place in the list, from 0.</summary>
    public int Position { get; internal set; }

    /// <summary>The address that it holds in the database.</summary>
    public required MacAddress Mac { get; init; }

    /// <summary>Whether the address stands in the guest's file; when not, xl draws another one at each create.</summary>
    public bool MacWritten { get; set; }

    public string? Bridge { get; private set; }

    public VifType? Type { get; private set; }

    public string? Model { get; private set; }

    public string? VifName { get; private set; }

    public string? Script { get; private set; }

    public string? Ip { get; private set; }

    public string? Backend { get; private set; }

    public string? GatewayDev { get; private set; }

    public long? RateBitsPerSecond { get; private set; }

    public long? RateIntervalMicroseconds { get; private set; }

    public int? Mtu { get; private set; }

    public string? Vlan { get; private set; }

    public bool? Trusted { get; private set; }

    /// <summary>Whether the VLANs in <see cref="Bridge"/> were asked for by fields of their own, and are shown so.</summary>
    public bool VlanInBridge { get; set; }

    /// <summary>Whether nobody asked for <see cref="Script"/>: it stands there as the bridge is of a kind that the host's default does not fit.</summary>
    public bool ScriptFollows { get; set; }

    public ImmutableSortedDictionary<string, string> Other { get; private set; } = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>The subnet that an address of <see cref="Ip"/> was asked of; null where none was.</summary>
    public ResourceName? Subnet { get; set; }

    /// <summary>Stands in no guest file.</summary>
    public VifLocking Locking { get; set; }

    public uint Version { get; private set; }

    public Rate? Rate => RateBitsPerSecond is { } bits ? new Rate(bits, RateIntervalMicroseconds!.Value) : null;

    /// <summary>The settings as they stand in the guest's file.</summary>
    public VifSettings WrittenSettings => new()
    {
        Mac = MacWritten ? Mac : null,
        Bridge = Bridge,
        Type = Type,
        Model = Model,
        VifName = VifName,
        Script = Script,
        Ip = Ip,
        Backend = Backend,
        GatewayDev = GatewayDev,
        Rate = Rate,
        Mtu = Mtu,
        Vlan = Vlan,
        Trusted = Trusted,
        Other = Other,
    };

    /// <summary>Takes all settings over but the address, which only an allocation gives.</summary>
    public void Set(VifSettings settings)
    {
        VlanInBridge &= settings.Bridge == Bridge;
        ScriptFollows &= settings.Script == Script;
        Bridge = settings.Bridge;
        Type = settings.Type;
        Model = settings.Model;
        VifName = settings.VifName;
        Script = settings.Script;
        Ip = settings.Ip;
        Backend = settings.Backend;
        GatewayDev = settings.GatewayDev;
        RateBitsPerSecond = settings.Rate?.BitsPerSecond;
        RateIntervalMicroseconds = settings.Rate?.IntervalMicroseconds;
        Mtu = settings.Mtu;
        Vlan = settings.Vlan;
        Trusted = settings.Trusted;
        Other = settings.Other;
    }
}

using Xlnet.Domain.Bridges;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;

namespace Xlnet.Domain.Planning;

/// <summary>What the database asks for on one host, at one revision.</summary>
public sealed record DesiredState
{
    public required long Revision { get; init; }

    /// <summary>The whole of xl.conf, or null to keep the host's.</summary>
    public byte[]? XlConf { get; init; }

    /// <summary>vif.default.* to put into the host's own xl.conf, or null to keep them.</summary>
    public VifDefaults? Defaults { get; init; }

    public IReadOnlyList<DesiredBridge> Bridges { get; init; } = [];

    public IReadOnlyList<DesiredGuest> Guests { get; init; } = [];

    /// <summary>Guest files that xlnet has written to the host, by path.</summary>
    public IReadOnlySet<string> WrittenFiles { get; init; } = new HashSet<string>();

    /// <summary>Bridges that xlnet has made on the host.</summary>
    public IReadOnlySet<string> MadeBridges { get; init; } = new HashSet<string>();

    /// <summary>The paths that an observation must read for a plan.</summary>
    public IReadOnlyCollection<string> Paths =>
        [Host.XlConfPath, .. Guests.Select(g => g.Path).Union(WrittenFiles)];

    /// <summary>The xl.conf that the host is to have, given the one that it has.</summary>
    public byte[]? ResolveXlConf(byte[]? observed)
    {
        if (XlConf is not null)
            return XlConf;
        if (Defaults is null)
            return observed;
        var conf = Xl.XlConf.Parse(XlText.FromBytes(observed ?? []));
        return XlText.ToBytes(conf.WithDefaults(Defaults).ToString());
    }
}

/// <param name="Ports">Its uplinks; null leaves those that it has.</param>
public sealed record DesiredBridge(string Name, BridgeKind Kind, int? Mtu, IReadOnlyList<string>? Ports = null);

/// <param name="Vifs">As they stand in the file.</param>
public sealed record DesiredGuest(string Name, GuestType Type, string Path, byte[] Config, IReadOnlyList<DesiredVif> Vifs)
{
    /// <summary>The guest as a host's xl reads its file: a key that came with a later Xen makes no difference there.</summary>
    internal DesiredGuest KnownTo(XenVersion version) =>
        version >= VifKeys.VlanSince ? this : this with { Vifs = [.. Vifs.Select(v => v with { Settings = v.Settings with { Vlan = null } })] };
}

/// <param name="Settings">As written; the address null when xl is to draw one.</param>
public sealed record DesiredVif(int Devid, VifSettings Settings);

using Xlnet.Domain.Bridges;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Networking;
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

    /// <summary>Dom0's own network, or null to leave it to the host.</summary>
    public DesiredNetworking? Networking { get; init; }

    /// <summary>Guest files that xlnet has written to the host, by path.</summary>
    public IReadOnlySet<string> WrittenFiles { get; init; } = new HashSet<string>();

    /// <summary>Bridges that xlnet has made on the host.</summary>
    public IReadOnlySet<string> MadeBridges { get; init; } = new HashSet<string>();

    /// <summary>The bridges that are not those of Dom0's own network.</summary>
    internal IEnumerable<DesiredBridge> OwnBridges => Bridges.Where(b => Networking?.Bridges.Contains(b.Name) != true);

    /// <summary>The paths that an observation must read for a plan.</summary>
    public IReadOnlyCollection<string> Paths =>
        [Host.XlConfPath, .. LockingFiles.Owned, .. Guests.Select(g => g.Path).Union(WrittenFiles), .. Networking?.Paths ?? []];

    /// <summary>The vifs that the host holds to their addresses.</summary>
    internal IReadOnlyList<LockedVif> LockedVifs =>
    [
        .. Guests.SelectMany(g => g.Vifs, (g, v) => (Guest: g, Vif: v))
            .Where(v => v.Vif is { Locking: VifLocking.Locked, Settings: { VifName: not null, Mac: not null } })
            .Select(v => new LockedVif(
                v.Vif.Settings.VifName!, EffectiveVif.Resolve(v.Vif.Settings, v.Guest.Type, VifDefaults.None).IsEmulated,
                v.Vif.Settings.Mac!, VifLockingRules.Addresses(v.Vif.Settings.Ip),
                EffectiveVif.Bare(v.Vif.Settings.Script) == LockingFlows.ScriptName)),
    ];

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

/// <summary>What a host's own network is to be, and how far xlnet has it in hand.</summary>
/// <param name="Wanted">Null when the host is to have back what it had before xlnet.</param>
/// <param name="Applied">What was last put into force; null while the host has its own.</param>
/// <param name="Originals">The files of the host's own network as they were before xlnet, null where there was none.</param>
/// <param name="IsTaken">Whether xlnet has begun to change them. Until then their contents are the host's to say, and only the paths count.</param>
/// <param name="Leases">For the host's dnsmasq to give.</param>
public sealed record DesiredNetworking(
    HostNetworking? Wanted, HostNetworking? Applied, IReadOnlyDictionary<string, byte[]?> Originals, bool IsTaken, IReadOnlyList<StaticLease> Leases)
{
    /// <summary>The paths that an observation must read for a plan.</summary>
    public IReadOnlyCollection<string> Paths => [.. NetworkFiles.Owned.Union(Originals.Keys)];

    /// <summary>The bridges that it makes or takes away itself.</summary>
    public IReadOnlySet<string> Bridges => new[] { Wanted?.Bridge, Applied?.Bridge }.OfType<string>().ToHashSet();

    /// <summary>What the host is to have.</summary>
    public NetworkState To(HostObservation observed) => new(Wanted, NetworkFiles.Render(Wanted, Leases, OriginalsOf(observed)));

    /// <summary>What it has.</summary>
    public NetworkState From(HostObservation observed) => new(Applied, Paths.ToDictionary(p => p, p => observed.Files.GetValueOrDefault(p)));

    /// <summary>The files of the host's own network, before xlnet.</summary>
    public IReadOnlyDictionary<string, byte[]?> OriginalsOf(HostObservation observed) =>
        IsTaken ? Originals : Originals.Keys.ToDictionary(p => p, p => observed.Files.GetValueOrDefault(p));
}

/// <param name="Ports">Its uplinks; null leaves those that it has.</param>
/// <param name="VlanFiltering">Null leaves what it has.</param>
public sealed record DesiredBridge(string Name, BridgeKind Kind, int? Mtu, IReadOnlyList<string>? Ports = null, bool? VlanFiltering = null);

/// <param name="Vifs">As they stand in the file.</param>
public sealed record DesiredGuest(string Name, GuestType Type, string Path, byte[] Config, IReadOnlyList<DesiredVif> Vifs)
{
    /// <summary>The guest as a host's xl reads its file: a key that came with a later Xen makes no difference there.</summary>
    internal DesiredGuest KnownTo(XenVersion version) =>
        version >= VifKeys.VlanSince ? this : this with { Vifs = [.. Vifs.Select(v => v with { Settings = v.Settings with { Vlan = null } })] };
}

/// <param name="Settings">As written; the address null when xl is to draw one.</param>
public sealed record DesiredVif(int Devid, VifSettings Settings, VifLocking Locking = VifLocking.Unlocked);

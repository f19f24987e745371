using System.Globalization;

namespace Xlnet.Domain.Planning;

/// <summary>The part of a host that comes and goes while it works.</summary>
/// <param name="At">When the reading began, by the service's clock.</param>
public sealed record HostSnapshot(
    DateTimeOffset At, IReadOnlyList<ObservedDomain> Domains, IReadOnlyList<ObservedBridge> Bridges, IReadOnlyList<ObservedInterface> Interfaces);

/// <summary>One thing that is different on a host from one look to the next.</summary>
/// <param name="Interface">As it is now; as it was, when it is gone.</param>
/// <param name="Bridge">The bridge that the port joined or left.</param>
/// <param name="Port">The interface that is the port.</param>
/// <param name="Domain">As it is now; as it was, when it is gone.</param>
/// <param name="Vif">As it is now; as it was, when it is gone.</param>
/// <param name="Guest">The guest that the interface, the port or the vif is of; null when it is of none.</param>
/// <param name="Devid">The number of that vif in its guest.</param>
public sealed record HostChange(
    HostChangeKind Kind,
    ObservedInterface? Interface = null,
    string? Bridge = null,
    string? Port = null,
    ObservedDomain? Domain = null,
    ObservedVif? Vif = null,
    string? Guest = null,
    int? Devid = null);

public enum HostChangeKind
{
    InterfaceAdded,
    InterfaceRemoved,
    InterfaceChanged,
    PortAdded,
    PortRemoved,
    DomainAdded,
    DomainRemoved,
    DomainChanged,
    VifAdded,
    VifRemoved,
    VifChanged,
}

/// <summary>What has changed on a host between two looks.</summary>
public static class HostChanges
{
    /// <summary>
    /// In an order in which it can have happened: a domain comes before its interfaces, an interface before it joins a bridge, and
    /// all go the other way round. Interfaces are known by their index, so a renamed one has changed; domains by their domid.
    /// </summary>
    public static IReadOnlyList<HostChange> Between(HostSnapshot before, HostSnapshot after)
    {
        var (had, has) = (new Names(before), new Names(after));
        var changes = new List<HostChange>();

        var domains = Pair(before.Domains, after.Domains, d => d.Domid);
        changes.AddRange(domains.Added.Select(d => new HostChange(HostChangeKind.DomainAdded, Domain: d, Guest: d.Name)));
        changes.AddRange(domains.Both.Where(d => Differs(d.Before, d.After))
            .Select(d => new HostChange(HostChangeKind.DomainChanged, Domain: d.After, Guest: d.After.Name)));

        var vifs = Pair(Vifs(before), Vifs(after), v => (v.Domain.Domid, v.Vif.Devid));
        changes.AddRange(vifs.Removed.Select(v => OfVif(HostChangeKind.VifRemoved, v)));

        var ports = Pair(Ports(before), Ports(after), p => p);
        changes.AddRange(ports.Removed.Select(p => had.Of(p.Port, new HostChange(HostChangeKind.PortRemoved, Bridge: p.Bridge, Port: p.Port))));

        var interfaces = Pair(before.Interfaces, after.Interfaces, i => i.Index);
        changes.AddRange(interfaces.Removed.Select(i => had.Of(i.Name, new HostChange(HostChangeKind.InterfaceRemoved, i))));
        changes.AddRange(interfaces.Added.Select(i => has.Of(i.Name, new HostChange(HostChangeKind.InterfaceAdded, i))));
        changes.AddRange(interfaces.Both.Where(i => Differs(i.Before, i.After))
            .Select(i => has.Of(i.After.Name, new HostChange(HostChangeKind.InterfaceChanged, i.After))));

        changes.AddRange(ports.Added.Select(p => has.Of(p.Port, new HostChange(HostChangeKind.PortAdded, Bridge: p.Bridge, Port: p.Port))));
        changes.AddRange(vifs.Added.Select(v => OfVif(HostChangeKind.VifAdded, v)));
        changes.AddRange(vifs.Both.Where(v => Differs(v.Before.Vif, v.After.Vif)).Select(v => OfVif(HostChangeKind.VifChanged, v.After)));
        changes.AddRange(domains.Removed.Select(d => new HostChange(HostChangeKind.DomainRemoved, Domain: d, Guest: d.Name)));
        return changes;
    }

    /// <summary>A domain is blocked whenever it has nothing to do: to run and to be blocked are the same here.</summary>
    private static bool Differs(ObservedDomain before, ObservedDomain after) =>
        before.Name != after.Name || Lasting(before.State) != Lasting(after.State);

    private static DomainState Lasting(DomainState state) => state == DomainState.Blocked ? DomainState.Running : state;

    /// <summary>Its bridge is told as a port of that.</summary>
    private static bool Differs(ObservedVif before, ObservedVif after) =>
        (before.Mac, before.Dom0Name, before.State) != (after.Mac, after.Dom0Name, after.State);

    private static bool Differs(ObservedInterface before, ObservedInterface after) =>
        (before.Name, before.Kind, before.Mac, before.Mtu, before.Up, before.Carrier) != (after.Name, after.Kind, after.Mac, after.Mtu, after.Up, after.Carrier)
        || !before.Addresses.SequenceEqual(after.Addresses);

    private static IEnumerable<(ObservedDomain Domain, ObservedVif Vif)> Vifs(HostSnapshot snapshot) =>
        snapshot.Domains.SelectMany(d => d.Vifs.Select(v => (d, v)));

    private static IEnumerable<(string Bridge, string Port)> Ports(HostSnapshot snapshot) =>
        snapshot.Bridges.SelectMany(b => b.Ports.Select(p => (b.Name, p)));

    private static HostChange OfVif(HostChangeKind kind, (ObservedDomain Domain, ObservedVif Vif) vif) =>
        new(kind, Vif: vif.Vif, Guest: vif.Domain.Name, Devid: vif.Vif.Devid);

    private static (List<T> Added, List<T> Removed, List<(T Before, T After)> Both) Pair<T, TKey>(IEnumerable<T> before, IEnumerable<T> after, Func<T, TKey> key)
        where TKey : notnull
    {
        var old = new Dictionary<TKey, T>();
        foreach (var item in before)
            old[key(item)] = item;
        var (added, both) = (new List<T>(), new List<(T, T)>());
        foreach (var item in after)
        {
            if (old.Remove(key(item), out var was))
                both.Add((was, item));
            else
                added.Add(item);
        }

        return (added, [.. old.Values], both);
    }

    /// <summary>Which vif an interface of Dom0 is the other end of.</summary>
    private sealed class Names
    {
        private readonly Dictionary<string, (string Guest, int Devid)> _vifs = new(StringComparer.Ordinal);
        private readonly Dictionary<int, string> _guests = [];

        public Names(HostSnapshot snapshot)
        {
            foreach (var (domain, vif) in Vifs(snapshot))
                _vifs[vif.Dom0Name] = (domain.Name, vif.Devid);
            foreach (var domain in snapshot.Domains)
                _guests[domain.Domid] = domain.Name;
        }

        public HostChange Of(string name, HostChange change)
        {
            if (_vifs.TryGetValue(name, out var vif))
                return change with { Guest = vif.Guest, Devid = vif.Devid };
            // An interface is there before xl lists its vif, and still under the name that netback gives it.
            return name.StartsWith("vif", StringComparison.Ordinal) && name[3..].Split('.') is [var left, var right]
                && int.TryParse(left, NumberStyles.None, CultureInfo.InvariantCulture, out var domid)
                && int.TryParse(right, NumberStyles.None, CultureInfo.InvariantCulture, out var devid)
                && _guests.TryGetValue(domid, out var guest)
                ? change with { Guest = guest, Devid = devid }
                : change;
        }
    }
}

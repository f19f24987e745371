using System.Globalization;
using Xlnet.Domain.Common;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;

namespace Xlnet.Domain.Planning;

/// <summary>
/// What the database, the files and what runs say differently, field by field. Pure, and in step with <see cref="Planner"/>: a plan
/// for the whole host is empty exactly when there is no entry but foreign ones.
/// </summary>
public sealed record Drift(long Revision, IReadOnlyList<DriftEntry> Entries)
{
    public bool InSync => Entries.Count == 0;

    public static Drift Of(DesiredState desired, HostObservation observed)
    {
        var entries = new List<DriftEntry>();
        var conf = observed.Files.GetValueOrDefault(Host.XlConfPath);
        var wantedConf = desired.ResolveXlConf(conf);
        var defaults = XlConf.DefaultsOf(wantedConf);
        AddXlConf(entries, conf, wantedConf, defaults);
        AddNetworking(entries, desired, observed);
        AddLocking(entries, desired, observed);
        AddBridges(entries, desired, observed);
        var bridges = observed.Bridges.Select(b => b.Name).Union(desired.Bridges.Select(b => b.Name)).ToHashSet();
        foreach (var guest in desired.Guests)
            AddGuest(entries, guest.KnownTo(observed.XenVersion), observed, defaults, bridges);
        AddOthers(entries, desired, observed);
        return new Drift(desired.Revision, entries);
    }

    /// <summary>The defaults that the host's vifs are held to: those of the database, or the host's own where it has none.</summary>
    public static VifDefaults DefaultsInForce(DesiredState desired, HostObservation observed) =>
        XlConf.DefaultsOf(desired.ResolveXlConf(observed.Files.GetValueOrDefault(Host.XlConfPath)));

    private static void AddXlConf(List<DriftEntry> entries, byte[]? conf, byte[]? wanted, VifDefaults defaults)
    {
        if (wanted is null || FileContents.Same(conf, wanted))
            return;
        var kind = conf is null ? DriftKind.Missing : DriftKind.Changed;
        entries.Add(new DriftEntry(DriftTarget.XlConf, DriftEntry.FileField, kind, "present", conf is null ? null : "changed", null,
            conf is null ? "The host has no xl.conf, and the database has one." : "The host's xl.conf is not the one that the database asks for.")
        {
            Path = Host.XlConfPath, OnHost = conf, InDatabase = wanted,
        });
        var have = XlConf.DefaultsOf(conf);
        Add("script", defaults.Script, have.Script);
        Add("bridge", defaults.Bridge, have.Bridge);
        Add("backend", defaults.Backend, have.Backend);
        Add("gatewaydev", defaults.GatewayDev, have.GatewayDev);

        void Add(string key, string? database, string? file)
        {
            if (database != file)
            {
                entries.Add(new DriftEntry(DriftTarget.XlConf, "vif.default." + key, DriftKind.Changed, database, file, null,
                    $"vif.default.{key}: the database says {Show(database)}, and the file {Show(file)}."));
            }
        }
    }

    private static void AddNetworking(List<DriftEntry> entries, DesiredState desired, HostObservation observed)
    {
        if (Planner.NetworkingStep(desired, observed, Guid.Empty) is not { } step)
            return;
        foreach (var path in step.ChangedFiles)
        {
            var (onHost, wanted) = (step.From.Files.GetValueOrDefault(path), step.To.Files.GetValueOrDefault(path));
            entries.Add(new DriftEntry(
                DriftTarget.Networking, DriftEntry.FileField, onHost is null ? DriftKind.Missing : wanted is null ? DriftKind.Leftover : DriftKind.Changed,
                wanted is null ? null : "present", onHost is null ? null : "changed", null,
                onHost is null ? $"The host has no file {path}." : wanted is null ? $"The host still has {path}, which its networking does not want." : $"{path} is not the file that the host's networking asks for.")
            {
                Path = path, OnHost = onHost, InDatabase = wanted,
            });
        }

        if (!step.ChangedFiles.Any())
        {
            var bridge = step.To.Networking!.Bridge!;
            entries.Add(new DriftEntry(
                DriftTarget.Networking, "bridge", observed.FindBridge(bridge) is null ? DriftKind.Missing : DriftKind.Changed, bridge, null,
                observed.FindBridge(bridge) is { } live ? $"{Kebab.Name(live.Kind)} {string.Join(' ', live.Ports)}".TrimEnd() : null,
                $"The bridge {bridge} is not what the host's networking asks for, with {step.To.Networking.Uplink} as its uplink."));
        }
    }

    private static void AddLocking(List<DriftEntry> entries, DesiredState desired, HostObservation observed)
    {
        if (Planner.LockingStep(LockingFiles.Render(desired.LockedVifs), observed) is not { } step)
            return;
        foreach (var path in step.ChangedFiles)
        {
            var (onHost, wanted) = (step.From[path], step.To[path]);
            entries.Add(new DriftEntry(
                DriftTarget.Networking, DriftEntry.FileField, onHost is null ? DriftKind.Missing : wanted is null ? DriftKind.Leftover : DriftKind.Changed,
                wanted is null ? null : "present", onHost is null ? null : "changed", null,
                onHost is null ? $"The host has no file {path}." : wanted is null ? $"The host still has {path}, and no vif is locked." : $"{path} is not the file that the locked vifs ask for.")
            {
                Path = path, OnHost = onHost, InDatabase = wanted,
            });
        }

        if (!step.ChangedFiles.Any())
        {
            entries.Add(new DriftEntry(DriftTarget.Networking, "locking", DriftKind.Missing, "in force", "in force", "not in force",
                "Their rules are not in force: locked vifs can send from any address."));
        }
    }

    private static void AddBridges(List<DriftEntry> entries, DesiredState desired, HostObservation observed)
    {
        foreach (var bridge in desired.OwnBridges)
        {
            var target = DriftTarget.Bridge(bridge.Name);
            if (observed.FindBridge(bridge.Name) is not { } live)
            {
                var taken = observed.Interfaces.Any(i => i.Name == bridge.Name);
                entries.Add(new DriftEntry(target, "bridge", DriftKind.Missing, Kebab.Name(bridge.Kind), null, null, taken
                    ? $"The host has an interface {bridge.Name} that is no bridge."
                    : $"The host has no bridge {bridge.Name}."));
                continue;
            }

            // What the mtu of a bridge of the other kind is does not matter until its kind is settled.
            if (live.Kind != bridge.Kind)
            {
                entries.Add(new DriftEntry(target, "kind", DriftKind.Changed, Kebab.Name(bridge.Kind), null, Kebab.Name(live.Kind),
                    $"{bridge.Name} is a bridge of kind {Kebab.Name(bridge.Kind)} in the database, and {Kebab.Name(live.Kind)} on the host."));
            }
            else
            {
                if (bridge.Mtu is { } mtu && mtu != live.Mtu)
                {
                    entries.Add(new DriftEntry(target, "mtu", DriftKind.Changed, Text(mtu), null, Text(live.Mtu),
                        $"{bridge.Name} has an mtu of {Text(mtu)} in the database, and {Text(live.Mtu)} on the host."));
                }

                if (bridge.VlanFiltering is { } filtering && filtering != live.VlanFiltering)
                {
                    entries.Add(new DriftEntry(target, "vlanFiltering", DriftKind.Changed, OnOff(filtering), null, OnOff(live.VlanFiltering),
                        $"The VLAN filtering of {bridge.Name} is {OnOff(filtering)} in the database, and {OnOff(live.VlanFiltering)} on the host."));
                }

                var uplinks = observed.Uplinks(live);
                if (bridge.Ports is { } ports && (uplinks.Except(ports).Any() || ports.Any(p => observed.FindBridgeOf(p)?.Name != bridge.Name)))
                {
                    entries.Add(new DriftEntry(target, "ports", DriftKind.Changed, string.Join(' ', ports), null, string.Join(' ', uplinks),
                        $"{bridge.Name} has the ports {Show(string.Join(' ', ports))} in the database, and {Show(string.Join(' ', uplinks))} on the host."));
                }
            }
        }

        foreach (var name in desired.MadeBridges.Where(n => desired.Bridges.All(b => b.Name != n)).Order(StringComparer.Ordinal))
        {
            if (observed.FindBridge(name) is { } left)
            {
                entries.Add(new DriftEntry(DriftTarget.Bridge(name), "bridge", DriftKind.Leftover, null, null, Kebab.Name(left.Kind),
                    $"The database has no bridge {name} any more, and the host still has the one that xlnet made."));
            }
        }
    }

    private static void AddGuest(
        List<DriftEntry> entries, DesiredGuest guest, HostObservation observed, VifDefaults defaults, HashSet<string> bridges)
    {
        var content = observed.Files.GetValueOrDefault(guest.Path);
        var same = content is not null && content.AsSpan().SequenceEqual(guest.Config);
        var domain = observed.FindDomain(guest.Name);
        if (!same)
        {
            entries.Add(new DriftEntry(DriftTarget.Guest(guest.Name), DriftEntry.FileField, content is null ? DriftKind.Missing : DriftKind.Changed,
                "present", content is null ? null : "changed", domain is null ? null : "running", content is null
                    ? $"The host has no file {guest.Path}."
                    : $"{guest.Path} is not the file that the database has.")
            {
                Path = guest.Path, OnHost = content, InDatabase = guest.Config,
            });
        }

        var file = content is null || same ? null : GuestFile.Parse(XlText.FromBytes(content));
        var inFile = same
            ? guest.Vifs.ToDictionary(v => v.Devid, v => v.Settings)
            : (file?.Vifs ?? []).GroupBy(v => v.Devid).ToDictionary(g => g.Key, g => g.Last().Settings);
        var inDatabase = guest.Vifs.ToDictionary(v => v.Devid, v => v.Settings);
        var devids = inDatabase.Keys.Concat(content is null ? [] : inFile.Keys).Concat(domain?.Vifs.Select(v => v.Devid) ?? []);
        foreach (var devid in devids.Distinct().Order())
        {
            var vif = new VifSides(guest, devid, inDatabase.GetValueOrDefault(devid), content is null ? null : inFile.GetValueOrDefault(devid),
                domain?.FindVif(devid), HasFile: content is not null, Runs: domain is not null);
            vif.Add(entries, defaults, bridges);
        }
    }

    /// <summary>What is on the host and not in the database.</summary>
    private static void AddOthers(List<DriftEntry> entries, DesiredState desired, HostObservation observed)
    {
        var wanted = desired.Guests.Select(g => g.Path).ToHashSet();
        var names = desired.Guests.Select(g => g.Name).ToHashSet();
        var present = observed.Files.Where(f => f.Value is not null && f.Key != Host.XlConfPath && !wanted.Contains(f.Key));
        foreach (var (path, content) in present.OrderBy(f => f.Key, StringComparer.Ordinal))
        {
            var leftover = desired.WrittenFiles.Contains(path);
            if (!leftover && !Host.IsGuestFilePath(path))
                continue;
            var name = GuestPaths.NameOf(path, content!);
            entries.Add(new DriftEntry(DriftTarget.Guest(XlText.Decode(name)), DriftEntry.FileField, leftover ? DriftKind.Leftover : DriftKind.Foreign,
                null, "present", observed.FindDomain(name) is null ? null : "running", leftover
                    ? $"The database has taken the guest of {path} away, and the host still has the file."
                    : $"{path} is a guest file that the database does not know.")
            {
                Path = path, OnHost = content,
            });
            names.Add(name);
        }

        foreach (var domain in observed.Domains.Where(d => !names.Contains(d.Name)))
        {
            entries.Add(new DriftEntry(DriftTarget.Guest(domain.Name), "domain", DriftKind.Foreign, null, null, "running",
                $"The guest {domain.Name} (domid {Text(domain.Domid)}) runs, and neither the database nor a file of {Host.ConfigFolder} knows it."));
        }
    }

    /// <summary>One vif in the database, in its guest's file, and running; null where it is not.</summary>
    private sealed record VifSides(
        DesiredGuest Guest, int Devid, VifSettings? Database, VifSettings? File, ObservedVif? Live, bool HasFile, bool Runs)
    {
        public void Add(List<DriftEntry> entries, VifDefaults defaults, HashSet<string> bridges)
        {
            var target = DriftTarget.Vif(Guest.Name, Devid);
            var what = string.Create(CultureInfo.InvariantCulture, $"vif {Devid} of {Guest.Name}");
            if (Database is null || HasFile && File is null || Runs && Live is null)
            {
                var kind = Database is null ? DriftKind.Foreign : DriftKind.Missing;
                // A vif that is unknown is the guest's, which is known: a plan takes it away.
                entries.Add(new DriftEntry(target, "vif", kind == DriftKind.Foreign ? DriftKind.Leftover : kind, Spec(Database), Spec(File),
                    Live is null ? null : Spec(Live.Settings with { Mac = Live.Mac }),
                    $"The {what} is {Where(Database is not null)} the database{(HasFile ? $", {Where(File is not null)} the file" : "")}{(Runs ? $", and {(Live is not null ? "plugged" : "not plugged")} in the running guest" : "")}."));
                if (Database is null)
                    return;
            }

            var want = EffectiveVif.Resolve(Database, Guest.Type, defaults);
            var file = File is null ? null : EffectiveVif.Resolve(File, Guest.Type, defaults);
            var live = Live is null ? null : EffectiveVif.Resolve(Live.Settings with { Mac = Live.Mac, Type = Live.Settings.Type ?? VifType.Vif }, Guest.Type, VifDefaults.None);
            var different = Live is null ? [] : EffectiveVif.Differences(Database, defaults, Live, Guest.Type, bridges).ToHashSet();
            foreach (var key in want.Settings.Select(s => s.Key))
            {
                if (different.Contains(key) || file is not null && file[key].Value != want[key].Value)
                    AddField(key, want[key].Value, file?[key].Value, LiveValue(key, want, live));
            }

            if (different.Contains("other") || File is not null && !File.Other.SequenceEqual(Database.Other))
                AddField("other", Other(Database), File is null ? null : Other(File), Live is null ? null : Other(Live.Settings));
            if (different.Contains("link"))
                AddField("link", "up", null, "down");

            void AddField(string key, string? inDatabase, string? inFile, string? running)
            {
                entries.Add(new DriftEntry(target, key, DriftKind.Changed, Decode(inDatabase), Decode(inFile), Decode(running),
                    $"{key} of {what}: the database says {Show(inDatabase)}{(File is null || key == "link" ? "" : $", the file {Show(inFile)}")}{(Live is null ? "" : $", and it runs with {Show(running)}")}."));
            }
        }

        /// <summary>Where the record of a running vif is as it should be, Dom0's interface is what differs.</summary>
        private string? LiveValue(string key, EffectiveVif want, EffectiveVif? live) => live is null ? null
            : key == "bridge" && live[key].Value == want[key].Value && want.IsBridged && want.IsOfDom0 && Live!.Bridge != want.BridgeName ? Live.Bridge ?? "no bridge"
            : key == "vifname" && live[key].Value == want[key].Value && want[key].Value is not null ? Live!.Dom0Name
            : live[key].Value;

        private string? Spec(VifSettings? settings) => settings is null ? null : XlText.Decode(VifSpec.Render(settings, Devid));

        private static string Where(bool there) => there ? "in" : "not in";

        private static string? Decode(string? value) => value is null ? null : XlText.Decode(value);

        private static string Other(VifSettings settings) => string.Join(',', settings.Other.Select(o => $"{o.Key}={o.Value}"));
    }

    private static string Show(string? value) => value switch
    {
        null or "" => "nothing",
        _ => XlText.Decode(value),
    };

    private static string OnOff(bool? value) => value is true ? "on" : "off";

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}

/// <summary>One difference. What is null is not set, or there is no such side.</summary>
/// <param name="Target">As <see cref="DriftTarget"/> spells it.</param>
/// <param name="Field">A vif's or a bridge's setting, <c>vif.default.*</c>, <c>file</c>, or the thing itself: <c>vif</c>, <c>bridge</c>, <c>domain</c>.</param>
/// <param name="Database">What is wanted.</param>
/// <param name="File">What the host's file says.</param>
/// <param name="Live">What runs.</param>
/// <param name="Message">The difference in one sentence.</param>
public sealed record DriftEntry(string Target, string Field, DriftKind Kind, string? Database, string? File, string? Live, string Message)
{
    public const string FileField = "file";

    /// <summary>Of a file.</summary>
    public string? Path { get; init; }

    /// <summary>The file as it is on the host; null where there is none.</summary>
    public byte[]? OnHost { get; init; }

    /// <summary>The file that the database asks for; null where it asks for none.</summary>
    public byte[]? InDatabase { get; init; }
}

public enum DriftKind
{
    /// <summary>Both have it, and it differs.</summary>
    Changed,

    /// <summary>The database asks for it, and a file or the host lacks it.</summary>
    Missing,

    /// <summary>It is on the host, and not wanted there: an apply takes it away.</summary>
    Leftover,

    /// <summary>It is on the host, and xlnet has nothing to do with it: an apply leaves it alone.</summary>
    Foreign,
}

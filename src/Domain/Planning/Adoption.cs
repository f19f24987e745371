using System.Globalization;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Common;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;

namespace Xlnet.Domain.Planning;

/// <summary>
/// What of a host is to be taken into the desired state, such that applying it straight afterwards changes nothing: what would not
/// stay as it is, is skipped and named. Pure.
/// </summary>
/// <param name="XlConf">The whole xl.conf; null when it stays as the database has it.</param>
/// <param name="Unchanged">What the database had already, just so, as <see cref="DriftTarget"/> spells it.</param>
public sealed record Adoption(
    AdoptedXlConf? XlConf, IReadOnlyList<DesiredBridge> Bridges, IReadOnlyList<AdoptedGuest> Guests,
    IReadOnlyList<string> Unchanged, IReadOnlyList<SkippedAdoption> Skipped)
{
    /// <summary>The most vifs that a guest may have, so that one request stays one short transaction.</summary>
    public const int MaxVifs = 1000;

    /// <summary>The desired state with it.</summary>
    public DesiredState Into(DesiredState desired) => desired with
    {
        XlConf = XlConf?.Content ?? desired.XlConf,
        Defaults = XlConf?.Defaults ?? desired.Defaults,
        Bridges = [.. desired.Bridges.Where(b => Bridges.All(n => n.Name != b.Name)), .. Bridges],
        Guests =
        [
            .. desired.Guests.Where(g => Guests.All(n => n.Name.Value != g.Name)),
            .. Guests.Select(g => new DesiredGuest(g.Name.Value, g.File.Type, g.Path, XlText.ToBytes(g.File.ToString()),
                [.. g.File.Vifs.Select(v => new DesiredVif(v.Devid, v.Settings))])),
        ],
    };

    public static Adoption Of(DesiredState desired, HostObservation observed, AdoptionRequest request) =>
        new AdoptionDraft(desired, observed, request).ToAdoption();
}

/// <summary>What a caller asks of an adoption.</summary>
public sealed record AdoptionRequest
{
    /// <summary>Whether a finding of severity error is taken as it is.</summary>
    public required Func<string, bool> Accepts { get; init; }

    /// <summary>Takes the host's where the database has another; else that is skipped.</summary>
    public bool Overwrite { get; init; }

    /// <summary>Only these, as <see cref="DriftTarget"/> spells them; null for all that is there.</summary>
    public IReadOnlySet<string>? Targets { get; init; }

    /// <summary>
    /// Whether what would not stay as it is, is skipped. A caller who accepts a drift has seen it, and takes a file although its guest
    /// runs otherwise.
    /// </summary>
    public bool InForceOnly { get; init; } = true;

    /// <summary>Why a vif of a guest cannot have an address; null when it can.</summary>
    public required Func<MacAddress, string, int, string?> WhyTaken { get; init; }

    /// <summary>Why a vif of a guest cannot have the addresses of its <c>ip=</c>; null when it can.</summary>
    public Func<VifSettings, string, int, string?> WhyIpTaken { get; init; } = (_, _, _) => null;
}

public sealed record AdoptedXlConf(byte[] Content, VifDefaults Defaults, IReadOnlyList<Finding> Findings);

/// <param name="Held">The addresses of running vifs whose file names none: held, so that pinning them changes nothing.</param>
public sealed record AdoptedGuest(
    GuestName Name, string Path, GuestFile File, bool Running, IReadOnlyDictionary<int, MacAddress> Held, IReadOnlyList<Finding> Findings);

/// <param name="Path">The file, where it is about one.</param>
/// <param name="Code">Stable, such as <c>guest.file-missing</c>.</param>
/// <param name="Message">Why, and what would help.</param>
public sealed record SkippedAdoption(string Target, string? Path, string Code, string Message, IReadOnlyList<Finding> Findings);

/// <summary>One run of an adoption.</summary>
internal sealed class AdoptionDraft(DesiredState desired, HostObservation observed, AdoptionRequest request)
{
    private readonly List<string> _unchanged = [];
    private readonly List<SkippedAdoption> _skipped = [];
    private readonly List<DesiredBridge> _bridges = [];
    private readonly List<AdoptedGuest> _guests = [];
    private readonly Dictionary<MacAddress, string> _macs = [];
    private readonly Dictionary<string, string> _vifNames = new(StringComparer.Ordinal);
    private readonly VifSurroundings _surroundings = new(
        observed.XenVersion, Drift.DefaultsInForce(desired with { XlConf = null, Defaults = null }, observed),
        observed.Bridges.ToDictionary(b => b.Name, b => b.Kind), new Dictionary<string, string>());

    private AdoptedXlConf? _conf;

    public Adoption ToAdoption()
    {
        TakeXlConf();
        foreach (var bridge in observed.Bridges.OrderBy(b => b.Name, StringComparer.Ordinal))
            TakeBridge(bridge);
        TakeGuests();
        if (request.InForceOnly)
            SkipWhatWouldChange();
        foreach (var domain in observed.Domains.Where(d => IsAsked(DriftTarget.Guest(d.Name)) && desired.Guests.All(g => g.Name != d.Name)
            && _guests.All(g => g.Name.Value != d.Name) && _skipped.All(s => s.Target != DriftTarget.Guest(d.Name))))
        {
            Skip(DriftTarget.Guest(domain.Name), null, "guest.file-missing", string.Create(CultureInfo.InvariantCulture,
                $"The guest {domain.Name} (domid {domain.Domid}) runs, and no file of {Host.ConfigFolder} is its: put its file to {Host.GuestConfigPath(domain.Name)} and adopt again."));
        }

        return new Adoption(_conf, _bridges, [.. _guests.OrderBy(g => g.Name)], _unchanged, [.. _skipped.OrderBy(s => s.Target, StringComparer.Ordinal)]);
    }

    private bool IsAsked(string target) => request.Targets?.Contains(target) ?? true;

    private void Skip(string target, string? path, string code, string message, IReadOnlyList<Finding>? findings = null) =>
        _skipped.Add(new SkippedAdoption(target, path, code, message, findings ?? []));

    private void TakeXlConf()
    {
        if (!IsAsked(DriftTarget.XlConf) || observed.Files.GetValueOrDefault(Host.XlConfPath) is not { } content)
            return;
        var conf = XlConf.Parse(XlText.FromBytes(content));
        IReadOnlyList<Finding> findings = [.. conf.Findings, .. VifRules.CheckDefaults(conf.Defaults)];
        if (desired.XlConf is { } present && present.AsSpan().SequenceEqual(content))
            _unchanged.Add(DriftTarget.XlConf);
        else if (!request.Overwrite && (desired.XlConf is not null || desired.Defaults is not null && desired.Defaults != conf.Defaults))
            Skip(DriftTarget.XlConf, Host.XlConfPath, "adopt.differs", "The database has another xl.conf: adopt with ?overwrite=true to take the host's, or apply to put the database's there.");
        else if (!conf.Accepted)
            Skip(DriftTarget.XlConf, Host.XlConfPath, "xl.refuses", $"xl itself refuses this xl.conf: {XlText.Decode(conf.Reading.Message)}", findings);
        else if (Open(findings) is { } open)
            Skip(DriftTarget.XlConf, Host.XlConfPath, "findings", open, findings);
        else
            _conf = new AdoptedXlConf(content, conf.Defaults, findings);
    }

    private void TakeBridge(ObservedBridge live)
    {
        var target = DriftTarget.Bridge(live.Name);
        if (!IsAsked(target))
            return;
        var present = desired.Bridges.FirstOrDefault(b => b.Name == live.Name);
        // The uplinks of a bridge are left alone until someone says what they shall be.
        var ports = present?.Ports is null ? null : observed.Uplinks(live);
        if (present is not null && present.Kind == live.Kind && (present.Mtu is null || present.Mtu == live.Mtu)
            && (present.VlanFiltering is null || present.VlanFiltering == live.VlanFiltering)
            && (ports is null || ports.ToHashSet().SetEquals(present.Ports!)))
            _unchanged.Add(target);
        else if (present is not null && !request.Overwrite)
            Skip(target, null, "adopt.differs", $"The database has {live.Name} with another kind, mtu, VLAN filtering or ports: adopt with ?overwrite=true to take the host's, or apply to put the database's there.");
        else if (!InterfaceName.TryParse(live.Name, null, out var name))
            Skip(target, null, "bridge.name", $"'{live.Name}' cannot name a bridge here: {InterfaceName.Rule}.");
        else if (Bridge.CheckName(name, live.Kind) is { } wrong)
            Skip(target, null, "bridge.name.openvswitch", wrong);
        else
            _bridges.Add(new DesiredBridge(live.Name, live.Kind, live.Mtu, ports, live.VlanFiltering));
    }

    /// <summary>A guest that runs comes before one that does not, and a file that is named after its guest before another: of two that clash the first is taken.</summary>
    private void TakeGuests()
    {
        var files = observed.GuestFilePaths
            .Select(path => (Path: path, File: GuestFile.Parse(XlText.FromBytes(observed.Files[path]!))))
            .Select(f => (f.Path, f.File, Name: GuestPaths.NameOf(f.Path, observed.Files[f.Path]!)))
            .OrderBy(f => observed.FindDomain(f.Name) is null)
            .ThenBy(f => f.Path != Host.GuestConfigPath(f.Name))
            .ThenBy(f => f.Path, StringComparer.Ordinal);
        foreach (var (path, file, name) in files)
        {
            if (IsAsked(DriftTarget.Guest(XlText.Decode(name))))
                TakeGuest(path, file, XlText.Decode(name));
        }
    }

    private void TakeGuest(string path, GuestFile file, string text)
    {
        var target = DriftTarget.Guest(text);
        var content = observed.Files[path]!;
        var ofHost = HostRules.CheckFile(file, _surroundings);
        // What the host makes an error of, a file that is for any host is warned of.
        IReadOnlyList<Finding> findings = [.. file.Findings.Where(f => ofHost.All(h => h.Code != f.Code)), .. ofHost];
        var present = desired.Guests.FirstOrDefault(g => g.Name == text);
        if (present is not null && present.Path == path && present.Config.AsSpan().SequenceEqual(content))
        {
            _unchanged.Add(target);
            return;
        }

        if (!file.Reading.Accepted)
            Skip(target, path, "xl.refuses", $"xl itself refuses this guest file: {XlText.Decode(file.Reading.Message)}", findings);
        else if (!GuestName.TryParse(file.Name, null, out var name))
            Skip(target, path, "guest.name", $"'{text}' cannot name a guest here: {GuestName.Rule}.", findings);
        else if (_guests.FirstOrDefault(g => g.Name == name) is { } twin)
            Skip(target, path, "guest.name-in-use", $"{twin.Path} is of a guest '{text}' too, and xl runs one of that name at a time: keep one of the two files.", findings);
        else if (present is not null && present.Path != path && observed.Files.GetValueOrDefault(present.Path) is not null)
            Skip(target, path, "guest.name-in-use", $"The guest '{text}' has its file at {present.Path}: keep one of the two files.", findings);
        else if (present is not null && !request.Overwrite)
            Skip(target, path, "adopt.differs", $"The database has another file of '{text}': adopt with ?overwrite=true to take the host's, or apply to put the database's there.", findings);
        else if (desired.Guests.FirstOrDefault(g => g.Path == path && g.Name != text) is { } other)
            Skip(target, path, "guest.file-in-use", $"The database keeps the guest '{other.Name}' at {path}.", findings);
        else if (Open(findings) is { } open)
            Skip(target, path, "findings", open, findings);
        else if (WhyNot(name.Value, file) is { } clash)
            Skip(target, path, clash.Code, clash.Message, findings);
        else
            Take(name, path, file, findings);
    }

    private (string Code, string Message)? WhyNot(string name, GuestFile file)
    {
        var vifs = file.Vifs;
        if (vifs.Count > Adoption.MaxVifs)
            return ("guest.vifs.too-many", $"It has {vifs.Count} vifs: a guest has at most {Adoption.MaxVifs}.");
        if (vifs.GroupBy(v => v.Devid).FirstOrDefault(g => g.Count() > 1) is { } twice)
            return ("vif.devid.duplicate", $"The devid {twice.Key} stands at two vifs: xl takes it, and then only one of them exists. Give each its own.");
        if (vifs.Where(v => v.Settings.Mac is not null).GroupBy(v => v.Settings.Mac).FirstOrDefault(g => g.Count() > 1) is { } same)
            return ("mac.duplicate", $"{same.Key} stands at two vifs of this guest. Give each its own.");
        if (vifs.Where(v => v.Settings.VifName is not null).GroupBy(v => v.Settings.VifName).FirstOrDefault(g => g.Count() > 1) is { } names)
            return ("vifname.duplicate", $"'{names.Key}' names two vifs of this guest: an interface's name stands once on a host.");
        // What the database keeps would read as something else than what the file says.
        if (file.WithVifs([.. vifs.Select(v => new VifTarget(v.Devid, v.Settings))]).ToString() != file.ToString())
            return ("guest.not-kept", "xlnet would have to change this file to keep its vifs: mend what the findings name, and adopt again.");

        foreach (var vif in vifs)
        {
            if (vif.Settings.Mac is { } mac)
            {
                if (request.WhyTaken(mac, name, vif.Devid) is { } taken)
                    return ("mac.in-use", taken);
                if ((_macs.GetValueOrDefault(mac) ?? desired.Guests.FirstOrDefault(g => g.Name != name && g.Vifs.Any(v => v.Settings.Mac == mac))?.Name) is { } holder)
                    return ("mac.in-use", $"{mac} is the address of {holder} on this host already: two guests with one address cut each other off. Give one of them another.");
            }

            if (request.WhyIpTaken(vif.Settings, name, vif.Devid) is { } address)
                return ("ip.in-use", address);
            if (vif.Settings.VifName is { } vifName && (_vifNames.GetValueOrDefault(vifName) ?? HolderOf(vifName, name)) is { } user)
                return ("vifname.in-use", $"'{vifName}' names a vif of {user} already: an interface's name stands once on a host.");
        }

        return null;
    }

    private string? HolderOf(string vifName, string guest) =>
        desired.Guests.FirstOrDefault(g => g.Name != guest && g.Vifs.Any(v => v.Settings.VifName == vifName))?.Name;

    private void Take(GuestName name, string path, GuestFile file, IReadOnlyList<Finding> findings)
    {
        var domain = observed.FindDomain(name.Value);
        foreach (var vif in file.Vifs)
        {
            if (vif.Settings.Mac is { } mac)
                _macs[mac] = name.Value;
            if (vif.Settings.VifName is { } vifName)
                _vifNames[vifName] = name.Value;
        }

        var held = new Dictionary<int, MacAddress>();
        foreach (var vif in file.Vifs.Where(v => v.Settings.Mac is null))
        {
            if (domain?.FindVif(vif.Devid)?.Mac is { } live && request.WhyTaken(live, name.Value, vif.Devid) is null && _macs.TryAdd(live, name.Value))
                held[vif.Devid] = live;
        }

        _guests.Add(new AdoptedGuest(name, path, file, domain is not null, held, findings));
    }

    /// <summary>
    /// Plans an apply of what the database would have, and leaves out what it would touch, until it touches nothing of what is taken.
    /// What was wanted before, and differs, is no concern of an adoption.
    /// </summary>
    private void SkipWhatWouldChange()
    {
        while (true)
        {
            var after = new Adoption(_conf, _bridges, _guests, [], []).Into(desired);
            var plan = Planner.Plan(after, observed, new PlanRequest { Allow = Enum.GetValues<Impact>() });
            var touched = plan.Steps.Concat(plan.Pending.Select(p => p.Step)).ToLookup(s => s.Target.Split("/vifs/")[0].Split("/ports/")[0]);
            var bridge = _bridges.Find(b => touched.Contains($"bridges/{b.Name}"));
            var guest = _guests.Find(g => touched.Contains(g.Name.Value) || touched.Contains(g.Path));
            if (_conf is not null && touched.Contains(Host.XlConfPath))
            {
                Skip(DriftTarget.XlConf, Host.XlConfPath, "adopt.not-in-force", "An apply would change this xl.conf.", _conf.Findings);
                _conf = null;
            }
            else if (bridge is not null)
            {
                Skip(DriftTarget.Bridge(bridge.Name), null, "adopt.not-in-force", $"An apply would change the bridge {bridge.Name}.");
                _bridges.Remove(bridge);
            }
            else if (guest is not null)
            {
                var target = DriftTarget.Guest(guest.Name.Value);
                var why = Drift.Of(after, observed).Entries.Where(e => e.Target == target || e.Target.StartsWith(target + "/", StringComparison.Ordinal)).Select(e => e.Message);
                Skip(target, guest.Path, "guest.differs-live",
                    $"The guest '{guest.Name}' does not run as its file says, so an apply would change it. {string.Join(' ', why.Take(5))} "
                    + $"Mend the file or recreate the guest and adopt again, or take the file over with PUT …/guests/{guest.Name}/config and look at the plan.", guest.Findings);
                _guests.Remove(guest);
            }
            else
            {
                return;
            }
        }
    }

    private string? Open(IReadOnlyList<Finding> findings)
    {
        var open = findings.Where(f => f.Severity == FindingSeverity.Error && !request.Accepts(f.Code)).ToList();
        return open.Count == 0 ? null : string.Create(CultureInfo.InvariantCulture, $"{open[0].Message} (line {open[0].Line}, column {open[0].Column})")
            + (open.Count > 1 ? $" And {open.Count - 1} more, in 'findings'." : "")
            + " Mend it, or take it as it is with ?acceptFindings=" + string.Join(',', open.Select(f => f.Code).Distinct()) + ".";
    }
}

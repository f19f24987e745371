using System.Globalization;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Common;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;

namespace Xlnet.Domain.Planning;

/// <summary>What only the host decides of a vif that is right in itself.</summary>
public static class HostRules
{
    /// <summary>Whether a vif fits what its host has: its script its bridge, and its name no other guest's.</summary>
    public static IReadOnlyList<Finding> Check(VifSettings settings, VifSurroundings host)
    {
        var findings = new List<Finding>();
        var bridge = settings.Bridge ?? host.Defaults?.Bridge ?? EffectiveVif.DefaultBridge;
        if (host.FindBridge(bridge) is { } kind)
        {
            if (kind == BridgeKind.Linux && NetNames.HasOvsSyntax(bridge))
                findings.Add(FindingKinds.OvsSyntax.At(0, $"'{bridge}' names trunks of an Open vSwitch bridge, and this one is a Linux bridge. Give its plain name.", key: "bridge", severity: FindingSeverity.Error));
            // A host whose xl.conf is not known may have any default.
            var script = settings.Script ?? (host.Defaults is { } defaults ? defaults.Script ?? EffectiveVif.DefaultScript : null);
            var name = script?[(script.LastIndexOf('/') + 1)..];
            if (kind == BridgeKind.OpenVSwitch && name == "vif-bridge")
                findings.Add(FindingKinds.ScriptForOtherBridge.At(0, $"vif-bridge fails on {bridge}, an Open vSwitch bridge. Write script=vif-openvswitch.", key: "script"));
            else if (kind == BridgeKind.Linux && name is not null && EffectiveVif.IsOpenVSwitchScript(name))
                findings.Add(FindingKinds.ScriptForOtherBridge.At(0, $"{name} fails on {bridge}, a Linux bridge. Write script=vif-bridge.", key: "script"));
        }

        if (settings.VifName is { } vifname && host.VifNames.TryGetValue(vifname, out var holder))
            findings.Add(FindingKinds.DuplicateVifName.At(0, $"'{vifname}' is the vifname of {holder} already, and an interface's name stands once on a host. Give another.", key: "vifname"));
        return findings;
    }

    /// <summary>
    /// Puts a vif that is asked for into the words of its bridge: the VLANs of one on Open vSwitch into <c>bridge=</c>, where its script
    /// looks for them, and the script that its bridge's kind needs where none is asked for and the host's default would fail.
    /// </summary>
    /// <param name="trunks">The VLANs that it may send tagged, 1 to 4094 each.</param>
    /// <exception cref="RuleException">422: there is no Open vSwitch bridge, or <c>bridge</c> names VLANs too.</exception>
    public static FittedVif Fit(VifSettings asked, IReadOnlyList<int>? trunks, VifSurroundings host)
    {
        var text = asked.Bridge ?? host.Defaults?.Bridge ?? EffectiveVif.DefaultBridge;
        var kind = host.FindBridge(text);
        var standard = host.Defaults is { } defaults ? EffectiveVif.Bare(defaults.Script) ?? EffectiveVif.DefaultScript : null;
        var fitting = kind is { } known ? ScriptOf(known) : null;
        // A bridge that is named has to be joined; one that is not is the default's business, unless the two can't go together.
        var readsVlan = asked.Vlan is not null && kind == BridgeKind.Linux && standard is not null && host.VlanScripts.Contains(standard);
        var follows = asked.Script is null && fitting is not null && fitting != standard && !readsVlan
            && (asked.Bridge is not null ? standard is not null || kind == BridgeKind.OpenVSwitch : standard is "vif-bridge" or "vif-openvswitch");
        var settings = follows ? asked with { Script = fitting } : asked;
        if (asked.Vlan is null && trunks is null)
            return new FittedVif(settings, false, follows);
        if ((kind is null ? EffectiveVif.Bare(settings.Script) ?? standard : ScriptOf(kind.Value)) is not { } script || !EffectiveVif.IsOpenVSwitchScript(script))
        {
            if (trunks is null)
                return new FittedVif(settings, false, follows);
            if (asked.Vlan is null || !NetNames.IsVlan(asked.Vlan))
            {
                throw RuleException.Invalid("/trunks", "vif.trunks.bridge",
                    $"'{text}' is {(kind is null ? "not known to be an Open vSwitch bridge" : "a Linux bridge")}, where a script of the host's own gives a vif its VLANs: it needs a vlan, for what the guest sends untagged, beside its trunks. Give one too, name an Open vSwitch bridge, or leave trunks out.");
            }

            return new FittedVif(settings with { Vlan = new VlanText(int.Parse(asked.Vlan, CultureInfo.InvariantCulture), trunks).ToString() }, false, follows);
        }

        var parsed = OvsBridgeText.Parse(text);
        if (parsed.HasVlans)
            throw RuleException.Invalid("/bridge", "vif.vlan.twice", $"'{text}' names VLANs, and so do vlan or trunks. Give the bridge's plain name, {parsed.Bridge}.");
        // VifRules says what is wrong with it.
        if (asked.Vlan is not null && !NetNames.IsVlan(asked.Vlan))
            return new FittedVif(settings, false, follows);
        var tag = asked.Vlan is null ? (int?)null : int.Parse(asked.Vlan, CultureInfo.InvariantCulture);
        var bridge = new OvsBridgeText(text, tag, [.. (trunks ?? []).Order()]);
        return new FittedVif(settings with { Bridge = bridge.ToString(), Vlan = null }, bridge.HasVlans, follows);
    }

    /// <summary>
    /// Why <c>vlan=</c> would have no effect: the script has to read it, and the Linux bridge to keep VLANs apart. On Open vSwitch it stands
    /// in <c>bridge=</c> by then.
    /// </summary>
    public static FieldError? CheckVlan(VifSettings settings, VifSurroundings host)
    {
        if (settings.Vlan is null)
            return null;
        var script = EffectiveVif.Bare(settings.Script ?? host.Defaults?.Script) ?? EffectiveVif.DefaultScript;
        if (!host.VlanScripts.Contains(script))
        {
            var readers = host.VlanScripts.Count == 0 ? "none of its scripts does" : $"those that do are {string.Join(", ", host.VlanScripts.Order(StringComparer.Ordinal))}";
            return new FieldError("/vlan", FindingKinds.VlanUnread.Code,
                $"The script {script} does not read vlan, as the host was last observed, so it would have no effect; {readers}. Name an Open vSwitch bridge, or with script one of the host's own that reads $XENBUS_PATH/vlan; GET …/observation looks again.");
        }

        var bridge = settings.Bridge ?? host.Defaults?.Bridge ?? EffectiveVif.DefaultBridge;
        return host.FilteringBridges.Contains(bridge) ? null : new FieldError("/vlan", "vif.vlan.filtering",
            $"The bridge {bridge} does not keep VLANs apart, so {script} could not put the vif into one. Set vlanFiltering of the bridge (or of the host's networking, where that makes it) to true, or name an Open vSwitch bridge.");
    }

    /// <summary>The script of Xen's that joins a vif to such a bridge.</summary>
    public static string ScriptOf(BridgeKind kind) => kind == BridgeKind.OpenVSwitch ? "vif-openvswitch" : "vif-bridge";

    /// <summary>What is to be said of a guest's file because of the host that it is for.</summary>
    /// <returns>Findings of severity error, in the order of the file.</returns>
    public static IReadOnlyList<Finding> CheckFile(GuestFile file, VifSurroundings host)
    {
        var findings = new List<Finding>();
        if (host.XenVersion < VifKeys.VlanSince)
        {
            findings.AddRange(file.Findings.Where(f => f.Code == FindingKinds.VlanVersion.Code).Select(f => f with
            {
                Severity = FindingSeverity.Error,
                Message = $"vlan is known to xl from {VifKeys.VlanSince} on, and this host has {host.XenVersion}: it prints a line and makes the vif without it.",
            }));
        }

        foreach (var ((atom, _), vif) in file.VifAtoms().Zip(file.Vifs))
        {
            var (line, column) = file.Syntax.Locate(atom.Start);
            findings.AddRange(Check(vif.Settings, host).Select(f => f with { Line = line, Column = column, Devid = vif.Devid }));
        }

        return [.. findings.OrderBy(f => f.Line).ThenBy(f => f.Column).Take(FindingKinds.Most)];
    }
}

/// <param name="VlanInBridge">Whether VLANs went into <c>bridge=</c>.</param>
/// <param name="ScriptFollows">Whether the script is there because of the bridge's kind alone.</param>
public sealed record FittedVif(VifSettings Settings, bool VlanInBridge, bool ScriptFollows);

/// <summary>What a host has that its vifs have to fit.</summary>
/// <param name="Defaults">Those in force; null where the host's xl.conf is not known.</param>
/// <param name="Bridges">The bridges that are known, by name.</param>
/// <param name="VifNames">The vifnames of the host's other guests, each with who has it.</param>
public sealed record VifSurroundings(
    XenVersion XenVersion, VifDefaults? Defaults, IReadOnlyDictionary<string, BridgeKind> Bridges, IReadOnlyDictionary<string, string> VifNames)
{
    /// <summary>The host's scripts that read <c>vlan</c>, bare.</summary>
    public IReadOnlySet<string> VlanScripts { get; init; } = new HashSet<string>();

    /// <summary>The Linux bridges that keep VLANs apart, or are to.</summary>
    public IReadOnlySet<string> FilteringBridges { get; init; } = new HashSet<string>();

    /// <summary>The kind of the bridge that <c>bridge=</c> names, its VLAN and trunks left out; null where no such bridge is known.</summary>
    internal BridgeKind? FindBridge(string bridge)
    {
        foreach (var name in NetNames.BridgeNames(bridge))
        {
            if (Bridges.TryGetValue(name, out var kind))
                return kind;
        }

        return null;
    }
}

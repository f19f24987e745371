using Xlnet.Domain.Bridges;
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
            else if (kind == BridgeKind.Linux && name == "vif-openvswitch")
                findings.Add(FindingKinds.ScriptForOtherBridge.At(0, $"vif-openvswitch fails on {bridge}, a Linux bridge. Write script=vif-bridge.", key: "script"));
        }

        if (settings.VifName is { } vifname && host.VifNames.TryGetValue(vifname, out var holder))
            findings.Add(FindingKinds.DuplicateVifName.At(0, $"'{vifname}' is the vifname of {holder} already, and an interface's name stands once on a host. Give another.", key: "vifname"));
        return findings;
    }

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

/// <summary>What a host has that its vifs have to fit.</summary>
/// <param name="Defaults">Those in force; null where the host's xl.conf is not known.</param>
/// <param name="Bridges">The bridges that are known, by name.</param>
/// <param name="VifNames">The vifnames of the host's other guests, each with who has it.</param>
public sealed record VifSurroundings(
    XenVersion XenVersion, VifDefaults? Defaults, IReadOnlyDictionary<string, BridgeKind> Bridges, IReadOnlyDictionary<string, string> VifNames)
{
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

using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Vifs;

namespace Xlnet.Domain.Planning;

/// <summary>Takes a running vif's settings over.</summary>
public static class RunningVif
{
    /// <summary>
    /// The least change of the settings that makes the running vif what they ask for; null when no settings can: its script
    /// failed, or its interface is on no bridge.
    /// </summary>
    /// <param name="database">What was wanted; empty for a vif that was not known.</param>
    public static VifSettings? Accept(VifSettings database, VifDefaults defaults, ObservedVif live, GuestType type, IReadOnlySet<string> bridges)
    {
        var settings = database;
        var record = live.Settings;
        foreach (var key in EffectiveVif.Differences(database, defaults, live, type, bridges))
        {
            settings = key switch
            {
                "mac" => settings with { Mac = live.Mac },
                "bridge" => settings with { Bridge = Unless(defaults.Bridge ?? "xenbr0", BridgeOf(live, settings)) },
                "gatewaydev" => settings with { GatewayDev = Unless(defaults.GatewayDev, record.GatewayDev) },
                "type" => settings with { Type = record.Type },
                "model" => settings with { Model = record.Model },
                "vifname" => settings with { VifName = record.VifName },
                "script" => settings with { Script = Unless(EffectiveVif.Bare(defaults.Script) ?? "vif-bridge", EffectiveVif.Bare(record.Script) ?? "vif-bridge") },
                "ip" => settings with { Ip = record.Ip },
                "backend" => settings with { Backend = Unless(defaults.Backend ?? "0", record.Backend ?? "0") },
                "rate" => settings with { Rate = record.Rate },
                "mtu" => settings with { Mtu = record.Mtu },
                "vlan" => settings with { Vlan = record.Vlan },
                "trusted" => settings with { Trusted = record.Trusted },
                "other" => settings with { Other = record.Other },
                _ => settings,
            };
        }

        return EffectiveVif.Differences(settings, defaults, live, type, bridges).Count == 0 ? settings : null;
    }

    /// <summary>The record's, unless it is the one that is asked for: then the port was moved by hand.</summary>
    private static string? BridgeOf(ObservedVif live, VifSettings asked) =>
        live.Settings.Bridge is { } recorded && recorded != asked.Bridge && live.Bridge is null ? recorded
        : live.Bridge is { } port && (live.Settings.Bridge is not { } full || !full.StartsWith(port, StringComparison.Ordinal)) ? port
        : live.Settings.Bridge ?? live.Bridge;

    /// <summary>What need not be said is not.</summary>
    private static string? Unless(string? assumed, string? value) => value == assumed ? null : value ?? "";
}

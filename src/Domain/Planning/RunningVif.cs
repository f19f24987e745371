using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Vifs;

namespace Xlnet.Domain.Planning;

/// <summary>Takes a running vif's settings over.</summary>
public static class RunningVif
{
    /// <summary>
    /// The settings with what the running vif has where it differs. They stay as they are when no setting says what differs: its script
    /// failed, or its interface is on no bridge. A port that was moved by hand gives its bridge, and an apply plugs it anew, since xl's record
    /// of the vif still names the former.
    /// </summary>
    /// <param name="database">What was wanted; empty for a vif that was not known.</param>
    public static VifSettings Accept(VifSettings database, VifDefaults defaults, ObservedVif live, GuestType type, IReadOnlySet<string> bridges)
    {
        var settings = database;
        var record = live.Settings;
        var recorded = EffectiveVif.Resolve(record, type, VifDefaults.None);
        var bridge = live.Bridge is { } port && recorded.BridgeName != port ? port : recorded.Bridge;
        foreach (var key in EffectiveVif.Differences(database, defaults, live, type, bridges))
        {
            settings = key switch
            {
                "mac" => settings with { Mac = live.Mac },
                "bridge" => settings with { Bridge = bridge },
                "gatewaydev" => settings with { GatewayDev = record.GatewayDev ?? (defaults.GatewayDev is null ? null : "") },
                "type" => settings with { Type = record.Type },
                "model" => settings with { Model = record.Model },
                "vifname" => settings with { VifName = record.VifName },
                "script" => settings with { Script = recorded.Script },
                "ip" => settings with { Ip = record.Ip },
                "backend" => settings with { Backend = record.Backend ?? "0" },
                "rate" => settings with { Rate = record.Rate },
                "mtu" => settings with { Mtu = record.Mtu },
                "vlan" => settings with { Vlan = record.Vlan },
                "trusted" => settings with { Trusted = record.Trusted },
                "other" => settings with { Other = record.Other },
                _ => settings,
            };
        }

        return settings;
    }
}

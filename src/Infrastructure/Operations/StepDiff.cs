using System.Globalization;
using Xlnet.Domain.Common;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Xl;

namespace Xlnet.Infrastructure.Operations;

/// <summary>What a step changes, for a person to read: a unified diff of a file, or lines that begin with <c>+</c> and <c>-</c>.</summary>
public static class StepDiff
{
    public static string Of(PlanStep step) => step switch
    {
        WriteFileStep s => UnifiedDiff.Of(s.Path, s.Before, s.Content),
        DeleteFileStep s => UnifiedDiff.Of(s.Path, s.Before, null),
        SwitchNetworkingStep s => OfNetworking(s),
        SetLockingStep s => OfLocking(s),
        CreateBridgeStep s => $"+ {Kebab.Name(s.Kind)} bridge {s.Name}{Mtu(s.Mtu)}{(s.VlanFiltering is { } filtering ? " vlan-filtering " + OnOff(filtering) : "")}",
        DeleteBridgeStep s => $"- {Kebab.Name(s.Kind)} bridge {s.Name}{Mtu(s.Mtu)}",
        SetBridgeMtuStep s => string.Create(CultureInfo.InvariantCulture, $"- bridge {s.Name} mtu {s.Before}\n+ bridge {s.Name} mtu {s.Mtu}"),
        SetBridgeVlanFilteringStep s => $"- bridge {s.Name} vlan-filtering {OnOff(!s.VlanFiltering)}\n+ bridge {s.Name} vlan-filtering {OnOff(s.VlanFiltering)}",
        AddBridgePortStep s => (s.From is { } from ? $"- bridge {from.Name} port {s.Port}\n" : "") + $"+ bridge {s.Bridge} port {s.Port}",
        RemoveBridgePortStep s => $"- bridge {s.Bridge} port {s.Port}",
        AttachVifStep s => $"+ {s.Guest} vif {VifSpec.Render(s.Settings, s.Devid)}",
        DetachVifStep s => string.Create(CultureInfo.InvariantCulture, $"- {s.Guest} vif mac={s.Mac},devid={s.Devid}"),
        CreateGuestStep s => $"+ domain {s.Guest} from {s.ConfigPath}",
        StopGuestStep s => $"- domain {s.Guest}",
        _ => throw new ArgumentOutOfRangeException(nameof(step), step.Action, null),
    };

    private static string OnOff(bool value) => value ? "on" : "off";

    private static string OfNetworking(SwitchNetworkingStep step)
    {
        var lines = new List<string> { $"- networking {Show(step.From.Networking)}", $"+ networking {Show(step.To.Networking)}" };
        lines.AddRange(step.Vifs.Select(v => $"~ {v} is without its bridge meanwhile"));
        lines.AddRange(step.ChangedFiles.Select(p => UnifiedDiff.Of(p, step.From.Files.GetValueOrDefault(p), step.To.Files.GetValueOrDefault(p))));
        return string.Join('\n', lines);

        static string Show(HostNetworking? networking) => networking is null
            ? "as the host had it"
            : $"{Kebab.Name(networking.Mode)} uplink {networking.Uplink}{(networking.Bridge is { } bridge ? $" bridge {bridge}" : "")}";
    }

    private static string OfLocking(SetLockingStep step) => step.ChangedFiles.Any()
        ? string.Join('\n', step.ChangedFiles.Select(p => UnifiedDiff.Of(p, step.From[p], step.To[p])))
        : $"~ the rules of locked vifs are put into force again";

    private static string Mtu(int? mtu) => mtu is { } value ? string.Create(CultureInfo.InvariantCulture, $" mtu {value}") : "";
}

using System.Globalization;
using Xlnet.Domain.Common;

namespace Xlnet.Domain.Planning;

/// <summary>What a difference is about, as the API names it: <c>xl.conf</c>, <c>networking</c>, <c>bridges/xenbr0</c>, <c>guests/web1</c>, <c>guests/web1/vifs/0</c>.</summary>
/// <param name="Name">The bridge's or the guest's; empty for xl.conf and the networking.</param>
/// <param name="Devid">Of a vif.</param>
public sealed record DriftTarget(DriftTargetKind Kind, string Name, int? Devid = null)
{
    public const string XlConf = "xl.conf";

    public const string Networking = SwitchNetworkingStep.TargetName;

    public static string Bridge(string name) => $"bridges/{name}";

    public static string Guest(string name) => $"guests/{name}";

    public static string Vif(string guest, int devid) => string.Create(CultureInfo.InvariantCulture, $"guests/{guest}/vifs/{devid}");

    /// <summary>Null when it is no such name.</summary>
    public static DriftTarget? TryParse(string? text) => text?.Split('/') switch
    {
        [XlConf] => new DriftTarget(DriftTargetKind.XlConf, ""),
        [Networking] => new DriftTarget(DriftTargetKind.Networking, ""),
        ["bridges", var name] when InterfaceName.TryParse(name, null, out _) => new DriftTarget(DriftTargetKind.Bridge, name),
        ["guests", var name] when GuestName.TryParse(name, null, out _) => new DriftTarget(DriftTargetKind.Guest, name),
        ["guests", var name, "vifs", var number] when GuestName.TryParse(name, null, out _)
            && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var devid) && devid <= 65535
            && devid.ToString(CultureInfo.InvariantCulture) == number => new DriftTarget(DriftTargetKind.Vif, name, devid),
        _ => null,
    };

    public override string ToString() => Kind switch
    {
        DriftTargetKind.XlConf => XlConf,
        DriftTargetKind.Networking => Networking,
        DriftTargetKind.Bridge => Bridge(Name),
        DriftTargetKind.Guest => Guest(Name),
        DriftTargetKind.Vif => Vif(Name, Devid!.Value),
        _ => throw new InvalidOperationException($"{Kind} is no kind of target."),
    };
}

public enum DriftTargetKind
{
    XlConf,
    Networking,
    Bridge,
    Guest,
    Vif,
}

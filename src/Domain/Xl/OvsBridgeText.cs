using System.Globalization;

namespace Xlnet.Domain.Xl;

/// <summary>
/// What <c>bridge=</c> says to vif-openvswitch: <c>BR.TAG:TRUNK:TRUNK</c>, where the tag is the VLAN of the guest's untagged packets and
/// the trunks are those that it may send tagged. Its dots and colons are read as that script does: the tag stands behind the last dot.
/// </summary>
/// <param name="Tag">1 to 4094, or null.</param>
/// <param name="Trunks">1 to 4094 each.</param>
public sealed record OvsBridgeText(string Bridge, int? Tag, IReadOnlyList<int> Trunks)
{
    public bool HasVlans => Tag is not null || Trunks.Count > 0;

    /// <summary>Reads a text that <see cref="NetNames.CheckBridge"/> has nothing against.</summary>
    public static OvsBridgeText Parse(string text)
    {
        var parts = text.Split(':');
        var bridge = NetNames.BridgeNames(parts[0]).Last();
        return new OvsBridgeText(bridge, bridge.Length < parts[0].Length ? Number(parts[0][(bridge.Length + 1)..]) : null, [.. parts.Skip(1).Select(Number)]);
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Bridge}{(Tag is null ? "" : "." + Tag)}")
        + string.Concat(Trunks.Select(t => string.Create(CultureInfo.InvariantCulture, $":{t}")));

    private static int Number(string text) => int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}

using System.Globalization;

namespace Xlnet.Domain.Xl;

/// <summary>
/// What <c>vlan=</c> says to a script of a Linux bridge (xl-network-configuration(5), from 4.19 on): <c>20</c> is the VLAN of the guest's
/// untagged packets, <c>20p/30/40</c> that and those that it may send tagged. The man page's ranges are left to whoever writes the text.
/// </summary>
/// <param name="Vlan">1 to 4094.</param>
/// <param name="Trunks">1 to 4094 each.</param>
public sealed record VlanText(int Vlan, IReadOnlyList<int> Trunks)
{
    /// <returns>Null for any other text.</returns>
    public static VlanText? Parse(string text)
    {
        var terms = text.Split('/');
        var first = terms.Length > 1 && terms[0].EndsWith('p') ? terms[0][..^1] : terms.Length == 1 ? terms[0] : "";
        return NetNames.IsVlan(first) && terms.Skip(1).All(NetNames.IsVlan) ? new VlanText(Number(first), [.. terms.Skip(1).Select(Number)]) : null;
    }

    public override string ToString() => Trunks.Count == 0
        ? Vlan.ToString(CultureInfo.InvariantCulture)
        : string.Join('/', Trunks.Order().Select(t => t.ToString(CultureInfo.InvariantCulture)).Prepend(string.Create(CultureInfo.InvariantCulture, $"{Vlan}p")));

    private static int Number(string text) => int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}

using System.Globalization;
using System.Text.Json.Serialization;

namespace Xlnet.Domain.Vifs;

/// <summary>A vif as the holder of an address.</summary>
public sealed record VifHolder(string Host, string Guest, int Devid)
{
    /// <summary>Its guest, <c>host/guest</c>, which an address may be reserved for.</summary>
    [JsonIgnore]
    public string GuestHolder => $"{Host}/{Guest}";

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Host}/{Guest}/{Devid}");

    public static bool TryParse(string text, out VifHolder holder)
    {
        var parts = text.Split('/');
        holder = new VifHolder("", "", 0);
        if (parts.Length != 3 || !int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out var devid))
            return false;
        holder = new VifHolder(parts[0], parts[1], devid);
        return true;
    }
}

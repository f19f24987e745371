using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Xlnet.Domain.Hosts;

/// <summary>The release line of a host's Xen, such as 4.17.</summary>
public sealed record XenVersion(int Major, int Minor) : IParsable<XenVersion>, IComparable<XenVersion>
{
    /// <summary>Debian 12's, which the recorded facts about xl come from.</summary>
    public static readonly XenVersion Recorded = new(4, 17);

    /// <summary>Reads <c>4.17</c>, <c>4.17.7</c> and <c>4.19.1-pre</c>; what follows the second number is not kept.</summary>
    public static XenVersion Parse(string s, IFormatProvider? provider = null) =>
        TryParse(s, provider, out var version) ? version : throw new FormatException($"'{s}' is not a Xen version such as 4.17.");

    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, [NotNullWhen(true)] out XenVersion? result)
    {
        result = null;
        var parts = (s ?? "").Split('.', 3);
        if (parts.Length < 2
            || !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out var major)
            || !int.TryParse(parts[1].Split('-', '+')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var minor))
            return false;
        result = new XenVersion(major, minor);
        return true;
    }

    public int CompareTo(XenVersion? other) => other is null ? 1 : (Major, Minor).CompareTo((other.Major, other.Minor));

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Major}.{Minor}");

    public static bool operator <(XenVersion left, XenVersion right) => left.CompareTo(right) < 0;
    public static bool operator >(XenVersion left, XenVersion right) => left.CompareTo(right) > 0;
    public static bool operator <=(XenVersion left, XenVersion right) => left.CompareTo(right) <= 0;
    public static bool operator >=(XenVersion left, XenVersion right) => left.CompareTo(right) >= 0;
}

using System.Diagnostics.CodeAnalysis;

namespace Xlnet.Domain.Common;

/// <summary>The name of a host or a MAC pool: 1 to 63 lower-case letters, digits, <c>.</c>, <c>_</c> and <c>-</c>, first and last a letter or digit.</summary>
public sealed record ResourceName : IParsable<ResourceName>, IComparable<ResourceName>
{
    public const string Rule = "1 to 63 lower-case letters, digits, '.', '_' and '-', the first and the last a letter or a digit";

    private ResourceName(string value) => Value = value;

    public string Value { get; }

    /// <exception cref="FormatException">Not such a name.</exception>
    public static ResourceName Parse(string s, IFormatProvider? provider = null) =>
        TryParse(s, provider, out var name) ? name : throw new FormatException($"'{s}' is no such name: {Rule}.");

    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, [NotNullWhen(true)] out ResourceName? result)
    {
        result = s is { Length: >= 1 and <= 63 }
            && s.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '_' or '-')
            && char.IsAsciiLetterOrDigit(s[0]) && char.IsAsciiLetterOrDigit(s[^1])
                ? new ResourceName(s)
                : null;
        return result is not null;
    }

    public int CompareTo(ResourceName? other) => string.CompareOrdinal(Value, other?.Value);

    public override string ToString() => Value;

    public static bool operator <(ResourceName left, ResourceName right) => left.CompareTo(right) < 0;
    public static bool operator >(ResourceName left, ResourceName right) => left.CompareTo(right) > 0;
    public static bool operator <=(ResourceName left, ResourceName right) => left.CompareTo(right) <= 0;
    public static bool operator >=(ResourceName left, ResourceName right) => left.CompareTo(right) >= 0;
}

/// <summary>
/// A guest's name as it stands in its file, in xl's commands and in the file's path. xl takes a name of digits for a domid
/// (libxl_domain_qualifier_to_domid), so there must be something else in it.
/// </summary>
public sealed record GuestName : IParsable<GuestName>, IComparable<GuestName>
{
    public const string Rule =
        "1 to 63 letters, digits, '.', '_', '+' and '-', the first a letter or a digit, not digits only (xl would take it for a domid), and not Domain-0";

    private GuestName(string value) => Value = value;

    public string Value { get; }

    /// <exception cref="FormatException">Not such a name.</exception>
    public static GuestName Parse(string s, IFormatProvider? provider = null) =>
        TryParse(s, provider, out var name) ? name : throw new FormatException($"'{s}' is no guest name: {Rule}.");

    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, [NotNullWhen(true)] out GuestName? result)
    {
        result = s is { Length: >= 1 and <= 63 }
            && s.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '+' or '-')
            && char.IsAsciiLetterOrDigit(s[0])
            && !s.All(char.IsAsciiDigit)
            && s != "Domain-0"
                ? new GuestName(s)
                : null;
        return result is not null;
    }

    public int CompareTo(GuestName? other) => string.CompareOrdinal(Value, other?.Value);

    public override string ToString() => Value;

    public static bool operator <(GuestName left, GuestName right) => left.CompareTo(right) < 0;
    public static bool operator >(GuestName left, GuestName right) => left.CompareTo(right) > 0;
    public static bool operator <=(GuestName left, GuestName right) => left.CompareTo(right) <= 0;
    public static bool operator >=(GuestName left, GuestName right) => left.CompareTo(right) >= 0;
}

/// <summary>The name of an interface or bridge on Dom0: the kernel takes 1 to 15 bytes (IFNAMSIZ) without <c>/</c>, <c>:</c> and blanks.</summary>
public sealed record InterfaceName : IParsable<InterfaceName>, IComparable<InterfaceName>
{
    public const string Rule = "1 to 15 letters, digits, '.', '_' and '-', the first a letter or a digit";

    private InterfaceName(string value) => Value = value;

    public string Value { get; }

    /// <exception cref="FormatException">Not such a name.</exception>
    public static InterfaceName Parse(string s, IFormatProvider? provider = null) =>
        TryParse(s, provider, out var name) ? name : throw new FormatException($"'{s}' is no interface name: {Rule}.");

    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, [NotNullWhen(true)] out InterfaceName? result)
    {
        result = s is { Length: >= 1 and <= 15 }
            && s.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-')
            && char.IsAsciiLetterOrDigit(s[0])
                ? new InterfaceName(s)
                : null;
        return result is not null;
    }

    public int CompareTo(InterfaceName? other) => string.CompareOrdinal(Value, other?.Value);

    public override string ToString() => Value;

    public static bool operator <(InterfaceName left, InterfaceName right) => left.CompareTo(right) < 0;
    public static bool operator >(InterfaceName left, InterfaceName right) => left.CompareTo(right) > 0;
    public static bool operator <=(InterfaceName left, InterfaceName right) => left.CompareTo(right) <= 0;
    public static bool operator >=(InterfaceName left, InterfaceName right) => left.CompareTo(right) >= 0;
}

using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Xlnet.Domain.Macs;

/// <summary>A 48-bit Ethernet address. One spelling in, one spelling out: <c>00:16:3e:8a:10:02</c>.</summary>
public sealed record MacAddress : IParsable<MacAddress>, IComparable<MacAddress>
{
    private const ulong Limit = 1UL << 48;

    /// <param name="value">The address as a number, 0 to 2^48-1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The number needs more than 48 bits.</exception>
    public MacAddress(ulong value)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(value, Limit);
        Value = value;
    }

    /// <summary>The address as a number, 0 to 2^48-1.</summary>
    public ulong Value { get; }

    /// <summary>The group bit, IEEE 802: set for multicast and broadcast, never on an interface of its own.</summary>
    public bool IsMulticast => (Value >> 40 & 1) != 0;

    /// <summary>The local bit, IEEE 802: no vendor has been given this address.</summary>
    public bool IsLocallyAdministered => (Value >> 40 & 2) != 0;

    /// <summary>Unicast and not all zeros, which xl reads as "unset" (libxl__mac_is_default).</summary>
    public bool IsAssignable => !IsMulticast && Value != 0;

    /// <summary>Six pairs of hexadecimal digits, all separated by <c>:</c> or all by <c>-</c>; case does not matter.</summary>
    public static MacAddress Parse(string s, IFormatProvider? provider = null) =>
        TryParse(s, provider, out var mac)
            ? mac
            : throw new FormatException($"'{s}' is not a MAC address: write six pairs of hexadecimal digits, such as 00:16:3e:8a:10:02.");

    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, [NotNullWhen(true)] out MacAddress? result)
    {
        result = null;
        if (s is not { Length: 17 })
            return false;

        var separator = s[2];
        if (separator is not (':' or '-'))
            return false;

        ulong value = 0;
        for (var i = 0; i < 17; i++)
        {
            if (i % 3 == 2)
            {
                if (s[i] != separator)
                    return false;
                continue;
            }

            if (!char.IsAsciiHexDigit(s[i]))
                return false;
            value = value << 4 | (uint)HexValue(s[i]);
        }

        result = new MacAddress(value);
        return true;
    }

    public int CompareTo(MacAddress? other) => other is null ? 1 : Value.CompareTo(other.Value);

    public override string ToString() => string.Create(17, Value, static (span, value) =>
    {
        for (var i = 0; i < 6; i++)
        {
            if (i > 0)
                span[i * 3 - 1] = ':';
            ((byte)(value >> (40 - i * 8))).TryFormat(span[(i * 3)..], out _, "x2", CultureInfo.InvariantCulture);
        }
    });

    private static int HexValue(char digit) => digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;

    public static bool operator <(MacAddress left, MacAddress right) => left.Value < right.Value;
    public static bool operator >(MacAddress left, MacAddress right) => left.Value > right.Value;
    public static bool operator <=(MacAddress left, MacAddress right) => left.Value <= right.Value;
    public static bool operator >=(MacAddress left, MacAddress right) => left.Value >= right.Value;
}

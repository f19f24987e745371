using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Xlnet.Domain.Vifs;

/// <summary>
/// A limit on what a guest sends: <c>rate=10Mb/s@50ms</c> (xl-network-configuration(5)). Credit is granted once an interval,
/// as whole bytes, so a rate is a whole number of bytes a second.
/// </summary>
public sealed record Rate : IParsable<Rate>
{
    /// <summary>What xl takes when no interval is given, in microseconds (libxlu_vif.c: 50 ms).</summary>
    public const long DefaultIntervalMicroseconds = 50_000;

    /// <param name="bitsPerSecond">A multiple of 8, at least 8; see <see cref="Check"/>.</param>
    /// <param name="intervalMicroseconds">1 to 2^32-1.</param>
    /// <exception cref="ArgumentException">Out of range; the message says what would be right.</exception>
    public Rate(long bitsPerSecond, long intervalMicroseconds = DefaultIntervalMicroseconds)
    {
        if (Check(bitsPerSecond, intervalMicroseconds) is { } wrong)
            throw new ArgumentException(wrong);
        BitsPerSecond = bitsPerSecond;
        IntervalMicroseconds = intervalMicroseconds;
    }

    public long BitsPerSecond { get; }

    public long IntervalMicroseconds { get; }

    /// <summary>What libxl hands to netback: the credit of one interval, in bytes (rounded down, as libxlutil does).</summary>
    public long BytesPerInterval => (long)((UInt128)(BitsPerSecond / 8) * (UInt128)IntervalMicroseconds / 1_000_000);

    /// <summary>Why the numbers make no rate that xl would keep, or null when they do.</summary>
    public static string? Check(long bitsPerSecond, long intervalMicroseconds)
    {
        if (bitsPerSecond < 8 || bitsPerSecond % 8 != 0)
            return $"{bitsPerSecond} bits a second is no rate that Xen can hold: it counts whole bytes, so give a multiple of 8, at least 8.";
        if (Split(bitsPerSecond).Number > uint.MaxValue)
            return $"{bitsPerSecond} bits a second cannot be written for xl, whose numbers end at {uint.MaxValue}: give a multiple of 1,000 bits (or of 1,000,000, or 1,000,000,000).";
        if (intervalMicroseconds is < 1 or > uint.MaxValue)
            return $"an interval of {intervalMicroseconds} microseconds is out of range: 1 to {uint.MaxValue}.";
        var credit = (UInt128)(bitsPerSecond / 8) * (UInt128)intervalMicroseconds / 1_000_000;
        if (credit == 0)
            return $"{bitsPerSecond} bits a second grant less than a byte in {intervalMicroseconds} microseconds, which Xen takes as no limit at all: raise the rate or the interval.";
        return credit > uint.MaxValue
            ? $"{bitsPerSecond} bits a second over {intervalMicroseconds} microseconds grant {credit} bytes, more than Xen's {uint.MaxValue}: lower the rate or the interval."
            : null;
    }

    /// <summary>The spelling that xlnet itself writes: a number, G, M, K or nothing, <c>b/s</c>, and the interval unless it is the default.</summary>
    public static Rate Parse(string s, IFormatProvider? provider = null) =>
        TryParse(s, provider, out var rate) ? rate : throw new FormatException($"'{s}' is not a rate such as 10Mb/s or 1MB/s@20ms.");

    /// <summary>The strict reading: no leading zero (xl reads octal), and a unit on every interval (xl takes a bare one as seconds).</summary>
    public static bool TryParse([NotNullWhen(true)] string? s, IFormatProvider? provider, [NotNullWhen(true)] out Rate? result)
    {
        result = null;
        var (amount, interval) = (s ?? "").Split('@') switch
        {
            [var a] => (a, null),
            [var a, var i] => (a, (string?)i),
            _ => ("", null),
        };
        if (amount.Length < 4 || !amount.EndsWith("/s", StringComparison.Ordinal))
            return false;

        int bitsPerUnit;
        switch (amount[^3])
        {
            case 'b': bitsPerUnit = 1; break;
            case 'B': bitsPerUnit = 8; break;
            default: return false;
        }

        var multiplier = amount[^4] switch { 'G' => 1_000_000_000L, 'M' => 1_000_000L, 'K' => 1_000L, _ => 1L };
        if (!TryNumber(amount.AsSpan(0, amount.Length - (multiplier == 1 ? 3 : 4)), out var number))
            return false;

        var microseconds = DefaultIntervalMicroseconds;
        if (interval is not null && !TryInterval(interval, out microseconds))
            return false;

        var bits = (Int128)number * multiplier * bitsPerUnit;
        if (bits > long.MaxValue || Check((long)bits, microseconds) is not null)
            return false;
        result = new Rate((long)bits, microseconds);
        return true;
    }

    public override string ToString()
    {
        var (number, unit) = Split(BitsPerSecond);
        var text = string.Create(CultureInfo.InvariantCulture, $"{number}{unit}/s");
        var us = IntervalMicroseconds;
        return us switch
        {
            DefaultIntervalMicroseconds => text,
            _ when us % 1_000_000 == 0 => string.Create(CultureInfo.InvariantCulture, $"{text}@{us / 1_000_000}s"),
            _ when us % 1_000 == 0 => string.Create(CultureInfo.InvariantCulture, $"{text}@{us / 1_000}ms"),
            _ => string.Create(CultureInfo.InvariantCulture, $"{text}@{us}us"),
        };
    }

    private static (long Number, string Unit) Split(long bits) => bits switch
    {
        _ when bits % 1_000_000_000 == 0 => (bits / 1_000_000_000, "Gb"),
        _ when bits % 1_000_000 == 0 => (bits / 1_000_000, "Mb"),
        _ when bits % 1_000 == 0 => (bits / 1_000, "Kb"),
        _ => (bits, "b"),
    };

    private static bool TryInterval(string text, out long microseconds)
    {
        var (digits, factor) = text switch
        {
            _ when text.EndsWith("us", StringComparison.Ordinal) => (text[..^2], 1L),
            _ when text.EndsWith("ms", StringComparison.Ordinal) => (text[..^2], 1_000L),
            _ when text.EndsWith('s') => (text[..^1], 1_000_000L),
            _ => ("", 0L),
        };
        microseconds = 0;
        if (!TryNumber(digits, out var number))
            return false;
        microseconds = number * factor;
        return true;
    }

    private static bool TryNumber(ReadOnlySpan<char> digits, out long number) =>
        long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out number)
        && digits[0] != '0'
        && number <= uint.MaxValue;
}

namespace Xlnet.Domain.Xl;

/// <summary>The C library's ways with text that xl's own ways follow from (glibc, 64 bits).</summary>
internal static class CStrings
{
    internal static bool IsSpace(char c) => c is ' ' or (>= '\t' and <= '\r');

    /// <summary>The text up to its first zero byte, which is all that C sees of it.</summary>
    internal static string Cut(string text) => text.IndexOf('\0') is >= 0 and var end ? text[..end] : text;

    /// <summary>strtoul: blanks, a sign, for base 16 or 0 a prefix, digits. What overflows is 2^64-1.</summary>
    /// <param name="length">How much was read; 0 when there is no number.</param>
    /// <param name="overflow">Whether errno became ERANGE.</param>
    internal static ulong Strtoul(ReadOnlySpan<char> text, int radix, out int length, out bool overflow)
    {
        overflow = false;
        var i = 0;
        while (i < text.Length && IsSpace(text[i]))
            i++;
        var negative = false;
        if (i < text.Length && text[i] is '+' or '-')
            negative = text[i++] == '-';

        if (radix is 0 or 16 && i + 2 < text.Length && text[i] == '0' && text[i + 1] is 'x' or 'X' && DigitValue(text[i + 2]) < 16)
        {
            i += 2;
            radix = 16;
        }
        else if (radix == 0)
        {
            radix = i < text.Length && text[i] == '0' ? 8 : 10;
        }

        var first = i;
        ulong value = 0;
        for (; i < text.Length && DigitValue(text[i]) is var digit && digit < radix; i++)
        {
            var next = (UInt128)value * (uint)radix + (uint)digit;
            if (next > ulong.MaxValue)
                overflow = true;
            value = (ulong)next;
        }

        length = i == first ? 0 : i;
        return overflow ? ulong.MaxValue : negative ? unchecked(0 - value) : value;
    }

    internal static int StrtoulLength(ReadOnlySpan<char> text, int radix)
    {
        Strtoul(text, radix, out var length, out _);
        return length;
    }

    /// <summary>strtol: as <see cref="Strtoul"/>, signed; what overflows is the nearest limit.</summary>
    internal static long Strtol(ReadOnlySpan<char> text, int radix, out int length, out bool overflow)
    {
        var magnitude = Strtoul(text, radix, out length, out overflow);
        var negative = text[..length].Contains('-');
        if (overflow)
            return negative ? long.MinValue : long.MaxValue;
        if (negative)
        {
            magnitude = unchecked(0 - magnitude);
            overflow = magnitude > 1UL << 63;
            return overflow ? long.MinValue : unchecked(-(long)magnitude);
        }

        overflow = magnitude > long.MaxValue;
        return overflow ? long.MaxValue : (long)magnitude;
    }

    private static int DigitValue(char c) => c switch
    {
        >= '0' and <= '9' => c - '0',
        >= 'a' and <= 'z' => c - 'a' + 10,
        >= 'A' and <= 'Z' => c - 'A' + 10,
        _ => 99,
    };
}

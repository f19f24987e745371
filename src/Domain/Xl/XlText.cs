using System.Text;

namespace Xlnet.Domain.Xl;

/// <summary>
/// Texts in the xl language. xl reads bytes and knows no encoding, so a text here is a string in which every char is one byte
/// (Latin-1): any sequence of bytes survives, and a column is a byte.
/// </summary>
public static class XlText
{
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static string FromBytes(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes);

    /// <summary>The bytes of a text. A text that holds a char above 0xFF did not come from bytes; it is written as UTF-8.</summary>
    public static byte[] ToBytes(string text) => Encoding.Latin1.GetBytes(Encode(text));

    /// <summary>A value for showing: UTF-8 where it is valid UTF-8, else as it is.</summary>
    public static string Decode(string value)
    {
        if (System.Text.Ascii.IsValid(value) || !IsBytes(value))
            return value;
        try
        {
            return StrictUtf8.GetString(Encoding.Latin1.GetBytes(value));
        }
        catch (DecoderFallbackException)
        {
            return value;
        }
    }

    /// <summary>A value for writing, a char a byte. What has chars above 0xFF becomes UTF-8; what has none already is in bytes.</summary>
    public static string Encode(string value) =>
        IsBytes(value) ? value : Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(value));

    private static bool IsBytes(string value) => value.AsSpan().IndexOfAnyExceptInRange('\0', '\u00FF') < 0;
}

using System.Buffers;

namespace Xlnet.Domain.Xl;

/// <summary>One entry of <c>pci</c> (libxlu_pci.c): whether xl takes it.</summary>
internal static class PciSpec
{
    /// <summary>libxl's ERROR_INVAL and ERROR_FAIL, positive: xl exits with them.</summary>
    private const int ErrorInvalid = 6;

    private const int ErrorFail = 3;

    private static readonly SearchValues<char> AddressStart = SearchValues.Create("0123456789abcdefABCDEF:");

    /// <param name="printed">What xl prints of it first, without ending the line.</param>
    /// <param name="status">xl's exit status for one that it refuses.</param>
    public static bool IsValid(string spec, out string printed, out int status)
    {
        status = ErrorInvalid;
        printed = "";
        var (hasAddress, hasName) = (false, false);
        var rest = spec.AsSpan();
        if (ReadAddress(rest, out var length))
        {
            hasAddress = true;
            rest = rest[length..];
            if (rest is ['@', ..])
            {
                if (!ReadSlot(rest[1..], out length))
                    return false;
                rest = rest[(1 + length)..];
            }

            if (rest is [',', ..])
                rest = rest[1..];
            else if (!rest.IsEmpty)
                return false;
        }

        while (!rest.IsEmpty)
        {
            var equals = rest.IndexOf('=');
            if (equals < 0)
                return false;
            var key = rest[..equals].ToString();
            rest = rest[(equals + 1)..];
            var comma = rest.IndexOf(',');
            var value = comma < 0 ? rest : rest[..comma];
            rest = comma < 0 ? [] : rest[(comma + 1)..];
            switch (key)
            {
                case "bdf":
                    if (!ReadAddress(value, out _))
                        return false;
                    hasAddress = true;
                    break;
                case "vslot":
                    if (!ReadSlot(value, out _))
                        return false;
                    break;
                case "permissive" or "msitranslate" or "seize" or "power_mgmt":
                    break;
                case "rdm_policy":
                    if (value.ToString().ToLowerInvariant() is not ("invalid" or "strict" or "relaxed"))
                    {
                        status = ErrorFail;
                        printed = $"Unknown RDM policy: {value}";
                        return false;
                    }

                    break;
                case "name":
                    hasName = true;
                    break;
                default:
                    printed = $"Unknown PCI_SPEC_STRING option: {key}";
                    return false;
            }
        }

        return hasAddress != hasName;
    }

    /// <summary><c>[DOMAIN:]BUS:DEVICE.FUNCTION</c> to the base 16; the function may be <c>*</c>.</summary>
    private static bool ReadAddress(ReadOnlySpan<char> text, out int length)
    {
        length = 0;
        var head = text.IndexOfAnyExcept(AddressStart);
        var colons = (head < 0 ? text : text[..head]).Count(':');
        if (colons is not (1 or 2))
            return false;
        Span<uint> limits = colons == 1 ? [0xff, 0x1f] : [0xffff, 0xff, 0x1f];
        var position = 0;
        for (var i = 0; i < limits.Length; i++)
        {
            var number = (uint)CStrings.Strtoul(text[position..], 16, out var read, out _);
            if (read == 0 || number > limits[i])
                return false;
            position += read;
            if (position == text.Length || text[position] != (i == limits.Length - 1 ? '.' : ':'))
                return false;
            position++;
        }

        if (position < text.Length && text[position] == '*')
        {
            length = position + 1;
            return true;
        }

        var function = (uint)CStrings.Strtoul(text[position..], 16, out var digits, out _);
        length = position + digits;
        return digits > 0 && function <= 7;
    }

    private static bool ReadSlot(ReadOnlySpan<char> text, out int length) => (uint)CStrings.Strtoul(text, 16, out length, out _) <= 0x1f && length > 0;
}

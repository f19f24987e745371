using System.Text;

namespace Xlnet.Domain.Xl.Syntax;

/// <summary>Backslash sequences inside strings (libxlu_cfg.c, xlu__cfgl_dequote), bug for bug.</summary>
public static class Escapes
{
    /// <summary>The value of what stands between the quotes. A sequence that xl refuses ends the value there.</summary>
    public static string Resolve(ReadOnlySpan<char> body)
    {
        if (body.IndexOf('\\') < 0)
            return body.ToString();
        var value = new StringBuilder(body.Length);
        for (var i = 0; i < body.Length;)
        {
            if (!TryReadChar(body, ref i, out var c, out _))
                break;
            if (c is { } real)
                value.Append(real);
        }

        return value.ToString();
    }

    /// <summary>Where each char of the value comes from: offsets into the body, and the body's length behind the last.</summary>
    internal static int[] Map(ReadOnlySpan<char> body)
    {
        var starts = new List<int>(body.Length + 1);
        var i = 0;
        while (i < body.Length)
        {
            var start = i;
            if (!TryReadChar(body, ref i, out var c, out _))
                break;
            if (c is not null)
                starts.Add(start);
        }

        starts.Add(body.Length);
        return [.. starts];
    }

    /// <summary>The same as a function, without a table where nothing is escaped; what lies behind the value is its end.</summary>
    /// <param name="isString">Whether escapes count.</param>
    internal static Func<int, int> Map(ReadOnlySpan<char> body, bool isString)
    {
        var length = body.Length;
        if (!isString || body.IndexOf('\\') < 0)
            return i => Math.Min(i, length);
        var map = Map(body);
        return i => map[Math.Min(i, map.Length - 1)];
    }

    /// <summary>xl's words for the first sequence that it refuses, or null.</summary>
    internal static string? FindError(ReadOnlySpan<char> body, out int at)
    {
        at = body.IndexOf('\\');
        if (at < 0)
            return null;
        for (var i = at; i < body.Length;)
        {
            at = i;
            if (!TryReadChar(body, ref i, out _, out var error))
                return error;
        }

        return null;
    }

    /// <summary>Where the first numeric escape stands that xl reads as nothing; -1 without one.</summary>
    internal static int FindVanishing(ReadOnlySpan<char> body)
    {
        for (var i = body.IndexOf('\\'); i >= 0 && i < body.Length;)
        {
            var start = i;
            if (!TryReadChar(body, ref i, out var c, out _))
                return -1;
            if (c is null)
                return start;
        }

        return -1;
    }

    /// <summary>Writes a value so that xl reads it back; a zero byte cannot be written and is left out.</summary>
    public static string Write(ReadOnlySpan<char> value, char quote)
    {
        var body = new StringBuilder(value.Length + 2);
        foreach (var c in value)
        {
            switch (c)
            {
                case '\0': break;
                case '\\': body.Append("\\\\"); break;
                case '\n': body.Append("\\n"); break;
                case '\r': body.Append("\\r"); break;
                default:
                    if (c == quote)
                        body.Append('\\');
                    body.Append(c);
                    break;
            }
        }

        return body.ToString();
    }

    private static bool TryReadChar(ReadOnlySpan<char> body, ref int i, out char? value, out string? error)
    {
        (value, error) = (null, null);
        var c = body[i++];
        if (c != '\\')
        {
            value = c;
            return true;
        }

        var escape = body[i++];
        switch (escape)
        {
            case '"' or '\'' or '\\': value = escape; return true;
            case 'a': value = '\a'; return true;
            case 'b': value = '\b'; return true;
            case 'f': value = '\f'; return true;
            case 'n': value = '\n'; return true;
            case 'r': value = '\r'; return true;
            case 't': value = '\t'; return true;
            case 'v': value = '\v'; return true;
            case 'x':
                // xl asks for more than two digits of at most two: no \x can pass.
                error = "invalid digit after backslash hexnumerical character escape in quoted string";
                return false;
            case >= '0' and <= '7':
                // xl reads up to three decimal digits behind the first one, and gives nothing for them.
                var length = CStrings.StrtoulLength(body.Slice(i, Math.Min(3, body.Length - i)), 10);
                if (length > 1)
                {
                    i += length;
                    return true;
                }

                error = "invalid digit after backslash octalnumerical character escape in quoted string";
                return false;
            default:
                error = "invalid character after backlash in quoted string";
                return false;
        }
    }
}

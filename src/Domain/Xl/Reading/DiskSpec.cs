namespace Xlnet.Domain.Xl;

/// <summary>One entry of <c>disk</c> (libxlu_disk_l.l, libxlu_disk.c): what xl prints of one that it refuses.</summary>
internal sealed class DiskSpec
{
    private static readonly string[] KeyParameters =
    [
        "format", "access", "backend", "backendtype", "specification", "vdev", "script", "colo-host", "colo-port", "colo-export", "active-disk", "hidden-disk",
    ];

    private static readonly string[] Words =
        ["cdrom", "devtype=cdrom", "devtype=disk", "direct-io-safe", "discard", "no-discard", "colo", "no-colo", "trusted", "untrusted"];

    private readonly Dictionary<string, string> _strings = [];
    private readonly Dictionary<string, string> _enums = [];
    private readonly string _spec;
    private readonly string _source;
    private readonly Printout _printout;
    private bool _failed;
    private int _newLine = -1;
    private bool _hadPrefix;
    private bool _accessSet;
    private bool _isCdrom;

    private DiskSpec(string spec, string source, Printout printout)
    {
        _spec = spec;
        _source = source;
        _printout = printout;
        var position = 0;
        while (position < spec.Length && Read(ref position))
        {
        }

        if (_failed)
            return;
        if (!_strings.ContainsKey("vdev"))
            Error(null, "no vdev specified");
        else if (!_strings.ContainsKey("target") && !_isCdrom)
            Error(null, "no target specified (and device not removable)");
    }

    /// <param name="printout">Receives what xl prints of an entry that it refuses.</param>
    public static bool IsValid(string spec, string source, Printout printout) => !new DiskSpec(spec, source, printout)._failed;

    /// <summary>Each of xl's messages repeats the whole entry.</summary>
    private void Error(string? near, string message)
    {
        _failed = true;
        if (_printout.HasRoom)
            _printout.Add($"{_source}: config parsing error in disk specification: {message}{(near is null ? "" : $": near `{near}'")} in `{_spec}'");
    }

    /// <summary>Takes the longest match, and of several the one that xl's lexer lists first.</summary>
    /// <returns>False when xl stops reading.</returns>
    private bool Read(ref int position)
    {
        var rest = _spec.AsSpan(position);
        var blanks = rest.IndexOfAnyExcept(" \t\n");
        if (blanks < 0)
            blanks = rest.Length;
        if (blanks > 0)
        {
            position += blanks;
            return true;
        }

        if (_newLine < position)
            _newLine = _spec.IndexOf('\n', position) is >= 0 and var end ? end : _spec.Length;
        var line = rest[..(_newLine - position)];
        var stop = rest.IndexOfAny('=', ',');
        var positional = stop < 0 ? rest.Length : rest[stop] == ',' ? stop + 1 : stop;

        // What counts as if it matched the whole line: deprecated prefixes, and target=.
        var prefix = Prefix(line);
        if (line.StartsWith("target="))
        {
            position += line.Length;
            Save("target", line["target=".Length..].TrimEnd1(','));
            return true;
        }

        if (prefix > 0 && line.Length >= positional && KnownPrefix(line[..(prefix - 1)]) is { } action)
        {
            position += prefix;
            _hadPrefix = true;
            if (action == "format")
                SetFormat(line[..(prefix - 1)].ToString());
            else if (action == "script")
                Save("script", $"block-{line[..(prefix - 1)]}");
            return true;
        }

        foreach (var word in Words)
        {
            if (!line.StartsWith(word))
                continue;
            var length = word.Length + (line.Length > word.Length && line[word.Length] == ',' ? 1 : 0);
            if (length < positional)
                continue;
            if (word.StartsWith("devtype", StringComparison.Ordinal) && ValueLength(rest, "devtype") > length)
                continue;
            position += length;
            if (word is "cdrom" or "devtype=cdrom")
                _isCdrom = true;
            else if (word == "devtype=disk")
                _isCdrom = false;
            return true;
        }

        if (ValueLength(rest, "devtype") is > 0 and var devtype)
        {
            Error(rest[..devtype].ToString(), "unknown value for type");
            position += devtype;
            return true;
        }

        foreach (var key in KeyParameters)
        {
            if (ValueLength(rest, key) is not (> 0 and var length))
                continue;
            SetParameter(key, rest[(key.Length + 1)..length].TrimEnd1(','));
            position += length;
            return true;
        }

        if (UnknownParameter(rest) is > 0 and var unknown && unknown > positional)
        {
            Error(rest[..unknown].ToString(), "unknown parameter");
            position += unknown;
            return true;
        }

        if (prefix > 0)
        {
            var matched = prefix == rest.Length || char.IsAsciiLetterLower(rest[prefix]) || char.IsAsciiDigit(rest[prefix]) ? prefix : line.Length;
            if (matched >= positional)
            {
                Error(line[..prefix].ToString(), "unknown deprecated disk prefix");
                return false;
            }
        }

        if (positional > 0)
        {
            position += positional;
            return SetPositional(rest[..positional].TrimEnd1(','));
        }

        // Alone at the end, a character that fits nowhere passes unseen.
        if (rest.Length > 1)
            Error(line.ToString(), "bad disk syntax");
        return false;
    }

    private static int ValueLength(ReadOnlySpan<char> rest, string key)
    {
        if (!rest.StartsWith(key) || rest.Length == key.Length || rest[key.Length] != '=')
            return 0;
        var comma = rest.IndexOf(',');
        return comma < 0 ? rest.Length : comma + 1;
    }

    /// <summary><c>[a-z][-a-z0-9]*=[^,],?</c>: xl looks at one character of the value only.</summary>
    private static int UnknownParameter(ReadOnlySpan<char> rest)
    {
        if (rest.IsEmpty || !char.IsAsciiLetterLower(rest[0]))
            return 0;
        var i = 1;
        while (i < rest.Length && (char.IsAsciiLetterLower(rest[i]) || char.IsAsciiDigit(rest[i]) || rest[i] == '-'))
            i++;
        if (i + 1 >= rest.Length || rest[i] != '=' || rest[i + 1] == ',')
            return 0;
        return i + 2 < rest.Length && rest[i + 2] == ',' ? i + 3 : i + 2;
    }

    /// <summary>The length of <c>[a-z][a-z0-9]*:</c>, or 0.</summary>
    private static int Prefix(ReadOnlySpan<char> line)
    {
        if (line.IsEmpty || !char.IsAsciiLetterLower(line[0]))
            return 0;
        var i = 1;
        while (i < line.Length && (char.IsAsciiLetterLower(line[i]) || char.IsAsciiDigit(line[i])))
            i++;
        return i < line.Length && line[i] == ':' ? i + 1 : 0;
    }

    private static string? KnownPrefix(ReadOnlySpan<char> name) => name switch
    {
        "raw" or "qcow" or "qcow2" or "vhd" => "format",
        "iscsi" or "nbd" or "enbd" or "drbd" => "script",
        "tapdisk" or "tap" or "tap2" or "aio" or "ioemu" or "file" or "phy" => "",
        _ => null,
    };

    private void SetParameter(string key, string value)
    {
        switch (key)
        {
            case "format": SetFormat(value); break;
            case "access": SetAccess(value); break;
            case "backendtype": SetEnum("backend", value, value is "phy" or "tap" or "qdisk" or "standalone", "unknown value for backendtype"); break;
            case "specification": SetEnum("specification", value, value is "xen" or "virtio", "unknown value for specification"); break;
            case "colo-port":
                if ((int)CStrings.Strtol(value, 10, out _, out _) == 0)
                    Error(value, "unknown value for colo_port");
                break;
            default: Save(key, value); break;
        }
    }

    private bool SetPositional(string value)
    {
        if (_failed)
            return true;
        if (!_strings.TryGetValue("target", out var target))
        {
            Save("target", value);
        }
        else if (!_hadPrefix && !_enums.ContainsKey("format"))
        {
            if (target.Length == 0 && SetDeviceAndType(value))
                _enums["format"] = "empty";
            else
                SetFormat(value);
        }
        else if (!_strings.ContainsKey("vdev"))
        {
            if (!SetDeviceAndType(value))
                Save("vdev", value);
        }
        else if (!_accessSet)
        {
            _accessSet = true;
            SetAccess(value);
        }
        else
        {
            Error(value, "too many positional parameters");
            return false;
        }

        return true;
    }

    private bool SetDeviceAndType(string value)
    {
        var colon = value.LastIndexOf(':');
        if (colon < 0)
            return false;
        Save("vdev", value[..colon]);
        var type = value[(colon + 1)..];
        if (type is "cdrom" or "disk")
            _isCdrom = type == "cdrom";
        else
            Error(type, "unknown deprecated type");
        return true;
    }

    private void SetFormat(string value) =>
        SetEnum("format", value.Length == 0 ? "raw" : value, value is "" or "raw" or "qcow" or "qcow2" or "vhd" or "empty" or "qed", "unknown value for format");

    private void SetAccess(string value)
    {
        if (value is not ("r" or "ro" or "rw" or "w" or ""))
            Error(value, "unknown value for access");
    }

    private void SetEnum(string name, string value, bool known, string message)
    {
        if (!known)
            Error(value, message);
        else if (_enums.TryGetValue(name, out var earlier) && earlier != value)
            Error(value, $"{name} respecified");
        else
            _enums[name] = value;
    }

    private void Save(string name, string value)
    {
        if (_strings.TryGetValue(name, out var earlier) && earlier.Length > 0)
            Error(value, $"{name} respecified");
        else
            _strings[name] = value;
    }
}

internal static class SpanText
{
    /// <summary>The text without its last char, if that is <paramref name="last"/>.</summary>
    public static string TrimEnd1(this ReadOnlySpan<char> text, char last) =>
        (text.Length > 0 && text[^1] == last ? text[..^1] : text).ToString();
}

using System.Globalization;
using Xlnet.Domain.Xl.Syntax;

namespace Xlnet.Domain.Xl;

/// <summary>The devices that xl reads before and after the vifs.</summary>
internal sealed partial class GuestReader
{
    private static readonly string[] PcmFormats =
    [
        "S8", "U8", "S16_LE", "S16_BE", "U16_LE", "U16_BE", "S24_LE", "S24_BE", "U24_LE", "U24_BE", "S32_LE", "S32_BE", "U32_LE", "U32_BE",
        "F32_LE", "F32_BE", "F64_LE", "F64_BE", "IEC958_SUBFRAME_LE", "IEC958_SUBFRAME_BE", "MU_LAW", "A_LAW", "IMA_ADPCM", "MPEG", "GSM",
    ];

    private static readonly string[] TouchSizes = ["multi-touch-width", "multi-touch-height", "multi-touch-num-contacts"];

    private int? ReadDevices() =>
        ReadDisks() ?? ReadPlan9() ?? ReadTpms() ?? ReadVirtualDisplays() ?? ReadPvCalls() ?? ReadSound() ?? ReadChannels();

    private int? ReadDisks()
    {
        foreach (var spec in GetItems("disk"))
        {
            if (!DiskSpec.IsValid(spec, Source, Printout))
                return 1;
        }

        return null;
    }

    /// <summary>key=value pairs between commas; one without <c>=</c> ends them.</summary>
    private static IEnumerable<(string Key, string Value)> Pairs(string spec) => Tokens(spec)
        .Select(t => t.TrimStart(' '))
        .TakeWhile(t => t.Contains('=', StringComparison.Ordinal))
        .Select(t => (t[..t.IndexOf('=', StringComparison.Ordinal)], t[(t.IndexOf('=', StringComparison.Ordinal) + 1)..]));

    private int? ReadPlan9()
    {
        // xl forgets nothing between two entries: what one of them gave counts for the next.
        var given = new HashSet<string>();
        foreach (var spec in GetItems("p9"))
        {
            foreach (var (key, _) in Pairs(spec))
            {
                if (key is not ("security_model" or "path" or "tag" or "backend"))
                    return Refuse($"Unknown string `{key}' in 9pfs spec");
                given.Add(key);
            }

            if (!given.IsSupersetOf(["path", "security_model", "tag"]))
                return Refuse("9pfs spec missing required field!");
        }

        return null;
    }

    private int? ReadTpms()
    {
        foreach (var spec in GetItems("vtpm"))
        {
            var hasBackend = false;
            foreach (var (key, value) in Pairs(spec))
            {
                if (key == "backend")
                    hasBackend = true;
                else if (key != "uuid")
                    return Refuse($"Unknown string `{key}' in vtpm spec");
                else if (!IsUuid(value))
                    return Refuse($"Failed to parse vtpm UUID: {value}");
            }

            if (!hasBackend)
                return Refuse("vtpm spec missing required backend field!");
        }

        return null;
    }

    private int? ReadVirtualDisplays()
    {
        foreach (var spec in GetItems("vdispl"))
        {
            var connectors = 0;
            foreach (var token in Tokens(spec).Select(t => t.TrimStart(' ')))
            {
                if (Option(token, "connectors") is { } list)
                {
                    var parts = Tokens(list, ';');
                    if (parts.Length == 0)
                        return Crash;
                    connectors = parts.Length;
                    foreach (var connector in parts)
                    {
                        var pair = Tokens(connector, ':');
                        if (pair.Length < 2)
                            return Crash;
                        var width = CStrings.StrtoulLength(pair[1], 10);
                        if (width == 0 || width >= pair[1].Length || pair[1][width] != 'x' || CStrings.StrtoulLength(pair[1].AsSpan(width + 1), 10) == 0)
                            return Refuse("Can't parse connector resolution");
                    }
                }
                else if (Option(token, "backend") is null && Option(token, "be-alloc") is null)
                {
                    return Refuse($"Unknown string \"{token}\" in vdispl spec");
                }
            }

            if (connectors == 0)
                return Refuse("At least one connector should be specified.");
        }

        return null;
    }

    private int? ReadPvCalls()
    {
        foreach (var spec in GetItems("pvcalls"))
        {
            foreach (var (key, _) in Pairs(spec))
            {
                if (key != "backend")
                    return Refuse($"Unknown string `{key}' in pvcalls spec");
            }
        }

        return null;
    }

    private int? ReadSound()
    {
        if (Settings.Find("vsnd") is not { } setting || GetList("vsnd") is null)
            return null;
        foreach (var (_, _, card) in setting.Items)
        {
            if (card is not ListSyntax items)
            {
                var line = _file.Syntax.Locate(card.Start).Line;
                return Refuse(string.Create(CultureInfo.InvariantCulture, $"{Source}:{line}:1: warning: value is not a list\nFailed to get vsnd card list: Invalid argument"));
            }

            var (pcms, streams) = (0, 0);
            foreach (var item in items.Items)
            {
                if (item.Value is not AtomSyntax atom)
                    break;
                if (ReadSoundItem(CStrings.Cut(atom.Value), ref pcms, ref streams) is { } status)
                    return status;
            }
        }

        return null;
    }

    private int? ReadSoundItem(string spec, ref int pcms, ref int streams)
    {
        string? kind = null;
        foreach (var token in Tokens(spec).Select(t => t.TrimStart(' ')))
        {
            if (kind is null)
            {
                kind = token;
                if (IsOneOf(kind, "pcm"))
                    (pcms, streams) = (pcms + 1, 0);
                else if (IsOneOf(kind, "stream"))
                    (pcms, streams) = (Math.Max(1, pcms), streams + 1);
                else if (!IsOneOf(kind, "card"))
                    return Refuse($"Invalid key: {kind}");
                continue;
            }

            if (IsOneOf(kind, "pcm", "stream") && pcms == 0)
                return Refuse(IsOneOf(kind, "pcm") ? "No pcm device" : "No vsnd pcm device");
            if (Option(token, "sample-formats") is { } formats)
            {
                var names = Tokens(formats, ';');
                if (names.Length == 0)
                    return Crash;
                if (names.FirstOrDefault(n => !IsOneOf(n, PcmFormats)) is { } unknown)
                    return Refuse($"Invalid pcm format: {unknown}");
            }
            else if (Option(token, "sample-rates") is { } rates)
            {
                if (Tokens(rates, ';').Length == 0)
                    return Crash;
            }
            else if (Option(token, "channels-min") is null && Option(token, "channels-max") is null && Option(token, "buffer-size") is null)
            {
                var known = IsOneOf(kind, "card") ? Option(token, "backend") ?? Option(token, "short-name") ?? Option(token, "long-name")
                    : IsOneOf(kind, "pcm") ? Option(token, "name")
                    : Option(token, "unique-id") ?? Option(token, "type");
                if (known is null)
                    return Refuse($"Invalid parameter: {token}");
                if (IsOneOf(kind, "stream") && Option(token, "type") is { } type && !IsOneOf(type, "P", "C"))
                    return Refuse($"Invalid stream type: {type}");
            }
        }

        return null;
    }

    private int? ReadChannels()
    {
        foreach (var spec in GetItems("channel"))
        {
            string? connection = null;
            string? path = null;
            var pairs = Tokens(spec);
            if (pairs.Length == 0)
                return Crash;
            foreach (var pair in pairs)
            {
                var parts = Tokens(pair, '=');
                if (parts.Length < 2)
                {
                    Printout.AddPart($"failed to parse channel configuration: {pair}");
                    return 1;
                }

                var key = parts[0].Trim(' ', '\t', '\n', '\v', '\f', '\r');
                var value = parts[1].Trim(' ', '\t', '\n', '\v', '\f', '\r');
                switch (key)
                {
                    case "backend" or "name":
                        break;
                    case "path":
                        path = value;
                        break;
                    case "connection" when value is "pty" or "socket":
                        connection = value;
                        break;
                    case "connection":
                        return Refuse($"unknown channel connection '{value}'");
                    default:
                        if (Printout.HasRoom)
                            Print($"unknown channel parameter '{key}', ignoring");
                        break;
                }
            }

            if (connection is null)
                return Refuse("channel has unknown 'connection'");
            if (connection == "socket" && path is null)
                return Refuse("channel connection 'socket' requires path=..");
        }

        return null;
    }

    private int? ReadKeyboards()
    {
        foreach (var spec in GetItems("vkb"))
        {
            var backend = "UNKNOWN";
            var numbers = new Dictionary<string, ulong>();
            foreach (var token in Tokens(spec).Select(t => t.TrimStart(' ')))
            {
                var equals = token.IndexOf('=', StringComparison.Ordinal);
                var (key, value) = equals < 0 ? ("", "") : (token[..equals], token[(equals + 1)..]);
                switch (key)
                {
                    case "backend" or "unique-id":
                        break;
                    case "backend-type":
                        if (!IsOneOf(value, "UNKNOWN", "QEMU", "LINUX"))
                            return Refuse($"Unknown backend_type \"{value}\" in vkb spec");
                        backend = value.ToUpperInvariant();
                        break;
                    case "feature-disable-keyboard" or "feature-disable-pointer" or "feature-abs-pointer" or "feature-raw-pointer" or "feature-multi-touch"
                        or "multi-touch-width" or "multi-touch-height" or "multi-touch-num-contacts" or "width" or "height":
                        numbers[key] = CStrings.Strtoul(value, 0, out _, out _);
                        break;
                    default:
                        return Refuse($"Unknown string \"{token}\" in vkb spec");
                }
            }

            if (backend == "UNKNOWN")
                return Refuse("backend-type should be set in vkb spec");
            var sizes = TouchSizes.Any(k => (uint)numbers.GetValueOrDefault(k) != 0);
            if (numbers.GetValueOrDefault("feature-multi-touch") != 0 && !sizes)
                return Refuse("multi-touch-width, multi-touch-height, multi-touch-num-contacts should be set for multi touch in vkb spec");
        }

        return null;
    }
}

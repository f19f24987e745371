using System.Globalization;
using Xlnet.Domain.Hosts;

namespace Xlnet.Domain.Xl;

/// <summary>A vif's fields as libxl_device_nic holds them while xl reads.</summary>
internal sealed class RawNic
{
    public int Devid { get; set; }
    public bool? IsIoemu { get; set; }

    /// <summary>Its six bytes, the first one highest.</summary>
    public ulong Mac { get; private set; }

    public ulong BytesPerSecond { get; set; }
    public ulong BytesPerInterval { get; set; }
    public uint IntervalMicroseconds { get; set; }
    public int Mtu { get; set; }
    public bool? Trusted { get; set; }

    private Dictionary<string, string>? _strings;

    public RawNic(int devid, VifDefaults? defaults)
    {
        Devid = devid;
        if (defaults is null)
            return;
        if (defaults.Script is { } script)
            Set("script", script);
        if (defaults.Bridge is { } bridge)
            Set("bridge", bridge);
        if (defaults.GatewayDev is { } gatewayDev)
            Set("gatewaydev", gatewayDev);
        if (defaults.Backend is { } backend)
            Set("backend", backend);
    }

    /// <summary>Whether one of <see cref="VifKeys.Other"/> is set.</summary>
    public bool HasOther { get; private set; }

    /// <summary>Whether neither a string nor a byte of the address is set.</summary>
    public bool IsEmpty => Mac == 0 && _strings is null;

    public IEnumerable<KeyValuePair<string, string>> Other => (_strings ?? []).Where(s => VifKeys.OtherSet.Contains(s.Key));

    public string? Get(string key) => _strings?.GetValueOrDefault(key);

    public void Set(string key, string value) => (_strings ??= [])[key] = value;

    public void SetOther(string key, string value)
    {
        Set(key, value);
        HasOther = true;
    }

    public void SetMacByte(int index, byte value)
    {
        var shift = 40 - 8 * index;
        Mac = Mac & ~(0xFFUL << shift) | (ulong)value << shift;
    }

    /// <summary>Six pairs of digits between colons.</summary>
    public string MacText() => string.Join(':', Enumerable.Range(0, 6).Select(i => ((byte)(Mac >> 40 - 8 * i)).ToString("x2", CultureInfo.InvariantCulture)));

    public XlNic ToNic()
    {
        var properties = new List<KeyValuePair<string, object>>();
        Add("backend");
        if (Devid != -1)
            properties.Add(new("devid", (long)Devid));
        if (Mtu != 0)
            properties.Add(new("mtu", (long)Mtu));
        Add("model");
        if (Mac != 0)
            properties.Add(new("mac", MacText()));
        Add("ip");
        Add("bridge");
        Add("vifname");
        Add("script");
        if (IsIoemu is { } ioemu)
            properties.Add(new("nictype", ioemu ? "vif_ioemu" : "vif"));
        if (BytesPerInterval != 0)
            properties.Add(new("rate_bytes_per_interval", BytesPerInterval));
        if (IntervalMicroseconds != 0)
            properties.Add(new("rate_interval_usecs", (long)IntervalMicroseconds));
        Add("gatewaydev");
        foreach (var key in HasOther ? VifKeys.Other : [])
            Add(key);
        if (Trusted is { } trusted)
            properties.Add(new("trusted", trusted ? "True" : "False")); // libxl writes a defbool as a string
        return new XlNic(properties);

        void Add(string key)
        {
            if (Get(key) is { } value)
                properties.Add(new(VifKeys.JsonNames[key], value));
        }
    }
}

/// <summary>A token of a vif string: between commas, without its leading blanks.</summary>
/// <param name="Start">Offset in the vif string; so is the end.</param>
internal readonly record struct VifToken(int Start, int End)
{
    public int Length => End - Start;

    public string In(string text) => text[Start..End];
}

/// <summary>What became of a token.</summary>
internal enum VifTokenFate
{
    Taken,

    /// <summary>xl prints a line and goes on without it.</summary>
    Refused,

    /// <summary>xl ends with status 1.</summary>
    Fatal,
}

/// <summary>parse_nic_config of xl_parse.c and xlu_vif_parse_rate of libxlu_vif.c, bug for bug.</summary>
internal struct VifParser
{
    private readonly Printout? _printout;
    private readonly string _source;

    /// <param name="printout">Receives what xl prints; null when nobody asks.</param>
    /// <param name="source">The file's name in xl's messages.</param>
    public VifParser(Printout? printout, string source)
    {
        _printout = printout;
        _source = source;
    }

    /// <summary>errno is ERANGE. xl clears it nowhere, and takes a rate that it meets then for an overflow.</summary>
    public bool OutOfRange { get; set; }

    /// <summary>Whether a mac read on behind the end of the string, where xl's result is whatever lies in memory.</summary>
    public bool ReadPastEnd { get; private set; }

    /// <summary>Whether the rate that was refused is one that is too large, or zero.</summary>
    public bool RateOverflowed { get; private set; }

    /// <summary>strtok(3) on commas: empty tokens vanish.</summary>
    /// <param name="text">As C sees it: without a zero byte.</param>
    /// <param name="position">Where the next token is looked for; 0 at first.</param>
    public static bool Next(string text, ref int position, out VifToken token)
    {
        while (position < text.Length && text[position] == ',')
            position++;
        if (position >= text.Length)
        {
            token = default;
            return false;
        }

        var comma = text.IndexOf(',', position);
        var stop = comma < 0 ? text.Length : comma;
        while (position < stop && text[position] == ' ')
            position++;
        token = new VifToken(position, stop);
        position = stop + 1;
        return true;
    }

    /// <summary>Reads one token into <paramref name="nic"/>.</summary>
    /// <param name="rest">What lies behind the token in xl's buffer, its end excluded; a mac may read on into it.</param>
    public VifTokenFate Read(RawNic nic, ReadOnlySpan<char> token, ReadOnlySpan<char> rest)
    {
        if (token is "trusted" or "untrusted")
        {
            nic.Trusted = token is "trusted";
            return VifTokenFate.Taken;
        }

        var equals = token.IndexOf('=');
        var key = equals < 0 ? null : VifKeys.Find(token[..equals]);
        var value = equals < 0 ? [] : token[(equals + 1)..];
        switch (key)
        {
            case "type":
                if (value is not ("vif" or "ioemu"))
                    return Refuse("Invalid parameter `type'.");
                nic.IsIoemu = value is "ioemu";
                return VifTokenFate.Taken;
            case "mac":
                return ReadMac(nic, value, rest) ? VifTokenFate.Taken : Refuse("Invalid parameter `mac'.");
            case "netdev":
                _printout?.Add("the netdev parameter is deprecated, please use gatewaydev instead");
                nic.Set("gatewaydev", value.ToString());
                return VifTokenFate.Taken;
            case "bridge" or "gatewaydev" or "ip" or "script" or "backend" or "vifname" or "model":
                nic.Set(key, value.ToString());
                return VifTokenFate.Taken;
            case "rate":
                return ReadRate(nic, value) ? VifTokenFate.Taken : VifTokenFate.Fatal;
            case "accel":
                _printout?.Add("the accel parameter for vifs is currently not supported");
                return VifTokenFate.Taken;
            case "devid" or "mtu":
                var number = CStrings.Strtoul(value, 10, out var length, out var overflow);
                if (length == 0 || number == ulong.MaxValue)
                {
                    _printout?.AddLast($"xl: failed to convert \"{value}\" to number");
                    return VifTokenFate.Fatal;
                }

                OutOfRange |= overflow;
                if (key == "devid")
                    nic.Devid = unchecked((int)number);
                else
                    nic.Mtu = unchecked((int)number);
                return VifTokenFate.Taken;
            default:
                if (key is not null && VifKeys.OtherSet.Contains(key))
                {
                    nic.SetOther(key, value.ToString());
                    return VifTokenFate.Taken;
                }

                return RefuseUnknown(token);
        }
    }

    /// <summary>For a token that this xl does not know.</summary>
    public VifTokenFate RefuseUnknown(ReadOnlySpan<char> token)
    {
        if (_printout is { HasRoom: true })
            _printout.Add($"unrecognized argument `{token}'");
        return VifTokenFate.Refused;
    }

    private VifTokenFate Refuse(string message)
    {
        _printout?.Add(message);
        return VifTokenFate.Refused;
    }

    /// <summary>Six numbers to the base 16 with any one byte between; the byte behind the token's last number may be its end.</summary>
    private bool ReadMac(RawNic nic, ReadOnlySpan<char> value, ReadOnlySpan<char> rest)
    {
        var segment = value;
        for (var i = 0; i < 6; i++)
        {
            var number = (uint)CStrings.Strtoul(segment, 16, out var length, out var overflow);
            OutOfRange |= overflow;
            if (length == 0 || number > 255)
                return false;
            nic.SetMacByte(i, (byte)number);
            if (i == 5)
                break;
            if (length < segment.Length)
            {
                segment = segment[(length + 1)..];
                continue;
            }

            // The number ended with the token, and xl steps over the token's end.
            if (rest.IsEmpty)
            {
                ReadPastEnd = true;
                return false;
            }

            segment = rest[1..];
            rest = [];
        }

        return true;
    }

    private bool ReadRate(RawNic nic, ReadOnlySpan<char> rate)
    {
        var at = rate.IndexOf('@');
        var amount = at < 0 ? rate : rate[..at];
        if (amount.Length == 0)
            return BadRate("no rate specified", rate);

        // ^[0-9]+[GMK]?[Bb]/s$
        var digits = CountDigits(amount);
        var unit = amount[digits..];
        if (unit.Length > 0 && unit[0] is 'G' or 'M' or 'K')
            unit = unit[1..];
        if (digits == 0 || unit is not ("B/s" or "b/s"))
            return BadRate("invalid rate", amount);
        var bytes = CStrings.Strtoul(amount, 0, out var length, out var overflow);
        OutOfRange |= overflow;
        if (bytes is 0 or > uint.MaxValue || OutOfRange)
            return BadRate("rate overflow", amount);
        bytes *= amount[length] switch { 'G' => 1_000_000_000UL, 'M' => 1_000_000UL, 'K' => 1_000UL, _ => 1UL };
        if (amount[length] == 'b' || length + 1 < amount.Length && amount[length + 1] == 'b')
            bytes /= 8;

        ulong interval = 50_000;
        if (at >= 0)
        {
            // ^[0-9]+[mu]?s?$
            var text = rate[(at + 1)..];
            digits = CountDigits(text);
            if (digits == 0 || text[digits..] is not ("" or "s" or "m" or "u" or "ms" or "us"))
                return BadRate("invalid replenishment interval", text);
            interval = CStrings.Strtoul(text, 0, out length, out overflow);
            OutOfRange |= overflow;
            if (interval is 0 or > uint.MaxValue || OutOfRange)
                return BadRate("replenishment interval overflow", text);
            interval *= length == text.Length || text[length] == 's' ? 1_000_000UL : text[length] == 'm' ? 1_000UL : 1UL;
            if (interval > uint.MaxValue)
                return BadRate("replenishment interval overflow", text);
        }

        if (bytes > ulong.MaxValue / interval)
            return BadRate("rate overflow", rate);
        nic.BytesPerSecond = bytes;
        nic.IntervalMicroseconds = (uint)interval;
        nic.BytesPerInterval = bytes * interval / 1_000_000;
        return true;
    }

    private bool BadRate(string what, ReadOnlySpan<char> text)
    {
        RateOverflowed = what.EndsWith("overflow", StringComparison.Ordinal);
        _printout?.AddLast($"{_source}: config parsing error in vif: {what} in `{text}'");
        return false;
    }

    private static int CountDigits(ReadOnlySpan<char> text)
    {
        var count = text.IndexOfAnyExceptInRange('0', '9');
        return count < 0 ? text.Length : count;
    }
}

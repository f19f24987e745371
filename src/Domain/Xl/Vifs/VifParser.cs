using System.Globalization;
using Xlnet.Domain.Hosts;

namespace Xlnet.Domain.Xl;

/// <summary>A vif's fields as libxl_device_nic holds them while xl reads.</summary>
internal sealed class RawNic
{
    public int Devid { get; set; }
    public bool? IsIoemu { get; set; }
    public byte[] Mac { get; } = new byte[6];
    public Dictionary<string, string> Strings { get; } = [];
    public ulong BytesPerSecond { get; set; }
    public ulong BytesPerInterval { get; set; }
    public uint IntervalMicroseconds { get; set; }
    public int Mtu { get; set; }
    public bool? Trusted { get; set; }

    public RawNic(int devid, VifDefaults? defaults)
    {
        Devid = devid;
        if (defaults?.Script is { } script)
            Strings["script"] = script;
        if (defaults?.Bridge is { } bridge)
            Strings["bridge"] = bridge;
        if (defaults?.GatewayDev is { } gatewayDev)
            Strings["gatewaydev"] = gatewayDev;
        if (defaults?.Backend is { } backend)
            Strings["backend"] = backend;
    }

    public XlNic ToNic()
    {
        var properties = new List<KeyValuePair<string, object>>();
        Add("backend");
        if (Devid != -1)
            properties.Add(new("devid", (long)Devid));
        if (Mtu != 0)
            properties.Add(new("mtu", (long)Mtu));
        Add("model");
        if (Mac.AsSpan().ContainsAnyExcept((byte)0))
            properties.Add(new("mac", string.Join(':', Mac.Select(b => b.ToString("x2", CultureInfo.InvariantCulture)))));
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
        foreach (var key in VifKeys.Other)
            Add(key);
        if (Trusted is { } trusted)
            properties.Add(new("trusted", trusted ? "True" : "False")); // libxl writes a defbool as a string
        return new XlNic(properties);

        void Add(string key)
        {
            if (Strings.TryGetValue(key, out var value))
                properties.Add(new(VifKeys.JsonNames[key], value));
        }
    }
}

/// <summary>A token of a vif string: between commas, without its leading blanks.</summary>
/// <param name="Start">Offset in the vif string.</param>
internal readonly record struct VifToken(int Start, string Text);

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
internal sealed class VifParser
{
    private readonly List<string> _messages;
    private readonly string _source;

    /// <param name="messages">Receives what xl prints.</param>
    /// <param name="source">The file's name in xl's messages.</param>
    public VifParser(List<string> messages, string source)
    {
        _messages = messages;
        _source = source;
    }

    /// <summary>errno is ERANGE. xl clears it nowhere, and takes a rate that it meets then for an overflow.</summary>
    public bool OutOfRange { get; set; }

    /// <summary>Whether a mac read on behind the end of the string, where xl's result is whatever lies in memory.</summary>
    public bool ReadPastEnd { get; private set; }

    /// <summary>strtok(3) on commas: empty tokens vanish. Only the text up to a zero byte is seen.</summary>
    public static IEnumerable<VifToken> Split(string text)
    {
        var end = text.IndexOf('\0') is >= 0 and var nul ? nul : text.Length;
        for (var start = 0; start < end;)
        {
            var comma = text.IndexOf(',', start, end - start);
            var stop = comma < 0 ? end : comma;
            if (stop > start)
            {
                var first = start;
                while (first < stop && text[first] == ' ')
                    first++;
                yield return new VifToken(first, text[first..stop]);
            }

            start = stop + 1;
        }
    }

    /// <summary>Reads one token into <paramref name="nic"/>.</summary>
    /// <param name="rest">What lies behind the token in xl's buffer, its end excluded; a mac may read on into it.</param>
    public VifTokenFate Read(RawNic nic, string token, ReadOnlySpan<char> rest)
    {
        if (token == "trusted" || token == "untrusted")
        {
            nic.Trusted = token == "trusted";
            return VifTokenFate.Taken;
        }

        var equals = token.IndexOf('=');
        var key = equals < 0 ? "" : token[..equals];
        var value = equals < 0 ? "" : token[(equals + 1)..];
        switch (key)
        {
            case "type":
                if (value is not ("vif" or "ioemu"))
                    return Refuse("Invalid parameter `type'.");
                nic.IsIoemu = value == "ioemu";
                return VifTokenFate.Taken;
            case "mac":
                return ReadMac(nic, value, rest) ? VifTokenFate.Taken : Refuse("Invalid parameter `mac'.");
            case "netdev":
                _messages.Add("the netdev parameter is deprecated, please use gatewaydev instead");
                nic.Strings["gatewaydev"] = value;
                return VifTokenFate.Taken;
            case "bridge" or "gatewaydev" or "ip" or "script" or "backend" or "vifname" or "model":
                nic.Strings[key] = value;
                return VifTokenFate.Taken;
            case "rate":
                return ReadRate(nic, value) ? VifTokenFate.Taken : VifTokenFate.Fatal;
            case "accel":
                _messages.Add("the accel parameter for vifs is currently not supported");
                return VifTokenFate.Taken;
            case "devid" or "mtu":
                var number = CStrings.Strtoul(value, 10, out var length, out var overflow);
                if (length == 0 || number == ulong.MaxValue)
                {
                    _messages.Add($"xl: failed to convert \"{value}\" to number");
                    return VifTokenFate.Fatal;
                }

                OutOfRange |= overflow;
                if (key == "devid")
                    nic.Devid = unchecked((int)number);
                else
                    nic.Mtu = unchecked((int)number);
                return VifTokenFate.Taken;
            default:
                if (VifKeys.OtherSet.Contains(key))
                {
                    nic.Strings[key] = value;
                    return VifTokenFate.Taken;
                }

                return Refuse($"unrecognized argument `{token}'");
        }
    }

    private VifTokenFate Refuse(string message)
    {
        _messages.Add(message);
        return VifTokenFate.Refused;
    }

    /// <summary>Six numbers to the base 16 with any one byte between; the byte behind the token's last number may be its end.</summary>
    private bool ReadMac(RawNic nic, string value, ReadOnlySpan<char> rest)
    {
        var segment = value.AsSpan();
        for (var i = 0; i < 6; i++)
        {
            var number = (uint)CStrings.Strtoul(segment, 16, out var length, out var overflow);
            OutOfRange |= overflow;
            if (length == 0 || number > 255)
                return false;
            nic.Mac[i] = (byte)number;
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

    private bool ReadRate(RawNic nic, string rate)
    {
        var at = rate.IndexOf('@');
        var amount = at < 0 ? rate : rate[..at];
        if (amount.Length == 0)
            return BadRate("no rate specified", rate);

        // ^[0-9]+[GMK]?[Bb]/s$
        var digits = CountDigits(amount);
        var unit = amount.AsSpan(digits);
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

    private bool BadRate(string what, string text)
    {
        _messages.Add($"{_source}: config parsing error in vif: {what} in `{text}'");
        return false;
    }

    private static int CountDigits(string text)
    {
        var count = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        return count < 0 ? text.Length : count;
    }
}

using System.Collections.Immutable;
using System.Globalization;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Vifs;

namespace Xlnet.Domain.Xl;

/// <summary>Reads a whole vif string as xl does, and finds what in it is not what it seems.</summary>
internal sealed class VifReader
{
    private readonly string _text;
    private readonly List<string> _messages = [];
    private readonly List<Finding> _findings = [];
    private readonly VifParser _parser;
    private readonly RawNic _nic;
    private readonly List<VifToken> _tokens;
    private string? _vlan;
    private int? _devid;
    private Rate? _rate;

    /// <param name="devid">Its place in the list.</param>
    /// <param name="outOfRange">xl's errno is ERANGE when it comes to this string.</param>
    public VifReader(string text, int devid = 0, VifDefaults? defaults = null, string source = "guest.cfg", bool outOfRange = false)
    {
        _text = text;
        _tokens = [.. VifParser.Split(text)];
        _parser = new VifParser(_messages, source) { OutOfRange = outOfRange };
        _nic = new RawNic(devid, defaults);
        Accepted = ReadTokens();
    }

    public bool Accepted { get; }

    public bool OutOfRange => _parser.OutOfRange;

    public IReadOnlyList<string> Messages => _messages;

    public IReadOnlyList<Finding> Findings => _findings;

    public int? Devid => _devid;

    public XlNic ToNic() => _nic.ToNic();

    public VifSettings ToSettings()
    {
        var mac = _nic.Mac.Aggregate(0UL, (value, b) => value << 8 | b);
        return new VifSettings
        {
            Mac = mac == 0 ? null : new MacAddress(mac),
            Bridge = Get("bridge"),
            Type = _nic.IsIoemu switch { true => VifType.Ioemu, false => VifType.Vif, null => null },
            Model = Get("model"),
            VifName = Get("vifname"),
            Script = Get("script"),
            Ip = Get("ip"),
            Backend = Get("backend"),
            GatewayDev = Get("gatewaydev"),
            Rate = _rate,
            Mtu = _nic.Mtu == 0 ? null : _nic.Mtu,
            Vlan = _vlan,
            Trusted = _nic.Trusted,
            Other = _nic.Strings.Where(s => VifKeys.OtherSet.Contains(s.Key)).ToImmutableSortedDictionary(StringComparer.Ordinal),
        };

        string? Get(string key) => _nic.Strings.GetValueOrDefault(key);
    }

    private bool ReadTokens()
    {
        var seen = new Dictionary<string, VifToken>();
        VifToken? previous = null;
        foreach (var token in _tokens)
        {
            var equals = token.Text.IndexOf('=');
            var key = equals < 0 ? token.Text : token.Text[..equals];
            var value = equals < 0 ? "" : token.Text[(equals + 1)..];
            var valueStart = token.Start + equals + 1;

            // vlan= is known from 4.19 on. xlnet keeps it; the recorded xl, 4.17, skips it.
            if (key == "vlan" && equals >= 0)
            {
                _vlan = value;
                _messages.Add($"unrecognized argument `{token.Text}'");
                Remember(seen, "vlan", token);
                continue;
            }

            var fate = _parser.Read(_nic, token.Text, _text.AsSpan(token.Start + token.Text.Length));
            if (_findings.Count < FindingKinds.Most)
                VifFindings.Check(_findings, token, key, equals >= 0, value, valueStart, fate, _nic, _parser.ReadPastEnd, _messages.Count > 0 ? _messages[^1] : "", previous);
            previous = token;
            if (fate == VifTokenFate.Fatal)
                return false;
            if (fate == VifTokenFate.Refused)
                continue;

            switch (key)
            {
                case "devid": _devid = _nic.Devid; break;
                case "rate": _rate = ToRate(_nic); break;
            }

            Remember(seen, key is "netdev" ? "gatewaydev" : key is "untrusted" ? "trusted" : key, token);
        }

        VifFindings.CheckValues(_findings, _nic, _vlan, seen);
        return true;
    }

    private void Remember(Dictionary<string, VifToken> seen, string key, VifToken token)
    {
        if (seen.TryGetValue(key, out var earlier) && _findings.Count < FindingKinds.Most)
        {
            _findings.Add(FindingKinds.DuplicateKey.At(
                earlier.Start,
                $"'{key}' stands twice; xl takes the last one. Remove this one.",
                new TextFix(earlier.Start, SkipComma(earlier.Start + earlier.Text.Length) - earlier.Start, ""),
                key));
        }

        seen[key] = token;
    }

    private int SkipComma(int end) => end < _text.Length ? end + 1 : end;

    private static Rate? ToRate(RawNic nic)
    {
        var bits = (UInt128)nic.BytesPerSecond * 8;
        if (bits > long.MaxValue || Rate.Check((long)bits, nic.IntervalMicroseconds) is not null)
            return null;
        var rate = new Rate((long)bits, nic.IntervalMicroseconds);
        return (ulong)rate.BytesPerInterval == nic.BytesPerInterval ? rate : null;
    }

    internal static string Mac(byte[] mac) => string.Join(':', mac.Select(b => b.ToString("x2", CultureInfo.InvariantCulture)));
}

using System.Collections.Immutable;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Vifs;

namespace Xlnet.Domain.Xl;

/// <summary>Reads a whole vif string as xl does, and finds what in it is not what it seems.</summary>
internal sealed class VifReader
{
    private readonly string _text;
    private readonly Printout? _printout;
    private readonly int _mostFindings;
    private VifParser _parser; // a struct that changes: there is one for each of up to half a million vifs
    private readonly RawNic _nic;
    private List<Finding>? _findings;
    private Dictionary<string, VifToken>? _seen;
    private string? _vlan;
    private int? _devid;
    private Rate? _rate;

    /// <param name="devid">Its place in the list.</param>
    /// <param name="printout">Receives what xl prints; null when nobody asks.</param>
    /// <param name="outOfRange">xl's errno is ERANGE when it comes to this string.</param>
    /// <param name="mostFindings">About how many findings are wanted.</param>
    public VifReader(
        string text, int devid = 0, VifDefaults? defaults = null, Printout? printout = null, string source = "guest.cfg", bool outOfRange = false, int mostFindings = 0)
    {
        _text = CStrings.Cut(text);
        _printout = printout;
        _mostFindings = mostFindings;
        _parser = new VifParser(printout, source) { OutOfRange = outOfRange };
        _nic = new RawNic(devid, defaults);
        Accepted = ReadTokens();
    }

    public bool Accepted { get; }

    public bool OutOfRange => _parser.OutOfRange;

    /// <summary>What xl prints, when a printout was given.</summary>
    public string Message => _printout?.ToString() ?? "";

    public IReadOnlyList<Finding> Findings => _findings ?? (IReadOnlyList<Finding>)[];

    public int? Devid => _devid;

    public XlNic ToNic() => _nic.ToNic();

    public VifSettings ToSettings()
    {
        if (_seen is null && _nic.IsEmpty)
            return VifSettings.Empty;
        var mac = _nic.Mac;
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
            Other = _nic.HasOther ? _nic.Other.ToImmutableSortedDictionary(StringComparer.Ordinal) : VifSettings.Empty.Other,
        };

        string? Get(string key) => _nic.Get(key);
    }

    private bool ReadTokens()
    {
        VifToken? previous = null;
        var position = 0;
        while (VifParser.Next(_text, ref position, out var token))
        {
            var text = _text.AsSpan(token.Start, token.Length);
            var equals = text.IndexOf('=');
            var key = VifKeys.Find(equals < 0 ? text : text[..equals]);

            // vlan= is known from 4.19 on. xlnet keeps it; the recorded xl, 4.17, skips it.
            if (key == "vlan" && equals >= 0)
            {
                _vlan = text[(equals + 1)..].ToString();
                _parser.RefuseUnknown(text);
                Remember("vlan", token);
                continue;
            }

            var fate = _parser.Read(_nic, text, _text.AsSpan(token.End));
            if (WantsFindings && VifFindings.MayFind(key, text, equals, fate))
                VifFindings.Check(_findings ??= [], _text, token, equals, fate, _nic, _parser, previous);
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

            Remember(key is "netdev" ? "gatewaydev" : key is "untrusted" ? "trusted" : key!, token);
        }

        if (_seen is not null && _mostFindings > 0)
            VifFindings.CheckValues(_findings ??= [], _nic, _vlan, _seen);
        KeepWhatStands();
        return true;
    }

    /// <summary>A key that xl has skipped is not mended where that would override one that it has read.</summary>
    private void KeepWhatStands()
    {
        for (var i = 0; i < _findings?.Count; i++)
        {
            if (_findings[i] is { Fix: { } fix } finding && finding.Code == FindingKinds.UnknownKey.Code && _seen?.ContainsKey(fix.Text) == true)
                _findings[i] = finding with { Fix = null };
        }
    }

    private void Remember(string key, VifToken token)
    {
        _seen ??= [];
        if (WantsFindings && _seen.TryGetValue(key, out var earlier))
        {
            (_findings ??= []).Add(FindingKinds.DuplicateKey.At(
                earlier.Start,
                $"'{key}' stands twice; xl takes the last one. Remove this one.",
                new TextFix(earlier.Start, SkipComma(earlier.End) - earlier.Start, ""),
                key));
        }

        _seen[key] = token;
    }

    private bool WantsFindings => (_findings?.Count ?? 0) < _mostFindings;

    private int SkipComma(int end) => end < _text.Length ? end + 1 : end;

    private static Rate? ToRate(RawNic nic)
    {
        var bits = (UInt128)nic.BytesPerSecond * 8;
        if (bits > long.MaxValue || Rate.Check((long)bits, nic.IntervalMicroseconds) is not null)
            return null;
        var rate = new Rate((long)bits, nic.IntervalMicroseconds);
        return (ulong)rate.BytesPerInterval == nic.BytesPerInterval ? rate : null;
    }
}

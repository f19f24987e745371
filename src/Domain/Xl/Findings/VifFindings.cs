using System.Globalization;
using Xlnet.Domain.Macs;

namespace Xlnet.Domain.Xl;

/// <summary>What is to be said of one token of a vif string, once xl's reading of it is known.</summary>
internal static class VifFindings
{
    /// <summary>Whether there may be something to say: most tokens are a free string that xl takes, without blanks around it.</summary>
    /// <param name="key">As xl knows it, else null.</param>
    public static bool MayFind(string? key, ReadOnlySpan<char> token, int equals, VifTokenFate fate) => key switch
    {
        _ when fate != VifTokenFate.Taken => true,
        "mac" or "rate" or "devid" or "mtu" or "netdev" or "accel" => true,
        _ => equals >= 0 && equals + 1 < token.Length && (token[equals + 1] is ' ' or '\t' || token[^1] is ' ' or '\t'),
    };

    /// <param name="vif">The whole vif string.</param>
    /// <param name="equals">Where in the token its <c>=</c> stands, or -1.</param>
    public static void Check(List<Finding> findings, string vif, VifToken token, int equals, VifTokenFate fate, RawNic nic, VifParser parser, VifToken? previous)
    {
        var hasValue = equals >= 0;
        var valueStart = token.Start + equals + 1;
        var key = vif[token.Start..(hasValue ? token.Start + equals : token.End)];
        var value = hasValue ? vif[valueStart..token.End] : "";
        switch (key)
        {
            case "mac" when hasValue:
                CheckMac(findings, value, valueStart, fate, nic, parser.ReadPastEnd);
                return;
            case "type" when hasValue && fate == VifTokenFate.Refused:
                findings.Add(FindingKinds.TypeInvalid.At(
                    valueStart, $"'{value}' is no type: xl goes on without it. Write type=vif or type=ioemu, or leave it out.", key: key));
                return;
            case "rate" when hasValue:
                CheckRate(findings, value, valueStart, fate, nic, parser.RateOverflowed);
                return;
            case "devid" or "mtu" when hasValue:
                CheckNumber(findings, key, value, valueStart, fate, key == "mtu" ? nic.Mtu : nic.Devid);
                return;
            case "netdev" when hasValue:
                findings.Add(FindingKinds.Deprecated.At(
                    token.Start, "netdev is an old name of gatewaydev: write gatewaydev.", new TextFix(token.Start, 6, "gatewaydev"), key));
                break;
            case "accel" when hasValue:
                findings.Add(FindingKinds.Deprecated.At(token.Start, "xl ignores accel: remove it.", new TextFix(token.Start, token.Length, ""), key));
                return;
        }

        if (fate == VifTokenFate.Refused)
        {
            CheckUnknown(findings, vif, token, key, hasValue, previous);
            return;
        }

        if (hasValue && value.Length > 0 && value.Trim(' ', '\t') is var trimmed && trimmed != value)
        {
            findings.Add(FindingKinds.ValueBlanks.At(
                valueStart,
                $"xl keeps the blanks around this value of {key}: it reads '{value}', not '{trimmed}'. Remove them.",
                new TextFix(valueStart, value.Length, trimmed),
                key));
        }
    }

    /// <summary>What no token alone says: values that xl passes on and that fail, or do nothing, later.</summary>
    public static void CheckValues(List<Finding> findings, RawNic nic, string? vlan, IReadOnlyDictionary<string, VifToken> tokens)
    {
        Check("vifname", FindingKinds.VifNameInvalid, v => v.Length > NetNames.MaxInterface ? null : NetNames.CheckInterface(v));
        Check("vifname", FindingKinds.VifNameTooLong, v => v.Length > NetNames.MaxInterface
            ? $"'{v}' has {v.Length} characters, and Linux takes at most {NetNames.MaxInterface}: the create fails. Give a shorter one."
            : null);
        Check("bridge", FindingKinds.BridgeInvalid, v => v.Length == 0 ? null : NetNames.CheckBridge(v));
        Check("bridge", FindingKinds.OvsSyntax, v => NetNames.HasOvsSyntax(v) && nic.Get("script")?.EndsWith("-openvswitch", StringComparison.Ordinal) != true
            ? $"'{v}' names a VLAN or trunks of an Open vSwitch bridge, and vif-openvswitch is not the script here. Write script=vif-openvswitch, unless xl.conf does."
            : null);
        Check("script", FindingKinds.ScriptInvalid, v => v.Length == 0 ? null : NetNames.CheckScript(v));
        Check("ip", FindingKinds.IpInvalid, v => v.Length == 0 ? null : NetNames.CheckAddresses(v.Trim(' ')));
        Check("ip", FindingKinds.IpNoFilter, v => v.Length > 0 ? "ip= restricts nothing unless the host's FORWARD chain drops by default; it is told to the hotplug script." : null);
        if (nic.IsIoemu == false)
            Check("model", FindingKinds.ModelNotHvm, _ => "model names an emulated card, and type=vif says that there is none: nothing uses it. Leave one of them out.");
        if (vlan is not null && tokens.TryGetValue("vlan", out var vlanToken))
        {
            findings.Add(FindingKinds.VlanVersion.At(
                vlanToken.Start, "xl knows vlan from 4.19 on; an older one prints a line and makes the vif without it. For Open vSwitch bridge=BR.TAG works on every version.", key: "vlan", severity: FindingSeverity.Warning));
            findings.Add(FindingKinds.VlanUnread.At(vlanToken.Start, "No hotplug script that comes with Xen for Linux reads vlan: it has no effect without one of your own.", key: "vlan"));
        }

        void Check(string key, FindingKind kind, Func<string, string?> check)
        {
            if (tokens.TryGetValue(key, out var token) && nic.Get(key) is { } value && check(value) is { } message)
                findings.Add(kind.At(token.Start, message, key: key));
        }
    }

    private static void CheckUnknown(List<Finding> findings, string vif, VifToken token, string key, bool hasValue, VifToken? previous)
    {
        var text = token.In(vif);
        if (previous is { } ip && vif.AsSpan(ip.Start, ip.Length).StartsWith("ip=") && NetNames.IsAddress(text.Trim()))
        {
            var comma = ip.End;
            findings.Add(FindingKinds.IpComma.At(
                token.Start, $"A comma ends the value of ip: xl drops '{text}'. Write a blank between addresses.", new TextFix(comma, token.Start - comma, " "), "ip"));
            return;
        }

        if (hasValue && key is "trusted" or "untrusted")
        {
            var yes = text[(key.Length + 1)..].Trim() is "1" or "yes" or "true" == (key == "trusted");
            findings.Add(FindingKinds.UnknownKey.At(
                token.Start, $"'{key}' takes no value: xl skips '{text}'. Write the bare word.", new TextFix(token.Start, text.Length, yes ? "trusted" : "untrusted"), "trusted"));
            return;
        }

        var simple = key.Trim(' ', '\t', '\n', '\r').ToLowerInvariant();
        TextFix? fix = null;
        var advice = "Remove it.";
        if (hasValue && simple != key && (VifKeys.Fields.Contains(simple) || VifKeys.OtherSet.Contains(simple) || simple is "devid")
            && new VifParser(null, "").Read(new RawNic(0, null), simple + text[key.Length..], []) == VifTokenFate.Taken)
        {
            fix = new TextFix(token.Start, key.Length, simple);
            advice = $"Write {simple}=, in lower case and without a blank before or in front of the '='.";
        }

        findings.Add(FindingKinds.UnknownKey.At(
            token.Start, $"xl knows no '{key}' in a vif: it prints a line and makes the vif without '{text}'. {advice}", fix, key));
    }

    private static void CheckMac(List<Finding> findings, string value, int valueStart, VifTokenFate fate, RawNic nic, bool pastEnd)
    {
        var read = nic.MacText();
        if (pastEnd && fate == VifTokenFate.Refused)
        {
            findings.Add(FindingKinds.MacPastEnd.At(
                valueStart, $"'{value}' has fewer than six numbers: xl reads on behind its end, with a result that nobody knows. Write six pairs such as 00:16:3e:8a:10:02.", key: "mac"));
            return;
        }

        if (fate == VifTokenFate.Refused)
        {
            findings.Add(FindingKinds.MacMalformed.At(
                valueStart, $"'{value}' is no MAC address: xl keeps what it read before the error, {read}. Write six pairs such as 00:16:3e:8a:10:02.", key: "mac"));
            return;
        }

        var fix = new TextFix(valueStart, value.Length, read);
        if (MacAddress.TryParse(value, null, out var mac))
        {
            if (mac.Value == 0)
                findings.Add(FindingKinds.MacZero.At(valueStart, "An address of zeros means none: xl draws a new one at each create. Give an address, or leave mac= out.", key: "mac"));
        }
        else
        {
            findings.Add(FindingKinds.MacSloppy.At(valueStart, $"xl reads '{value}' as {read}. Write it so.", fix, "mac"));
        }

        if ((nic.Mac >> 40 & 1) != 0)
            findings.Add(FindingKinds.MacMulticast.At(valueStart, $"{read} is a multicast address: no bridge delivers to it. Its first byte must be even.", key: "mac"));
    }

    private static void CheckNumber(List<Finding> findings, string key, string value, int valueStart, VifTokenFate fate, int read)
    {
        if (fate == VifTokenFate.Fatal)
        {
            findings.Add(FindingKinds.NumberMalformed.At(valueStart, $"'{value}' is no number: xl exits with status 1. Write a decimal number.", key: key));
            return;
        }

        var plain = read.ToString(CultureInfo.InvariantCulture);
        if (value != plain)
        {
            findings.Add(FindingKinds.NumberSloppy.At(
                valueStart, $"xl reads '{value}' as {plain}. Write a plain decimal number.", read < 0 ? null : new TextFix(valueStart, value.Length, plain), key,
                value.Length > 0 && value.TrimStart('0') == plain ? FindingSeverity.Warning : null));
        }

        if (key == "mtu" && read is < 68 or > 65535 && key == "mtu")
            findings.Add(FindingKinds.MtuRange.At(valueStart, read == 0 ? "mtu=0 means unset to xl: libxl takes 1500. Give 68 to 65535, or leave it out." : $"An MTU of {plain} is out of range: xl passes it, the kernel does not take it. Give 68 to 65535.", key: key));
    }

    private static void CheckRate(List<Finding> findings, string value, int valueStart, VifTokenFate fate, RawNic nic, bool overflowed)
    {
        if (fate == VifTokenFate.Fatal)
        {
            findings.Add((overflowed ? FindingKinds.RateOverflow : FindingKinds.RateMalformed).At(
                valueStart, $"xl refuses the rate '{value}' and exits with status 1. Write a rate such as 10Mb/s or 1MB/s@20ms.", key: "rate"));
            return;
        }

        var meaning = string.Create(CultureInfo.InvariantCulture, $"{nic.BytesPerSecond} bytes a second, {nic.BytesPerInterval} every {nic.IntervalMicroseconds} microseconds");
        var parts = value.Split('@');
        if (parts.Any(p => p.Length > 1 && p[0] == '0'))
            findings.Add(FindingKinds.RateOctal.At(valueStart, $"xl reads a number with a leading zero to the base 8: '{value}' means {meaning}. Write it without the zero.", key: "rate"));
        if (parts.Length == 2 && char.IsAsciiDigit(parts[1][^1]))
        {
            findings.Add(FindingKinds.RateBareInterval.At(
                valueStart + value.Length - parts[1].Length, $"xl takes an interval without a unit as seconds: '{value}' means {meaning}. Write the unit: {parts[1]}s, {parts[1]}ms or {parts[1]}us.",
                parts[1][0] == '0' ? null : new TextFix(valueStart + value.Length, 0, "s"), "rate"));
        }

        var exactBits = value.Contains('b', StringComparison.Ordinal) && CStrings.Strtoul(value, 10, out _, out _) % 8 != 0 && value.IndexOfAny(['G', 'M', 'K']) < 0;
        if (nic.BytesPerInterval is 0 or > uint.MaxValue)
            findings.Add(FindingKinds.RateInexact.At(valueStart, $"'{value}' comes to {meaning}, which is no limit that netback can keep. Give another rate or interval.", key: "rate"));
        else if (exactBits)
            findings.Add(FindingKinds.RateInexact.At(valueStart, $"'{value}' is no whole number of bytes: xl rounds it down to {meaning}. Give a multiple of 8 bits.", key: "rate", severity: FindingSeverity.Warning));
    }
}

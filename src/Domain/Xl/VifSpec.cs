using System.Globalization;
using System.Text;
using Xlnet.Domain.Vifs;

namespace Xlnet.Domain.Xl;

/// <summary>One vif string, such as <c>mac=00:16:3e:8a:10:02,bridge=xenbr0</c> (xl-network-configuration(5)).</summary>
public static class VifSpec
{
    /// <summary>As xl reads an entry of a guest file's list: what it does not understand it skips.</summary>
    public static VifReading Read(string text)
    {
        var reader = new VifReader(text, printout: new Printout(), mostFindings: FindingKinds.Most);
        return new VifReading(
            reader.Devid,
            reader.ToSettings(),
            reader.Findings,
            new XlReading(reader.Accepted, reader.Accepted ? 0 : 1, reader.Message, reader.Accepted ? [reader.ToNic()] : []));
    }

    /// <summary>As <c>xl network-attach DOM key=value …</c> reads: one setting an argument, commas are not split, the first bad one ends it.</summary>
    public static XlReading ReadStrictly(IReadOnlyList<string> arguments)
    {
        var printout = new Printout();
        var parser = new VifParser(printout, "command line");
        var nic = new RawNic(-1, null);
        foreach (var argument in arguments)
        {
            if (parser.Read(nic, CStrings.Cut(argument), []) != VifTokenFate.Taken)
                return new XlReading(false, 1, printout.ToString(), []);
        }

        return new XlReading(true, 0, printout.ToString(), [nic.ToNic()]);
    }

    /// <summary>
    /// The least edit that makes the text read as the target: only keys that differ change; the author's order, spacing and
    /// spelling stay; new keys come at the end, in the order of <see cref="Render"/>. Parts that xl skips stay too.
    /// </summary>
    /// <param name="devid">The devid that the text must give; null leaves <c>devid=</c> as it is.</param>
    public static string Update(string text, VifSettings target, int? devid = null) => Apply(text, Changes(text, target, devid));

    /// <summary>The settings as a vif string, mac and bridge first.</summary>
    public static string Render(VifSettings settings, int? devid = null) => string.Join(',', ToArguments(settings, devid));

    /// <summary>The settings as arguments of <c>xl network-attach</c>, one key=value each.</summary>
    public static IReadOnlyList<string> ToArguments(VifSettings settings, int? devid = null) =>
        [.. ToPairs(settings, devid).Select(p => p.Token)];

    internal static string Apply(string text, IReadOnlyList<TextFix> changes)
    {
        if (changes.Count == 0)
            return text;
        var result = new StringBuilder(text.Length + 32);
        var from = 0;
        foreach (var change in changes.OrderBy(c => c.Start))
        {
            result.Append(text, from, change.Start - from).Append(change.Text);
            from = change.Start + change.Length;
        }

        return result.Append(text, from, text.Length - from).ToString();
    }

    /// <summary>The edits of <see cref="Update"/>. They are tried from the least to the most, and the first that reads right is taken.</summary>
    internal static IReadOnlyList<TextFix> Changes(string text, VifSettings target, int? devid)
    {
        var reader = new VifReader(text);
        if (reader.Accepted && reader.ToSettings().Equals(target) && (devid is null || reader.Devid == devid))
            return [];
        foreach (var thorough in (ReadOnlySpan<bool>)[false, true])
        {
            var changes = ChangesOf(text, reader.ToSettings(), reader.Devid, target, devid, thorough || !reader.Accepted);
            if (ReadsAs(Apply(text, changes), target, devid))
                return changes;
        }

        return [new TextFix(0, text.Length, Render(target, devid ?? reader.Devid))];
    }

    private static bool ReadsAs(string text, VifSettings target, int? devid)
    {
        var reader = new VifReader(text);
        return reader.Accepted && reader.ToSettings().Equals(target) && (devid is null || reader.Devid == devid);
    }

    /// <param name="thorough">Rewrites every token of a known key that is not spelled as xlnet spells it.</param>
    private static List<TextFix> ChangesOf(string text, VifSettings current, int? currentDevid, VifSettings target, int? devid, bool thorough)
    {
        var pairs = ToPairs(target, devid);
        var wanted = pairs.ToDictionary(p => p.Key, p => p.Token);
        var have = ToPairs(current, currentDevid).ToDictionary(p => p.Key, p => p.Token);
        var segments = Segments(text);
        var lastOf = new Dictionary<string, int>();
        for (var i = 0; i < segments.Count; i++)
        {
            if (segments[i].Field is { } field)
                lastOf[field] = i;
        }

        var changes = new List<TextFix>();
        var removed = new bool[segments.Count];
        for (var i = 0; i < segments.Count; i++)
        {
            if (segments[i].Field is not { } field || field == "devid" && devid is null)
                continue;
            if (!wanted.TryGetValue(field, out var wantedToken))
                removed[i] = true;
            else if (lastOf[field] != i)
                removed[i] = thorough;
            else if (thorough || !have.TryGetValue(field, out var haveToken) || haveToken != wantedToken)
                AddReplacement(changes, segments[i].TokenStart, text[segments[i].TokenStart..segments[i].End], wantedToken);
        }

        AddRemovals(changes, segments, removed);
        var additions = pairs.Where(p => !lastOf.ContainsKey(p.Key)).Select(p => p.Token).ToList();
        if (additions.Count > 0)
        {
            var lastKept = Array.FindLastIndex(removed, r => !r);
            var separator = segments.Count > 1 && segments.Skip(1).All(s => s.TokenStart > s.Start) ? ", " : ",";
            var first = lastKept < 0 || segments[lastKept].TokenStart == segments[lastKept].End ? "" : separator;
            changes.Add(new TextFix(text.Length, 0, first + string.Join(separator, additions)));
        }

        return changes;
    }

    /// <summary>A removed segment takes the comma before it along, or the one behind it when nothing stays before it.</summary>
    private static void AddRemovals(List<TextFix> changes, List<Segment> segments, bool[] removed)
    {
        var keptBefore = false;
        for (var i = 0; i < segments.Count; i++)
        {
            if (!removed[i])
            {
                keptBefore = true;
                continue;
            }

            var (start, end) = (segments[i].Start, segments[i].End);
            if (keptBefore)
                start--;
            else if (i + 1 < segments.Count)
                end = removed[i + 1] ? segments[i + 1].Start : segments[i + 1].TokenStart;
            changes.Add(new TextFix(start, end - start, ""));
        }
    }

    /// <summary>What stands between commas, the empty ones too; <paramref name="TokenStart"/> is behind its leading blanks.</summary>
    private readonly record struct Segment(int Start, int TokenStart, int End, string? Field);

    private static List<Segment> Segments(string text)
    {
        var segments = new List<Segment>();
        for (var start = 0; start <= text.Length;)
        {
            var comma = text.IndexOf(',', start);
            var end = comma < 0 ? text.Length : comma;
            var token = start;
            while (token < end && text[token] == ' ')
                token++;
            segments.Add(new Segment(start, token, end, FieldOf(text[token..end])));
            start = end + 1;
        }

        return segments;
    }

    private static void AddReplacement(List<TextFix> changes, int start, string token, string wanted)
    {
        if (token == wanted)
            return;
        var equals = token.IndexOf('=');
        var wantedEquals = wanted.IndexOf('=');
        if (equals >= 0 && wantedEquals >= 0)
            changes.Add(new TextFix(start + equals + 1, token.Length - equals - 1, wanted[(wantedEquals + 1)..]));
        else
            changes.Add(new TextFix(start, token.Length, wanted));
    }

    /// <summary>The field that a token is about, where xl knows one.</summary>
    private static string? FieldOf(string token)
    {
        if (token is "trusted" or "untrusted")
            return "trusted";
        var equals = token.IndexOf('=');
        if (equals < 0)
            return null;
        return token[..equals] switch
        {
            "netdev" => "gatewaydev",
            "trusted" => null,
            "devid" => "devid",
            var key when Array.IndexOf(VifKeys.Fields, key) >= 0 || VifKeys.OtherSet.Contains(key) => key,
            _ => null,
        };
    }

    private static List<(string Key, string Token)> ToPairs(VifSettings settings, int? devid)
    {
        var pairs = new List<(string Key, string Token)>();
        Add("mac", settings.Mac?.ToString());
        Add("bridge", settings.Bridge);
        Add("type", settings.Type switch { VifType.Vif => "vif", VifType.Ioemu => "ioemu", _ => null });
        Add("model", settings.Model);
        Add("vifname", settings.VifName);
        Add("script", settings.Script);
        Add("ip", settings.Ip);
        Add("backend", settings.Backend);
        Add("gatewaydev", settings.GatewayDev);
        Add("rate", settings.Rate?.ToString());
        Add("mtu", settings.Mtu?.ToString(CultureInfo.InvariantCulture));
        Add("vlan", settings.Vlan);
        if (settings.Trusted is { } trusted)
            pairs.Add(("trusted", trusted ? "trusted" : "untrusted"));
        foreach (var (key, value) in settings.Other)
            Add(key, value);
        Add("devid", devid?.ToString(CultureInfo.InvariantCulture));
        return pairs;

        void Add(string key, string? value)
        {
            if (value is not null)
                pairs.Add((key, $"{key}={XlText.Encode(value)}"));
        }
    }
}

using System.Collections.Immutable;
using System.Text;
using Xlnet.Domain.Xl;

namespace Xlnet.Domain.Networking;

/// <summary>
/// Debian's interfaces(5), read as ifupdown 0.8 reads it and kept byte for byte: <c>Parse(text).ToString() == text</c> for every text.
/// An edit takes whole lines out or adds some, and leaves every other byte as it was. A char is a byte (<see cref="XlText"/>).
/// </summary>
public sealed class InterfacesFile
{
    /// <summary>What of the file is xlnet's stands between these two lines.</summary>
    public const string BlockBegin = "# >>> xlnet: it keeps what stands between these lines, and writes it anew with each apply";

    public const string BlockEnd = "# <<< xlnet";

    private const string AllowPrefix = "allow-";

    private readonly ImmutableArray<Line> _lines;

    private InterfacesFile(ImmutableArray<Line> lines)
    {
        _lines = lines;
        (Stanzas, Lists, IsSound) = Read(lines);
    }

    /// <summary>The iface stanzas, in the order of the file.</summary>
    public IReadOnlyList<InterfaceStanza> Stanzas { get; }

    /// <summary>What <c>auto</c>, <c>allow-*</c>, <c>no-auto-down</c>, <c>no-scripts</c> and <c>rename</c> name.</summary>
    public IReadOnlyList<InterfaceList> Lists { get; }

    /// <summary>Whether ifupdown reads the file at all: one line that it cannot place, and it refuses the whole of it.</summary>
    public bool IsSound { get; }

    /// <summary>What <c>source</c> and <c>source-directory</c> name, as they are written.</summary>
    public IReadOnlyList<string> Sources => [.. _lines.Where(l => IsSource(l.Word)).Select(l => l.Rest)];

    public static InterfacesFile Parse(string text) => new(Split(text));

    public static InterfacesFile Parse(ReadOnlySpan<byte> bytes) => Parse(XlText.FromBytes(bytes));

    public override string ToString() => string.Concat(_lines.Select(l => l.Text));

    public byte[] ToBytes() => XlText.ToBytes(ToString());

    /// <summary>The stanzas of one interface, in the order in which ifupdown applies them.</summary>
    public IReadOnlyList<InterfaceStanza> Of(string name) => [.. Stanzas.Where(s => s.Name == name)];

    /// <summary>Whether something brings the interface up at boot or when it appears: an <c>auto</c> or <c>allow-*</c> line.</summary>
    public bool IsBroughtUp(string name) => Lists.Any(l => (l.Keyword == "auto" || l.Keyword.StartsWith(AllowPrefix, StringComparison.Ordinal)) && l.Names.Contains(name));

    /// <summary>The file without what it says of an interface: its stanzas, and its name where lists name it with others.</summary>
    public InterfacesFile Without(string name)
    {
        var gone = Of(name).SelectMany(s => Enumerable.Range(s.FirstLine, s.LastLine - s.FirstLine + 1)).ToHashSet();
        var builder = ImmutableArray.CreateBuilder<Line>(_lines.Length);
        for (var i = 0; i < _lines.Length; i++)
        {
            if (gone.Contains(i))
                continue;
            var line = _lines[i];
            if (IsList(line.Word) && line.Word != "rename" && Words(line.Rest).Contains(name))
            {
                if (line.WithoutWord(name) is { } rest)
                    builder.Add(rest);
                continue;
            }

            builder.Add(line);
        }

        return new InterfacesFile(builder.ToImmutable());
    }

    /// <summary>What stands between xlnet's two lines, without these; null where they are not there.</summary>
    public string? Block => FindBlock() is var (first, last) ? string.Concat(_lines[(first + 1)..last].Select(l => l.Text)) : null;

    /// <summary>The file with this between xlnet's two lines: in its place where there is such a block already, else at the end.</summary>
    public InterfacesFile WithBlock(string content)
    {
        var block = $"{BlockBegin}\n{content}{(content is "" || content.EndsWith('\n') ? "" : "\n")}{BlockEnd}\n";
        if (FindBlock() is var (first, last))
            return Parse(string.Concat(_lines[..first].Select(l => l.Text)) + block + string.Concat(_lines[(last + 1)..].Select(l => l.Text)));
        var text = ToString();
        if (text.Length > 0 && !text.EndsWith('\n'))
            text += "\n";
        // A last line that is to be continued would swallow the first of ours.
        while (Split(text) is [.., { Continues: true }])
            text += "\n";
        return Parse(text + (text.Length == 0 ? "" : "\n") + block);
    }

    /// <summary>The file without xlnet's two lines and what stands between them.</summary>
    public InterfacesFile WithoutBlock()
    {
        if (FindBlock() is not var (first, last))
            return this;
        return Parse(string.Concat(_lines[..first].Concat(_lines[(last + 1)..]).Select(l => l.Text)));
    }

    /// <summary>The last block whose two lines are there: what stands between other lines is not ours to overwrite.</summary>
    private (int First, int Last)? FindBlock()
    {
        for (var last = _lines.Length - 1; last >= 0; last--)
        {
            if (!_lines[last].Is(BlockEnd))
                continue;
            for (var first = last - 1; first >= 0; first--)
            {
                if (_lines[first].Is(BlockBegin))
                    return (first, last);
            }
        }

        return null;
    }

    /// <summary>Lines as ifupdown joins them: a comment ends with its line, any other one goes on behind a backslash that is its last character.</summary>
    private static ImmutableArray<Line> Split(string text)
    {
        var lines = ImmutableArray.CreateBuilder<Line>();
        for (var start = 0; start < text.Length;)
        {
            var logical = new StringBuilder();
            var (end, content) = Physical(start);
            var trimmed = content.TrimStart(Blanks);
            var comment = trimmed.StartsWith('#');
            logical.Append(trimmed);
            var continues = false;
            while (!comment && logical.Length > 0 && logical[^1] == '\\')
            {
                logical.Length--;
                if (end >= text.Length)
                {
                    continues = true;
                    continue;
                }

                (end, content) = Physical(end);
                logical.Append(content);
            }

            lines.Add(new Line(text[start..end], comment ? "" : logical.ToString().TrimEnd(Blanks), continues));
            start = end;
        }

        return lines.DrainToImmutable();

        (int End, string Content) Physical(int from)
        {
            var at = text.IndexOf('\n', from);
            var content = at < 0 ? text[from..] : text[from..at];
            // ifupdown reads a line as a string of C, which ends with its first zero byte.
            var nul = content.IndexOf('\0', StringComparison.Ordinal);
            return (at < 0 ? text.Length : at + 1, nul < 0 ? content : content[..nul]);
        }
    }

    private static (IReadOnlyList<InterfaceStanza>, IReadOnlyList<InterfaceList>, bool) Read(ImmutableArray<Line> lines)
    {
        List<InterfaceStanza> stanzas = [];
        List<InterfaceList> lists = [];
        var (sound, inMapping) = (true, false);
        InterfaceStanza? current = null;
        var sourced = false;
        for (var i = 0; i < lines.Length && sound; i++)
        {
            var line = lines[i];
            switch (line.Word)
            {
                case "":
                    break;
                case "mapping":
                    (current, inMapping) = (End(current), true);
                    break;
                case "iface":
                    inMapping = false;
                    End(current);
                    current = Begin(line, i);
                    sound = current is not null;
                    break;
                case var word when IsList(word):
                    // Alone within a stanza it means that stanza's interface, and the stanza goes on.
                    if (line.Rest.Length == 0 && current is not null && word != "rename")
                    {
                        lists.Add(new InterfaceList(word, [current.Name]));
                        current = current with { LastLine = i };
                        break;
                    }

                    lists.Add(new InterfaceList(word, Words(line.Rest)));
                    (current, inMapping) = (End(current), false);
                    break;
                case var word when IsSource(word):
                    (current, inMapping, sourced) = (End(current), false, true);
                    break;
                case var word when inMapping:
                    sound = word is "script" or "map";
                    break;
                case var word when current is not null:
                    sound = line.Rest.Length > 0;
                    if (sound)
                    {
                        var name = word switch { "post-up" => "up", "pre-down" => "down", _ => word };
                        current = current with { LastLine = i, Options = [.. current.Options, new InterfaceOption(name, line.Rest)] };
                    }

                    break;
                default:
                    sound = false;
                    break;
            }
        }

        End(current);
        return (stanzas, lists, sound);

        InterfaceStanza? End(InterfaceStanza? stanza)
        {
            if (stanza is not null)
                stanzas.Add(stanza);
            return null;
        }

        InterfaceStanza? Begin(Line line, int index)
        {
            var words = Words(line.Rest);
            if (words is not [var name, .. var rest])
                return null;
            string? family = null, method = null, inherits = null;
            if (rest is [var second, ..] && second != "inherits")
            {
                (family, rest) = (second, rest[1..]);
                if (rest is [var third, ..] && third != "inherits")
                    (method, rest) = (third, rest[1..]);
            }

            if (rest is ["inherits", .. var from])
            {
                if (from is not [var parent, ..])
                    return null;
                inherits = parent;
            }

            var template = inherits is null ? null : stanzas.FirstOrDefault(s => s.Name == inherits && (family is null || s.Family == family));
            // It may be in a file that was sourced.
            if (inherits is not null && template is null && !sourced)
                return null;
            family ??= template?.Family;
            method ??= template?.Method;
            return family is null || method is null || Methods.TryGetValue(family, out var methods) && !methods.Contains(method)
                ? null
                : new InterfaceStanza(name, family, method, inherits, template?.Options ?? [], index, index) { Inherited = template?.Options.Length ?? 0 };
        }
    }

    /// <summary>The methods of the address families that matter here; ifupdown refuses a file that names another.</summary>
    private static readonly Dictionary<string, string[]> Methods = new()
    {
        ["inet"] = ["loopback", "static", "manual", "dhcp", "bootp", "tunnel", "ppp", "wvdial", "ipv4ll"],
        ["inet6"] = ["auto", "loopback", "static", "manual", "dhcp", "v4tunnel", "6to4", "tunnel"],
    };

    private static bool IsSource(string word) => word == "source" || word.StartsWith("source-dir", StringComparison.Ordinal);

    private static bool IsList(string word) =>
        word is "auto" or "no-auto-down" or "no-scripts" or "rename" || word.StartsWith(AllowPrefix, StringComparison.Ordinal) && word.Length > AllowPrefix.Length;

    private static string[] Words(string text) => text.Split(Blanks, StringSplitOptions.RemoveEmptyEntries);

    /// <summary>What isspace() takes in the C locale.</summary>
    private static readonly char[] Blanks = [' ', '\t', '\n', '\v', '\f', '\r'];

    /// <param name="Text">All of it, line ends included.</param>
    /// <param name="Continues">A backslash is the last of the file.</param>
    private sealed record Line(string Text, string Joined, bool Continues)
    {
        /// <summary>Empty where the line is blank or a comment.</summary>
        public string Word { get; } = Joined.Split(Blanks, 2)[0];

        public string Rest { get; } = Joined.Split(Blanks, 2) is [_, var rest] ? rest.TrimStart(Blanks) : "";

        public bool Is(string marker) => Text.AsSpan().Trim(Blanks).SequenceEqual(marker);

        /// <summary>The line without a name; null when it names nothing else.</summary>
        public Line? WithoutWord(string name)
        {
            if (Words(Rest).All(w => w == name))
                return null;
            var text = Text;
            // The keyword may be the name of an interface too.
            var from = text.IndexOf(Word, StringComparison.Ordinal) + Word.Length;
            for (var at = from; (at = text.IndexOf(name, at, StringComparison.Ordinal)) >= 0;)
            {
                var end = at + name.Length;
                if (!IsBlank(text[at - 1]) || end < text.Length && !IsBlank(text[end]))
                {
                    at = end;
                    continue;
                }

                // The blanks before it go with it, as far as they are on its line.
                var begin = at;
                while (begin > from && text[begin - 1] is ' ' or '\t')
                    begin--;
                text = text.Remove(begin, end - begin);
                at = begin;
            }

            var edited = Split(text);
            string[] left = [.. Words(Rest).Where(w => w != name)];
            // A name that is itself broken by a continued line is not found in the text.
            return edited is [var line] && line.Word == Word && Words(line.Rest).SequenceEqual(left)
                ? line
                : Split($"{Word} {string.Join(' ', left)}\n")[0];
        }

        private static bool IsBlank(char c) => Blanks.Contains(c);
    }
}

/// <summary>One iface stanza.</summary>
/// <param name="Family">inet, inet6, …</param>
/// <param name="Method">static, dhcp, manual, …</param>
/// <param name="Inherits">The stanza whose options it begins with.</param>
/// <param name="Options">In their order, inherited ones first; <c>post-up</c> is <c>up</c> and <c>pre-down</c> is <c>down</c>.</param>
/// <param name="FirstLine">Of the file, from 0, continued lines being one.</param>
public sealed record InterfaceStanza(
    string Name, string Family, string Method, string? Inherits, ImmutableArray<InterfaceOption> Options, int FirstLine, int LastLine)
{
    /// <summary>How many of the options are inherited.</summary>
    public int Inherited { get; init; }

    /// <summary>The last value that an option has.</summary>
    public string? Find(string option) => Options.LastOrDefault(o => o.Name == option)?.Value;

    public IEnumerable<string> All(string option) => Options.Where(o => o.Name == option).Select(o => o.Value);
}

public sealed record InterfaceOption(string Name, string Value)
{
    /// <summary>Whether ifupdown runs it as a command.</summary>
    public bool IsCommand => Name is "pre-up" or "up" or "down" or "post-down";
}

/// <param name="Keyword"><c>auto</c>, <c>allow-hotplug</c>, …</param>
public sealed record InterfaceList(string Keyword, IReadOnlyList<string> Names);

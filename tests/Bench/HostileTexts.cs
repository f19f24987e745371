using System.Globalization;
using System.Text;
using Xlnet.Domain.Xl;

namespace Xlnet.Bench;

/// <summary>A text made to be slow to read, and what is done with it.</summary>
/// <param name="Make">The text, of about as many bytes.</param>
/// <param name="Prepare">What is not measured; gives what is.</param>
internal sealed record HostileText(string Name, Func<int, string> Make, Func<string, Func<object>> Prepare)
{
    /// <summary>Each aims at one loop of the lexer, the parser, the readers, the findings or the edits.</summary>
    public static readonly IReadOnlyList<HostileText> All =
    [
        Guest("`[`", n => "x=" + Repeat("[", n - 2)),
        Guest("`'`", n => Repeat("'", n)),
        Guest("`\"`", n => Repeat("\"", n)),
        Guest("open strings", n => Repeat("'a \"b ", n)),
        Guest("`@` a line", n => Repeat("@\n", n)),
        Guest("`;`", n => Repeat(";", n)),
        Guest("`\\`", n => Repeat("\\", n)),
        Guest("`\\\\` in one string", n => $"a='{Repeat("\\\\", n)}'\n"),
        Guest("`a `", n => Repeat("a ", n)),
        Guest("one name", n => Repeat("a", n)),
        Guest("one name, assigned", n => Repeat("a", n) + "=1\n"),
        Guest("`a=1` a line", n => Repeat("a=1\n", n)),
        Guest("names, each its own", n => Lines(n, i => $"a{i}=1\n")),
        Guest("`#` a line", n => Repeat("#\n", n)),
        Guest("`#` on one line", n => Repeat("#", n)),
        Guest("line ends", n => Repeat("\n", n)),
        Guest("`a+='b'` a line", n => Repeat("a+='b'\n", n)),
        Guest("`vif=['']` a line", n => Repeat("vif=['']\n", n)),
        Guest("`vif+=['']` a line", n => Repeat("vif+=['']\n", n)),
        Guest("`vif=[`", n => Repeat("vif=[", n)),
        Guest("`vif=[` a line", n => Repeat("vif=[\n", n)),
        Guest("lists 64 deep", n => Repeat($"a={new string('[', 64)}{new string(']', 64)}\n", n)),
        Guest("lists 64 deep, with values", n => Repeat($"a={string.Concat(Enumerable.Repeat("[1,", 64))}1{new string(']', 64)}\n", n)),
        Guest("one list of numbers", n => $"a=[{Repeat("1,", n)}]\n"),
        Guest("vifs with nothing", n => Vifs(n, _ => "")),
        Guest("vifs that are numbers", n => Head + $"vif=[{Repeat("1,", n)}]\n"),
        Guest("vifs of one word", n => Vifs(n, _ => "a")),
        Guest("vifs with a finding each", n => Vifs(n, i => $"Bridge=b{i},mac=00:16:3e:zz:00:01")),
        Guest("vifs with the same address", n => Vifs(n, _ => "mac=00:16:3e:00:00:01,vifname=v,devid=0")),
        Guest("vifs with an address each", n => Vifs(n, i => $"mac=00:16:3e:{i >> 16 & 255:x2}:{i >> 8 & 255:x2}:{i & 255:x2}")),
        Guest("vifs with a rate each", n => Vifs(n, i => $"rate={i * 8 + 8}Kb/s")),
        Guest("a vif of `,`", n => OneVif(n, ",")),
        Guest("a vif of `a,`", n => OneVif(n, "a,")),
        Guest("a vif of unknown keys", n => Head + $"vif=['{Lines(n, i => $"k{i}=1,")}']\n"),
        Guest("a vif of `mac=,`", n => OneVif(n, "mac=,")),
        Guest("a vif of addresses", n => OneVif(n, "mac=00:16:3e:00:00:01,")),
        Guest("a vif of `rate=`", n => OneVif(n, "rate=8Kb/s@010,")),
        Guest("a vif of one rate", n => Head + $"vif=['rate={Repeat("1", n)}']\n"),
        Guest("a vif of `ip=` addresses", n => Head + $"vif=['ip={Repeat("10.0.0.1 ", n)}']\n"),
        Guest("a vif of `ip=` and commas", n => OneVif(n, "ip=10.0.0.1,10.0.0.2,")),
        Guest("a vif of one bridge", n => Head + $"vif=['bridge={Repeat("b:1", n)}']\n"),
        Guest("a vif of escapes", n => OneVif(n, "\\'")),
        Guest("a disk of known words", n => Head + $"disk=['{Repeat("discard,", n)}']\n"),
        Guest("a disk of unknown keys", n => Head + $"disk=['{Repeat("bogus=1,", n)}']\n"),
        Guest("a disk of line ends", n => Head + $"disk=['{Repeat("vdev=\\n,", n)}']\n"),
        Guest("a PCI device of options", n => Head + $"pci=['01:00.0,{Repeat("seize=1,", n)}']\n"),
        Guest("channels", n => Head + $"channel=['connection=pty,{Repeat("a=1,", n)}']\n"),
        Of("vif string of `mac=,`", LintKind.Vif, n => Repeat("mac=,", n)),
        Of("vif string of `rate=`", LintKind.Vif, n => Repeat("rate=1B/s,", n)),
        Of("vif string of `a,`", LintKind.Vif, n => Repeat("a,", n)),
        Of("vif string of line ends", LintKind.Vif, n => Repeat("\n,", n)),
        Of("xl.conf of `vifscript=1`", LintKind.XlConf, n => Repeat("vifscript=1\n", n)),
        Of("xl.conf of `[`", LintKind.XlConf, n => "x=" + Repeat("[", n - 2)),
        Edits("turned round", vifs => vifs.Reverse()),
        Edits("shuffled", vifs => vifs.OrderBy(v => v.Devid * 7919L % 10007)),
        Edits("with another bridge each", Rebridge),
        Edits("gone", _ => []),
        new("edit: 10,000 numbers made vifs", n => Head + $"vif=[{string.Concat(Enumerable.Repeat("1,", Count(n)))}]\n", text => Edit(text, Rebridge)),
        new("edit: 10,000 vifs of as many lists, turned round", n => Head + Join(n, i => $"vif+=['bridge=b{i}']\n"), text => Edit(text, vifs => vifs.Reverse())),
    ];

    /// <summary>What stands around the repeated part fits in here.</summary>
    private const int Room = 96;

    private const string Head = "name='g'\nkernel='/k'\n";

    private static HostileText Guest(string name, Func<int, string> make) => Of(name, LintKind.Guest, make);

    private static HostileText Of(string name, LintKind kind, Func<int, string> make) => new(name, n => Cut(make(n), n), text => () => Lint.Run(kind, text));

    private static HostileText Edits(string what, Func<IEnumerable<VifTarget>, IEnumerable<VifTarget>> change) =>
        new($"edit: 10,000 vifs, {what}", n => Head + $"vif=[{Join(n, i => $"'bridge=b{i}',")}]\n", text => Edit(text, change));

    private static int Count(int length) => (int)(10_000L * length / (1 << 20));

    private static string Join(int length, Func<int, string> vif) => string.Concat(Enumerable.Range(0, Count(length)).Select(vif));

    private static IEnumerable<VifTarget> Rebridge(IEnumerable<VifTarget> vifs) => vifs.Select(v => v with { Settings = v.Settings with { Bridge = "x" } });

    private static Func<object> Edit(string text, Func<IEnumerable<VifTarget>, IEnumerable<VifTarget>> change)
    {
        var file = GuestFile.Parse(text);
        VifTarget[] targets = [.. change(file.Vifs.Select(v => new VifTarget(v.Devid, v.Settings)))];
        return () => GuestFile.Parse(text).WithVifs(targets).Vifs;
    }

    private static string OneVif(int length, string piece) => Head + $"vif=['{Repeat(piece, length)}']\n";

    private static string Vifs(int length, Func<int, string> vif) => Head + $"vif=[{Lines(length, i => $"'{vif(i)}',")}]\n";

    /// <summary>A little less than the length, so that what stands around it has room in 1 MiB.</summary>
    private static string Repeat(string piece, int length) => string.Concat(Enumerable.Repeat(piece, (length - Room) / piece.Length));

    private static string Lines(int length, Func<int, string> line)
    {
        var text = new StringBuilder(length);
        for (var i = 0; ; i++)
        {
            var next = line(i);
            if (text.Length + next.Length > length - Room)
                return text.ToString();
            text.Append(CultureInfo.InvariantCulture, $"{next}");
        }
    }

    private static string Cut(string text, int length) =>
        text.Length <= length ? text : throw new InvalidOperationException($"A text of {text.Length} bytes was to have {length}.");
}

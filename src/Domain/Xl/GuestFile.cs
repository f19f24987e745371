using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl.Syntax;

namespace Xlnet.Domain.Xl;

/// <summary>One entry of a guest's vif list, as xl reads it.</summary>
/// <param name="Index">Its place in the list, from 0.</param>
/// <param name="Devid"><c>devid=</c>, else the place.</param>
/// <param name="Text">The vif string, escapes resolved.</param>
/// <param name="Settings">What it sets. What xl reads and this cannot hold is a finding of severity error.</param>
/// <param name="Findings">With line and column in the file; of all vifs together about the first 1,000.</param>
public sealed record GuestVif(int Index, int Devid, string Text, VifSettings Settings, IReadOnlyList<Finding> Findings);

/// <summary>What an entry of the vif list shall read as.</summary>
public sealed record VifTarget(int Devid, VifSettings Settings);

/// <summary>A guest file (xl.cfg(5)). Immutable; an edit gives a new one, and keeps every byte that it need not change.</summary>
public sealed class GuestFile
{
    private readonly Lazy<IReadOnlyList<GuestVif>> _vifs;
    private readonly Lazy<XlReading> _reading;
    private readonly Lazy<IReadOnlyList<Finding>> _findings;

    private GuestFile(string text)
    {
        Syntax = ConfigSyntax.Parse(text);
        Settings = new ConfigSettings(Syntax);
        Name = Settings.FindString("name");
        _vifs = new Lazy<IReadOnlyList<GuestVif>>(ReadVifs);
        _reading = new Lazy<XlReading>(() => GuestReader.Read(this, VifDefaults.None));
        _findings = new Lazy<IReadOnlyList<Finding>>(() => FileFindings.OfGuest(this));
    }

    /// <summary>The tree; lossless.</summary>
    public ConfigSyntax Syntax { get; }

    internal ConfigSettings Settings { get; }

    /// <summary><c>name=</c>; xl refuses a file without one.</summary>
    public string? Name { get; }

    /// <summary>As xl decides from <c>type</c> and <c>builder</c>.</summary>
    public GuestType Type => XlReader.ReadType(Settings) ?? GuestType.Pv;

    /// <summary>The vifs as xl reads them; those of the complete assignments when xl refuses the file.</summary>
    public IReadOnlyList<GuestVif> Vifs => _vifs.Value;

    /// <summary>In the order of the file; the first 1,000.</summary>
    public IReadOnlyList<Finding> Findings => _findings.Value;

    /// <summary>What the real <c>xl -N create</c>, 4.17, with an empty xl.conf would say of it.</summary>
    public XlReading Reading => _reading.Value;

    public static GuestFile Parse(string text) => new(text);

    public override string ToString() => Syntax.Text;

    /// <summary>What xl would say of it with these defaults in xl.conf.</summary>
    public XlReading ReadWith(VifDefaults defaults) => GuestReader.Read(this, defaults);

    /// <summary>
    /// The file with other vifs: reading it gives exactly the targets, in order. An entry that reads as its target keeps its
    /// bytes; a changed one changes only the keys that differ. Entries are known by their devid.
    /// </summary>
    public GuestFile WithVifs(IReadOnlyList<VifTarget> vifs) => Parse(GuestFileEditor.SetVifs(this, vifs));

    /// <summary>The text of a setting of one value, a string or a number; null where there is none, or it is a list.</summary>
    public string? Find(string key) => Settings.FindString(key) is { } text ? XlText.Decode(text) : null;

    /// <summary>The number that xl reads from a setting; null where it reads none.</summary>
    public long? FindNumber(string key) => Settings.Find(key)?.Number;

    /// <summary>
    /// The file with a string in force for a key. An assignment that is there keeps its place, its quotes and its comment; a new one
    /// gets a line of its own at the end.
    /// </summary>
    /// <param name="value">Null takes the key out.</param>
    /// <exception cref="ArgumentException">It is no key of xl's language, or <c>vif</c>, which <see cref="WithVifs"/> sets.</exception>
    public GuestFile With(string key, string? value)
    {
        CheckKey(key);
        if (value is null)
            return Parse(ConfigEditor.Remove(Syntax, key));
        return Settings.Find(key) is { IsList: false } present && present.Text == XlText.Encode(value)
            ? this
            : Parse(ConfigEditor.SetString(Syntax, Settings, key, value));
    }

    /// <summary>The file with a number in force for a key, as <see cref="With(string,string?)"/>; one that stood in quotes keeps them.</summary>
    /// <param name="value">Not negative: xl's language has no sign.</param>
    public GuestFile With(string key, long value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value);
        CheckKey(key);
        return FindNumber(key) == value
            ? this
            : Parse(ConfigEditor.SetNumber(Syntax, Settings, key, value));
    }

    private static void CheckKey(string key)
    {
        if (key == "vif" || key.Length == 0 || !char.IsAsciiLetterLower(key[0]) || !key.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '_'))
            throw new ArgumentException($"'{key}' is no key that can be set so.", nameof(key));
    }

    private List<GuestVif> ReadVifs()
    {
        var vifs = new List<GuestVif>();
        var room = FindingKinds.Most;
        foreach (var (atom, index) in VifAtoms())
        {
            var reader = new VifReader(atom.Value, index, mostFindings: room);
            var devid = reader.Devid ?? index;
            room -= reader.Findings.Count;
            vifs.Add(new GuestVif(index, devid, atom.Value, reader.ToSettings(), FileFindings.Place(Syntax, atom, devid, reader.Findings)));
        }

        return vifs;
    }

    /// <summary>The entries that xl reads: it stops at the first that is a list.</summary>
    internal IEnumerable<(AtomSyntax Atom, int Index)> VifAtoms()
    {
        if (Settings.Find("vif") is not { IsList: true } setting)
            yield break;
        var index = 0;
        foreach (var part in setting.Parts)
        {
            var items = ((ListSyntax)part.Value).Items;
            for (var i = 0; i < items.Count; i++)
            {
                if (items[i].Value is not AtomSyntax atom)
                    yield break;
                yield return (atom, index++);
            }
        }
    }
}

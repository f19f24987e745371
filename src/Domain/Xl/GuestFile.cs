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

    public GuestFile WithName(string name) => Name == name ? this : Parse(ConfigEditor.SetString(Syntax, Settings, "name", name));

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

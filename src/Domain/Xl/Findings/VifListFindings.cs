using Xlnet.Domain.Guests;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl.Syntax;

namespace Xlnet.Domain.Xl;

/// <summary>
/// What is to be said of the entries of a vif list, one by one and against each other. A list may have half a million entries,
/// so they are gone through once, and nothing is kept of one about which nothing is to be said but its address and name.
/// </summary>
internal sealed class VifListFindings
{
    private readonly GuestFile _file;
    private readonly bool _isHvm;
    private readonly List<Finding> _single = [];
    private readonly List<Finding> _together = [];

    // Devids that are written, and the entries that they stand in; all other entries have their place's.
    private readonly HashSet<int> _devids = [];
    private readonly HashSet<int> _withDevid = [];
    private readonly HashSet<MacAddress> _macs = [];
    private readonly HashSet<string> _names = [];

    public VifListFindings(GuestFile file)
    {
        _file = file;
        _isHvm = file.Type == GuestType.Hvm;
        foreach (var (atom, index) in file.VifAtoms())
            Look(atom, index);
    }

    /// <summary>What the vif strings say alone; about the first 1,000.</summary>
    public IReadOnlyList<Finding> Single => _single;

    /// <summary>What follows from the other entries, the guest's type, or how an entry is written; about the first 1,000.</summary>
    public IReadOnlyList<Finding> Together => _together;

    /// <summary>xl refuses one of them, and the file with it.</summary>
    public bool HasFatal { get; private set; }

    private void Look(AtomSyntax atom, int index)
    {
        if (atom.IsEmpty && !IsTaken(index, index))
            return;
        // A number is a word that xl does not know, and there is no more room to say so.
        if (atom.Token.Kind == SyntaxKind.Number && _single.Count >= FindingKinds.Most && _together.Count >= FindingKinds.Most)
            return;
        var reader = new VifReader(atom.Value, index, mostFindings: FindingKinds.Most - _single.Count);
        HasFatal |= !reader.Accepted;
        var devid = reader.Devid ?? index;
        if (reader.Findings.Count > 0)
            _single.AddRange(FileFindings.Place(_file.Syntax, atom, devid, reader.Findings));
        if (_together.Count >= FindingKinds.Most)
            return;

        if (atom.Token.Kind == SyntaxKind.Number)
            Add(FindingKinds.NumberAsVif, $"{atom.Value} is no vif: xl takes it for an unknown word and makes a vif with defaults. Write '' for that.", null, new TextFix(atom.Start, atom.End - atom.Start, "''"), noDevid: true);
        if (IsTaken(devid, index))
            Add(FindingKinds.DuplicateDevid, $"Another vif has devid {devid} too: xl passes both, and the create fails or one replaces the other. Give each its own.", "devid");
        if (reader.Devid is not null)
        {
            _devids.Add(devid);
            _withDevid.Add(index);
        }

        var settings = reader.ToSettings();
        if (settings.Mac is { } mac && !_macs.Add(mac))
            Add(FindingKinds.DuplicateMac, $"Another vif of this guest has {mac} too: the bridge delivers to whichever spoke last. Give each its own.", "mac");
        if (settings.VifName is { } name && !_names.Add(name))
            Add(FindingKinds.DuplicateVifName, $"Another vif is named '{name}' too: the create fails, and takes the first one's port down. Give each its own name.", "vifname");
        LookAtType(settings);

        void Add(FindingKind kind, string message, string? key, TextFix? fix = null, bool noDevid = false) =>
            _together.Add(kind.At(_file.Syntax.Locate(atom.Start), message, fix, key, noDevid ? null : devid));

        void LookAtType(VifSettings vif)
        {
            if (!_isHvm)
            {
                if (vif.Type == VifType.Ioemu)
                    Add(FindingKinds.IoemuNotHvm, "type=ioemu on a guest that is not HVM: xl -N passes it, and the create is refused. Leave type out.", "type");
                if (vif.Model is not null)
                    Add(FindingKinds.ModelNotHvm, "model names an emulated card, which only an HVM guest has: nothing uses it. Leave it out.", "model");
            }
            else if (vif.VifName is { Length: > 11 and <= NetNames.MaxInterface } name && vif.Type != VifType.Vif)
            {
                Add(FindingKinds.VifNameTooLong, $"'{name}' has {name.Length} characters: an HVM guest's vif gets a second interface '{name}-emu', and Linux takes at most 15. Give at most 11.", "vifname");
            }
        }
    }

    private bool IsTaken(int devid, int index) => _devids.Contains(devid) || devid >= 0 && devid < index && !_withDevid.Contains(devid);
}

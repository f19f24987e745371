using Xlnet.Domain.Xl.Syntax;

namespace Xlnet.Domain.Xl;

/// <summary>The edit behind <see cref="GuestFile.WithVifs"/>.</summary>
internal static class GuestFileEditor
{
    /// <param name="From">The entry that becomes this one; null for a new one.</param>
    /// <param name="Moved">Whether it stands before or behind an entry that it stood on the other side of.</param>
    private readonly record struct Planned(int? From, bool Moved, string Literal);

    public static string SetVifs(GuestFile file, IReadOnlyList<VifTarget> targets)
    {
        var syntax = file.Syntax;
        var setting = file.Settings.Find("vif");
        if (setting is null && targets.Count == 0)
            return syntax.Text;

        var entries = file.VifAtoms().Select(a => a.Atom).ToList();
        var quote = entries.Count > 0 ? ConfigEditor.QuoteOf(syntax, entries[0]) : ConfigEditor.DefaultQuote(syntax);
        var from = Match(file.Vifs, targets);
        var stays = LongestRise(from);
        var plan = new List<Planned>(targets.Count);
        var numberQuote = ConfigEditor.DefaultQuote(syntax);
        for (var i = 0; i < targets.Count; i++)
        {
            plan.Add(from[i] is { } old
                ? new Planned(old, !stays[i], Rewrite(syntax, entries[old], targets[i], i, numberQuote))
                : new Planned(null, false, ConfigEditor.Quote(Spec("", targets[i], i), quote)));
        }

        if (setting is null)
            return ConfigEditor.AddLine(syntax.Text, $"vif = {NewList(plan)}");

        var changes = new List<TextFix>();
        if (!setting.IsList)
            ConfigEditor.SetValue(changes, syntax, setting.Last, plan.Count == 0 ? "[]" : NewList(plan));
        else
            EditLists(changes, syntax, setting, plan, entries.Count);
        // A last line that is a comment without a line end keeps xl from reading the file at all.
        if (changes.Count > 0 && syntax.Errors.Any(e => e.Kind == SyntaxErrorKind.UnterminatedComment))
            changes.Add(new TextFix(syntax.Text.Length, 0, "\n"));
        return VifSpec.Apply(syntax.Text, changes);
    }

    private static string NewList(List<Planned> plan) => $"[ {string.Join(", ", plan.Select(p => p.Literal))} ]";

    /// <summary>
    /// The entries may be spread over several assignments: a new or moved one goes into the list of the entry before it, or
    /// into the first. What stands behind a nested list, where xl stops, stays where it is.
    /// </summary>
    private static void EditLists(List<TextFix> changes, ConfigSyntax syntax, Setting setting, List<Planned> plan, int entryCount)
    {
        var places = setting.Items.Select((item, index) => (item.Part, item.Index, Entry: index)).ToList();
        var placeOf = places.Take(entryCount).ToDictionary(p => p.Entry, p => (p.Part, p.Index));
        var perPart = new Dictionary<AssignmentSyntax, List<(int? From, string Text)>>(ReferenceEqualityComparer.Instance);
        foreach (var part in setting.Parts)
            perPart[part] = [];

        var current = entryCount > 0 ? placeOf[0].Part : setting.Parts.First(p => entryCount == places.Count || ((ListSyntax)p.Value).Items.Count > 0);
        if (plan.FirstOrDefault(p => p is { From: not null, Moved: false }) is { From: { } first } && entryCount > 0)
            current = placeOf[first].Part;
        foreach (var planned in plan)
        {
            if (planned is { From: { } stay, Moved: false })
                current = placeOf[stay].Part;
            int? oldIndex = planned.From is { } old && ReferenceEquals(placeOf[old].Part, current) ? placeOf[old].Index : null;
            perPart[current].Add((oldIndex, planned.Literal));
        }

        foreach (var unread in places.Skip(entryCount))
        {
            var value = ((ListSyntax)unread.Part.Value).Items[unread.Index].Value;
            perPart[unread.Part].Add((unread.Index, syntax.Text[value.Start..value.End]));
        }

        foreach (var part in setting.Parts)
        {
            var list = (ListSyntax)part.Value;
            var order = perPart[part];
            if (order.Count == list.Items.Count && order.Select((o, i) => o.From == i).All(same => same))
            {
                for (var i = 0; i < order.Count; i++)
                {
                    var value = list.Items[i].Value;
                    if (!syntax.Text.AsSpan(value.Start, value.End - value.Start).SequenceEqual(order[i].Text))
                        changes.Add(new TextFix(value.Start, value.End - value.Start, order[i].Text));
                }
            }
            else
            {
                changes.Add(new TextFix(list.Start, list.End - list.Start, new ListEditor(syntax.Text, list).Rewrite(order)));
            }
        }
    }

    /// <summary>The literal of an entry, changed where its settings differ, with its own quotes and escapes elsewhere.</summary>
    private static string Rewrite(ConfigSyntax syntax, AtomSyntax atom, VifTarget target, int index, char numberQuote)
    {
        var text = CStrings.Cut(atom.Value);
        var changes = VifSpec.Changes(text, target.Settings, ExplicitDevid(text, target, index));
        var literal = syntax.Text[atom.Start..atom.End];
        if (changes.Count == 0)
            return literal;
        if (atom.Token.Kind != SyntaxKind.String)
            return ConfigEditor.Quote(VifSpec.Apply(text, changes), numberQuote);

        var quote = literal[0];
        var map = Escapes.Map(literal.AsSpan(1, literal.Length - 2));
        var mapped = changes
            .Select(c => new TextFix(1 + map[c.Start], map[c.Start + c.Length] - map[c.Start], Escapes.Write(c.Text, quote)))
            .ToList();
        return VifSpec.Apply(literal, mapped);
    }

    private static string Spec(string text, VifTarget target, int index) =>
        VifSpec.Update(text, target.Settings, ExplicitDevid(text, target, index));

    private static int? ExplicitDevid(string text, VifTarget target, int index)
    {
        var reader = new VifReader(text, index);
        return (reader.Devid ?? index) == target.Devid && reader.Accepted ? null
            // Where xl gives up it reads no devid behind that place; mended, the text would have one.
            : reader.Devid is null && target.Devid == index && (reader.Accepted || !text.Contains("devid=", StringComparison.Ordinal)) ? null : target.Devid;
    }

    /// <summary>Each target's entry: the first unused one with its devid.</summary>
    private static int?[] Match(IReadOnlyList<GuestVif> vifs, IReadOnlyList<VifTarget> targets)
    {
        var unused = vifs.GroupBy(v => v.Devid).ToDictionary(g => g.Key, g => new Queue<int>(g.Select(v => v.Index)));
        return [.. targets.Select(t => unused.TryGetValue(t.Devid, out var queue) && queue.TryDequeue(out var index) ? index : (int?)null)];
    }

    /// <summary>The most entries that can stay where they are relative to each other: patience sorting.</summary>
    internal static bool[] LongestRise(int?[] from)
    {
        // The target at which the best rise of each length ends, and what stands before each target in its rise.
        var ends = new List<int>();
        var previous = new int[from.Length];
        var best = -1;
        for (var i = 0; i < from.Length; i++)
        {
            if (from[i] is not { } entry)
                continue;
            var (low, high) = (0, ends.Count);
            while (low < high)
            {
                var middle = (low + high) / 2;
                if (from[ends[middle]] < entry)
                    low = middle + 1;
                else
                    high = middle;
            }

            previous[i] = low == 0 ? -1 : ends[low - 1];
            if (low < ends.Count)
            {
                ends[low] = i;
                continue;
            }

            ends.Add(i);
            best = i;
        }

        var stays = new bool[from.Length];
        for (; best >= 0; best = previous[best])
            stays[best] = true;
        return stays;
    }
}

using System.Text;

namespace Xlnet.Domain.Xl.Syntax;

/// <summary>
/// Rewrites a list: its values stay, change, go, come or change places, while comments, blanks, line breaks and a trailing
/// comma stay as their author had them. A value takes the comments above it and the one on its own line along.
/// </summary>
internal sealed class ListEditor
{
    /// <summary>A value with what belongs to it.</summary>
    /// <param name="Lead">What stands between the line or comma before it and the value: blanks, comments above it.</param>
    /// <param name="BeforeComma">What stands between the value and its comma.</param>
    /// <param name="Tail">What stands behind it on its line, if the line ends there.</param>
    private sealed record Slot(string Lead, string Text, string BeforeComma, string Tail);

    private readonly List<Slot> _slots = [];
    private readonly string _openTail;
    private readonly string _closeLead;
    private readonly bool _hasTrailingComma;
    private readonly bool _onePerLine;

    public ListEditor(string text, ListSyntax list)
    {
        var position = list.Open.End;
        _openTail = TakeLine(text, ref position, list.Items.Count > 0 ? list.Items[0].Value.Start : list.Close.Start);
        for (var i = 0; i < list.Items.Count; i++)
        {
            var (value, comma) = list.Items[i];
            var lead = text[position..value.Start];
            position = value.End;
            var beforeComma = "";
            if (comma >= 0)
            {
                beforeComma = text[position..comma];
                position = comma + 1;
            }

            var next = i + 1 < list.Items.Count ? list.Items[i + 1].Value.Start : list.Close.Start;
            _slots.Add(new Slot(lead, text[value.Start..value.End], beforeComma, TakeLine(text, ref position, next)));
        }

        _closeLead = text[position..list.Close.Start];
        _hasTrailingComma = list.Items.Count > 0 && list.Items[^1].HasComma;
        _onePerLine = _slots.Count > 1 ? _slots.Take(_slots.Count - 1).All(s => s.Tail.Length > 0) : _openTail.Length > 0;
    }

    /// <param name="order">For each value of the new list: the index that it had, or null for a new one; and its text.</param>
    public string Rewrite(IReadOnlyList<(int? From, string Text)> order)
    {
        var result = new StringBuilder("[").Append(_openTail);
        for (var i = 0; i < order.Count; i++)
        {
            var (from, text) = order[i];
            var isLast = i == order.Count - 1;
            var slot = from is { } index ? _slots[index] with { Text = text } : NewSlot(text);
            var lead = slot.Lead;
            if (from is { } old && old != i && !_onePerLine && !lead.Contains('\n', StringComparison.Ordinal) && (i == 0 || old == 0))
                lead = i == 0 ? FirstLead() : NextLead();
            var comma = !isLast || _hasTrailingComma;
            var tail = slot.Tail;
            if (_onePerLine)
            {
                if (isLast && _slots.Count > 0 && from != _slots.Count - 1)
                    tail = _slots[^1].Tail.Length > 0 ? OrNewLine(tail) : tail == "\n" ? "" : tail;
                else if (!isLast || _slots.Count == 0)
                    tail = OrNewLine(tail);
            }

            result.Append(lead).Append(slot.Text).Append(slot.BeforeComma).Append(comma ? "," : "").Append(tail);
        }

        return result.Append(_closeLead).Append(']').ToString();
    }

    private static string OrNewLine(string tail) => tail.Length == 0 ? "\n" : tail;

    private Slot NewSlot(string text)
    {
        if (!_onePerLine)
            return new Slot(_slots.Count == 0 ? FirstLead() : NextLead(), text, "", "");
        var indent = _slots.Count == 0 ? "  " : Indent(_slots[^1].Lead);
        return new Slot(indent, text, "", "");
    }

    private string FirstLead() => _slots.Count > 0
        ? _slots[0].Lead.Contains('\n', StringComparison.Ordinal) ? Indent(_slots[0].Lead) : _slots[0].Lead
        : _closeLead.Contains('\n', StringComparison.Ordinal) ? "" : _closeLead;

    private string NextLead() => _slots.Count > 1 && !_slots[^1].Lead.Contains('\n', StringComparison.Ordinal) ? _slots[^1].Lead : " ";

    private static string Indent(string lead) => lead[(lead.LastIndexOf('\n') + 1)..];

    /// <summary>What is left of the line, its end included, when nothing but blanks and a comment stands there; else nothing.</summary>
    private static string TakeLine(string text, ref int position, int limit)
    {
        var end = text.IndexOf('\n', position, limit - position);
        if (end < 0)
            return "";
        var line = text[position..(end + 1)];
        position = end + 1;
        return line;
    }
}

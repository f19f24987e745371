using System.Globalization;
using Xlnet.Domain.Xl.Syntax;

namespace Xlnet.Domain.Xl;

/// <summary>Edits of single settings of a file.</summary>
internal static class ConfigEditor
{
    public static string SetString(ConfigSyntax syntax, ConfigSettings settings, string name, string value)
    {
        value = XlText.Encode(value);
        if (settings.Find(name) is not { } setting)
            return AddLine(syntax.Text, $"{name} = {Quote(value, DefaultQuote(syntax))}");
        var changes = new List<TextFix>();
        SetValue(changes, syntax, setting.Last, Quote(value, QuoteOf(syntax, setting.Last.Value)));
        return VifSpec.Apply(syntax.Text, changes);
    }

    public static string SetNumber(ConfigSyntax syntax, ConfigSettings settings, string name, long value)
    {
        var text = value.ToString(CultureInfo.InvariantCulture);
        if (settings.Find(name) is not { } setting)
            return AddLine(syntax.Text, $"{name} = {text}");
        var changes = new List<TextFix>();
        SetValue(changes, syntax, setting.Last, setting.Last.Value is AtomSyntax { Token.Kind: SyntaxKind.String } ? Quote(text, QuoteOf(syntax, setting.Last.Value)) : text);
        return VifSpec.Apply(syntax.Text, changes);
    }

    /// <summary>Takes every assignment of a name out.</summary>
    public static string Remove(ConfigSyntax syntax, params ReadOnlySpan<string?> names)
    {
        var changes = new List<TextFix>();
        foreach (var assignment in syntax.Assignments)
        {
            if (names.Contains(assignment.Name))
                Remove(changes, syntax, assignment);
        }

        return VifSpec.Apply(syntax.Text, changes);
    }

    /// <summary>Replaces the value of an assignment; one that added to another stands alone from now on.</summary>
    public static void SetValue(List<TextFix> changes, ConfigSyntax syntax, AssignmentSyntax assignment, string value)
    {
        if (assignment.IsAddition)
            changes.Add(new TextFix(assignment.Operator.Start, 2, "="));
        changes.Add(new TextFix(assignment.Value.Start, assignment.Value.End - assignment.Value.Start, value));
    }

    /// <summary>Takes an assignment out, with its line when nothing else stands there.</summary>
    private static void Remove(List<TextFix> changes, ConfigSyntax syntax, AssignmentSyntax assignment)
    {
        var text = syntax.Text;
        var start = assignment.NameToken.Start;
        var lineStart = start;
        while (lineStart > 0 && text[lineStart - 1] is ' ' or '\t')
            lineStart--;
        var atLineStart = lineStart == 0 || text[lineStart - 1] == '\n';
        var end = assignment.End;
        var bareLineEnd = end.Kind == SyntaxKind.NewLine && text[end.Start] == '\n';
        if (atLineStart && (bareLineEnd || end.Kind == SyntaxKind.EndOfFile))
            changes.Add(new TextFix(lineStart, end.End - lineStart, ""));
        else if (end.Kind == SyntaxKind.Semicolon)
            changes.Add(new TextFix(start, Blanks(text, end.End) - start, ""));
        else
            changes.Add(new TextFix(start, end.Start - start, ""));
    }

    /// <summary>One more line at the end. A last line without an end, which xl takes for an error when it is a comment, gets one.</summary>
    public static string AddLine(string text, string line) =>
        text.Length == 0 || text[^1] == '\n' ? $"{text}{line}\n" : $"{text}\n{line}\n";

    public static string Quote(string value, char quote) => quote + Escapes.Write(value, quote) + quote;

    public static char QuoteOf(ConfigSyntax syntax, ValueSyntax value) =>
        value is AtomSyntax { Token.Kind: SyntaxKind.String } atom ? syntax.Text[atom.Start] : DefaultQuote(syntax);

    /// <summary>The quote that the file uses first.</summary>
    public static char DefaultQuote(ConfigSyntax syntax)
    {
        foreach (var token in syntax.Tokens)
        {
            if (token.Kind == SyntaxKind.String)
                return syntax.Text[token.Start];
        }

        return '\'';
    }

    private static int Blanks(string text, int position)
    {
        while (position < text.Length && text[position] is ' ' or '\t')
            position++;
        return position;
    }
}

using Xlnet.Domain.Xl.Syntax;

namespace Xlnet.Domain.Xl;

/// <summary>What is to be said of a guest file as a whole: its syntax, its vif list, its vifs against each other.</summary>
internal static class FileFindings
{
    public static IEnumerable<Finding> Of(GuestFile file)
    {
        foreach (var finding in OfSyntax(file.Syntax))
            yield return finding;
        if (file.Settings.Find("vif") is { } vif)
        {
            if (!vif.IsList)
                yield return FindingKinds.NotAList.At(file.Syntax.Locate(vif.Last.Value.Start), "vif is a single value: xl warns and makes no vif. Write vif = [ '…' ].");
            else if (vif.Items.FirstOrDefault(i => i.Value is ListSyntax) is { Value: { } nested })
                yield return FindingKinds.NestedList.At(file.Syntax.Locate(nested.Start), "A list inside the vif list: xl stops reading vifs here, without a word. Write one string for each vif.");
            if (vif.Assignments > vif.Parts.Count)
                yield return FindingKinds.AssignedTwice.At(file.Syntax.Locate(vif.Parts[0].NameToken.Start), "vif is assigned more than once: xl takes this one and drops the earlier. Keep one.");
        }
    }

    public static IEnumerable<Finding> OfSyntax(ConfigSyntax syntax) =>
        syntax.Errors.Select(e => FindingKinds.Syntax.At(syntax.Locate(e.Start), $"xl refuses the file here: {e.Kind}."));

    /// <summary>Moves what was found in a vif string to its place in the file.</summary>
    public static IReadOnlyList<Finding> Place(GuestFile file, AtomSyntax atom, int devid, IReadOnlyList<Finding> findings)
    {
        if (findings.Count == 0)
            return findings;
        var isString = atom.Token.Kind == SyntaxKind.String;
        var body = isString ? file.Syntax.Text.AsSpan(atom.Start + 1, atom.Token.Length - 2) : file.Syntax.Text.AsSpan(atom.Start, atom.Token.Length);
        var map = isString ? Escapes.Map(body) : [.. Enumerable.Range(0, body.Length + 1)];
        var start = atom.Start + (isString ? 1 : 0);
        var quote = file.Syntax.Text[atom.Start];
        return [.. findings.Select(f =>
        {
            var (line, column) = file.Syntax.Locate(start + map[f.Column - 1]);
            var fix = f.Fix is { } x && isString
                ? new TextFix(start + map[x.Start], map[x.Start + x.Length] - map[x.Start], Escapes.Write(x.Text, quote))
                : null;
            return f with { Line = line, Column = column, Fix = fix, Devid = devid };
        })];
    }
}

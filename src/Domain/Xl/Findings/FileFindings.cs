using Xlnet.Domain.Xl.Syntax;

namespace Xlnet.Domain.Xl;

/// <summary>What is to be said of a file as a whole: its syntax, its vif list, its vifs against each other.</summary>
internal static class FileFindings
{
    private const int MaxDepth = 64;

    /// <summary>In the order of the file; the first 1,000.</summary>
    public static List<Finding> OfGuest(GuestFile file)
    {
        var vifs = new VifListFindings(file);
        return
        [
            .. OfSyntax(file.Syntax).Concat(OfRefusal(file, vifs.HasFatal)).Concat(OfVifList(file)).Concat(vifs.Together).Take(FindingKinds.Most)
                .Concat(vifs.Single)
                .OrderBy(f => f.Line).ThenBy(f => f.Column).Take(FindingKinds.Most),
        ];
    }

    public static IEnumerable<Finding> OfConf(ConfigSyntax syntax, ConfigSettings settings, XlReading reading)
    {
        foreach (var finding in OfSyntax(syntax))
            yield return finding;
        if (!reading.Accepted && syntax.Errors.Count == 0)
            yield return FindingKinds.ConfRefused.At((1, 1), "xl refuses this xl.conf, and every command with it: max_grant_frames, max_maptrack_frames and max_grant_version must be numbers from 0 to 2147483647.");
        foreach (var assignment in syntax.Assignments)
        {
            var place = syntax.Locate(assignment.NameToken.Start);
            var renamed = assignment.Name switch { "vifscript" => "vif.default.script", "defaultbridge" => "vif.default.bridge", _ => null };
            if (renamed is not null)
            {
                var overruled = settings.Find(renamed) is not null;
                yield return FindingKinds.DeprecatedName.At(
                    place,
                    $"{assignment.Name} is an old name: xl prints a line with every command. Write {renamed}{(overruled ? ", which this file sets too and which wins" : "")}.",
                    overruled ? null : new TextFix(assignment.NameToken.Start, assignment.NameToken.Length, renamed));
            }

            var isDefault = assignment.Name.StartsWith("vif.default.", StringComparison.Ordinal);
            if (isDefault && assignment.Name is not ("vif.default.script" or "vif.default.bridge" or "vif.default.backend" or "vif.default.gatewaydev"))
                yield return FindingKinds.ConfUnknown.At(place, $"xl reads no {assignment.Name}: it has no effect. Set it in each vif.");
            else if ((isDefault || renamed is not null) && assignment.Value is ListSyntax)
                yield return FindingKinds.ConfList.At(place, $"{assignment.Name} is a list: xl warns and ignores it. Write one string.");
        }
    }

    public static IEnumerable<Finding> OfSyntax(ConfigSyntax syntax)
    {
        var text = syntax.Text;
        foreach (var error in syntax.Errors)
        {
            var place = syntax.Locate(error.Start);
            yield return error.Kind switch
            {
                SyntaxErrorKind.Character when error.Start == 0 && text.StartsWith("\u00ef\u00bb\u00bf", StringComparison.Ordinal) =>
                    FindingKinds.ByteOrderMark.At(place, "The file begins with a byte order mark: xl refuses it. Remove the first three bytes.", new TextFix(0, 3, "")),
                SyntaxErrorKind.Character when text[error.Start] == '\r' =>
                    FindingKinds.CarriageReturn.At(place, "A carriage return: xl refuses the file. Write line feeds only.", new TextFix(error.Start, 1, error.Start + 1 < text.Length && text[error.Start + 1] == '\n' ? "" : "\n")),
                SyntaxErrorKind.Character =>
                    FindingKinds.Character.At(place, $"'{Near(text, error)}' starts nothing that xl knows: it refuses the file. Names begin with a lower-case letter, and values other than plain numbers stand in quotes."),
                SyntaxErrorKind.UnterminatedString =>
                    FindingKinds.UnterminatedString.At(place, "This string has no closing quote on its line: xl refuses the file. Close it."),
                SyntaxErrorKind.UnterminatedComment =>
                    FindingKinds.UnterminatedComment.At(place, "The last line is a comment without a line end: xl refuses the file. Add one.", new TextFix(text.Length, 0, "\n")),
                SyntaxErrorKind.Escape =>
                    FindingKinds.EscapeRefused.At(place, $"xl refuses '{Near(text, error)}' in a string, and the file with it. Write the character itself, or \\\\ for a backslash."),
                SyntaxErrorKind.NulInString =>
                    FindingKinds.Nul.At(place, "A zero byte in a string: xl aborts. Remove it.", new TextFix(error.Start, 1, "")),
                SyntaxErrorKind.TrailingGarbage =>
                    FindingKinds.TrailingText.At(place, $"'{Near(text, error)}' stands behind a complete value: xl stops reading here and refuses the file. End the line before it, or remove it."),
                SyntaxErrorKind.MixedAddition =>
                    FindingKinds.MixedAddition.At(place, "A list cannot be added to a string, nor a string to a list: xl refuses the file. Write the same kind on both sides."),
                SyntaxErrorKind.TooDeep =>
                    FindingKinds.TooDeep.At(place, "Lists are nested deeper than xl's parser can hold: it refuses the file."),
                SyntaxErrorKind.TooLarge =>
                    FindingKinds.TooLarge.At(place, "The text has more than 1 MiB: xlnet does not read it."),
                _ => FindingKinds.Syntax.At(place, $"xl refuses '{Near(text, error)}' here{Expected(error)}. Write one 'name = value' a line; values are strings in quotes, numbers, or lists of these."),
            };
        }

        if (syntax.Errors.Count > 0 && syntax.LooksLikePython)
            yield return FindingKinds.Python.At((1, 1), "This looks like Python left over from xm: xl reads plain assignments only.");
        if (syntax.DeepestList > MaxDepth)
            yield return FindingKinds.TooDeep.At((1, 1), $"Lists are nested {syntax.DeepestList} deep; nothing in xl asks for more than three.");
        foreach (var token in syntax.Tokens.Where(t => t.Kind == SyntaxKind.String))
        {
            var body = text.AsSpan(token.Start + 1, token.Length - 2);
            if (Escapes.FindVanishing(body) is >= 0 and var at)
                yield return FindingKinds.EscapeVanishes.At(syntax.Locate(token.Start + 1 + at), "xl yields nothing for a numeric escape. Write the character itself.");
        }
    }

    /// <summary>Moves what was found in a vif string to its place in the file.</summary>
    public static IReadOnlyList<Finding> Place(ConfigSyntax syntax, AtomSyntax atom, int devid, IReadOnlyList<Finding> findings)
    {
        if (findings.Count == 0)
            return findings;
        var isString = atom.Token.Kind == SyntaxKind.String;
        var start = atom.Start + (isString ? 1 : 0);
        var body = syntax.Text.AsSpan(start, atom.Token.Length - (isString ? 2 : 0));
        var map = Escapes.Map(body, isString);
        var quote = syntax.Text[atom.Start];
        return [.. findings.Select(f =>
        {
            var (line, column) = syntax.Locate(start + map(f.Column - 1));
            var fix = f.Fix is { } x && isString
                ? new TextFix(start + map(x.Start), map(x.Start + x.Length) - map(x.Start), Escapes.Write(x.Text, quote))
                : null;
            return f with { Line = line, Column = column, Fix = fix, Devid = devid };
        })];
    }

    /// <param name="hasFatalVif">A finding of a vif says why xl refuses the file.</param>
    private static IEnumerable<Finding> OfRefusal(GuestFile file, bool hasFatalVif)
    {
        if (hasFatalVif || file.Syntax.Errors.Count > 0 || file.Reading.Accepted)
            yield break;
        var why = file.Reading.Message[(file.Reading.Message.LastIndexOf('\n') + 1)..];
        yield return FindingKinds.Refused.At((1, 1), $"xl refuses this file: {(why.Length > 0 ? why : "it gives no reason")}");
    }

    private static IEnumerable<Finding> OfVifList(GuestFile file)
    {
        if (file.Settings.Find("vif") is not { } vif)
            yield break;
        var syntax = file.Syntax;
        if (vif.Last.Value is AtomSyntax value)
        {
            var literal = syntax.Text[value.Start..value.End];
            yield return FindingKinds.NotAList.At(
                syntax.Locate(value.Start), "vif is a single value: xl warns and makes no vif. Write vif = [ '…' ].",
                value.Token.Kind == SyntaxKind.String && !vif.IsAddition ? new TextFix(value.Start, value.End - value.Start, $"[ {literal} ]") : null);
        }
        else if (vif.Items.FirstOrDefault(i => i.Value is ListSyntax) is { Value: { } nested })
        {
            yield return FindingKinds.NestedList.At(syntax.Locate(nested.Start), "A list inside the vif list: xl stops reading vifs here, without a word. Write one string for each vif.");
        }

        if (vif.Assignments > vif.Parts.Count)
            yield return FindingKinds.AssignedTwice.At(syntax.Locate(vif.Parts[0].NameToken.Start), "vif is assigned more than once: xl takes this one and drops the earlier. Keep one.");
    }

    private static string Near(string text, SyntaxError error)
    {
        var near = text.AsSpan(error.Start, Math.Min(error.Length, 30)).TrimEnd();
        return near.IsEmpty ? error.Start == text.Length ? "the end of the file" : "a line's end" : XlText.Decode(near.ToString());
    }

    private static string Expected(SyntaxError error) =>
        error.Report is { } report && report.IndexOf("expecting ", StringComparison.Ordinal) is >= 0 and var at ? $", {report[at..]}" : "";
}

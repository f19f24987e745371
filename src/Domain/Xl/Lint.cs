namespace Xlnet.Domain.Xl;

/// <summary>What kind of text is to be looked at.</summary>
public enum LintKind
{
    Guest,
    XlConf,
    Vif,
}

/// <param name="Findings">In the order of the text.</param>
/// <param name="Xl">What the real xl 4.17 would do with it.</param>
public sealed record LintResult(IReadOnlyList<Finding> Findings, XlReading Xl);

/// <summary>Says of any text what is to be found in it, and what xl would make of it.</summary>
public static class Lint
{
    /// <summary>A fix can bring up another; more rounds than this no text needs.</summary>
    private const int MaxRounds = 8;

    /// <param name="conf">The xl.conf under which a guest file or a vif is read; an empty one when null.</param>
    public static LintResult Run(LintKind kind, string text, XlConf? conf = null)
    {
        switch (kind)
        {
            case LintKind.Guest:
                var guest = GuestFile.Parse(text);
                return new LintResult(guest.Findings, conf is null ? guest.Reading : conf.ReadGuest(guest));
            case LintKind.XlConf:
                var file = XlConf.Parse(text);
                return new LintResult(file.Findings, file.Reading);
            case LintKind.Vif:
                var reader = new VifReader(text, 0, conf?.Defaults, new Printout(), mostFindings: FindingKinds.Most);
                return new LintResult(
                    Locate(reader.Findings, text),
                    new XlReading(reader.Accepted, reader.Accepted ? 0 : 1, reader.Message, reader.Accepted ? [reader.ToNic()] : []));
            default:
                throw new ArgumentOutOfRangeException(nameof(kind));
        }
    }

    /// <summary>The text with every fix applied that its findings offer; the rest stays as it is.</summary>
    public static string Fix(LintKind kind, string text)
    {
        for (var round = 0; round < MaxRounds; round++)
        {
            var fixes = new List<TextFix>();
            var end = 0;
            foreach (var fix in Run(kind, text).Findings.Select(f => f.Fix).OfType<TextFix>().Distinct().OrderBy(f => f.Start).ThenBy(f => f.Length))
            {
                // Of two that overlap the second waits for the next round.
                if (fix.Start < end || fixes.Count > 0 && fix.Start == fixes[^1].Start)
                    continue;
                fixes.Add(fix);
                end = fix.Start + fix.Length;
            }

            if (fixes.Count == 0)
                break;
            text = VifSpec.Apply(text, fixes);
        }

        return text;
    }

    /// <summary>A vif string may hold line ends, as an escape in a file.</summary>
    private static List<Finding> Locate(IReadOnlyList<Finding> findings, string text)
    {
        var located = new List<Finding>(findings.Count);
        var (line, lineStart, position) = (1, 0, 0);
        foreach (var finding in findings.OrderBy(f => f.Column))
        {
            var offset = Math.Min(finding.Column - 1, text.Length);
            for (; position < offset; position++)
            {
                if (text[position] == '\n')
                    (line, lineStart) = (line + 1, position + 1);
            }

            located.Add(finding with { Line = line, Column = offset - lineStart + 1 });
        }

        return located;
    }
}

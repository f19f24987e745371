using Xlnet.Domain.Hosts;

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
    /// <param name="conf">The xl.conf under which a guest file or a vif is read; an empty one when null.</param>
    public static LintResult Run(LintKind kind, string text, XlConf? conf = null)
    {
        var defaults = conf?.Defaults ?? VifDefaults.None;
        switch (kind)
        {
            case LintKind.Guest:
                var guest = GuestFile.Parse(text);
                return new LintResult(Sort(guest.Findings), guest.ReadWith(defaults));
            case LintKind.XlConf:
                var file = XlConf.Parse(text);
                return new LintResult(Sort(file.Findings), file.Reading);
            case LintKind.Vif:
                var reader = new VifReader(text, 0, defaults);
                return new LintResult(
                    Sort(reader.Findings),
                    new XlReading(reader.Accepted, reader.Accepted ? 0 : 1, string.Join('\n', reader.Messages), reader.Accepted ? [reader.ToNic()] : []));
            default:
                throw new ArgumentOutOfRangeException(nameof(kind));
        }
    }

    private static List<Finding> Sort(IEnumerable<Finding> findings) => [.. findings.OrderBy(f => f.Line).ThenBy(f => f.Column)];
}

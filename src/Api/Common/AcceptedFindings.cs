using Xlnet.Domain.Common;
using Xlnet.Domain.Xl;

namespace Xlnet.Api.Common;

/// <summary>What a caller of an import accepts: <c>?acceptFindings=vif.unknown-key,vif.ip.list</c>, or <c>=all</c>.</summary>
internal sealed class AcceptedFindings
{
    private readonly HashSet<string> _codes;

    private AcceptedFindings(IEnumerable<string> codes) => _codes = [.. codes];

    /// <exception cref="RuleException">422 for a code that no finding has.</exception>
    public static AcceptedFindings Parse(string? query)
    {
        var codes = (query ?? "").Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return codes.FirstOrDefault(c => c != "all" && FindingKinds.All.All(k => k.Code != c)) is { } unknown
            ? throw RuleException.Invalid("acceptFindings", "query.accept-findings", $"There is no finding '{unknown}': give codes of findings, separated by commas, or 'all'.")
            : new AcceptedFindings(codes);
    }

    public bool Has(string code) => _codes.Contains("all") || _codes.Contains(code);

    /// <summary>Refuses what xl itself refuses, and findings of severity error that the caller has not accepted.</summary>
    /// <exception cref="RuleException">422, with the findings.</exception>
    public void Check(IReadOnlyList<Finding> findings, string what, bool acceptedByXl, string xlSays)
    {
        var open = findings.Where(f => f.Severity == FindingSeverity.Error && !Has(f.Code)).ToList();
        if (open.Count == 0 && acceptedByXl)
            return;
        var exception = acceptedByXl
            ? new RuleException(RuleKind.Invalid, "findings",
                $"{open[0].Message} (line {open[0].Line}, column {open[0].Column})"
                + (open.Count > 1 ? $" And {open.Count - 1} more, in 'findings'." : "")
                + " Mend it, or take it as it is with ?acceptFindings=" + string.Join(',', open.Select(f => f.Code).Distinct()) + ".")
            : new RuleException(RuleKind.Invalid, "xl.refuses", $"xl itself refuses this {what}: {XlText.Decode(xlSays)}");
        throw exception.With("findings", (IReadOnlyList<FindingResponse>)[.. findings.Select(FindingResponse.Of)]);
    }
}

/// <param name="Line">From 1.</param>
/// <param name="Column">From 1, in bytes.</param>
/// <param name="Fix">What would mend it: replace `length` bytes at `start` by `text`.</param>
public sealed record FindingResponse(string Code, FindingSeverity Severity, int Line, int Column, string Message, TextFix? Fix)
{
    internal static FindingResponse Of(Finding finding) => new(finding.Code, finding.Severity, finding.Line, finding.Column, finding.Message, finding.Fix);
}

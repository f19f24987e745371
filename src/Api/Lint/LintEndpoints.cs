using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Xlnet.Api.Common;
using Xlnet.Domain.Common;
using Xlnet.Domain.Xl;

namespace Xlnet.Api.Lint;

/// <param name="Findings">In the order of the text.</param>
/// <param name="Xl">What the real xl 4.17 would do with the text.</param>
/// <param name="Fixed">With `fix=true` the text with every fix applied that can be; null when it was not asked for, or there is none.</param>
public sealed record LintResponse(IReadOnlyList<FindingResponse> Findings, XlResponse Xl, string? Fixed);

/// <param name="Message">Its lines on standard error.</param>
/// <param name="Nics">The vifs that it would make, under libxl's own JSON names, what is unset left out.</param>
public sealed record XlResponse(bool Accepted, string Message, IReadOnlyList<XlNic> Nics);

internal static class LintEndpoints
{
    public static RouteGroupBuilder MapLint(this RouteGroupBuilder v1)
    {
        v1.MapPost("/lint", LintAsync).WithTags("Lint").WithName("Lint_Run").WithSummary("What is to be found in a text, and what xl would make of it")
            .Accepts<string>("text/plain");
        return v1;
    }

    private static async Task<Ok<LintResponse>> LintAsync(HttpContext http, [FromQuery] string? kind = null, bool fix = false)
    {
        if (!Kebab.TryParse<LintKind>(kind ?? "guest", out var what))
            throw RuleException.Invalid("kind", "query.kind", $"kind={kind} is none of: {string.Join(", ", Kebab.Names<LintKind>())}.");
        var text = XlText.FromBytes(await ApiDefaults.ReadFileAsync(http));
        var result = Domain.Xl.Lint.Run(what, text);
        var mended = fix ? Domain.Xl.Lint.Fix(what, text) : text;
        return TypedResults.Ok(new LintResponse(
            [.. result.Findings.Select(FindingResponse.Of)],
            new XlResponse(result.Xl.Accepted, XlText.Decode(result.Xl.Message), result.Xl.Nics),
            mended == text ? null : XlText.Decode(mended)));
    }
}

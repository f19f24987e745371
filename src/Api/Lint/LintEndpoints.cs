using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Xlnet.Api.Common;
using Xlnet.Domain.Common;
using Xlnet.Domain.Xl;

namespace Xlnet.Api.Lint;

/// <param name="Findings">In the order of the text.</param>
/// <param name="Xl">What the real xl 4.17 would do with the text.</param>
public sealed record LintResponse(IReadOnlyList<FindingResponse> Findings, XlResponse Xl);

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

    private static async Task<Ok<LintResponse>> LintAsync(HttpContext http, [FromQuery] string? kind = null)
    {
        if (!Kebab.TryParse<LintKind>(kind ?? "guest", out var what))
            throw RuleException.Invalid("kind", "query.kind", $"kind={kind} is none of: {string.Join(", ", Kebab.Names<LintKind>())}.");
        var result = Domain.Xl.Lint.Run(what, XlText.FromBytes(await ApiDefaults.ReadFileAsync(http)));
        return TypedResults.Ok(new LintResponse(
            [.. result.Findings.Select(FindingResponse.Of)],
            new XlResponse(result.Xl.Accepted, XlText.Decode(result.Xl.Message), result.Xl.Nics)));
    }
}

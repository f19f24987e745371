using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Xlnet.Api.Access;
using Xlnet.Api.Common;
using Xlnet.Api.Vifs;
using Xlnet.Domain.Access;
using Xlnet.Domain.Common;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Xl;
using Xlnet.Infrastructure.Data;

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
    /// <summary>More than is read: a text over 1 MiB gets a finding that says so, not a refusal.</summary>
    private const int MostBytes = 8 << 20;

    public static RouteGroupBuilder MapLint(this RouteGroupBuilder v1)
    {
        v1.MapPost("/lint", LintAsync).WithTags("Lint").WithName("Lint_Run").WithSummary("What is to be found in a text, and what xl would make of it")
            .AcceptsFile().WithMetadata(new RequestSizeLimitAttribute(MostBytes)).Needs(AccessRole.Viewer);
        return v1;
    }

    /// <remarks>
    /// A guest file, an xl.conf or one vif, as `kind` says. `xl` is what the real xl 4.17 would do with it. With `host`, its
    /// bridges, its Xen and its other guests are taken into account. Nothing is stored.
    /// </remarks>
    private static async Task<Ok<LintResponse>> LintAsync(
        HttpContext http, XlnetDbContext db, CancellationToken ct, [FromQuery] string? kind = null, bool fix = false, [FromQuery] string? host = null)
    {
        if (!Kebab.TryParse<LintKind>(kind ?? "guest", out var what))
            throw RuleException.Invalid("kind", "query.kind", $"kind={kind} is none of: {string.Join(", ", Kebab.Names<LintKind>())}.");
        var text = XlText.FromBytes(await ApiDefaults.ReadFileAsync(http));
        var result = Domain.Xl.Lint.Run(what, text);
        var findings = result.Findings;
        if (host is not null)
            findings = [.. findings.Concat(await CheckForHostAsync(db, RouteNames.Host(host), what, text, ct)).OrderBy(f => f.Line).ThenBy(f => f.Column)];
        var mended = fix ? Domain.Xl.Lint.Fix(what, text) : text;
        return TypedResults.Ok(new LintResponse(
            [.. findings.Select(FindingResponse.Of)],
            new XlResponse(result.Xl.Accepted, XlText.Decode(result.Xl.Message), result.Xl.Nics),
            mended == text ? null : XlText.Decode(mended)));
    }

    /// <summary>What only a host's bridges, its Xen and its other guests can say.</summary>
    private static async Task<IReadOnlyList<Finding>> CheckForHostAsync(XlnetDbContext db, ResourceName host, LintKind kind, string text, CancellationToken ct)
    {
        var guest = kind == LintKind.Guest ? GuestFile.Parse(text) : null;
        var surroundings = await HostSurroundings.ReadAsync(db, host, guest?.Name, ct);
        return kind switch
        {
            LintKind.Guest => HostRules.CheckFile(guest!, surroundings),
            LintKind.Vif => HostRules.Check(VifSpec.Read(text).Settings, surroundings),
            _ => [],
        };
    }
}

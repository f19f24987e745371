using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Xlnet.Api.Common;

namespace Xlnet.Api.Drifts;

internal static class DriftEndpoints
{
    public static RouteGroupBuilder MapDrifts(this RouteGroupBuilder v1)
    {
        var hosts = v1.MapGroup("/hosts/{host}").WithTags("Drift");
        hosts.MapPost("/adopt", AdoptAsync).WithName("Hosts_Adopt").WithSummary("Take what a host has into its desired state")
            .ProducesProblem(StatusCodes.Status412PreconditionFailed).ProducesProblem(StatusCodes.Status502BadGateway);
        hosts.MapGet("/drift", GetAsync).WithName("Hosts_Drift").WithSummary("Database, files and what runs side by side")
            .ProducesProblem(StatusCodes.Status502BadGateway);
        hosts.MapPost("/drift/accept", AcceptAsync).WithName("Drift_Accept").WithSummary("Take differences from the host into the database")
            .ProducesProblem(StatusCodes.Status412PreconditionFailed).ProducesProblem(StatusCodes.Status502BadGateway);
        return v1;
    }

    /// <remarks>
    /// Takes xl.conf, bridges and guests over as they are, so that an apply has nothing to do. What cannot be taken is skipped, and
    /// `skipped` says why. `validateOnly=true` shows it first.
    /// </remarks>
    private static async Task<Ok<AdoptionResponse>> AdoptAsync(
        string host, HttpContext http, AdoptionService adoptions, CancellationToken ct,
        [FromQuery] string? acceptFindings = null, bool overwrite = false, bool validateOnly = false) =>
        TypedResults.Ok(await adoptions.AdoptAsync(http, RouteNames.Host(host), AcceptedFindings.Parse(acceptFindings), overwrite, validateOnly, ct));

    /// <remarks>An entry for each field that differs, with the value in the database, in the file and live; none when they agree.</remarks>
    private static async Task<Ok<DriftResponse>> GetAsync(string host, DriftService drifts, CancellationToken ct) =>
        TypedResults.Ok(await drifts.GetAsync(RouteNames.Host(host), ct));

    /// <remarks>
    /// The host is right: what it has becomes the desired state of those targets. The answer is the drift that is left. `POST
    /// …/drift/enforce` is the other way.
    /// </remarks>
    private static async Task<Ok<DriftResponse>> AcceptAsync(
        string host, JsonBody<DriftAcceptRequest> body, HttpContext http, DriftService drifts, CancellationToken ct,
        [FromQuery] string? acceptFindings = null, bool validateOnly = false) =>
        TypedResults.Ok(await drifts.AcceptAsync(
            http, RouteNames.Host(host), body.Value.Targets!, AcceptedFindings.Parse(acceptFindings), validateOnly, ct));
}

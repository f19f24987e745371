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

    private static async Task<Ok<AdoptionResponse>> AdoptAsync(
        string host, HttpContext http, AdoptionService adoptions, CancellationToken ct,
        [FromQuery] string? acceptFindings = null, bool overwrite = false, bool validateOnly = false) =>
        TypedResults.Ok(await adoptions.AdoptAsync(http, RouteNames.Host(host), AcceptedFindings.Parse(acceptFindings), overwrite, validateOnly, ct));

    private static async Task<Ok<DriftResponse>> GetAsync(string host, DriftService drifts, CancellationToken ct) =>
        TypedResults.Ok(await drifts.GetAsync(RouteNames.Host(host), ct));

    private static async Task<Ok<DriftResponse>> AcceptAsync(
        string host, JsonBody<DriftAcceptRequest> body, HttpContext http, DriftService drifts, CancellationToken ct,
        [FromQuery] string? acceptFindings = null, bool validateOnly = false) =>
        TypedResults.Ok(await drifts.AcceptAsync(
            http, RouteNames.Host(host), body.Value.Targets!, AcceptedFindings.Parse(acceptFindings), validateOnly, ct));
}

using Microsoft.AspNetCore.Mvc;
using Xlnet.Api.Common;

namespace Xlnet.Api.DesiredStates;

internal static class DesiredStateEndpoints
{
    /// <summary>As much as a host of a few thousand guests takes.</summary>
    private const int MostBytes = 8 << 20;

    public static RouteGroupBuilder MapDesiredStates(this RouteGroupBuilder v1)
    {
        var states = v1.MapGroup("/").WithTags("Desired states");
        states.MapGet("/hosts/{host}/desired-state", GetAsync).WithName("DesiredState_Get").WithSummary("Read all that a host is to be, as one document")
            .WithDescription("In JSON, or in YAML for who asks for `application/yaml`. A PUT of it changes nothing.");
        states.MapPut("/hosts/{host}/desired-state", PutAsync).WithName("DesiredState_Put").WithSummary("Make a host, or make it what a document says")
            .WithDescription("What the document leaves out is taken away, all or nothing; `removed` lists it, with validateOnly=true before it is done. As every write it is staged: an apply puts it into force.")
            .WithMetadata(new RequestSizeLimitAttribute(MostBytes)).ProducesProblem(StatusCodes.Status428PreconditionRequired).ProducesProblem(StatusCodes.Status502BadGateway);
        states.MapPost("/desired-states", PutAllAsync).WithName("DesiredStates_Put").WithSummary("Make many hosts what a document says, all or none")
            .WithDescription("Each as a PUT of its desired state would, in one transaction. A guest may move from one of the hosts to another, with its addresses.")
            .WithMetadata(new RequestSizeLimitAttribute(MostBytes)).ProducesProblem(StatusCodes.Status412PreconditionFailed).ProducesProblem(StatusCodes.Status428PreconditionRequired).ProducesProblem(StatusCodes.Status502BadGateway);
        return v1;
    }

    private static async Task<DocumentResult<DesiredStateDocument>> GetAsync(string host, HttpContext http, DesiredStateService states, CancellationToken ct)
    {
        var (document, version) = await states.GetAsync(RouteNames.Host(host), ct);
        ApiDefaults.SetETag(http, version);
        return new DocumentResult<DesiredStateDocument>(document);
    }

    private static async Task<DocumentResult<DesiredStateResponse>> PutAsync(
        string host, DocumentBody<DesiredStateDocument> body, HttpContext http, DesiredStateService states, CancellationToken ct,
        [FromQuery] string? acceptFindings = null, bool validateOnly = false)
    {
        var (response, version) = await states.PutAsync(RouteNames.Host(host), body.Value, Check, AcceptedFindings.Parse(acceptFindings), validateOnly, ct);
        ApiDefaults.SetETag(http, version);
        return new DocumentResult<DesiredStateResponse>(response, response.Created ? StatusCodes.Status201Created : StatusCodes.Status200OK);

        void Check(uint? present)
        {
            if (present is not null && http.Request.Headers.IfMatch.Count == 0 && !validateOnly)
                throw DesiredStateService.Unseen("If-Match");
            ApiDefaults.CheckPreconditions(http, present);
        }
    }

    private static async Task<DocumentResult<DesiredStatesResponse>> PutAllAsync(
        DocumentBody<DesiredStatesRequest> body, DesiredStateService states, CancellationToken ct, [FromQuery] string? acceptFindings = null, bool validateOnly = false) =>
        new(await states.PutAllAsync(body.Value, AcceptedFindings.Parse(acceptFindings), validateOnly, ct));
}

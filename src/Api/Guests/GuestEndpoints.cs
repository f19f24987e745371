using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Xlnet.Api.Common;

namespace Xlnet.Api.Guests;

internal static class GuestEndpoints
{
    public static RouteGroupBuilder MapGuests(this RouteGroupBuilder v1)
    {
        var guests = v1.MapGroup("/hosts/{host}/guests").WithTags("Guests");
        guests.MapGet("/", ListAsync).WithName("Guests_List").WithSummary("List a host's guests by name");
        guests.MapPost("/", CreateAsync).WithName("Guests_Create").WithSummary("Make a guest");
        guests.MapGet("/{guest}", GetAsync).WithName("Guests_Get").WithSummary("Read a guest with its vifs");
        guests.MapPut("/{guest}", PutAsync).WithName("Guests_Put").WithSummary("Make a guest, or change its file");
        guests.MapPatch("/{guest}", PatchAsync).WithName("Guests_Patch").WithSummary("Change some settings of a guest's file (JSON Merge Patch)");
        guests.MapDelete("/{guest}", DeleteAsync).WithName("Guests_Delete").WithSummary("Take a guest away, and release its addresses");
        guests.MapPost("/{guest}/clone", CloneAsync).WithName("Guests_Clone").WithSummary("Make a guest after another, with addresses of its own");
        guests.MapGet("/{guest}/config", GetConfigAsync).WithName("GuestConfig_Get").WithSummary("Read the guest file")
            .Produces<string>(StatusCodes.Status200OK, "text/plain");
        guests.MapPut("/{guest}/config", PutConfigAsync).WithName("GuestConfig_Put").WithSummary("Make or replace a guest by its file")
            .AcceptsFile().Produces<string>(StatusCodes.Status200OK, "text/plain").Produces<string>(StatusCodes.Status201Created, "text/plain");
        return guests;
    }

    /// <remarks>A page at a time: `next` is the cursor of the next one.</remarks>
    private static async Task<Ok<Page<GuestResponse>>> ListAsync(
        string host, [AsParameters] PageQuery page, GuestService guests, CancellationToken ct, [FromQuery] string? type = null, [FromQuery] string? bridge = null) =>
        TypedResults.Ok(await guests.ListAsync(RouteNames.Host(host), page, type, bridge, ct));

    /// <remarks>As its file says; `GET …/observation` shows whether it runs, and as what.</remarks>
    private static async Task<Ok<GuestResponse>> GetAsync(string host, string guest, HttpContext http, GuestService guests, CancellationToken ct)
    {
        var name = RouteNames.Host(host);
        var found = await guests.GetAsync(name, RouteNames.Guest(guest), ct);
        ApiDefaults.SetETag(http, found.Version);
        return TypedResults.Ok(GuestResponse.Of(name, found));
    }

    /// <remarks>
    /// 409 when there is one of that name. With `config` the file is taken as a whole; without, it is made of the members. Vifs
    /// without `mac` get an address. It is staged: the host gets it with the next apply.
    /// </remarks>
    private static async Task<Created<GuestResponse>> CreateAsync(
        string host, JsonBody<CreateGuestRequest> body, HttpContext http, GuestService guests, CancellationToken ct,
        [FromQuery] string? acceptFindings = null, bool validateOnly = false)
    {
        var name = RouteNames.Host(host);
        var (guest, _) = await guests.PutAsync(
            http, name, RouteNames.Guest(body.Value.Name!), body.Value, AcceptedFindings.Parse(acceptFindings), createOnly: true, validateOnly, ct);
        ApiDefaults.SetETag(http, guest.Version);
        return TypedResults.Created($"/v1/hosts/{host}/guests/{guest.Name}", GuestResponse.Of(name, guest));
    }

    /// <remarks>
    /// 201 when it is new, else 200. With `config` the file is replaced; without, the members are set in the file that is there, and
    /// every other byte stays. It is staged: the host gets it with the next apply.
    /// </remarks>
    private static async Task<Results<Ok<GuestResponse>, Created<GuestResponse>>> PutAsync(
        string host, string guest, JsonBody<GuestRequest> body, HttpContext http, GuestService guests, CancellationToken ct,
        [FromQuery] string? acceptFindings = null, bool validateOnly = false)
    {
        var name = RouteNames.Host(host);
        var (put, created) = await guests.PutAsync(
            http, name, RouteNames.Guest(guest), body.Value, AcceptedFindings.Parse(acceptFindings), createOnly: false, validateOnly, ct);
        ApiDefaults.SetETag(http, put.Version);
        var response = GuestResponse.Of(name, put);
        return created ? TypedResults.Created($"/v1/hosts/{host}/guests/{put.Name}", response) : TypedResults.Ok(response);
    }

    /// <remarks>
    /// The members that are given are set in the file, null takes a line out, and every other byte stays (RFC 7396). It is staged:
    /// the host gets it with the next apply.
    /// </remarks>
    private static async Task<Ok<GuestResponse>> PatchAsync(
        string host, string guest, MergePatch<GuestSettingsRequest> body, HttpContext http, GuestService guests, CancellationToken ct, bool validateOnly = false)
    {
        var name = RouteNames.Host(host);
        var patched = await guests.PatchAsync(http, name, RouteNames.Guest(guest), body.Apply(new GuestSettingsRequest()), body.Removes, validateOnly, ct);
        ApiDefaults.SetETag(http, patched.Version);
        return TypedResults.Ok(GuestResponse.Of(name, patched));
    }

    /// <remarks>Its file goes from the host with the next apply; a guest that runs goes on until it is stopped. Its addresses wait in quarantine.</remarks>
    private static async Task<NoContent> DeleteAsync(
        string host, string guest, HttpContext http, GuestService guests, CancellationToken ct, bool validateOnly = false)
    {
        await guests.DeleteAsync(http, RouteNames.Host(host), RouteNames.Guest(guest), validateOnly, ct);
        return TypedResults.NoContent();
    }

    /// <remarks>
    /// With the other's file under a new name. `mac: keep` needs the other's addresses to be free, as they are when it has been
    /// deleted. It is staged: the host gets it with the next apply.
    /// </remarks>
    private static async Task<Created<GuestResponse>> CloneAsync(
        string host, string guest, JsonBody<CloneGuestRequest> body, HttpContext http, GuestService guests, CancellationToken ct, bool validateOnly = false)
    {
        var target = RouteNames.Host(body.Value.Host ?? host);
        var clone = await guests.CloneAsync(
            http, RouteNames.Host(host), RouteNames.Guest(guest), target, RouteNames.Guest(body.Value.Name!), body.Value.Mac ?? CloneMac.New, validateOnly, ct);
        ApiDefaults.SetETag(http, clone.Version);
        return TypedResults.Created($"/v1/hosts/{target}/guests/{clone.Name}", GuestResponse.Of(target, clone));
    }

    /// <remarks>The bytes that the next apply writes, when they differ from the host's.</remarks>
    private static async Task<FileContentHttpResult> GetConfigAsync(string host, string guest, HttpContext http, GuestService guests, CancellationToken ct)
    {
        var found = await guests.GetAsync(RouteNames.Host(host), RouteNames.Guest(guest), ct);
        ApiDefaults.SetETag(http, found.Version);
        return TypedResults.Bytes(found.Config, "text/plain");
    }

    /// <remarks>
    /// The file as someone wrote it, comments and all; of it only the `vif` line changes, where addresses are allocated. Its `name`
    /// is the one in the URL. Findings of severity error are refused with 422 unless `acceptFindings` names them. It is staged: the
    /// host gets it with the next apply.
    /// </remarks>
    private static async Task<FileContentHttpResult> PutConfigAsync(
        string host, string guest, HttpContext http, GuestService guests, CancellationToken ct,
        [FromQuery] string? acceptFindings = null, bool validateOnly = false)
    {
        var (hostName, name) = (RouteNames.Host(host), RouteNames.Guest(guest));
        var text = await ApiDefaults.ReadFileAsync(http);
        var (put, created) = await guests.PutConfigAsync(http, hostName, name, text, AcceptedFindings.Parse(acceptFindings), validateOnly, ct);
        ApiDefaults.SetETag(http, put.Version);
        if (created)
        {
            http.Response.StatusCode = StatusCodes.Status201Created;
            http.Response.Headers.Location = $"/v1/hosts/{host}/guests/{put.Name}/config";
        }

        return TypedResults.Bytes(put.Config, "text/plain");
    }
}

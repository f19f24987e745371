using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Xlnet.Api.Access;
using Xlnet.Api.Common;
using Xlnet.Api.Operations;
using Xlnet.Domain.Access;
using Xlnet.Domain.Common;
using Xlnet.Domain.Hosts;

namespace Xlnet.Api.Hosts;

internal static class HostEndpoints
{
    public static RouteGroupBuilder MapHosts(this RouteGroupBuilder v1)
    {
        var hosts = v1.MapGroup("/hosts").WithTags("Hosts");
        hosts.MapGet("/", ListAsync).WithName("Hosts_List").WithSummary("List the hosts by name");
        hosts.MapPost("/", CreateAsync).WithName("Hosts_Create").WithSummary("Make a host").ProducesProblem(StatusCodes.Status502BadGateway);
        hosts.MapGet("/{host}", GetAsync).WithName("Hosts_Get").WithSummary("Read a host");
        hosts.MapPut("/{host}", PutAsync).WithName("Hosts_Put").WithSummary("Make a host, or change it").ProducesProblem(StatusCodes.Status502BadGateway);
        hosts.MapPatch("/{host}", PatchAsync).WithName("Hosts_Patch").WithSummary("Change some of a host (JSON Merge Patch)");
        hosts.MapDelete("/{host}", DeleteAsync).WithName("Hosts_Delete").WithSummary("Forget a host, and release its addresses").Needs(AccessRole.Admin)
            .WithDescription("release=true gives the host its own network back first, as it was before xlnet: its files, sysctls, nftables and dnsmasq. It waits for that, up to five minutes, and keeps the host when it fails. Guests and their files stay.");

        hosts.MapGet("/{host}/defaults", GetDefaultsAsync).WithName("Defaults_Get").WithSummary("Read vif.default.*");
        hosts.MapPut("/{host}/defaults", PutDefaultsAsync).WithName("Defaults_Put").WithSummary("Set vif.default.*");
        hosts.MapGet("/{host}/xl.conf", GetXlConfAsync).WithName("XlConf_Get").WithSummary("Read xl.conf")
            .Produces<string>(StatusCodes.Status200OK, "text/plain");
        hosts.MapPut("/{host}/xl.conf", PutXlConfAsync).WithName("XlConf_Put").WithSummary("Replace xl.conf")
            .AcceptsFile().Produces<string>(StatusCodes.Status200OK, "text/plain");
        return hosts;
    }

    /// <remarks>A page at a time: `next` is the cursor of the next one.</remarks>
    private static async Task<Ok<Page<HostResponse>>> ListAsync(
        [AsParameters] PageQuery page, HostService hosts, CancellationToken ct, [FromQuery] string? driver = null, [FromQuery] string? pool = null) =>
        TypedResults.Ok(await hosts.ListAsync(page, driver, pool, ct));

    /// <remarks>
    /// What is stored of it; nothing is asked of the host. `GET …/observation` asks. Its ETag is what `If-Match` takes wherever the
    /// host as a whole changes.
    /// </remarks>
    private static async Task<Ok<HostResponse>> GetAsync(string host, HttpContext http, HostService hosts, CancellationToken ct)
    {
        var (found, pool) = await hosts.GetAsync(RouteNames.Host(host), ct);
        ApiDefaults.SetETag(http, found.Version);
        return TypedResults.Ok(HostResponse.Of(found, pool));
    }

    /// <remarks>
    /// 409 when there is one of that name; PUT makes or changes. A host over SSH without `hostKey` is asked for its key, which is
    /// trusted from then on.
    /// </remarks>
    private static async Task<Created<HostResponse>> CreateAsync(
        JsonBody<CreateHostRequest> body, HttpContext http, HostService hosts, CancellationToken ct, bool validateOnly = false)
    {
        var (host, pool, _) = await hosts.PutAsync(http, RouteNames.Host(body.Value.Name!), (_, _) => body.Value, createOnly: true, validateOnly, ct);
        ApiDefaults.SetETag(http, host.Version);
        return TypedResults.Created($"/v1/hosts/{host.Name}", HostResponse.Of(host, pool));
    }

    /// <remarks>201 when it is new, else 200. Safe to repeat: what changes nothing makes no revision.</remarks>
    private static async Task<Results<Ok<HostResponse>, Created<HostResponse>>> PutAsync(
        string host, JsonBody<HostRequest> body, HttpContext http, HostService hosts, CancellationToken ct, bool validateOnly = false)
    {
        var (put, pool, created) = await hosts.PutAsync(http, RouteNames.Host(host), (_, _) => body.Value, createOnly: false, validateOnly, ct);
        ApiDefaults.SetETag(http, put.Version);
        var response = HostResponse.Of(put, pool);
        return created ? TypedResults.Created($"/v1/hosts/{put.Name}", response) : TypedResults.Ok(response);
    }

    /// <remarks>The members that are given replace what is there, null takes away, and the rest stays (RFC 7396).</remarks>
    private static async Task<Ok<HostResponse>> PatchAsync(
        string host, MergePatch<HostRequest> body, HttpContext http, HostService hosts, CancellationToken ct, bool validateOnly = false)
    {
        var name = RouteNames.Host(host);
        var (put, pool, _) = await hosts.PutAsync(http, name, (current, currentPool) => body.Apply(current is null
            ? throw RuleException.NotFound("host", name.Value)
            : new HostRequest
            {
                Driver = DriverContract.Of(current),
                Description = current.Description,
                MacPolicy = current.MacPolicy,
                MacPool = currentPool,
            }), createOnly: false, validateOnly, ct);
        ApiDefaults.SetETag(http, put.Version);
        return TypedResults.Ok(HostResponse.Of(put, pool));
    }

    private static async Task<NoContent> DeleteAsync(
        string host, HttpContext http, HostService hosts, OperationService operations, CancellationToken ct, bool release = false, bool validateOnly = false)
    {
        await hosts.DeleteAsync(http, RouteNames.Host(host), release ? operations : null, validateOnly, ct);
        return TypedResults.NoContent();
    }

    /// <remarks>What the host's xl.conf is to say; what is null is not written there, and libxl's own default applies.</remarks>
    private static async Task<Ok<DefaultsContract>> GetDefaultsAsync(string host, HttpContext http, HostService hosts, CancellationToken ct)
    {
        var (found, _) = await hosts.GetAsync(RouteNames.Host(host), ct);
        ApiDefaults.SetETag(http, found.Version);
        return TypedResults.Ok(DefaultsContract.Of(found.Defaults ?? VifDefaults.None));
    }

    /// <remarks>
    /// Changes the lines of `vif.default.*` in xl.conf, and keeps every other byte. Vifs that follow a default move with it at the
    /// next apply.
    /// </remarks>
    private static async Task<Ok<DefaultsContract>> PutDefaultsAsync(
        string host, JsonBody<DefaultsContract> body, HttpContext http, HostService hosts, CancellationToken ct, bool validateOnly = false) =>
        TypedResults.Ok(await hosts.PutDefaultsAsync(http, RouteNames.Host(host), body.Value, validateOnly, ct));

    /// <remarks>The bytes that the next apply writes, when they differ from the host's.</remarks>
    private static async Task<FileContentHttpResult> GetXlConfAsync(string host, HttpContext http, HostService hosts, CancellationToken ct)
    {
        var (found, _) = await hosts.GetAsync(RouteNames.Host(host), ct);
        ApiDefaults.SetETag(http, found.Version);
        return TypedResults.Bytes(HostService.XlConfOf(found), "text/plain");
    }

    /// <remarks>
    /// Any xl.conf that xl reads. Findings of severity error are refused with 422 unless `acceptFindings` names them. It is staged:
    /// the host gets it with the next apply.
    /// </remarks>
    private static async Task<FileContentHttpResult> PutXlConfAsync(
        string host, HttpContext http, HostService hosts, CancellationToken ct,
        [FromQuery] string? acceptFindings = null, bool validateOnly = false)
    {
        var text = await ApiDefaults.ReadFileAsync(http);
        return TypedResults.Bytes(await hosts.PutXlConfAsync(http, RouteNames.Host(host), text, AcceptedFindings.Parse(acceptFindings), validateOnly, ct), "text/plain");
    }
}

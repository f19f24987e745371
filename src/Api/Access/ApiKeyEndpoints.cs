using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Xlnet.Api.Common;
using Xlnet.Domain.Access;

namespace Xlnet.Api.Access;

internal static class ApiKeyEndpoints
{
    public static RouteGroupBuilder MapApiKeys(this RouteGroupBuilder v1)
    {
        var keys = v1.MapGroup("/api-keys").WithTags("API keys").Needs(AccessRole.Admin, allHosts: true);
        keys.MapGet("/", ListAsync).WithName("ApiKeys_List").WithSummary("List the API keys by name");
        keys.MapPost("/", CreateAsync).WithName("ApiKeys_Create").WithSummary("Make an API key")
            .WithDescription("The answer has the whole key, in `secret`: nobody can read it again.");
        keys.MapGet("/{key}", GetAsync).WithName("ApiKeys_Get").WithSummary("Read an API key, without its secret");
        keys.MapDelete("/{key}", DeleteAsync).WithName("ApiKeys_Delete").WithSummary("Revoke an API key")
            .WithDescription("It is good for nothing at once on the replica that answers, and within five seconds on the others.");
        keys.MapPost("/{key}/rotate", RotateAsync).WithName("ApiKeys_Rotate").WithSummary("Give an API key a new secret")
            .WithDescription("The answer has the whole key, in `secret`. The one before stays good for as long as `overlapSeconds` says.")
            .ProducesProblem(StatusCodes.Status412PreconditionFailed);
        return v1;
    }

    /// <remarks>Without their secrets, which are not kept; `prefix` tells one from another.</remarks>
    private static async Task<Ok<Page<ApiKeyResponse>>> ListAsync(
        [AsParameters] PageQuery page, ApiKeyService keys, CancellationToken ct, [FromQuery] string? role = null) =>
        TypedResults.Ok(await keys.ListAsync(page, role, ct));

    /// <remarks>What it is good for, until when, and when it was last used.</remarks>
    private static async Task<Ok<ApiKeyResponse>> GetAsync(string key, HttpContext http, ApiKeyService keys, CancellationToken ct)
    {
        var (response, version) = await keys.GetAsync(RouteNames.Key(key), ct);
        ApiDefaults.SetETag(http, version);
        return TypedResults.Ok(response);
    }

    private static async Task<Created<ApiKeyResponse>> CreateAsync(
        JsonBody<CreateApiKeyRequest> body, HttpContext http, ApiKeyService keys, TimeProvider clock, CancellationToken ct, bool validateOnly = false)
    {
        var (key, secret) = await keys.CreateAsync(body.Value, validateOnly, ct);
        KeepFromCaches(http);
        ApiDefaults.SetETag(http, key.Version);
        return TypedResults.Created($"/v1/api-keys/{key.Name}", ApiKeyResponse.Of(key, null, clock.GetUtcNow(), secret));
    }

    private static async Task<Ok<ApiKeyResponse>> RotateAsync(
        string key, OptionalJsonBody<RotateApiKeyRequest> body, HttpContext http, ApiKeyService keys, TimeProvider clock, CancellationToken ct, bool validateOnly = false)
    {
        var overlap = TimeSpan.FromSeconds(body.Value?.OverlapSeconds ?? 0);
        var (rotated, secret) = await keys.RotateAsync(http, RouteNames.Key(key), overlap, validateOnly, ct);
        var (read, _) = await keys.GetAsync(rotated.Name, ct);
        KeepFromCaches(http);
        ApiDefaults.SetETag(http, rotated.Version);
        return TypedResults.Ok(ApiKeyResponse.Of(rotated, read.LastUsedAt, clock.GetUtcNow(), secret));
    }

    private static async Task<NoContent> DeleteAsync(string key, HttpContext http, ApiKeyService keys, CancellationToken ct, bool validateOnly = false)
    {
        await keys.DeleteAsync(http, RouteNames.Key(key), validateOnly, ct);
        return TypedResults.NoContent();
    }

    private static void KeepFromCaches(HttpContext http) => http.Response.Headers.CacheControl = "no-store";
}

using System.Net;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Xlnet.Api.Common;
using Xlnet.Domain.Common;

namespace Xlnet.Api.Subnets;

internal static class SubnetEndpoints
{
    public static RouteGroupBuilder MapSubnets(this RouteGroupBuilder v1)
    {
        var subnets = v1.MapGroup("/hosts/{host}/subnets").WithTags("Subnets");
        subnets.MapGet("/", ListAsync).WithName("Subnets_List").WithSummary("List a host's subnets by name");
        subnets.MapPost("/", CreateAsync).WithName("Subnets_Create").WithSummary("Make a subnet");
        subnets.MapGet("/{subnet}", GetAsync).WithName("Subnets_Get").WithSummary("Read a subnet");
        subnets.MapPut("/{subnet}", PutAsync).WithName("Subnets_Put").WithSummary("Make a subnet, or change it");
        subnets.MapPatch("/{subnet}", PatchAsync).WithName("Subnets_Patch").WithSummary("Change some of a subnet (JSON Merge Patch)");
        subnets.MapDelete("/{subnet}", DeleteAsync).WithName("Subnets_Delete").WithSummary("Take a subnet away that no vif has an address of");

        var addresses = subnets.MapGroup("/{subnet}/addresses");
        addresses.MapGet("/", ListAddressesAsync).WithName("SubnetAddresses_List").WithSummary("List the addresses of a subnet that are not free");
        addresses.MapPost("/", ReserveAsync).WithName("SubnetAddresses_Reserve").WithSummary("Set an address of a subnet aside");
        addresses.MapGet("/{address}", GetAddressAsync).WithName("SubnetAddresses_Get").WithSummary("Read who has an address, and who had it");
        addresses.MapDelete("/{address}", ReleaseAsync).WithName("SubnetAddresses_Release").WithSummary("End a reservation, or a quarantine before its time");
        return v1;
    }

    /// <remarks>A page at a time: `next` is the cursor of the next one.</remarks>
    private static async Task<Ok<Page<SubnetResponse>>> ListAsync(
        string host, [AsParameters] PageQuery page, SubnetService subnets, CancellationToken ct, [FromQuery] string? bridge = null) =>
        TypedResults.Ok(await subnets.ListAsync(RouteNames.Host(host), page, bridge, ct));

    /// <remarks>Its range, and for whose vifs it is.</remarks>
    private static async Task<Ok<SubnetResponse>> GetAsync(string host, string subnet, HttpContext http, SubnetService subnets, CancellationToken ct)
    {
        var found = await subnets.GetAsync(RouteNames.Host(host), RouteNames.Subnet(subnet), ct);
        ApiDefaults.SetETag(http, (uint)found.Version);
        return TypedResults.Ok(SubnetResponse.Of(found));
    }

    /// <remarks>
    /// 409 when there is one of that name, or one that overlaps it in the same place. Vifs whose `ip` lies in it get that address,
    /// or the problem names the clash.
    /// </remarks>
    private static async Task<Created<SubnetResponse>> CreateAsync(
        string host, JsonBody<CreateSubnetRequest> body, HttpContext http, SubnetService subnets, CancellationToken ct, bool validateOnly = false)
    {
        var (subnet, _) = await subnets.PutAsync(http, RouteNames.Host(host), RouteNames.Subnet(body.Value.Name!), _ => body.Value, createOnly: true, validateOnly, ct);
        ApiDefaults.SetETag(http, (uint)subnet.Version);
        return TypedResults.Created($"/v1/hosts/{host}/subnets/{subnet.Name}", SubnetResponse.Of(subnet));
    }

    /// <remarks>201 when it is new, else 200. It keeps to what POST keeps to.</remarks>
    private static async Task<Results<Ok<SubnetResponse>, Created<SubnetResponse>>> PutAsync(
        string host, string subnet, JsonBody<SubnetRequest> body, HttpContext http, SubnetService subnets, CancellationToken ct, bool validateOnly = false)
    {
        var (put, created) = await subnets.PutAsync(http, RouteNames.Host(host), RouteNames.Subnet(subnet), _ => body.Value, createOnly: false, validateOnly, ct);
        ApiDefaults.SetETag(http, (uint)put.Version);
        return created ? TypedResults.Created($"/v1/hosts/{host}/subnets/{put.Name}", SubnetResponse.Of(put)) : TypedResults.Ok(SubnetResponse.Of(put));
    }

    /// <remarks>The members that are given replace what is there, null takes away, and the rest stays (RFC 7396).</remarks>
    private static async Task<Ok<SubnetResponse>> PatchAsync(
        string host, string subnet, MergePatch<SubnetRequest> body, HttpContext http, SubnetService subnets, CancellationToken ct, bool validateOnly = false)
    {
        var name = RouteNames.Subnet(subnet);
        var (put, _) = await subnets.PutAsync(http, RouteNames.Host(host), name,
            current => body.Apply(SubnetRequest.Of(current ?? throw RuleException.NotFound("subnet", name.Value))), createOnly: false, validateOnly, ct);
        ApiDefaults.SetETag(http, (uint)put.Version);
        return TypedResults.Ok(SubnetResponse.Of(put));
    }

    /// <remarks>409 while a vif has an address of it; the problem names the vif.</remarks>
    private static async Task<NoContent> DeleteAsync(
        string host, string subnet, HttpContext http, SubnetService subnets, CancellationToken ct, bool validateOnly = false)
    {
        await subnets.DeleteAsync(http, RouteNames.Host(host), RouteNames.Subnet(subnet), validateOnly, ct);
        return TypedResults.NoContent();
    }

    /// <remarks>Those that vifs have, that are reserved, and that wait in quarantine, by address (`sort=-address` for the greatest first).</remarks>
    private static async Task<Ok<Page<SubnetAddressResponse>>> ListAddressesAsync(
        string host, string subnet, [AsParameters] PageQuery page, SubnetService subnets, CancellationToken ct, [FromQuery] string? state = null) =>
        TypedResults.Ok(await subnets.ListAddressesAsync(RouteNames.Host(host), RouteNames.Subnet(subnet), page, state, ct));

    /// <remarks>
    /// For a guest or a vif that need not exist yet, `host/guest` or `host/guest/devid`, which then gets it; or for any other name,
    /// which keeps it from everyone.
    /// </remarks>
    private static async Task<Created<SubnetAddressResponse>> ReserveAsync(
        string host, string subnet, JsonBody<ReserveAddressRequest> body, SubnetService subnets, CancellationToken ct, bool validateOnly = false)
    {
        var reserved = await subnets.ReserveAsync(RouteNames.Host(host), RouteNames.Subnet(subnet), body.Value, validateOnly, ct);
        return TypedResults.Created($"/v1/hosts/{host}/subnets/{subnet}/addresses/{reserved.Address}", reserved);
    }

    /// <remarks>404 when it is free. `history` has the earlier holders, the latest first.</remarks>
    private static async Task<Ok<SubnetAddressResponse>> GetAddressAsync(string host, string subnet, string address, SubnetService subnets, CancellationToken ct) =>
        TypedResults.Ok(await subnets.GetAddressAsync(RouteNames.Host(host), RouteNames.Subnet(subnet), ParseAddress(address), ct));

    /// <remarks>409 when a vif has it: change the vif instead.</remarks>
    private static async Task<NoContent> ReleaseAsync(
        string host, string subnet, string address, SubnetService subnets, CancellationToken ct, bool validateOnly = false)
    {
        await subnets.ReleaseAsync(RouteNames.Host(host), RouteNames.Subnet(subnet), ParseAddress(address), validateOnly, ct);
        return TypedResults.NoContent();
    }

    private static IPAddress ParseAddress(string text) => Cidrs.IsAddress(text)
        ? IPAddress.Parse(text)
        : throw RuleException.Invalid("address", "subnet.address", $"'{text}' is no address. {Cidrs.AddressRule}");
}

using Microsoft.AspNetCore.Http.HttpResults;
using Xlnet.Api.Common;

namespace Xlnet.Api.Networking;

internal static class NetworkingEndpoints
{
    private const string Description =
        "Takes all four parts together: Dom0's own network, routing or NAT in Dom0's system, vif.default.*, and the vifs whose bridge goes. "
        + "It is staged, as every write: the host is looked at, and what speaks against it is refused with the evidence; an apply that allows "
        + "management-path puts it into force. validateOnly=true shows the plan and writes nothing.";

    public static RouteGroupBuilder MapNetworking(this RouteGroupBuilder v1)
    {
        var networking = v1.MapGroup("/hosts/{host}/networking").WithTags("Hosts");
        networking.MapGet("/", GetAsync).WithName("Networking_Get").WithSummary("Read how a host connects its vifs").ProducesProblem(StatusCodes.Status502BadGateway);
        networking.MapPut("/", PutAsync).WithName("Networking_Put").WithSummary("Set how a host connects its vifs: bridged, Open vSwitch, routed or NAT").WithDescription(Description)
            .ProducesProblem(StatusCodes.Status502BadGateway);
        return v1;
    }

    /// <remarks>As it was set; on a host where it never was, as the host is found, and then `managed` is false.</remarks>
    private static async Task<Ok<NetworkingResponse>> GetAsync(string host, HttpContext http, NetworkingService networking, CancellationToken ct)
    {
        var (response, version) = await networking.GetAsync(RouteNames.Host(host), ct);
        ApiDefaults.SetETag(http, version);
        return TypedResults.Ok(response);
    }

    private static async Task<Ok<NetworkingResponse>> PutAsync(
        string host, JsonBody<NetworkingRequest> body, HttpContext http, NetworkingService networking, CancellationToken ct, bool validateOnly = false)
    {
        var (response, version) = await networking.PutAsync(http, RouteNames.Host(host), body.Value, validateOnly, ct);
        ApiDefaults.SetETag(http, version);
        return TypedResults.Ok(response);
    }
}

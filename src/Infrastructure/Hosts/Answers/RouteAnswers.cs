using System.Text.Json.Serialization;
using Xlnet.Domain.Planning;

namespace Xlnet.Infrastructure.Hosts.Answers;

/// <summary>Reads what <c>ip -j route show</c> prints.</summary>
internal static class RouteAnswers
{
    /// <summary>The routes that somebody set; the kernel makes its own when an address is. One with several next hops is left out.</summary>
    public static IEnumerable<HostRoute> Read(CommandResult answer) =>
        answer.Stdout.Trim().Length == 0
            ? []
            : CommandAnswer.Json(answer, answer.Stdout, RouteJson.Default.ListIpRoute)
                .Where(r => r is { Dst: not null, Dev: not null, Type: null or "unicast" } && r.Protocol is not ("kernel" or "ra" or "redirect"))
                .Select(r => new HostRoute(r.Dst!, r.Gateway, r.Dev, r.Protocol, r.Scope, r.Prefsrc, r.Metric));
}

internal sealed record IpRoute(
    string? Type, string? Dst, string? Gateway, string? Dev, string? Protocol, string? Scope, string? Prefsrc, int? Metric);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(List<IpRoute>))]
internal sealed partial class RouteJson : JsonSerializerContext;

using System.Runtime.CompilerServices;
using System.Text.Json.Serialization;
using Xlnet.Api.Common;
using Xlnet.Api.Plans;
using Xlnet.Domain.Common;
using Xlnet.Domain.Planning;
using Xlnet.Infrastructure.Data;
using Xlnet.Infrastructure.Hosts.Watching;

namespace Xlnet.Api.Hosts;

/// <summary>What was seen on a host. Members that an event is not about are left out.</summary>
/// <param name="Interface">As it is now; as it was, when it is gone.</param>
/// <param name="Bridge">The bridge that the port joined or left.</param>
/// <param name="Port">The interface that is the port.</param>
/// <param name="Domain">As it is now; as it was, when it is gone.</param>
/// <param name="Vif">As it is now; as it was, when it is gone.</param>
/// <param name="Guest">The guest that the interface, port, domain or vif is of.</param>
/// <param name="Devid">The number of the vif in its guest that the interface, port or vif is.</param>
/// <param name="Problem">Why the host was lost.</param>
public sealed record HostEventResponse(
    DateTimeOffset At,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] InterfaceResponse? Interface,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Bridge,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Port,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] DomainResponse? Domain,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] ObservedVifResponse? Vif,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Guest,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] int? Devid,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] HostProblem? Problem)
{
    internal static EventItem Of(HostEvent e) => new(
        e.Change is { } change ? Kebab.Name(change.Kind) : Kebab.Name(e.Kind),
        new HostEventResponse(
            e.At,
            e.Change?.Interface is { } device ? InterfaceResponse.Of(device) : null,
            e.Change?.Bridge,
            e.Change?.Port,
            e.Change?.Domain is { } domain ? DomainResponse.Of(domain) : null,
            e.Change?.Vif is { } vif ? ObservedVifResponse.Of(vif) : null,
            e.Change?.Guest,
            e.Change?.Devid,
            e.Code is null ? null : new HostProblem(e.Code, e.Message!)));
}

/// <param name="Code">Stable, such as `host.unreachable`: the code of the problem that a request would get.</param>
/// <param name="Detail">What is wrong, for people.</param>
public sealed record HostProblem(string Code, string Detail);

internal static class HostEventEndpoints
{
    private static readonly string Description =
        $"""
        Server-sent events; the data of each is the JSON of this schema. `ready` comes first: from then on every change is told, so read
        the observation after it. Then, as they happen: {string.Join(", ", Kebab.Names<HostChangeKind>().Select(n => $"`{n}`"))}.
        `host-lost` says in `problem` why the host cannot be asked; it is tried again until `host-back`, and what has changed in between
        follows. `resync` ends the stream of a client that reads too slowly. What happened while nobody listened is not kept: connect
        again, and read the observation after `ready`. The stream ends by itself only when the host is deleted.
        """.ReplaceLineEndings(" ");

    public static RouteGroupBuilder MapHostEvents(this RouteGroupBuilder v1)
    {
        v1.MapGet("/hosts/{host}/events", ListenAsync).WithTags("Hosts").WithName("Hosts_Events")
            .WithSummary("Interfaces, bridge ports, domains and vifs as they come and go").WithDescription(Description)
            .Produces<HostEventResponse>(StatusCodes.Status200OK, EventStream.ContentType);
        return v1;
    }

    private static async Task<IResult> ListenAsync(string host, XlnetDbContext db, HostWatchers watchers, CancellationToken ct)
    {
        var hostId = await HostIds.FindAsync(db, RouteNames.Host(host), ct);
        return new EventStream(EventsAsync(watchers, hostId, ct));
    }

    private static async IAsyncEnumerable<EventItem> EventsAsync(HostWatchers watchers, long hostId, [EnumeratorCancellation] CancellationToken ct)
    {
        await foreach (var item in watchers.ListenAsync(hostId, ct))
            yield return HostEventResponse.Of(item);
    }
}

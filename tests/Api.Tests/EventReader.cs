using System.Net;
using System.Net.ServerSentEvents;
using System.Text;
using System.Text.Json.Nodes;
using Xunit;

namespace Xlnet.Api.Tests;

public sealed record ServerEvent(string Name, string? Id, JsonNode Data);

/// <summary>A client of a stream of events, which goes when it is disposed of. It does not wait for ever for an event that never comes.</summary>
public sealed class EventReader : IAsyncDisposable
{
    private readonly CancellationTokenSource _limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
    private readonly HttpClient _client;
    private readonly HttpResponseMessage _response;
    private readonly IAsyncEnumerator<SseItem<string>> _events;

    private EventReader(HttpClient client, HttpResponseMessage response, Stream stream, TimeSpan limit)
    {
        (_client, _response) = (client, response);
        _limit.CancelAfter(limit);
        _events = SseParser.Create(stream, (_, bytes) => Encoding.UTF8.GetString(bytes)).EnumerateAsync(_limit.Token).GetAsyncEnumerator();
    }

    public static async Task<EventReader> OpenAsync(HttpClient client, string path, string? lastEventId = null, TimeSpan? limit = null)
    {
        var ct = TestContext.Current.CancellationToken;
        // One connection, closed as soon as it is disposed of: .NET would first read on for two seconds.
        var own = new HttpClient(new SocketsHttpHandler { ResponseDrainTimeout = TimeSpan.Zero }) { BaseAddress = client.BaseAddress };
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (lastEventId is not null)
            request.Headers.Add("Last-Event-ID", lastEventId);
        var response = await own.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, ct);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        return new EventReader(own, response, await response.Content.ReadAsStreamAsync(ct), limit ?? TimeSpan.FromSeconds(60));
    }

    /// <summary>The next event, or null when the stream has ended.</summary>
    public async Task<ServerEvent?> NextAsync() => await _events.MoveNextAsync()
        ? new ServerEvent(_events.Current.EventType, _events.Current.EventId, JsonNode.Parse(_events.Current.Data)!)
        : null;

    /// <summary>The events up to the first that is as wanted.</summary>
    public async Task<List<ServerEvent>> UntilAsync(Func<ServerEvent, bool> wanted)
    {
        var seen = new List<ServerEvent>();
        do
            seen.Add(await NextAsync() ?? throw new Xunit.Sdk.XunitException($"The stream ended after {string.Join(", ", seen.Select(e => e.Name))}."));
        while (!wanted(seen[^1]));
        return seen;
    }

    public async Task<List<ServerEvent>> ToEndAsync()
    {
        var seen = new List<ServerEvent>();
        while (await NextAsync() is { } next)
            seen.Add(next);
        return seen;
    }

    public async ValueTask DisposeAsync()
    {
        await _events.DisposeAsync();
        _response.Dispose();
        _client.Dispose();
        _limit.Dispose();
    }
}

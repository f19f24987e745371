using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;
using Xlnet.Api.Access;

namespace Xlnet.Api.Common;

/// <param name="Name">Its `event`.</param>
/// <param name="Data">Is sent as JSON.</param>
/// <param name="Id">Where a client that lost its connection goes on.</param>
internal sealed record EventItem(string Name, object Data, string? Id = null);

/// <summary>
/// Server-sent events (HTML Living Standard, 9.2) until there are no more, the client goes, or the service stops. Not the framework's
/// TypedResults.ServerSentEvents: that sends no comments, and without one now and then nobody notices a client that is gone, while
/// proxies cut a connection on which nothing happens. A stream ends, too, when what its listener was let in by is good no more.
/// </summary>
internal sealed class EventStream(IAsyncEnumerable<EventItem> events) : IResult
{
    public const string ContentType = "text/event-stream";

    private static readonly TimeSpan Heartbeat = TimeSpan.FromSeconds(15);

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var services = httpContext.RequestServices;
        var (clock, json) = (services.GetRequiredService<TimeProvider>(), services.GetRequiredService<IOptions<JsonOptions>>().Value.SerializerOptions);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(
            httpContext.RequestAborted, services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping);
        httpContext.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        httpContext.Response.ContentType = ContentType;
        httpContext.Response.Headers.CacheControl = "no-cache, no-store";
        // The client is to know at once that it is connected, also when nothing happens for long.
        await SendAsync(": xlnet\n\n");

        var items = events.GetAsyncEnumerator(end.Token);
        var next = items.MoveNextAsync().AsTask();
        var (caller, checkedAt) = (Caller.Of(httpContext), clock.GetTimestamp());
        try
        {
            while (true)
            {
                if (clock.GetElapsedTime(checkedAt) >= Heartbeat)
                {
                    if (caller is not null && !await caller.IsStillGoodAsync(end.Token))
                        return;
                    checkedAt = clock.GetTimestamp();
                }

                try
                {
                    if (!await next.WaitAsync(Heartbeat, clock))
                        return;
                }
                catch (TimeoutException)
                {
                    await SendAsync(": still here\n\n");
                    continue;
                }

                var item = items.Current;
                await SendAsync($"{(item.Id is null ? "" : $"id: {item.Id}\n")}event: {item.Name}\ndata: {JsonSerializer.Serialize(item.Data, json.GetTypeInfo(item.Data.GetType()))}\n\n");
                next = items.MoveNextAsync().AsTask();
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
        }
        finally
        {
            await end.CancelAsync();
            await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await items.DisposeAsync();
        }

        async Task SendAsync(string text)
        {
            await httpContext.Response.Body.WriteAsync(Encoding.UTF8.GetBytes(text), end.Token);
            await httpContext.Response.Body.FlushAsync(end.Token);
        }
    }
}

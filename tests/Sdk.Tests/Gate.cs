using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Xlnet.Sdk.Tests;

/// <summary>How far a request gets whose sender is to be killed.</summary>
public enum Held
{
    /// <summary>The service never sees it.</summary>
    Unseen,

    /// <summary>The service is at it, and its caller goes away.</summary>
    UnderWay,

    /// <summary>The service has done and answered it, and nobody hears.</summary>
    Unheard,
}

/// <summary>Stands before the service, counts the requests that reach it, and holds one of them, whose sender then waits for its answer.</summary>
internal sealed class Gate : IAsyncDisposable
{
    private static readonly string[] OfTheConnection = ["Connection", "Host", "Keep-Alive", "Transfer-Encoding"];

    private readonly WebApplication _app;
    private readonly HttpClient _service;
    private readonly int? _number;
    private readonly Held _held;
    private readonly TaskCompletionSource _holding = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _seen;

    private Gate(string service, int? number, Held held)
    {
        (_number, _held) = (number, held);
        _service = new HttpClient { BaseAddress = new Uri(service) };
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        _app = builder.Build();
        _app.Run(PassAsync);
    }

    public string Url => _app.Urls.Single();

    /// <summary>How many requests came.</summary>
    public int Seen => _seen;

    /// <summary>Ends when the request is where it is to be held.</summary>
    public Task Holding => _holding.Task;

    /// <param name="number">Of the request to be held, from 1; null to let all pass.</param>
    public static async Task<Gate> StartAsync(string service, int? number = null, Held held = Held.Unseen)
    {
        var gate = new Gate(service, number, held);
        await gate._app.StartAsync(TestContext.Current.CancellationToken);
        return gate;
    }

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _service.Dispose();
    }

    private async Task PassAsync(HttpContext http)
    {
        var holds = Interlocked.Increment(ref _seen) == _number;
        using var request = await ReadAsync(http.Request);
        if (holds && _held == Held.Unseen)
        {
            await HoldAsync(http);
            return;
        }

        // Who is killed goes away while the service is at it, but not where the gate says that it was done.
        var underWay = holds && _held == Held.UnderWay;
        var answering = _service.SendAsync(request, underWay ? http.RequestAborted : CancellationToken.None);
        if (underWay)
        {
            _holding.TrySetResult();
            await ((Task)answering).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await HoldAsync(http);
            return;
        }

        using var answer = await answering;
        if (holds)
        {
            await HoldAsync(http);
            return;
        }

        http.Response.StatusCode = (int)answer.StatusCode;
        foreach (var (name, values) in answer.Headers.Concat(answer.Content.Headers).Where(h => !OfTheConnection.Contains(h.Key)))
            http.Response.Headers[name] = values.ToArray();
        await answer.Content.CopyToAsync(http.Response.Body, http.RequestAborted);
    }

    private async Task HoldAsync(HttpContext http)
    {
        _holding.TrySetResult();
        var gone = new TaskCompletionSource();
        await using var _ = http.RequestAborted.Register(gone.SetResult);
        await gone.Task;
    }

    private static async Task<HttpRequestMessage> ReadAsync(HttpRequest from)
    {
        var body = new MemoryStream();
        await from.Body.CopyToAsync(body);
        body.Position = 0;
        var request = new HttpRequestMessage(new HttpMethod(from.Method), from.Path + from.QueryString);
        if (body.Length > 0 || from.ContentLength is not null)
            request.Content = new StreamContent(body);
        foreach (var (name, values) in from.Headers.Where(h => !OfTheConnection.Contains(h.Key)))
        {
            if (!request.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values))
                request.Content?.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)values);
        }

        return request;
    }
}

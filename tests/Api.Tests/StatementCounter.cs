using System.Collections.Concurrent;
using System.Diagnostics;

namespace Xlnet.Api.Tests;

/// <summary>Counts the round trips to PostgreSQL that one request makes, by its trace.</summary>
public sealed class StatementCounter : IDisposable
{
    private readonly ActivityListener _listener;
    private readonly ConcurrentQueue<Activity> _statements = new();

    public StatementCounter()
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is "Npgsql" or "Microsoft.AspNetCore",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = activity =>
            {
                if (activity.Source.Name == "Npgsql")
                    _statements.Enqueue(activity);
            },
        };
        ActivitySource.AddActivityListener(_listener);
    }

    /// <summary>Sends a request under a trace of its own.</summary>
    /// <returns>The answer, and how many statements (or batches of them) it took.</returns>
    public async Task<(Answer Answer, int Statements)> CountAsync(HttpClient client, HttpMethod method, string path, object? body = null)
    {
        var trace = ActivityTraceId.CreateRandom();
        var answer = await client.SendJsonAsync(method, path, body, ("traceparent", $"00-{trace}-{ActivitySpanId.CreateRandom()}-01"));
        return (answer, _statements.Count(a => a.TraceId == trace));
    }

    public void Dispose() => _listener.Dispose();
}

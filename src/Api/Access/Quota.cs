using System.Globalization;
using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;
using Xlnet.Api.Common;

namespace Xlnet.Api.Access;

/// <summary>
/// How many requests each caller may send, on each replica: a bucket that fills evenly, so that nobody waits for the end of a window to
/// send all at once. Told by the headers of draft-ietf-httpapi-ratelimit-headers.
/// </summary>
internal sealed class Quota : IDisposable
{
    private readonly QuotaOptions _options;
    private readonly PartitionedRateLimiter<string>? _limiter;

    public Quota(IOptions<QuotaOptions> options)
    {
        _options = options.Value;
        if (_options.Requests == 0)
            return;
        var bucket = new TokenBucketRateLimiterOptions
        {
            TokenLimit = _options.Requests,
            TokensPerPeriod = 1,
            ReplenishmentPeriod = TimeSpan.FromSeconds(_options.WindowSeconds) / _options.Requests,
        };
        _limiter = PartitionedRateLimiter.Create<string, string>(caller => RateLimitPartition.GetTokenBucketLimiter(caller, _ => bucket));
    }

    /// <summary>Counts the request. Whoever has none left gets the problem, and it goes no further.</summary>
    public Task CountAsync(HttpContext http, RequestDelegate next) =>
        _limiter is not null && Caller.Of(http)?.Partition is { } caller && http.Request.Path.StartsWithSegments("/v1") ? CountAsync(_limiter, caller, http, next) : next(http);

    private async Task CountAsync(PartitionedRateLimiter<string> limiter, string caller, HttpContext http, RequestDelegate next)
    {
        using var lease = limiter.AttemptAcquire(caller);
        var left = lease.IsAcquired ? limiter.GetStatistics(caller)?.CurrentAvailablePermits ?? 0 : 0;
        TimeSpan? wait = lease.IsAcquired ? null : lease.TryGetMetadata(MetadataName.RetryAfter, out var after) ? after : TimeSpan.FromSeconds(1);
        // On its start: the exception handler clears what an answer has got by then.
        http.Response.OnStarting(() =>
        {
            var headers = http.Response.Headers;
            headers["RateLimit-Policy"] = string.Create(CultureInfo.InvariantCulture, $"\"caller\";q={_options.Requests};w={_options.WindowSeconds}");
            headers["RateLimit"] = string.Create(CultureInfo.InvariantCulture, $"\"caller\";r={left};t={UntilFull(left)}");
            if (wait is { } time)
                headers.RetryAfter = Seconds(time).ToString(CultureInfo.InvariantCulture);
            return Task.CompletedTask;
        });
        if (wait is not { } refused)
        {
            await next(http);
            return;
        }

        http.Response.StatusCode = StatusCodes.Status429TooManyRequests;
        await http.RequestServices.GetRequiredService<IProblemDetailsService>().WriteAsync(new ProblemDetailsContext
        {
            HttpContext = http,
            ProblemDetails = ApiProblems.Problem(StatusCodes.Status429TooManyRequests, "quota.exceeded",
                $"You may send {_options.Requests} requests in {_options.WindowSeconds} seconds, and have: try again in {Seconds(refused)} s."),
        });
    }

    public void Dispose() => _limiter?.Dispose();

    private long UntilFull(long left) => Seconds(TimeSpan.FromSeconds(_options.WindowSeconds) * (1 - (double)left / _options.Requests));

    private static long Seconds(TimeSpan time) => (long)Math.Ceiling(time.TotalSeconds);
}

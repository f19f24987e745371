using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.Primitives;
using Xlnet.Api.Operations;
using Xlnet.Domain.Common;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Api.Common;

/// <summary>
/// A POST with an Idempotency-Key is done once, however often it is sent: its answer is kept in the transaction of what it did, and who
/// sends it again is given that answer. What was refused has done nothing, so it is not kept, and may be right the next time.
/// </summary>
internal static class IdempotencyKeys
{
    public const string Header = "Idempotency-Key";

    public const string ExpiresHeader = "Idempotency-Key-Expires";

    public const string ReplayedHeader = "Idempotency-Replayed";

    public const int MaxLength = 255;

    /// <summary>Whether an operation of the API takes a key: those that change something, but for those whose answer has a secret, which is kept nowhere.</summary>
    /// <param name="route">As it is declared: a request may write it in other cases.</param>
    public static bool AreTakenBy(string? method, string route) =>
        method == HttpMethods.Post && route.Trim('/') is var at && at is not ("v1/lint" or "v1/explain") && !at.StartsWith("v1/api-keys", StringComparison.Ordinal);

    public static void UseIdempotencyKeys(this WebApplication app) => app.Use((http, next) =>
        // What is only tried does nothing that could happen twice.
        http.Request.Headers[Header] is { Count: > 0 } given && http.GetEndpoint() is RouteEndpoint endpoint && AreTakenBy(http.Request.Method, endpoint.RoutePattern.RawText!)
            && !(bool.TryParse(http.Request.Query["validateOnly"], out var tried) && tried)
            ? AnswerOnceAsync(http, next, given)
            : next(http));

    private static async Task AnswerOnceAsync(HttpContext http, RequestDelegate next, StringValues given)
    {
        var scope = http.RequestServices.GetRequiredService<IdempotencyScope>();
        await using var _ = scope;
        if (await scope.BeginAsync(http, Read(given)) is { } stored)
            await ReplayAsync(http, stored);
        else
            await scope.AnswerAsync(http, next);
    }

    private static string Read(StringValues given) =>
        given is [{ Length: >= 1 and <= MaxLength } key] && key.All(c => c is >= ' ' and <= '~')
            ? key
            : throw RuleException.Invalid(Header, "idempotency-key.malformed", $"Give one {Header} of 1 to {MaxLength} printable ASCII characters, such as a UUID.");

    private static async Task ReplayAsync(HttpContext http, StoredAnswer stored)
    {
        http.Response.Headers[ReplayedHeader] = "true";
        http.Response.Headers[ExpiresHeader] = Expiry(stored);
        if (stored.Status is not { } status)
        {
            // Its request was cut off, or waits still: the operation is as it is by now.
            var operation = await http.RequestServices.GetRequiredService<OperationService>().GetAsync(stored.OperationId!.Value, http.RequestAborted);
            await TypedResults.Accepted($"/v1/operations/{operation.Id}", operation).ExecuteAsync(http);
            return;
        }

        http.Response.StatusCode = status;
        if (stored.Location is { } location)
            http.Response.Headers.Location = location;
        if (stored.ETag is { } tag)
            http.Response.Headers.ETag = tag;
        http.Response.ContentType = stored.ContentType;
        if (stored.Body is { Length: > 0 } body)
            await http.Response.Body.WriteAsync(body, http.RequestAborted);
    }

    public static string Expiry(StoredAnswer answer) => answer.ExpiresAt.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);
}

/// <summary>The transaction of a request with an Idempotency-Key, in which the services take part.</summary>
internal sealed class IdempotencyScope(XlnetDbContext db, RequestInfo request, TimeProvider clock) : IAsyncDisposable
{
    private StoredAnswer? _answer;
    private IDbContextTransaction? _transaction;

    /// <returns>The answer that was given already.</returns>
    /// <exception cref="RuleException">409 while another request with the key is under way; 422 when it was another request.</exception>
    public async Task<StoredAnswer?> BeginAsync(HttpContext http, string key)
    {
        var ct = http.RequestAborted;
        var fingerprint = await FingerprintAsync(http);
        var (actor, now) = (request.Actor ?? "", clock.GetUtcNow());
        _transaction = await db.Database.BeginTransactionAsync(ct);
        if (!await StoredAnswer.TryHoldAsync(db, actor, key, ct))
        {
            throw new RuleException(RuleKind.Conflict, "idempotency-key.in-flight",
                $"A request with this {IdempotencyKeys.Header} is under way. Send it again a little later: then its answer is here.");
        }

        if (await StoredAnswer.FindAsync(db, actor, key, now, ct) is { } stored)
        {
            await EndAsync();
            return stored.Fingerprint.AsSpan().SequenceEqual(fingerprint) ? stored : throw RuleException.Invalid(IdempotencyKeys.Header, "idempotency-key.reused",
                $"This {IdempotencyKeys.Header} was used for another request, with another URL, content type or body: take a new key for a new request.");
        }

        _answer = new StoredAnswer { Actor = actor, Key = key, Fingerprint = fingerprint, ExpiresAt = now + StoredAnswer.Lifetime };
        return null;
    }

    /// <summary>Has the request answered, and keeps the answer with what it did.</summary>
    public async Task AnswerAsync(HttpContext http, RequestDelegate next)
    {
        var answer = _answer!;
        using var body = await HeldAnswer.OfAsync(http, next);
        if (http.Response.StatusCode is >= 200 and < 300)
        {
            (answer.Status, answer.ContentType, answer.Body) = (http.Response.StatusCode, http.Response.ContentType, body.ToArray());
            (answer.Location, answer.ETag) = (Header(http.Response.Headers.Location), Header(http.Response.Headers.ETag));
            // By now the request is done, whether its caller is still there or not.
            await answer.KeepAsync(db, clock.GetUtcNow(), CancellationToken.None);
            if (_transaction is not null)
                await _transaction.CommitAsync(CancellationToken.None);
            http.Response.Headers[IdempotencyKeys.ExpiresHeader] = IdempotencyKeys.Expiry(answer);
        }

        await body.CopyToAsync(http.Response.Body, http.RequestAborted);
    }

    /// <summary>An operation has been asked for: from here on it is accepted, though its answer may take its time.</summary>
    public async Task AcceptAsync(Guid operation, CancellationToken ct)
    {
        if (_answer is null || _transaction is null)
            return;
        _answer.OperationId = operation;
        await _answer.KeepAsync(db, clock.GetUtcNow(), ct);
        await _transaction.CommitAsync(ct);
        await EndAsync();
    }

    public ValueTask DisposeAsync() => EndAsync();

    private async ValueTask EndAsync()
    {
        if (_transaction is not null)
            await _transaction.DisposeAsync();
        _transaction = null;
    }

    private static string? Header(StringValues value) => value.Count == 0 ? null : value.ToString();

    private static async Task<byte[]> FingerprintAsync(HttpContext http)
    {
        http.Request.EnableBuffering();
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{http.Request.Method} {http.Request.Path}{http.Request.QueryString}\n{http.Request.ContentType}\n"));
        var buffer = new byte[1 << 14];
        for (int read; (read = await http.Request.Body.ReadAsync(buffer, http.RequestAborted)) > 0;)
            hash.AppendData(buffer, 0, read);
        http.Request.Body.Position = 0;
        return hash.GetHashAndReset();
    }
}

using Microsoft.EntityFrameworkCore;

namespace Xlnet.Infrastructure.Data;

/// <summary>The answer to a request that named an Idempotency-Key, kept in the transaction of what the request did.</summary>
public sealed class StoredAnswer
{
    /// <summary>How long an answer is kept: who retries after that, does it anew.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    /// <summary>Whose key it is: two callers may choose the same one. Empty for who is nobody.</summary>
    public required string Actor { get; init; }

    public required string Key { get; init; }

    /// <summary>SHA-256 of the request's method, URL, content type and body.</summary>
    public required byte[] Fingerprint { get; init; }

    public DateTimeOffset ExpiresAt { get; init; }

    /// <summary>The operation that the request asked for, which is accepted before it is answered.</summary>
    public Guid? OperationId { get; set; }

    /// <summary>Null while an accepted operation's request is not answered, and for good when the service died meanwhile.</summary>
    public int? Status { get; set; }

    public string? ContentType { get; set; }

    public string? Location { get; set; }

    public string? ETag { get; set; }

    public byte[]? Body { get; set; }

    /// <summary>Takes hold of a key until the transaction ends; false while another request has it.</summary>
    public static Task<bool> TryHoldAsync(XlnetDbContext db, string actor, string key, CancellationToken ct) =>
        db.Database.SqlQuery<bool>($"SELECT pg_try_advisory_xact_lock(hashtextextended('idempotency ' || {actor} || ' ' || {key}, 0)) AS \"Value\"").SingleAsync(ct);

    public static Task<StoredAnswer?> FindAsync(XlnetDbContext db, string actor, string key, DateTimeOffset now, CancellationToken ct) =>
        db.StoredAnswers.AsNoTracking().SingleOrDefaultAsync(a => a.Actor == actor && a.Key == key && a.ExpiresAt > now, ct);

    /// <summary>Keeps it, and forgets some that nobody asks for any more: so they never pile up.</summary>
    public Task KeepAsync(XlnetDbContext db, DateTimeOffset now, CancellationToken ct) => db.Database.ExecuteSqlAsync($"""
        WITH forgotten AS (
            DELETE FROM stored_answers WHERE (actor, key) IN (
                SELECT actor, key FROM stored_answers WHERE expires_at <= {now} AND NOT (actor = {Actor} AND key = {Key})
                ORDER BY expires_at LIMIT 10 FOR UPDATE SKIP LOCKED))
        INSERT INTO stored_answers (actor, key, fingerprint, expires_at, operation_id, status, content_type, location, e_tag, body)
        VALUES ({Actor}, {Key}, {Fingerprint}, {ExpiresAt}, {OperationId}, {Status}, {ContentType}, {Location}, {ETag}, {Body})
        ON CONFLICT (actor, key) DO UPDATE SET
            fingerprint = excluded.fingerprint, expires_at = excluded.expires_at, operation_id = excluded.operation_id, status = excluded.status,
            content_type = excluded.content_type, location = excluded.location, e_tag = excluded.e_tag, body = excluded.body
        """, ct);
}

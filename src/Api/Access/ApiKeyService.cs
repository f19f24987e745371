using Microsoft.EntityFrameworkCore;
using Npgsql;
using Xlnet.Api.Common;
using Xlnet.Domain.Access;
using Xlnet.Domain.Common;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Api.Access;

internal sealed class ApiKeyService(XlnetDbContext db, RequestInfo request, TimeProvider clock, ApiKeyCache cache)
{
    private static readonly Sorting<ApiKey> Orders = new Sorting<ApiKey>(k => (string)(object)k.Name, k => k.Name.Value).Or("createdAt", k => k.CreatedAt);

    /// <param name="role">Only those with this role.</param>
    public async Task<Page<ApiKeyResponse>> ListAsync(PageQuery page, string? role, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var query = db.ApiKeys.AsNoTracking();
        if (QueryFilters.Read<AccessRole>("role", role) is { } wanted)
            query = query.Where(k => k.Role == wanted);
        var rows = await Orders.Page(query, page)
            .Select(k => new { Key = k, LastUsedAt = db.ApiKeyUses.Where(u => u.KeyId == k.Id).Select(u => (DateTimeOffset?)u.LastUsedAt).FirstOrDefault() })
            .ToListAsync(ct);
        return page.ToPage(rows, r => ApiKeyResponse.Of(r.Key, r.LastUsedAt, now), r => Orders.CursorOf(r.Key, page));
    }

    public async Task<(ApiKeyResponse Response, uint Version)> GetAsync(ResourceName name, CancellationToken ct)
    {
        var row = await db.ApiKeys.AsNoTracking().Where(k => k.Name == name)
            .Select(k => new { Key = k, LastUsedAt = db.ApiKeyUses.Where(u => u.KeyId == k.Id).Select(u => (DateTimeOffset?)u.LastUsedAt).FirstOrDefault() })
            .SingleOrDefaultAsync(ct) ?? throw NotFound(name);
        return (ApiKeyResponse.Of(row.Key, row.LastUsedAt, clock.GetUtcNow()), row.Key.Version);
    }

    /// <returns>The key with its secret; without it where it was only a trial, as that is no key of anything.</returns>
    public async Task<(ApiKey Key, string? Secret)> CreateAsync(CreateApiKeyRequest body, bool validateOnly, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        var key = new ApiKey
        {
            Name = ResourceName.Parse(body.Name!),
            Role = body.Role!.Value,
            Hosts = HostScope.Of(body.Hosts).Names?.ToArray(),
            ExpiresAt = body.ExpiresAt?.ToUniversalTime(),
            CreatedAt = now,
        };
        var secret = key.Rotate(TimeSpan.Zero, now);
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        db.Add(key);
        Audit("api-key.create", key.Name, null, ApiKeyDocument.Of(key));
        try
        {
            await db.SaveChangesAsync(ct);
        }
        catch (DbUpdateException e) when (e.InnerException is PostgresException { ConstraintName: "ux_api_keys_name" })
        {
            throw new RuleException(RuleKind.Conflict, "api-key.exists", $"There is a key '{key.Name}' already: choose another name, give that one a new secret by its 'rotate', or delete it.");
        }

        if (!validateOnly)
            await transaction.CommitAsync(ct);
        return (key, validateOnly ? null : secret);
    }

    public async Task<(ApiKey Key, string? Secret)> RotateAsync(HttpContext http, ResourceName name, TimeSpan overlap, bool validateOnly, CancellationToken ct)
    {
        var now = clock.GetUtcNow();
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var key = await LockAsync(http, name, ct);
        if (key.IsExpired(now))
            throw new RuleException(RuleKind.Conflict, "api-key.expired", $"The key '{name}' has expired, and a new secret would be good for nothing: delete it, and make another.");
        var before = ApiKeyDocument.Of(key);
        var secret = key.Rotate(overlap, now);
        Audit("api-key.rotate", name, before, ApiKeyDocument.Of(key));
        await db.SaveChangesAsync(ct);
        if (validateOnly)
            return (key, null);
        await transaction.CommitAsync(ct);
        cache.Forget(key);
        return (key, secret);
    }

    public async Task DeleteAsync(HttpContext http, ResourceName name, bool validateOnly, CancellationToken ct)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(ct);
        var key = await LockAsync(http, name, ct);
        Audit("api-key.delete", name, ApiKeyDocument.Of(key), null);
        db.Remove(key);
        await db.SaveChangesAsync(ct);
        if (validateOnly)
            return;
        await transaction.CommitAsync(ct);
        cache.Forget(key);
    }

    private async Task<ApiKey> LockAsync(HttpContext http, ResourceName name, CancellationToken ct)
    {
        var key = await db.ApiKeys.FromSql($"SELECT *, xmin FROM api_keys WHERE name = {name.Value} FOR UPDATE").SingleOrDefaultAsync(ct) ?? throw NotFound(name);
        ApiDefaults.CheckPreconditions(http, key.Version);
        return key;
    }

    private static RuleException NotFound(ResourceName name) => RuleException.NotFound("api-key", name.Value);

    private void Audit(string action, ResourceName name, string? before, string? after) => db.Add(new AuditEntry
    {
        At = clock.GetUtcNow(),
        Actor = request.Actor,
        RequestId = request.RequestId,
        RemoteAddress = request.RemoteAddress,
        Host = null,
        Action = action,
        Target = $"api-keys/{name}",
        Before = before,
        After = after,
    });
}

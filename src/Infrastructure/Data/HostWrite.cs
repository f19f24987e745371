using Microsoft.EntityFrameworkCore;
using Xlnet.Domain.Common;
using Xlnet.Domain.Hosts;

namespace Xlnet.Infrastructure.Data;

/// <summary>
/// One change of a host's desired state: a transaction that holds the host's row, so that writers of one host come one after the
/// other and writers of different hosts do not meet, and that leaves a revision and an audit entry. Without a commit it leaves nothing.
/// </summary>
public sealed class HostWrite : IAsyncDisposable
{
    private readonly XlnetDbContext _db;
    private readonly RequestInfo _request;
    private readonly JoinedTransaction _transaction;
    private readonly List<Change> _changes = [];
    private readonly List<RecordedChange> _recorded = [];

    private HostWrite(XlnetDbContext db, RequestInfo request, JoinedTransaction transaction, Host host, DateTimeOffset now)
    {
        (_db, _request, _transaction, Host, Now) = (db, request, transaction, host, now);
    }

    public Host Host { get; }

    /// <summary>The time of the change.</summary>
    public DateTimeOffset Now { get; }

    /// <summary>What it has done so far, in the order in which it was noted.</summary>
    public IReadOnlyList<RecordedChange> Recorded => _recorded;

    /// <exception cref="RuleException">404 when there is no such host.</exception>
    public static async Task<HostWrite> BeginAsync(
        XlnetDbContext db, RequestInfo request, TimeProvider clock, ResourceName name, CancellationToken ct) =>
        await TryBeginAsync(db, request, clock, name, ct) ?? throw RuleException.NotFound("host", name.Value);

    /// <summary>Null when there is no such host.</summary>
    /// <exception cref="RuleException">403 when it is none of the caller's.</exception>
    public static async Task<HostWrite?> TryBeginAsync(
        XlnetDbContext db, RequestInfo request, TimeProvider clock, ResourceName name, CancellationToken ct)
    {
        request.Scope.Check(name.Value);
        var transaction = await db.BeginAsync(ct);
        var host = await db.Hosts.FromSql($"SELECT *, xmin FROM hosts WHERE name = {name.Value} FOR UPDATE").SingleOrDefaultAsync(ct);
        if (host is not null)
            return new HostWrite(db, request, transaction, host, clock.GetUtcNow());
        await transaction.DisposeAsync();
        return null;
    }

    /// <summary>Begins with the making of a host.</summary>
    public static async Task<HostWrite> BeginNewAsync(
        XlnetDbContext db, RequestInfo request, TimeProvider clock, Host host, CancellationToken ct)
    {
        request.Scope.Check(host.Name.Value);
        const string savepoint = "new_host";
        var outer = db.Database.CurrentTransaction;
        if (outer is not null)
            await outer.CreateSavepointAsync(savepoint, ct);
        var transaction = await db.BeginAsync(ct);
        try
        {
            db.Add(host);
            await db.SaveChangesAsync(ct);
        }
        catch
        {
            // Another's transaction goes on without it.
            if (outer is not null)
                await outer.RollbackToSavepointAsync(savepoint, CancellationToken.None);
            await transaction.DisposeAsync();
            throw;
        }

        return new HostWrite(db, request, transaction, host, clock.GetUtcNow());
    }

    /// <summary>Notes what a change does to one object. What is the same before and after leaves no trace.</summary>
    /// <param name="name">The object's name; empty for the host itself.</param>
    /// <param name="action">For the audit log, such as <c>vif.attach</c>.</param>
    /// <param name="target">For the audit log: the object below its host, such as <c>web1/vifs/1</c>; empty for the host.</param>
    public void Record(RevisionObjectKind kind, string name, string action, string target, string? before, string? after)
    {
        if (before == after)
            return;
        _changes.Add(new Change(kind, name, action, target, before, after));
        _recorded.Add(new RecordedChange(action, target, after is null));
    }

    /// <summary>Saves and, unless it is only a trial, commits. A change that changes nothing makes no revision.</summary>
    public async Task CommitAsync(bool validateOnly, CancellationToken ct)
    {
        await SaveAsync(ct);
        if (!validateOnly)
            await _transaction.CommitAsync(ct);
    }

    /// <summary>Saves without committing, for whoever wants to read what would be.</summary>
    public async Task SaveAsync(CancellationToken ct)
    {
        if (_changes.Count > 0)
        {
            var revision = Host.Advance(Now);
            _db.Add(new Revision
            {
                HostId = Host.Id,
                Number = revision,
                CreatedAt = Now,
                Actor = _request.Actor,
                RequestId = _request.RequestId,
                Summary = string.Join("; ", _changes.Select(c => $"{c.Action} {c.Target}".TrimEnd()).Distinct().Take(5)),
            });
            // Several changes of one object within a request: the last is what the revision keeps.
            foreach (var change in _changes.GroupBy(c => (c.Kind, c.Name)).Select(g => g.Last()))
            {
                _db.Add(new RevisionObject
                {
                    HostId = Host.Id,
                    Revision = revision,
                    Kind = change.Kind,
                    Name = change.Name,
                    Document = change.After,
                });
            }

            foreach (var change in _changes)
            {
                _db.Add(new AuditEntry
                {
                    At = Now,
                    Actor = _request.Actor,
                    RequestId = _request.RequestId,
                    RemoteAddress = _request.RemoteAddress,
                    Host = Host.Name.Value,
                    Action = change.Action,
                    Target = change.Target.Length == 0 ? Host.Name.Value : $"{Host.Name}/{change.Target}",
                    Before = change.Before,
                    After = change.After,
                });
            }

            _changes.Clear();
        }

        await _db.SaveChangesAsync(ct);
    }

    public ValueTask DisposeAsync() => _transaction.DisposeAsync();

    private sealed record Change(RevisionObjectKind Kind, string Name, string Action, string Target, string? Before, string? After);
}

/// <param name="Action">As in the audit log, such as <c>vif.attach</c>.</param>
/// <param name="Target">The object below its host; empty for the host.</param>
/// <param name="Removes">Whether the object is gone.</param>
public sealed record RecordedChange(string Action, string Target, bool Removes);

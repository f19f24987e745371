using Microsoft.EntityFrameworkCore;
using Npgsql;
using Xlnet.Api.Common;
using Xlnet.Api.Operations;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Common;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Operations;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;
using Xlnet.Infrastructure.Data;
using Xlnet.Infrastructure.Hosts.Ssh;

namespace Xlnet.Api.Hosts;

internal sealed class HostService(XlnetDbContext db, RequestInfo request, TimeProvider clock, MacAllocator macs, SubnetAllocator addresses)
{
    private static readonly TimeSpan ReleaseLimit = TimeSpan.FromMinutes(5);

    public async Task<(Host Host, string? Pool)> GetAsync(ResourceName name, CancellationToken ct)
    {
        var row = await db.Hosts.AsNoTracking().Where(h => h.Name == name)
            .Select(h => new { Host = h, Pool = db.MacPools.Where(p => p.Id == h.MacPoolId).Select(p => p.Name).FirstOrDefault() })
            .SingleOrDefaultAsync(ct) ?? throw RuleException.NotFound("host", name.Value);
        return (row.Host, row.Pool?.Value);
    }

    private static readonly Sorting<Host> Orders = new Sorting<Host>(h => (string)(object)h.Name, h => h.Name.Value).Or("createdAt", h => h.CreatedAt).Or("updatedAt", h => h.UpdatedAt);

    /// <param name="driver">Only those that are reached so.</param>
    /// <param name="pool">Only those whose vifs get their addresses from this pool.</param>
    public async Task<Page<HostResponse>> ListAsync(PageQuery page, string? driver, string? pool, CancellationToken ct)
    {
        var hosts = db.Hosts.AsNoTracking();
        if (request.Scope.Names is { } mine)
            hosts = hosts.Where(h => mine.Contains((string)(object)h.Name));
        if (QueryFilters.Read<DriverKind>("driver", driver) is { } kind)
            hosts = hosts.Where(h => h.DriverKind == kind);
        if (pool is not null)
        {
            var name = RouteNames.Pool(pool);
            hosts = name.Value == MacPool.DefaultName ? hosts.Where(h => h.MacPoolId == null) : hosts.Where(h => db.MacPools.Any(p => p.Id == h.MacPoolId && p.Name == name));
        }

        var rows = await Orders.Page(hosts, page)
            .Select(h => new { Host = h, Pool = db.MacPools.Where(p => p.Id == h.MacPoolId).Select(p => p.Name).FirstOrDefault() })
            .ToListAsync(ct);
        return page.ToPage(rows, r => HostResponse.Of(r.Host, r.Pool?.Value), r => Orders.CursorOf(r.Host, page));
    }

    /// <param name="change">What the host is to be, given the present one and its pool's name; null when there is none.</param>
    /// <returns>The host, and whether it is new.</returns>
    public async Task<(Host Host, string? Pool, bool Created)> PutAsync(
        HttpContext http, ResourceName name, Func<Host?, string?, HostRequest> change, bool createOnly, bool validateOnly, CancellationToken ct)
    {
        HostRequest? first = null;
        var (write, created) = await BeginAsync(name, version =>
        {
            if (version is not null && createOnly)
                throw new RuleException(RuleKind.Conflict, "host.exists", $"There is a host '{name}' already: PUT /v1/hosts/{name} changes it.");
            ApiDefaults.CheckPreconditions(http, version);
        }, () => first = change(null, null), ct);
        await using var _ = write;
        var present = created ? null : await db.MacPools.AsNoTracking().Where(p => p.Id == write.Host.MacPoolId).Select(p => p.Name).SingleOrDefaultAsync(ct);
        var before = created ? null : HostDocument.Of(write.Host);
        var pool = await SetAsync(write.Host, created ? first! : change(write.Host, present?.Value), ct);
        write.Record(RevisionObjectKind.Host, "", created ? "host.create" : "host.update", "", before, HostDocument.Of(write.Host));
        await write.CommitAsync(validateOnly, ct);
        return (write.Host, pool?.Name.Value, created);
    }

    /// <summary>Begins a change of a host, or the making of one that is not there.</summary>
    /// <param name="check">Given its version, or null when there is none.</param>
    /// <param name="first">What a new one is to be.</param>
    public async Task<(HostWrite Write, bool Created)> BeginAsync(ResourceName name, Action<uint?> check, Func<HostRequest> first, CancellationToken ct)
    {
        var write = await HostWrite.TryBeginAsync(db, request, clock, name, ct);
        if (write is null)
        {
            check(null);
            var put = await PinAsync(first(), ct);
            // Someone else may make it at this very moment: then this is a change of theirs.
            if (await TryCreateAsync(name, put, ct) is { } made)
                return (made, true);
            write = await HostWrite.BeginAsync(db, request, clock, name, ct);
        }

        try
        {
            check(write.Host.Version);
            return (write, false);
        }
        catch
        {
            await write.DisposeAsync();
            throw;
        }
    }

    /// <summary>Takes over what is put, and records nothing.</summary>
    public async Task<MacPool?> SetAsync(Host host, HostRequest put, CancellationToken ct)
    {
        if (host.DriverKind != put.Driver!.Kind || host.DriverPath != put.Driver.Path)
        {
            throw new RuleException(RuleKind.Conflict, "host.driver",
                $"The kind of a host's driver cannot be changed ({Kebab.Name(host.DriverKind)}), nor its folder: delete the host and put it anew.",
                new FieldError("/driver", "host.driver", "differs from the present one"));
        }

        var pool = await FindPoolAsync(put.MacPool, ct);
        // A pin changes only for whoever names the new one.
        host.Ssh = put.Driver.ToSsh(host.Ssh?.HostKey);
        host.Description = put.Description;
        host.MacPolicy = put.MacPolicy ?? MacPolicy.Allocate;
        host.MacPoolId = pool?.Id;
        return pool;
    }

    /// <param name="release">What gives the host its own network back first; null to leave it as it is.</param>
    public async Task DeleteAsync(HttpContext http, ResourceName name, OperationService? release, bool validateOnly, CancellationToken ct)
    {
        var released = release is not null && !validateOnly && await ReleaseAsync(http, name, release, ct);
        await using var write = await HostWrite.BeginAsync(db, request, clock, name, ct);
        if (!released)
            ApiDefaults.CheckPreconditions(http, write.Host.Version);
        if (await db.Operations.AnyAsync(o => o.HostId == write.Host.Id && o.FinishedAt == null, ct))
            throw new RuleException(RuleKind.Conflict, "host.busy", $"An operation of the host '{name}' has not ended: wait for it, or cancel it.");
        await macs.ReleaseAsync(await db.Vifs.Where(v => v.HostId == write.Host.Id).Select(v => v.Mac).ToListAsync(ct), ct);
        db.Add(new AuditEntry
        {
            At = write.Now,
            Actor = request.Actor,
            RequestId = request.RequestId,
            RemoteAddress = request.RemoteAddress,
            Host = name.Value,
            Action = "host.delete",
            Target = name.Value,
            Before = HostDocument.Of(write.Host),
        });
        db.Remove(write.Host);
        await write.CommitAsync(validateOnly, ct);
    }

    /// <returns>Whether there was anything to give back.</returns>
    private async Task<bool> ReleaseAsync(HttpContext http, ResourceName name, OperationService operations, CancellationToken ct)
    {
        List<string>? joined;
        await using (var write = await HostWrite.BeginAsync(db, request, clock, name, ct))
        {
            ApiDefaults.CheckPreconditions(http, write.Host.Version);
            // A vif that was unlocked since may have left its rules on the host: whoever ever set any looks.
            joined = await UnlockAsync(write, ct);
            var locks = joined is not null || await db.OperationSteps.AnyAsync(s => s.Action == SetLockingStep.ActionName && db.Operations.Any(o => o.Id == s.OperationId && o.HostId == write.Host.Id), ct);
            if (!locks && write.Host.NetworkingState is not { IsTaken: true })
                return false;
            if (write.Host.NetworkingState is { IsTaken: true })
            {
                var before = HostDocument.Of(write.Host);
                write.Host.Networking = null;
                write.Record(RevisionObjectKind.Host, "", "networking.release", "networking", before, HostDocument.Of(write.Host));
            }

            await write.CommitAsync(validateOnly: false, ct);
        }

        db.ChangeTracker.Clear();
        var operation = await operations.SwitchNetworkingAsync(name, joined ?? [], ct);
        var ended = await operations.WaitAsync(operation.Id, ReleaseLimit, ct);
        db.ChangeTracker.Clear();
        if (ended.Status == OperationStatus.Succeeded)
            return true;
        throw new RuleException(RuleKind.Conflict, "host.not-released",
            $"The host '{name}' did not get its own network back, and stays registered: operation {operation.Id} {(ended.FinishedAt is null ? "has not ended yet" : $"ended {Kebab.Name(ended.Status)}: {ended.Error?.Message}")}")
            .With("operation", operation.Id.ToString());
    }

    /// <returns>The vifs that have to be plugged by another script now; null where none was locked.</returns>
    private async Task<List<string>?> UnlockAsync(HostWrite write, CancellationToken ct)
    {
        List<string> joined = [];
        var guests = await db.Guests.Include(g => g.Vifs).Where(g => g.HostId == write.Host.Id && g.Vifs.Any(v => v.Locking == VifLocking.Locked)).ToListAsync(ct);
        foreach (var guest in guests)
        {
            guest.Sort();
            var before = GuestDocument.Of(guest);
            foreach (var vif in guest.Vifs)
            {
                vif.Locking = VifLocking.Unlocked;
                var settings = vif.WrittenSettings;
                vif.Set(settings with { Script = ReleasedScript(write.Host, settings) });
                if (vif.WrittenSettings != settings)
                    joined.Add(DriftTarget.Vif(guest.Name.Value, vif.Devid));
            }

            guest.Render(guest.Parse(), write.Now);
            write.Record(RevisionObjectKind.Guest, guest.Name.Value, "guest.update", guest.Name.Value, before, GuestDocument.Of(guest));
        }

        return guests.Count > 0 ? joined : null;
    }

    /// <summary>A vif whose Open vSwitch bridge is xlnet's goes with it to the one that the host had before.</summary>
    private static string? ReleasedScript(Host host, VifSettings settings)
    {
        var script = VifLockingRules.Unpin(settings.Script);
        return script != settings.Script
            && host is { Networking: { Mode: NetworkMode.OpenVSwitch, Bridge: { } own }, NetworkingState: { IsTaken: true } taken }
            && (settings.Bridge is not { } bridge || NetNames.BridgeNames(bridge).Contains(own))
            && !taken.HadOpenVSwitch(own)
            ? HostRules.ScriptOf(BridgeKind.Linux)
            : script;
    }

    public async Task<DefaultsContract> PutDefaultsAsync(HttpContext http, ResourceName name, DefaultsContract put, bool validateOnly, CancellationToken ct)
    {
        await using var write = await HostWrite.BeginAsync(db, request, clock, name, ct);
        ApiDefaults.CheckPreconditions(http, write.Host.Version);
        var before = HostDocument.Of(write.Host);
        write.Host.SetDefaults(put.ToDomain());
        write.Record(RevisionObjectKind.Host, "", "defaults.update", "defaults", before, HostDocument.Of(write.Host));
        // Where a vif is that names no bridge depends on them.
        await addresses.SettleAllAsync(write.Host, "/bridge", ct);
        await write.CommitAsync(validateOnly, ct);
        ApiDefaults.SetETag(http, write.Host.Version);
        return put;
    }

    /// <summary>The xl.conf of a host that has been given one, else one with its defaults alone.</summary>
    public static byte[] XlConfOf(Host host) =>
        host.XlConf ?? XlText.ToBytes(XlConf.Parse("").WithDefaults(host.Defaults ?? VifDefaults.None).ToString());

    public async Task<byte[]> PutXlConfAsync(
        HttpContext http, ResourceName name, byte[] text, AcceptedFindings accepted, bool validateOnly, CancellationToken ct)
    {
        var conf = ReadXlConf(text, accepted);
        await using var write = await HostWrite.BeginAsync(db, request, clock, name, ct);
        ApiDefaults.CheckPreconditions(http, write.Host.Version);
        var before = HostDocument.Of(write.Host);
        write.Host.XlConf = text;
        write.Host.Defaults = conf.Defaults;
        write.Record(RevisionObjectKind.Host, "", "xl-conf.update", "xl.conf", before, HostDocument.Of(write.Host));
        await addresses.SettleAllAsync(write.Host, "", ct);
        await write.CommitAsync(validateOnly, ct);
        ApiDefaults.SetETag(http, write.Host.Version);
        return text;
    }

    /// <exception cref="RuleException">422, with the findings that are not accepted.</exception>
    public static XlConf ReadXlConf(byte[] text, AcceptedFindings accepted)
    {
        var conf = XlConf.Parse(XlText.FromBytes(text));
        accepted.Check(conf.Findings, "xl.conf", conf.Reading.Accepted, conf.Reading.Message);
        return VifRules.CheckDefaults(conf.Defaults) is [var wrong, ..] && !accepted.Has(wrong.Code)
            ? throw new RuleException(RuleKind.Invalid, wrong.Code, $"vif.default.{wrong.Key}: {wrong.Message}")
            : conf;
    }

    /// <summary>A new host whose key nobody has named is trusted with the one that it has: asked for before the database is touched.</summary>
    private static async Task<HostRequest> PinAsync(HostRequest put, CancellationToken ct) => put.Driver is { Kind: DriverKind.Ssh, HostKey: null } driver
        ? put with { Driver = driver with { HostKey = await SshConnections.FetchHostKeyAsync(driver.ToSsh(null)!, ct) } }
        : put;

    /// <summary>Null when there is one of that name by now.</summary>
    private async Task<HostWrite?> TryCreateAsync(ResourceName name, HostRequest put, CancellationToken ct)
    {
        var host = new Host { Name = name, DriverKind = put.Driver!.Kind!.Value, DriverPath = put.Driver.Path, Ssh = put.Driver.ToSsh(null), CreatedAt = clock.GetUtcNow() };
        try
        {
            return await HostWrite.BeginNewAsync(db, request, clock, host, ct);
        }
        catch (DbUpdateException e) when (e.InnerException is PostgresException { ConstraintName: "ux_hosts_name" })
        {
            db.ChangeTracker.Clear();
            return null;
        }
    }

    private async Task<MacPool?> FindPoolAsync(string? name, CancellationToken ct)
    {
        if (name is null or MacPool.DefaultName)
            return null;
        var pool = ResourceName.Parse(name);
        return await db.MacPools.AsNoTracking().SingleOrDefaultAsync(p => p.Name == pool, ct)
            ?? throw RuleException.Invalid("/macPool", "mac-pool.not-found", $"There is no MAC pool '{name}': POST /v1/mac-pools makes one.");
    }
}

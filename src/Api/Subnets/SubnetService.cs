using System.Net;
using Microsoft.EntityFrameworkCore;
using Xlnet.Api.Common;
using Xlnet.Domain.Common;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Subnets;
using Xlnet.Domain.Vifs;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Api.Subnets;

internal sealed class SubnetService(XlnetDbContext db, RequestInfo request, TimeProvider clock, SubnetAllocator addresses)
{
    /// <summary>What an address is reserved for that no guest may have.</summary>
    private const string GatewayHolder = "gateway";

    private static readonly Sorting<Subnet> Orders = new Sorting<Subnet>(s => (string)(object)s.Name, s => s.Name.Value).Or("createdAt", s => s.CreatedAt);

    /// <param name="bridge">Only those on this bridge.</param>
    public async Task<Page<SubnetResponse>> ListAsync(ResourceName host, PageQuery page, string? bridge, CancellationToken ct)
    {
        var hostId = await HostIds.FindAsync(db, host, ct);
        var query = db.Subnets.AsNoTracking().Where(s => s.HostId == hostId);
        if (bridge is not null && RouteNames.Bridge(bridge).Value is var wanted)
            query = query.Where(s => s.Bridge == wanted);
        return page.ToPage(await Orders.Page(query, page).ToListAsync(ct), SubnetResponse.Of, s => Orders.CursorOf(s, page));
    }

    public async Task<Subnet> GetAsync(ResourceName host, ResourceName name, CancellationToken ct)
    {
        var hostId = await HostIds.FindAsync(db, host, ct);
        return await db.Subnets.AsNoTracking().SingleOrDefaultAsync(s => s.HostId == hostId && s.Name == name, ct) ?? throw RuleException.NotFound("subnet", name.Value);
    }

    /// <param name="change">What it is to be, given what it is; null when there is none.</param>
    public async Task<(Subnet Subnet, bool Created)> PutAsync(
        HttpContext http, ResourceName host, ResourceName name, Func<Subnet?, SubnetRequest> change, bool createOnly, bool validateOnly, CancellationToken ct)
    {
        await using var write = await HostWrite.BeginAsync(db, request, clock, host, ct);
        var present = await db.Subnets.SingleOrDefaultAsync(s => s.HostId == write.Host.Id && s.Name == name, ct);
        if (present is not null && createOnly)
            throw new RuleException(RuleKind.Conflict, "subnet.exists", $"The host '{host}' has a subnet '{name}' already: {present.Cidr}.");
        ApiDefaults.CheckPreconditions(http, (uint?)present?.Version);
        var put = change(present);
        var subnet = await SetAsync(write, present, name, put.Into, ct);
        await CheckOthersAsync(write.Host, subnet, ct);
        CheckNat(write.Host, subnet);
        await addresses.SettleAllAsync(write.Host, "/cidr", ct);
        await write.CommitAsync(validateOnly, ct);
        return (subnet, present is null);
    }

    public async Task DeleteAsync(HttpContext http, ResourceName host, ResourceName name, bool validateOnly, CancellationToken ct)
    {
        await using var write = await HostWrite.BeginAsync(db, request, clock, host, ct);
        var subnet = await db.Subnets.SingleOrDefaultAsync(s => s.HostId == write.Host.Id && s.Name == name, ct) ?? throw RuleException.NotFound("subnet", name.Value);
        ApiDefaults.CheckPreconditions(http, (uint)subnet.Version);
        if (subnet.Mode == NetworkMode.Nat && write.Host.Networking is { Mode: NetworkMode.Nat })
            throw OfNetworking(write.Host, subnet);
        var user = await db.Vifs.AsNoTracking().Where(v => v.HostId == write.Host.Id && v.Subnet == name)
            .Join(db.Guests, v => v.GuestId, g => g.Id, (v, g) => new { g.Name, v.Devid }).OrderBy(u => u.Name).ThenBy(u => u.Devid).FirstOrDefaultAsync(ct);
        if (user is not null)
        {
            throw new RuleException(RuleKind.Conflict, "subnet.in-use", $"The vif {host}/{user.Name}/{user.Devid} has its address of the subnet '{name}': give it another one first.")
                .With("conflictingVif", new VifHolder(host.Value, user.Name.Value, user.Devid));
        }

        Remove(write, subnet);
        await write.CommitAsync(validateOnly, ct);
    }

    /// <summary>Makes a subnet, or changes it, within a write of its host; settles nothing.</summary>
    public async Task<Subnet> SetAsync(HostWrite write, Subnet? present, ResourceName name, Action<Subnet> set, CancellationToken ct)
    {
        var before = present is null ? null : SubnetDocument.Of(present);
        var (gateway, cidr) = (present?.Gateway, present?.Cidr);
        var subnet = present ?? new Subnet { HostId = write.Host.Id, Name = name, CreatedAt = write.Now };
        set(subnet);
        if (present is null)
            db.Add(subnet);
        var after = SubnetDocument.Of(subnet);
        if (before != after)
            subnet.CountChange();
        write.Record(RevisionObjectKind.Subnet, name.Value, present is null ? "subnet.create" : "subnet.update", $"subnets/{name}", before, after);
        // The allocator's statements see what is saved.
        await db.SaveChangesAsync(ct);
        if (!Equals(gateway, subnet.Gateway))
        {
            if (gateway is not null)
                await EndReservationAsync(subnet, gateway, ct);
            if (subnet.Gateway is { } wanted)
                await addresses.ReserveAsync(subnet, wanted, GatewayHolder, "/gateway", ct);
        }

        if (cidr is { } old && old != subnet.Cidr)
            await ForgetAsync(subnet, ct);
        return subnet;
    }

    public void Remove(HostWrite write, Subnet subnet)
    {
        db.Remove(subnet);
        write.Record(RevisionObjectKind.Subnet, subnet.Name.Value, "subnet.delete", $"subnets/{subnet.Name}", SubnetDocument.Of(subnet), null);
    }

    /// <exception cref="RuleException">409: two subnets of one place would both have the same address, or two be mode nat's.</exception>
    public async Task CheckOthersAsync(Host host, Subnet subnet, CancellationToken ct)
    {
        var others = await db.Subnets.AsNoTracking().Where(s => s.HostId == host.Id && s.Name != subnet.Name).OrderBy(s => s.Name).ToListAsync(ct);
        if (subnet.Mode == NetworkMode.Nat && others.Find(o => o.Mode == NetworkMode.Nat) is { } nat)
            throw new RuleException(RuleKind.Conflict, "subnet.exists", $"The host has a subnet for mode nat already, and there is one: {nat}.", new FieldError("/mode", "subnet.exists", $"is that of {nat}"));
        if (others.Find(o => Preflight.Overlap(o.Cidr, subnet.Cidr) && o.SharesPlace(subnet)) is { } other)
        {
            throw new RuleException(RuleKind.Conflict, "subnet.overlap", $"{subnet.Cidr} overlaps the subnet {other}, which is on {other.Place} too: an address of both would be either's.",
                new FieldError("/cidr", "subnet.overlap", $"overlaps {other}")).With("conflictingSubnet", other.Name.Value);
        }
    }

    /// <summary>What its addresses are in mode nat, dnsmasq and the host's own address say too.</summary>
    public static void CheckNat(Host host, Subnet subnet)
    {
        if (subnet.Mode == NetworkMode.Nat && host.Networking is { Nat: { } nat } && (subnet.Cidr != nat.Subnet || !nat.Gateway.Equals(subnet.Gateway)))
            throw OfNetworking(host, subnet);
    }

    private static RuleException OfNetworking(Host host, Subnet subnet) => new(RuleKind.Conflict, "subnet.of-networking",
        $"The subnet '{subnet.Name}', its cidr and gateway, belong to the host's networking in mode nat: PUT /v1/hosts/{host.Name}/networking changes them.");

    /// <summary>What is outside of a network that has moved is no address of it any more, held or not; held ones were settled before.</summary>
    private async Task ForgetAsync(Subnet subnet, CancellationToken ct) =>
        await db.Database.ExecuteSqlAsync($"DELETE FROM subnet_addresses WHERE subnet_id = {subnet.Id} AND state <> 'held' AND NOT address << {subnet.Cidr}", ct);

    public async Task<Page<SubnetAddressResponse>> ListAddressesAsync(ResourceName host, ResourceName name, PageQuery page, string? state, CancellationToken ct)
    {
        var subnet = await GetAsync(host, name, ct);
        var now = clock.GetUtcNow();
        var down = page.RunsDown("address");
        var query = db.SubnetAddresses.AsNoTracking().Where(a => a.SubnetId == subnet.Id);
        if (page.After is { } text)
        {
            if (!Cidrs.IsAddress(text))
                throw RuleException.Invalid("cursor", "page.cursor", "This cursor is of another list.");
            var seen = IPAddress.Parse(text);
            query = (down
                ? db.SubnetAddresses.FromSql($"SELECT * FROM subnet_addresses WHERE subnet_id = {subnet.Id} AND address < {seen}")
                : db.SubnetAddresses.FromSql($"SELECT * FROM subnet_addresses WHERE subnet_id = {subnet.Id} AND address > {seen}")).AsNoTracking();
        }

        query = query.Where(a => a.State != AllocationState.Quarantined || a.AvailableAt > now);
        if (QueryFilters.Read<AllocationState>("state", state) is { } wanted)
            query = query.Where(a => a.State == wanted);

        var rows = await (down ? query.OrderByDescending(a => a.Address) : query.OrderBy(a => a.Address)).Take(page.Size + 1).ToListAsync(ct);
        return page.ToPage(rows, a => SubnetAddressResponse.Of(a, null), a => a.Address.ToString());
    }

    public async Task<SubnetAddressResponse> GetAddressAsync(ResourceName host, ResourceName name, IPAddress address, CancellationToken ct)
    {
        var subnet = await GetAsync(host, name, ct);
        var row = await db.SubnetAddresses.AsNoTracking().SingleOrDefaultAsync(a => a.SubnetId == subnet.Id && a.Address == new IpAddress(address), ct) ?? throw NotFound(subnet, address);
        var history = await db.SubnetHoldings.AsNoTracking().Where(h => h.SubnetId == subnet.Id && h.Address == new IpAddress(address)).OrderByDescending(h => h.Id).Take(PageQuery.MaxLimit).ToListAsync(ct);
        return SubnetAddressResponse.Of(row, history);
    }

    public async Task<SubnetAddressResponse> ReserveAsync(ResourceName host, ResourceName name, ReserveAddressRequest body, bool validateOnly, CancellationToken ct)
    {
        await using var write = await HostWrite.BeginAsync(db, request, clock, host, ct);
        var subnet = await GetAsync(host, name, ct);
        var asked = body.Address is null ? null : IPAddress.Parse(body.Address);
        if (asked is not null && !subnet.Cidr.Contains(asked))
            throw RuleException.Invalid("/address", "subnet.address", $"{asked} is not of the subnet {subnet}.");
        var address = await addresses.ReserveAsync(subnet, asked, body.ReservedFor!, "/address", ct);
        Audit(write, "subnet.reserve", subnet, address);
        await write.SaveAsync(ct);
        var response = await GetAddressAsync(host, name, address, ct);
        await write.CommitAsync(validateOnly, ct);
        return response;
    }

    /// <summary>Ends a reservation, or a quarantine before its time.</summary>
    public async Task ReleaseAsync(ResourceName host, ResourceName name, IPAddress address, bool validateOnly, CancellationToken ct)
    {
        await using var write = await HostWrite.BeginAsync(db, request, clock, host, ct);
        var subnet = await GetAsync(host, name, ct);
        var row = await db.SubnetAddresses.AsNoTracking().SingleOrDefaultAsync(a => a.SubnetId == subnet.Id && a.Address == new IpAddress(address), ct) ?? throw NotFound(subnet, address);
        if (row.State == AllocationState.Held || address.Equals(subnet.Gateway))
            throw SubnetAllocator.Taken(subnet, row, "");
        await EndReservationAsync(subnet, address, ct);
        Audit(write, "subnet.release", subnet, address);
        await write.CommitAsync(validateOnly, ct);
    }

    /// <summary>Nobody can have learnt a reserved address on the wire: it is free at once.</summary>
    private async Task EndReservationAsync(Subnet subnet, IPAddress address, CancellationToken ct)
    {
        await addresses.ReleaseAsync([new SubnetAddress { SubnetId = subnet.Id, Address = new IpAddress(address), Holder = "" }], ct);
        await db.SubnetAddresses.Where(a => a.SubnetId == subnet.Id && a.Address == new IpAddress(address)).ExecuteUpdateAsync(a => a.SetProperty(x => x.AvailableAt, clock.GetUtcNow()), ct);
    }

    private static RuleException NotFound(Subnet subnet, IPAddress address) => subnet.Cidr.Contains(address)
        ? new RuleException(RuleKind.NotFound, "ip.not-found", $"{address} of the subnet {subnet} is free: nobody ever had or reserved it.")
        : new RuleException(RuleKind.NotFound, "ip.not-found", $"{address} is not of the subnet {subnet}.");

    private void Audit(HostWrite write, string action, Subnet subnet, IPAddress address) => db.Add(new AuditEntry
    {
        At = write.Now,
        Actor = request.Actor,
        RequestId = request.RequestId,
        RemoteAddress = request.RemoteAddress,
        Host = write.Host.Name.Value,
        Action = action,
        Target = $"{write.Host.Name}/subnets/{subnet.Name}/addresses/{address}",
    });
}

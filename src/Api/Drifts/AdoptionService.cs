using System.Net;
using Microsoft.EntityFrameworkCore;
using Xlnet.Api.Common;
using Xlnet.Api.Vifs;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Common;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Subnets;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;
using Xlnet.Infrastructure.Data;
using Xlnet.Infrastructure.Hosts;

namespace Xlnet.Api.Drifts;

/// <summary>Takes what a host has into its desired state.</summary>
internal sealed class AdoptionService(
    XlnetDbContext db, RequestInfo request, TimeProvider clock, GuestVifs guestVifs, HostConnector connector, SubnetAllocator addresses)
{
    /// <summary>All that can be taken such that an apply straight afterwards changes nothing, in one transaction.</summary>
    public async Task<AdoptionResponse> AdoptAsync(
        HttpContext http, ResourceName host, AcceptedFindings accepted, bool overwrite, bool validateOnly, CancellationToken ct)
    {
        var hostId = await HostIds.FindAsync(db, host, ct);
        var sight = await HostSight.ReadAsync(db, connector, hostId, host, ct);
        await using var write = await HostWrite.BeginAsync(db, request, clock, host, ct);
        ApiDefaults.CheckPreconditions(http, write.Host.Version);
        await HostSight.CheckIdleAsync(db, write, ct);

        var desired = await DesiredStateReader.ReadWithinAsync(db, hostId, ct) ?? throw RuleException.NotFound("host", host.Value);
        var adoption = await ReadAsync(write, desired, sight.Observed, new AdoptionRequest
        {
            Accepts = accepted.Has,
            Overwrite = overwrite,
            WhyTaken = (_, _, _) => null,
        }, ct);
        adoption = adoption with
        {
            Skipped =
            [
                .. adoption.Skipped,
                .. sight.TooLarge.Select(path => new SkippedAdoption(DriftTarget.Guest(Path.GetFileNameWithoutExtension(path)), path, "guest.file-too-large", "It is larger than 1 MiB, which no guest file is.", [])),
            ],
        };
        await TakeAsync(write, adoption, "adopt", ct);
        await write.CommitAsync(validateOnly, ct);
        ApiDefaults.SetETag(http, write.Host.Version);
        return AdoptionResponse.Of(host.Value, validateOnly ? desired.Revision : write.Host.Revision, sight.Observed.Simulated, adoption);
    }

    /// <summary>What the request asks for, with what others hold of its addresses.</summary>
    public async Task<Adoption> ReadAsync(HostWrite write, DesiredState desired, HostObservation observed, AdoptionRequest asked, CancellationToken ct)
    {
        List<MacAddress> macs =
        [
            .. observed.GuestFilePaths.SelectMany(p => GuestFile.Parse(XlText.FromBytes(observed.Files[p]!)).Vifs).Select(v => v.Settings.Mac).OfType<MacAddress>(),
            .. observed.Domains.SelectMany(d => d.Vifs).Select(v => v.Mac),
        ];
        macs = [.. macs.Distinct()];
        var allocations = await db.MacAllocations.AsNoTracking().Where(a => macs.Contains(a.Mac)).ToDictionaryAsync(a => a.Mac, ct);
        var subnets = await addresses.ReadAsync(write.Host.Id, ct);
        var subnetIds = subnets.Select(s => s.Id).ToList();
        List<IpAddress> met = subnets.Count == 0 ? [] :
        [
            .. observed.GuestFilePaths.SelectMany(p => GuestFile.Parse(XlText.FromBytes(observed.Files[p]!)).Vifs)
                .SelectMany(v => VifLockingRules.Addresses(v.Settings.Ip)).Distinct().Select(a => new IpAddress(a)),
        ];
        var taken = (met.Count == 0 ? [] : await db.SubnetAddresses.AsNoTracking().Where(a => subnetIds.Contains(a.SubnetId) && met.Contains(a.Address)).ToListAsync(ct))
            .ToDictionary(a => (a.SubnetId, a.Address.Value));
        var given = new Dictionary<(long, IPAddress), string>();
        return Adoption.Of(desired, observed, asked with
        {
            WhyTaken = (mac, guest, devid) => allocations.GetValueOrDefault(mac) is { } other && !IsFreeFor(other.State, other.Holder, other.AvailableAt, new VifHolder(write.Host.Name.Value, guest, devid), write.Now)
                ? MacAllocator.Taken(other, request.Scope).Message
                : null,
            WhyIpTaken = (settings, guest, devid) =>
            {
                var holder = new VifHolder(write.Host.Name.Value, guest, devid);
                foreach (var (subnet, address) in AddressWish.Of(holder, settings, write.Host, subnets, "").Addresses)
                {
                    if (taken.GetValueOrDefault((subnet.Id, address)) is { } other && !IsFreeFor(other.State, other.Holder, other.AvailableAt, holder, write.Now))
                        return SubnetAllocator.Taken(subnet, other, "").Message;
                    if (!given.TryAdd((subnet.Id, address), holder.ToString()) && given[(subnet.Id, address)] is var first && first != holder.ToString())
                        return $"{address} of the subnet {subnet} is the address of {first} too: give one of them another.";
                }

                return null;
            },
        });
    }

    public async Task TakeAsync(HostWrite write, Adoption adoption, string action, CancellationToken ct)
    {
        if (adoption.XlConf is { } conf)
        {
            var before = HostDocument.Of(write.Host);
            (write.Host.XlConf, write.Host.Defaults) = (conf.Content, conf.Defaults);
            write.Record(RevisionObjectKind.Host, "", action, DriftTarget.XlConf, before, HostDocument.Of(write.Host));
        }

        var bridges = await db.Bridges.Where(b => b.HostId == write.Host.Id).ToDictionaryAsync(b => b.Name.Value, ct);
        foreach (var live in adoption.Bridges)
        {
            var bridge = bridges.GetValueOrDefault(live.Name);
            var before = bridge is null ? null : BridgeDocument.Of(bridge);
            if (bridge is null)
                db.Add(bridge = new Bridge { HostId = write.Host.Id, Name = InterfaceName.Parse(live.Name), CreatedAt = write.Now, UpdatedAt = write.Now });
            (bridge.Kind, bridge.Mtu, bridge.Ports, bridge.VlanFiltering, bridge.UpdatedAt) = (live.Kind, live.Mtu, live.Ports is { } ports ? [.. ports] : null, live.VlanFiltering, write.Now);
            write.Record(RevisionObjectKind.Bridge, live.Name, action, DriftTarget.Bridge(live.Name), before, BridgeDocument.Of(bridge));
        }

        foreach (var found in adoption.Guests)
            await TakeGuestAsync(write, found, action, ct);
        if (adoption.XlConf is null)
            return;
        // Where a vif is that names no bridge depends on it.
        await write.SaveAsync(ct);
        await addresses.SettleAllAsync(write.Host, "", ct);
    }

    private async Task TakeGuestAsync(HostWrite write, AdoptedGuest found, string action, CancellationToken ct)
    {
        var guest = await guestVifs.TryFindAsync(write, found.Name, ct);
        var before = guest is null ? null : GuestDocument.Of(guest);
        if (guest is null)
            db.Add(guest = new Guest { HostId = write.Host.Id, Name = found.Name, CreatedAt = write.Now, FilePath = found.Path });
        else if (guest.ConfigPath != found.Path)
            guest.FilePath = found.Path;
        await guestVifs.SetAsync(write, guest, found.File,
            [.. found.File.Vifs.Select(v => new WantedVif(v.Devid, v.Settings, "", InFile: true, found.Held.GetValueOrDefault(v.Devid), AsWritten: true))], ct);
        write.Record(RevisionObjectKind.Guest, found.Name.Value, action, found.Name.Value, before, GuestDocument.Of(guest));
    }

    private static bool IsFreeFor(AllocationState state, string holder, DateTimeOffset? availableAt, VifHolder vif, DateTimeOffset now) => state switch
    {
        AllocationState.Held => holder.StartsWith(vif.GuestHolder + "/", StringComparison.Ordinal),
        AllocationState.Reserved => holder == vif.ToString() || holder == vif.GuestHolder,
        AllocationState.Quarantined => availableAt <= now || holder.StartsWith(vif.GuestHolder + "/", StringComparison.Ordinal),
        _ => throw new ArgumentOutOfRangeException(nameof(state)),
    };
}

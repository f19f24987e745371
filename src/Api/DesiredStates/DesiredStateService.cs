using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Xlnet.Api.Bridges;
using Xlnet.Api.Common;
using Xlnet.Api.Drifts;
using Xlnet.Api.Guests;
using Xlnet.Api.Hosts;
using Xlnet.Api.Networking;
using Xlnet.Api.Subnets;
using Xlnet.Api.Vifs;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Common;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Subnets;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Api.DesiredStates;

/// <summary>
/// Whole hosts by their documents, all of a request's in one transaction. As every write it is staged. What goes is taken away first, on
/// all of the hosts, so that its addresses, ports and names are free for what comes, on whichever host.
/// </summary>
internal sealed class DesiredStateService(
    XlnetDbContext db, RequestInfo request, HostService hosts, NetworkingService networkings, BridgeService bridges, SubnetService subnets, SubnetAllocator addresses, MacAllocator macs,
    GuestService guests)
{
    public async Task<(DesiredStateDocument Document, uint Version)> GetAsync(ResourceName name, CancellationToken ct)
    {
        await using var transaction = await db.Database.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead, ct);
        var host = await db.Hosts.AsNoTracking().SingleOrDefaultAsync(h => h.Name == name, ct) ?? throw RuleException.NotFound("host", name.Value);
        return (await ReadAsync(host, ct), host.Version);
    }

    /// <param name="check">Given the host's version; null when there is no such host.</param>
    public async Task<(DesiredStateResponse Response, uint Version)> PutAsync(
        ResourceName name, DesiredStateDocument put, Action<uint?> check, AcceptedFindings accepted, bool validateOnly, CancellationToken ct)
    {
        var (responses, version) = await PutAllAsync([new Wanted(name, put, check, "")], accepted, validateOnly, ct);
        return (responses[0], version);
    }

    public async Task<DesiredStatesResponse> PutAllAsync(DesiredStatesRequest request, AcceptedFindings accepted, bool validateOnly, CancellationToken ct)
    {
        List<Wanted> wanted = [.. request.Hosts!.Select((host, at) => new Wanted(
            ResourceName.Parse(host.Name!), host, version => Check(host, version, validateOnly), $"/hosts/{at}"))];
        var (responses, _) = await PutAllAsync(wanted, accepted, validateOnly, ct);
        return new DesiredStatesResponse(responses);
    }

    /// <exception cref="RuleException">412, or 428 for a host that is there and of which no version is named.</exception>
    private static void Check(NamedDesiredState host, uint? version, bool validateOnly)
    {
        if (host.IfMatch is null && version is not null && !validateOnly)
            throw Unseen("/ifMatch");
        RequestParts.CheckIfMatch(host.IfMatch, version);
    }

    public static RuleException Unseen(string pointer) => new(RuleKind.PreconditionRequired, "precondition.required",
        "This replaces the whole of the host's desired state: say with If-Match which version of the host (its ETag) you have seen, or * for any.",
        new FieldError(pointer, "precondition.required", "is left out"));

    private async Task<(IReadOnlyList<DesiredStateResponse> Responses, uint Version)> PutAllAsync(
        IReadOnlyList<Wanted> wanted, AcceptedFindings accepted, bool validateOnly, CancellationToken ct)
    {
        // Before any of them is looked at.
        foreach (var host in wanted)
            request.Scope.Check(host.Name.Value);
        var seen = new Dictionary<ResourceName, NetworkingSeen>();
        foreach (var host in wanted.Where(w => w.Document.Networking is not null))
        {
            if (await LookAsync(host, ct) is { } sight)
                seen[host.Name] = sight;
        }

        db.ChangeTracker.Clear();
        await using var transaction = await db.BeginAsync(ct);
        List<Work> works = [];
        // In the order of their names, so that two requests for the same hosts cannot wait for each other.
        foreach (var host in wanted.OrderBy(w => w.Name.Value, StringComparer.Ordinal))
            works.Add(await RequestParts.InAsync(host.Pointer, () => BeginAsync(host, ct)));
        foreach (var work in works)
            await RequestParts.InAsync(work.Wanted.Pointer, () => ClearAsync(work, accepted, ct));
        await HandOverAsync(works, ct);
        foreach (var work in works)
            await RequestParts.InAsync(work.Wanted.Pointer, () => FillAsync(work, seen.GetValueOrDefault(work.Wanted.Name), accepted, ct));

        var responses = new Dictionary<ResourceName, DesiredStateResponse>();
        uint version = 0;
        foreach (var work in works)
        {
            await work.Write.CommitAsync(validateOnly, ct);
            var host = work.Write.Host;
            version = host.Version;
            var recorded = work.Write.Recorded;
            responses[host.Name] = new DesiredStateResponse(
                host.Name.Value, work.Created, host.Revision, ApiDefaults.ETag(version),
                [.. recorded.Where(c => c.Removes).Select(Target)],
                [.. recorded.Select(c => new DesiredStateChange(c.Action, Target(c))).Distinct()],
                await ReadAsync(host, ct));
        }

        if (!validateOnly)
            await transaction.CommitAsync(ct);
        return ([.. wanted.Select(w => responses[w.Name])], version);
    }

    /// <summary>As the URL has it.</summary>
    private static string Target(RecordedChange change) => change.Action.StartsWith("guest.", StringComparison.Ordinal) ? $"guests/{change.Target}" : change.Target;

    /// <summary>A host whose networking is to change is looked at before anything is locked.</summary>
    /// <returns>Null where nothing changes, or the host is not there yet.</returns>
    private async Task<NetworkingSeen?> LookAsync(Wanted wanted, CancellationToken ct)
    {
        var host = await db.Hosts.AsNoTracking().SingleOrDefaultAsync(h => h.Name == wanted.Name, ct);
        return host is null || Says(wanted.Document.Networking!, host.Networking) ? null : await networkings.LookAsync(host.Id, host.Name, ct);
    }

    private static bool Says(NetworkingRequest put, HostNetworking? present) =>
        present is not null && Text(NetworkingRequest.Of(present)) == Text(put);

    private static string Text(NetworkingRequest networking) => JsonSerializer.Serialize(networking, ApiJson.Default.NetworkingRequest);

    private async Task<Work> BeginAsync(Wanted wanted, CancellationToken ct)
    {
        var document = wanted.Document;
        var (write, created) = await hosts.BeginAsync(wanted.Name, wanted.Check, () => Request(document.Driver ?? throw RuleException.Invalid(
            "/driver", "driver.required", $"There is no host '{wanted.Name}' yet: say how xlnet reaches it, such as {{\"kind\":\"simulated\"}}.")), ct);
        var (before, policy) = (created ? null : HostDocument.Of(write.Host), write.Host.MacPolicy);
        await hosts.SetAsync(write.Host, Request(document.Driver ?? DriverContract.Of(write.Host)), ct);
        return new Work(wanted, write, created, before) { KeepsPolicy = write.Host.MacPolicy == policy };

        HostRequest Request(DriverContract driver) => new()
        {
            Driver = driver, Description = document.Description, MacPolicy = document.MacPolicy, MacPool = document.MacPool,
        };
    }

    /// <summary>The host itself, and all that is to go.</summary>
    private async Task ClearAsync(Work work, AcceptedFindings accepted, CancellationToken ct)
    {
        var (write, document, host) = (work.Write, work.Wanted.Document, work.Write.Host);
        SetXlConf(host, document, accepted);
        if (document.Networking is null)
            host.Networking = null;
        write.Record(RevisionObjectKind.Host, "", work.Created ? "host.create" : "host.update", "", work.Before, HostDocument.Of(host));

        var names = (document.Guests ?? []).Select(g => g.Name!).ToHashSet(StringComparer.Ordinal);
        work.Guests = await db.Guests.Include(g => g.Vifs).Where(g => g.HostId == host.Id).ToDictionaryAsync(g => g.Name.Value, ct);
        foreach (var (name, guest) in work.Guests.OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            guest.Sort();
            if (names.Contains(name))
                continue;
            await guests.RemoveAsync(write, guest, "guest.delete", ct);
            work.Guests.Remove(name);
            work.GoneVifs.AddRange(guest.Vifs);
        }

        work.Subnets = await db.Subnets.Where(s => s.HostId == host.Id).ToDictionaryAsync(s => s.Name.Value, ct);
        foreach (var (name, subnet) in work.Subnets.OrderBy(s => s.Key, StringComparer.Ordinal))
        {
            if ((document.Subnets ?? []).Any(s => s.Name == name) || subnet.Mode == NetworkMode.Nat && document.Networking?.Mode == NetworkMode.Nat)
                continue;
            subnets.Remove(write, subnet);
            work.Subnets.Remove(name);
            foreach (var vif in work.Guests.Values.SelectMany(g => g.Vifs).Where(v => v.Subnet == subnet.Name))
                vif.Subnet = null;
        }

        work.Bridges = await db.Bridges.Where(b => b.HostId == host.Id).ToDictionaryAsync(b => b.Name.Value, ct);
        foreach (var (name, bridge) in work.Bridges.OrderBy(b => b.Key, StringComparer.Ordinal))
        {
            if (name == host.Networking?.Bridge || (document.Bridges ?? []).Any(b => b.Name == name))
                continue;
            db.Remove(bridge);
            write.Record(RevisionObjectKind.Bridge, name, "bridge.delete", $"bridges/{name}", BridgeDocument.Of(bridge), null);
            work.Bridges.Remove(name);
            work.GoneBridges.Add(name);
        }

        await db.SaveChangesAsync(ct);
    }

    /// <summary>An address that a guest leaves and another one takes in the same request, under another name or on another host, waits for nobody.</summary>
    private async Task HandOverAsync(IReadOnlyList<Work> works, CancellationToken ct)
    {
        if (works.All(w => w.GoneVifs.Count == 0))
            return;
        List<VifSettings> wanted = [.. works.SelectMany(w => w.Wanted.Document.Guests ?? []).SelectMany(VifsOf)];
        var named = wanted.Select(v => v.Mac).OfType<MacAddress>().ToHashSet();
        await macs.EndQuarantineAsync([.. works.SelectMany(w => w.GoneVifs).Select(v => v.Mac).Where(named.Contains)], ct);
        var addressed = wanted.SelectMany(v => VifLockingRules.Addresses(v.Ip)).ToHashSet();
        foreach (var work in works)
            await addresses.EndQuarantineAsync(work.Write.Host.Id, [.. work.GoneVifs.SelectMany(v => VifLockingRules.Addresses(v.Ip)).Where(addressed.Contains)], ct);
    }

    private static IEnumerable<VifSettings> VifsOf(DesiredGuest guest) =>
    [
        .. guest.Vifs?.Select(v => new VifSettings { Mac = v.Mac is null ? null : MacAddress.Parse(v.Mac), Ip = v.Ip }) ?? [],
        .. guest.Held?.Where(h => h.Mac is not null).Select(h => new VifSettings { Mac = MacAddress.Parse(h.Mac!) }) ?? [],
        .. guest.ReadFile() is { } file ? GuestFile.Parse(XlText.FromBytes(file)).Vifs.Select(v => v.Settings) : [],
    ];

    private static void SetXlConf(Host host, DesiredStateDocument document, AcceptedFindings accepted)
    {
        var conf = DesiredText.Read(document.XlConf, document.XlConfBase64);
        if (conf is not null && host.XlConf is { } present && present.AsSpan().SequenceEqual(conf))
            return;
        if (conf is not null)
            (host.XlConf, host.Defaults) = (conf, RequestParts.In("/xlConf", () => HostService.ReadXlConf(conf, accepted)).Defaults);
        else if (document.Defaults is not null || document.Networking is null)
            (host.XlConf, host.Defaults) = (null, document.Defaults?.ToDomain());
        else if (host.XlConf is not null)
            // The networking's own defaults stay; the rest of the file is left out.
            host.XlConf = null;
    }

    /// <summary>All that is to be there.</summary>
    private async Task FillAsync(Work work, NetworkingSeen? seen, AcceptedFindings accepted, CancellationToken ct)
    {
        var (write, document, host) = (work.Write, work.Wanted.Document, work.Write.Host);
        List<(int At, string Name)> joined = [];
        foreach (var (at, put) in (document.Bridges ?? []).Index())
        {
            if (put.VlanFiltering is false && work.Bridges.GetValueOrDefault(put.Name!)?.VlanFiltering is not false)
                joined.Add((at, put.Name!));
            List<BridgePorts> others = [.. document.Bridges!.Where(b => b.Name != put.Name).Select(b => new BridgePorts(b.Name!, b.Ports))];
            RequestParts.In($"/bridges/{at}", () => bridges.Set(write, work.Bridges.GetValueOrDefault(put.Name!), InterfaceName.Parse(put.Name!), put, others, "/name"));
        }

        var change = await RequestParts.InAsync("/networking", () => BeginNetworkingAsync(work, seen, ct));
        foreach (var (at, put) in (document.Subnets ?? []).Index())
            await RequestParts.InAsync($"/subnets/{at}", () => SetSubnetAsync(work, put, ct));

        foreach (var (at, put) in (document.Guests ?? []).Index())
            await RequestParts.InAsync($"/guests/{at}", () => SetGuestAsync(work, at, put, accepted, ct));
        await db.SaveChangesAsync(ct);

        if (change is not null)
            await RequestParts.InAsync("/networking", () => networkings.EndAsync(change, ct));
        await db.SaveChangesAsync(ct);
        await addresses.SettleAllAsync(host, "/subnets", ct);
        foreach (var bridge in work.GoneBridges.Where(b => b != host.Networking?.Bridge))
            await RequestParts.InAsync("/bridges", () => bridges.CheckUnusedAsync(host, bridge, ct));
        foreach (var (at, bridge) in joined)
            await RequestParts.InAsync($"/bridges/{at}", () => bridges.CheckNoVlansAsync(host, bridge, ct));
        var surroundings = await HostSurroundings.ReadAsync(db, host, guest: null, ct);
        foreach (var (at, file) in work.Files)
        {
            await RequestParts.InAsync($"/guests/{at}/config", () =>
            {
                GuestService.CheckFor(surroundings, file, accepted);
                return Task.CompletedTask;
            });
        }
    }

    private async Task<NetworkingChange?> BeginNetworkingAsync(Work work, NetworkingSeen? seen, CancellationToken ct)
    {
        var host = work.Write.Host;
        if (work.Wanted.Document.Networking is not { } put)
            return null;
        if (Says(put, host.Networking))
        {
            if (host.Defaults is null)
                NetworkingService.SetDefaults(host, host.Networking!);
            return null;
        }

        await HostSight.CheckIdleAsync(db, work.Write, ct);
        seen ??= work.Created ? await networkings.LookAtNewAsync(host, ct) : throw new RuleException(RuleKind.Conflict, "conflict.concurrent",
            "Someone else changed the host's networking at the same moment; nothing was changed. Read it again and decide anew.");
        return await networkings.BeginAsync(work.Write, seen, put, ct);
    }

    private async Task<Subnet> SetSubnetAsync(Work work, CreateSubnetRequest put, CancellationToken ct)
    {
        var name = ResourceName.Parse(put.Name!);
        // Mode nat's may have been made with the networking just now.
        var present = work.Subnets.GetValueOrDefault(put.Name!) ?? await db.Subnets.SingleOrDefaultAsync(s => s.HostId == work.Write.Host.Id && s.Name == name, ct);
        var subnet = await subnets.SetAsync(work.Write, present, name, put.Into, ct);
        await subnets.CheckOthersAsync(work.Write.Host, subnet, ct);
        SubnetService.CheckNat(work.Write.Host, subnet);
        return subnet;
    }

    private async Task<Guest> SetGuestAsync(Work work, int at, DesiredGuest put, AcceptedFindings accepted, CancellationToken ct)
    {
        var name = GuestName.Parse(put.Name!);
        var guest = work.Guests.GetValueOrDefault(put.Name!);
        var whole = put.ReadFile();
        // To look at a guest takes some statements: one that is as it is to be costs none.
        if (guest is not null && work.KeepsPolicy && put.IsOf(guest, whole))
            return guest;
        GuestFile file;
        if (whole is not { } bytes)
        {
            file = GuestService.FileFor(guest, name, put, _ => false);
        }
        else if (guest is not null && guest.Config.AsSpan().SequenceEqual(bytes))
        {
            file = guest.Parse();
        }
        else
        {
            file = GuestService.ReadFile(name, bytes, accepted, "/config");
            work.Files.Add((at, file));
        }

        var held = (put.Held ?? []).ToDictionary(h => h.Devid!.Value);
        if (held.Keys.FirstOrDefault(d => file.Vifs.All(v => v.Devid != d), -1) is >= 0 and var stray)
            throw RuleException.Invalid("/held", "vif.not-found", $"The file has no vif {stray}.");
        var wanted = put.Vifs is { } vifs ? GuestService.WantedOf(vifs) : [.. file.Vifs.Select(v => Held(v.Devid, v.Settings, held.GetValueOrDefault(v.Devid)))];
        return await guests.SetAsync(work.Write, guest, name, file, wanted, put.Config is null && put.ConfigBase64 is null ? accepted : null, ct);
    }

    private static WantedVif Held(int devid, VifSettings settings, DesiredVif? held) => new(
        devid, settings, "/config", InFile: true, held?.Mac is { } mac ? MacAddress.Parse(mac) : null, AsWritten: held?.MacInFile == false,
        Locking: held?.Locking ?? VifLocking.Unlocked, Subnet: held?.Subnet is { } subnet ? ResourceName.Parse(subnet) : null)
    {
        SaysSubnet = true,
    };

    /// <summary>Five statements with the host's own, however many guests it has.</summary>
    private async Task<DesiredStateDocument> ReadAsync(Host host, CancellationToken ct)
    {
        var pool = host.MacPoolId is { } id ? await db.MacPools.AsNoTracking().Where(p => p.Id == id).Select(p => p.Name).SingleAsync(ct) : null;
        var found = await db.Guests.AsNoTracking().Where(g => g.HostId == host.Id).OrderBy(g => g.Name).Include(g => g.Vifs).AsSplitQuery().ToListAsync(ct);
        found.ForEach(g => g.Sort());
        return DesiredStateDocument.Of(
            host, pool?.Value,
            await db.Bridges.AsNoTracking().Where(b => b.HostId == host.Id).OrderBy(b => b.Name).ToListAsync(ct),
            await db.Subnets.AsNoTracking().Where(s => s.HostId == host.Id).OrderBy(s => s.Name).ToListAsync(ct),
            found);
    }

    /// <param name="Pointer">Where it stands in the request.</param>
    private sealed record Wanted(ResourceName Name, DesiredStateDocument Document, Action<uint?> Check, string Pointer);

    /// <summary>One host under way.</summary>
    /// <param name="before">The host as it was; null for a new one.</param>
    private sealed class Work(Wanted wanted, HostWrite write, bool created, string? before)
    {
        public Wanted Wanted => wanted;

        public HostWrite Write => write;

        public bool Created => created;

        public string? Before => before;

        /// <summary>Whether addresses stand in the guests' files, or not, as they did.</summary>
        public bool KeepsPolicy { get; init; }

        public Dictionary<string, Guest> Guests { get; set; } = [];

        public Dictionary<string, Subnet> Subnets { get; set; } = [];

        public Dictionary<string, Bridge> Bridges { get; set; } = [];

        public List<string> GoneBridges { get; } = [];

        public List<Vif> GoneVifs { get; } = [];

        /// <summary>The files that are new, with their places in the document.</summary>
        public List<(int At, GuestFile File)> Files { get; } = [];
    }
}

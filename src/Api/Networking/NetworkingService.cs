using System.Globalization;
using System.Net;
using Microsoft.EntityFrameworkCore;
using Xlnet.Api.Common;
using Xlnet.Api.Drifts;
using Xlnet.Api.Plans;
using Xlnet.Api.Subnets;
using Xlnet.Api.Vifs;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Common;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Subnets;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;
using Xlnet.Infrastructure.Data;
using Xlnet.Infrastructure.Hosts;

namespace Xlnet.Api.Networking;

/// <summary>
/// A host's networking as one setting: Dom0's own network, the vif.default.* and the bridge that go with it, and, where asked, the vifs
/// whose bridge goes. As every write it is staged: the host is looked at, and changed by an apply.
/// </summary>
internal sealed class NetworkingService(
    XlnetDbContext db, RequestInfo request, TimeProvider clock, HostConnector connector, GuestVifs guestVifs, SubnetService subnets, SubnetAllocator addresses)
{
    public async Task<(NetworkingResponse Response, uint Version)> GetAsync(ResourceName name, CancellationToken ct)
    {
        var host = await db.Hosts.AsNoTracking().SingleOrDefaultAsync(h => h.Name == name, ct) ?? throw RuleException.NotFound("host", name.Value);
        if (host.Networking is { } networking)
            return (NetworkingResponse.Of(networking, DefaultsOf(host), [], null, host.DriverKind is DriverKind.Simulated or DriverKind.Directory), host.Version);
        var seen = await LookAsync(host.Id, name, ct);
        return (NetworkingResponse.Of(seen.Sight, seen.Defaults, seen.Inspection.Host.Simulated), host.Version);
    }

    /// <exception cref="RuleException">422 with the evidence, when the host's own facts speak against it.</exception>
    public async Task<(NetworkingResponse Response, uint Version)> PutAsync(
        HttpContext http, ResourceName name, NetworkingRequest put, bool validateOnly, CancellationToken ct)
    {
        var hostId = await HostIds.FindAsync(db, name, ct);
        // Not within the transaction: a slow host would keep the writers of its row waiting.
        var seen = await LookAsync(hostId, name, ct);
        await using var write = await HostWrite.BeginAsync(db, request, clock, name, ct);
        var host = write.Host;
        ApiDefaults.CheckPreconditions(http, host.Version);
        await HostSight.CheckIdleAsync(db, write, ct);

        var change = await BeginAsync(write, seen, put, ct);
        var networking = change.Networking;
        var findings = await EndAsync(change, ct);
        await write.SaveAsync(ct);
        await addresses.SettleAllAsync(host, "/mode", ct);
        var desired = await DesiredStateReader.ReadWithinAsync(db, host.Id, ct) ?? throw RuleException.NotFound("host", name.Value);
        var plan = PlanResponse.Of(
            Planner.Plan(desired, seen.Inspection.Host, new PlanRequest { Allow = Enum.GetValues<Impact>() }), seen.Inspection.Host.Simulated);
        await write.CommitAsync(validateOnly, ct);
        return (NetworkingResponse.Of(networking, DefaultsOf(host), [.. findings.Where(f => f.IsWarning)], plan, seen.Inspection.Host.Simulated), host.Version);
    }

    /// <summary>Gives the host what is put, completed by what was seen of it, with the defaults and the subnet that go with it.</summary>
    public async Task<NetworkingChange> BeginAsync(HostWrite write, NetworkingSeen seen, NetworkingRequest put, CancellationToken ct)
    {
        var host = write.Host;
        var originals = host.NetworkingState is { IsTaken: true } taken
            ? taken.Originals
            : seen.Facts.InterfacesFiles.ToDictionary(p => p, p => seen.Inspection.Host.Files.GetValueOrDefault(p));
        var subnetsBefore = await addresses.ReadAsync(host.Id, ct);
        var networking = Complete(put, seen, host.Networking, originals, subnetsBefore);
        if (HostNetworkingRules.Check(networking).Concat(HostNetworkingRules.CheckOriginals(networking, originals)).ToList() is { Count: > 0 } wrong)
        {
            List<FieldError> fields = [.. wrong.Select(f => f with { Pointer = f.Pointer.Replace("/nat/", "/", StringComparison.Ordinal) })];
            throw new RuleException(RuleKind.Invalid, fields[0].Code, fields[0].Message, fields);
        }

        var change = new NetworkingChange(write, seen, put, host.Networking, networking, HostDocument.Of(host), subnetsBefore);
        host.Networking = networking;
        SetDefaults(host, networking);
        await SetNatSubnetAsync(write, networking, ct);
        return change;
    }

    /// <summary>Moves the vifs that have to be, holds all of it to what was seen of the host, and gives the host the networking's bridge.</summary>
    /// <exception cref="RuleException">422 with the evidence, when the host's own facts speak against it.</exception>
    public async Task<IReadOnlyList<PreflightFinding>> EndAsync(NetworkingChange change, CancellationToken ct)
    {
        var (write, seen, put, present, networking, before, subnetsBefore) = change;
        var host = write.Host;
        var guests = await db.Guests.Include(g => g.Vifs).Where(g => g.HostId == host.Id).OrderBy(g => g.Name).ToListAsync(ct);
        var moves = new AddressMoves(host, subnetsBefore, await addresses.ReadAsync(host.Id, ct), put.MoveAddresses ?? new Dictionary<string, string?>());
        await MoveVifsAsync(write, present, guests, put.MoveVifs ?? new Dictionary<string, string?>(), moves, ct);
        var findings = Preflight.Check(networking, host.NetworkingState?.Applied, seen.Inspection, seen.Facts, OnIt(guests, networking, DefaultsOf(host)));
        Refuse(findings);
        await SetBridgeAsync(write, networking, present, ct);

        host.NetworkingState ??= new NetworkingState(null, seen.Facts.InterfacesFiles.ToDictionary(p => p, _ => (byte[]?)null), false);
        write.Record(RevisionObjectKind.Host, "", "networking.update", "networking", before, HostDocument.Of(host));
        return findings;
    }

    /// <remarks>Not within the transaction: a slow host would keep the writers of its row waiting.</remarks>
    public async Task<NetworkingSeen> LookAsync(long hostId, ResourceName name, CancellationToken ct)
    {
        await using var driver = await connector.OpenAsync(hostId, ct);
        return await LookAsync(driver, hostId, name, ct);
    }

    /// <summary>A look at a host that is being made, whose writers nobody waits for.</summary>
    public async Task<NetworkingSeen> LookAtNewAsync(Host host, CancellationToken ct)
    {
        await using var driver = connector.OpenNew(host);
        return await LookAsync(driver, host.Id, host.Name, ct);
    }

    private async Task<NetworkingSeen> LookAsync(IHostDriver driver, long hostId, ResourceName name, CancellationToken ct)
    {
        var desired = await DesiredStateReader.ReadAsync(db, hostId, ct) ?? throw RuleException.NotFound("host", name.Value);
        var facts = await driver.ReadNetworkFactsAsync(ct);
        var inspection = await driver.InspectAsync([.. desired.Paths.Union(facts.InterfacesFiles).Union(NetworkFiles.Owned)], ct);
        await ObservedFacts.KeepAsync(db, hostId, inspection.Host, ct);
        var defaults = XlConf.DefaultsOf(inspection.Host.Files[Host.XlConfPath]);
        return new NetworkingSeen(NetworkSight.Of(inspection.Host, facts, await driver.ReadRoutesAsync(ct), defaults), inspection, facts, defaults);
    }

    private static HostNetworking Complete(NetworkingRequest put, NetworkingSeen seen, HostNetworking? present, IReadOnlyDictionary<string, byte[]?> originals, IReadOnlyList<Subnet> subnets)
    {
        var (mode, sight) = (put.Mode!.Value, seen.Sight);
        var uplink = put.Uplink ?? present?.Uplink ?? sight.Uplink
            ?? throw RuleException.Invalid("/uplink", "networking.uplink", "No interface of this host leads anywhere. Name its uplink.");
        return new HostNetworking
        {
            Mode = mode,
            Backend = put.Backend ?? present?.Backend ?? sight.Backend ?? throw RuleException.Invalid("/backend", "networking.backend",
                "Both ifupdown and systemd-networkd keep this host's uplink, so it can't be told which of them is to go on. Say which backend, and take the interface out of the other's files."),
            Uplink = uplink,
            // Who comes back from a mode without a bridge comes back to the one that the host had.
            Bridge = mode == NetworkMode.Routed ? put.Bridge : put.Bridge ?? present?.Bridge ?? NetworkSight.BridgeOver(uplink, originals) ?? sight.Bridge ?? seen.Defaults.Bridge ?? EffectiveVif.DefaultBridge,
            Addressing = put.Addressing?.ToDomain() ?? present?.Addressing ?? sight.Addressing,
            Mtu = put.Mtu,
            Vlan = put.Vlan,
            VlanFiltering = put.VlanFiltering,
            GatewayDevice = put.GatewayDevice,
            ProxyArp = put.ProxyArp ?? true,
            Nat = mode != NetworkMode.Nat ? null : new NatSettings(
                put.Subnet is { } subnet ? Cidrs.TryParse(subnet)!.Value : present?.Nat?.Subnet ?? subnets.FirstOrDefault(s => s.Mode == NetworkMode.Nat)?.Cidr ?? FreeSubnet(seen.Inspection.Host, subnets),
                put.Dhcp ?? true, put.Domain,
                [.. (put.PortForwards ?? []).Select(f => new PortForward(f.Protocol ?? "tcp", f.Port!.Value, IPAddress.Parse(f.ToAddress!), f.ToPort ?? f.Port!.Value))]),
        };
    }

    private static IPNetwork FreeSubnet(HostObservation observed, IReadOnlyList<Subnet> subnets) => Enumerable.Range(0, 256)
        .Select(i => IPNetwork.Parse(string.Create(CultureInfo.InvariantCulture, $"10.99.{i}.0/24")))
        .Where(n => !subnets.Any(s => Preflight.Overlap(s.Cidr, n)))
        .First(n => observed.Interfaces.SelectMany(i => i.Addresses).All(a => !IPAddress.TryParse(a.Split('/')[0], out var address) || !n.Contains(address)));

    /// <summary>The part that lies in xl.conf: the script of the mode, its bridge, and its gateway device.</summary>
    public static void SetDefaults(Host host, HostNetworking networking)
    {
        host.SetDefaults(DefaultsOf(host) with
        {
            Script = Preflight.ScriptOf(networking.Mode),
            Bridge = networking.Bridge,
            GatewayDev = networking.Mode == NetworkMode.Routed ? networking.GatewayDevice ?? networking.Uplink : null,
        });
    }

    private static VifDefaults DefaultsOf(Host host) => host.KnownDefaults() ?? VifDefaults.None;

    /// <summary>Behind Dom0's address the guests' subnet is xlnet's own, so their addresses are.</summary>
    private async Task SetNatSubnetAsync(HostWrite write, HostNetworking networking, CancellationToken ct)
    {
        if (networking.Nat is not { } nat)
            return;
        var name = ResourceName.Parse(Subnet.NatName);
        var present = await db.Subnets.Where(s => s.HostId == write.Host.Id && (s.Mode == NetworkMode.Nat || s.Name == name)).OrderByDescending(s => s.Mode == NetworkMode.Nat).FirstOrDefaultAsync(ct);
        if (present is { Mode: not NetworkMode.Nat })
            throw new RuleException(RuleKind.Conflict, "subnet.exists", $"The subnet of mode nat is called '{name}', and the host has another one of that name: {present.Cidr} on {present.Place}. Take that away first.");
        if (present?.Cidr == nat.Subnet && nat.Gateway.Equals(present.Gateway))
            return;
        var subnet = await subnets.SetAsync(write, present, present?.Name ?? name,
            s => s.Set(nat.Subnet, bridge: null, NetworkMode.Nat, nat.Allocated.First, nat.Allocated.Last, nat.Gateway), ct);
        await subnets.CheckOthersAsync(write.Host, subnet, ct);
    }

    /// <summary>So that a vif which names the bridge is held to its kind.</summary>
    private async Task SetBridgeAsync(HostWrite write, HostNetworking networking, HostNetworking? present, CancellationToken ct)
    {
        if (present?.Bridge is { } old && old != networking.Bridge)
        {
            var name = InterfaceName.Parse(old);
            if (await db.Bridges.SingleOrDefaultAsync(b => b.HostId == write.Host.Id && b.Name == name, ct) is { } gone)
            {
                db.Remove(gone);
                write.Record(RevisionObjectKind.Bridge, old, "bridge.delete", $"bridges/{old}", BridgeDocument.Of(gone), null);
            }
        }

        if (networking.Bridge is not { } wanted)
            return;
        var bridgeName = InterfaceName.Parse(wanted);
        var bridge = await db.Bridges.SingleOrDefaultAsync(b => b.HostId == write.Host.Id && b.Name == bridgeName, ct);
        var before = bridge is null ? null : BridgeDocument.Of(bridge);
        if (bridge is null)
            db.Add(bridge = new Bridge { HostId = write.Host.Id, Name = bridgeName, CreatedAt = write.Now, UpdatedAt = write.Now });
        (bridge.Kind, bridge.Mtu, bridge.Ports, bridge.VlanFiltering) = (networking.BridgeKind, networking.Mtu, networking.Mode == NetworkMode.Nat ? [] : [networking.Uplink], networking.VlanFiltering);
        if (before != BridgeDocument.Of(bridge))
            bridge.UpdatedAt = write.Now;
        write.Record(RevisionObjectKind.Bridge, wanted, before is null ? "bridge.create" : "bridge.update", $"bridges/{wanted}", before, BridgeDocument.Of(bridge));
    }

    /// <summary>The vifs that would be on it: those that name its bridge, or none.</summary>
    private static List<PreflightVif> OnIt(IReadOnlyList<Guest> guests, HostNetworking networking, VifDefaults defaults) =>
    [
        .. guests.SelectMany(g => g.Vifs, (g, v) => new PreflightVif(g.Name.Value, v.Devid, v.WrittenSettings))
            .Where(v => EffectiveVif.IsDom0(v.Settings.Backend))
            .Where(v => v.Settings.Bridge is not { } bridge || networking.Bridge is null || NetNames.BridgeNames(bridge).Contains(networking.Bridge) || bridge == defaults.Bridge),
    ];

    private static void Refuse(IReadOnlyList<PreflightFinding> findings)
    {
        List<PreflightFinding> errors = [.. findings.Where(f => !f.IsWarning)];
        if (errors.Count == 0)
            return;
        throw new RuleException(RuleKind.Invalid, errors[0].Code, errors[0].Message, [.. errors.Select(e => new FieldError(e.Pointer, e.Code, e.Message))])
            .With("findings", errors.ConvertAll(NetworkingFinding.Of));
    }

    /// <summary>
    /// Who names a bridge that goes away would be left on none: he is moved where the request says, and else the request is refused with
    /// the list of them. Who names a script that does not fit is refused likewise.
    /// </summary>
    private async Task MoveVifsAsync(
        HostWrite write, HostNetworking? before, IReadOnlyList<Guest> guests, IReadOnlyDictionary<string, string?> moves, AddressMoves addressMoves, CancellationToken ct)
    {
        var networking = write.Host.Networking!;
        var kept = (await db.Bridges.AsNoTracking().Where(b => b.HostId == write.Host.Id).ToListAsync(ct)).ToDictionary(b => b.Name.Value, b => b.Kind);
        if (before?.Bridge is { } present)
            kept.Remove(present);
        if (networking.Bridge is { } wanted)
            kept[wanted] = networking.BridgeKind;
        foreach (var (from, to) in moves)
        {
            if (to is not null && !kept.ContainsKey(to))
                throw RuleException.Invalid($"/moveVifs/{from}", "networking.move-vifs", $"The host is to have no bridge '{to}': name one of {string.Join(", ", kept.Keys.Order(StringComparer.Ordinal))}, or null.");
        }

        var script = Preflight.ScriptOf(networking.Mode);
        List<string> stranded = [], misfits = [], locked = [];
        foreach (var guest in guests)
        {
            guest.Sort();
            List<WantedVif> vifs = [];
            foreach (var vif in guest.Vifs)
            {
                var settings = vif.WrittenSettings;
                var target = string.Create(CultureInfo.InvariantCulture, $"{guest.Name}/vifs/{vif.Devid}");
                // A script that stands there for its bridge's sake is looked for anew; so is that of a locked vif, which is its bridge's to say.
                var isLocked = vif.Locking == VifLocking.Locked;
                if (vif.ScriptFollows || isLocked)
                    settings = settings with { Script = null };
                if (settings is { Bridge: { } bridge } && moves.ContainsKey(NameOf(bridge)))
                    settings = settings with { Bridge = Moved(bridge, moves[NameOf(bridge)], kept) };
                else if (settings is { Bridge: { } named } && EffectiveVif.IsDom0(settings.Backend) && !StaysOn(named, kept))
                    stranded.Add($"{target} bridge={named}");
                if (settings.Script is { } own && own[(own.LastIndexOf('/') + 1)..] is var ownName && ownName is "vif-bridge" or "vif-openvswitch" or "vif-route" && ownName != script
                    && (settings.Bridge is null || networking.Bridge is null || NetNames.BridgeNames(settings.Bridge).Contains(networking.Bridge)))
                    misfits.Add($"{target} script={own}");
                var (ip, subnet) = addressMoves.Move(target, settings, vif.Subnet);
                settings = settings with { Ip = ip };
                var fitting = settings is { Script: null, Bridge: { } joined } && FindName(joined, kept) is { } at ? HostRules.ScriptOf(kept[at]) : script;
                if (isLocked && fitting == "vif-route")
                    locked.Add(target);
                settings = isLocked ? VifLockingRules.Pin(settings with { Script = fitting }, VifDefaults.None) : fitting == script ? settings : settings with { Script = fitting };
                vifs.Add(new WantedVif(vif.Devid, settings, "", InFile: true, AsWritten: !vif.MacWritten, Subnet: subnet)
                {
                    ScriptFollows = fitting != script,
                });
            }

            if (locked.Count > 0 || !vifs.Zip(guest.Vifs).Any(p => p.First.Settings != p.Second.WrittenSettings || p.First.Subnet != p.Second.Subnet))
                continue;
            var document = GuestDocument.Of(guest);
            await guestVifs.SetAsync(write, guest, GuestFile.Parse(XlText.FromBytes(guest.Config)), vifs, ct);
            write.Record(RevisionObjectKind.Guest, guest.Name.Value, "guest.update", guest.Name.Value, document, GuestDocument.Of(guest));
        }

        if (stranded.Count > 0)
        {
            throw new RuleException(RuleKind.Invalid, "networking.vifs-stranded",
                $"These vifs name a bridge, or VLANs of one, that the host would not have: {string.Join("; ", stranded)}. Say with moveVifs where they go, such as {{\"{EffectiveVif.DefaultBridge}\": null}} for the networking's own.",
                new FieldError("/moveVifs", "networking.vifs-stranded", "says nothing of them"))
                .With("vifs", stranded);
        }

        addressMoves.Check();
        if (locked.Count > 0)
        {
            throw new RuleException(RuleKind.Invalid, "vif.locking.script",
                $"These vifs are locked, and Dom0 would route them, where nothing holds them to their addresses: {string.Join("; ", locked)}. Unlock them first.",
                new FieldError("/mode", "vif.locking.script", "has vifs that are locked"))
                .With("vifs", locked);
        }

        if (misfits.Count > 0)
        {
            throw new RuleException(RuleKind.Invalid, "networking.script-misfit",
                $"These vifs name a script that does not work in mode {Kebab.Name(networking.Mode)}: {string.Join("; ", misfits)}. Take it off, so that the host's default, {script}, holds.",
                new FieldError("/mode", "networking.script-misfit", $"needs {script}"))
                .With("vifs", misfits);
        }
    }

    /// <summary>Whether the bridge is there, and still one that knows of VLANs where the vif names some.</summary>
    private static bool StaysOn(string named, Dictionary<string, BridgeKind> kept) =>
        FindName(named, kept) is { } bridge && (bridge == named || kept[bridge] == BridgeKind.OpenVSwitch);

    /// <summary>A vif takes its VLANs along to a bridge that knows of them.</summary>
    private static string? Moved(string bridge, string? to, Dictionary<string, BridgeKind> kept) =>
        to is not null && kept[to] == BridgeKind.OpenVSwitch && !kept.ContainsKey(bridge) && OvsBridgeText.Parse(bridge) is { HasVlans: true } vlans
            ? (vlans with { Bridge = to }).ToString()
            : to;

    private static string? FindName(string named, Dictionary<string, BridgeKind> bridges) => NetNames.BridgeNames(named).FirstOrDefault(bridges.ContainsKey);

    private static string NameOf(string bridge) => NetNames.BridgeNames(bridge).Last();
}

/// <summary>What a host has, and runs by, before its networking is changed.</summary>
internal sealed record NetworkingSeen(NetworkSight Sight, HostInspection Inspection, NetworkFacts Facts, VifDefaults Defaults);

/// <summary>A host's networking that has been given to it, and whose consequences are still to be drawn.</summary>
/// <param name="Present">What it had.</param>
/// <param name="Before">The host as it was.</param>
internal sealed record NetworkingChange(
    HostWrite Write, NetworkingSeen Seen, NetworkingRequest Put, HostNetworking? Present, HostNetworking Networking, string Before, IReadOnlyList<Subnet> SubnetsBefore);

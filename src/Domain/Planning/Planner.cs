using System.Globalization;
using Xlnet.Domain.Common;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Xl;

namespace Xlnet.Domain.Planning;

/// <summary>The ordered difference between what a host is to be and what it is. Pure: the same two give the same plan.</summary>
public static class Planner
{
    /// <summary>
    /// Order: xl.conf and new bridges, then uplinks that are taken off, then those that are added or moved, then guest files and the
    /// rules that hold guests to their addresses, as far as they do not go, then what is unplugged, then guests that are stopped, then what is plugged, then guests
    /// that are created, and last what goes away for good.
    /// So nothing is plugged into a bridge that is not there yet, and a vifname or an address that moves from one vif to another is free
    /// when it arrives. At every point in between, a guest that no step names has its vifs, up, on the bridges that they were on.
    /// </summary>
    public static Plan Plan(DesiredState desired, HostObservation observed, PlanRequest request)
    {
        var draft = new Draft(request.Allow);
        IReadOnlyList<DesiredGuest> guests = [.. desired.Guests.Where(g => request.IncludesGuest(g.Name) || TargetsAVifOf(g, observed.FindDomain(g.Name), request))];

        if (request.IncludesXlConf)
            WriteFile(draft, Host.XlConfPath, desired.ResolveXlConf(observed.Files[Host.XlConfPath]), observed);
        var defaults = DefaultsInForce(desired, observed, request);
        if (request.IncludesNetworking)
            PlanNetworking(draft, desired, observed, request);

        PlanBridges(draft, desired, observed, request, BridgesOf(guests, defaults, request));
        PlanPorts(draft, desired, observed, request);
        foreach (var guest in guests)
            WriteFile(draft, guest.Path, guest.Config, observed);
        var unlocking = request.IncludesLocking && LockingStep(LockingFiles.Render(desired.LockedVifs), observed) is { } locking ? AddLocking(draft, locking, observed) : null;

        var bridges = observed.Bridges.Select(b => b.Name).Union(draft.Steps.OfType<CreateBridgeStep>().Select(s => s.Name)).ToHashSet();
        foreach (var step in draft.Steps.OfType<SwitchNetworkingStep>())
        {
            bridges.ExceptWith(step.Bridges);
            bridges.UnionWith(new[] { step.To.Networking?.Bridge }.OfType<string>());
        }

        var changes = guests.Select(g => new GuestChange(g.KnownTo(observed.XenVersion), observed.FindDomain(g.Name), defaults, bridges, draft, request)).ToList();
        var removals = Removals(desired, observed, request);
        HoldTakenNames(changes, [.. removals.Where(r => r.Stop is not null && draft.Allows(r.Stop)).Select(r => r.Domain!)], observed);

        foreach (var change in changes)
            change.Unplug();
        foreach (var change in changes)
            change.Stop();
        foreach (var removal in removals.Where(r => r.Stop is not null && HoldsAWantedName(r.Domain!, guests)))
            draft.Add(removal.Stop!);
        foreach (var change in changes)
            change.Plug();
        foreach (var change in changes)
            change.Create();

        // A guest that goes for good is stopped as late as can be: what fails before that need not create it again.
        foreach (var removal in removals.Where(r => r.Stop is not null && !HoldsAWantedName(r.Domain!, guests)))
            draft.Add(removal.Stop!);
        foreach (var removal in removals)
        {
            if (removal.Stop is null || draft.Steps.Contains(removal.Stop))
                draft.Add(removal.Delete);
            else
                draft.Hold(removal.Delete, $"{removal.Domain!.Name} still runs from it");
        }

        if (unlocking is not null)
            AddUnlocking(draft, unlocking, observed);
        RemoveBridges(draft, desired, observed, defaults, request);
        return draft.ToPlan(desired.Revision);
    }

    /// <summary>
    /// The way back to a checkpoint, as far as <paramref name="touched"/> goes: what others did to the host in the meantime stays.
    /// It is never asked what it may do, since everything in it undoes what was done. A vif that was broken before (on no bridge) is
    /// put back as it was meant to be.
    /// </summary>
    /// <param name="touched">The targets of the steps that had begun.</param>
    /// <param name="recreated">The guests that the way back has created already: they have other domids than before.</param>
    public static Plan PlanRollback(
        Checkpoint checkpoint, HostObservation observed, IReadOnlySet<string> touched, TimeSpan shutdownTimeout, IReadOnlySet<string>? recreated = null)
    {
        var draft = new Draft(Enum.GetValues<Impact>());
        foreach (var bridge in checkpoint.Bridges.Where(b => touched.Contains($"bridges/{b.Name}")))
            PlanBridge(draft, bridge, observed);
        if (touched.Contains(SwitchNetworkingStep.TargetName))
            RollBackNetworking(draft, checkpoint, observed);
        RollBackPorts(draft, checkpoint, observed, touched);

        var replaced = ReplacedDomains(checkpoint, observed, touched, recreated);
        // A guest that ran without a file here can only come back from the one that xlnet wrote: that goes last.
        bool IsNeeded(string path) => checkpoint.Files[path] is null && replaced.Any(r => r is { Before: not null } && checkpoint.PathOf(r.Name) == path);
        foreach (var (path, content) in checkpoint.Files.Where(f => touched.Contains(f.Key) && !IsNeeded(f.Key)))
            WriteFile(draft, path, content, observed);
        var unlocking = touched.Contains(SetLockingStep.TargetName)
            && LockingStep(LockingFiles.Owned.ToDictionary(p => p, p => checkpoint.Files.GetValueOrDefault(p)), observed) is { } locking
            ? AddLocking(draft, locking, observed)
            : null;

        var conf = (touched.Contains(Host.XlConfPath) ? checkpoint.Files : observed.Files).GetValueOrDefault(Host.XlConfPath);
        var defaults = XlConf.DefaultsOf(conf);
        List<AttachVifStep> plug = [];
        foreach (var before in checkpoint.Domains)
        {
            // Another domid, and not by us: the guest has rebooted, with the vifs that it had by then.
            if (observed.FindDomain(before.Name) is { } now && (now.Domid == before.Domid || !touched.Contains(before.Name)))
            {
                plug.AddRange(RollBackVifs(draft, before, now, touched).OrderBy(v => v.Devid).Select(v =>
                    new AttachVifStep(before.Name, v.Devid, EffectiveVif.AgainstDefaults(v.Settings, defaults), Impact.VifBlip)));
            }
        }

        foreach (var (name, _, _) in replaced.Where(r => r.Now is not null))
            draft.Add(new StopGuestStep(name, Force: true, shutdownTimeout));
        foreach (var step in plug)
            draft.Add(step);
        foreach (var (name, _, _) in replaced.Where(r => r.Before is not null))
            draft.Add(new CreateGuestStep(name, checkpoint.PathOf(name), Impact.GuestRecreate));

        if (unlocking is not null)
            AddUnlocking(draft, unlocking, observed);
        foreach (var path in checkpoint.Files.Keys.Where(p => touched.Contains(p) && IsNeeded(p)))
            WriteFile(draft, path, null, observed);
        foreach (var bridge in observed.Bridges.Where(b => touched.Contains($"bridges/{b.Name}") && checkpoint.Bridges.All(c => c.Name != b.Name)))
        {
            var step = new DeleteBridgeStep(bridge.Name, bridge.Kind, bridge.Mtu, Impact.None);
            if (OthersVif(bridge) is { } vif)
                draft.Hold(step, $"{vif} was put on it by someone else");
            else
                draft.Add(step);
        }

        string? OthersVif(ObservedBridge bridge) => observed.Domains
            .Where(d => !touched.Contains(d.Name))
            .SelectMany(d => d.Vifs, (d, v) => (Target: string.Create(CultureInfo.InvariantCulture, $"{d.Name}/vifs/{v.Devid}"), Vif: v))
            .Where(v => v.Vif.Bridge == bridge.Name && !touched.Contains(v.Target))
            .Select(v => v.Vif.Dom0Name).FirstOrDefault();

        return draft.ToPlan(revision: 0);
    }

    /// <summary>What the host's own script has not brought back already.</summary>
    private static void RollBackNetworking(Draft draft, Checkpoint checkpoint, HostObservation observed)
    {
        var before = checkpoint.NetworkBefore;
        var now = new NetworkState(checkpoint.Networking!.After, before.Files.Keys.ToDictionary(p => p, p => observed.Files.GetValueOrDefault(p)));
        var step = new SwitchNetworkingStep(now, before, checkpoint.Operation, Impact.ManagementPath);
        if (step.ChangedFiles.Any())
            draft.Add(step);
    }

    /// <summary>A port whose place xlnet changed goes back to where it was; one that someone else has put elsewhere since stays there.</summary>
    private static void RollBackPorts(Draft draft, Checkpoint checkpoint, HostObservation observed, IReadOnlySet<string> touched)
    {
        List<PlanStep> add = [];
        foreach (var port in PlanStep.PortsOf(touched))
        {
            var before = checkpoint.Bridges.FirstOrDefault(b => b.Ports?.Contains(port) == true);
            var now = observed.FindBridgeOf(port);
            if (before?.Name == now?.Name || now is not null && !touched.Contains(PlanStep.PortTarget(now.Name, port)))
                continue;
            if (before is null)
                draft.Add(new RemoveBridgePortStep(now!.Name, now.Kind, port, PortImpact(observed, port, now.Name)));
            else
                add.Add(AddPort(observed, before, port, now));
        }

        foreach (var step in add)
            draft.Add(step);
    }

    /// <summary>A guest that still runs as it did gets its old vifs back; those to plug are returned.</summary>
    private static List<CheckpointVif> RollBackVifs(Draft draft, CheckpointDomain before, ObservedDomain now, IReadOnlySet<string> touched)
    {
        bool Touched(int devid) => touched.Contains(string.Create(CultureInfo.InvariantCulture, $"{before.Name}/vifs/{devid}"));

        List<CheckpointVif> plug = [.. before.Vifs.Where(v => Touched(v.Devid) && now.FindVif(v.Devid) is null)];
        foreach (var live in now.Vifs.Where(v => Touched(v.Devid)))
        {
            var vif = before.Vifs.FirstOrDefault(v => v.Devid == live.Devid);
            if (vif is not null && IsAsBefore(vif, live))
                continue;
            draft.Add(new DetachVifStep(before.Name, live.Devid, live.Mac));
            if (vif is not null)
                plug.Add(vif);
        }

        return plug;
    }

    private static bool IsAsBefore(CheckpointVif before, ObservedVif now)
    {
        if (!EffectiveVif.SameRecord(before.Settings, now.Settings with { Mac = now.Mac }))
            return false;
        var vif = EffectiveVif.Resolve(before.Settings, GuestType.Pv, VifDefaults.None);
        return !vif.IsOfDom0
            || (vif.IsBridged ? before.Bridge is null || before.Bridge == now.Bridge && now.LinkUp : !vif.IsOfKnownScript || now.LinkUp);
    }

    /// <summary>The guests that were stopped or created, and are not as they were: one that was created is ended, one that was ended is created.</summary>
    private static List<(string Name, CheckpointDomain? Before, ObservedDomain? Now)> ReplacedDomains(
        Checkpoint checkpoint, HostObservation observed, IReadOnlySet<string> touched, IReadOnlySet<string>? recreated) =>
    [
        .. checkpoint.Domains.Select(d => d.Name).Union(observed.Domains.Select(d => d.Name))
            .Where(touched.Contains)
            .Order(StringComparer.Ordinal)
            .Select(name => (Name: name, Before: checkpoint.Domains.FirstOrDefault(d => d.Name == name), Now: observed.FindDomain(name)))
            .Where(d => d.Before?.Domid != d.Now?.Domid && !(d.Now is not null && recreated?.Contains(d.Name) == true)),
    ];

    private static bool TargetsAVifOf(DesiredGuest guest, ObservedDomain? domain, PlanRequest request) =>
        request.Targets is not null
        && guest.Vifs.Select(v => v.Devid).Concat(domain?.Vifs.Select(v => v.Devid) ?? []).Any(devid => request.IncludesVif(guest.Name, devid));

    /// <summary>A plan that leaves xl.conf alone goes by the defaults that the host has.</summary>
    private static VifDefaults DefaultsInForce(DesiredState desired, HostObservation observed, PlanRequest request)
    {
        var observedConf = observed.Files[Host.XlConfPath];
        var conf = request.IncludesXlConf ? desired.ResolveXlConf(observedConf) : observedConf;
        return XlConf.DefaultsOf(conf);
    }

    private static HashSet<string> BridgesOf(IReadOnlyList<DesiredGuest> guests, VifDefaults defaults, PlanRequest request) =>
        [.. guests.SelectMany(g => g.Vifs.Where(v => request.IncludesVif(g.Name, v.Devid)).Select(v => EffectiveVif.Resolve(v.Settings, g.Type, defaults))).Where(e => e.IsBridged).Select(e => e.BridgeName)];

    private static void PlanNetworking(Draft draft, DesiredState desired, HostObservation observed, PlanRequest request)
    {
        if (NetworkingStep(desired, observed, request.Operation) is not { } step)
            return;
        if (step.To.Networking is { } wanted && observed.FindInterface(wanted.Uplink) is null)
            draft.Hold(step, $"the host has no interface {wanted.Uplink}");
        else
            draft.Add(step);
    }

    /// <summary>What Dom0's own network differs in from what is wanted; null where in nothing.</summary>
    internal static SwitchNetworkingStep? NetworkingStep(DesiredState desired, HostObservation observed, Guid operation)
    {
        if (desired.Networking is not { } networking)
            return null;
        var step = new SwitchNetworkingStep(networking.From(observed), networking.To(observed), operation, Impact.None);
        var wanted = networking.Wanted;
        var isThere = wanted is not { Bridge: { } bridge } || wanted.Backend == NetworkBackend.Unmanaged || IsAsWanted(observed.FindBridge(bridge), wanted);
        if (isThere && !step.ChangedFiles.Any())
            return null;
        if (!isThere)
            step = step with { From = step.From with { Broken = [wanted!.Bridge!] } };
        // What only reads a list again, such as that of the leases, cuts nobody.
        return isThere && step.ChangedFiles.All(p => p == NetworkFiles.DnsmasqHosts)
            ? step
            : step with { Impact = Impact.ManagementPath, Vifs = VifsOn(observed, step) };
    }

    /// <summary>What the rules that hold guests to their addresses differ in from what is wanted; null where in nothing.</summary>
    internal static SetLockingStep? LockingStep(IReadOnlyDictionary<string, byte[]?> wanted, HostObservation observed)
    {
        var step = new SetLockingStep(LockingFiles.Owned.ToDictionary(p => p, p => observed.Files.GetValueOrDefault(p)), wanted);
        var isInForce = wanted[LockingFiles.Rules] is not { } rules || LockingFiles.ChainOf(rules) is null || observed.LockingInForce;
        return step.ChangedFiles.Any() || !isInForce ? step : null;
    }

    /// <summary>xl runs a vif's script once more when it is unplugged: so that of a locked one stays until then.</summary>
    /// <returns>What is left for then.</returns>
    private static SetLockingStep? AddLocking(Draft draft, SetLockingStep step, HostObservation observed)
    {
        if (step.To[LockingFlows.ScriptPath] is not null || !VifsOfOurScript(observed).Any())
        {
            draft.Add(step);
            return null;
        }

        var kept = step.To.ToDictionary(f => f.Key, f => LockingFlows.Owned.Contains(f.Key) ? step.From[f.Key] : f.Value);
        if (LockingStep(kept, observed) is { } first)
            draft.Add(first);
        return step with { From = kept };
    }

    private static void AddUnlocking(Draft draft, SetLockingStep step, HostObservation observed)
    {
        var stopped = draft.Steps.OfType<StopGuestStep>().Select(s => s.Guest).ToHashSet();
        var detached = draft.Steps.OfType<DetachVifStep>().Select(s => (s.Guest, s.Devid)).ToHashSet();
        if (VifsOfOurScript(observed).FirstOrDefault(v => !stopped.Contains(v.Guest) && !detached.Contains((v.Guest, v.Vif.Devid))) is { Vif: not null } stays)
            draft.Hold(step, $"{stays.Guest} runs with {stays.Vif.Dom0Name}, which was plugged by {LockingFlows.ScriptName}");
        else
            draft.Add(step);
    }

    private static IEnumerable<(string Guest, ObservedVif Vif)> VifsOfOurScript(HostObservation observed) => observed.Domains
        .SelectMany(d => d.Vifs, (d, v) => (d.Name, v)).Where(v => EffectiveVif.Bare(v.v.Settings.Script) == LockingFlows.ScriptName);

    private static List<string> VifsOn(HostObservation observed, SwitchNetworkingStep step)
    {
        var uplinks = new[] { step.From.Networking?.Uplink, step.To.Networking?.Uplink }.OfType<string>().ToHashSet();
        var bridges = observed.Bridges.Where(b => step.Bridges.Contains(b.Name) || b.Ports.Any(uplinks.Contains)).Select(b => b.Name).ToHashSet();
        return
        [
            .. observed.Domains.SelectMany(d => d.Vifs, (d, v) => (Domain: d.Name, Vif: v)).Where(v => v.Vif.Bridge is { } bridge && bridges.Contains(bridge))
                .Select(v => string.Create(CultureInfo.InvariantCulture, $"{v.Domain}/vifs/{v.Vif.Devid}")).Order(StringComparer.Ordinal),
        ];
    }

    private static bool IsAsWanted(ObservedBridge? bridge, HostNetworking wanted) =>
        bridge is not null
        && bridge.Kind == wanted.BridgeKind
        && (wanted.VlanFiltering is null || bridge.VlanFiltering == wanted.VlanFiltering)
        && bridge.Ports.Contains(wanted.Uplink) == wanted.IsSwitched;

    private static void PlanBridges(Draft draft, DesiredState desired, HostObservation observed, PlanRequest request, HashSet<string> needed)
    {
        foreach (var bridge in desired.OwnBridges.Where(b => request.IncludesBridge(b.Name)
            || needed.Contains(b.Name) && (request.Targets is null || observed.FindBridge(b.Name) is null)))
            PlanBridge(draft, bridge, observed);
    }

    private static void PlanBridge(Draft draft, DesiredBridge bridge, HostObservation observed)
    {
        var live = observed.FindBridge(bridge.Name);
        if (live is null)
        {
            var step = new CreateBridgeStep(bridge.Name, bridge.Kind, bridge.Mtu, bridge.VlanFiltering);
            if (observed.Interfaces.Any(i => i.Name == bridge.Name))
                draft.Hold(step, $"the host has an interface {bridge.Name} that is no bridge");
            else
                draft.Add(step);
        }
        else if (live.Kind != bridge.Kind)
        {
            draft.Hold(new CreateBridgeStep(bridge.Name, bridge.Kind, bridge.Mtu),
                $"the host has a bridge {bridge.Name} of the other kind, and its guests are on it");
        }
        else
        {
            if (bridge.Mtu is { } mtu && mtu != live.Mtu)
                draft.Add(new SetBridgeMtuStep(bridge.Name, mtu, live.Mtu));
            // Untagged packets pass as before. Our own may be in a VLAN that no port is in yet.
            if (bridge.VlanFiltering is { } filtering && filtering != live.VlanFiltering)
                draft.Add(new SetBridgeVlanFilteringStep(bridge.Name, filtering, observed.Interfaces.Any(i => i.Parent == bridge.Name) ? Impact.ManagementPath : Impact.None));
        }
    }

    /// <summary>
    /// First what is taken off, then what is put on: a bridge that has its old and its new uplink at once may close a loop, and a
    /// bridge without spanning tree then floods both networks. A port that moves is taken from its bridge by the step that puts it on
    /// the other, so that it is on none for as short as can be.
    /// </summary>
    private static void PlanPorts(Draft draft, DesiredState desired, HostObservation observed, PlanRequest request)
    {
        // A bridge that another step waits for, such as one of the other kind, has its ports left alone.
        var bridges = desired.OwnBridges.Where(b => b.Ports is not null && request.IncludesBridge(b.Name)
            && (observed.FindBridge(b.Name)?.Kind == b.Kind || draft.Steps.OfType<CreateBridgeStep>().Any(s => s.Name == b.Name))).ToList();
        var wanted = bridges.SelectMany(b => b.Ports!).ToHashSet();
        foreach (var bridge in bridges)
        {
            if (observed.FindBridge(bridge.Name) is not { } live)
                continue;
            foreach (var port in observed.Uplinks(live).Where(p => !wanted.Contains(p)))
                draft.Add(new RemoveBridgePortStep(bridge.Name, bridge.Kind, port, PortImpact(observed, port, bridge.Name)));
        }

        foreach (var bridge in bridges)
        {
            foreach (var port in bridge.Ports!)
            {
                var now = observed.FindBridgeOf(port);
                if (now?.Name == bridge.Name)
                    continue;
                var step = AddPort(observed, bridge, port, now);
                if (observed.FindInterface(port) is not { } device)
                    draft.Hold(step, $"the host has no interface {port}");
                else if (observed.IsVif(port))
                    draft.Hold(step, $"{port} belongs to a guest");
                else if (device.Kind == "bridge" || observed.FindBridge(port) is not null)
                    draft.Hold(step, $"{port} is a bridge itself");
                else if (now is null && device.Master is { } master)
                    draft.Hold(step, $"{port} is part of {master}");
                else
                    draft.Add(step);
            }
        }
    }

    private static AddBridgePortStep AddPort(HostObservation observed, DesiredBridge bridge, string port, ObservedBridge? now) => new(
        bridge.Name, bridge.Kind, port, now is null ? null : new PortBridge(now.Name, now.Kind),
        PortImpact(observed, port, now is null ? [bridge.Name] : [bridge.Name, now.Name]));

    /// <summary>
    /// Our own connection may come over a port when it or one of its bridges has an address, or something stands on it: a VLAN, a
    /// tunnel. What cannot be seen is taken to matter.
    /// </summary>
    private static Impact PortImpact(HostObservation observed, string port, params IEnumerable<string> bridges)
    {
        var device = observed.FindInterface(port);
        var harmless = device is { HasGlobalAddress: false }
            && observed.Interfaces.All(i => i.Parent != port && !i.Name.StartsWith(port + ".", StringComparison.Ordinal))
            && bridges.All(b => observed.FindInterface(b) is null or { HasGlobalAddress: false })
            && bridges.All(b => observed.Interfaces.All(i => i.Parent != b));
        return harmless ? Impact.None : Impact.ManagementPath;
    }

    /// <summary>A guest file of xlnet's that is no longer wanted, and the domain that runs from it.</summary>
    private sealed record Removal(DeleteFileStep Delete, ObservedDomain? Domain, StopGuestStep? Stop);

    private static List<Removal> Removals(DesiredState desired, HostObservation observed, PlanRequest request)
    {
        var wantedPaths = desired.Guests.Select(g => g.Path).ToHashSet();
        List<Removal> removals = [];
        foreach (var path in desired.WrittenFiles.Where(p => !wantedPaths.Contains(p)).Order(StringComparer.Ordinal))
        {
            if (observed.Files.GetValueOrDefault(path) is not { } content)
                continue;
            var name = GuestPaths.NameOf(path, content);
            if (!request.IsWhole && !(request.Targets is not null && request.IncludesGuest(name)))
                continue;
            // The name in a file may have been changed by hand since; a guest that is wanted runs from another file by now.
            var domain = observed.Domains.FirstOrDefault(d =>
                (d.Name == name || Host.GuestConfigPath(d.Name) == path) && desired.Guests.All(g => g.Name != d.Name));
            removals.Add(new Removal(
                new DeleteFileStep(path, content), domain,
                domain is null ? null : new StopGuestStep(domain.Name, request.Force || IsDead(domain), request.ShutdownTimeout, domain.Domid)));
        }

        return removals;
    }

    private static void RemoveBridges(Draft draft, DesiredState desired, HostObservation observed, VifDefaults defaults, PlanRequest request)
    {
        var stopped = draft.Steps.OfType<StopGuestStep>().Select(s => s.Guest).ToHashSet();
        var detached = draft.Steps.OfType<DetachVifStep>().Select(s => (s.Guest, s.Devid)).ToHashSet();
        var vifs = observed.Domains.SelectMany(d => d.Vifs, (d, v) => (Guest: d.Name, Vif: v)).ToList();
        foreach (var name in desired.MadeBridges.Where(n => request.IncludesBridge(n) && desired.Bridges.All(b => b.Name != n)).Order(StringComparer.Ordinal))
        {
            if (observed.FindBridge(name) is not { } live)
                continue;
            var moved = draft.Steps.OfType<AddBridgePortStep>().Select(s => s.Port).ToHashSet();
            List<string> uplinks = [.. live.Ports.Where(p => !moved.Contains(p) && vifs.All(v => v.Vif.Dom0Name != p))];
            var carriesMore = uplinks.Count > 0
                || observed.Interfaces.Any(i => i.Name == name && i.HasGlobalAddress || i.Parent == name);
            var step = new DeleteBridgeStep(name, live.Kind, live.Mtu, carriesMore ? Impact.ManagementPath : Impact.None, uplinks);
            var stays = vifs.Where(v => v.Vif.Bridge == name && !stopped.Contains(v.Guest) && !detached.Contains((v.Guest, v.Vif.Devid)))
                .Select(v => v.Vif.Dom0Name).FirstOrDefault();
            var user = desired.Guests.Where(g => observed.FindDomain(g.Name) is not null)
                .SelectMany(g => g.Vifs, (g, v) => (g.Name, v.Devid, Vif: EffectiveVif.Resolve(v.Settings, g.Type, defaults)))
                .FirstOrDefault(v => v.Vif is { IsBridged: true, IsOfDom0: true } && v.Vif.BridgeName == name);
            if (stays is not null)
                draft.Hold(step, $"{stays} is still on it");
            else if (user.Vif is not null)
                draft.Hold(step, string.Create(CultureInfo.InvariantCulture, $"vif {user.Devid} of {user.Name} is to be on it"));
            else
                draft.Add(step);
        }
    }

    /// <summary>
    /// A vif whose name another interface has, and keeps, is not plugged, and no guest is created with one: the script would fail,
    /// and its clean-up takes the other interface down.
    /// </summary>
    private static void HoldTakenNames(List<GuestChange> changes, IReadOnlyList<ObservedDomain> ended, HostObservation observed)
    {
        var names = observed.Interfaces.Select(i => i.Name).ToHashSet();
        names.ExceptWith(ended.SelectMany(d => d.Vifs).Select(v => v.Dom0Name));
        bool again;
        do
        {
            var taken = names.Except(changes.SelectMany(c => c.FreedNames)).ToHashSet();
            again = false;
            foreach (var change in changes)
                again |= change.Hold(taken);
        }
        while (again);
    }

    private static bool HoldsAWantedName(ObservedDomain domain, IReadOnlyList<DesiredGuest> guests) =>
        domain.Vifs.Any(v => guests.Any(g => g.Vifs.Any(w => w.Settings.VifName == v.Dom0Name)));

    /// <summary>Nothing runs in it any more, and only on_crash or on_poweroff = "preserve" keeps it.</summary>
    private static bool IsDead(ObservedDomain domain) => domain.State is DomainState.Shutdown or DomainState.Crashed or DomainState.Dying;

    private static void WriteFile(Draft draft, string path, byte[]? content, HostObservation observed)
    {
        var before = observed.Files.GetValueOrDefault(path);
        if (content is null)
        {
            if (before is not null)
                draft.Add(new DeleteFileStep(path, before));
        }
        else if (!FileContents.Same(before, content))
        {
            draft.Add(new WriteFileStep(path, before, content));
        }
    }

    /// <summary>What becomes of a guest's domain: nothing, its vifs changed, stopped, created, or both.</summary>
    private sealed class GuestChange
    {
        private readonly DesiredGuest _guest;
        private readonly ObservedDomain? _domain;
        private readonly Draft _draft;
        private readonly PlanRequest _request;
        private readonly VifDefaults _defaults;

        /// <summary>Vifs to unplug, and to plug, while the guest runs.</summary>
        private readonly List<ObservedVif> _gone = [];
        private readonly List<DesiredVif> _wanted = [];
        private readonly HashSet<int> _replaced = [];
        private readonly List<(DesiredVif Vif, string Reason)> _held = [];

        private readonly bool _asked;
        private readonly bool _stop;
        private readonly bool _create;
        private string? _holdDomain;

        public GuestChange(
            DesiredGuest guest, ObservedDomain? domain, VifDefaults defaults, HashSet<string> bridges, Draft draft, PlanRequest request)
        {
            (_guest, _domain, _draft, _request, _defaults) = (guest, domain, draft, request, defaults);
            var action = request.Guest == guest.Name ? request.Action : GuestAction.Keep;
            var dead = domain is not null && IsDead(domain);
            if (domain is null || action is GuestAction.Stop or GuestAction.Recreate || dead && action == GuestAction.Start)
            {
                // A guest that is stopped or created by this plan gets its vifs from its file.
                _asked = true;
                _stop = domain is not null;
                _create = action is GuestAction.Start or GuestAction.Recreate
                    || action == GuestAction.Keep && domain is null && request.Restart.Contains(guest.Name);
                return;
            }

            foreach (var live in domain.Vifs.Where(v => request.IncludesVif(guest.Name, v.Devid)))
            {
                var wanted = guest.Vifs.FirstOrDefault(v => v.Devid == live.Devid);
                if (wanted is not null && EffectiveVif.Differences(wanted.Settings, defaults, live, guest.Type, bridges).Count == 0)
                    continue;
                _gone.Add(live);
                if (wanted is not null && _replaced.Add(wanted.Devid))
                    _wanted.Add(wanted);
            }

            _wanted.AddRange(guest.Vifs.Where(v => request.IncludesVif(guest.Name, v.Devid) && domain.FindVif(v.Devid) is null));
            _wanted.Sort((a, b) => a.Devid.CompareTo(b.Devid));

            // A hot-plugged vif never has an emulated twin, so one that is to have it needs a create.
            var emulated = _wanted.Where(v => Resolve(v).IsEmulated).ToList();
            _stop = _create = emulated.Count > 0;
            if (dead)
                HoldAll($"the domain of {guest.Name} has ended and is kept as it was: start or recreate the guest");
            else if (_stop && draft.Allows(StopStep))
                Forget();
            else
                emulated.ForEach(Keep);
        }

        /// <summary>The names of Dom0's interfaces that are free once the guest is unplugged or stopped.</summary>
        public IEnumerable<string> FreedNames =>
            _domain is null ? []
            : _stop && _holdDomain is null && (_asked || _draft.Allows(StopStep)) ? _domain.Vifs.Select(v => v.Dom0Name)
            : _draft.Allows(Impact.VifBlip) ? _gone.Select(v => v.Dom0Name)
            : [];

        private StopGuestStep StopStep => new(_guest.Name, _request.Force || _domain is not null && IsDead(_domain), _request.ShutdownTimeout);

        /// <returns>Whether something is held that was not before.</returns>
        public bool Hold(HashSet<string> taken)
        {
            bool IsTaken(DesiredVif vif) => vif.Settings.VifName is { Length: > 0 } name && taken.Contains(name) && Resolve(vif).IsOfDom0;
            static string Reason(DesiredVif vif) => $"the host has another interface {vif.Settings.VifName}";

            if (_create)
            {
                if (_holdDomain is null && _guest.Vifs.FirstOrDefault(IsTaken) is { } vif)
                {
                    _holdDomain = Reason(vif);
                    return true;
                }

                if (_asked)
                    return false;
            }

            var held = _wanted.Where(IsTaken).ToList();
            foreach (var vif in held)
            {
                Keep(vif);
                _held.Add((vif, Reason(vif)));
            }

            return held.Count > 0;
        }

        public void Unplug()
        {
            foreach (var live in _gone)
                _draft.Add(new DetachVifStep(_guest.Name, live.Devid, live.Mac, _domain!.Domid));
        }

        public void Stop()
        {
            if (!_stop)
                return;
            if (_holdDomain is not null)
                _draft.Hold(StopStep, _holdDomain);
            else
                _draft.Add(StopStep, _asked);
        }

        public void Plug()
        {
            foreach (var vif in _wanted)
                _draft.Add(AttachStep(vif));
            foreach (var (vif, reason) in _held)
                _draft.Hold(AttachStep(vif), reason);
        }

        public void Create()
        {
            if (!_create)
                return;
            var step = new CreateGuestStep(_guest.Name, _guest.Path, _domain is null ? Impact.None : Impact.GuestRecreate);
            if (_holdDomain is not null)
                _draft.Hold(step, _holdDomain);
            else if (!_asked && !_draft.Allows(StopStep))
                _draft.Hold(step, "follows the stop");
            else
                _draft.Add(step, asked: true);
        }

        private EffectiveVif Resolve(DesiredVif vif) => EffectiveVif.Resolve(vif.Settings, _guest.Type, _defaults);

        private AttachVifStep AttachStep(DesiredVif vif) =>
            new(_guest.Name, vif.Devid, vif.Settings, _replaced.Contains(vif.Devid) ? Impact.VifBlip : Impact.None, _domain?.Domid);

        /// <summary>Leaves what runs under that devid as it is.</summary>
        private void Keep(DesiredVif vif)
        {
            _wanted.Remove(vif);
            _gone.RemoveAll(v => v.Devid == vif.Devid);
        }

        private void Forget()
        {
            _wanted.Clear();
            _gone.Clear();
        }

        private void HoldAll(string reason)
        {
            foreach (var live in _gone)
                _draft.Hold(new DetachVifStep(_guest.Name, live.Devid, live.Mac, _domain!.Domid), reason);
            _held.AddRange(_wanted.Select(v => (v, reason)));
            Forget();
            if (_stop)
                _holdDomain = reason;
        }
    }

    private sealed class Draft(IReadOnlyCollection<Impact> allow)
    {
        private readonly List<PlanStep> _steps = [];
        private readonly List<PendingStep> _pending = [];

        public IReadOnlyList<PlanStep> Steps => _steps;

        public bool Allows(Impact impact) => impact == Impact.None || allow.Contains(impact);

        public bool Allows(PlanStep step) => Allows(step.Impact);

        /// <summary>Adds a step when its impact is allowed or it is the very thing that was asked for; else it stays pending.</summary>
        public bool Add(PlanStep step, bool asked = false)
        {
            if (asked || Allows(step))
            {
                _steps.Add(step);
                return true;
            }

            Hold(step, $"its impact '{Kebab.Name(step.Impact)}' is not in 'allow'");
            return false;
        }

        public void Hold(PlanStep step, string reason) => _pending.Add(new PendingStep(step, reason));

        public Plan ToPlan(long revision)
        {
            var number = 0;
            return new Plan(
                revision,
                [.. _steps.Select(s => s with { Id = Id(++number, s) })],
                [.. _pending.Select(p => p with { Step = p.Step with { Id = Id(++number, p.Step) } })]);
        }

        private static string Id(int number, PlanStep step) => string.Create(CultureInfo.InvariantCulture, $"{number}-{step.Action}");
    }
}

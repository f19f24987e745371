using System.Globalization;
using Xlnet.Domain.Common;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Xl;

namespace Xlnet.Domain.Planning;

/// <summary>The ordered difference between what a host is to be and what it is. Pure: the same two give the same plan.</summary>
public static class Planner
{
    /// <summary>
    /// Order: xl.conf and new bridges, then guest files, then what is unplugged, then what is plugged, then guests stopped and
    /// created, and last what goes away. So nothing is plugged into a bridge that is not there yet, and a vifname or an address
    /// that moves from one vif to another is free when it arrives.
    /// </summary>
    public static Plan Plan(DesiredState desired, HostObservation observed, PlanRequest request)
    {
        var draft = new Draft(request.Allow);
        var guests = request.Guest is null ? desired.Guests : [.. desired.Guests.Where(g => g.Name == request.Guest)];

        if (request.Guest is null)
            WriteFile(draft, Host.XlConfPath, desired.ResolveXlConf(observed.Files[Host.XlConfPath]), observed);
        var defaults = DefaultsInForce(desired, observed, request);

        PlanBridges(draft, desired, observed, request.Guest is null ? null : BridgesOf(guests, defaults));
        foreach (var guest in guests)
            WriteFile(draft, guest.Path, guest.Config, observed);

        var changes = guests
            .Select(g => (Guest: g, Domain: observed.FindDomain(g.Name)))
            .Where(c => c.Domain is not null)
            .Select(c => new GuestChange(c.Guest, c.Domain!, defaults))
            .ToList();
        foreach (var change in changes)
            change.Unplug(draft, request);
        foreach (var change in changes)
            change.Plug(draft, request);
        foreach (var change in changes)
            change.Recreate(draft, request);

        foreach (var guest in guests.Where(g => g.Name == request.Guest && observed.FindDomain(g.Name) is null))
        {
            if (request.Action is GuestAction.Start or GuestAction.Recreate)
                draft.Add(new CreateGuestStep(guest.Name, guest.Path, Impact.None));
        }

        if (request.Guest is null)
            PlanRemovals(draft, desired, observed, request);
        return draft.ToPlan(desired.Revision);
    }

    /// <summary>
    /// The way back to a checkpoint, as far as <paramref name="touched"/> goes: what others did to the host in the meantime stays.
    /// It is never asked what it may do, since everything in it undoes what was done.
    /// </summary>
    /// <param name="touched">The targets of the steps that had begun.</param>
    public static Plan PlanRollback(Checkpoint checkpoint, HostObservation observed, IReadOnlySet<string> touched, TimeSpan shutdownTimeout)
    {
        var draft = new Draft(Enum.GetValues<Impact>());
        foreach (var bridge in checkpoint.Bridges.Where(b => touched.Contains($"bridges/{b.Name}")))
            PlanBridge(draft, bridge, observed);
        foreach (var (path, content) in checkpoint.Files.Where(f => touched.Contains(f.Key)))
            WriteFile(draft, path, content, observed);

        List<(string Guest, CheckpointVif Vif)> plug = [];
        foreach (var before in checkpoint.Domains)
        {
            var now = observed.FindDomain(before.Name);
            if (now?.Domid == before.Domid)
                plug.AddRange(RollBackVifs(draft, before, now, touched).Select(v => (before.Name, v)));
        }

        foreach (var (guest, vif) in plug.OrderBy(p => p.Vif.Devid))
            draft.Add(new AttachVifStep(guest, vif.Devid, vif.Settings, Impact.VifBlip));

        foreach (var path in checkpoint.Files.Keys)
            RollBackDomain(draft, checkpoint, observed, path, touched, shutdownTimeout);
        foreach (var bridge in observed.Bridges.Where(b => touched.Contains($"bridges/{b.Name}") && checkpoint.Bridges.All(c => c.Name != b.Name)))
            draft.Add(new DeleteBridgeStep(bridge.Name, bridge.Kind, bridge.Mtu, Impact.None));
        return draft.ToPlan(revision: 0);
    }

    /// <summary>A guest that still runs under its old domid gets its old vifs back; those to plug are returned.</summary>
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

    /// <summary>A guest that was created is ended; one that was ended, or created anew, is created from the file that was put back.</summary>
    private static void RollBackDomain(
        Draft draft, Checkpoint checkpoint, HostObservation observed, string path, IReadOnlySet<string> touched, TimeSpan shutdownTimeout)
    {
        var before = checkpoint.Domains.FirstOrDefault(d => Host.GuestConfigPath(d.Name) == path);
        var now = observed.Domains.FirstOrDefault(d => Host.GuestConfigPath(d.Name) == path);
        if ((before?.Name ?? now?.Name) is not { } name || !touched.Contains(name) || before?.Domid == now?.Domid)
            return;
        if (now is not null)
            draft.Add(new StopGuestStep(name, Force: true, shutdownTimeout));
        if (before is not null && checkpoint.Files[path] is not null)
            draft.Add(new CreateGuestStep(name, path, Impact.GuestRecreate));
    }

    private static bool IsAsBefore(CheckpointVif before, ObservedVif now) =>
        before.Settings == now.Settings with { Mac = now.Mac } && before.Bridge == now.Bridge;

    /// <summary>A plan for one guest leaves xl.conf alone, so for it the defaults are those that the host has.</summary>
    private static VifDefaults DefaultsInForce(DesiredState desired, HostObservation observed, PlanRequest request)
    {
        var observedConf = observed.Files[Host.XlConfPath];
        var conf = request.Guest is null ? desired.ResolveXlConf(observedConf) : observedConf;
        return conf is null ? VifDefaults.None : XlConf.Parse(XlText.FromBytes(conf)).Defaults;
    }

    private static HashSet<string> BridgesOf(IReadOnlyList<DesiredGuest> guests, VifDefaults defaults) =>
        [.. guests.SelectMany(g => g.Vifs.Select(v => EffectiveVif.Resolve(v.Settings, g.Type, defaults)))
            .Select(e => EffectiveVif.BridgeName(e.Bridge, e.Script))];

    private static void PlanBridges(Draft draft, DesiredState desired, HostObservation observed, HashSet<string>? only)
    {
        foreach (var bridge in desired.Bridges.Where(b => only is null || only.Contains(b.Name)))
            PlanBridge(draft, bridge, observed);
    }

    private static void PlanBridge(Draft draft, DesiredBridge bridge, HostObservation observed)
    {
        var live = observed.FindBridge(bridge.Name);
        if (live is null)
        {
            var step = new CreateBridgeStep(bridge.Name, bridge.Kind, bridge.Mtu);
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
        else if (bridge.Mtu is { } mtu && mtu != live.Mtu)
        {
            draft.Add(new SetBridgeMtuStep(bridge.Name, mtu, live.Mtu));
        }
    }

    private static void PlanRemovals(Draft draft, DesiredState desired, HostObservation observed, PlanRequest request)
    {
        var wantedPaths = desired.Guests.Select(g => g.Path).ToHashSet();
        foreach (var path in desired.WrittenFiles.Where(p => !wantedPaths.Contains(p)).Order(StringComparer.Ordinal))
        {
            if (observed.Files.GetValueOrDefault(path) is not { } content)
                continue;
            var domain = observed.Domains.FirstOrDefault(d => Host.GuestConfigPath(d.Name) == path);
            if (domain is null || draft.Add(new StopGuestStep(domain.Name, request.Force, request.ShutdownTimeout)))
                draft.Add(new DeleteFileStep(path, content));
            else
                draft.Hold(new DeleteFileStep(path, content), $"{domain.Name} still runs from it");
        }

        foreach (var name in desired.MadeBridges.Where(n => desired.Bridges.All(b => b.Name != n)).Order(StringComparer.Ordinal))
        {
            if (observed.FindBridge(name) is not { } live)
                continue;
            var vifs = observed.Domains.SelectMany(d => d.Vifs).Select(v => v.Dom0Name).ToHashSet();
            var carriesMore = live.Ports.Any(p => !vifs.Contains(p))
                || observed.Interfaces.Any(i => i.Name == name && i.Addresses.Any(a => !a.StartsWith("fe80:", StringComparison.Ordinal)));
            draft.Add(new DeleteBridgeStep(name, live.Kind, live.Mtu,
                carriesMore ? Impact.ManagementPath : live.Ports.Count > 0 ? Impact.VifBlip : Impact.None));
        }
    }

    private static void WriteFile(Draft draft, string path, byte[]? content, HostObservation observed)
    {
        var before = observed.Files.GetValueOrDefault(path);
        if (content is null)
        {
            if (before is not null)
                draft.Add(new DeleteFileStep(path, before));
        }
        else if (before is null || !before.AsSpan().SequenceEqual(content))
        {
            draft.Add(new WriteFileStep(path, before, content));
        }
    }

    /// <summary>What differs between a running guest's vifs and those that it is to have.</summary>
    private sealed class GuestChange
    {
        private readonly DesiredGuest _guest;
        private readonly ObservedDomain _domain;
        private readonly List<ObservedVif> _gone = [];
        private readonly List<DesiredVif> _wanted = [];
        private readonly HashSet<int> _plugAfterUnplug = [];
        private readonly bool _emulated;
        private bool _held;

        public GuestChange(DesiredGuest guest, ObservedDomain domain, VifDefaults defaults)
        {
            (_guest, _domain) = (guest, domain);
            foreach (var live in domain.Vifs)
            {
                var wanted = guest.Vifs.FirstOrDefault(v => v.Devid == live.Devid);
                if (wanted is not null && EffectiveVif.Differences(wanted.Settings, defaults, live, guest.Type).Count == 0)
                    continue;
                _gone.Add(live);
                if (wanted is not null)
                {
                    _wanted.Add(wanted);
                    _plugAfterUnplug.Add(wanted.Devid);
                }
            }

            _wanted.AddRange(guest.Vifs.Where(v => domain.FindVif(v.Devid) is null));
            // A hot-plugged vif never has an emulated twin, so one that is to have it needs a create.
            _emulated = _wanted.Any(v => EffectiveVif.Resolve(v.Settings, guest.Type, defaults).IsEmulated);
        }

        public void Unplug(Draft draft, PlanRequest request)
        {
            if (Replaced(request) || _emulated)
                return;
            foreach (var live in _gone)
            {
                if (!draft.Add(new DetachVifStep(_guest.Name, live.Devid, live.Mac)) && _plugAfterUnplug.Remove(live.Devid))
                    _wanted.RemoveAll(v => v.Devid == live.Devid);
            }
        }

        public void Plug(Draft draft, PlanRequest request)
        {
            if (Replaced(request) || _emulated)
                return;
            foreach (var vif in _wanted.OrderBy(v => v.Devid))
            {
                draft.Add(new AttachVifStep(_guest.Name, vif.Devid, vif.Settings,
                    _plugAfterUnplug.Contains(vif.Devid) ? Impact.VifBlip : Impact.None));
            }
        }

        public void Recreate(Draft draft, PlanRequest request)
        {
            var own = request.Guest == _guest.Name ? request.Action : GuestAction.Keep;
            var needed = _emulated && (_gone.Count > 0 || _wanted.Count > 0);
            if (own is GuestAction.Keep or GuestAction.Start && !needed)
                return;
            _held = !draft.Add(new StopGuestStep(_guest.Name, request.Force, request.ShutdownTimeout), asked: own is GuestAction.Stop or GuestAction.Recreate);
            if (own == GuestAction.Stop)
                return;
            var create = new CreateGuestStep(_guest.Name, _guest.Path, Impact.GuestRecreate);
            if (_held)
                draft.Hold(create, "follows the stop");
            else
                draft.Add(create, asked: true);
        }

        /// <summary>A guest that is stopped or made anew by this plan gets its vifs from its file.</summary>
        private bool Replaced(PlanRequest request) =>
            request.Guest == _guest.Name && request.Action is GuestAction.Stop or GuestAction.Recreate;
    }

    private sealed class Draft(IReadOnlyCollection<Impact> allow)
    {
        private readonly List<PlanStep> _steps = [];
        private readonly List<PendingStep> _pending = [];

        /// <summary>Adds a step when its impact is allowed or it is the very thing that was asked for; else it stays pending.</summary>
        public bool Add(PlanStep step, bool asked = false)
        {
            if (asked || step.Impact == Impact.None || allow.Contains(step.Impact))
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

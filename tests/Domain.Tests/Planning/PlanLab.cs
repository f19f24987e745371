using System.Collections.Immutable;
using System.Text;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Xl;

namespace Xlnet.Domain.Tests.Planning;

/// <summary>Desired and observed states in a few words, and plans as lines.</summary>
internal static class PlanLab
{
    public static readonly IReadOnlyList<Impact> Everything = Enum.GetValues<Impact>();

    public static DesiredGuest Guest(string name, params string[] vifs) => Guest(name, GuestType.Pv, vifs);

    public static DesiredGuest Guest(string name, GuestType type, params string[] vifs) => new(
        name, type, Host.GuestConfigPath(name), Encoding.UTF8.GetBytes(File(name, vifs)), [.. vifs.Select((v, i) => new DesiredVif(VifSpec.Read(v).Devid ?? i, VifSpec.Read(v).Settings))]);

    public static string File(string name, params string[] vifs) => $"name = '{name}'\nvif = [{string.Join(", ", vifs.Select(v => $"'{v}'"))}]\n";

    public static DesiredState Desired(params DesiredGuest[] guests) => new() { Revision = 7, Guests = guests };

    /// <param name="on">The bridge that it is a port of; null for none.</param>
    public static ObservedVif Vif(int domid, string spec, string? on = "xenbr0", bool up = true, string? name = null)
    {
        var read = VifSpec.Read(spec);
        var devid = read.Devid ?? 0;
        return new ObservedVif(
            devid, read.Settings.Mac ?? new MacAddress(0x00163e000000UL + (ulong)devid), name ?? read.Settings.VifName ?? $"vif{domid}.{devid}", on,
            XenbusState.Connected, up, read.Settings);
    }

    public static ObservedDomain Dom(int domid, string name, params ObservedVif[] vifs) => new(domid, name, DomainState.Blocked, GuestType.Pv, vifs);

    /// <summary>A host with xenbr0, whose guest files are those of <paramref name="desired"/> unless <paramref name="files"/> says otherwise.</summary>
    public static HostObservation Observed(
        DesiredState desired, IReadOnlyList<ObservedDomain>? domains = null, IReadOnlyList<ObservedBridge>? bridges = null,
        IReadOnlyDictionary<string, string?>? files = null, string? conf = "", IReadOnlyList<string>? interfaces = null)
    {
        var contents = desired.Guests.ToDictionary(g => g.Path, byte[]? (g) => g.Config);
        foreach (var path in desired.WrittenFiles)
            contents.TryAdd(path, null);
        contents[Host.XlConfPath] = conf is null ? null : Encoding.UTF8.GetBytes(conf);
        foreach (var (path, text) in files ?? ImmutableDictionary<string, string?>.Empty)
            contents[path] = text is null ? null : Encoding.UTF8.GetBytes(text);
        bridges ??= [Bridge("xenbr0")];
        var names = bridges.Select(b => b.Name).Concat((domains ?? []).SelectMany(d => d.Vifs).Select(v => v.Dom0Name)).Concat(interfaces ?? []);
        return new HostObservation
        {
            At = DateTimeOffset.UnixEpoch,
            Simulated = true,
            XenVersion = XenVersion.Recorded,
            Domains = domains ?? [],
            Bridges = bridges,
            Interfaces = [.. names.Select((n, i) => new ObservedInterface(i + 1, n, null, null, 1500, true, true, null, []))],
            Files = contents,
            Scripts = ["vif-bridge"],
        };
    }

    public static ObservedBridge Bridge(string name, BridgeKind kind = BridgeKind.Linux, int mtu = 1500, params string[] ports) => new(name, kind, true, mtu, ports);

    /// <summary>The steps as <c>action target impact</c>, then what is pending with its reason.</summary>
    public static string[] Lines(Plan plan) =>
    [
        .. plan.Steps.Select(s => $"{s.Action} {s.Target}{(s.Impact == Impact.None ? "" : " " + Xlnet.Domain.Common.Kebab.Name(s.Impact))}"),
        .. plan.Pending.Select(p => $"pending: {p.Step.Action} {p.Step.Target}: {p.Reason}"),
    ];

    public static string[] Plan(DesiredState desired, HostObservation observed, PlanRequest? request = null) =>
        Lines(Planner.Plan(desired, observed, request ?? new PlanRequest()));
}

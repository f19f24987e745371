using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;
using Xlnet.Hosts.Tests.Contract;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xlnet.Infrastructure.Operations;

namespace Xlnet.Hosts.Tests.Planning;

/// <summary>A simulated host, and random wishes for it and random hands on it: the same seed gives the same of both.</summary>
internal sealed class Lab
{
    public static readonly IReadOnlyList<Impact> Everything = Enum.GetValues<Impact>();

    private static readonly string[] Uplinks = ["eth1", "eth2"];
    private static readonly string[] GuestNames = ["web1", "web2", "db1"];
    private readonly Random _random;
    private readonly InMemoryStateStore _store;
    private readonly HashSet<string> _writtenFiles = [];
    private readonly HashSet<string> _madeBridges = [];
    private long _revision;

    public Lab(int seed)
    {
        _random = new Random(seed);
        var state = FreshDom0.Create((ulong)seed);
        // Uplinks over which nobody reaches the host.
        foreach (var name in Uplinks)
            state.Interfaces.Add(new SimulatedInterface { Index = state.NextInterfaceIndex++, Name = name, Mac = "52:54:00:12:34:5" + name[^1], Up = Chance(50), Carrier = true });
        _store = new InMemoryStateStore(state);
        Shell = new SimulatedShell(_store, new InstantTime());
        Driver = new XlHostDriver(Shell, new InstantTime(), NullLogger<XlHostDriver>.Instance);
    }

    public SimulatedShell Shell { get; }

    public XlHostDriver Driver { get; }

    /// <summary>What was done, for the message of a failure.</summary>
    public StringBuilder Log { get; } = new();

    /// <summary>A lab whose host has a past: wishes that were put into force, guests that were started, and what someone did by hand.</summary>
    public static async Task<(Lab Lab, DesiredState Desired)> WithAPastAsync(int seed)
    {
        var lab = new Lab(seed);
        var past = lab.NextDesired();
        await lab.ApplyAsync(past, new PlanRequest { Allow = Everything });
        foreach (var guest in past.Guests.Where(_ => lab.Chance(80)))
            await lab.ApplyAsync(past, new PlanRequest { Allow = Everything, Guest = guest.Name, Action = GuestAction.Start });
        for (var i = lab.Next(4); i > 0; i--)
            await lab.ByHandAsync();
        return (lab, lab.NextDesired());
    }

    public int Next(int limit) => _random.Next(limit);

    public bool Chance(int percent) => _random.Next(100) < percent;

    public T Pick<T>(params IReadOnlyList<T> items) => items[_random.Next(items.Count)];

    public Task<HostObservation> ObserveAsync(DesiredState desired) => Driver.ObserveAsync(desired.Paths, CancellationToken.None);

    /// <summary>With every guest file of /etc/xen.</summary>
    public async Task<HostObservation> ObserveAllAsync(DesiredState desired)
    {
        var files = await Driver.ListGuestFilesAsync(CancellationToken.None);
        return await Driver.ObserveAsync([.. desired.Paths.Union(files.Select(f => f.Path))], CancellationToken.None);
    }

    public Task ChangeAsync(Action<SimulatedDom0State> change) => _store.UpdateAsync(
        state =>
        {
            change(state);
            return true;
        },
        CancellationToken.None);

    /// <summary>Plans and does it, and keeps account of what xlnet has put there.</summary>
    public async Task<Plan> ApplyAsync(DesiredState desired, PlanRequest request)
    {
        var plan = Planner.Plan(desired, await ObserveAsync(desired), request);
        foreach (var step in plan.Steps)
        {
            var outcome = await ApplyAsync(step);
            if (!outcome.Succeeded)
                throw new InvalidOperationException($"{step.Id} {step.Target}: {outcome.Failure!.Message}\n{Log}");
        }

        return plan;
    }

    public async Task<StepOutcome> ApplyAsync(PlanStep step)
    {
        Log.Append(CultureInfo.InvariantCulture, $"  {step.Id} {step.Target}\n");
        Note(step);
        var outcome = await Driver.ApplyAsync(step, CancellationToken.None);
        if (outcome.Failure is { } failure)
            Log.Append(CultureInfo.InvariantCulture, $"    failed: {failure.Message}\n");
        return outcome;
    }

    /// <summary>Random wishes. Names on Dom0 are unique among them, as the database keeps them.</summary>
    public DesiredState NextDesired()
    {
        var names = new Queue<string>(new[] { "n1", "n2", "n3" }.OrderBy(_ => _random.Next()));
        List<DesiredGuest> guests = [];
        foreach (var name in GuestNames.Where(_ => Chance(75)))
        {
            var type = Chance(25) ? GuestType.Hvm : GuestType.Pv;
            List<DesiredVif> vifs = [];
            foreach (var devid in Enumerable.Range(0, 4).OrderBy(_ => _random.Next()).Take(Next(4)))
                vifs.Add(new DesiredVif(devid, NextSettings(type, names)));
            var text = $"name = '{name}'\ntype = '{(type == GuestType.Hvm ? "hvm" : "pv")}'\nkernel = '/guest/vmlinuz'\nmemory = {Pick(64, 128)}\n"
                + $"vif = [ {string.Join(", ", vifs.Select(v => $"'{VifSpec.Render(v.Settings, v.Devid)}'"))} ]\n";
            guests.Add(new DesiredGuest(name, type, Host.GuestConfigPath(name), Encoding.UTF8.GetBytes(text), vifs));
        }

        List<DesiredBridge> bridges = [new("br1", BridgeKind.Linux, Pick<int?>(null, 1500, 9000))];
        if (Chance(50) || guests.Any(g => g.Vifs.Any(v => v.Settings.Bridge == "br2")))
            bridges.Add(new("br2", BridgeKind.Linux, null, VlanFiltering: Pick<bool?>(null, false, true)));
        if (Chance(50) || guests.Any(g => g.Vifs.Any(v => v.Settings.Script?.EndsWith("openvswitch", StringComparison.Ordinal) == true)))
            bridges.Add(new("ovs1", BridgeKind.OpenVSwitch, Pick<int?>(null, 9000)));
        var plugged = Uplinks.ToLookup(_ => Pick(bridges).Name);
        for (var i = 0; i < bridges.Count; i++)
            bridges[i] = bridges[i] with { Ports = Chance(40) ? null : [.. plugged[bridges[i].Name].Where(_ => Chance(80))] };
        var desired = new DesiredState
        {
            Revision = ++_revision,
            Defaults = Chance(50) ? null : new VifDefaults(Pick(null, "vif-bridge"), Pick(null, "br1", "xenbr0"), null, Pick(null, "xenbr0")),
            Bridges = bridges,
            Guests = guests,
            WrittenFiles = _writtenFiles.ToHashSet(),
            MadeBridges = _madeBridges.ToHashSet(),
        };
        Describe(desired);
        return desired;
    }

    /// <summary>The same wishes, as the database gives them once it has noted what was put on the host.</summary>
    public DesiredState Noted(DesiredState desired) => desired with { WrittenFiles = _writtenFiles.ToHashSet(), MadeBridges = _madeBridges.ToHashSet() };

    private VifSettings NextSettings(GuestType type, Queue<string> names)
    {
        var settings = new VifSettings
        {
            Mac = Chance(70) ? new MacAddress(0x00163e800000UL + (ulong)Next(8)) : null,
            Rate = Pick(null, null, new Rate(10_000_000), new Rate(9_999_000, 7), new Rate(1_000_008, 333)),
            Mtu = Pick<int?>(null, null, 1400),
            Type = type == GuestType.Hvm ? Pick<VifType?>(null, VifType.Vif, VifType.Vif) : null,
            VifName = Chance(30) && names.TryDequeue(out var name) ? name : null,
            Trusted = Pick<bool?>(null, null, false),
        };
        return Next(8) switch
        {
            0 => settings with { Script = Pick("vif-openvswitch", "/etc/xen/scripts/vif-openvswitch"), Bridge = Pick("ovs1", "ovs1.10", "ovs1.10:20:30", "ovs1:20") },
            1 => settings with { Script = "vif-route", GatewayDev = "xenbr0", Ip = "10.0.0.5" },
            2 => settings with { Script = "vif-nat" },
            3 => settings with { Script = Pick("vif-bridge", "/etc/xen/scripts/vif-bridge"), Bridge = "br1" },
            _ => settings with { Bridge = Pick(null, "xenbr0", "br1", "br2") },
        };
    }

    /// <summary>Something that a person at the host may do, well or not.</summary>
    private async Task ByHandAsync()
    {
        var domains = (await Driver.ObserveAsync([], CancellationToken.None)).Domains;
        var domain = domains.Count > 0 ? Pick(domains) : null;
        var id = domain?.Domid.ToString(CultureInfo.InvariantCulture);
        switch (Next(10))
        {
            case 0 when domain?.Vifs.Count > 0:
                await HandAsync("xl", "network-detach", id!, Pick(domain.Vifs).Devid.ToString(CultureInfo.InvariantCulture));
                break;
            case 1 when domain is not null:
                await HandAsync("xl", "network-attach", id!, "bridge=" + Pick("xenbr0", "br1"), "ip=1.1.1.1,2.2.2.2");
                break;
            case 2 when domain is not null:
                // What it fails of is what it leaves behind.
                await HandAsync("xl", "network-attach", id!, "bridge=nobridge", "devid=" + Next(4).ToString(CultureInfo.InvariantCulture));
                break;
            case 3 when domain is not null:
                await HandAsync("xl", "pause", id!);
                break;
            case 4:
                await HandAsync("ip", "link", "delete", "dev", Pick("br1", "br2"), "type", "bridge");
                break;
            case 5:
                await HandAsync("ovs-vsctl", "--if-exists", "del-br", "ovs1");
                break;
            case 6 when domain is not null:
                await HandAsync("xl", "rename", id!, "renamed");
                break;
            case 7:
                await Shell.WriteFileAsync("/etc/xen/web2.cfg", "name = 'web2'\nkernel = '/guest/vmlinuz'\nvif = ['bridge=xenbr0']\n"u8.ToArray(), CancellationToken.None);
                await HandAsync("xl", "create", "/etc/xen/web2.cfg");
                break;
            case 9:
                await HandAsync("ip", "link", "set", "dev", Pick(Uplinks), "master", Pick("br1", "xenbr0"));
                break;
            case 8 when domain is not null:
                await HandAsync("xl", "reboot", id!);
                break;
        }
    }

    private async Task HandAsync(params string[] argv)
    {
        var result = await Shell.RunAsync(argv, TimeSpan.FromMinutes(1), CancellationToken.None);
        Log.Append(CultureInfo.InvariantCulture, $"by hand: {string.Join(' ', argv)} -> {result.ExitStatus}\n");
    }

    private void Note(PlanStep step)
    {
        switch (step)
        {
            case WriteFileStep { Path: not Host.XlConfPath } s: _writtenFiles.Add(s.Path); break;
            case DeleteFileStep s: _writtenFiles.Remove(s.Path); break;
            case CreateBridgeStep s: _madeBridges.Add(s.Name); break;
            case DeleteBridgeStep s: _madeBridges.Remove(s.Name); break;
        }
    }

    private void Describe(DesiredState desired)
    {
        Log.Append(CultureInfo.InvariantCulture, $"desired {desired.Revision}: defaults {desired.Defaults}, bridges {string.Join(' ', desired.Bridges.Select(b => b.Ports is null ? b.Name : $"{b.Name}({string.Join(' ', b.Ports)})"))}\n");
        foreach (var guest in desired.Guests)
            Log.Append(CultureInfo.InvariantCulture, $"  {guest.Name} {guest.Type}: {string.Join(" | ", guest.Vifs.Select(v => VifSpec.Render(v.Settings, v.Devid)))}\n");
    }

    /// <summary>A plan as lines.</summary>
    public static string Show(Plan plan) => string.Join(
        '\n', plan.Steps.Select(s => $"{s.Id} {s.Target} {s.Impact} {StepDiff.Of(s)}")
            .Concat(plan.Pending.Select(p => $"pending {p.Step.Id} {p.Step.Target} {p.Reason}")));
}

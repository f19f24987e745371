using System.Globalization;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Vifs;
using Xlnet.Infrastructure.Hosts.Answers;

namespace Xlnet.Infrastructure.Hosts;

/// <summary>
/// Asks a host and reads the answers. The number of commands does not grow with the number of guests, and those that need not wait for
/// one another are asked at once.
/// </summary>
/// <param name="run">Runs commands that only read, within the time that such a command gets.</param>
internal sealed class HostReader(Func<IReadOnlyList<IReadOnlyList<string>>, CancellationToken, Task<IReadOnlyList<CommandResult>>> run)
{
    private static readonly IReadOnlyList<string> Info = ["xl", "info"];
    private static readonly IReadOnlyList<string> List = ["xl", "list"];
    private static readonly IReadOnlyList<string> Configurations = ["xl", "list", "-l"];

    /// <summary>The domid of a running guest, or null.</summary>
    public async Task<int?> FindDomidAsync(string guest, CancellationToken ct)
    {
        var answer = await AskAsync(["xl", "domid", guest], ct).ConfigureAwait(false);
        if (answer.ExitStatus == 1 && answer.Stderr.Contains("maybe this domain does not exist", StringComparison.Ordinal))
            return null;
        CommandAnswer.Expect(answer);
        return int.TryParse(answer.Stdout.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var domid)
            ? domid
            : throw CommandAnswer.NotUnderstood(answer, "it is no domid");
    }

    public async Task<IReadOnlyList<NetworkRow>> ReadNetworksAsync(IReadOnlyCollection<int> domids, CancellationToken ct)
    {
        if (domids.Count == 0)
            return [];
        string[] argv = ["xl", "network-list", .. domids.Select(Text)];
        return XlAnswers.ReadNetworks(await ExpectAsync(argv, ct).ConfigureAwait(false));
    }

    public async Task<IReadOnlyList<ObservedInterface>> ReadInterfacesAsync(CancellationToken ct) =>
        IpAnswers.Read(await ExpectAsync(IpAnswers.Command, ct).ConfigureAwait(false));

    /// <summary>The bridges of Open vSwitch; none on a host where it is not installed or does not run.</summary>
    public async Task<IReadOnlyList<OvsBridge>> ReadOvsAsync(CancellationToken ct) => Ovs(await AskAsync(OvsAnswers.Command, ct).ConfigureAwait(false));

    private static IReadOnlyList<OvsBridge> Ovs(CommandResult answer)
    {
        var absent = answer.ExitStatus == CommandResult.NotFound
            || answer.Stderr.Contains("database connection failed", StringComparison.Ordinal);
        return absent ? [] : OvsAnswers.Read(CommandAnswer.Expect(answer));
    }

    /// <returns>What ovs-vsctl said, where Open vSwitch is not there or does not run; else null.</returns>
    public async Task<string?> FindNoOvsAsync(CancellationToken ct) =>
        await AskAsync(OvsAnswers.Command, ct).ConfigureAwait(false) is { Succeeded: false } answer ? CommandAnswer.Excerpt(answer.Stderr) : null;

    /// <summary>The SHA-256 of each file by its path; a file that went in between, or a host without the tool, leaves it out.</summary>
    public async Task<IReadOnlyDictionary<string, string>> ReadHashesAsync(IReadOnlyCollection<string> paths, CancellationToken ct) =>
        paths.Count == 0
            ? new Dictionary<string, string>()
            : SystemAnswers.ReadHashes(await AskAsync([.. SystemAnswers.HashCommand, .. paths], ct).ConfigureAwait(false));

    /// <summary>Three commands. A tool that the host lacks is an answer, not an error.</summary>
    public async Task<ObservedForwarding> ReadForwardingAsync(CancellationToken ct)
    {
        var answers = await run([SystemAnswers.SysctlCommand, SystemAnswers.IptablesCommand, SystemAnswers.NftCommand], ct).ConfigureAwait(false);
        return SystemAnswers.ReadForwarding(answers[0], answers[1], answers[2]);
    }

    /// <summary>What comes and goes.</summary>
    /// <param name="at">The time that it is to bear.</param>
    public async Task<HostSnapshot> LookAsync(DateTimeOffset at, CancellationToken ct) =>
        await LookAsync(at, await run([Configurations, List, IpAnswers.Command, OvsAnswers.Command], ct).ConfigureAwait(false), ct).ConfigureAwait(false);

    /// <summary>The same, and the Xen that the host has.</summary>
    public async Task<(HostSnapshot Seen, Domain.Hosts.XenVersion Version)> LookWithVersionAsync(DateTimeOffset at, CancellationToken ct)
    {
        var answers = await run([Configurations, List, IpAnswers.Command, OvsAnswers.Command, Info], ct).ConfigureAwait(false);
        var version = XlAnswers.ReadVersion(CommandAnswer.Expect(answers[4]));
        return (await LookAsync(at, answers, ct).ConfigureAwait(false), version);
    }

    private async Task<HostSnapshot> LookAsync(DateTimeOffset at, IReadOnlyList<CommandResult> answers, CancellationToken ct)
    {
        var configurations = XlAnswers.ReadConfigurations(CommandAnswer.Expect(answers[0]));
        var rows = XlAnswers.ReadDomains(CommandAnswer.Expect(answers[1]));
        var interfaces = IpAnswers.Read(CommandAnswer.Expect(answers[2]));
        var ovs = Ovs(answers[3]);
        var networks = await ReadNetworksAsync([.. rows.Select(r => r.Domid)], ct).ConfigureAwait(false);
        return new HostSnapshot(at, Domains(configurations, rows, networks, new PortIndex(interfaces, ovs)), Bridges(interfaces, ovs), interfaces);
    }

    private static IReadOnlyList<ObservedDomain> Domains(
        IReadOnlyList<XlDomain> configurations, IReadOnlyList<DomainRow> rows, IReadOnlyList<NetworkRow> networkRows, PortIndex ports)
    {
        var networks = networkRows.ToLookup(n => n.Domid);
        var byDomid = configurations.ToDictionary(c => c.Domid);
        return
        [
            .. rows.OrderBy(r => r.Domid).Select(row =>
            {
                // A domain that came between the two commands, or whose stored configuration is gone, is known by its row alone.
                var config = byDomid.GetValueOrDefault(row.Domid)?.Config;
                return new ObservedDomain(
                    row.Domid,
                    row.Name,
                    row.State,
                    config?.CreateInfo?.GuestType ?? GuestType.Pv,
                    Vifs(networks[row.Domid], config, ports));
            }),
        ];
    }

    /// <summary>The vifs of one domain.</summary>
    public async Task<IReadOnlyList<ObservedVif>> ReadVifsAsync(int domid, CancellationToken ct)
    {
        var networks = await ReadNetworksAsync([domid], ct).ConfigureAwait(false);
        if (networks.Count == 0)
            return [];
        var configurations = XlAnswers.ReadConfigurations(await ExpectAsync(["xl", "list", "-l", Text(domid)], ct).ConfigureAwait(false));
        var ports = new PortIndex(await ReadInterfacesAsync(ct).ConfigureAwait(false), []);
        return Vifs(networks, configurations.FirstOrDefault(c => c.Domid == domid)?.Config, ports);
    }

    /// <summary>Linux bridges by their kind, those of Open vSwitch by its own word.</summary>
    public static IReadOnlyList<ObservedBridge> Bridges(IReadOnlyList<ObservedInterface> interfaces, IReadOnlyList<OvsBridge> ovs)
    {
        var ports = interfaces.ToLookup(i => i.Master, i => i.Name);
        var linux = interfaces
            .Where(i => i.Kind == "bridge")
            .Select(i => new ObservedBridge(i.Name, BridgeKind.Linux, i.Up, i.Mtu, [.. ports[i.Name]], i.Bridge?.Stp, i.Bridge?.ForwardDelay, i.Bridge?.VlanFiltering));
        return
        [
            .. linux,
            .. ovs.Select(bridge =>
            {
                var device = interfaces.FirstOrDefault(i => i.Name == bridge.Name);
                return new ObservedBridge(bridge.Name, BridgeKind.OpenVSwitch, device?.Up ?? false, device?.Mtu ?? DefaultMtu, bridge.Ports);
            }),
        ];
    }

    private const int DefaultMtu = 1500;

    private static List<ObservedVif> Vifs(IEnumerable<NetworkRow> rows, XlDomainConfig? config, PortIndex ports)
    {
        var settings = new Dictionary<int, VifSettings>();
        foreach (var nic in config?.Nics ?? [])
        {
            if (NicSettings.Devid(nic) is { } devid)
                settings[devid] = NicSettings.Read(nic);
        }

        return [.. rows.OrderBy(r => r.Devid).Select(row => ports.Vif(row, settings.GetValueOrDefault(row.Devid, VifSettings.Empty)))];
    }

    private async Task<CommandResult> AskAsync(IReadOnlyList<string> argv, CancellationToken ct) => (await run([argv], ct).ConfigureAwait(false))[0];

    private async Task<CommandResult> ExpectAsync(IReadOnlyList<string> argv, CancellationToken ct) =>
        CommandAnswer.Expect(await AskAsync(argv, ct).ConfigureAwait(false));

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    /// <summary>Dom0's interfaces by name, and the Open vSwitch bridge of each port.</summary>
    private sealed class PortIndex
    {
        private readonly Dictionary<string, ObservedInterface> _interfaces;
        private readonly Dictionary<string, string> _ovsPorts;
        private readonly HashSet<string> _linuxBridges;

        public PortIndex(IReadOnlyList<ObservedInterface> interfaces, IReadOnlyList<OvsBridge> ovs)
        {
            _interfaces = interfaces.ToDictionary(i => i.Name, StringComparer.Ordinal);
            _ovsPorts = ovs.SelectMany(b => b.Ports.Select(p => (Port: p, b.Name))).ToDictionary(p => p.Port, p => p.Name, StringComparer.Ordinal);
            _linuxBridges = [.. interfaces.Where(i => i.Kind == "bridge").Select(i => i.Name)];
        }

        public ObservedVif Vif(NetworkRow row, VifSettings settings)
        {
            // The script renames the interface to vifname; where that failed it still has the name that it was made with, and
            // an interface called vifname is someone else's.
            var made = string.Create(CultureInfo.InvariantCulture, $"vif{row.Domid}.{row.Devid}");
            var name = settings.VifName is { Length: > 0 } vifName && !_interfaces.ContainsKey(made) ? vifName : made;
            var device = _interfaces.GetValueOrDefault(name);
            return new ObservedVif(row.Devid, row.Mac, name, Bridge(name, device), row.State, device?.Up ?? false, settings, device?.Statistics);
        }

        private string? Bridge(string name, ObservedInterface? device) =>
            _ovsPorts.TryGetValue(name, out var bridge) ? bridge
            : device?.Master is { } master && _linuxBridges.Contains(master) ? master
            : null;
    }
}

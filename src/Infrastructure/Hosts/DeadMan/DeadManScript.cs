using System.Globalization;
using System.Text;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Common;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Vifs;

namespace Xlnet.Infrastructure.Hosts.DeadMan;

/// <summary>
/// What a host runs to give itself back what it had at a checkpoint, as far as the steps that had begun go: bridges that are gone,
/// ports, MTUs, addresses, routes and files. A POSIX shell script in which each line can be run again, does no harm where there is
/// nothing to do, and fails without keeping the next one from being tried. Every value in it is quoted; the functions are fixed text.
/// </summary>
/// <param name="Files">What it needs beside it, by name.</param>
public sealed record DeadManScript(string Text, IReadOnlyList<(string Name, byte[] Content)> Files)
{
    /// <summary>How the marker is called that a script makes when it begins, and the one when it has ended; the arming's number follows.</summary>
    public const string Began = "began-";
    public const string Ended = "ended-";

    /// <summary>Tells the markers of the script that it runs from its own.</summary>
    private const int SwitchBackNumber = 1000;

    /// <summary>What it does, without the functions that it does it by.</summary>
    public string Commands => Text[(Text.IndexOf(Functions, StringComparison.Ordinal) + Functions.Length)..];

    private const string Functions = ShellText.Head + """
        ovs_port() { ovs-vsctl --timeout=10 --may-exist add-port "$@" || try ovs-vsctl --timeout=10 -- --if-exists del-port "$2" -- add-port "$@"; }
        putback() { cmp -s "$1" "$3" && cp "$2" "$1.xlnet-tmp" && chmod --reference="$1" "$1.xlnet-tmp" && mv "$1.xlnet-tmp" "$1" && say "back: $1"; }
        comeback() { [ ! -e "$1" ] && cp "$2" "$1.xlnet-tmp" && chmod 644 "$1.xlnet-tmp" && mv "$1.xlnet-tmp" "$1" && say "back: $1"; }
        takeaway() { cmp -s "$1" "$2" && rm -f "$1" && say "away: $1"; }

        """;

    /// <summary>How the units begin that switch a host's network for an operation.</summary>
    public static string NetworkingUnit(Guid operation) => $"xlnet-networking-{operation}";

    /// <param name="checkpoint">With its routes.</param>
    /// <param name="touched">The targets of the steps that have begun, and of the one that is about to.</param>
    /// <param name="written">What this run has made of the files that it touched; null where it took one away.</param>
    public static DeadManScript Of(
        Checkpoint checkpoint, IReadOnlySet<string> touched, IReadOnlyDictionary<string, byte[]?> written, Guid operation, int number)
    {
        var text = new StringBuilder("#!/bin/sh\n");
        text.Append(CultureInfo.InvariantCulture, $"# Operation {operation} of xlnet: gives this host back what it had before steps that may have cut the connection to it.\n");
        text.Append(Functions);
        Line("note", Began + Number(number));

        List<(string Name, byte[] Content)> beside = [];
        if (touched.Contains(SwitchNetworkingStep.TargetName))
            SwitchBack();
        var bridges = checkpoint.Bridges.Where(b => touched.Contains($"bridges/{b.Name}")).ToList();
        var ports = PlanStep.PortsOf(touched);
        foreach (var bridge in bridges)
            RestoreBridge(bridge);
        foreach (var port in ports)
            RestorePort(port, checkpoint.Bridges.FirstOrDefault(b => b.Ports?.Contains(port) == true));
        foreach (var bridge in bridges)
            RestoreVifs(bridge);

        var involved = Involved(checkpoint, touched, ports);
        foreach (var device in involved)
        {
            Line("try", "ip", "link", "set", "dev", device.Name, "mtu", Number(device.Mtu));
            if (device.Up)
                Line("try", "ip", "link", "set", "dev", device.Name, "up");
            // The kernel makes link-local ones itself.
            foreach (var address in device.Addresses.Where(a => !a.StartsWith("fe80:", StringComparison.OrdinalIgnoreCase)))
                Line("try", "ip", "addr", "replace", address, "dev", device.Name);
        }

        // A gateway must be reachable before there is a route over it.
        foreach (var route in (checkpoint.Routes ?? []).Where(r => involved.Any(d => d.Name == r.Device)).OrderBy(r => r.Via is null ? 0 : 1))
        {
            Line([
                "try", "ip", "route", "replace", route.Destination, .. Pair("via", route.Via), .. Pair("dev", route.Device), .. Pair("proto", route.Protocol),
                .. Pair("scope", route.Scope), .. Pair("src", route.Source), .. Pair("metric", route.Metric?.ToString(CultureInfo.InvariantCulture)),
            ]);
        }

        RestoreFiles();
        Line("note", Ended + Number(number));
        return new DeadManScript(text.ToString(), beside);

        void Line(params IReadOnlyList<string> words) => text.Append(ShellText.Line(words));

        void RestoreBridge(DesiredBridge bridge)
        {
            if (bridge.Kind == BridgeKind.OpenVSwitch)
                Line("try", "ovs-vsctl", "--timeout=10", "--may-exist", "add-br", bridge.Name);
            else
                Line("try", "ip", "link", "add", "name", bridge.Name, "type", "bridge", "forward_delay", "0", "stp_state", "0");
            if (bridge.VlanFiltering is { } filtering)
                Line("try", "ip", "link", "set", "dev", bridge.Name, "type", "bridge", "vlan_filtering", filtering ? "1" : "0");
            if (bridge is { Kind: BridgeKind.OpenVSwitch, Mtu: { } mtu })
                Line("try", "ovs-vsctl", "--timeout=10", "set", "Interface", bridge.Name, $"mtu_request={Number(mtu)}");
        }

        void RestorePort(string port, DesiredBridge? bridge)
        {
            if (bridge?.Kind != BridgeKind.OpenVSwitch && checkpoint.HasOpenVSwitch)
                Line("try", "ovs-vsctl", "--timeout=10", "--if-exists", "del-port", port);
            if (bridge?.Kind == BridgeKind.Linux)
            {
                Line("try", "ip", "link", "set", "dev", port, "master", bridge.Name);
                return;
            }

            // On Open vSwitch this one fails, as it has to come off a bridge of the kernel only.
            Line("try", "ip", "link", "set", "dev", port, "nomaster");
            if (bridge is not null)
                Line("ovs_port", bridge.Name, port);
        }

        void RestoreVifs(DesiredBridge bridge)
        {
            foreach (var (domid, vif) in checkpoint.Domains.SelectMany(d => d.Vifs, (d, v) => (d.Domid, v)).Where(v => v.v.Bridge == bridge.Name))
            {
                var name = vif.Settings.VifName is { Length: > 0 } given ? given : string.Create(CultureInfo.InvariantCulture, $"vif{domid}.{vif.Devid}");
                if (bridge.Kind == BridgeKind.OpenVSwitch)
                    Line(["ovs_port", bridge.Name, name, .. Vlan(vif.Settings)]);
                else
                    Line("try", "ip", "link", "set", "dev", name, "master", bridge.Name);
            }
        }

        // What is done after it, by the host's present names, mends what ifup leaves out.
        void SwitchBack()
        {
            var planned = checkpoint.Networking!;
            var back = SwitchScript.Of(new NetworkState(planned.After, planned.Files!), checkpoint.NetworkBefore, operation, SwitchBackNumber + number);
            var name = $"switch-back-{Number(number)}.sh";
            beside.Add((name, Encoding.UTF8.GetBytes(back.Text)));
            beside.AddRange(back.Files);
            // One that still waits for a DHCP server, say, must not go on beside the way back.
            Line("try", "systemctl", "stop", $"{NetworkingUnit(operation)}*");
            Line("try", "/bin/sh", $"{DeadManTimer.FolderOf(operation)}/{name}");
        }

        void RestoreFiles()
        {
            foreach (var (path, after) in written.Where(w => touched.Contains(w.Key)).OrderBy(w => w.Key, StringComparer.Ordinal))
            {
                var (i, before) = (Number(beside.Count), checkpoint.Files.GetValueOrDefault(path));
                if (before is not null)
                    beside.Add(($"before-{i}", before));
                if (after is not null)
                    beside.Add(($"after-{i}", after));
                if (before is not null && after is not null)
                    Line("putback", path, $"before-{i}", $"after-{i}");
                else if (before is not null)
                    Line("comeback", path, $"before-{i}");
                else if (after is not null)
                    Line("takeaway", path, $"after-{i}");
            }
        }
    }

    private static List<CheckpointInterface> Involved(Checkpoint checkpoint, IReadOnlySet<string> touched, IReadOnlyList<string> ports)
    {
        var names = touched.Where(t => t.StartsWith("bridges/", StringComparison.Ordinal)).Select(t => t.Split('/')[1])
            .Concat(ports)
            .Concat(checkpoint.Bridges.Where(b => b.Ports?.Intersect(ports).Any() == true).Select(b => b.Name))
            .ToHashSet();
        return [.. checkpoint.Interfaces.Where(i => names.Contains(i.Name))];
    }

    /// <summary>vif-openvswitch reads <c>bridge.tag:trunk:trunk</c>.</summary>
    private static IEnumerable<string> Vlan(VifSettings settings)
    {
        var parts = (settings.Bridge ?? "").Split(':');
        if (parts[0].Split('.') is [_, var tag])
            yield return $"tag={tag}";
        if (parts.Length > 1)
            yield return $"trunks={string.Join(',', parts.Skip(1))}";
    }

    private static string[] Pair(string word, string? value) => value is null ? [] : [word, value];

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}

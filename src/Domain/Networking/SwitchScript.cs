using System.Globalization;
using System.Text;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Common;

namespace Xlnet.Domain.Networking;

/// <summary>One side of a switch.</summary>
/// <param name="Networking">Null for the host's own: what it had before xlnet.</param>
/// <param name="Files">As <see cref="NetworkFiles.Render"/> gives them.</param>
/// <param name="Vifs">
/// The vifs that belong on the bridge on this side, where that is known. Those that a script finds on a bridge which it is about to take
/// down, and that comes again, go back anyway.
/// </param>
/// <param name="Broken">The bridges that are not as the files say, as someone changed them by hand: they are made anew.</param>
public sealed record NetworkState(
    HostNetworking? Networking, IReadOnlyDictionary<string, byte[]?> Files, IReadOnlyList<NetworkVif>? Vifs = null, IReadOnlyList<string>? Broken = null);

/// <param name="Name">On Dom0, such as vif3.0.</param>
/// <param name="Tag">Open vSwitch: its VLAN.</param>
/// <param name="Trunks">Open vSwitch: the VLANs that it carries.</param>
public sealed record NetworkVif(string Name, int? Tag = null, IReadOnlyList<int>? Trunks = null);

/// <summary>
/// What takes a host's networking from one state to another, on the host and by itself, as no connection may outlive it: a POSIX shell
/// script in which each line can be run again, does no harm where there is nothing to do, and fails without keeping the next one from
/// being tried. The way back is the same script with its sides changed, so that a dead-man timer can run it.
/// </summary>
/// <param name="Files">What it needs beside it, by name. The names hold the number, so the scripts of one operation can share a folder.</param>
public sealed record SwitchScript(string Text, IReadOnlyList<(string Name, byte[] Content)> Files)
{
    /// <summary>The markers: made when it begins, when it has ended, and before that when something failed; the number follows.</summary>
    public const string Began = "began-";
    public const string Ended = "ended-";
    public const string Failed = "failed-";

    private const string Functions = ShellText.Head + $$"""
        trap '' HUP
        here() { [ -e "/sys/class/net/$1" ]; }
        put() { cmp -s "$2" "$1" || { (umask 022 && mkdir -p "${1%/*}") && cp "$2" "$1.xlnet-tmp" && { chmod --reference="$1" "$1.xlnet-tmp" 2>/dev/null || chmod 644 "$1.xlnet-tmp"; } && mv "$1.xlnet-tmp" "$1" && say "put: $1"; } || { say "not put: $1"; failed=1; }; }
        away() { [ ! -e "$1" ] || try rm -f "$1"; }
        pending() { ! cmp -s "$2" "$1"; }
        remember() {
            bridge=$1 file=$2; shift 2
            [ ! -e "$file" ] && here "$bridge" || return 0
            { if [ -d "/sys/class/net/$bridge/bridge" ]; then ls "/sys/class/net/$bridge/brif"; else ovs-vsctl --timeout=10 list-ports "$bridge"; fi; } 2>/dev/null | while read -r p; do
                case " $* " in *" $p "*) continue ;; esac
                if [ -d "/sys/class/net/$bridge/bridge" ]; then echo "$p"; continue; fi
                tag=$(ovs-vsctl --timeout=10 get port "$p" tag | tr -d '[] ') trunks=$(ovs-vsctl --timeout=10 get port "$p" trunks | tr -d '[] ')
                echo "$p${tag:+ tag=$tag}${trunks:+ trunks=$trunks}"
            done >"$file.tmp"
            mv "$file.tmp" "$file" && say "on $bridge: $(tr '\n' ';' <"$file")"
        }
        down() { ifdown --force "$1"; say "status $?: ifdown $1"; ! here "$1" || ip addr flush dev "$1"; }
        up() { ifquery --state "$1" >/dev/null 2>&1 && here "$1" && return 0; ! here "$1" || ip addr flush dev "$1" scope global; try ifup "$1"; }
        gone() { [ ! -d "/sys/class/net/$1/bridge" ] || { ip link set dev "$1" down; try ip link delete dev "$1" type bridge; }; }
        gone_ovs() { ! command -v ovs-vsctl >/dev/null || try ovs-vsctl --timeout=10 --if-exists del-br "$1"; }
        plug() { ! here "$2" || { [ "$(readlink "/sys/class/net/$2/master" 2>/dev/null | sed 's,.*/,,')" = "$1" ] || try ip link set dev "$2" master "$1"; }; }
        plug_ovs() { ! here "$2" || { ip link set dev "$2" nomaster 2>/dev/null; [ ! -x {{LockingFlows.ScriptPath}} ] || try {{LockingFlows.ScriptPath}} close "$2"; ovs-vsctl --timeout=10 --may-exist add-port "$@" || try ovs-vsctl --timeout=10 -- --if-exists del-port "$2" -- add-port "$@"; }; }
        opened() { [ ! -x {{LockingFlows.ScriptPath}} ] || try {{LockingFlows.ScriptPath}} open; }
        same_address() { ! here "$1" || ! here "$2" || try ip link set dev "$1" address "$(cat "/sys/class/net/$2/address")"; }
        same_address_ovs() { ! here "$2" || try ovs-vsctl --timeout=10 set bridge "$1" "other-config:hwaddr=$(cat "/sys/class/net/$2/address")"; }
        replug() { [ ! -e "$3" ] || while read -r name vlan; do "$1" "$2" "$name" $vlan; done <"$3"; }
        unset_sysctl() {
            value=$(sed -n "s|^[[:space:]]*$2[[:space:]]*=[[:space:]]*||p" /etc/sysctl.conf /usr/lib/sysctl.d/*.conf /run/sysctl.d/*.conf /etc/sysctl.d/*.conf 2>/dev/null | tail -n 1)
            [ ! -e "/proc/sys/$1" ] || try sysctl -q -w "$2=${value:-0}"
        }
        stop() { [ ! -e "/etc/systemd/system/$1" ] || try systemctl disable --now "$1"; }

        """;

    /// <summary>What it does, without the functions that it does it by.</summary>
    public string Commands => Text[(Text.IndexOf(Functions, StringComparison.Ordinal) + Functions.Length)..];

    /// <param name="operation">For whoever finds the script.</param>
    /// <param name="number">Tells the scripts of one operation apart.</param>
    public static SwitchScript Of(NetworkState from, NetworkState to, Guid operation, int number) => new Writer(from, to, operation, number).Write();

    private sealed class Writer(NetworkState from, NetworkState to, Guid operation, int number)
    {
        private readonly StringBuilder _text = new("#!/bin/sh\n");
        private readonly List<(string Name, byte[] Content)> _beside = [];

        private readonly List<string> _changed =
            [.. from.Files.Keys.Union(to.Files.Keys).Where(p => !FileContents.Same(from.Files.GetValueOrDefault(p), to.Files.GetValueOrDefault(p))).Order(StringComparer.Ordinal)];

        private readonly bool _isNetworkd = new[] { from.Networking, to.Networking }.Any(n => n?.Backend == NetworkBackend.SystemdNetworkd);

        private readonly IfupdownHost _old = IfupdownHost.Of(from.Files);
        private readonly IfupdownHost _new = IfupdownHost.Of(to.Files);

        public SwitchScript Write()
        {
            _text.Append(CultureInfo.InvariantCulture, $"# Operation {operation} of xlnet: takes this host's networking from {Describe(from)} to {Describe(to)}.\n");
            _text.Append(Functions);
            Line("note", Began + Number(number));

            var (oldBridge, newBridge) = (BridgeOf(from, _old, to), BridgeOf(to, _new, from));
            var units = Units();
            var goes = ChangedInterfaces();
            var remembered = oldBridge is { } kept && kept == newBridge;
            if (remembered)
                Line(["remember", oldBridge!.Value.Name, Members(oldBridge.Value.Name), .. DeclaredPorts(oldBridge.Value.Name)]);

            foreach (var unit in units.Where(u => to.Files.GetValueOrDefault(NetworkFiles.Units + u) is null))
                Line("stop", unit);
            TakeDown(goes);
            foreach (var path in _changed)
            {
                if (to.Files.GetValueOrDefault(path) is not null)
                    Line("put", path, Ship(path));
                else
                    Line("away", path);
            }

            var gone = oldBridge == newBridge ? null : oldBridge;
            // ifdown takes a bridge away, unless it was not ifup that made it. networkd never does, and could not make another of its name.
            if (gone is { } other && (other.Kind == BridgeKind.OpenVSwitch || !_isNetworkd))
                RemoveBridge(other);
            Sysctls();
            if (_isNetworkd)
                Networkd(gone, newBridge);
            BringUp(goes);
            if (units.Count > 0)
                Line("try", "systemctl", "daemon-reload");
            foreach (var unit in units.Where(u => to.Files.GetValueOrDefault(NetworkFiles.Units + u) is not null))
            {
                Line("try", "systemctl", "enable", unit);
                // A new lease needs no more than that dnsmasq reads its list again.
                Line("try", "systemctl", _changed is [NetworkFiles.DnsmasqHosts] ? "reload-or-restart" : "restart", unit);
            }

            if (newBridge is { } bridge)
            {
                var plug = bridge.Kind == BridgeKind.OpenVSwitch ? "plug_ovs" : "plug";
                if (remembered)
                    Line("replug", plug, bridge.Name, Members(bridge.Name));
                foreach (var vif in to.Vifs ?? [])
                    Line([plug, bridge.Name, vif.Name, .. bridge.Kind == BridgeKind.OpenVSwitch ? Vlan(vif) : []]);
                // A locked one has no flows there yet, and is down until it has.
                if (bridge.Kind == BridgeKind.OpenVSwitch)
                    Line("opened");
            }

            _text.Append(CultureInfo.InvariantCulture, $"[ -z \"$failed\" ] || note {Failed}{Number(number)}\n");
            Line("note", Ended + Number(number));
            return new SwitchScript(_text.ToString(), _beside);
        }

        // ---- ifupdown ----

        /// <summary>The interfaces whose stanzas differ, and the bridges that such a one is a port of.</summary>
        private List<string> ChangedInterfaces()
        {
            var names = _old.Names.Union(_new.Names).Where(n => Show(_old, n) != Show(_new, n)).ToHashSet();
            names.UnionWith(from.Broken ?? []);
            foreach (var port in names.ToList())
                names.UnionWith(_old.BridgesOver(port).Concat(_new.BridgesOver(port)));
            return [.. names.Order(StringComparer.Ordinal)];

            static string Show(IfupdownHost host, string name) =>
                string.Join('\n', host.Of(name).Select(s => $"{s.Family} {s.Method}\n{string.Join('\n', s.Options.Select(o => $"{o.Name} {o.Value}"))}"));
        }

        private void TakeDown(List<string> names)
        {
            // With the new file in place ifdown has been here before, and what is up now is what is to be.
            var going = names.Where(n => _old.Facts(n) is not null).OrderBy(n => _old.Facts(n)!.IsBridge ? 0 : 1).ToList();
            foreach (var broken in going.Where(n => from.Broken?.Contains(n) == true))
                Line("down", broken);
            if (going.Count == 0)
                return;
            var files = _changed.Where(p => p.StartsWith("/etc/network/", StringComparison.Ordinal))
                .Select(p => to.Files.GetValueOrDefault(p) is null ? ShellText.Line("[ -e", p).TrimEnd() + " ]" : ShellText.Line("pending", p, Ship(p)).TrimEnd()).ToList();
            if (files.Count == 0)
                return;
            _text.Append("if ").AppendJoin(" || ", files).Append("; then\n");
            foreach (var name in going)
                _text.Append("    ").Append(ShellText.Line("down", name));
            _text.Append("fi\n");
        }

        private void BringUp(List<string> names)
        {
            var coming = names.Where(n => _new.Facts(n) is { } facts
                    && (facts.IsBridge || facts.OvsType is null && (_new.IsBroughtUp(n) || facts.Method != AddressingMethod.None || facts.Addresses.Count > 0)))
                .OrderBy(n => _new.Facts(n)!.IsBridge ? 1 : 0);
            foreach (var name in coming)
                Line("up", name);
        }

        // ---- systemd-networkd ----

        private void Networkd((string Name, BridgeKind Kind)? gone, (string Name, BridgeKind Kind)? bridge)
        {
            if (!_changed.Any(p => p.StartsWith("/etc/systemd/network/", StringComparison.Ordinal)) && from.Networking?.Mode == to.Networking?.Mode && from.Networking?.Vlan == to.Networking?.Vlan)
                return;
            var uplinks = new[] { from.Networking?.Uplink, to.Networking?.Uplink }.OfType<string>().Distinct().ToList();
            Line("try", "networkctl", "reload");
            // Before networkd has read that the uplink is to leave it, it would put it on the bridge again.
            if (gone is { Kind: BridgeKind.Linux })
                RemoveBridge(gone.Value);
            if (to.Networking is { Mode: NetworkMode.OpenVSwitch, Bridge: { } ovs } networking)
            {
                Line("try", "ovs-vsctl", "--timeout=10", "--may-exist", "add-br", ovs);
                Line("plug_ovs", ovs, networking.Uplink);
                Line("same_address_ovs", ovs, networking.Uplink);
                Line(["try", "ovs-vsctl", "--timeout=10", .. networking.Vlan is { } vlan ? ["set", "port", ovs, $"tag={Number(vlan)}"] : (string[])["clear", "port", ovs, "tag"]]);
                Line(["try", "ovs-vsctl", "--timeout=10", .. networking.Mtu is { } mtu ? ["set", "interface", ovs, $"mtu_request={Number(mtu)}"] : (string[])["clear", "interface", ovs, "mtu_request"]]);
            }

            // networkd makes no bridge anew that is there, and one of mode nat has another MAC.
            if (to.Networking is { Mode: NetworkMode.Bridged } switched && gone is null && bridge is { Name: var kept } && from.Networking?.Mode == NetworkMode.Nat)
                Line("same_address", kept, switched.Uplink);
            if (bridge is { Kind: BridgeKind.Linux } filtered && (to.Networking?.VlanFiltering ?? (from.Networking?.VlanFiltering is true ? false : null)) is { } filtering)
                Line("try", "ip", "link", "set", "dev", filtered.Name, "type", "bridge", "vlan_filtering", filtering ? "1" : "0");

            // networkd leaves alone what it did not set itself.
            if (from.Networking?.AddressedInterface != to.Networking?.AddressedInterface)
            {
                foreach (var name in uplinks)
                    Line("try", "ip", "addr", "flush", "dev", name, "scope", "global");
            }

            foreach (var name in uplinks.Concat(bridge is { Name: var made } ? [made] : []))
                Line("try", "networkctl", "reconfigure", name);
        }

        private void RemoveBridge((string Name, BridgeKind Kind) bridge) => Line(bridge.Kind == BridgeKind.OpenVSwitch ? "gone_ovs" : "gone", bridge.Name);

        // ---- what both have ----

        private void Sysctls()
        {
            var (before, after) = (Keys(from), Keys(to));
            foreach (var key in before.Except(after))
            {
                // The path below /proc/sys, in which a key's dots and slashes have changed places unless it begins with a slash.
                var path = key.Split('.', 2)[0].Contains('/', StringComparison.Ordinal) ? key : key.Replace('.', '/');
                Line("unset_sysctl", path, key);
            }

            if (after.Count > 0)
                Line("try", "sysctl", "-q", "-p", NetworkFiles.Sysctl);

            static List<string> Keys(NetworkState state) => state.Files.GetValueOrDefault(NetworkFiles.Sysctl) is { } bytes
                ? [.. Encoding.UTF8.GetString(bytes).Split('\n').Where(l => l.Contains('=', StringComparison.Ordinal) && !l.StartsWith('#')).Select(l => l.Split('=')[0].Trim())]
                : [];
        }

        /// <summary>Our units that go, that come, or whose files or bridge change.</summary>
        private List<string> Units()
        {
            (string Unit, string[] Files)[] all =
                [(NetworkFiles.NatUnit, [NetworkFiles.Nat]), (NetworkFiles.DnsmasqUnit, [NetworkFiles.Dnsmasq, NetworkFiles.DnsmasqHosts])];
            return [.. all.Where(u => u.Files.Append(NetworkFiles.Units + u.Unit).Any(_changed.Contains)).Select(u => u.Unit)];
        }

        /// <summary>The bridge of Dom0's networking on one side; on a host's own, the one over the uplink of the other.</summary>
        private static (string Name, BridgeKind Kind)? BridgeOf(NetworkState state, IfupdownHost host, NetworkState other)
        {
            if (state.Networking is { } networking)
                return networking.Bridge is { } bridge ? (bridge, networking.BridgeKind) : null;
            return other.Networking is { } known && host.BridgesOver(known.Uplink) is [var name, ..]
                ? (name, host.Facts(name)!.OvsType is not null ? BridgeKind.OpenVSwitch : BridgeKind.Linux)
                : null;
        }

        private static IEnumerable<string> Vlan(NetworkVif vif)
        {
            if (vif.Tag is { } tag)
                yield return $"tag={Number(tag)}";
            if (vif.Trunks is { Count: > 0 } trunks)
                yield return $"trunks={string.Join(',', trunks.Select(Number))}";
        }

        /// <summary>The ports that files name: their own side puts them on.</summary>
        private IEnumerable<string> DeclaredPorts(string bridge) =>
            new[] { from.Networking?.Uplink, to.Networking?.Uplink }.OfType<string>()
                .Concat(new[] { _old, _new }.Select(h => h.Facts(bridge)).OfType<InterfaceFacts>().SelectMany(f => (f.BridgePorts ?? []).Concat(f.OvsPorts))).Distinct();

        private string Ship(string path)
        {
            var content = to.Files[path]!;
            var index = _beside.FindIndex(b => ReferenceEquals(b.Content, content));
            if (index >= 0)
                return _beside[index].Name;
            _beside.Add(($"to-{Number(number)}-{Number(_beside.Count)}", content));
            return _beside[^1].Name;
        }

        private string Members(string bridge) => $"vifs-{Number(number)}-{bridge}";

        private void Line(params IReadOnlyList<string> words) => _text.Append(ShellText.Line(words));

        private static string Describe(NetworkState state) => state.Networking is { } networking ? Kebab.Name(networking.Mode) : "its own";

        private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
    }
}

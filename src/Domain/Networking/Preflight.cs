using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Xlnet.Domain.Common;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Vifs;

namespace Xlnet.Domain.Networking;

/// <summary>A reason why a host's networking would not work, found before anything is changed.</summary>
/// <param name="Code">Stable, such as <c>networking.script-missing</c>.</param>
/// <param name="Pointer">The member of the setting that it is about; empty when it is about the host.</param>
/// <param name="Message">What is wrong, why, and what would be right.</param>
/// <param name="Evidence">What shows it, as the host has it: a list of scripts, a policy, the vifs.</param>
/// <param name="IsWarning">Whether it is only to be known.</param>
public sealed record PreflightFinding(string Code, string Pointer, string Message, IReadOnlyList<string> Evidence, bool IsWarning = false);

/// <summary>A vif that would be on the networking.</summary>
public sealed record PreflightVif(string Guest, int Devid, VifSettings Settings)
{
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Guest}/vifs/{Devid}");

    internal IEnumerable<string> Addresses => (Settings.Ip ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries);
}

/// <summary>What a host's own facts say against a setting. The sources of the rules are the hotplug scripts of Xen 4.17.</summary>
public static class Preflight
{
    /// <summary>The hotplug script of a mode.</summary>
    public static string ScriptOf(NetworkMode mode) => mode switch
    {
        NetworkMode.OpenVSwitch => "vif-openvswitch",
        NetworkMode.Routed => "vif-route",
        _ => "vif-bridge",
    };

    /// <param name="applied">What xlnet has put into force on the host before; null while the host has its own.</param>
    public static IReadOnlyList<PreflightFinding> Check(
        HostNetworking wanted, HostNetworking? applied, HostInspection host, NetworkFacts facts, IReadOnlyList<PreflightVif> vifs)
    {
        List<PreflightFinding> findings = [];
        var observed = host.Host;
        CheckScript();
        CheckUplink();
        CheckForwarding();
        CheckGateway();
        CheckVifAddresses();
        CheckSubnet();
        CheckMtu();
        CheckVlans();
        return findings;

        void Wrong(string code, string pointer, string message, params IEnumerable<string> evidence) => findings.Add(new PreflightFinding("networking." + code, pointer, message, [.. evidence]));
        void Warn(string code, string pointer, string message, params IEnumerable<string> evidence) => findings.Add(new PreflightFinding("networking." + code, pointer, message, [.. evidence], IsWarning: true));

        void CheckScript()
        {
            var script = ScriptOf(wanted.Mode);
            if (!observed.Scripts.Contains(script))
                Wrong("script-missing", "/mode", $"Mode {Kebab.Name(wanted.Mode)} needs the hotplug script {script}, and the host does not have it in /etc/xen/scripts. Debian's xen-utils-common brings it.", observed.Scripts);
            if (wanted.Mode == NetworkMode.OpenVSwitch && facts.NoOpenVSwitch is { } said)
                Wrong("no-openvswitch", "/mode", "Open vSwitch is not installed on the host, or does not run. Debian's package is openvswitch-switch.", said);
        }

        void CheckUplink()
        {
            if (observed.FindInterface(wanted.Uplink) is not { } uplink)
                Wrong("uplink-missing", "/uplink", $"The host has no interface {wanted.Uplink}.", observed.Interfaces.Where(i => !observed.IsVif(i.Name)).Select(i => i.Name));
            else if (observed.FindBridge(wanted.Uplink) is not null)
                Wrong("uplink-is-bridge", "/uplink", $"{wanted.Uplink} is a bridge. Name the interface below it.", wanted.Uplink);
            else if (!uplink.Up || !uplink.Carrier)
                Warn("uplink-down", "/uplink", $"{wanted.Uplink} has no carrier, or is down.", $"up={uplink.Up} carrier={uplink.Carrier}");
            if (wanted.Backend != NetworkBackend.Unmanaged || wanted.Bridge is not { } name)
                return;
            // Whoever keeps it, the guests need it.
            if (observed.FindBridge(name) is not { } bridge)
                Wrong("bridge-missing", "/bridge", $"The host has no bridge {name}, and with backend unmanaged xlnet makes none.", observed.Bridges.Select(b => b.Name));
            else if (bridge.Stp == true || bridge.ForwardDelay is > 0)
                Warn("forward-delay", "/bridge", $"The bridge {name} lets a new vif wait before it forwards, which can time DHCP out: set its forward delay to 0 and STP off.",
                    string.Create(CultureInfo.InvariantCulture, $"stp={bridge.Stp} forwardDelay={bridge.ForwardDelay} s"));
        }

        void CheckForwarding()
        {
            var forwarding = host.Forwarding;
            var policy = forwarding.IptablesForwardPolicy;
            if (wanted.Mode is NetworkMode.Bridged or NetworkMode.Nat && forwarding.BridgeNfCallIptables == true && policy == "DROP")
            {
                Wrong("forward-drop", "/mode", "br_netfilter sends bridged packets through iptables' FORWARD, whose policy drops them: guests could not talk. Set net.bridge.bridge-nf-call-iptables=0, or the policy to ACCEPT.",
                    "net.bridge.bridge-nf-call-iptables=1", "iptables -P FORWARD DROP");
            }
            else if (wanted.Mode is NetworkMode.Routed or NetworkMode.Nat && policy == "DROP")
            {
                Wrong("forward-drop", "/mode", "The policy of iptables' FORWARD drops what is routed: guests could not reach anyone. Set it to ACCEPT, or allow the guests there.", "iptables -P FORWARD DROP");
            }

            var dropping = (forwarding.NftablesForwardChains ?? []).Where(c => c.Policy == "drop" && !c.Table.StartsWith("xlnet", StringComparison.Ordinal) && c is not { Table: "filter", Name: "FORWARD" }).ToList();
            if (wanted.Mode is NetworkMode.Routed or NetworkMode.Nat && dropping.Count > 0)
                Wrong("forward-drop", "/mode", "A chain of nftables at the forward hook drops what it does not know: guests could not reach anyone.", dropping.Select(c => $"{c.Family} {c.Table} {c.Name} policy {c.Policy}"));
        }

        void CheckGateway()
        {
            if (wanted.Mode != NetworkMode.Routed)
                return;
            var device = wanted.GatewayDevice ?? wanted.Uplink;
            if (device == wanted.Uplink)
            {
                if (wanted.Addressing.Method == AddressingMethod.None || wanted.Addressing is { Method: AddressingMethod.Static } fixedOnes && !fixedOnes.Addresses.Any(IsIpv4))
                    Wrong("gateway-without-address", "/gatewayDevice", $"vif-route gives each vif the main IPv4 address of {device}, and that is to have none. Give it one, or name another gatewayDevice.", device);
            }
            else if (observed.FindInterface(device) is not { } gateway || !gateway.Addresses.Any(IsIpv4))
            {
                Wrong("gateway-without-address", "/gatewayDevice", $"vif-route gives each vif the main IPv4 address of {device}, and the host has no such interface, or it has no address.",
                    observed.Interfaces.Where(i => i.Addresses.Any(IsIpv4)).Select(i => $"{i.Name} {string.Join(' ', i.Addresses)}"));
            }
        }

        void CheckVifAddresses()
        {
            if (wanted.Mode == NetworkMode.Routed)
            {
                if (vifs.Where(v => v.Addresses.Any(a => a.Contains(':', StringComparison.Ordinal))).ToList() is { Count: > 0 } six)
                    Wrong("ipv6", "/mode", "vif-route knows IPv4 only, and these vifs have IPv6 addresses. Take them off, or use mode bridged.", six.Select(v => $"{v} ip={v.Settings.Ip}"));
                if (vifs.Where(v => !v.Addresses.Any() && v.Settings.Script is null).ToList() is { Count: > 0 } without)
                    Warn("vif-without-address", "/mode", "vif-route makes a route for each address of a vif, and these have none: nothing reaches them. Give them an ip.", without.Select(v => v.ToString()));
            }

            foreach (var twice in vifs.SelectMany(v => v.Addresses, (v, a) => (Vif: v, Address: Plain(a))).GroupBy(a => a.Address).Where(g => g.Count() > 1))
                Wrong("duplicate-address", "", $"{twice.Key} is the address of several vifs.", twice.Select(v => v.Vif.ToString()));
            var own = wanted.Addressing.Addresses.Select(Plain).Concat(wanted.Nat is { } nat ? [nat.Gateway.ToString()] : [])
                .Concat(observed.Interfaces.Where(i => !observed.IsVif(i.Name)).SelectMany(i => i.Addresses).Select(Plain)).ToHashSet();
            if (vifs.Where(v => v.Addresses.Any(a => own.Contains(Plain(a)))).ToList() is { Count: > 0 } taken)
                Wrong("duplicate-address", "", "These vifs have an address that is Dom0's own.", taken.Select(v => $"{v} ip={v.Settings.Ip}"));
        }

        void CheckSubnet()
        {
            if (wanted.Nat is not { } nat)
                return;
            var others = observed.Interfaces.Where(i => !(applied?.Mode == NetworkMode.Nat && i.Name == applied.Bridge) && !observed.IsVif(i.Name)).SelectMany(i => i.Addresses, (i, a) => (i.Name, Address: a))
                .Concat(wanted.Addressing.Addresses.Select(a => (Name: wanted.Uplink, Address: a)))
                .Where(i => IsIpv4(i.Address) && NetworkOf(i.Address) is { } network && Overlap(network, nat.Subnet)).Distinct().ToList();
            if (others.Count > 0)
                Wrong("subnet-overlap", "/subnet", $"The guests' subnet {nat.Subnet} overlaps with one that the host has already: which way a packet goes would be chance. Choose another.", others.Select(o => $"{o.Name} {o.Address}"));
            if (vifs.Where(v => v.Addresses.Any(a => IPAddress.TryParse(Plain(a), out var address) && address.AddressFamily == AddressFamily.InterNetwork && !nat.Subnet.Contains(address))).ToList() is { Count: > 0 } outside)
                Warn("address-outside", "/subnet", $"These vifs have an address outside of {nat.Subnet}: dnsmasq does not give it to them.", outside.Select(v => $"{v} ip={v.Settings.Ip}"));
        }

        void CheckMtu()
        {
            var mtu = wanted.Mtu ?? observed.FindInterface(wanted.Bridge ?? wanted.Uplink)?.Mtu ?? 1500;
            if (vifs.Where(v => v.Settings.Mtu > mtu).ToList() is { Count: > 0 } large)
                Wrong("mtu", "/mtu", $"These vifs have an MTU above the {mtu} bytes of the way that their packets take: large ones would be lost. Give a larger mtu, or theirs a smaller one.", large.Select(v => $"{v} mtu={v.Settings.Mtu}"));
            if (wanted is { Backend: NetworkBackend.Unmanaged } && observed.FindInterface(wanted.Uplink) is { } uplink && uplink.Mtu < mtu)
                Wrong("mtu", "/mtu", $"The uplink {wanted.Uplink} has an MTU of {uplink.Mtu} bytes, and {mtu} are asked for.", $"{wanted.Uplink} mtu {uplink.Mtu}");
        }

        void CheckVlans()
        {
            if (wanted.VlanFiltering is false && applied?.VlanFiltering is not false && vifs.Where(v => v.Settings.Vlan is not null).ToList() is { Count: > 0 } apart)
                Wrong("vlans-joined", "/vlanFiltering", "These vifs are in VLANs that the bridge would no longer keep apart: they would all be in one network, with Dom0. Take their vlan away or move them first, or leave vlanFiltering on.", apart.Select(v => $"{v} vlan={v.Settings.Vlan}"));
        }
    }

    /// <summary>Whether two subnets have an address in common.</summary>
    public static bool Overlap(IPNetwork one, IPNetwork other) => one.Contains(other.BaseAddress) || other.Contains(one.BaseAddress);

    private static bool IsIpv4(string address) => !address.Contains(':', StringComparison.Ordinal);

    private static string Plain(string address) => address.Split('/')[0];

    /// <summary>The subnet that an address in CIDR notation is in.</summary>
    private static IPNetwork? NetworkOf(string cidr)
    {
        var parts = cidr.Split('/');
        if (parts.Length != 2 || !IPAddress.TryParse(parts[0], out var address) || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var length) || length > 32)
            return null;
        var bits = BitConverter.ToUInt32([.. address.GetAddressBytes().Reverse()]);
        var masked = length == 0 ? 0 : bits & (uint.MaxValue << (32 - length));
        return new IPNetwork(new IPAddress([.. BitConverter.GetBytes(masked).Reverse()]), length);
    }
}

using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Xlnet.Domain.Networking;

/// <summary>
/// The interfaces file of a setting, made of the host's own: an interface whose stanzas already come to what is asked for keeps them,
/// the others' are taken out and written anew between xlnet's two lines. What else stood in the stanza of the interface that has Dom0's
/// address goes along with that address, so that no address and no route of the host's is lost in silence.
/// </summary>
internal sealed class IfupdownRendering(HostNetworking networking, IfupdownHost before)
{
    private readonly StringBuilder _block = new();
    private readonly List<string> _written = [];

    /// <summary>The interfaces whose own stanzas were taken out.</summary>
    public IReadOnlyList<string> Written => _written;

    /// <summary>The bridge over the uplink that had Dom0's address, else the uplink.</summary>
    private string Bearer => before.BridgesOver(networking.Uplink) is [var bridge, ..] ? bridge : networking.Uplink;

    private bool IsSwitched => networking.IsSwitched;

    public IfupdownHost Render()
    {
        var bridge = networking.Bridge;
        _written.AddRange(before.BridgesOver(networking.Uplink).Where(b => !IsSwitched || b != bridge));
        if (!IsUplinkKept())
        {
            _written.Add(networking.Uplink);
            WriteUplink();
        }

        if (bridge is not null && !IsBridgeKept(bridge))
        {
            _written.Add(bridge);
            if (_block.Length > 0)
                _block.Append('\n');
            if (networking.Mode == NetworkMode.Nat)
                WriteNatBridge(bridge);
            else
                WriteBridge(bridge);
        }

        if (_written.Count == 0)
            return before;
        return before.Edit((path, file) =>
        {
            var without = _written.Aggregate(file, (f, name) => Mentions(f, name) ? f.Without(name) : f);
            return path == NetworkFiles.Interfaces && _block.Length > 0 ? without.WithBlock(_block.ToString()) : without;
        });

        static bool Mentions(InterfacesFile file, string name) => file.Of(name).Count > 0 || file.Lists.Any(l => l.Names.Contains(name));
    }

    // ---- what may stay as it is ----

    private bool IsUplinkKept()
    {
        var facts = before.Facts(networking.Uplink);
        if (networking.Mode == NetworkMode.OpenVSwitch)
        {
            return facts is { OvsType: "OVSPort", Addresses: [], Method: AddressingMethod.None } && facts.OvsBridge == networking.Bridge
                && before.IsIn("allow-" + networking.Bridge, networking.Uplink) && HasMtu(facts);
        }

        if (facts is { OvsType: not null } or { OvsBridge: not null })
            return false;
        // bridge-utils brings a port up, whether or not it has a stanza.
        if (networking.Mode == NetworkMode.Bridged)
            return facts is null or { Addresses: [], Method: AddressingMethod.None, BridgePorts: null } && (Bearer != networking.Uplink || !HasOwnOptions()) && HasMtu(facts);
        return facts is { BridgePorts: null } && before.IsBroughtUp(networking.Uplink) && before.BridgesOver(networking.Uplink).Count == 0 && IsAddressed(facts);
    }

    private bool IsBridgeKept(string bridge)
    {
        if (before.Facts(bridge) is not { } facts || !before.IsBroughtUp(bridge))
            return false;
        if (networking.Mode == NetworkMode.OpenVSwitch)
        {
            return facts is { OvsType: "OVSBridge" } && facts.OvsPorts.SequenceEqual([networking.Uplink]) && IsAddressed(facts)
                && networking.Mtu is null && (InterfaceFacts.Words(facts.OvsExtra ?? "").FirstOrDefault(w => w.StartsWith("tag=", StringComparison.Ordinal)) == (networking.Vlan is { } vlan ? "tag=" + Number(vlan) : null));
        }

        var plain = facts is { BridgePorts: not null, Stp: false, OvsType: null } && facts.ForwardDelay is { } delay && decimal.TryParse(delay, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds) && seconds == 0
            && (networking.VlanFiltering is not { } filtering || filtering == facts.VlanAware);
        if (networking is { Mode: NetworkMode.Nat, Nat: { } nat })
            return plain && facts.BridgePorts is [] && facts is { Method: AddressingMethod.Static, Gateway: null } && facts.Addresses.SequenceEqual([$"{nat.Gateway}/{nat.Subnet.PrefixLength}"]) && HasMtu(facts);
        return plain && facts.BridgePorts is [var port] && port == networking.Uplink && IsAddressed(facts);
    }

    private bool HasMtu(InterfaceFacts? facts) => networking.Mtu is null || networking.Mtu == facts?.Mtu;

    private bool IsAddressed(InterfaceFacts facts)
    {
        var (asked, addressing) = (Asked(), networking.Addressing);
        if (facts.Method != addressing.Method || !HasMtu(facts) || addressing.Dns is { Count: > 0 } dns && !dns.SequenceEqual(facts.Dns))
            return false;
        if (addressing.Method != AddressingMethod.Static)
            return true;
        // IPv6 is left to the stanzas as long as the setting does not speak of it.
        bool Counts(string address) => !IsV6(address) || asked.Any(IsV6);
        return facts.Addresses.Except(facts.AddedAddresses).Where(Counts).All(asked.Contains)
            && asked.All(facts.Addresses.Contains)
            && (addressing.Gateway is { AddressFamily: AddressFamily.InterNetworkV6 } gateway ? gateway.Equals(facts.Gateway6) : Equals(addressing.Gateway, facts.Gateway));
    }

    private List<string> Asked() => [.. networking.Addressing.Addresses.Select(a => InterfaceFacts.Normal(a) ?? a)];

    // ---- what is written ----

    private void WriteUplink()
    {
        var uplink = networking.Uplink;
        switch (networking.Mode)
        {
            case NetworkMode.OpenVSwitch:
                Line($"allow-{networking.Bridge} {uplink}");
                Line($"iface {uplink} inet manual");
                Option("ovs_type", "OVSPort");
                Option("ovs_bridge", networking.Bridge!);
                Option("mtu", Mtu(uplink));
                UplinkOptions();
                break;
            case NetworkMode.Bridged:
                // Without options of its own nothing has to be run for it.
                if (HasOwnOptions())
                    Line($"auto {uplink}");
                Line($"iface {uplink} inet manual");
                Option("mtu", Mtu(uplink));
                UplinkOptions();
                break;
            default:
                Line($"auto {uplink}");
                WriteAddressed(uplink, [], UplinkOptions);
                break;
        }
    }

    private void WriteBridge(string bridge)
    {
        Line($"auto {bridge}");
        List<(string, string)> options = networking.Mode == NetworkMode.OpenVSwitch
            ? [("ovs_type", "OVSBridge"), ("ovs_ports", networking.Uplink), ("ovs_extra", OvsExtra(bridge))]
            // udev would make up an address for it, and a DHCP server knows Dom0 by that of its port (bridge-utils-interfaces(5), systemd.link(5)).
            : [("bridge_ports", networking.Uplink), ("bridge_hw", networking.Uplink), ("bridge_stp", "off"), ("bridge_fd", "0"), .. VlanAware()];
        WriteAddressed(bridge, options, () => { });
    }

    private void WriteNatBridge(string bridge)
    {
        Line($"auto {bridge}");
        Line($"iface {bridge} inet static");
        Option("address", $"{networking.Nat!.Gateway}/{networking.Nat.Subnet.PrefixLength}");
        Option("mtu", networking.Mtu);
        Option("bridge_ports", "none");
        Option("bridge_stp", "off");
        Option("bridge_fd", "0");
        foreach (var (option, value) in VlanAware())
            Option(option, value);
    }

    /// <summary>bridge-utils-interfaces(5). Without it the bridge keeps no VLANs apart.</summary>
    private IEnumerable<(string, string)> VlanAware() => networking.VlanFiltering is { } filtering ? [("bridge_vlan_aware", filtering ? "yes" : "no")] : [];

    /// <summary>
    /// What is set of a bridge as openvswitch-switch makes it, in one transaction. Open vSwitch gives it the lowest address of its ports, but
    /// leaves out locally administered ones, as QEMU's are, and makes one up: a DHCP server would take Dom0 for another host.
    /// </summary>
    private string OvsExtra(string bridge)
    {
        List<string> sets = [$"set bridge {bridge} other-config:hwaddr=$(cat /sys/class/net/{networking.Uplink}/address)"];
        if (networking.Vlan is { } vlan)
            sets.Add($"set port {bridge} tag={Number(vlan)}");
        if (networking.Mtu is { } mtu)
            sets.Add($"set interface {bridge} mtu_request={Number(mtu)}");
        return string.Join(" -- ", sets);
    }

    private void WriteAddressed(string name, IReadOnlyList<(string Name, string Value)> options, Action uplinkOptions)
    {
        var addressing = networking.Addressing;
        var old = before.Of(Bearer);
        var (inet, inet6) = (old.Where(s => s.Family == "inet").ToList(), old.Where(s => s.Family == "inet6").ToList());
        var asked = addressing.Method == AddressingMethod.Static ? Asked() : [];
        var (four, six) = (asked.Where(a => !IsV6(a)).ToList(), asked.Where(IsV6).ToList());
        // Their stanzas go along as they are, unless they have an address that is asked for no more.
        var keepsSix = inet6.Count > 0 && (six.Count == 0 || inet6.Select(InterfaceFacts.AddressOf).OfType<string>().All(six.Contains));
        var carried = inet.SelectMany(s => s.Options).Where(o => o.IsCommand && GoesWithAddress(o)).Select(o => Rename(o, name)).ToList();
        var present = carried.Where(o => o.Name == "up").Select(o => InterfaceFacts.AddedBy(o.Value))
            .Concat(keepsSix ? inet6.Select(InterfaceFacts.AddressOf) : []).OfType<string>().ToHashSet();

        var method = addressing.Method switch
        {
            AddressingMethod.Dhcp => "dhcp",
            AddressingMethod.Static when four.Count > 0 => "static",
            _ => "manual",
        };
        Line($"iface {name} inet {method}");
        if (four is [var first, ..])
        {
            Option("address", first);
            if (addressing.Gateway is { AddressFamily: AddressFamily.InterNetwork } gateway)
                Option("gateway", gateway.ToString());
            // An address that some command adds would be there twice, and the command would fail.
            carried.RemoveAll(o => o.Name == "up" && InterfaceFacts.AddedBy(o.Value) == first);
        }

        var mtu = Mtu(Bearer);
        if (method != "dhcp")
            Option("mtu", mtu);
        if (addressing.Dns is { Count: > 0 } dns)
            Option("dns-nameservers", string.Join(' ', dns));
        foreach (var (option, value) in options)
            Option(option, value);
        var set = options.Select(o => o.Name).ToHashSet();
        foreach (var option in inet.SelectMany(s => s.Options).Where(o => !o.IsCommand && GoesWithAddress(o)).Where(o => GoesAlong(o.Name, inet[0].Method == method)).DistinctBy(o => o.Name))
            Option(option.Name, option.Value);
        uplinkOptions();
        // The dhcp method takes no MTU.
        if (method == "dhcp" && mtu is { } bytes)
            Option("up", $"ip link set dev {name} mtu {Number(bytes)}");
        foreach (var address in four.Skip(1).Concat(keepsSix ? six : six.Skip(1)).Where(a => !present.Contains(a)))
            Option("up", $"ip address replace {address} dev {name}");
        foreach (var command in carried)
            Option(command.Name, command.Value);

        if (keepsSix)
        {
            foreach (var stanza in inet6)
            {
                Line("");
                Line($"iface {name} inet6 {stanza.Method}");
                foreach (var option in stanza.Options.Where(o => !IsOfBridge(o.Name) && GoesWithAddress(o)))
                    Option(option.Name, option.IsCommand ? Rename(option, name).Value : option.Value);
            }
        }
        else if (six is [var main, ..])
        {
            Line("");
            Line($"iface {name} inet6 static");
            Option("address", main);
            if (addressing.Gateway is { AddressFamily: AddressFamily.InterNetworkV6 } gateway)
                Option("gateway", gateway.ToString());
        }

        bool GoesAlong(string option, bool sameMethod)
        {
            var plain = option.Replace('-', '_');
            if (set.Contains(plain) || plain is "address" or "netmask" or "network" or "broadcast" or "gateway" or "mtu")
                return false;
            if (IsOfBridge(option))
                return plain.StartsWith("bridge_", StringComparison.Ordinal) ? set.Contains("bridge_ports") : set.Contains("ovs_ports") && plain is not "ovs_bridge";
            if (option.StartsWith("dns-", StringComparison.Ordinal))
                return option != "dns-nameservers" || addressing.Dns is not { Count: > 0 };
            return sameMethod;
        }
    }

    // ---- what goes along ----

    /// <summary>What is about the device itself stays with the uplink, whoever has the address; a port's commands do so all the same.</summary>
    private IEnumerable<InterfaceOption> OfUplink() =>
        before.Of(networking.Uplink).SelectMany(s => s.Options).Where(o => IsOfDevice(o) || o.IsCommand && Bearer != networking.Uplink).Distinct();

    private bool HasOwnOptions() => before.IsBroughtUp(networking.Uplink) && OfUplink().Any();

    private void UplinkOptions()
    {
        foreach (var option in OfUplink())
            Option(option.Name, option.Value);
    }

    private bool GoesWithAddress(InterfaceOption option) => Bearer != networking.Uplink || !IsOfDevice(option);

    private static bool IsOfDevice(InterfaceOption option) => option.IsCommand
        ? InterfaceFacts.Words(option.Value).Any(w => w == "ethtool" || w.EndsWith("/ethtool", StringComparison.Ordinal))
        : option.Name == "hwaddress" || DevicePrefixes.Any(p => option.Name.StartsWith(p, StringComparison.Ordinal));

    /// <summary>What ethtool's and wpasupplicant's hooks read.</summary>
    private static readonly string[] DevicePrefixes = ["ethernet-", "link-", "offload-", "hardware-", "driver-", "wpa-", "wireless-"];

    private static bool IsOfBridge(string option) => option.Replace('-', '_') is var plain
        && (plain.StartsWith("bridge_", StringComparison.Ordinal) || plain.StartsWith("ovs_", StringComparison.Ordinal));

    private InterfaceOption Rename(InterfaceOption option, string name) => option with { Value = RenameWord(option.Value, Bearer, name) };

    /// <summary>The old name wherever it stands alone, and not where it is a part of another, such as eth0.10.</summary>
    private static string RenameWord(string command, string old, string name)
    {
        var text = new StringBuilder(command);
        for (var at = 0; (at = text.ToString().IndexOf(old, at, StringComparison.Ordinal)) >= 0;)
        {
            var end = at + old.Length;
            if (at > 0 && IsOfName(text[at - 1]) || end < text.Length && IsOfName(text[end]))
            {
                at = end;
                continue;
            }

            text.Remove(at, old.Length).Insert(at, name);
            at += name.Length;
        }

        return text.ToString();

        static bool IsOfName(char c) => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-' or ':';
    }

    private int? Mtu(string old) => networking.Mtu ?? before.Facts(old)?.Mtu;

    private void Line(string text) => _block.Append(text).Append('\n');

    private void Option(string name, string value) => _block.Append(CultureInfo.InvariantCulture, $"    {name} {value}\n");

    private void Option(string name, int? value)
    {
        if (value is { } number)
            Option(name, Number(number));
    }

    private static bool IsV6(string address) => address.Contains(':', StringComparison.Ordinal);

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);
}

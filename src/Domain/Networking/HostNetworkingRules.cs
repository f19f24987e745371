using System.Net;
using System.Net.Sockets;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Common;

namespace Xlnet.Domain.Networking;

/// <summary>What can be said against a networking setting without looking at its host.</summary>
public static class HostNetworkingRules
{
    /// <summary>Everything that is wrong, each with the member that it is about as a JSON Pointer; empty when nothing is.</summary>
    public static IReadOnlyList<FieldError> Check(HostNetworking networking)
    {
        List<FieldError> errors = [];
        CheckNames();
        CheckAddressing(networking.Addressing);
        if (networking.Mtu is < 68 or > 65535)
            Wrong("/mtu", "networking.mtu", $"{networking.Mtu} is no MTU: give 68 to 65535 bytes.");
        if (networking.Vlan is not null && networking.Mode != NetworkMode.OpenVSwitch)
            Wrong("/vlan", "networking.not-in-mode", $"A vlan of Dom0's own address is for mode openvswitch; this is {Kebab.Name(networking.Mode)}. Leave it out.");
        else if (networking.Vlan is < 1 or > 4094)
            Wrong("/vlan", "networking.vlan", $"{networking.Vlan} is no VLAN: give 1 to 4094.");
        if (networking.VlanFiltering is not null && networking.Mode is not (NetworkMode.Bridged or NetworkMode.Nat))
            Wrong("/vlanFiltering", "networking.not-in-mode", $"vlanFiltering is for modes with a Linux bridge, bridged and nat; this is {Kebab.Name(networking.Mode)}. Leave it out.");
        else if (networking is { VlanFiltering: not null, Backend: NetworkBackend.Unmanaged })
            Wrong("/vlanFiltering", "networking.unmanaged", "With backend unmanaged xlnet changes nothing of the bridge. Set its VLAN filtering on the host, and leave vlanFiltering out.");
        if (networking.Nat is { } nat)
        {
            if (networking.Mode == NetworkMode.Nat)
                CheckNat(nat);
            else
                Wrong("/nat", "networking.not-in-mode", $"nat is for mode nat; this is {Kebab.Name(networking.Mode)}. Leave it out.");
        }
        else if (networking.Mode == NetworkMode.Nat)
        {
            Wrong("/nat", "networking.required", "Mode nat needs the guests' subnet. Give nat.subnet, such as 10.77.0.0/24.");
        }

        return errors;

        void Wrong(string pointer, string code, string message) => errors.Add(new FieldError(pointer, code, message));

        void CheckNames()
        {
            CheckName("/uplink", networking.Uplink);
            if (networking.Uplink == "lo")
                Wrong("/uplink", "networking.uplink", "'lo' reaches nothing but the host itself. Name the interface that reaches the world, such as eth0.");
            else if (Bridge.IsVifName(networking.Uplink))
                Wrong("/uplink", "networking.uplink", $"'{networking.Uplink}' is the name of a guest's vif. Name the interface that reaches the world, such as eth0.");
            if (networking.Mode == NetworkMode.Routed && networking.Bridge is not null)
                Wrong("/bridge", "networking.not-in-mode", "Mode routed has no bridge: each vif is a route. Leave it out.");
            else if (networking.Mode != NetworkMode.Routed && networking.Bridge is null)
                Wrong("/bridge", "networking.required", $"Mode {Kebab.Name(networking.Mode)} needs the name of a bridge, such as xenbr0.");
            else if (networking.Bridge is { } bridge && CheckName("/bridge", bridge) is { } name)
            {
                if (bridge == networking.Uplink)
                    Wrong("/bridge", "networking.bridge", $"'{bridge}' cannot be the bridge and its uplink. Give the bridge another name, such as xenbr0.");
                else if (Bridge.IsVifName(bridge) || bridge == "lo")
                    Wrong("/bridge", "networking.bridge", $"'{bridge}' cannot be a bridge's name. Give another, such as xenbr0.");
                else if (Bridge.CheckName(name, networking.BridgeKind) is { } wrong)
                    Wrong("/bridge", "networking.bridge", wrong);
            }

            if (networking.GatewayDevice is { } gateway)
            {
                if (networking.Mode != NetworkMode.Routed)
                    Wrong("/gatewayDevice", "networking.not-in-mode", $"gatewayDevice is for mode routed; this is {Kebab.Name(networking.Mode)}. Leave it out.");
                CheckName("/gatewayDevice", gateway);
            }
        }

        InterfaceName? CheckName(string pointer, string name)
        {
            if (InterfaceName.TryParse(name, null, out var parsed))
                return parsed;
            Wrong(pointer, "networking.interface-name", $"'{name}' is no interface name: {InterfaceName.Rule}.");
            return null;
        }

        void CheckAddressing(Addressing addressing)
        {
            if (addressing.Method != AddressingMethod.Static)
            {
                if (addressing.Addresses.Count > 0)
                    Wrong("/addressing/addresses", "networking.addresses", $"Addresses are for method static; this is {Kebab.Name(addressing.Method)}. Leave them out, or say static.");
                if (addressing.Gateway is not null)
                    Wrong("/addressing/gateway", "networking.gateway", $"A gateway is for method static; this is {Kebab.Name(addressing.Method)}. Leave it out, or say static.");
                if (addressing.Method == AddressingMethod.None && !networking.IsSwitched)
                {
                    Wrong("/addressing/method", "networking.addresses",
                        $"In mode {Kebab.Name(networking.Mode)} the guests' packets go by Dom0's address on {networking.Uplink}: it needs one. Say dhcp or static.");
                }

                return;
            }

            if (addressing.Addresses.Count == 0)
                Wrong("/addressing/addresses", "networking.required", "Method static needs an address, such as 192.0.2.10/24.");
            List<(IPAddress Address, IPNetwork Network)> known = [];
            foreach (var (index, text) in addressing.Addresses.Index())
            {
                var pointer = $"/addressing/addresses/{index}";
                if (ParseCidr(text) is not var (address, network))
                    Wrong(pointer, "networking.address", $"'{text}' is no address with a prefix length. Write it like 192.0.2.10/24.");
                else if (known.Any(k => k.Address.Equals(address)))
                    Wrong(pointer, "networking.address", $"{address} stands twice. Give it once.");
                else if (!IsAssignable(address, network))
                    Wrong(pointer, "networking.address", $"{text} cannot be a host's address: it is the subnet's own, its broadcast, multicast or loopback.");
                else
                    known.Add((address, network));
            }

            if (addressing.Gateway is { } gateway && known.Count > 0)
            {
                if (known.Any(k => k.Address.Equals(gateway)))
                    Wrong("/addressing/gateway", "networking.gateway", $"{gateway} is the host's own address. Give the router's.");
                // A link-local one is reached by its interface alone.
                else if (!gateway.IsIPv6LinkLocal && !known.Any(k => k.Network.Contains(gateway)))
                    Wrong("/addressing/gateway", "networking.gateway", $"{gateway} is in the subnet of none of the addresses, so no route reaches it. Give one in {string.Join(" or ", known.Select(k => k.Network).Distinct())}.");
            }

            if (networking.Mode == NetworkMode.Routed && !known.Any(k => k.Address.AddressFamily == AddressFamily.InterNetwork) && known.Count > 0)
            {
                Wrong("/addressing/addresses", "networking.ipv6",
                    "vif-route knows IPv4 only, and gives its vifs the main address of the gateway device: Dom0 needs an IPv4 address in mode routed.");
            }
        }

        void CheckNat(NatSettings nat)
        {
            if (nat.Subnet.BaseAddress.AddressFamily != AddressFamily.InterNetwork)
            {
                Wrong("/nat/subnet", "networking.ipv6", $"{nat.Subnet} is an IPv6 subnet, and NAT is for IPv4. Give one such as 10.77.0.0/24.");
                return;
            }

            if (nat.Subnet.PrefixLength is < 8 or > 29)
                Wrong("/nat/subnet", "networking.subnet", $"{nat.Subnet} has {(nat.Subnet.PrefixLength < 8 ? "too many" : "too few")} addresses: give a subnet of /8 to /29.");
            else if (IsReserved(nat.Subnet.BaseAddress))
                Wrong("/nat/subnet", "networking.subnet", $"{nat.Subnet} is no subnet of hosts: it is loopback, link-local, multicast or reserved. Give one such as 10.77.0.0/24.");
            foreach (var (index, text) in networking.Addressing.Addresses.Index())
            {
                if (ParseCidr(text) is var (_, network) && network.BaseAddress.AddressFamily == AddressFamily.InterNetwork && Overlap(network, nat.Subnet))
                {
                    Wrong("/nat/subnet", "networking.subnet-overlap",
                        $"{nat.Subnet} overlaps {network}, in which Dom0 has its own address (/addressing/addresses/{index}): neither would reach the other. Take another subnet.");
                }
            }

            if (nat.Domain is { } domain && !IsDomain(domain))
                Wrong("/nat/domain", "networking.domain", $"'{domain}' is no DNS domain: give labels of letters, digits and '-', with dots between, such as lab.example.");

            var seen = new HashSet<(string, int)>();
            foreach (var (index, forward) in nat.PortForwards.Index())
            {
                var pointer = $"/nat/portForwards/{index}";
                if (forward.Protocol is not ("tcp" or "udp"))
                    Wrong($"{pointer}/protocol", "networking.port-forward", $"'{forward.Protocol}' has no ports to forward: give tcp or udp.");
                if (forward.Port is < 1 or > 65535)
                    Wrong($"{pointer}/port", "networking.port-forward", $"{forward.Port} is no port: give 1 to 65535.");
                if (forward.ToPort is < 1 or > 65535)
                    Wrong($"{pointer}/toPort", "networking.port-forward", $"{forward.ToPort} is no port: give 1 to 65535.");
                if (!seen.Add((forward.Protocol, forward.Port)))
                    Wrong($"{pointer}/port", "networking.port-forward-twice", $"{forward.Protocol} port {forward.Port} is forwarded twice. One port goes to one guest.");
                if (!nat.Subnet.Contains(forward.ToAddress))
                    Wrong($"{pointer}/toAddress", "networking.port-forward", $"{forward.ToAddress} is not in {nat.Subnet}: a forward goes to a guest.");
                else if (!IsAssignable(forward.ToAddress, nat.Subnet) || forward.ToAddress.Equals(nat.Gateway))
                    Wrong($"{pointer}/toAddress", "networking.port-forward", $"{forward.ToAddress} is no guest's: {nat.Gateway} is Dom0's, and the subnet's first and last address are nobody's.");
            }
        }
    }

    /// <summary>What stands against a setting in the host's own files: an interfaces file that ifupdown could not read afterwards.</summary>
    /// <param name="originals">As for <see cref="NetworkFiles.Render"/>.</param>
    public static IReadOnlyList<FieldError> CheckOriginals(HostNetworking networking, IReadOnlyDictionary<string, byte[]?> originals)
    {
        if (networking.Backend != NetworkBackend.Ifupdown)
            return [];
        var before = IfupdownHost.Of(originals);
        var refused = before.Files.Where(f => !f.File.IsSound).Select(f => f.Path).ToList();
        if (refused.Count > 0)
        {
            return
            [
                new FieldError("/backend", "networking.interfaces-file",
                    $"ifupdown refuses {refused[0]} as it is ('ifquery --list' says where): xlnet does not write on. Mend it first."),
            ];
        }

        var rendering = new IfupdownRendering(networking, before);
        var left = rendering.Render();
        return
        [
            .. left.Files.Where(f => !f.File.IsSound)
                .Select(f => new FieldError("/uplink", "networking.interfaces-file",
                    $"{f.Path} would be one that ifupdown refuses, as something else inherits the stanza of {string.Join(" or ", rendering.Written)}. Give that its options itself."))
                .Take(1),
        ];
    }

    internal static (IPAddress Address, IPNetwork Network)? ParseCidr(string text)
    {
        // IPAddress takes 10.1 and 010.0.0.1 too: an address is written out here.
        if (!text.Contains('/', StringComparison.Ordinal) || !Xl.NetNames.IsAddress(text) || InterfaceFacts.Normal(text) is not { } normal)
            return null;
        var address = IPAddress.Parse(normal.Split('/')[0]);
        var bits = int.Parse(normal.Split('/')[1], System.Globalization.CultureInfo.InvariantCulture);
        if (bits > address.GetAddressBytes().Length * 8)
            return null;
        var bytes = address.GetAddressBytes();
        for (var i = 0; i < bytes.Length; i++)
            bytes[i] &= (byte)(0xFF00 >> Math.Clamp(bits - i * 8, 0, 8));
        return (address, new IPNetwork(new IPAddress(bytes), bits));
    }

    private static bool IsAssignable(IPAddress address, IPNetwork network)
    {
        if (address.AddressFamily == AddressFamily.InterNetworkV6)
            return !address.IsIPv6Multicast && !IPAddress.IsLoopback(address) && !address.Equals(IPAddress.IPv6Any);
        // A /31 and a /32 have no address that is not a host's (RFC 3021).
        return !IsReserved(address)
            && (network.PrefixLength >= 31 || !address.Equals(network.BaseAddress) && !address.Equals(Last(network)));
    }

    private static bool IsReserved(IPAddress address) => address.GetAddressBytes() is [0 or 127 or >= 224, ..] or [169, 254, ..];

    private static IPAddress Last(IPNetwork network)
    {
        var bytes = network.BaseAddress.GetAddressBytes();
        for (var i = 0; i < bytes.Length; i++)
            bytes[i] |= (byte)~(0xFF00 >> Math.Clamp(network.PrefixLength - i * 8, 0, 8));
        return new IPAddress(bytes);
    }

    private static bool Overlap(IPNetwork one, IPNetwork other) => one.Contains(other.BaseAddress) || other.Contains(one.BaseAddress);

    private static bool IsDomain(string text) => text.Length is > 0 and <= 253 && text.Split('.').All(label =>
        label.Length is > 0 and <= 63 && label.All(c => char.IsAsciiLetterOrDigit(c) || c == '-') && label[0] != '-' && label[^1] != '-');
}

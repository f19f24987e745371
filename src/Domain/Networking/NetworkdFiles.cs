using System.Globalization;
using System.Text;

namespace Xlnet.Domain.Networking;

/// <summary>The .netdev and .network files of systemd-networkd. Those of the host stay; xlnet's come first in the order of names.</summary>
internal static class NetworkdFiles
{
    public static void Render(HostNetworking networking, Action<string, string> put)
    {
        var isSwitched = networking.IsSwitched;
        // An Open vSwitch bridge lives in its own database.
        if (networking is { Mode: NetworkMode.Bridged or NetworkMode.Nat, Bridge: { } made })
        {
            // Left alone the kernel gives a bridge the address of its port, by which a DHCP server knows Dom0. systemd and udev would make one up.
            var inherits = networking.Mode == NetworkMode.Bridged;
            put(NetworkFiles.NetworkdBridgeDevice,
                $"[NetDev]\nName={made}\nKind=bridge\n{(inherits ? "MACAddress=none\n" : "")}{Mtu("MTUBytes")}\n[Bridge]\nForwardDelaySec=0\nSTP=no\n{(networking.VlanFiltering is { } filtering ? $"VLANFiltering={(filtering ? "yes" : "no")}\n" : "")}");
            if (inherits)
                put(NetworkFiles.NetworkdBridgeLink, $"[Match]\nOriginalName={made}\n\n[Link]\nMACAddressPolicy=none\n");
        }

        if (networking.Bridge is { } bridge)
        {
            var network = networking is { Mode: NetworkMode.Nat, Nat: { } nat }
                ? $"Address={nat.Gateway}/{nat.Subnet.PrefixLength}\nConfigureWithoutCarrier=yes\nIPv6AcceptRA=no\n"
                : Addresses(networking.Addressing) + (networking.Addressing.Method == AddressingMethod.Dhcp ? "\n[DHCPv4]\nClientIdentifier=mac\n" : "");
            put(NetworkFiles.NetworkdBridge, $"[Match]\nName={bridge}\n{Link()}\n[Network]\n{network}");
        }

        put(NetworkFiles.NetworkdUplink, $"[Match]\nName={networking.Uplink}\n{Link()}\n[Network]\n" + networking.Mode switch
        {
            NetworkMode.Bridged => $"Bridge={networking.Bridge}\n",
            NetworkMode.OpenVSwitch => "LinkLocalAddressing=no\nDHCP=no\nIPv6AcceptRA=no\n",
            _ => Addresses(networking.Addressing),
        });

        string Link() => networking.Mtu is null ? "" : $"\n[Link]\n{Mtu("MTUBytes")}";

        string Mtu(string key) => networking.Mtu is { } mtu ? string.Create(CultureInfo.InvariantCulture, $"{key}={mtu}\n") : "";
    }

    private static string Addresses(Addressing addressing)
    {
        var text = new StringBuilder();
        switch (addressing.Method)
        {
            case AddressingMethod.Dhcp:
                text.Append("DHCP=yes\n");
                break;
            case AddressingMethod.Static:
                foreach (var address in addressing.Addresses)
                    text.Append(CultureInfo.InvariantCulture, $"Address={address}\n");
                if (addressing.Gateway is { } gateway)
                    text.Append(CultureInfo.InvariantCulture, $"Gateway={gateway}\n");
                break;
            default:
                text.Append("DHCP=no\nLinkLocalAddressing=no\n");
                break;
        }

        foreach (var dns in addressing.Dns ?? [])
            text.Append(CultureInfo.InvariantCulture, $"DNS={dns}\n");
        return text.ToString();
    }
}

using System.Text;

namespace Xlnet.Domain.Networking;

/// <summary>What xlnet keeps on a host for its networking: a pure function of the setting, the leases, and what the host had before.</summary>
public static class NetworkFiles
{
    public const string Interfaces = "/etc/network/interfaces";
    public const string InterfacesFolder = "/etc/network/interfaces.d/";
    public const string Sysctl = "/etc/sysctl.d/60-xlnet.conf";
    public const string Nat = "/etc/xlnet/nat.nft";
    public const string Dnsmasq = "/etc/xlnet/dnsmasq.conf";
    public const string DnsmasqHosts = "/etc/xlnet/dnsmasq.hosts";
    public const string Units = "/etc/systemd/system/";
    public const string NatUnit = "xlnet-nat.service";
    public const string DnsmasqUnit = "xlnet-dnsmasq.service";

    /// <summary>
    /// The first match in the order of names has an interface, over all folders of systemd.network(5), and netplan and cloud-init write
    /// 10-…: so xlnet's come before these.
    /// </summary>
    public const string NetworkdBridgeDevice = "/etc/systemd/network/00-xlnet-bridge.netdev";
    public const string NetworkdBridgeLink = "/etc/systemd/network/00-xlnet-bridge.link";
    public const string NetworkdBridge = "/etc/systemd/network/00-xlnet-bridge.network";
    public const string NetworkdUplink = "/etc/systemd/network/00-xlnet-uplink.network";

    /// <summary>The files that are xlnet's alone, whatever the mode and the backend.</summary>
    public static readonly IReadOnlyList<string> Owned =
        [NetworkdBridgeDevice, NetworkdBridgeLink, NetworkdBridge, NetworkdUplink, Sysctl, Nat, Dnsmasq, DnsmasqHosts, Units + NatUnit, Units + DnsmasqUnit];

    /// <summary>The first line of what is xlnet's.</summary>
    internal const string Mark = "# Written by xlnet, which writes it anew with each apply and takes it away when the host is released.\n";

    /// <summary>All files of the host's networking that xlnet answers for, by path; null for one that must not be there.</summary>
    /// <param name="networking">Null for the host's own: what it had before xlnet.</param>
    /// <param name="leases">For dnsmasq to give; those outside of the subnet are left out.</param>
    /// <param name="originals">
    /// /etc/network/interfaces and the files that it sources, as they were before xlnet; null or absent where there was none. Others may
    /// be among them, and do no harm.
    /// </param>
    public static IReadOnlyDictionary<string, byte[]?> Render(
        HostNetworking? networking, IReadOnlyList<StaticLease> leases, IReadOnlyDictionary<string, byte[]?> originals)
    {
        var files = new SortedDictionary<string, byte[]?>(Owned.ToDictionary(p => p, _ => (byte[]?)null), StringComparer.Ordinal);
        if (originals.ContainsKey(Interfaces) || networking?.Backend == NetworkBackend.Ifupdown)
        {
            var before = IfupdownHost.Of(originals);
            var after = networking?.Backend == NetworkBackend.Ifupdown ? new IfupdownRendering(networking, before).Render() : before;
            foreach (var (path, file) in after.Files)
                files[path] = before.Files.Any(f => f.Path == path && f.File == file) ? originals.GetValueOrDefault(path) : file.ToBytes();
        }

        if (networking is null or { Backend: NetworkBackend.Unmanaged })
            return files;
        if (networking.Backend == NetworkBackend.SystemdNetworkd)
            NetworkdFiles.Render(networking, Put);
        if (networking.Mode is NetworkMode.Routed or NetworkMode.Nat)
            Put(Sysctl, SysctlText(networking));
        if (networking is { Mode: NetworkMode.Nat, Nat: { } nat, Bridge: { } bridge })
            NatFiles.Render(networking, nat, bridge, leases, Put);
        return files;

        void Put(string path, string text) => files[path] = Encoding.UTF8.GetBytes(Mark + text);
    }

    private static string SysctlText(HostNetworking networking)
    {
        var text = new StringBuilder("net.ipv4.ip_forward = 1\n");
        if (networking is { Mode: NetworkMode.Routed, ProxyArp: true })
        {
            // sysctl.d(5): in a key whose first separator is a '/', dots are part of names.
            var separator = networking.Uplink.Contains('.', StringComparison.Ordinal) ? '/' : '.';
            text.AppendJoin(separator, "net", "ipv4", "conf", networking.Uplink, "proxy_arp").Append(" = 1\n");
        }

        return text.ToString();
    }
}

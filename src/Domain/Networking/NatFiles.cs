using System.Globalization;
using System.Text;

namespace Xlnet.Domain.Networking;

/// <summary>What a NAT host runs: a table of nftables and a dnsmasq, both xlnet's own, beside whatever else the host has of these.</summary>
internal static class NatFiles
{
    /// <summary>dnsmasq gives no more leases than this; the kernel's neighbour table ends far below.</summary>
    private const int MostLeases = 65536;

    public static void Render(HostNetworking networking, NatSettings nat, string bridge, IReadOnlyList<StaticLease> leases, Action<string, string> put)
    {
        put(NetworkFiles.Nat, Table(networking.Uplink, nat, bridge));
        put(NetworkFiles.Units + NetworkFiles.NatUnit, NatUnit);
        if (!nat.Dhcp)
            return;
        put(NetworkFiles.Dnsmasq, Dnsmasq(networking, nat, bridge));
        put(NetworkFiles.DnsmasqHosts, string.Concat(leases.Where(l => nat.Subnet.Contains(l.Address) && !l.Address.Equals(nat.Gateway)).OrderBy(l => l.Mac).Select(Host)));
        put(NetworkFiles.Units + NetworkFiles.DnsmasqUnit, DnsmasqUnit);
    }

    /// <summary>
    /// To name a table makes it where it is not there, so deleting it then never fails, and to load the file twice is to load it once:
    /// nft does a file as one transaction.
    /// </summary>
    private static string Table(string uplink, NatSettings nat, string bridge)
    {
        var forwards = new StringBuilder();
        foreach (var forward in nat.PortForwards)
        {
            forwards.Append(CultureInfo.InvariantCulture,
                $"        iifname \"{uplink}\" fib daddr type local {forward.Protocol} dport {forward.Port} dnat to {forward.ToAddress}:{forward.ToPort}\n");
        }

        return $$"""
            table ip xlnet_nat
            delete table ip xlnet_nat

            table ip xlnet_nat {
                chain prerouting {
                    type nat hook prerouting priority dstnat; policy accept;
            {{forwards}}    }

                chain postrouting {
                    type nat hook postrouting priority srcnat; policy accept;
                    ip saddr {{nat.Subnet}} oifname "{{uplink}}" masquerade
                }

                chain forward {
                    type filter hook forward priority filter; policy accept;
                    iifname "{{bridge}}" oifname "{{uplink}}" ip saddr {{nat.Subnet}} accept
                    iifname "{{uplink}}" oifname "{{bridge}}" ct state established,related accept
                    iifname "{{uplink}}" oifname "{{bridge}}" ct status dnat accept
                    iifname "{{uplink}}" oifname "{{bridge}}" drop
                    iifname "{{bridge}}" oifname "{{uplink}}" drop
                }
            }

            """;
    }

    /// <summary>nftables.service begins and ends with an empty ruleset: what it does is followed.</summary>
    private const string NatUnit = $"""
        [Unit]
        Description=xlnet: address translation for the guests
        Documentation=man:nft(8)
        After=nftables.service
        PartOf=nftables.service
        ReloadPropagatedFrom=nftables.service
        Before=network.target

        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStart=/usr/sbin/nft -f {NetworkFiles.Nat}
        ExecReload=/usr/sbin/nft -f {NetworkFiles.Nat}
        ExecStop=/usr/sbin/nft delete table ip xlnet_nat

        [Install]
        WantedBy=multi-user.target

        """;

    /// <summary>
    /// bind-dynamic is bind-interfaces, so that other DNS and DHCP servers of the host go on undisturbed, which also takes a bridge that
    /// comes later or comes again.
    /// </summary>
    private static string Dnsmasq(HostNetworking networking, NatSettings nat, string bridge)
    {
        var (first, last) = nat.Leased;
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"""
            interface={bridge}
            except-interface=lo
            bind-dynamic
            pid-file=/run/xlnet-dnsmasq.pid
            no-hosts
            domain-needed
            bogus-priv

            """);
        if (networking.Addressing.Dns is { Count: > 0 } dns)
        {
            text.Append("no-resolv\n");
            foreach (var server in dns)
                text.Append(CultureInfo.InvariantCulture, $"server={server}\n");
        }
        else
        {
            text.Append("resolv-file=/etc/resolv.conf\n");
        }

        if (nat.Domain is { } domain)
            text.Append(CultureInfo.InvariantCulture, $"domain={domain}\nlocal=/{domain}/\n");
        // dnsmasq gives no address that the hosts file has to any other.
        text.Append(CultureInfo.InvariantCulture, $"""
            dhcp-authoritative
            dhcp-leasefile=/var/lib/xlnet/dnsmasq.leases
            dhcp-hostsfile={NetworkFiles.DnsmasqHosts}
            dhcp-range={first},{last},{Mask(nat.Subnet.PrefixLength)},12h
            dhcp-lease-max={Math.Min(MostLeases, (1L << (32 - nat.Subnet.PrefixLength)) - 3)}

            """);
        if (networking.Mtu is { } mtu)
            text.Append(CultureInfo.InvariantCulture, $"dhcp-option-force=option:mtu,{mtu}\n");
        return text.ToString();
    }

    /// <summary>A name is for DNS too, so what a guest's name may hold and a label may not becomes '-'.</summary>
    private static string Host(StaticLease lease)
    {
        var name = new string([.. lease.Name.Select(c => char.IsAsciiLetterOrDigit(c) ? c : '-')]).Trim('-');
        return $"{lease.Mac},{lease.Address}{(name.Length is > 0 and <= 63 ? "," + name : "")}\n";
    }

    private static string Mask(int prefix)
    {
        var mask = uint.MaxValue << (32 - prefix);
        return string.Create(CultureInfo.InvariantCulture, $"{mask >> 24}.{mask >> 16 & 255}.{mask >> 8 & 255}.{mask & 255}");
    }

    private const string DnsmasqUnit = $"""
        [Unit]
        Description=xlnet: addresses and names for the guests
        Documentation=man:dnsmasq(8)
        After=network.target

        [Service]
        ExecStartPre=/bin/mkdir -p /var/lib/xlnet
        ExecStart=/usr/sbin/dnsmasq --keep-in-foreground --conf-file={NetworkFiles.Dnsmasq}
        ExecReload=/bin/kill -HUP $MAINPID
        Restart=on-failure
        RestartSec=2

        [Install]
        WantedBy=multi-user.target

        """;
}

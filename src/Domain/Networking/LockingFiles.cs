using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using Xlnet.Domain.Macs;

namespace Xlnet.Domain.Networking;

/// <param name="Name">Of its interface on Dom0.</param>
/// <param name="Emulated">Whether the device model has a second interface for it, <c>NAME-emu</c>.</param>
/// <param name="Addresses">That its guest may send from, beside the link-local one of its MAC address.</param>
/// <param name="OpenVSwitch">Whether it is on Open vSwitch, and not on a Linux bridge.</param>
public sealed record LockedVif(string Name, bool Emulated, MacAddress Mac, IReadOnlyList<IPAddress> Addresses, bool OpenVSwitch = false)
{
    internal IReadOnlyList<string> Interfaces => Emulated ? [Name, Name + "-emu"] : [Name];

    internal IReadOnlyList<IPAddress> IPv6 => [.. Addresses.Where(a => a.AddressFamily == AddressFamily.InterNetworkV6).Append(LinkLocal(Mac)).Distinct()];

    /// <summary>RFC 4291, appendix A.</summary>
    private static IPAddress LinkLocal(MacAddress mac)
    {
        var id = (mac.Value >> 24 << 40 | 0xfffe000000 | mac.Value & 0xffffff) ^ 1UL << 57;
        var bytes = new byte[16];
        (bytes[0], bytes[1]) = (0xfe, 0x80);
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(8), id);
        return new IPAddress(bytes);
    }
}

/// <summary>
/// What holds the guests of locked vifs to their addresses: rules of nftables on what comes in from Dom0's interfaces, by name, so that
/// they are in force before there is an interface; and where one is on Open vSwitch, <see cref="LockingFlows"/>. Both name every locked
/// vif, so that one which goes from the one kind of bridge to the other is never without. A pure function of the locked vifs.
/// </summary>
public static partial class LockingFiles
{
    public const string Rules = "/etc/xlnet/locking.nft";
    public const string Unit = "xlnet-locking.service";
    public const string UnitPath = NetworkFiles.Units + Unit;
    public const string Table = "xlnet_locking";

    /// <summary>The files that are xlnet's alone.</summary>
    public static readonly IReadOnlyList<string> Owned = [Rules, UnitPath, .. LockingFlows.Owned];

    /// <summary>By path; null for a file that must not be there, which are all of them where no vif is locked.</summary>
    public static IReadOnlyDictionary<string, byte[]?> Render(IReadOnlyList<LockedVif> vifs)
    {
        var files = Owned.ToDictionary(p => p, _ => (byte[]?)null);
        if (vifs.Count > 0)
        {
            files[Rules] = Encoding.UTF8.GetBytes(NetworkFiles.Mark + RulesOf(vifs));
            files[UnitPath] = Encoding.UTF8.GetBytes(NetworkFiles.Mark + UnitText);
        }

        if (vifs.Any(v => v.OpenVSwitch))
        {
            foreach (var (path, content) in LockingFlows.Render(vifs))
                files[path] = content;
        }

        return files;
    }

    /// <summary>
    /// The chain that a file of rules names after its own content: there is one of that name exactly when the kernel has these rules,
    /// since a file is loaded as a whole or not at all.
    /// </summary>
    /// <returns>Null where it is no such file.</returns>
    public static string? ChainOf(byte[] rules) => Chain().Match(Encoding.UTF8.GetString(rules)) is { Success: true } match ? match.Groups[1].Value : null;

    [GeneratedRegex(@"^    chain (rules_[0-9a-f]{16}) \{\}$", RegexOptions.Multiline)]
    private static partial Regex Chain();

    private static string RulesOf(IReadOnlyList<LockedVif> vifs)
    {
        var (jumps, chains) = (new List<string>(), new StringBuilder());
        foreach (var (number, vif) in vifs.OrderBy(v => v.Name, StringComparer.Ordinal).Index())
        {
            var chain = string.Create(CultureInfo.InvariantCulture, $"vif_{number + 1}");
            jumps.AddRange(vif.Interfaces.Select(n => $"\"{n}\" : jump {chain}"));
            chains.Append(ChainFor(chain, vif));
        }

        var map = $"iifname vmap {{ {string.Join(", ", jumps)} }}";
        // What is sent to a bridge's own group addresses, as those of spanning tree are, comes by 'input' alone.
        var body = $$"""
                chain prerouting {
                    type filter hook prerouting priority -300; policy accept;
                    {{map}}
                }

                chain input {
                    type filter hook input priority -300; policy accept;
                    {{map}}
                }

            """ + "\n";
        var digest = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(chains + body)))[..16];
        return $$"""
            table bridge {{Table}}
            delete table bridge {{Table}}

            table bridge {{Table}} {
                chain rules_{{digest}} {}


            """ + chains + body.TrimEnd('\n') + "\n}\n";
    }

    /// <summary>What no rule lets pass is dropped: foreign senders, VLANs, router advertisements, every other protocol.</summary>
    private static string ChainFor(string chain, LockedVif vif)
    {
        var ipv4 = vif.Addresses.Where(a => a.AddressFamily == AddressFamily.InterNetwork).ToList();
        var ipv6 = vif.IPv6;
        var arp = "ether type arp arp htype 1 arp ptype ip arp hlen 6 arp plen 4";
        List<string> rules =
        [
            $"ether saddr != {vif.Mac} drop",
            "ether type { 8021q, 8021ad } drop",
            $"ether type arp arp saddr ether != {vif.Mac} drop",
            // Probing whether an address is free (RFC 5227), and asking for one.
            $"{arp} arp operation request arp saddr ip 0.0.0.0 return",
            "ether type ip ip saddr 0.0.0.0 udp sport 68 udp dport 67 return",
            "ether type ip udp sport 67 drop",
        ];
        if (ipv4.Count > 0)
        {
            var addresses = string.Join(", ", ipv4);
            rules.Add($"{arp} arp saddr ip {{ {addresses} }} return");
            rules.Add($"ether type ip ip saddr {{ {addresses} }} return");
        }

        rules.Add("ether type ip6 udp sport 547 drop");
        rules.Add("ether type ip6 icmpv6 type { nd-router-advert, nd-redirect } drop");
        // The target of an advertisement, as nft before 1.0.9 has no name for it.
        rules.AddRange(ipv6.Select(a => $"ether type ip6 ip6 saddr {{ {string.Join(", ", ipv6)} }} icmpv6 type nd-neighbor-advert @th,64,128 0x{Convert.ToHexStringLower(a.GetAddressBytes())} return"));
        rules.Add("ether type ip6 icmpv6 type nd-neighbor-advert drop");
        // Detecting duplicates, joining groups and looking for routers before there is an address (RFC 4862, RFC 3810, RFC 4861).
        rules.Add("ether type ip6 ip6 saddr :: icmpv6 type { nd-neighbor-solicit, nd-router-solicit, mld-listener-report, mld2-listener-report } return");
        rules.Add($"ether type ip6 ip6 saddr {{ {string.Join(", ", ipv6)} }} return");
        rules.Add("drop");
        return $"    chain {chain} {{\n" + string.Concat(rules.Select(r => $"        {r}\n")) + "    }\n\n";
    }

    /// <summary>Reloading is one transaction of nft's, and never leaves a guest without its rules.</summary>
    private const string UnitText = $"""
        [Unit]
        Description=xlnet: holds guests to their addresses
        Documentation=man:nft(8)
        After=nftables.service
        PartOf=nftables.service
        ReloadPropagatedFrom=nftables.service
        Before=network.target

        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStart=/usr/sbin/nft -f {Rules}
        ExecReload=/usr/sbin/nft -f {Rules}
        ExecStop=/usr/sbin/nft delete table bridge {Table}

        [Install]
        WantedBy=multi-user.target

        """;
}

using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace Xlnet.Domain.Networking;

/// <summary>
/// The same on Open vSwitch, which passes its ports' frames by all that nftables has of bridges: OpenFlow entries by the port. A port's
/// number is another at each create, so a hotplug script of xlnet's, in place of vif-openvswitch, puts them in before it sets the
/// interface up.
/// </summary>
public static class LockingFlows
{
    public const string Path = "/etc/xlnet/locking-ovs.flows";
    public const string ScriptName = "vif-xlnet-openvswitch";
    public const string ScriptPath = "/etc/xen/scripts/" + ScriptName;
    public const string Unit = "xlnet-locking-ovs.service";
    public const string UnitPath = NetworkFiles.Units + Unit;

    /// <summary>The files that are xlnet's alone.</summary>
    public static readonly IReadOnlyList<string> Owned = [Path, ScriptPath, UnitPath];

    /// <summary>"xlnet": how its entries are told from any other's.</summary>
    private const string Cookie = "0x786c6e6574";

    internal static IReadOnlyDictionary<string, byte[]?> Render(IEnumerable<LockedVif> vifs) => new Dictionary<string, byte[]?>
    {
        [Path] = Encoding.UTF8.GetBytes(NetworkFiles.Mark + string.Concat(vifs.OrderBy(v => v.Name, StringComparer.Ordinal).SelectMany(Lines))),
        [ScriptPath] = Encoding.UTF8.GetBytes("#!/bin/bash\n" + NetworkFiles.Mark + ScriptText),
        [UnitPath] = Encoding.UTF8.GetBytes(NetworkFiles.Mark + UnitText),
    };

    /// <summary>An interface's name and an entry in each: the script says which port that is.</summary>
    private static IEnumerable<string> Lines(LockedVif vif) => vif.Interfaces.SelectMany(name => FlowsFor(vif).Select(f => $"{name} cookie={Cookie},{f}\n"));

    /// <summary>
    /// What no entry lets pass is dropped. An address of a protocol stands for the whole of it: Open vSwitch reads 0 from an ARP packet
    /// that is not of Ethernet and IPv4, and from an advertisement that is cut off (ovs-fields(7)).
    /// </summary>
    private static List<string> FlowsFor(LockedVif vif)
    {
        const int Drop = 65532, Pass = 65533, Forbid = 65534, Advert = 65535;
        var ipv4 = vif.Addresses.Where(a => a.AddressFamily == AddressFamily.InterNetwork).ToList();
        var ipv6 = vif.IPv6;
        List<string> flows =
        [
            Flow(Pass, "arp", $"arp_sha={vif.Mac},arp_op=1,arp_spa=0.0.0.0"),
            Flow(Pass, "udp", "nw_src=0.0.0.0,tp_src=68,tp_dst=67"),
            Flow(Forbid, "udp", "tp_src=67"),
            .. ipv4.Select(a => Flow(Pass, "arp", $"arp_sha={vif.Mac},arp_spa={a}")),
            .. ipv4.Select(a => Flow(Pass, "ip", $"nw_src={a}")),
            Flow(Forbid, "udp6", "tp_src=547"),
            .. from source in ipv6 from target in ipv6 select Flow(Advert, "icmp6", $"ipv6_src={source},icmp_type=136,icmp_code=0,nd_target={target}"),
            // Of neighbours, where others are not let pass; of routers, and redirects.
            .. from type in (int[])[136, 134, 137] select Flow(Forbid, "icmp6", Text($"icmp_type={type}")),
            // Solicitations, and reports of MLD in its two versions.
            .. from type in (int[])[135, 133, 131, 143] select Flow(Pass, "icmp6", Text($"ipv6_src=::,icmp_type={type}")),
            .. ipv6.Select(a => Flow(Pass, "ipv6", $"ipv6_src={a}")),
            Text($"priority={Drop},actions=drop"),
        ];
        return flows;

        // Untagged: the bit that says otherwise is not set.
        string Flow(int priority, string protocol, string match) => Text(
            $"priority={priority},{protocol},dl_src={vif.Mac},vlan_tci=0x0000/0x1000,{match},actions={(priority == Forbid ? "drop" : "NORMAL")}");

        static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>
    /// In bash, as the functions of Xen's that it uses. All entries are loaded together, whichever port they are for, under a lock: who
    /// is second reads the ports of who was first. A bundle is one transaction, and never leaves a port without its entries.
    /// </summary>
    private const string ScriptText = $$"""
        # Joins a locked vif to Open vSwitch as vif-openvswitch does, and sets it up only when the flows are in force that hold its guest to
        # its addresses. For libxl: online, offline, add, remove. For {{Unit}}: open, load, close. check: whether they are in force.

        flows={{Path}}
        cookie={{Cookie}}
        PATH=$PATH:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin

        vsctl() { ovs-vsctl --timeout=10 "$@"; }
        ofctl() { ovs-ofctl --timeout=10 -O OpenFlow10,OpenFlow11,OpenFlow12,OpenFlow13,OpenFlow14,OpenFlow15 "$@"; }

        # What the ports of each bridge are to have: the flows of the file, with the numbers that its ports have now.
        declare -A wanted held
        survey() {
            local state word name flow bridge=
            local -A on at
            state=$(vsctl --format=csv --data=bare --no-headings show -- --columns=name,ofport list interface) || return 1
            while read -r word name _; do
                name=${name//\"/}
                case $word in
                    Bridge) bridge=$name wanted[$name]= ;;
                    Port) on[$name]=$bridge ;;
                    *,*) at[${word%%,*}]=${word##*,} ;;
                esac
            done <<<"$state"
            [ ! -e "$flows" ] || while read -r name flow; do
                # Without a number it has no device.
                [[ -n ${on[$name]:-} && ${at[$name]:-} =~ ^[0-9]+$ ]] || continue
                held[$name]=${at[$name]}
                wanted[${on[$name]}]+="in_port=${at[$name]},$flow"$'\n'
            done <"$flows"
        }

        locked() { exec 9>/run/xlnet-locking-ovs.lock && flock --timeout 30 9 && "$@"; }

        # With a port's name, it fails unless that port is held now.
        load() {
            local bridge
            survey && [[ -z ${1:-} || -n ${held[$1]:-} ]] || return 1
            for bridge in "${!wanted[@]}"; do
                # Another bridge may be broken.
                printf '%s\n' "delete cookie=$cookie/-1" "${wanted[$bridge]//in_port/add in_port}" | ofctl --bundle add-flows "$bridge" - || [ -z "${wanted[$bridge]}" ] || return 1
            done
        }

        check() {
            local bridge
            survey || return 1
            for bridge in "${!wanted[@]}"; do
                ofctl diff-flows <(echo "${wanted[$bridge]}") <(ofctl --no-stats --no-names dump-flows "$bridge" "cookie=$cookie/-1") || return 1
            done
        }

        open() {
            local name
            load || return 1
            for name in "${!held[@]}"; do ip link set dev "$name" up || return 1; done
        }

        # Until there are flows again, nothing is to come from a locked vif, or from the one that is named. Those on a Linux bridge have
        # other rules.
        close() {
            local name last=
            [ -e "$flows" ] || { load; return; }
            while read -r name _; do
                [ "$name" != "$last" ] && [ "${1:-$name}" = "$name" ] && [ -e "/sys/class/net/$name" ] && [ ! -e "/sys/class/net/$name/brport" ] || continue
                last=$name
                ip link set dev "$name" down || return 1
            done <"$flows"
        }

        case $1 in open | load | close | check) locked "$@"; exit ;; esac

        . "$(dirname "$0")/vif-common.sh"

        plug() {
            local bridge tag id mac vm name uuid
            [[ $(<"$flows") == *$'\n'"$dev "* ]] || fatal "xlnet has no rules for $dev: $(basename "$0") is for vifs that it has locked."
            { read -r bridge; read -r id; read -r mac; } <<<"$(xenstore_read "$XENBUS_PATH/bridge" "$XENBUS_PATH/frontend-id" "$XENBUS_PATH/mac")"
            [[ $bridge =~ ^([^.:]+)(\.([0-9]+))?$ ]] || fatal "'$bridge' is no bridge of a locked vif on Open vSwitch: that is BR, or BR.TAG."
            bridge=${BASH_REMATCH[1]} tag=${BASH_REMATCH[3]}
            vm=$(xenstore_read "/local/domain/$id/vm")
            { read -r name; read -r uuid; } <<<"$(xenstore_read "$vm/name" "$vm/uuid")"
            do_or_die ip link set dev "$dev" down
            # As for every port of a guest's: one that nothing takes for its own address.
            do_without_error ip link set dev "$dev" address fe:ff:ff:ff:ff:ff
            do_without_error ip address flush dev "$dev"
            # What a guest says of spanning trees, Open vSwitch would hear before it looks at any flow.
            do_or_die ovs-vsctl --timeout=30 -- --if-exists del-port "$dev" \
                -- add-port "$bridge" "$dev" ${tag:+"tag=$tag"} other_config:stp-enable=false other_config:rstp-enable=false \
                -- set interface "$dev" "external-ids:\"xen-vm-name\"=\"$name\"" "external-ids:\"xen-vm-uuid\"=\"$uuid\"" "external-ids:\"attached-mac\"=\"$mac\""
            (locked load "$dev") || fatal "The flows that hold the guest of $dev to its addresses cannot be put in."
            do_or_die ip link set dev "$dev" up
        }

        case $command in
            add | online)
                plug ;;
            remove | offline)
                do_without_error ovs-vsctl --timeout=30 -- --if-exists del-port "$dev"
                do_without_error ip link set dev "$dev" down
                (locked load) || log err "The flows of $dev cannot be taken out." ;;
        esac

        log debug "Successful $(basename "$0") $command for $dev."
        if [ "$type_if" = vif ] && [ "$command" = online ]; then
            success
        fi

        """;

    /// <summary>
    /// ovs-vswitchd comes back without flows, and its bridges then pass everything on. Where one unit is restarted with another, it is
    /// stopped before that is started (systemd.unit(5), After=): so the interfaces are down until the flows are in again.
    /// </summary>
    private const string UnitText = $"""
        [Unit]
        Description=xlnet: holds guests on Open vSwitch to their addresses
        Documentation=man:ovs-ofctl(8)
        After=ovs-vswitchd.service
        PartOf=ovs-vswitchd.service
        Before=xendomains.service

        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStart={ScriptPath} open
        ExecReload={ScriptPath} load
        ExecStop={ScriptPath} close

        [Install]
        WantedBy=multi-user.target ovs-vswitchd.service

        """;
}

using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Xlnet.Infrastructure.Hosts.Simulation;

/// <summary>
/// <c>ip</c> of iproute2 6.1: link and addr, as JSON (<c>-j</c>, with <c>-d</c> the kinds, with <c>-s</c> the counters) and brief (<c>-br</c>); adds and removes
/// bridges and sets interfaces up, down, their MTU and their bridge.
/// </summary>
internal static class IpProgram
{
    private const int MinimumMtu = 68;
    private const int MaximumMtu = 65535;

    public static Answer Run(SimulatedDom0 dom0, IReadOnlyList<string> args)
    {
        var options = args.TakeWhile(a => a.StartsWith('-')).ToList();
        var state = dom0.State;
        return args.Skip(options.Count).ToArray() switch
        {
            ["link" or "addr"] or ["link" or "addr", "show"] => Show(state, options, args[options.Count], state.Interfaces),
            ["link" or "addr", "show", "dev", var name] => state.FindInterface(name) is { } one
                ? Show(state, options, args[options.Count], [one])
                : Answer.Fail(1, $"Device \"{name}\" does not exist.\n"),
            ["link", "add", "name", var name, .. var rest] => AddLink(state, name, rest),
            ["link", "delete", "dev", var name, .. var rest] => Delete(state, name, rest),
            ["link", "set", "dev", var name, .. var rest] => state.FindInterface(name) is { } device
                ? Set(state, device, rest)
                : Answer.Fail(1, $"Cannot find device \"{name}\"\n"),
            ["link", "set", var name, .. var rest] => state.FindInterface(name) is { } device
                ? Set(state, device, rest)
                : Answer.Fail(1, $"Cannot find device \"{name}\"\n"),
            ["addr", "add", var address, "dev", var name] => AddAddress(state, address, name, replace: false),
            ["addr", "replace", var address, "dev", var name] => AddAddress(state, address, name, replace: true),
            ["addr", "del", var address, "dev", var name] => state.FindInterface(name)?.Addresses.Remove(address) == true
                ? Answer.Nothing
                : Answer.Fail(2, "RTNETLINK answers: Cannot assign requested address\n"),
            ["route", "show"] when options.Contains("-j") => ShowRoutes(state, v6: options.Contains("-6")),
            ["route", "replace", var destination, .. var rest] => ReplaceRoute(state, destination, rest),
            [var what, ..] => Answer.Fail(1, $"Object \"{what}\" is unknown, try \"ip help\".\n"),
            [] => Answer.Fail(255, "Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }\n"),
        };
    }

    /// <summary>iproute2's check_ifname: 1 to 15 bytes, no slash, no blank.</summary>
    public static bool IsInterfaceName(string name) =>
        name.Length is > 0 and <= 15 && !name.Any(c => c == '/' || char.IsWhiteSpace(c));

    /// <summary>As the kernel says it, in its order.</summary>
    public static IReadOnlyList<string> Flags(SimulatedDom0State state, SimulatedInterface device)
    {
        var flags = new List<string>();
        var carrier = HasCarrier(state, device);
        if (device.Up && !carrier)
            flags.Add("NO-CARRIER");
        flags.AddRange(device.Kind == "loopback" ? ["LOOPBACK"] : ["BROADCAST", "MULTICAST"]);
        if (device.Up)
            flags.Add("UP");
        if (device.Up && carrier)
            flags.Add("LOWER_UP");
        return flags;
    }

    /// <summary>Each interface by its index, as <c>ip monitor link</c> prints it.</summary>
    public static IReadOnlyDictionary<int, string> Links(SimulatedDom0State state) => state.Interfaces.ToDictionary(i => i.Index, device => string.Create(
        CultureInfo.InvariantCulture,
        $"{device.Index}: {device.Name}: <{string.Join(',', Flags(state, device))}> mtu {device.Mtu} qdisc {Qdisc(device)} {(device.Master is null ? "" : $"master {device.Master} ")}state {OperState(state, device)} group default "));

    /// <summary>What <c>ip monitor link</c> prints when the links become others.</summary>
    public static IEnumerable<string> Monitor(IReadOnlyDictionary<int, string> before, IReadOnlyDictionary<int, string> now) =>
    [
        .. before.Where(link => !now.ContainsKey(link.Key)).Select(link => "Deleted " + link.Value),
        .. now.Where(link => before.GetValueOrDefault(link.Key) != link.Value).OrderBy(link => link.Key).Select(link => link.Value),
    ];

    public static SimulatedInterface NewInterface(SimulatedDom0State state, string name, string kind)
    {
        var random = state.TakeRandom();
        var device = new SimulatedInterface
        {
            Index = state.NextInterfaceIndex++,
            Name = name,
            Kind = kind,
            // Unicast and locally administered, as the kernel draws it.
            Mac = string.Join(':', Enumerable.Range(0, 6).Select(i =>
                ((byte)((random >> (8 * i) & 0xff) is var b && i == 0 ? b & 0xfc | 0x02 : b)).ToString("x2", CultureInfo.InvariantCulture))),
        };
        state.Interfaces.Add(device);
        return device;
    }

    /// <summary>A bridge has carrier when one of its ports has.</summary>
    private static bool HasCarrier(SimulatedDom0State state, SimulatedInterface device) => device.Kind switch
    {
        "bridge" => state.Interfaces.Exists(i => i.Master == device.Name && i is { Up: true, Carrier: true }),
        "openvswitch" => device.Up,
        _ => device.Carrier,
    };

    private static string Qdisc(SimulatedInterface device) => device.Up ? device.Vif is null ? "noqueue" : "mq" : "noop";

    private static string OperState(SimulatedDom0State state, SimulatedInterface device) => device switch
    {
        { Kind: "loopback" } => "UNKNOWN",
        { Up: false } => "DOWN",
        { Kind: "openvswitch" } => "UNKNOWN",
        _ => HasCarrier(state, device) ? "UP" : "DOWN",
    };

    private static Answer Show(SimulatedDom0State state, List<string> options, string what, IReadOnlyList<SimulatedInterface> devices)
    {
        if (options.Contains("-j"))
        {
            var array = new JsonArray([.. devices.Select(d => Json(state, d, options, what == "addr"))]);
            // ip ends its JSON with a blank only when it is no terminal's; a line break is always there.
            return Answer.Print(array.ToJsonString() + "\n");
        }

        if (!options.Contains("-br"))
            return Answer.Fail(1, "The simulation has ip only with -j or -br.\n");

        var text = new StringBuilder();
        foreach (var device in devices)
        {
            text.Append(CultureInfo.InvariantCulture, $"{device.Name,-16} {OperState(state, device),-14} ");
            if (what == "link")
                text.Append(CultureInfo.InvariantCulture, $"{device.Mac} <{string.Join(',', Flags(state, device))}> ");
            else
                text.AppendJoin("", device.Addresses.Select(a => a + " "));
            text.Append('\n');
        }

        return Answer.Print(text.ToString());
    }

    private static JsonObject Json(SimulatedDom0State state, SimulatedInterface device, List<string> options, bool addresses)
    {
        var json = new JsonObject
        {
            ["ifindex"] = device.Index,
            ["ifname"] = device.Name,
            ["flags"] = new JsonArray([.. Flags(state, device).Select(f => JsonValue.Create(f))]),
            ["mtu"] = device.Mtu,
            ["qdisc"] = Qdisc(device),
        };
        if (device.Peer is not null)
            json["link"] = device.Peer;
        if (device.Master is not null)
            json["master"] = device.Master;
        json["operstate"] = OperState(state, device);
        if (!addresses)
            json["linkmode"] = "DEFAULT";
        json["group"] = "default";
        json["txqlen"] = 1000;
        json["link_type"] = device.Kind == "loopback" ? "loopback" : "ether";
        json["address"] = device.Mac;
        json["broadcast"] = device.Kind == "loopback" ? "00:00:00:00:00:00" : "ff:ff:ff:ff:ff:ff";
        if (options.Contains("-d"))
            AddDetails(json, device);
        if (addresses)
            json["addr_info"] = new JsonArray([.. device.Addresses.Select(a => AddressJson(device, a))]);
        if (options.Contains("-s"))
            json["stats64"] = new JsonObject { ["rx"] = Counters("over_errors", "multicast"), ["tx"] = Counters("carrier_errors", "collisions") };
        return json;
    }

    /// <summary>No packet ever passes here.</summary>
    private static JsonObject Counters(string fifth, string sixth) =>
        new() { ["bytes"] = 0, ["packets"] = 0, ["errors"] = 0, ["dropped"] = 0, [fifth] = 0, [sixth] = 0 };

    private static void AddDetails(JsonObject json, SimulatedInterface device)
    {
        json["promiscuity"] = device.Master is null ? 0 : 1;
        json["allmulti"] = device.Master is null ? 0 : 1;
        json["min_mtu"] = device.Kind == "loopback" ? 0 : MinimumMtu;
        json["max_mtu"] = device.Kind == "loopback" ? 0 : MaximumMtu;
        var info = new JsonObject();
        if (device.Kind is "bridge" or "openvswitch" or "veth")
            info["info_kind"] = device.Kind;
        if (device.Kind == "bridge")
            info["info_data"] = new JsonObject { ["forward_delay"] = 0, ["stp_state"] = 0, ["vlan_filtering"] = device.VlanFiltering ? 1 : 0 };
        if (device.Master is not null)
            info["info_slave_kind"] = device.Master == OvsProgram.SystemInterface ? "openvswitch" : "bridge";
        if (info.Count > 0)
            json["linkinfo"] = info;
        json["num_tx_queues"] = device.Vif is null ? 1 : 2;
        json["num_rx_queues"] = device.Vif is null ? 1 : 2;
        if (device.Vif is not null)
        {
            json["parentbus"] = "xen-backend";
            json["parentdev"] = "vif-" + device.Vif;
        }
    }

    private static JsonObject AddressJson(SimulatedInterface device, string address)
    {
        var (local, length) = (address[..address.IndexOf('/')], int.Parse(address[(address.IndexOf('/') + 1)..], CultureInfo.InvariantCulture));
        var v6 = local.Contains(':');
        var json = new JsonObject
        {
            ["family"] = v6 ? "inet6" : "inet",
            ["local"] = local,
            ["prefixlen"] = length,
            ["scope"] = local is "::1" or "127.0.0.1" ? "host" : local.StartsWith("fe80", StringComparison.Ordinal) ? "link" : "global",
        };
        if (!v6)
            json["label"] = device.Name;
        json["valid_life_time"] = uint.MaxValue;
        json["preferred_life_time"] = uint.MaxValue;
        return json;
    }

    private static Answer AddLink(SimulatedDom0State state, string name, string[] rest)
    {
        if (!IsInterfaceName(name))
            return Answer.Fail(255, $"Error: argument \"{name}\" is wrong: \"name\" not a valid ifname\n");
        var mtu = 1500;
        if (rest is ["mtu", var text, ..])
        {
            if (CheckMtu(text, out mtu) is { } wrong)
                return wrong;
            rest = rest[2..];
        }

        if (state.FindInterface(name) is not null)
            return Answer.Fail(2, "RTNETLINK answers: File exists\n");
        if (rest is ["type", "veth", "peer", "name", var peer])
        {
            NewInterface(state, peer, "veth").Peer = name;
            NewInterface(state, name, "veth").Peer = peer;
            return Answer.Nothing;
        }

        if (rest is not ["type", "bridge", .. var options])
            return Answer.Fail(2, "Error: Unknown device type.\n");
        var bridge = NewInterface(state, name, "bridge");
        bridge.Mtu = mtu;
        bridge.VlanFiltering = options.Chunk(2).Any(o => o is ["vlan_filtering", "1"]);
        return Answer.Nothing;
    }

    private static Answer Delete(SimulatedDom0State state, string name, string[] rest)
    {
        if (state.FindInterface(name) is not { } device)
            return Answer.Fail(1, $"Cannot find device \"{name}\"\n");
        if (device.Kind != "bridge" && rest is ["type", ..] || device.Kind is null or "loopback" or "openvswitch")
            return Answer.Fail(2, "RTNETLINK answers: Operation not supported\n");
        foreach (var port in state.Interfaces.Where(i => i.Master == name))
            port.Master = null;
        if (device.Peer is not null)
            state.Interfaces.RemoveAll(i => i.Name == device.Peer);
        state.Interfaces.Remove(device);
        state.Routes.RemoveAll(r => r.Dev == name);
        return Answer.Nothing;
    }

    private static Answer Set(SimulatedDom0State state, SimulatedInterface device, string[] words)
    {
        switch (words)
        {
            case ["up"]:
                device.Up = true;
                return Answer.Nothing;
            case ["down"]:
                device.Up = false;
                state.Routes.RemoveAll(r => r.Dev == device.Name);
                return Answer.Nothing;
            case ["nomaster"] when device.Master == OvsProgram.SystemInterface:
                return Answer.Fail(2, "RTNETLINK answers: Operation not supported\n");
            case ["nomaster"]:
                device.Master = null;
                return Answer.Nothing;
            case ["master", var name]:
                if (state.FindInterface(name) is not { } bridge)
                    return Answer.Fail(255, "Error: argument \"" + name + "\" is wrong: Device does not exist\n");
                if (bridge.Kind != "bridge")
                    return Answer.Fail(2, "RTNETLINK answers: Operation not supported\n");
                if (device.Kind == "loopback")
                    return Answer.Fail(2, "RTNETLINK answers: Invalid argument\n");
                if (device.Master == OvsProgram.SystemInterface)
                    return Answer.Fail(2, "RTNETLINK answers: Operation not supported\n");
                device.Master = name;
                return Answer.Nothing;
            case ["type", "bridge", "vlan_filtering", "0" or "1"] when device.Kind == "bridge":
                device.VlanFiltering = words[^1] == "1";
                return Answer.Nothing;
            case ["mtu", var text]:
                if (CheckMtu(text, out var mtu) is { } wrong)
                    return wrong;
                device.Mtu = mtu;
                return Answer.Nothing;
            default:
                return Answer.Fail(255, $"Error: either \"dev\" is duplicate, or \"{string.Join(' ', words)}\" is a garbage.\n");
        }
    }

    private static Answer? CheckMtu(string text, out int mtu)
    {
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out mtu))
            return Answer.Fail(255, $"Error: argument \"{text}\" is wrong: Invalid \"mtu\" value\n");
        return mtu switch
        {
            < MinimumMtu => Answer.Fail(2, "Error: mtu less than device minimum.\n"),
            > MaximumMtu => Answer.Fail(2, "Error: mtu greater than device maximum.\n"),
            _ => null,
        };
    }

    private static Answer ShowRoutes(SimulatedDom0State state, bool v6)
    {
        var routes = state.Routes.Where(r => (r.Dst + r.Gateway).Contains(':') == v6);
        return Answer.Print(new JsonArray([.. routes.Select(Json)]).ToJsonString() + "\n");

        static JsonObject Json(SimulatedRoute route)
        {
            var json = new JsonObject { ["dst"] = route.Dst };
            if (route.Gateway is not null)
                json["gateway"] = route.Gateway;
            json["dev"] = route.Dev;
            if (route.Protocol is not null)
                json["protocol"] = route.Protocol;
            if (route.Scope is not null)
                json["scope"] = route.Scope;
            if (route.Prefsrc is not null)
                json["prefsrc"] = route.Prefsrc;
            if (route.Metric is not null)
                json["metric"] = route.Metric;
            json["flags"] = new JsonArray();
            return json;
        }
    }

    private static Answer ReplaceRoute(SimulatedDom0State state, string destination, string[] words)
    {
        var pairs = words.Chunk(2).Where(p => p.Length == 2).ToDictionary(p => p[0], p => p[1]);
        if (pairs.GetValueOrDefault("dev") is not { } name || state.FindInterface(name) is not { } device)
            return Answer.Fail(1, $"Cannot find device \"{pairs.GetValueOrDefault("dev")}\"\n");
        if (!device.Up)
            return Answer.Fail(2, "RTNETLINK answers: Network is down\n");
        var metric = int.TryParse(pairs.GetValueOrDefault("metric"), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : (int?)null;
        state.Routes.RemoveAll(r => r.Dst == destination && r.Metric == metric);
        state.Routes.Add(new SimulatedRoute
        {
            Dst = destination, Gateway = pairs.GetValueOrDefault("via"), Dev = name, Protocol = pairs.GetValueOrDefault("proto"),
            Scope = pairs.GetValueOrDefault("scope"), Prefsrc = pairs.GetValueOrDefault("src"), Metric = metric,
        });
        return Answer.Nothing;
    }

    private static Answer AddAddress(SimulatedDom0State state, string address, string name, bool replace)
    {
        if (state.FindInterface(name) is not { } device)
            return Answer.Fail(1, $"Cannot find device \"{name}\"\n");
        if (!IPNetworkLike(address))
            return Answer.Fail(1, $"Error: any valid prefix is expected rather than \"{address}\".\n");
        if (device.Addresses.Contains(address))
            return replace ? Answer.Nothing : Answer.Fail(2, "RTNETLINK answers: File exists\n");
        var at = device.Addresses.FindLastIndex(a => !a.Contains(':')) + 1;
        device.Addresses.Insert(address.Contains(':') ? device.Addresses.Count : at, address);
        return Answer.Nothing;
    }

    private static bool IPNetworkLike(string address) =>
        address.Split('/') is [var ip, var length]
        && System.Net.IPAddress.TryParse(ip, out _)
        && int.TryParse(length, NumberStyles.None, CultureInfo.InvariantCulture, out var bits) && bits <= 128;
}

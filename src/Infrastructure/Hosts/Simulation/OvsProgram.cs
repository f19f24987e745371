using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Xlnet.Infrastructure.Hosts.Simulation;

/// <summary>
/// <c>ovs-vsctl</c> 3.1: one or more commands separated by <c>--</c>, all or none of which happen, as in the real one's transaction;
/// <c>--format=json list</c> prints the shapes of OVSDB (RFC 7047: a set of one is its element).
/// </summary>
internal static class OvsProgram
{
    /// <summary>The kernel's name for the datapath, which <c>ip</c> shows as the master of every port.</summary>
    public const string SystemInterface = "ovs-system";

    public static Answer Run(SimulatedDom0 dom0, IReadOnlyList<string> args)
    {
        var global = args.TakeWhile(a => a.StartsWith("--", StringComparison.Ordinal) && a != "--" && !IsCommandOption(a)).ToList();
        var json = global.Contains("--format=json");
        var commands = Split(args.Skip(global.Count));
        if (commands.Count == 0)
            return Answer.Fail(1, "ovs-vsctl: missing command name (use --help for help)\n");

        var before = SimulatedStateJsonCopy(dom0.State);
        var output = new StringBuilder();
        foreach (var command in commands)
        {
            var answer = One(dom0.State, command, json);
            if (answer.ExitStatus != 0)
            {
                (dom0.State.Ovs, dom0.State.Interfaces) = (before.Ovs, before.Interfaces);
                return answer;
            }

            output.Append(answer.Stdout);
        }

        return Answer.Print(output.ToString());
    }

    /// <summary>Takes a port off whatever bridge has it.</summary>
    public static void RemovePort(SimulatedDom0State state, string port)
    {
        foreach (var bridge in state.Ovs?.Bridges ?? [])
            bridge.Ports.RemoveAll(p => p.Name == port);
        if (state.FindInterface(port) is { Master: SystemInterface } device)
            device.Master = null;
    }

    private static SimulatedDom0State SimulatedStateJsonCopy(SimulatedDom0State state) =>
        SimulatedDom0State.FromJson(new SimulatedDom0State { Ovs = state.Ovs, Interfaces = state.Interfaces }.ToJson());

    private static bool IsCommandOption(string arg) =>
        arg is "--may-exist" or "--if-exists" || arg.StartsWith("--columns=", StringComparison.Ordinal);

    private static List<List<string>> Split(IEnumerable<string> args)
    {
        var commands = new List<List<string>> { new() };
        foreach (var arg in args)
        {
            if (arg == "--")
                commands.Add([]);
            else
                commands[^1].Add(arg);
        }

        commands.RemoveAll(c => c.Count == 0);
        return commands;
    }

    private static Answer One(SimulatedDom0State state, List<string> command, bool json)
    {
        var ovs = state.Ovs!;
        var options = command.TakeWhile(a => a.StartsWith("--", StringComparison.Ordinal)).ToList();
        switch (command.Skip(options.Count).ToArray())
        {
            case ["show"]:
                return Answer.Print(Show(ovs));
            case ["list-br"]:
                return Answer.Print(string.Concat(ovs.Bridges.Select(b => b.Name).Order(StringComparer.Ordinal).Select(n => n + "\n")));
            case ["br-exists", var name]:
                return new Answer(ovs.FindBridge(name) is null ? 2 : 0);
            case ["list-ports", var name]:
                return ovs.FindBridge(name) is { } bridge
                    ? Answer.Print(string.Concat(bridge.Ports.Skip(1).Select(p => p.Name + "\n")))
                    : NoBridge(name);
            case ["add-br", var name]:
                return AddBridge(state, name, options.Contains("--may-exist"));
            case ["del-br", var name]:
                return DeleteBridge(state, name, options.Contains("--if-exists"));
            case ["add-port", var name, var port, ..]:
                return AddPort(state, name, port, options.Contains("--may-exist"));
            case ["del-port", var port]:
                if (!options.Contains("--if-exists") && !ovs.Bridges.Exists(b => b.Ports.Exists(p => p.Name == port)))
                    return Answer.Fail(1, $"ovs-vsctl: no port named {port}\n");
                RemovePort(state, port);
                return Answer.Nothing;
            case ["set", "Interface", var name, var assignment] when assignment.StartsWith("mtu_request=", StringComparison.Ordinal):
                return SetMtu(state, name, assignment["mtu_request=".Length..]);
            case ["list", "Bridge"] when json && options is ["--columns=name,ports"]:
                return Answer.Print(ListBridges(ovs));
            case ["list", "Port"] when json && options is ["--columns=_uuid,name,tag,trunks"]:
                return Answer.Print(ListPorts(ovs));
            case [var unknown, ..]:
                return Answer.Fail(1, $"ovs-vsctl: unknown command '{unknown}'; use --help for help\n");
            default:
                return Answer.Fail(1, "ovs-vsctl: missing command name (use --help for help)\n");
        }
    }

    private static Answer NoBridge(string name) => Answer.Fail(1, $"ovs-vsctl: no bridge named {name}\n");

    private static Answer AddBridge(SimulatedDom0State state, string name, bool mayExist)
    {
        if (state.Ovs!.FindBridge(name) is not null)
            return mayExist ? Answer.Nothing : Answer.Fail(1, $"ovs-vsctl: cannot create a bridge named {name} because a bridge named {name} already exists\n");
        if (state.FindInterface(SystemInterface) is null)
            IpProgram.NewInterface(state, SystemInterface, "openvswitch");
        if (state.FindInterface(name) is null)
            IpProgram.NewInterface(state, name, "openvswitch");
        state.Ovs.Bridges.Add(new SimulatedOvsBridge { Name = name, Ports = [new SimulatedOvsPort { Uuid = Libxl.RandomUuid(state), Name = name }] });
        return Answer.Nothing;
    }

    private static Answer DeleteBridge(SimulatedDom0State state, string name, bool ifExists)
    {
        if (state.Ovs!.FindBridge(name) is not { } bridge)
            return ifExists ? Answer.Nothing : NoBridge(name);
        foreach (var port in bridge.Ports.Skip(1))
        {
            if (state.FindInterface(port.Name) is { } device)
                device.Master = null;
        }

        state.Ovs.Bridges.Remove(bridge);
        state.Interfaces.RemoveAll(i => i.Name == name || i.Name == SystemInterface && state.Ovs.Bridges.Count == 0);
        return Answer.Nothing;
    }

    private static Answer AddPort(SimulatedDom0State state, string bridgeName, string port, bool mayExist)
    {
        if (state.Ovs!.FindBridge(bridgeName) is not { } bridge)
            return NoBridge(bridgeName);
        if (state.Ovs.Bridges.Find(b => b.Ports.Exists(p => p.Name == port)) is { } holder)
            return mayExist && holder == bridge ? Answer.Nothing : Answer.Fail(1, $"ovs-vsctl: cannot create a port named {port} because a port named {port} already exists on bridge {holder.Name}\n");
        bridge.Ports.Add(new SimulatedOvsPort { Uuid = Libxl.RandomUuid(state), Name = port });
        // ovs-vswitchd cannot take what the kernel's bridge has, and says so in its log only.
        if (state.FindInterface(port) is { Master: null } device)
            device.Master = SystemInterface;
        return Answer.Nothing;
    }

    private static Answer SetMtu(SimulatedDom0State state, string name, string text)
    {
        if (!state.Ovs!.Bridges.Exists(b => b.Ports.Exists(p => p.Name == name)))
            return Answer.Fail(1, $"ovs-vsctl: no row \"{name}\" in table Interface\n");
        if (!int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var mtu))
            return Answer.Fail(1, $"ovs-vsctl: \"{text}\" is not a valid integer or range\n");
        if (state.FindInterface(name) is { } device)
            device.Mtu = mtu;
        return Answer.Nothing;
    }

    private static string Show(SimulatedOvs ovs)
    {
        var text = new StringBuilder($"{ovs.Uuid}\n");
        foreach (var bridge in ovs.Bridges.OrderBy(b => b.Name, StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture, $"    Bridge {bridge.Name}\n");
            foreach (var port in bridge.Ports.OrderBy(p => p.Name, StringComparer.Ordinal))
            {
                text.Append(CultureInfo.InvariantCulture, $"        Port {port.Name}\n");
                if (port.Tag is { } tag)
                    text.Append(CultureInfo.InvariantCulture, $"            tag: {tag}\n");
                if (port.Trunks.Count > 0)
                    text.Append(CultureInfo.InvariantCulture, $"            trunks: [{string.Join(", ", port.Trunks)}]\n");
                text.Append(CultureInfo.InvariantCulture, $"            Interface {port.Name}\n");
                if (port.Name == bridge.Name)
                    text.Append("                type: internal\n");
            }
        }

        return text.Append(CultureInfo.InvariantCulture, $"    ovs_version: \"{ovs.Version}\"\n").ToString();
    }

    private static string ListBridges(SimulatedOvs ovs) => Table(
        ["name", "ports"],
        ovs.Bridges.Select(b => new JsonArray(b.Name, Set([.. b.Ports.Select(p => (JsonNode)new JsonArray("uuid", p.Uuid))]))));

    private static string ListPorts(SimulatedOvs ovs) => Table(
        ["_uuid", "name", "tag", "trunks"],
        ovs.Bridges.SelectMany(b => b.Ports).Select(p => new JsonArray(
            new JsonArray("uuid", p.Uuid),
            p.Name,
            Set(p.Tag is { } tag ? [JsonValue.Create(tag)] : []),
            Set([.. p.Trunks.Select(t => (JsonNode)JsonValue.Create(t))]))));

    private static JsonNode Set(JsonNode[] elements) => elements is [var one] ? one : new JsonArray("set", new JsonArray(elements));

    private static string Table(string[] headings, IEnumerable<JsonArray> rows) => new JsonObject
    {
        ["data"] = new JsonArray([.. rows]),
        ["headings"] = new JsonArray([.. headings.Select(h => JsonValue.Create(h))]),
    }.ToJsonString() + "\n";
}

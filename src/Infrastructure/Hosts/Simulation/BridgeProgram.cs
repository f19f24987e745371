using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Xlnet.Infrastructure.Hosts.Simulation;

/// <summary><c>bridge link</c> of iproute2 6.1, as text and as JSON: the ports of Linux bridges.</summary>
internal static class BridgeProgram
{
    public static Answer Run(SimulatedDom0 dom0, IReadOnlyList<string> args)
    {
        var json = args is ["-j", ..];
        var rest = (json ? args.Skip(1) : args).ToArray();
        if (rest is not (["link"] or ["link", "show", "dev", _]))
            return Answer.Fail(255, $"Object \"{(args.Count > 0 ? args[0] : "")}\" is unknown, try \"bridge help\".\n");

        var ports = dom0.State.Interfaces.Where(i => i.Master is not null && i.Master != OvsProgram.SystemInterface);
        if (rest.Length > 1)
            ports = ports.Where(p => p.Name == rest[3]);
        return Answer.Print(json ? Json(dom0.State, ports) : Text(dom0.State, ports));
    }

    private static string PortState(SimulatedInterface port) => port is { Up: true, Carrier: true } ? "forwarding" : "disabled";

    private static string Json(SimulatedDom0State state, IEnumerable<SimulatedInterface> ports) => new JsonArray([.. ports.Select(port => new JsonObject
    {
        ["ifindex"] = port.Index,
        ["ifname"] = port.Name,
        ["flags"] = new JsonArray([.. IpProgram.Flags(state, port).Select(f => JsonValue.Create(f))]),
        ["mtu"] = port.Mtu,
        ["master"] = port.Master,
        ["state"] = PortState(port),
        ["priority"] = 32,
        ["cost"] = 100,
    })]).ToJsonString() + "\n";

    private static string Text(SimulatedDom0State state, IEnumerable<SimulatedInterface> ports)
    {
        var text = new StringBuilder();
        foreach (var port in ports)
            text.Append(CultureInfo.InvariantCulture, $"{port.Index}: {port.Name}: <{string.Join(',', IpProgram.Flags(state, port))}> mtu {port.Mtu} master {port.Master} state {PortState(port)} priority 32 cost 100 \n");
        return text.ToString();
    }
}

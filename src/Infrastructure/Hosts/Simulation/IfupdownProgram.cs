using Xlnet.Domain.Networking;

namespace Xlnet.Infrastructure.Hosts.Simulation;

/// <summary>
/// <c>ifup NAME</c>, <c>ifdown --force NAME</c> and <c>ifquery --state NAME</c> of ifupdown 0.8, by /etc/network/interfaces alone: bridges
/// of bridge-utils and of Open vSwitch, static addresses, and a DHCP server that always gives the same one.
/// </summary>
internal static class IfupdownProgram
{
    private const string DhcpAddress = "10.0.2.15/24";
    private const string DhcpGateway = "10.0.2.2";

    public static Answer Ifquery(SimulatedDom0 dom0, IReadOnlyList<string> args) =>
        args is ["--state", var name] && dom0.State.BroughtUp.Contains(name) ? Answer.Print($"{name}={name}\n") : new Answer(1);

    public static Answer Ifup(SimulatedDom0 dom0, IReadOnlyList<string> args)
    {
        if (args is ["--version"])
            return Answer.Print("ifup 0.8.41\n");
        if (args is not [var name])
            return Answer.Fail(1, "ifup: Use --help for help\n");
        var state = dom0.State;
        if (state.BroughtUp.Contains(name))
            return Answer.Fail(0, $"ifup: interface {name} already configured\n");
        if (Find(dom0, name) is not { } facts)
            return Answer.Fail(1, $"ifup: unknown interface {name}\n");
        if (facts.OvsType == "OVSBridge")
        {
            dom0.Dispatch(["ovs-vsctl", "--may-exist", "add-br", name]);
            foreach (var port in facts.OvsPorts)
                Plug(dom0, port, ["ovs-vsctl", "--may-exist", "add-port", name, port]);
        }
        else if (facts.BridgePorts is { } ports)
        {
            dom0.Dispatch(["ip", "link", "add", "name", name, "type", "bridge"]);
            dom0.Dispatch(["ip", "link", "set", "dev", name, "type", "bridge", "vlan_filtering", facts.VlanAware ? "1" : "0"]);
            foreach (var port in ports)
                Plug(dom0, port, ["ip", "link", "set", "dev", port, "master", name]);
        }

        if (state.FindInterface(name) is not { } device)
            return Answer.Fail(1, $"Cannot find device \"{name}\"\nifup: failed to bring up {name}\n");
        device.Up = true;
        device.Mtu = facts.Mtu ?? device.Mtu;
        var (addresses, gateway) = facts.Method == AddressingMethod.Dhcp ? ([DhcpAddress], DhcpGateway) : (facts.Addresses, facts.Gateway?.ToString());
        foreach (var address in addresses)
            dom0.Dispatch(["ip", "addr", "replace", address, "dev", name]);
        if (gateway is not null)
            dom0.Dispatch(["ip", "route", "replace", "default", "via", gateway, "dev", name]);
        state.BroughtUp.Add(name);
        return Answer.Nothing;
    }

    public static Answer Ifdown(SimulatedDom0 dom0, IReadOnlyList<string> args)
    {
        if (args.Where(a => a != "--force").ToArray() is not [var name])
            return Answer.Fail(1, "ifdown: Use --help for help\n");
        var state = dom0.State;
        var facts = Find(dom0, name);
        state.BroughtUp.Remove(name);
        if (state.FindInterface(name) is not { } device)
            return Answer.Nothing;
        device.Addresses.Clear();
        device.Up = false;
        state.Routes.RemoveAll(r => r.Dev == name);
        if (facts?.OvsType == "OVSBridge")
            dom0.Dispatch(["ovs-vsctl", "--if-exists", "del-br", name]);
        else if (facts?.BridgePorts is not null)
            dom0.Dispatch(["ip", "link", "delete", "dev", name, "type", "bridge"]);
        return Answer.Nothing;
    }

    private static void Plug(SimulatedDom0 dom0, string port, IReadOnlyList<string> command)
    {
        if (dom0.State.FindInterface(port) is { } device)
            device.Up = true;
        dom0.Dispatch(command);
    }

    private static InterfaceFacts? Find(SimulatedDom0 dom0, string name) =>
        InterfaceFacts.Of(InterfacesFile.Parse(dom0.Files.Read(NetworkFiles.Interfaces) ?? []).Of(name));
}

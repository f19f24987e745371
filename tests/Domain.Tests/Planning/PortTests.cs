using Xlnet.Domain.Bridges;
using Xlnet.Domain.Common;
using Xlnet.Domain.Planning;
using Xunit;
using static Xlnet.Domain.Tests.Planning.PlanLab;

namespace Xlnet.Domain.Tests.Planning;

/// <summary>The uplinks of bridges: what is planned for them, in which order, with which impact, and the way back.</summary>
public sealed class PortTests
{
    private static readonly PlanRequest All = new() { Allow = Everything };

    private static DesiredState Wanted(params DesiredBridge[] bridges) => Desired() with { Bridges = bridges };

    private static DesiredBridge Linux(string name, params string[]? ports) => new(name, BridgeKind.Linux, null, ports);

    private static HostObservation Host(DesiredState desired, IReadOnlyList<ObservedBridge> bridges, params ObservedInterface[] devices)
    {
        var host = Observed(desired, bridges: bridges);
        return host with { Interfaces = [.. host.Interfaces.Where(i => devices.All(d => d.Name != i.Name)), .. devices] };
    }

    private static ObservedInterface Device(string name, string? master = null, string? address = null, string? parent = null, string? kind = null) =>
        new(9, name, kind, null, 1500, true, true, master, address is null ? [] : [address], parent);

    [Fact]
    public void Plan_PortsNotNamed_LeavesThemAlone()
    {
        var desired = Wanted(Linux("br1", null));
        Assert.Empty(Plan(desired, Host(desired, [Bridge("br1", ports: ["eth1"])], Device("eth1", "br1")), All));
    }

    [Fact]
    public void Plan_NoPortNamed_TakesUplinksOffAndNoVif()
    {
        var desired = Wanted(Linux("br1"));
        var host = Host(desired, [Bridge("br1", ports: ["eth1", "vif3.0", "vif3.0-emu", "web-x"])], Device("eth1", "br1"), Device("web-x", "br1", kind: "vif"));
        Assert.Equal(["bridge.remove-port bridges/br1/ports/eth1"], Plan(desired, host));
    }

    [Fact]
    public void Plan_PortOfANewBridge_ComesAfterTheBridge()
    {
        var desired = Wanted(Linux("br1", "eth1"));
        Assert.Equal(["bridge.create bridges/br1", "bridge.add-port bridges/br1/ports/eth1"], Plan(desired, Host(desired, [], Device("eth1"))));
    }

    [Fact]
    public void Plan_PortReplaced_OldGoesFirstSoThatNoLoopIsClosed()
    {
        var desired = Wanted(Linux("br1", "eth2"));
        Assert.Equal(
            ["bridge.remove-port bridges/br1/ports/eth1", "bridge.add-port bridges/br1/ports/eth2"],
            Plan(desired, Host(desired, [Bridge("br1", ports: ["eth1"])], Device("eth1", "br1"), Device("eth2"))));
    }

    [Fact]
    public void Plan_PortMoved_IsOneStep()
    {
        var desired = Wanted(Linux("br1"), Linux("br2", "eth1"));
        var plan = Planner.Plan(desired, Host(desired, [Bridge("br1", ports: ["eth1"]), Bridge("br2")], Device("eth1", "br1")), All);
        Assert.Equal(["bridge.add-port bridges/br2/ports/eth1"], Lines(plan));
        Assert.Equal(new PortBridge("br1", BridgeKind.Linux), Assert.IsType<AddBridgePortStep>(plan.Steps[0]).From);
    }

    [Theory]
    [InlineData(null, null, false)]
    [InlineData("10.0.0.1/24", null, true)]
    [InlineData(null, "10.0.0.1/24", true)]
    [InlineData(null, "fe80::1/64", false)]
    [InlineData(null, "2001:db8::1/64", true)]
    public void Plan_PortOrBridgeWithAnAddress_MayCutTheConnection(string? ofPort, string? ofBridge, bool cuts)
    {
        var desired = Wanted(Linux("br1"));
        var host = Host(desired, [Bridge("br1", ports: ["eth1"])], Device("eth1", "br1", ofPort), Device("br1", address: ofBridge));
        Assert.Equal(cuts ? Impact.ManagementPath : Impact.None, Assert.Single(Planner.Plan(desired, host, All).Steps).Impact);
    }

    [Theory]
    [InlineData("eth1.7", null)]
    [InlineData("mgmt", "eth1")]
    public void Plan_SomethingStandsOnThePort_MayCutTheConnection(string name, string? parent)
    {
        var desired = Wanted(Linux("br1", "eth1"));
        var host = Host(desired, [Bridge("br1")], Device("eth1"), Device(name, parent: parent));
        Assert.Equal(Impact.ManagementPath, Assert.Single(Planner.Plan(desired, host, All).Steps).Impact);
        Assert.Equal(
            ["pending: bridge.add-port bridges/br1/ports/eth1: its impact 'management-path' is not in 'allow'"], Plan(desired, host));
    }

    [Theory]
    [InlineData("none", "the host has no interface none")]
    [InlineData("guest0", "guest0 belongs to a guest")]
    [InlineData("br2", "br2 is a bridge itself")]
    [InlineData("slave0", "slave0 is part of bond0")]
    public void Plan_PortThatCannotBeOne_IsHeld(string port, string reason)
    {
        var desired = Wanted(Linux("br1", port));
        var host = Host(
            desired, [Bridge("br1"), Bridge("br2")], Device("guest0", kind: "vif"), Device("slave0", "bond0"), Device("br2", kind: "bridge"));
        Assert.Equal([$"pending: bridge.add-port bridges/br1/ports/{port}: {reason}"], Plan(desired, host, All));
    }

    [Fact]
    public void Plan_BridgeThatGoesAndItsUplinkIsWantedElsewhere_MovesItFirst()
    {
        var desired = Wanted(Linux("br2", "eth1")) with { MadeBridges = new HashSet<string> { "br1" } };
        Assert.Equal(
            ["bridge.add-port bridges/br2/ports/eth1", "bridge.delete bridges/br1"],
            Plan(desired, Host(desired, [Bridge("br1", ports: ["eth1"]), Bridge("br2")], Device("eth1", "br1"))));
    }

    [Theory]
    [InlineData("br2", "bridge.add-port bridges/br1/ports/eth1")]
    [InlineData(null, "bridge.add-port bridges/br1/ports/eth1")]
    [InlineData("br1", null)]
    // Someone else has put it there since.
    [InlineData("br3", null)]
    public void PlanRollback_PortThatWasMoved_ComesBackFromWhereItWasPut(string? now, string? step)
    {
        var desired = Wanted();
        ObservedBridge[] On(string? bridge) => [.. new[] { "br1", "br2", "br3" }.Select(b => b == bridge ? Bridge(b, ports: ["eth1"]) : Bridge(b))];
        var checkpoint = Checkpoint.Of(Host(desired, On("br1"), Device("eth1", "br1")), desired);
        var back = Planner.PlanRollback(
            checkpoint, Host(desired, On(now), Device("eth1", now)), new HashSet<string> { "bridges/br2/ports/eth1" }, TimeSpan.FromMinutes(1));
        Assert.Equal(step is null ? [] : [step], Lines(back));
    }

    [Fact]
    public void PlanRollback_BridgeMadeAndAGuestPluggedInByHand_StaysWithIt()
    {
        var desired = Wanted();
        var checkpoint = Checkpoint.Of(Host(desired, []), desired);
        var now = Observed(desired, [Dom(3, "other", Vif(3, "bridge=br1", on: "br1"))], [Bridge("br1", ports: ["vif3.0"])]);
        Assert.Equal(
            ["pending: bridge.delete bridges/br1: vif3.0 was put on it by someone else"],
            Lines(Planner.PlanRollback(checkpoint, now, new HashSet<string> { "bridges/br1" }, TimeSpan.FromMinutes(1))));
    }

    [Theory]
    [InlineData("eth0", null)]
    [InlineData("bond0.7", null)]
    [InlineData("viface", null)]
    [InlineData("br1", "'br1' is the bridge itself.")]
    [InlineData("lo", "'lo' cannot be a port of a bridge.")]
    [InlineData("vif1.0", "'vif1.0' is the name of a guest's vif: its hotplug script plugs it. List uplinks only.")]
    [InlineData("vif1.0-emu", "'vif1.0-emu' is the name of a guest's vif: its hotplug script plugs it. List uplinks only.")]
    [InlineData("a b", "'a b' is no interface name: 1 to 15 letters, digits, '.', '_' and '-', the first a letter or a digit.")]
    public void CheckPort_Name_SaysWhatIsWrong(string port, string? wrong) =>
        Assert.Equal(wrong, Xlnet.Domain.Bridges.Bridge.CheckPort(InterfaceName.Parse("br1"), port));
}

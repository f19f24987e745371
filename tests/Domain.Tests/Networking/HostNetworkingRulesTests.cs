using System.Net;
using Xlnet.Domain.Networking;
using Xunit;

namespace Xlnet.Domain.Tests.Networking;

public sealed class HostNetworkingRulesTests
{
    private static readonly HostNetworking Bridged = new()
    {
        Mode = NetworkMode.Bridged, Backend = NetworkBackend.Ifupdown, Uplink = "eth0", Bridge = "xenbr0", Addressing = new Addressing(AddressingMethod.Dhcp, []),
    };

    private static readonly HostNetworking Nat = Bridged with
    {
        Mode = NetworkMode.Nat,
        Nat = new NatSettings(IPNetwork.Parse("10.77.0.0/24"), true, "lab.example", [new PortForward("tcp", 8080, IPAddress.Parse("10.77.0.5"), 80)]),
    };

    private static readonly HostNetworking Routed = Bridged with { Mode = NetworkMode.Routed, Bridge = null };

    [Fact]
    public void Check_RightSettings_SaysNothing()
    {
        Assert.Empty(HostNetworkingRules.Check(Bridged));
        Assert.Empty(HostNetworkingRules.Check(Nat));
        Assert.Empty(HostNetworkingRules.Check(Routed with { GatewayDevice = "eth1" }));
        Assert.Empty(HostNetworkingRules.Check(Bridged with { Mode = NetworkMode.OpenVSwitch, Vlan = 4094, Mtu = 9000 }));
        Assert.Empty(HostNetworkingRules.Check(Bridged with { Addressing = new Addressing(AddressingMethod.None, []) }));
        Assert.Empty(HostNetworkingRules.Check(Bridged with { Addressing = Static("192.0.2.10/24 2001:db8::1/64", "192.0.2.1") }));
        Assert.Empty(HostNetworkingRules.Check(Bridged with { Addressing = Static("203.0.113.2/31", "203.0.113.3") }));
    }

    public static TheoryData<HostNetworking, string, string> Wrong => new()
    {
        { Bridged with { Uplink = "eth 0" }, "/uplink", "networking.interface-name" },
        { Bridged with { Uplink = "lo" }, "/uplink", "networking.uplink" },
        { Bridged with { Uplink = "vif1.0" }, "/uplink", "networking.uplink" },
        { Bridged with { Bridge = null }, "/bridge", "networking.required" },
        { Bridged with { Bridge = "eth0" }, "/bridge", "networking.bridge" },
        { Bridged with { Bridge = "a-name-that-is-too-long" }, "/bridge", "networking.interface-name" },
        { Bridged with { Mode = NetworkMode.OpenVSwitch, Bridge = "br0.7" }, "/bridge", "networking.bridge" },
        { Routed with { Bridge = "xenbr0" }, "/bridge", "networking.not-in-mode" },
        { Bridged with { GatewayDevice = "eth0" }, "/gatewayDevice", "networking.not-in-mode" },
        { Bridged with { Mtu = 67 }, "/mtu", "networking.mtu" },
        { Bridged with { Vlan = 7 }, "/vlan", "networking.not-in-mode" },
        { Bridged with { Mode = NetworkMode.OpenVSwitch, Vlan = 4095 }, "/vlan", "networking.vlan" },
        { Nat with { Nat = null }, "/nat", "networking.required" },
        { Bridged with { Nat = Nat.Nat }, "/nat", "networking.not-in-mode" },
        { Subnet("2001:db8::/64"), "/nat/subnet", "networking.ipv6" },
        { Subnet("10.0.0.0/7"), "/nat/subnet", "networking.subnet" },
        { Subnet("10.77.0.0/30"), "/nat/subnet", "networking.subnet" },
        { Subnet("169.254.0.0/24"), "/nat/subnet", "networking.subnet" },
        { Nat with { Addressing = Static("10.77.0.200/16", "10.77.0.1") }, "/nat/subnet", "networking.subnet-overlap" },
        { Nat with { Nat = Nat.Nat! with { Domain = "lab_x" } }, "/nat/domain", "networking.domain" },
        { Nat with { Addressing = new Addressing(AddressingMethod.None, []) }, "/addressing/method", "networking.addresses" },
        { Forward("sctp", 80, "10.77.0.5", 80), "/nat/portForwards/0/protocol", "networking.port-forward" },
        { Forward("tcp", 0, "10.77.0.5", 80), "/nat/portForwards/0/port", "networking.port-forward" },
        { Forward("tcp", 80, "10.77.0.5", 65536), "/nat/portForwards/0/toPort", "networking.port-forward" },
        { Forward("tcp", 80, "10.78.0.5", 80), "/nat/portForwards/0/toAddress", "networking.port-forward" },
        { Forward("tcp", 80, "10.77.0.1", 80), "/nat/portForwards/0/toAddress", "networking.port-forward" },
        { Forward("tcp", 80, "10.77.0.255", 80), "/nat/portForwards/0/toAddress", "networking.port-forward" },
        { Nat with { Nat = Nat.Nat! with { PortForwards = [.. Nat.Nat!.PortForwards, .. Nat.Nat!.PortForwards] } }, "/nat/portForwards/1/port", "networking.port-forward-twice" },
        { Bridged with { Addressing = Static("", null) }, "/addressing/addresses", "networking.required" },
        { Bridged with { Addressing = new Addressing(AddressingMethod.Dhcp, ["192.0.2.1/24"]) }, "/addressing/addresses", "networking.addresses" },
        { Bridged with { Addressing = Static("192.0.2.10", null) }, "/addressing/addresses/0", "networking.address" },
        { Bridged with { Addressing = Static("192.0.2.10/33", null) }, "/addressing/addresses/0", "networking.address" },
        { Bridged with { Addressing = Static("192.0.2.10/255.255.255.0", null) }, "/addressing/addresses/0", "networking.address" },
        { Bridged with { Addressing = Static("010.0.2.10/24", null) }, "/addressing/addresses/0", "networking.address" },
        { Bridged with { Addressing = Static("192.0.2.0/24", null) }, "/addressing/addresses/0", "networking.address" },
        { Bridged with { Addressing = Static("192.0.2.10/24 192.0.2.10/25", null) }, "/addressing/addresses/1", "networking.address" },
        { Bridged with { Addressing = Static("192.0.2.10/24", "192.0.3.1") }, "/addressing/gateway", "networking.gateway" },
        { Bridged with { Addressing = Static("192.0.2.10/24", "192.0.2.10") }, "/addressing/gateway", "networking.gateway" },
        { Routed with { Addressing = Static("2001:db8::1/64", null) }, "/addressing/addresses", "networking.ipv6" },
    };

    [Theory]
    [MemberData(nameof(Wrong), DisableDiscoveryEnumeration = true)]
    public void Check_OneThingWrong_NamesItAndNothingElse(HostNetworking networking, string pointer, string code)
    {
        var error = Assert.Single(HostNetworkingRules.Check(networking));
        Assert.Equal((pointer, code), (error.Pointer, error.Code));
        Assert.EndsWith(".", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("auto eth0\niface eth0 inet dhcp\n", null)]
    [InlineData("iface eth0 inet dhcp\n  nonsense\n", "as it is")]
    [InlineData("iface eth0 inet dhcp\n  mtu 1400\niface eth1 inet manual inherits eth0\n", "as something else inherits the stanza of eth0")]
    public void CheckOriginals_FileThatIfupdownWouldRefuse_IsSaid(string interfaces, string? said)
    {
        var errors = HostNetworkingRules.CheckOriginals(Bridged, new Dictionary<string, byte[]?> { [NetworkFiles.Interfaces] = System.Text.Encoding.ASCII.GetBytes(interfaces) });
        if (said is null)
            Assert.Empty(errors);
        else
            Assert.Contains(said, Assert.Single(errors).Message, StringComparison.Ordinal);
    }

    private static HostNetworking Subnet(string subnet) => Nat with { Nat = new NatSettings(IPNetwork.Parse(subnet), true, null, []) };

    private static HostNetworking Forward(string protocol, int port, string address, int toPort) =>
        Nat with { Nat = Nat.Nat! with { PortForwards = [new PortForward(protocol, port, IPAddress.Parse(address), toPort)] } };

    private static Addressing Static(string addresses, string? gateway) =>
        new(AddressingMethod.Static, addresses.Split(' ', StringSplitOptions.RemoveEmptyEntries), gateway is null ? null : IPAddress.Parse(gateway));
}

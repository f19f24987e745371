using System.Net;
using Xlnet.Domain.Common;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Subnets;
using Xlnet.Domain.Vifs;
using Xunit;

namespace Xlnet.Domain.Tests.Subnets;

public sealed class SubnetTests
{
    [Theory]
    // A bridge by its name, whoever names it, and the default where nobody does.
    [InlineData("xenbr0", null, null, null, null, true)]
    [InlineData("xenbr0", null, null, "br5", null, false)]
    [InlineData("br5", null, null, null, "br5", true)]
    [InlineData("xenbr0", null, null, null, "br5", false)]
    [InlineData("ovs1", null, null, "ovs1.20:30", null, true)]
    [InlineData("xenbr0", null, NetworkMode.Routed, null, null, false)]
    [InlineData("br5", null, NetworkMode.Routed, "br5", null, true)]
    // The networking, in every mode but nat.
    [InlineData(null, null, null, null, null, true)]
    [InlineData(null, null, NetworkMode.Bridged, "xenbr0", null, true)]
    [InlineData(null, null, NetworkMode.OpenVSwitch, "xenbr0.7", null, true)]
    [InlineData(null, null, NetworkMode.Bridged, "br5", null, false)]
    [InlineData(null, null, NetworkMode.Routed, null, null, true)]
    [InlineData(null, null, NetworkMode.Routed, "xenbr0", null, false)]
    [InlineData(null, null, NetworkMode.Nat, null, null, false)]
    // One mode.
    [InlineData(null, NetworkMode.Nat, NetworkMode.Nat, null, null, true)]
    [InlineData(null, NetworkMode.Nat, NetworkMode.Bridged, null, null, false)]
    [InlineData(null, NetworkMode.Nat, null, null, null, false)]
    [InlineData(null, NetworkMode.Routed, NetworkMode.Routed, null, null, true)]
    public void Serves_TheVifsOfItsPlace(string? bridge, NetworkMode? subnetMode, NetworkMode? hostMode, string? vifBridge, string? defaultBridge, bool serves)
    {
        var networking = hostMode is not { } mode ? null : new HostNetworking
        {
            Mode = mode, Backend = NetworkBackend.Ifupdown, Uplink = "eth0", Bridge = mode == NetworkMode.Routed ? null : "xenbr0", Addressing = new Addressing(AddressingMethod.Dhcp, []),
        };
        var subnet = Of("10.77.0.0/24", bridge, subnetMode);
        Assert.Equal(serves, subnet.Serves(new VifSettings { Bridge = vifBridge }, VifDefaults.None with { Bridge = defaultBridge }, networking));
        Assert.False(subnet.Serves(new VifSettings { Bridge = vifBridge, Backend = "netvm" }, VifDefaults.None with { Bridge = defaultBridge }, networking));
    }

    [Theory]
    [InlineData("br5", null, "br5", null, true)]
    [InlineData("br5", null, "br6", null, false)]
    [InlineData("br5", null, null, null, false)]
    [InlineData(null, null, null, null, true)]
    [InlineData(null, null, null, NetworkMode.Routed, true)]
    [InlineData(null, null, null, NetworkMode.Nat, false)]
    [InlineData(null, NetworkMode.Routed, null, NetworkMode.Bridged, false)]
    public void SharesPlace_WhereAVifMayBeOnBoth(string? bridge, NetworkMode? mode, string? otherBridge, NetworkMode? otherMode, bool shares)
    {
        var (one, other) = (Of("10.77.0.0/24", bridge, mode), Of("10.77.0.0/24", otherBridge, otherMode));
        Assert.Equal((shares, shares), (one.SharesPlace(other), other.SharesPlace(one)));
    }

    [Theory]
    [InlineData("10.77.0.0/24", "10.77.0.1", "10.77.0.254", 254)]
    [InlineData("10.77.0.0/30", "10.77.0.1", "10.77.0.2", 2)]
    [InlineData("10.0.0.0/8", "10.0.0.1", "10.255.255.254", 16777214)]
    [InlineData("2001:db8::/126", "2001:db8::1", "2001:db8::3", 3)]
    [InlineData("2001:db8::/64", "2001:db8::1", "2001:db8::1:0:0", 4294967296)]
    public void Set_WithoutARange_TakesWhatAnInterfaceCanHave(string cidr, string first, string last, long size)
    {
        var subnet = Of(cidr, null, null);
        Assert.Equal((first, last, size), (subnet.First.ToString(), subnet.Last.ToString(), subnet.Size));
    }

    [Fact]
    public void IpAddress_IsOrderedByItsBytes()
    {
        string[] ordered = ["9.0.0.1", "10.0.0.9", "10.0.0.10", "2001:db8::9", "2001:db8::10"];
        Assert.Equal(ordered, ordered.Reverse().Select(a => new IpAddress(IPAddress.Parse(a))).Order().Select(a => a.ToString()));
    }

    private static Subnet Of(string cidr, string? bridge, NetworkMode? mode)
    {
        var subnet = new Subnet { Name = ResourceName.Parse("lan") };
        subnet.Set(IPNetwork.Parse(cidr), bridge, mode, null, null, null);
        return subnet;
    }
}

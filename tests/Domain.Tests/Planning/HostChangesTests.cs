using Xlnet.Domain.Bridges;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Vifs;
using Xunit;

namespace Xlnet.Domain.Tests.Planning;

public sealed class HostChangesTests
{
    private static readonly MacAddress Mac = new(0x00163e800001);

    private static readonly ObservedInterface Bridge = new(3, "xenbr0", "bridge", null, 1500, true, true, null, ["10.0.0.1/24"]);

    private static readonly ObservedInterface Vif = new(9, "vif7.0", "vif", null, 1500, true, true, "xenbr0", []);

    private static readonly HostSnapshot Empty = Host([Bridge], []);

    private static readonly HostSnapshot Running = Host([Bridge, Vif], ["vif7.0"], Domain(DomainState.Running, "vif7.0"));

    [Fact]
    public void Between_GuestThatCame_ComesBeforeItsInterfaceAndThatBeforeItJoins()
    {
        Assert.Equal(
            [
                (HostChangeKind.DomainAdded, "web1", null), (HostChangeKind.InterfaceAdded, "web1", 0), (HostChangeKind.PortAdded, "web1", 0),
                (HostChangeKind.VifAdded, "web1", 0),
            ],
            Told(Empty, Running));
    }

    [Fact]
    public void Between_GuestThatWent_GoesTheOtherWayRoundAndIsStillNamed()
    {
        Assert.Equal(
            [
                (HostChangeKind.VifRemoved, "web1", 0), (HostChangeKind.PortRemoved, "web1", 0), (HostChangeKind.InterfaceRemoved, "web1", 0),
                (HostChangeKind.DomainRemoved, "web1", null),
            ],
            Told(Running, Empty));
    }

    [Fact]
    public void Between_InterfaceThatXlDoesNotListYet_IsItsDomains()
    {
        var early = Host([Bridge, Vif with { Master = null }], [], Domain(DomainState.Paused));
        Assert.Equal([(HostChangeKind.DomainAdded, "web1", null), (HostChangeKind.InterfaceAdded, "web1", 0)], Told(Empty, early));
        Assert.Equal(
            [(HostChangeKind.DomainChanged, "web1", null), (HostChangeKind.PortAdded, "web1", 0), (HostChangeKind.VifAdded, "web1", 0)], Told(early, Running));
    }

    [Fact]
    public void Between_RunningAndBlocked_IsNoChange() =>
        Assert.Empty(Told(Running, Host([Bridge, Vif], ["vif7.0"], Domain(DomainState.Blocked, "vif7.0"))));

    [Fact]
    public void Between_TheSameInOtherLists_IsNoChange() =>
        Assert.Empty(Told(Empty, Host([Bridge with { Addresses = [.. Bridge.Addresses] }], [])));

    [Fact]
    public void Between_RenamedInterface_HasChangedAndItsPortIsAnother()
    {
        var renamed = Host([Bridge, Vif with { Name = "web1-lan" }], ["web1-lan"], Domain(DomainState.Running, "web1-lan"));
        Assert.Equal(
            [
                (HostChangeKind.PortRemoved, "web1", 0), (HostChangeKind.InterfaceChanged, "web1", 0), (HostChangeKind.PortAdded, "web1", 0),
                (HostChangeKind.VifChanged, "web1", 0),
            ],
            Told(Running, renamed));
    }

    [Fact]
    public void Between_EachSettingOfAnInterface_HasChanged()
    {
        ObservedInterface[] others =
        [
            Bridge with { Mtu = 1400 }, Bridge with { Up = false }, Bridge with { Carrier = false }, Bridge with { Addresses = [] }, Bridge with { Mac = Mac },
        ];
        Assert.All(others, other => Assert.Equal(other, Assert.Single(HostChanges.Between(Empty, Host([other], []))).Interface));
    }

    [Fact]
    public void Between_XenbusStateOfAVif_HasChanged()
    {
        var waiting = Domain(DomainState.Running, "vif7.0");
        waiting = waiting with { Vifs = [waiting.Vifs[0] with { State = XenbusState.InitWait }] };
        var change = Assert.Single(HostChanges.Between(Host([Bridge, Vif], ["vif7.0"], waiting), Running));
        Assert.Equal((HostChangeKind.VifChanged, XenbusState.Connected, "web1", 0), (change.Kind, change.Vif?.State, change.Guest, change.Devid));
    }

    private static IEnumerable<(HostChangeKind, string?, int?)> Told(HostSnapshot before, HostSnapshot after) =>
        HostChanges.Between(before, after).Select(c => (c.Kind, c.Guest, c.Devid));

    private static HostSnapshot Host(ObservedInterface[] interfaces, string[] ports, params ObservedDomain[] domains) =>
        new(default, domains, [new ObservedBridge("xenbr0", BridgeKind.Linux, true, 1500, ports)], interfaces);

    private static ObservedDomain Domain(DomainState state, params string[] vifs) =>
        new(7, "web1", state, GuestType.Pv, [.. vifs.Select((name, devid) => new ObservedVif(devid, Mac, name, "xenbr0", XenbusState.Connected, true, VifSettings.Empty))]);
}

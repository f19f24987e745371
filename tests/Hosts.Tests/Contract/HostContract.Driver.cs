using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Vifs;
using Xunit;

namespace Xlnet.Hosts.Tests.Contract;

/// <summary>What the driver does over every shell.</summary>
public abstract partial class HostContract
{
    [Fact]
    public async Task Observe_FreshHost_SeesItsBridgeAndItsScripts()
    {
        await using var driver = await DriverAsync();
        var seen = await driver.ObserveAsync(["/etc/xen/xl.conf", Folder + "/none"], Ct);

        Assert.Equal(new Domain.Hosts.XenVersion(4, 17), seen.XenVersion);
        Assert.Empty(seen.Domains);
        var bridge = seen.FindBridge("xenbr0");
        Assert.NotNull(bridge);
        Assert.Equal((BridgeKind.Linux, true, 1500), (bridge.Kind, bridge.Up, bridge.Mtu));
        Assert.Equal(["eth0"], bridge.Ports);
        Assert.Contains("vif-bridge", seen.Scripts);
        Assert.DoesNotContain("vif-common.sh", seen.Scripts);
        Assert.Contains("vif.default.bridge", Encoding.UTF8.GetString(seen.Files["/etc/xen/xl.conf"]!), StringComparison.Ordinal);
        Assert.Null(seen.Files[Folder + "/none"]);
        Assert.Contains(seen.Interfaces, i => i.Name == "xenbr0" && i.Kind == "bridge" && i.Addresses.Count > 0);
    }

    [Fact]
    public async Task Inspect_Host_SaysWhatNoPlanNeeds()
    {
        await using var driver = await DriverAsync();
        var domain = await StartAsync(driver, "web1", "");
        var seen = await driver.InspectAsync([Domain.Hosts.Host.XlConfPath], Ct);

        Assert.Contains(seen.Scripts, s => s.Path == "/etc/xen/scripts/vif-bridge" && s.Length > 0 && s.Sha256?.Length == 64);
        Assert.Equal(seen.Host.Scripts, seen.Scripts.Select(s => s.Path[(s.Path.LastIndexOf('/') + 1)..]));
        var conf = seen.Host.Files[Domain.Hosts.Host.XlConfPath]!;
        Assert.Contains(new ObservedFile(Domain.Hosts.Host.XlConfPath, conf.Length, Convert.ToHexStringLower(SHA256.HashData(conf))), seen.Files);
        Assert.Equal((await driver.ListGuestFilesAsync(Ct)).Select(f => f.Path), seen.Files.Select(f => f.Path).Where(Domain.Hosts.Host.IsGuestFilePath));
        Assert.NotNull(seen.Forwarding.Ipv4Forwarding);
        Assert.NotNull(seen.Forwarding.BrNetfilter);
        Assert.Contains(seen.Forwarding.IptablesForwardPolicy, new[] { "ACCEPT", "DROP" });
        Assert.NotNull(seen.Forwarding.NftablesForwardChains);
        Assert.NotNull(seen.Host.FindDomain("web1")!.FindVif(0)!.Dom0Statistics);
        Assert.Equal(domain.Vifs.Count, seen.Host.FindDomain("web1")!.Vifs.Count);
    }

    [Fact]
    public async Task CreateGuest_WithTwoVifs_AreOnTheirBridgeUnderTheirAddresses()
    {
        await using var driver = await DriverAsync();
        var domain = await StartAsync(driver, "web1", "mac=00:16:3e:80:00:01", "mac=00:16:3e:80:00:02,vifname=web1-b,rate=10Mb/s");

        Assert.Equal(GuestType.Pv, domain.Type);
        var (first, second) = (domain.FindVif(0)!, domain.FindVif(1)!);
        Assert.Equal("00:16:3e:80:00:01", first.Mac.ToString());
        Assert.Equal(string.Create(CultureInfo.InvariantCulture, $"vif{domain.Domid}.0"), first.Dom0Name);
        Assert.Equal(("xenbr0", XenbusState.Connected, true), (first.Bridge, first.State, first.LinkUp));
        Assert.Equal("vif-bridge", first.Settings.Script);
        Assert.Equal("web1-b", second.Dom0Name);
        Assert.Equal("10Mb/s", second.Settings.Rate?.ToString());
    }

    [Fact]
    public async Task CreateGuest_Twice_IsDoneOnce()
    {
        await using var driver = await DriverAsync();
        var domain = await StartAsync(driver, "web1", "");
        Done(await driver.ApplyAsync(new CreateGuestStep("web1", Folder + "/web1.cfg", Impact.None), Ct));
        Assert.Equal(domain.Domid, (await driver.ObserveAsync([], Ct)).FindDomain("web1")?.Domid);
    }

    [Fact]
    public async Task CreateGuest_VifWithoutMac_DrawsOneOfTheLowerHalf()
    {
        await using var driver = await DriverAsync();
        var vif = (await StartAsync(driver, "web1", "")).FindVif(0)!;
        Assert.Equal(0x00163eUL, vif.Mac.Value >> 24);
        Assert.Equal(0UL, vif.Mac.Value & 0x800000);
    }

    [Fact]
    public async Task AttachVif_ToARunningGuest_IsPluggedOnce()
    {
        await using var driver = await DriverAsync();
        await StartAsync(driver, "web1", "");
        var settings = new VifSettings { Mac = new MacAddress(0x00163e800007), Bridge = "xenbr0" };
        await DoneOnceAsync(driver, new AttachVifStep("web1", 5, settings, Impact.None), "network-attach");

        var vif = (await driver.ObserveAsync([], Ct)).FindDomain("web1")!.FindVif(5);
        Assert.NotNull(vif);
        Assert.Equal((settings.Mac, "xenbr0", true), (vif.Mac, vif.Bridge, vif.LinkUp));
    }

    [Fact]
    public async Task DetachVif_OfARunningGuest_IsGone()
    {
        await using var driver = await DriverAsync();
        var domain = await StartAsync(driver, "web1", "", "");
        await DoneOnceAsync(driver, new DetachVifStep("web1", 1, domain.FindVif(1)!.Mac), "network-detach");

        var seen = await driver.ObserveAsync([], Ct);
        Assert.Equal([0], seen.FindDomain("web1")!.Vifs.Select(v => v.Devid));
        Assert.DoesNotContain(seen.Interfaces, i => i.Name == domain.FindVif(1)!.Dom0Name);
    }

    [Fact]
    public async Task StopGuest_ByForce_IsGoneWithItsInterfaces()
    {
        await using var driver = await DriverAsync();
        var domain = await StartAsync(driver, "web1", "");
        await DoneOnceAsync(driver, new StopGuestStep("web1", Force: true, TimeSpan.FromMinutes(1)), "destroy");

        var seen = await driver.ObserveAsync([], Ct);
        Assert.Empty(seen.Domains);
        Assert.DoesNotContain(seen.Interfaces, i => i.Name == domain.Vifs[0].Dom0Name);
    }

    [Fact]
    public async Task StopGuest_ThatShutsDown_IsGone()
    {
        await using var driver = await DriverAsync();
        await StartAsync(driver, "web1", "");
        await DoneOnceAsync(driver, new StopGuestStep("web1", Force: false, TimeSpan.FromMinutes(1)), "shutdown");
        Assert.Empty((await driver.ObserveAsync([], Ct)).Domains);
    }
}

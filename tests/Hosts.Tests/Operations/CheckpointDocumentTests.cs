using System.Collections.Immutable;
using System.Reflection;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Vifs;
using Xlnet.Infrastructure.Data;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Operations;
using Xunit;

namespace Xlnet.Hosts.Tests.Operations;

/// <summary>What an operation keeps in the database while it runs comes back as it was.</summary>
public sealed class CheckpointDocumentTests
{
    private static readonly VifSettings Full = new()
    {
        Mac = MacAddress.Parse("00:16:3e:80:00:01"),
        Bridge = "ovs0.10:20:30",
        Type = VifType.Ioemu,
        Model = "e1000",
        VifName = "web1-a",
        Script = "/etc/xen/scripts/vif-openvswitch",
        Ip = "10.0.0.1 10.0.0.2",
        Backend = "netdom",
        GatewayDev = "eth0",
        Rate = new Rate(10_000_000, 20_000),
        Mtu = 9000,
        Vlan = "10",
        Trusted = false,
        Other = ImmutableSortedDictionary<string, string>.Empty.Add("forwarddev", "eth1").Add("colo_ip", "1.2.3.4"),
    };

    public static TheoryData<string> SettingNames => [.. typeof(VifSettings).GetProperties(BindingFlags.Public | BindingFlags.Instance).Select(p => p.Name)];

    [Fact]
    public void Full_SetsEverything() =>
        Assert.DoesNotContain(typeof(VifSettings).GetProperties(BindingFlags.Public | BindingFlags.Instance), p => p.GetValue(Full) is null);

    [Theory]
    [MemberData(nameof(SettingNames))]
    public void Read_OneSetting_IsAsItWas(string name)
    {
        var settings = new VifSettings();
        var property = typeof(VifSettings).GetProperty(name)!;
        property.SetValue(settings, property.GetValue(Full));
        Assert.NotEqual(VifSettings.Empty, settings);
        Assert.Equal(settings, RoundTrip(settings).Settings);
    }

    [Fact]
    public void Read_AllSettings_AreAsTheyWere() => Assert.Equal(Full, RoundTrip(Full).Settings);

    [Theory]
    [InlineData("10.0.0.1,10.0.0.2")]
    [InlineData("")]
    [InlineData(" 10.0.0.1")]
    [InlineData("Zürich \u2028 \"\\")]
    public void Read_ValueThatNoVifStringHolds_IsAsItWas(string ip) =>
        Assert.Equal(ip, RoundTrip(new VifSettings { Ip = ip }).Settings.Ip);

    [Property(MaxTest = 200)]
    public Property Read_AnyCheckpoint_IsAsItWas()
    {
        var text = Gen.Elements(null, "", "a", "a,b", " x", "é'\"\\");
        var vif = from devid in Gen.Choose(0, 300)
                  from mac in Gen.Choose(1, int.MaxValue)
                  from texts in Gen.ArrayOf(text, 9)
                  from trusted in Gen.Elements<bool?>(null, true, false)
                  from type in Gen.Elements<VifType?>(null, VifType.Vif, VifType.Ioemu)
                  select new CheckpointVif(devid, new VifSettings
                  {
                      Mac = new MacAddress((ulong)mac),
                      Bridge = texts[0], Model = texts[1], VifName = texts[2], Script = texts[3], Ip = texts[4],
                      Backend = texts[5], GatewayDev = texts[6], Vlan = texts[7], Trusted = trusted, Type = type,
                  }, texts[8]);
        var checkpoint = from vifs in vif.ListOf()
                         from content in Gen.Choose(0, 255).Select(b => (byte)b).ArrayOf()
                         from mtu in Gen.Elements<int?>(null, 1500)
                         from filtering in Gen.Elements<bool?>(null, false, true)
                         from kind in Gen.Elements(BridgeKind.Linux, BridgeKind.OpenVSwitch)
                         select new Checkpoint
                         {
                             Files = new Dictionary<string, byte[]?> { ["/etc/xen/Web1.cfg"] = content, ["/etc/xen/none.cfg"] = null },
                             Bridges = [new DesiredBridge("br0", kind, mtu, VlanFiltering: filtering)],
                             Domains = [new CheckpointDomain(7, "Web1", [.. vifs])],
                             WrittenFiles = new HashSet<string> { "/etc/xen/Web1.cfg" },
                             MadeBridges = new HashSet<string> { "br0" },
                         };
        return Prop.ForAll(checkpoint.ToArbitrary(), c =>
        {
            var read = CheckpointDocument.Read(CheckpointDocument.Of(c));
            Assert.Equal(c.Files["/etc/xen/Web1.cfg"], read.Files["/etc/xen/Web1.cfg"]);
            Assert.Null(read.Files["/etc/xen/none.cfg"]);
            Assert.Equal(c.Bridges, read.Bridges);
            Assert.Equal(c.Domains.Select(d => (d.Domid, d.Name)), read.Domains.Select(d => (d.Domid, d.Name)));
            Assert.Equal(c.Domains[0].Vifs, read.Domains[0].Vifs);
            Assert.Equal(c.WrittenFiles, read.WrittenFiles);
            Assert.Equal(c.MadeBridges, read.MadeBridges);
        });
    }

    [Fact]
    public void HostDocument_WithoutXlConf_KeepsNone()
    {
        var host = new Domain.Hosts.Host { Name = Domain.Common.ResourceName.Parse("dom0-a") };
        var read = JsonSerializer.Deserialize(HostDocument.Of(host), DocumentJson.Default.HostDocument)!;
        Assert.Null(read.XlConf);
        Assert.Null(read.Defaults);
    }

    [Fact]
    public void OperationError_FromJson_IsAsItWas()
    {
        var error = new OperationError(
            "hotplug.failed", "The script exited 1.", "3-vif.attach", "web1/vifs/0", ["xl", "network-attach"], 1, "out", "err", "vif-bridge", "no bridge", "log", "and back");
        var read = OperationError.FromJson(error.ToJson());
        Assert.Equal(error with { Command = null }, read with { Command = null });
        Assert.Equal(error.Command, read.Command);
    }

    [Fact]
    public void OperationError_OfAFailedStep_HoldsWhatPostgreSqlCanHold()
    {
        var step = new AttachVifStep("web1", 0, VifSettings.Empty, Impact.None) { Id = "1-vif.attach" };
        var command = new CommandResult(["xl", "network-attach"], 1, "a\0b", new string('x', 20_000), TimeSpan.FromMilliseconds(12));
        var error = OperationError.Of(step, new StepOutcome([command], new StepFailure("hotplug.failed", "no\0", "vif-bridge", "h\0", null), true));

        Assert.DoesNotContain("\\u0000", error.ToJson(), StringComparison.Ordinal);
        Assert.Equal(("1-vif.attach", "web1/vifs/0", 1, "a\ufffdb"), (error.Step, error.Target, error.ExitStatus, error.Stdout));
        Assert.StartsWith("…xxx", error.Stderr, StringComparison.Ordinal);
        Assert.DoesNotContain("\\u0000", CommandDocument.Of([command]), StringComparison.Ordinal);
    }

    private static CheckpointVif RoundTrip(VifSettings settings) =>
        CheckpointDocument.Read(CheckpointDocument.Of(new Checkpoint
        {
            Files = new Dictionary<string, byte[]?>(),
            Bridges = [],
            Domains = [new CheckpointDomain(1, "web1", [new CheckpointVif(3, settings, "br0")])],
            WrittenFiles = new HashSet<string>(),
            MadeBridges = new HashSet<string>(),
        })).Domains[0].Vifs[0];
}

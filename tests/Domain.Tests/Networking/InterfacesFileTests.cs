using System.Text;
using Xlnet.Domain.Networking;
using Xunit;

namespace Xlnet.Domain.Tests.Networking;

public sealed class InterfacesFileTests
{
    private const string Host = """
        # The host's own
        source /etc/network/interfaces.d/*
        source-directory more

        auto lo eth0 \
            eth1
        iface lo inet loopback

        allow-hotplug eth0
        iface template inet static
            mtu 1400
            dns-nameservers 192.0.2.53

        iface eth0 inet static inherits template
            address 192.0.2.10
            # a note in the midst
            netmask 255.255.255.0
            gateway 192.0.2.1
            up ip addr add 192.0.2.11/24 \
                dev eth0

        # on IPv6
        iface eth0 inet6 static
            address 2001:db8::10/64

        mapping eth*
            script /usr/local/sbin/map
            map home eth0
        rename mac/00:16:3e:00:00:01=eth0
        iface xenbr0 inet manual
            bridge_ports none
            no-auto-down
            auto

        """;

    [Fact]
    public void Parse_HostsFile_ReadsItAsIfupdownDoes()
    {
        var file = InterfacesFile.Parse(Host);
        Assert.True(file.IsSound);
        Assert.Equal(["lo", "template", "eth0", "eth0", "xenbr0"], file.Stanzas.Select(s => s.Name));
        Assert.Equal(["auto: lo eth0 eth1", "allow-hotplug: eth0", "rename: mac/00:16:3e:00:00:01=eth0", "no-auto-down: xenbr0", "auto: xenbr0"],
            file.Lists.Select(l => $"{l.Keyword}: {string.Join(' ', l.Names)}"));
        Assert.Equal(["/etc/network/interfaces.d/*", "more"], file.Sources);
        var facts = InterfaceFacts.Of(file.Of("eth0"))!;
        Assert.Equal((AddressingMethod.Static, 1400, "192.0.2.1"), (facts.Method, facts.Mtu, facts.Gateway?.ToString()));
        Assert.Equal(["192.0.2.10/24", "2001:db8::10/64", "192.0.2.11/24"], facts.Addresses);
        Assert.Equal(["192.0.2.53"], facts.Dns.Select(d => d.ToString()));
        Assert.Equal([], InterfaceFacts.Of(file.Of("xenbr0"))!.BridgePorts!);
        Assert.True(file.IsBroughtUp("xenbr0"));
    }

    [Fact]
    public void Without_InterfaceAmongOthers_LeavesEveryOtherByte()
    {
        var file = InterfacesFile.Parse(Host).Without("eth0");
        var begin = Host.IndexOf("iface eth0 inet static", StringComparison.Ordinal);
        var noted = Host.IndexOf("\n# on IPv6", StringComparison.Ordinal);
        var mapping = Host.IndexOf("\nmapping", StringComparison.Ordinal);
        var left = (Host[..begin] + Host[noted..(noted + "\n# on IPv6\n".Length)] + Host[mapping..]).Replace("auto lo eth0 \\", "auto lo \\", StringComparison.Ordinal)
            .Replace("allow-hotplug eth0\n", "", StringComparison.Ordinal);
        Assert.Equal(left, file.ToString());
        Assert.Empty(file.Of("eth0"));
    }

    [Fact]
    public void Without_NameThatKeywordAndOthersHold_TakesTheNameAlone()
    {
        Assert.Equal("auto eth0.1 eth01\n", InterfacesFile.Parse("auto eth0 eth0.1 eth0 eth01\n").Without("eth0").ToString());
        Assert.Equal("auto eth0\n", InterfacesFile.Parse("auto auto eth0\n").Without("auto").ToString());
        Assert.Equal("iface eth1 inet manual\nauto\n", InterfacesFile.Parse("iface eth1 inet manual\nauto\n").Without("eth0").ToString());
    }

    [Theory]
    [InlineData("address 192.0.2.1\n")]
    [InlineData("iface eth0 inet nonsense\n")]
    [InlineData("iface eth0\n")]
    [InlineData("iface eth0 inet static\n  address\n")]
    [InlineData("iface eth0 inet static inherits nothing\n")]
    [InlineData("mapping eth0\n  address 192.0.2.1\n")]
    public void IsSound_LineThatIfupdownRefuses_IsFalse(string text) => Assert.False(InterfacesFile.Parse(text).IsSound);

    [Fact]
    public void WithBlock_ThenWithoutIt_GivesTheFileBack()
    {
        var file = InterfacesFile.Parse(Host);
        var with = file.WithBlock("auto xenbr1\niface xenbr1 inet manual\n");
        Assert.Equal("auto xenbr1\niface xenbr1 inet manual\n", with.Block);
        Assert.True(with.IsBroughtUp("xenbr1"));
        Assert.Equal("x\n", with.WithBlock("x").Block);
        Assert.Equal(with.ToString(), with.WithBlock("x").WithBlock(with.Block!).ToString());
        Assert.Equal(Host, with.WithoutBlock().ToString().TrimEnd('\n') + "\n");
    }

    /// <summary>Whatever a file holds, and however broken, its bytes come back, and edits do what they say to the rest of it.</summary>
    [Fact]
    public void Parse_AnyText_KeepsEveryByte()
    {
        string[] pieces =
        [
            "auto", "allow-hotplug", "allow-", "no-auto-down", "iface", "mapping", "source", "source-directory", "rename", "eth0", "eth1", "eth0.10", "lo", "inet", "inet6",
            "static", "dhcp", "manual", "inherits", " ", " ", " ", " ", "\t", "\n", "\n", "\n", "\n", "\\\n", "\\", "\r\n", "#", "# comment\n", "address 192.0.2.1/24", "up ip addr add", "\0", "\xff",
            "iface eth0 inet static\n", "auto eth0 eth1\n", InterfacesFile.BlockBegin + "\n", InterfacesFile.BlockEnd + "\n", "\v", "bridge_ports eth0",
        ];
        var random = new Random(5);
        for (var round = 0; round < 20000; round++)
        {
            var builder = new StringBuilder();
            for (var i = random.Next(40); i > 0; i--)
                builder.Append(pieces[random.Next(pieces.Length)]);
            var text = builder.ToString();
            var file = InterfacesFile.Parse(text);
            Assert.Equal(text, file.ToString());
            Assert.Equal(text, InterfacesFile.Parse(file.ToBytes()).ToString());

            var without = file.Without("eth0");
            Assert.Equal(without.ToString(), InterfacesFile.Parse(without.ToString()).ToString());
            if (file.IsSound)
            {
                Assert.Empty(without.Of("eth0"));
                Assert.DoesNotContain(without.Lists, l => l.Keyword != "rename" && l.Names.Contains("eth0"));
                Assert.Equal(Show(file.Stanzas.Where(s => s.Name != "eth0" && s.Inherits is null)), Show(without.Stanzas.Where(s => s.Name != "eth0" && s.Inherits is null)));
            }

            var with = file.WithBlock("iface ours inet manual\n    mtu 1400\n");
            Assert.Equal("iface ours inet manual\n    mtu 1400\n", with.Block);
            Assert.Equal("x\n", with.WithBlock("x").Block);
            if (file.IsSound && with.IsSound)
                Assert.Equal(["1400"], with.Of("ours").SelectMany(s => s.All("mtu")));
            if (file.Block is null)
                Assert.StartsWith(text, with.ToString(), StringComparison.Ordinal);
        }

        static string[] Show(IEnumerable<InterfaceStanza> stanzas) =>
            [.. stanzas.Select(s => $"{s.Name} {s.Family} {s.Method} {string.Join(';', s.Options.Select(o => $"{o.Name}={o.Value}"))}")];
    }
}

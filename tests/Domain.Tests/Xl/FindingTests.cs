using System.Text;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;
using Xunit;

namespace Xlnet.Domain.Tests.Xl;

public class FindingTests
{
    private const string Head = "name='g'\nkernel='/k'\n";

    /// <summary>One text for each kind of finding.</summary>
    public static TheoryData<string, LintKind, string> Samples => new()
    {
        { "vif.unknown-key", LintKind.Vif, "brigde=xenbr0" },
        { "vif.mac.malformed", LintKind.Vif, "mac=00:16:3e:zz:00:01" },
        { "vif.mac.sloppy", LintKind.Vif, "mac=0-16-3e-1-2-3" },
        { "vif.mac.past-end", LintKind.Vif, "mac=00:16:3e:00:00" },
        { "vif.mac.multicast", LintKind.Vif, "mac=01:00:5e:00:00:01" },
        { "vif.mac.zero", LintKind.Vif, "mac=00:00:00:00:00:00" },
        { "vif.type.invalid", LintKind.Vif, "type=netfront" },
        { "vif.rate.malformed", LintKind.Vif, "rate=10MB" },
        { "vif.rate.overflow", LintKind.Vif, "rate=4294967296B/s" },
        { "vif.rate.octal", LintKind.Vif, "rate=010MB/s" },
        { "vif.rate.bare-interval", LintKind.Vif, "rate=1MB/s@20" },
        { "vif.rate.inexact", LintKind.Vif, "rate=7b/s" },
        { "vif.number.malformed", LintKind.Vif, "mtu=big" },
        { "vif.number.sloppy", LintKind.Vif, "devid=5x" },
        { "vif.mtu.range", LintKind.Vif, "mtu=67" },
        { "vif.value.blanks", LintKind.Vif, "bridge=xenbr0 ,mtu=1400" },
        { "vif.key.duplicate", LintKind.Vif, "bridge=a,bridge=b" },
        { "vif.key.deprecated", LintKind.Vif, "netdev=eth0" },
        { "vif.bridge.invalid", LintKind.Vif, "bridge=much/too/long/for/a/bridge" },
        { "vif.vifname.too-long", LintKind.Vif, "vifname=sixteencharacter" },
        { "vif.vifname.invalid", LintKind.Vif, "vifname=a/b" },
        { "vif.script.invalid", LintKind.Vif, "script=/tmp/x" },
        { "vif.ip.invalid", LintKind.Vif, "ip=999.1.1.1" },
        { "vif.type.ioemu-not-hvm", LintKind.Guest, Head + "vif = [ 'type=ioemu' ]\n" },
        { "vif.model.not-hvm", LintKind.Guest, Head + "vif = [ 'model=e1000' ]\n" },
        { "vif.vlan.version", LintKind.Vif, "vlan=10" },
        { "vif.vlan.unread", LintKind.Vif, "vlan=10" },
        { "vif.ip.comma", LintKind.Vif, "ip=10.0.0.1,10.0.0.2" },
        { "vif.ip.no-filter", LintKind.Vif, "ip=10.0.0.1" },
        { "vif.bridge.ovs-syntax", LintKind.Vif, "bridge=br0.10:20" },
        { "vif.not-a-list", LintKind.Guest, Head + "vif = 'bridge=a'\n" },
        { "vif.nested-list", LintKind.Guest, Head + "vif = [ ['bridge=a'] ]\n" },
        { "vif.assigned-twice", LintKind.Guest, Head + "vif = []\nvif = [ '' ]\n" },
        { "vif.devid.duplicate", LintKind.Guest, Head + "vif = [ 'devid=1', '' ]\n" },
        { "vif.vifname.duplicate", LintKind.Guest, Head + "vif = [ 'vifname=a', 'vifname=a' ]\n" },
        { "vif.mac.duplicate", LintKind.Guest, Head + "vif = [ 'mac=00:16:3e:00:00:01', 'mac=00:16:3e:00:00:01' ]\n" },
        { "vif.bare-number", LintKind.Guest, Head + "vif = [ 0 ]\n" },
        { "xl.syntax", LintKind.Guest, "vif = [ 'a' 'b' ]\n" },
        { "xl.trailing-text", LintKind.Guest, "memory = 64 128\n" },
        { "xl.character", LintKind.Guest, "memory = True\n" },
        { "xl.carriage-return", LintKind.Guest, "memory = 64\r\n" },
        { "xl.byte-order-mark", LintKind.Guest, "\u00ef\u00bb\u00bfmemory = 64\n" },
        { "xl.string.unterminated", LintKind.Guest, "name = 'g\n" },
        { "xl.comment.unterminated", LintKind.Guest, "# the end" },
        { "xl.escape.refused", LintKind.Guest, "name = 'a\\x41'\n" },
        { "xl.escape.vanishes", LintKind.Guest, "name = 'a\\101'\n" },
        { "xl.nul", LintKind.Guest, "name = 'a\0'\n" },
        { "xl.mixed-addition", LintKind.Guest, "vif = []\nvif += 'x'\n" },
        { "xl.list.too-deep", LintKind.Guest, $"x = {new string('[', 65)}{new string(']', 65)}\n" },
        { "xl.too-large", LintKind.Guest, new string(' ', (1 << 20) + 1) },
        { "xl.python", LintKind.Guest, "def f():\n" },
        { "guest.refused", LintKind.Guest, "name = 'g'\n" },
        { "conf.deprecated-name", LintKind.XlConf, "vifscript='vif-nat'\n" },
        { "conf.list", LintKind.XlConf, "vif.default.bridge=['a']\n" },
        { "conf.unknown-default", LintKind.XlConf, "vif.default.model='e1000'\n" },
        { "conf.refused", LintKind.XlConf, "max_grant_frames='x'\n" },
    };

    [Theory]
    [MemberData(nameof(Samples))]
    public void Run_Sample_FindsIt(string code, LintKind kind, string text) =>
        Assert.Contains(code, Lint.Run(kind, text).Findings.Select(f => f.Code));

    [Theory]
    [InlineData("hap", true)]
    [InlineData("memory", false)]
    public void Reading_OfANumberOutOfRangeBeforeARate_IsXlsStaleErrno(string key, bool accepted)
    {
        var reading = GuestFile.Parse($"name='g'\nkernel='/k'\n{key} = 99999999999999999999\nvif = [ 'rate=1Mb/s' ]\n").Reading;
        Assert.Equal(accepted, reading.Accepted);
    }

    [Theory]
    [InlineData("mtu=9000,\tmtu=0", "mtu=9000,\tmtu=0")]
    [InlineData("\tmtu=9000", "mtu=9000")]
    public void Fix_OfASkippedKey_DoesNotOverrideOneThatXlRead(string vif, string mended) =>
        Assert.Equal(mended, Lint.Fix(LintKind.Vif, vif));

    [Theory]
    [InlineData("vif = [ 'a\0' ]\n", "607")]
    [InlineData("vif = [ \" \\\"\0\" ]\n", "619")]
    public void Reading_OfAZeroByteInAString_NamesTheAssertionThatFails(string text, string line)
    {
        var reading = GuestFile.Parse(text).Reading;
        Assert.Equal(134, reading.ExitStatus);
        Assert.Contains($"libxlu_cfg.c:{line}:", reading.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Samples_AndRules_CoverEveryKind()
    {
        var seen = Samples.Select(s => s.Data.Item1)
            .Append(FindingKinds.ScriptForOtherBridge.Code) // HostRulesTests
            .Concat(VifRules.Check(new VifSettings { Ip = "" }, null, XenVersion.Recorded).Select(f => f.Code));

        Assert.Empty(FindingKinds.All.Select(k => k.Code).Except(seen));
    }

    [Fact]
    public void All_Codes_AreUnique() =>
        Assert.Equal(FindingKinds.All.Count, FindingKinds.All.Select(k => k.Code).Distinct().Count());

    [Theory]
    [InlineData(LintKind.Vif, "")]
    [InlineData(LintKind.Vif, "mac=00:16:3e:8a:10:02,bridge=xenbr0,type=vif,rate=10Mb/s@20ms,vifname=web0,script=vif-bridge,mtu=9000,backend=0,untrusted")]
    [InlineData(LintKind.Vif, "mac=00:16:3E:8A:10:02, bridge=br0.10")]
    [InlineData(LintKind.Guest, Head + "# nothing odd\nvif = [ '', ] # one\nmemory = 512")]
    [InlineData(LintKind.XlConf, "#vifscript='x'\nvif.default.bridge=\"xenbr0\"\nautoballoon=\"off\"\n")]
    public void Run_NothingOdd_FindsNothing(LintKind kind, string text) => Assert.Empty(Lint.Run(kind, text).Findings);

    [Theory]
    [InlineData(LintKind.Vif, "Bridge=a", "bridge=a")]
    [InlineData(LintKind.Vif, "bridge =a", "bridge=a")]
    [InlineData(LintKind.Vif, "mtu=1400 ,bridge= a ", "mtu=1400,bridge=a")]
    [InlineData(LintKind.Vif, "mac=0:16:3E:1:2:3", "mac=00:16:3e:01:02:03")]
    [InlineData(LintKind.Vif, "ip=10.0.0.1, 10.0.0.2,10.0.0.3", "ip=10.0.0.1 10.0.0.2 10.0.0.3")]
    [InlineData(LintKind.Vif, "trusted=0,mtu=1400", "untrusted,mtu=1400")]
    [InlineData(LintKind.Vif, "untrusted=1", "untrusted")]
    [InlineData(LintKind.Vif, "rate=1MB/s@20", "rate=1MB/s@20s")]
    [InlineData(LintKind.Vif, "bridge=a,bridge=b", "bridge=b")]
    [InlineData(LintKind.Guest, Head + "vif = 'bridge=a' # x\r\n# end", Head + "vif = [ 'bridge=a' ] # x\r\n# end\n")]
    [InlineData(LintKind.Guest, Head + "vif = [ \"Bridge=a\\\"b\" ]\r\nmemory = 1\r\n", Head + "vif = [ \"bridge=a\\\"b\" ]\nmemory = 1\n")]
    [InlineData(LintKind.XlConf, "vifscript = 'vif-nat'\n", "vif.default.script = 'vif-nat'\n")]
    public void Fix_WhatCanBeMended_Mends(LintKind kind, string text, string expected) => Assert.Equal(expected, Lint.Fix(kind, text));

    [Fact]
    public void Findings_InAFile_StandWhereTheyAre()
    {
        var finding = Assert.Single(GuestFile.Parse(Head + "vif = [ '',\n  'bridge=\\'a,foo=1' ]\n").Findings, f => f.Code == "vif.unknown-key");

        Assert.Equal((4, 15, 1), (finding.Line, finding.Column, finding.Devid!.Value));
    }

    [Theory]
    [InlineData("mac=01:00:5e:00:00:01", "mac")]
    [InlineData("bridge=a/b", "bridge")]
    [InlineData("vifname=sixteencharacter", "vifname")]
    [InlineData("script=../../tmp/x", "script")]
    [InlineData("script=/etc/xen/scripts/../x", "script")]
    [InlineData("ip=10.0.0.1  10.0.0.2", "ip")]
    [InlineData("ip=10.0.0.1/33", "ip")]
    [InlineData("backend=a b", "backend")]
    [InlineData("mtu=67", "mtu")]
    [InlineData("vlan=10", "vlan")]
    [InlineData("type=ioemu", "type")]
    [InlineData("model=e1000", "model")]
    [InlineData("bridge= a", "bridge")]
    [InlineData("forwarddev=a'b", "forwarddev")]
    [InlineData("gatewaydev=a:b", "gatewaydev")]
    public void Check_WhatXlnetDoesNotWrite_NamesTheKey(string vif, string key) =>
        Assert.Contains(key, VifRules.Check(VifSpec.Read(vif).Settings, GuestType.Pv, XenVersion.Recorded).Select(f => f.Key));

    [Theory]
    [InlineData("mac=00:16:3e:8a:10:02,bridge=xenbr0,vifname=web0,script=/etc/xen/scripts/vif-nat,ip=10.0.0.1 fd00::1/64,backend=net-dom,mtu=9000,vlan=10", GuestType.Pvh)]
    [InlineData("bridge=br0.10:20:30,type=ioemu,model=e1000,vifname=elevenchars", GuestType.Hvm)]
    [InlineData("", GuestType.Pv)]
    public void Check_WhatIsRight_FindsNothing(string vif, GuestType type) =>
        Assert.Empty(VifRules.Check(VifSpec.Read(vif).Settings, type, new XenVersion(4, 19)));

    [Fact]
    public void Check_VifNameOnHvm_LeavesRoomForTheEmulatedTwin()
    {
        var twelve = new VifSettings { VifName = "twelve-chars" };

        Assert.Equal("vif.vifname.too-long", Assert.Single(VifRules.Check(twelve, GuestType.Hvm, XenVersion.Recorded)).Code);
        Assert.Empty(VifRules.Check(twelve with { Type = VifType.Vif }, GuestType.Hvm, XenVersion.Recorded));
        Assert.Empty(VifRules.Check(twelve, GuestType.Pv, XenVersion.Recorded));
    }

    /// <summary>XLNET_RECORD=1 writes the document anew.</summary>
    [Fact]
    public void Document_FromTheTable_IsTheCommittedOne()
    {
        var text = new StringBuilder("# Findings\n\nWhat xlnet finds in guest files, in xl.conf and in vif strings. Generated from `FindingKinds` by the tests (`XLNET_RECORD=1`).\n\n");
        text.Append("*error*: xl refuses it, or does something else than it says; an import with one is refused unless the caller accepts it. *warning*: xl takes it, and it likely is not what was meant. *info*: worth knowing. `VifRules`, the strict check of every write, reports each as an error.\n");
        foreach (var kind in FindingKinds.All)
            text.Append($"\n## `{kind.Code}`\n\n*{kind.Severity.ToString().ToLowerInvariant()}*. {kind.Cause}\n\n- Evidence: {kind.Evidence}\n- Fix: {kind.Remedy}\n");

        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "api.sln")))
            folder = Path.GetDirectoryName(folder)!;
        var file = Path.Combine(folder, "docs", "findings.md");
        if (Environment.GetEnvironmentVariable("XLNET_RECORD") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, text.ToString());
        }

        Assert.Equal(File.ReadAllText(file), text.ToString());
    }
}

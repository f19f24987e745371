using Xlnet.Domain.Guests;
using Xlnet.Domain.Xl;
using Xunit;

namespace Xlnet.Domain.Tests.Xl;

public class GuestFileTests
{
    private const string Web1 =
        """
        # web1, a student's first guest
        name   = "web1"
        type   = "pvh"     # no firmware
        kernel = '/boot/vmlinuz'

        vif = ['bridge=xenbr0']  # one card
        memory = 512

        """;

    private static VifTarget Target(int devid, string spec) => new(devid, VifSpec.Read(spec).Settings);

    private static GuestFile Guest(string vif) => GuestFile.Parse($"name='g'\nkernel='/k'\n{vif}");

    private static void AssertReads(GuestFile file, params VifTarget[] targets)
    {
        Assert.True(file.Reading.Accepted, file.Reading.Message + file);
        Assert.Equal(targets, file.Vifs.Select(v => new VifTarget(v.Devid, v.Settings)));
    }

    [Fact]
    public void Parse_OrdinaryFile_ReadsNameTypeAndVifs()
    {
        var file = GuestFile.Parse(Web1);

        Assert.Equal("web1", file.Name);
        Assert.Equal(GuestType.Pvh, file.Type);
        Assert.Equal("xenbr0", Assert.Single(file.Vifs).Settings.Bridge);
        Assert.True(file.Reading.Accepted);
        Assert.Equal("", file.Reading.Message);
        Assert.Equal("devid=0,bridge=xenbr0", Assert.Single(file.Reading.Nics).ToString());
        Assert.Empty(file.Findings);
    }

    /// <summary>xl gives up at the rate and never reads the devid; with the rate gone it would.</summary>
    [Fact]
    public void WithVifs_DevidBehindWhatXlRefuses_DoesNotComeBack() =>
        AssertReads(Guest("vif = ['', 'rate=x,devid=7']\n").WithVifs([Target(0, ""), Target(1, "bridge=b")]), Target(0, ""), Target(1, "bridge=b"));

    [Fact]
    public void WithVifs_SameVifs_KeepsEveryByte()
    {
        var file = GuestFile.Parse(Web1);

        Assert.Equal(Web1, file.WithVifs([Target(0, "bridge=xenbr0")]).ToString());
    }

    [Fact]
    public void WithVifs_OneMoreVif_ChangesTheValueOnly()
    {
        var file = GuestFile.Parse(Web1).WithVifs([Target(0, "bridge=xenbr0"), Target(1, "mac=00:16:3e:80:00:01,bridge=xenbr1")]);

        Assert.Equal(
            Web1.Replace("['bridge=xenbr0']", "['bridge=xenbr0', 'mac=00:16:3e:80:00:01,bridge=xenbr1']", StringComparison.Ordinal),
            file.ToString());
        Assert.Equal("00:16:3e:80:00:01", file.Vifs[1].Settings.Mac?.ToString());
    }

    [Fact]
    public void WithVifs_NoVifSetting_AddsOneLine() =>
        Assert.Equal(
            "name='g'\nkernel='/k'\n# end\nvif = [ 'bridge=b' ]\n",
            Guest("# end").WithVifs([Target(0, "bridge=b")]).ToString());

    [Fact]
    public void WithVifs_ListOverSeveralLines_KeepsLinesCommentsAndTrailingComma()
    {
        const string before = "vif = [\n  # first\n  \"bridge=a\",   # main\n  # second\n  \"bridge=b\",\n  # nothing more\n]\n";

        Assert.Equal(
            "name='g'\nkernel='/k'\nvif = [\n  # first\n  \"bridge=a\",   # main\n  # second\n  \"bridge=b\",\n  \"bridge=c\",\n  # nothing more\n]\n",
            Guest(before).WithVifs([Target(0, "bridge=a"), Target(1, "bridge=b"), Target(2, "bridge=c")]).ToString());
        Assert.Equal(
            "name='g'\nkernel='/k'\nvif = [\n  # second\n  \"bridge=b,devid=1\",\n  # nothing more\n]\n",
            Guest(before).WithVifs([Target(1, "bridge=b")]).ToString());
        Assert.Equal(
            "name='g'\nkernel='/k'\nvif = [\n  # first\n  \"bridge=x\",   # main\n  # second\n  \"bridge=b\",\n  # nothing more\n]\n",
            Guest(before).WithVifs([Target(0, "bridge=x"), Target(1, "bridge=b")]).ToString());
    }

    [Fact]
    public void WithVifs_ListOverSeveralLinesWithoutTrailingComma_MovesTheComma() =>
        Assert.Equal(
            "name='g'\nkernel='/k'\nvif = [\n  'bridge=a', # main\n  'bridge=b'\n]\n",
            Guest("vif = [\n  'bridge=a' # main\n]\n").WithVifs([Target(0, "bridge=a"), Target(1, "bridge=b")]).ToString());

    [Theory]
    [InlineData("vif = [ 'bridge=a', 'bridge=b', 'bridge=c' ]\n")]
    [InlineData("vif = [ 'bridge=a' ]\nvif += [ 'bridge=b', 'bridge=c' ]\n")]
    [InlineData("vif = [ 'x' ]\nvif = [ 'bridge=a', 'bridge=b' ]\nvif += [ 'bridge=c' ]")]
    [InlineData("vif = []")]
    [InlineData("vif = 'bridge=a' # no list")]
    [InlineData("vif = [ 'bridge=a', [ 'bridge=n' ], 'bridge=z' ]")]
    [InlineData("vif = [ ['bridge=n'] ]")]
    [InlineData("vif = [ 7, 'devid=0', 'foo,devid=1' ]")]
    [InlineData("vif = [ 'rate=010MB/s,bridge=a' ]")]
    [InlineData("vif = [ 'mac=00:16:3e:80:00', 'mac=zz,bridge=q' ]")]
    [InlineData("#")]
    public void WithVifs_AnyList_ReadsAsTheTargets(string vif)
    {
        VifTarget[][] wishes =
        [
            [],
            [Target(0, "bridge=a")],
            [Target(2, "bridge=c"), Target(0, "bridge=a,mac=00:16:3e:80:00:01")],
            [Target(5, "bridge=a,ip=10.0.0.1 10.0.0.2"), Target(1, ""), Target(0, "bridge=n\"e'w")],
            [Target(1, "rate=10Mb/s@20ms,bridge=b"), Target(0, "untrusted"), Target(2, "bridge=c"), Target(3, "mtu=9000")],
        ];
        foreach (var wish in wishes)
            AssertReads(Guest(vif).WithVifs(wish), wish);
    }
}

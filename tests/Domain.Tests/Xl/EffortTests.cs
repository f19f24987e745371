using Xlnet.Domain.Xl;
using Xunit;

namespace Xlnet.Domain.Tests.Xl;

/// <summary>
/// That the work is linear in the length, told from what is allocated, which no other program disturbs: four times the text may
/// take about four times the memory, where quadratic work that keeps what it makes would take sixteen times.
/// </summary>
public class EffortTests
{
    private const int Length = 1 << 13;

    private const string Head = "name='g'\nkernel='/k'\n";

    private static string Repeat(string piece, int length) => string.Concat(Enumerable.Repeat(piece, length / piece.Length));

    public static TheoryData<string, string, string> Texts => new()
    {
        { "x=", "[", "" }, { "", "'", "" }, { "", "@\n", "" }, { "", "a='\\q'\n", "" }, { "", "a+='b'\n", "" }, { "", "vif=['']\n", "" }, { "", "vif+=['']\n", "" },
        { "", "vif=[", "" }, { "", "#\n", "" }, { "", "a=[[[[1]]]]\n", "" }, { Head + "vif=[", "'',", "]\n" }, { Head + "vif=[", "1,", "]\n" },
        { Head + "vif=[", "'Bridge=a,mac=z',", "]\n" }, { Head + "vif=[", "'mac=00:16:3e:00:00:01,vifname=v,devid=0',", "]\n" },
        { Head + "vif=['", "a,", "']\n" }, { Head + "vif=['", "mac=,", "']\n" }, { Head + "vif=['", "rate=8Kb/s@010,", "']\n" }, { Head + "vif=['", "ip=10.0.0.1,10.0.0.2,", "']\n" },
        { Head + "disk=['", "discard,", "']\n" }, { Head + "disk=['", "bogus=1,", "']\n" }, { Head + "channel=['connection=pty,", "a=1,", "']\n" }, { Head + "pci=['01:00.0,", "seize=1,", "']\n" },
    };

    [Theory]
    [MemberData(nameof(Texts))]
    public void Run_FourTimesTheText_AllocatesAboutFourTimes(string head, string piece, string tail) =>
        AssertLinear(length => head + Repeat(piece, length) + tail, text => Lint.Run(LintKind.Guest, text));

    [Theory]
    [InlineData("a,")]
    [InlineData("mac=,")]
    [InlineData("\n,")]
    public void Run_FourTimesTheVifString_AllocatesAboutFourTimes(string piece) =>
        AssertLinear(length => Repeat(piece, length), text => Lint.Run(LintKind.Vif, text));

    [Theory]
    [InlineData("'bridge=b',")]
    [InlineData("1,")]
    public void WithVifs_FourTimesTheVifs_AllocatesAboutFourTimes(string vif) =>
        AssertLinear(length => $"{Head}vif=[{Repeat(vif, length)}]\n", text =>
        {
            var file = GuestFile.Parse(text);
            return file.WithVifs([.. file.Vifs.Reverse().Select(v => new VifTarget(v.Devid, v.Settings with { Model = "e1000" }))]).Vifs;
        });

    /// <summary>What xl would say of half a million unknown words is not kept to the last.</summary>
    [Fact]
    public void Run_DiskThatRepeatsItself_KeepsTheMessageShort()
    {
        var text = $"{Head}disk=['{Repeat("bogus=1,", 1 << 19)}']\n";

        var result = Lint.Run(LintKind.Guest, text);

        Assert.False(result.Xl.Accepted);
        Assert.InRange(result.Xl.Message.Length, 1, 4 * text.Length);
    }

    /// <summary>Where the end of what xl prints is cut off, why it refuses the file still stands there.</summary>
    [Fact]
    public void Run_RefusedBehindManyMessages_StillSaysWhy()
    {
        var result = Lint.Run(LintKind.Guest, $"{Head}vif=['{Repeat("a,", 1 << 19)}rate=x']\n");

        Assert.EndsWith("invalid rate in `x'", result.Xl.Message, StringComparison.Ordinal);
        Assert.InRange(result.Xl.Message.Length, 1, 1 << 19);
    }

    private static void AssertLinear(Func<int, string> make, Func<string, object> run)
    {
        var small = make(Length);
        var large = make(4 * Length);
        run(small); // what is made once a process

        var once = Allocated(() => run(small));
        var fourTimes = Allocated(() => run(large));

        // Up to 5: a list that grows to twice its size may do so just before the end.
        Assert.True(fourTimes < 5.5 * once, $"{once} bytes for {small.Length}, {fourTimes} for {large.Length}");
    }

    private static long Allocated(Func<object> run)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        GC.KeepAlive(run());
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}

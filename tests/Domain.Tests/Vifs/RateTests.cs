using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using Xlnet.Domain.Vifs;
using Xunit;

namespace Xlnet.Domain.Tests.Vifs;

public class RateTests
{
    [Theory]
    [InlineData("10Mb/s", 10_000_000, 50_000, 62_500, "10Mb/s")]
    [InlineData("1MB/s@20ms", 8_000_000, 20_000, 20_000, "8Mb/s@20ms")]
    [InlineData("1Gb/s@1s", 1_000_000_000, 1_000_000, 125_000_000, "1Gb/s@1s")]
    [InlineData("1000000us", 0, 0, 0, null)]
    [InlineData("1000Kb/s@50000us", 1_000_000, 50_000, 6_250, "1Mb/s")]
    [InlineData("9999Kb/s@7us", 9_999_000, 7, 8, "9999Kb/s@7us")]
    [InlineData("160b/s", 160, 50_000, 1, "160b/s")]
    [InlineData("152b/s", 0, 0, 0, null)] // less than a byte in 50 ms
    [InlineData("010Mb/s", 0, 0, 0, null)] // xl reads octal
    [InlineData("10Mb/s@20", 0, 0, 0, null)] // xl takes seconds
    [InlineData("9b/s@9s", 0, 0, 0, null)] // no whole byte
    [InlineData("10MBps", 0, 0, 0, null)]
    [InlineData("10kb/s", 0, 0, 0, null)]
    [InlineData("b/s", 0, 0, 0, null)]
    [InlineData("-1Mb/s", 0, 0, 0, null)]
    [InlineData("10Mb/s@1s@1s", 0, 0, 0, null)]
    [InlineData("4294967296b/s", 0, 0, 0, null)]
    [InlineData("4294967295Gb/s", 0, 0, 0, null)]
    [InlineData("", 0, 0, 0, null)]
    public void Parse_Text_IsARateOrNot(string text, long bits, long interval, long credit, string? spelled)
    {
        Assert.Equal(spelled is not null, Rate.TryParse(text, null, out var rate));
        if (rate is not null)
            Assert.Equal((bits, interval, credit, spelled), (rate.BitsPerSecond, rate.IntervalMicroseconds, rate.BytesPerInterval, rate.ToString()));
    }

    [Property]
    public Property Parse_ToString_IsTheSame()
    {
        var rate = from number in Gen.Choose(1, int.MaxValue)
                   from unit in Gen.Elements(8L, 1_000, 1_000_000, 1_000_000_000)
                   from interval in Gen.Choose(1, int.MaxValue)
                   where Rate.Check(number * unit, interval) is null
                   select new Rate(number * unit, interval);
        return Prop.ForAll(rate.ToArbitrary(), r => Assert.Equal(r, Rate.Parse(r.ToString())));
    }

    [Theory]
    [InlineData(7, 50_000)]
    [InlineData(0, 50_000)]
    [InlineData(-8, 50_000)]
    [InlineData(8_000_000, 0)]
    [InlineData(8_000_000, 1L << 32)]
    [InlineData(8L * uint.MaxValue * 1000, 4_000_000_000)]
    public void New_OutOfRange_IsRefused(long bits, long interval) => Assert.Throws<ArgumentException>(() => new Rate(bits, interval));
}

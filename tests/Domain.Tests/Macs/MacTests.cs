using FsCheck;
using FsCheck.Xunit;
using Xlnet.Domain.Common;
using Xlnet.Domain.Macs;
using Xunit;

namespace Xlnet.Domain.Tests.Macs;

public class MacTests
{
    [Theory]
    [InlineData("00:16:3e:8a:10:02", "00:16:3e:8a:10:02")]
    [InlineData("00-16-3E-8A-10-02", "00:16:3e:8a:10:02")]
    [InlineData("FF:ff:Ff:fF:ff:ff", "ff:ff:ff:ff:ff:ff")]
    public void Parse_Address_HasOneSpelling(string text, string expected) => Assert.Equal(expected, MacAddress.Parse(text).ToString());

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("00:16:3e:8a:10")]
    [InlineData("00:16:3e:8a:10:2")]
    [InlineData("00:16-3e:8a:10:02")]
    [InlineData("00.16.3e.8a.10.02")]
    [InlineData(" 0:16:3e:8a:10:02")]
    [InlineData("+0:16:3e:8a:10:02")]
    [InlineData("0g:16:3e:8a:10:02")]
    [InlineData("00:16:3e:8a:10:02 ")]
    [InlineData("0\u0660:16:3e:8a:10:02")]
    public void TryParse_NoAddress_IsRefused(string? text) => Assert.False(MacAddress.TryParse(text, null, out _));

    [Property]
    public void Parse_ToString_IsTheSame(DoNotSize<ulong> value)
    {
        var mac = new MacAddress(value.Item >> 16);
        Assert.Equal(mac, MacAddress.Parse(mac.ToString()));
    }

    [Theory]
    [InlineData("00:00:00:00:00:00", false, false, false)]
    [InlineData("00:16:3e:00:00:01", false, false, true)]
    [InlineData("01:00:5e:00:00:01", true, false, false)]
    [InlineData("02:00:00:00:00:01", false, true, true)]
    [InlineData("ff:ff:ff:ff:ff:ff", true, true, false)]
    public void Bits_OfAddress_AreRead(string text, bool multicast, bool local, bool assignable)
    {
        var mac = MacAddress.Parse(text);
        Assert.Equal((multicast, local, assignable), (mac.IsMulticast, mac.IsLocallyAdministered, mac.IsAssignable));
    }

    [Fact]
    public void New_MoreThan48Bits_IsRefused() => Assert.Throws<ArgumentOutOfRangeException>(() => new MacAddress(1UL << 48));

    [Theory]
    [InlineData("00:16:3e:80:00:01", "00:16:3e:80:00:00", "mac-pool.range")]
    [InlineData("01:16:3e:80:00:00", "01:16:3e:80:00:01", "mac-pool.multicast")]
    [InlineData("00:ff:ff:ff:ff:ff", "02:00:00:00:00:00", "mac-pool.multicast")]
    [InlineData("00:00:00:00:00:00", "00:00:00:00:00:01", "mac-pool.zero")]
    [InlineData("02:00:00:00:00:00", "02:01:00:00:00:00", "mac-pool.too-large")]
    public void CreatePool_NoRangeOfUnicastAddresses_IsRefused(string first, string last, string code) =>
        Assert.Contains(code, Assert.Throws<RuleException>(() => Pool(first, last)).Fields.Select(e => e.Code));

    [Theory]
    [InlineData("02:00:00:00:00:00", "02:00:ff:ff:ff:ff")]
    [InlineData("02:00:00:00:00:05", "02:00:00:00:00:05")]
    public void CreatePool_LargestAndSmallest_AreAccepted(string first, string last)
    {
        var pool = Pool(first, last);
        Assert.True(pool.Contains(pool.First) && pool.Contains(pool.Last));
        Assert.False(pool.Contains(new MacAddress(pool.Last.Value + 1)));
        // The allocator multiplies a number below the size by it, in 64 bits.
        Assert.True((UInt128)(ulong)pool.Multiplier * (ulong)(pool.Size - 1) <= long.MaxValue);
    }

    [Property]
    public void Multiplier_OfAnyPool_VisitsEveryAddressOnce(PositiveInt size)
    {
        var pool = Pool("02:00:00:00:00:00", new MacAddress(0x020000000000UL + (ulong)size.Get - 1).ToString());
        var visited = Enumerable.Range(0, (int)pool.Size).Select(n => n * pool.Multiplier % pool.Size).ToHashSet();
        Assert.Equal(pool.Size, visited.Count);
    }

    [Fact]
    public void DefaultPool_IsOutOfReachOfLibxl()
    {
        var pool = Pool(MacPool.DefaultFirst.ToString(), MacPool.DefaultLast.ToString());
        Assert.Equal(1L << 23, pool.Size);
        Assert.NotEqual(0UL, pool.First.Value & 0x800000);
        Assert.NotEqual(0UL, pool.Last.Value & 0x800000);
    }

    private static MacPool Pool(string first, string last) =>
        MacPool.Create(ResourceName.Parse("lab"), MacAddress.Parse(first), MacAddress.Parse(last), DateTimeOffset.UnixEpoch);
}

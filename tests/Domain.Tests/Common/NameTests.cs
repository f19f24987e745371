using Xlnet.Domain.Bridges;
using Xlnet.Domain.Common;
using Xunit;

namespace Xlnet.Domain.Tests.Common;

public class NameTests
{
    [Theory]
    [InlineData("a", true)]
    [InlineData("dom0-a.lab_1", true)]
    [InlineData("0", true)]
    [InlineData("", false)]
    [InlineData("Dom0", false)]
    [InlineData("-a", false)]
    [InlineData("a.", false)]
    [InlineData("a/b", false)]
    [InlineData("a\n", false)]
    [InlineData("ä", false)]
    public void ResourceName_Text_IsTakenOrNot(string text, bool taken) => Assert.Equal(taken, ResourceName.TryParse(text, null, out _));

    [Theory]
    [InlineData("web1", true)]
    [InlineData("Web_1.2+x-", true)]
    [InlineData("1a", true)]
    [InlineData("12", false)] // xl would take it for a domid
    [InlineData("Domain-0", false)]
    [InlineData(".web", false)]
    [InlineData("..", false)]
    [InlineData("a b", false)]
    [InlineData("a'b", false)]
    [InlineData("a/b", false)]
    public void GuestName_Text_IsTakenOrNot(string text, bool taken) => Assert.Equal(taken, GuestName.TryParse(text, null, out _));

    [Theory]
    [InlineData("xenbr0", true)]
    [InlineData("br0.10", true)]
    [InlineData("a23456789012345", true)]
    [InlineData("a234567890123456", false)]
    [InlineData("br:0", false)]
    [InlineData("-br", false)]
    [InlineData("br 0", false)]
    [InlineData("..", false)]
    public void InterfaceName_Text_IsTakenOrNot(string text, bool taken) => Assert.Equal(taken, InterfaceName.TryParse(text, null, out _));

    [Fact]
    public void Names_At63And64Characters_EndAt63()
    {
        Assert.True(ResourceName.TryParse(new string('a', 63), null, out _) && GuestName.TryParse(new string('a', 63), null, out _));
        Assert.False(ResourceName.TryParse(new string('a', 64), null, out _) || GuestName.TryParse(new string('a', 64), null, out _));
    }

    [Theory]
    [InlineData("br0.10", BridgeKind.OpenVSwitch, false)]
    [InlineData("br0.10", BridgeKind.Linux, true)]
    [InlineData("br0", BridgeKind.OpenVSwitch, true)]
    public void BridgeName_OfKind_IsTakenOrNot(string name, BridgeKind kind, bool taken) =>
        Assert.Equal(taken, Bridge.CheckName(InterfaceName.Parse(name), kind) is null);
}

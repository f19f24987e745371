using Xlnet.Domain.Xl;
using Xunit;

namespace Xlnet.Domain.Tests.Xl;

public class VlanTextTests
{
    [Theory]
    [InlineData("20", 20, "")]
    [InlineData("20p/30", 20, "30")]
    [InlineData("4094p/1/30", 4094, "1 30")]
    public void Parse_Text_PrintsAsItWasWritten(string text, int vlan, string trunks)
    {
        var parsed = VlanText.Parse(text)!;
        Assert.Equal((vlan, trunks, text), (parsed.Vlan, string.Join(' ', parsed.Trunks), parsed.ToString()));
    }

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("4095")]
    [InlineData("20p")]
    [InlineData("20/30")]
    [InlineData("20p/30u")]
    [InlineData("20p/30-40")]
    [InlineData("20p/100+10x4")]
    [InlineData("20p/")]
    [InlineData(" 20")]
    public void Parse_AnyOtherText_IsNone(string text) => Assert.Null(VlanText.Parse(text));
}

using Xlnet.Domain.Hosts;
using Xlnet.Domain.Xl;
using Xunit;

namespace Xlnet.Domain.Tests.Xl;

public class XlConfTests
{
    [Theory]
    [InlineData("", "vif.default.bridge=\"b\"\n")]
    [InlineData("# c", "# c\nvif.default.bridge=\"b\"\n")]
    [InlineData("vif.default.bridge = 'a' # c\n", "vif.default.bridge = 'b' # c\n")]
    [InlineData("defaultbridge='a'\n", "defaultbridge='b'\n")]
    [InlineData("vif.default.bridge='a'\nvif.default.bridge+='x'\n", "vif.default.bridge='a'\nvif.default.bridge='b'\n")]
    public void WithDefaults_Bridge_ChangesOnePlace(string text, string expected)
    {
        var conf = XlConf.Parse(text).WithDefaults(new VifDefaults(Bridge: "b"));

        Assert.Equal(expected, conf.ToString());
        Assert.Equal(new VifDefaults(Bridge: "b"), conf.Defaults);
    }

    [Fact]
    public void WithDefaults_Null_RemovesTheSettingAndItsOldName() =>
        Assert.Equal(
            "# keep\nautoballoon='off'\n# c\n",
            XlConf.Parse("# keep\nvif.default.bridge='a'\nautoballoon='off'\ndefaultbridge='x' # c\n").WithDefaults(VifDefaults.None).ToString());
}

using Xlnet.Domain.Xl;
using Xunit;

namespace Xlnet.Domain.Tests.Xl;

public sealed class OvsBridgeTextTests
{
    [Theory]
    [InlineData("ovs1", "ovs1", null, "")]
    [InlineData("ovs1.20", "ovs1", 20, "")]
    [InlineData("ovs1.20:30:40", "ovs1", 20, "30 40")]
    [InlineData("ovs1:30", "ovs1", null, "30")]
    [InlineData("ovs.x", "ovs.x", null, "")]
    public void Parse_WhatTheScriptReads_IsReadAndWrittenAlike(string text, string bridge, int? tag, string trunks)
    {
        var parsed = OvsBridgeText.Parse(text);
        Assert.Equal((bridge, tag, trunks, text), (parsed.Bridge, parsed.Tag, string.Join(' ', parsed.Trunks), parsed.ToString()));
    }
}

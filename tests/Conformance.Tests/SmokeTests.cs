using Xunit;

namespace Xlnet.Conformance.Tests;

public class SmokeTests
{
    [Fact]
    public void Always_True() => Assert.True(true);
}

using Xunit;

namespace Xlnet.Hosts.Tests;

public class SmokeTests
{
    [Fact]
    public void Always_True() => Assert.True(true);
}

using Xunit;

namespace Xlnet.Api.Tests;

public class SmokeTests
{
    [Fact]
    public void Always_True() => Assert.True(true);
}

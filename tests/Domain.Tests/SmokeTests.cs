using Xunit;

namespace Xlnet.Domain.Tests;

public class SmokeTests
{
    [Fact]
    public void Always_True() => Assert.True(true);
}

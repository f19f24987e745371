using FsCheck.Xunit;

namespace Xlnet.Hosts.Tests.Planning;

/// <summary>A property that tries cases nobody has tried, or with XLNET_SEED, as in CI, the same ones each time.</summary>
#pragma warning disable xUnit3003 // FsCheck's own has no constructor that takes where it stands.
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RandomPropertyAttribute : PropertyAttribute
{
    // FsCheck's generator takes two numbers, the second one odd.
    public RandomPropertyAttribute()
    {
        if (Environment.GetEnvironmentVariable("XLNET_SEED") is { } seed)
            Replay = $"{seed},1";
    }
}

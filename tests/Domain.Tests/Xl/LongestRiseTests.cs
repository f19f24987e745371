using FsCheck;
using FsCheck.Fluent;
using Xlnet.Domain.Xl;
using Xunit;

namespace Xlnet.Domain.Tests.Xl;

public class LongestRiseTests
{
    [Theory]
    [InlineData("", "")]
    [InlineData("0 1 2", "0 1 2")]
    [InlineData("2 0 1", "0 1")]
    [InlineData("- 1 - 0 2", "0 2")]
    [InlineData("- -", "")]
    public void LongestRise_OfEntries_KeepsTheMost(string from, string expected)
    {
        var entries = Entries(from);

        var stays = GuestFileEditor.LongestRise(entries);

        Assert.Equal(Entries(expected), entries.Where((_, i) => stays[i]));
    }

    /// <summary>Against every way to choose entries.</summary>
    [Fact]
    public void LongestRise_OfAnyEntries_RisesAndIsTheLongest() =>
        Prop.ForAll(
            Arb.From(from count in Gen.Choose(0, 9) from order in Gen.Shuffle(Enumerable.Range(0, count)) from isNew in Gen.ArrayOf(Gen.Elements(false, false, true), count) select order.Select((o, i) => isNew[i] ? (int?)null : o).ToArray()),
            entries =>
            {
                var stays = GuestFileEditor.LongestRise(entries);

                var kept = entries.Where((_, i) => stays[i]).ToList();
                Assert.True(Rises(kept));
                var longest = Enumerable.Range(0, 1 << entries.Length)
                    .Select(set => entries.Where((_, i) => (set >> i & 1) != 0).ToList()).Where(Rises).Max(chosen => chosen.Count);
                Assert.Equal(longest, kept.Count);
            }).Check(Config.QuickThrowOnFailure);

    private static bool Rises(IReadOnlyList<int?> entries) =>
        entries.All(e => e is not null) && entries.Zip(entries.Skip(1), (a, b) => a < b).All(rise => rise);

    private static int?[] Entries(string text) =>
        [.. text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(e => e == "-" ? (int?)null : int.Parse(e, null))];
}

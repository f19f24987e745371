namespace Xlnet.Bench;

internal static class Figures
{
    /// <summary>The middle one; of an even number of them the upper of the two.</summary>
    public static double Median(IReadOnlyCollection<double> values) => values.Order().ElementAt(values.Count / 2);
}

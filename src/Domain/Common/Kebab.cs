namespace Xlnet.Domain.Common;

/// <summary>An enum's kebab-case name, which is how it is spelled in the database, in JSON and in a URL: <c>rolled-back</c>.</summary>
public static class Kebab
{
    public static string Name<T>(T value) where T : struct, Enum => Cache<T>.Names[value];

    public static IReadOnlyCollection<string> Names<T>() where T : struct, Enum => Cache<T>.Names.Values;

    public static IReadOnlyList<string> Names(Type type) =>
        [.. ((System.Collections.IDictionary)typeof(Cache<>).MakeGenericType(type).GetField(nameof(Cache<>.Names))!.GetValue(null)!).Values.Cast<string>()];

    /// <exception cref="FormatException">No such name.</exception>
    public static T Parse<T>(string name) where T : struct, Enum =>
        TryParse<T>(name, out var value) ? value : throw new FormatException($"'{name}' is none of: {string.Join(", ", Names<T>())}.");

    public static bool TryParse<T>(string? name, out T value) where T : struct, Enum => Cache<T>.Values.TryGetValue(name ?? "", out value);

    private static class Cache<T> where T : struct, Enum
    {
        public static readonly Dictionary<T, string> Names = Enum.GetValues<T>().ToDictionary(v => v, v => Convert(v.ToString()));
        public static readonly Dictionary<string, T> Values = Names.ToDictionary(p => p.Value, p => p.Key);

        private static string Convert(string name) => name == "OpenVSwitch"
            ? "openvswitch"
            : string.Concat(name.Select((c, i) => char.IsAsciiLetterUpper(c) ? (i > 0 ? "-" : "") + char.ToLowerInvariant(c) : c.ToString()));
    }
}

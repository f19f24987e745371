using Xlnet.Domain.Common;

namespace Xlnet.Api.Common;

/// <summary>What of a list is wanted.</summary>
internal static class QueryFilters
{
    /// <summary>Null where nothing is asked.</summary>
    /// <exception cref="RuleException">422, with what there is to ask for.</exception>
    public static T? Read<T>(string parameter, string? text) where T : struct, Enum =>
        text is null ? null
        : Kebab.TryParse<T>(text, out var value) ? value
        : throw RuleException.Invalid(parameter, $"query.{parameter}", $"{parameter}={text} is none of: {string.Join(", ", Kebab.Names<T>())}.");

    /// <summary>PostgreSQL takes no U+0000, and so nothing has one.</summary>
    public static string Storable(string text) => text.Replace('\0', '\uFFFD');
}

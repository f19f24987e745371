using System.Text.RegularExpressions;

namespace Xlnet.Sdk.Tests;

/// <summary>docs/api-guide.md: its snippets in one language, one after the other, are a program; what its <c>text</c> blocks show is what each of them prints.</summary>
internal static partial class Guide
{
    private const string Address = "http://127.0.0.1:8080";

    private static readonly Lazy<string> Text = new(() => File.ReadAllText(Path.Combine(Repository.Root, "docs", "api-guide.md")));

    public static string Program(string language, string url) => string.Join('\n', Blocks(language)).Replace(Address, url, StringComparison.Ordinal);

    public static string Printed => string.Join("", Blocks("text"));

    private static IEnumerable<string> Blocks(string language) =>
        Fences().Matches(Text.Value).Where(m => m.Groups["language"].Value == language).Select(m => m.Groups["code"].Value);

    [GeneratedRegex(@"^```(?<language>[a-z]+)\n(?<code>.*?)^```$", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex Fences();
}

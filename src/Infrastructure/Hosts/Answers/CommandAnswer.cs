using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Xlnet.Infrastructure.Hosts.Answers;

/// <summary>What all answers have in common: they succeed, and they can be understood, or there is an exception that shows them.</summary>
internal static class CommandAnswer
{
    private const int ExcerptLength = 400;

    /// <summary>The result, when the command exited with status 0.</summary>
    /// <exception cref="HostAnswerException">It did not.</exception>
    public static CommandResult Expect(CommandResult result) => result.Succeeded ? result : throw Failed(result);

    public static HostAnswerException Failed(CommandResult result) => new(
        $"'{Show(result)}' exited with status {result.ExitStatus}: {Excerpt(result.Stderr.Length > 0 ? result.Stderr : result.Stdout)}", result);

    public static HostAnswerException NotUnderstood(CommandResult result, string why, Exception? inner = null) =>
        new($"What '{Show(result)}' printed can't be understood: {why}. It began: {Excerpt(result.Stdout)}", result, inner);

    /// <param name="text">The output, or the part of it that is this document.</param>
    public static T Json<T>(CommandResult result, string text, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(text, type) ?? throw NotUnderstood(result, "it is null");
        }
        catch (JsonException e)
        {
            throw NotUnderstood(result, e.Message, e);
        }
    }

    public static string Show(CommandResult result) => string.Join(' ', result.Argv);

    public static string Excerpt(string text)
    {
        var trimmed = text.Trim();
        return trimmed.Length == 0 ? "(nothing)" : trimmed.Length <= ExcerptLength ? trimmed : trimmed[..ExcerptLength] + "…";
    }
}

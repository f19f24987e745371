using System.Text.Json;
using System.Text.Json.Serialization;
using Xlnet.Domain.Planning;
using Xlnet.Infrastructure.Hosts;

namespace Xlnet.Infrastructure.Operations;

/// <summary>A command of a step as the journal keeps it.</summary>
public sealed record CommandDocument(IReadOnlyList<string> Argv, int ExitStatus, string Stdout, string Stderr, double Milliseconds)
{
    // Enough to see what went wrong; a command that printed more has its end kept.
    private const int MaxOutput = 16 * 1024;

    public static string Of(IReadOnlyList<CommandResult> commands) => JsonSerializer.Serialize(
        [.. commands.Select(c => new CommandDocument([.. c.Argv.Select(Clean)], c.ExitStatus, Clean(c.Stdout), Clean(c.Stderr), Math.Round(c.Elapsed.TotalMilliseconds, 1)))],
        OperationJson.Default.IReadOnlyListCommandDocument);

    // PostgreSQL's jsonb cannot hold U+0000.
    internal static string Clean(string text) =>
        (text.Length > MaxOutput ? "…" + text[^MaxOutput..] : text).Replace('\0', '\uFFFD');
}

/// <summary>Why an operation did not succeed.</summary>
/// <param name="Code">Stable, such as <c>hotplug.failed</c>.</param>
/// <param name="Step">The id of the step that failed; null when none had begun.</param>
/// <param name="Expected">What the plan took the host to have, where someone else changed it.</param>
/// <param name="Found">What the host had instead.</param>
/// <param name="RestoredAt">When the host repaired itself, by its own clock.</param>
public sealed record OperationError(
    string Code,
    string Message,
    string? Step = null,
    string? Target = null,
    IReadOnlyList<string>? Command = null,
    int? ExitStatus = null,
    string? Stdout = null,
    string? Stderr = null,
    string? Script = null,
    string? HotplugError = null,
    string? HotplugLog = null,
    string? Expected = null,
    string? Found = null,
    string? RollbackError = null,
    DateTimeOffset? RestoredAt = null)
{
    public static OperationError Of(PlanStep step, StepOutcome outcome)
    {
        var failure = outcome.Failure!;
        var command = outcome.Commands.Count > 0 ? outcome.Commands[^1] : null;
        return new OperationError(
            failure.Code, CommandDocument.Clean(failure.Message), step.Id, step.Target,
            command is null ? null : [.. command.Argv.Select(CommandDocument.Clean)], command?.ExitStatus,
            Clean(command?.Stdout), Clean(command?.Stderr), failure.Script, Clean(failure.HotplugError), Clean(failure.HotplugLog),
            Clean(failure.Expected), Clean(failure.Found));
    }

    public string ToJson() => JsonSerializer.Serialize(this, OperationJson.Default.OperationError);

    public static OperationError FromJson(string json) => JsonSerializer.Deserialize(json, OperationJson.Default.OperationError)!;

    private static string? Clean(string? text) => text is null ? null : CommandDocument.Clean(text);
}

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(IReadOnlyList<CommandDocument>))]
[JsonSerializable(typeof(OperationError))]
public sealed partial class OperationJson : JsonSerializerContext;

using System.Globalization;
using System.Text.Json.Serialization;
using Xlnet.Api.Common;
using Xlnet.Domain.Operations;
using Xlnet.Infrastructure.Operations;

namespace Xlnet.Api.Operations;

/// <summary>What happened to an operation.</summary>
/// <param name="At">When it happened; null where the journal does not say.</param>
/// <param name="Status">The operation's status from then on.</param>
/// <param name="RollingBack">Whether what it has done is being taken back.</param>
/// <param name="Operation">In `operation`: all of it, with its journal so far.</param>
/// <param name="Step">In `step`: the step that has begun or ended, then with its commands and what they printed.</param>
/// <param name="Error">In `status`: why it did not succeed, as soon as that is known.</param>
public sealed record OperationEventResponse(
    DateTimeOffset? At,
    OperationStatus Status,
    bool RollingBack,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] OperationResponse? Operation = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] OperationStepResponse? Step = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] OperationError? Error = null);

/// <summary>An operation, and its journal from a step on.</summary>
internal sealed record OperationProgress(
    OperationStatus Status, bool RollingBack, string? Error, DateTimeOffset RequestedAt, DateTimeOffset? StartedAt, DateTimeOffset? FinishedAt,
    int From, IReadOnlyList<OperationStep> Steps)
{
    /// <summary>How many steps the whole journal has.</summary>
    public int Count => From + Steps.Count;
}

/// <summary>
/// Reads the events of an operation from its journal, so that none is lost however late one listens. Each has a position that later
/// events never come before: steps begin and end in the order of the journal, the way back comes last, and then the end.
/// </summary>
internal static class OperationEvents
{
    private const int Queued = 0;
    private const int Running = 1;
    private const int FirstStep = 10;

    // What can happen at a place in the journal, in its order.
    private const int PerStep = 4;
    private const int TurnsBack = 0;
    private const int StepStarted = 1;
    private const int StepEnded = 2;
    private const int Waits = 3;

    /// <summary>The step that an event at the position is about, or the first.</summary>
    public static int OrdinalOf(long position) => (int)Math.Clamp((position - FirstStep) / PerStep, 0, int.MaxValue / PerStep - FirstStep);

    /// <summary>The whole operation, at the position of the last that happened to it.</summary>
    public static (long Position, EventItem Item) Present(Operation operation, string host)
    {
        var progress = new OperationProgress(operation.Status, operation.RollingBack, operation.Error, operation.RequestedAt,
            operation.StartedAt, operation.FinishedAt, 0, [.. operation.Steps.OrderBy(s => s.Ordinal)]);
        var (position, _) = After(-1, progress).Last();
        return (position, Item("operation", position,
            new OperationEventResponse(progress.FinishedAt ?? progress.StartedAt ?? progress.RequestedAt, operation.Status, operation.RollingBack, OperationResponse.Of(operation, host))));
    }

    /// <summary>What happened after the position, in order.</summary>
    public static IEnumerable<(long Position, EventItem Item)> After(long position, OperationProgress progress) => All(progress).Where(e => e.Position > position);

    private static IEnumerable<(long Position, EventItem Item)> All(OperationProgress p)
    {
        yield return Status(Queued, p.RequestedAt, OperationStatus.Queued, false, null);
        if (p.StartedAt is { } started)
            yield return Status(Running, started, OperationStatus.Running, false, null);

        var error = p.Error is null ? null : OperationError.FromJson(p.Error);
        var turn = p.RollingBack ? p.Steps.FirstOrDefault(s => s.Rollback)?.Ordinal ?? p.Count : int.MaxValue;
        foreach (var step in p.Steps)
        {
            if (step.Ordinal == turn)
                yield return Turn();
            var whole = OperationStepResponse.Of(step);
            if (step.StartedAt is { } began)
                yield return Step(step.Ordinal, StepStarted, began, whole with { Status = OperationStepStatus.Running, Commands = [], FinishedAt = null });
            if (step.FinishedAt is { } ended)
                yield return Step(step.Ordinal, StepEnded, ended, whole);
        }

        if (p.Status == OperationStatus.AwaitingConfirmation)
            yield return Status(At(p.Count - 1, Waits), LastMoved(p.Count), p.Status, false, null);
        if (turn == p.Count)
            yield return Turn();
        if (p.FinishedAt is { } end)
            yield return Status(At(p.Count, Waits), end, p.Status, p.RollingBack, error);

        (long, EventItem) Turn() => Status(At(turn, TurnsBack), LastMoved(turn), OperationStatus.Running, true, error);

        (long, EventItem) Step(int ordinal, int what, DateTimeOffset at, OperationStepResponse step) =>
            Of("step", At(ordinal, what), new OperationEventResponse(at, OperationStatus.Running, step.Rollback, Step: step));

        DateTimeOffset? LastMoved(int before) => p.Steps.LastOrDefault(s => s.Ordinal < before)?.FinishedAt;
    }

    private static long At(int ordinal, int what) => FirstStep + (long)PerStep * ordinal + what;

    private static (long, EventItem) Status(long position, DateTimeOffset? at, OperationStatus status, bool back, OperationError? error) =>
        Of("status", position, new OperationEventResponse(at, status, back, Error: error));

    private static (long, EventItem) Of(string name, long position, OperationEventResponse data) => (position, Item(name, position, data));

    private static EventItem Item(string name, long position, OperationEventResponse data) =>
        new(name, data, position.ToString(CultureInfo.InvariantCulture));
}

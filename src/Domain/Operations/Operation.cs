using Xlnet.Domain.Planning;

namespace Xlnet.Domain.Operations;

/// <summary>One run of a plan on one host.</summary>
public sealed class Operation
{
    private readonly List<OperationStep> _steps = [];

    public Guid Id { get; init; } = Guid.CreateVersion7();

    /// <summary>The order in which operations were asked for.</summary>
    public long Sequence { get; private set; }

    public long HostId { get; init; }

    public OperationKind Kind { get; init; }

    /// <summary>The guest that a start, stop or recreate is about.</summary>
    public string? Guest { get; init; }

    /// <summary>What alone an enforce puts into force, as drift names it; null for the others.</summary>
    public string[]? Targets { get; init; }

    /// <summary>The impacts that the caller allowed; see <see cref="PlanRequest"/>.</summary>
    public required Impact[] Allow { get; init; }

    /// <summary>End a guest at once rather than asking it to shut down.</summary>
    public bool Force { get; init; }

    /// <summary>How long a guest may take to shut down, in seconds.</summary>
    public int ShutdownSeconds { get; init; }

    /// <summary>How long the caller has to confirm what was done before it is taken back, in seconds, 1 to 3600; null when nobody is asked.</summary>
    public int? ConfirmSeconds { get; init; }

    /// <summary>Until when it waits to be confirmed; null until everything was done and verified.</summary>
    public DateTimeOffset? ConfirmBy { get; private set; }

    public bool Confirmed { get; private set; }

    /// <summary>The number of the last timer that was started on the host to repair itself; 0 before the first.</summary>
    public int DeadManNumber { get; private set; }

    /// <summary>When that timer runs out, by the service's clock; null when none runs.</summary>
    public DateTimeOffset? DeadManFiresAt { get; private set; }

    public OperationStatus Status { get; private set; } = OperationStatus.Queued;

    /// <summary>Set once the way back has begun: from then on a resumed run goes on back, never forward again.</summary>
    public bool RollingBack { get; private set; }

    public bool CancelRequested { get; private set; }

    /// <summary>The host's revision that it puts into force; null until it runs.</summary>
    public long? Revision { get; set; }

    /// <summary>What a rollback returns to, as JSON: read from the host before the first step.</summary>
    public string? Checkpoint { get; set; }

    /// <summary>Why it did not succeed, as JSON.</summary>
    public string? Error { get; private set; }

    public string? Actor { get; init; }

    public string? RequestId { get; init; }

    /// <summary>The W3C <c>traceparent</c> of the request that asked for it; null when that had none.</summary>
    public string? TraceParent { get; init; }

    public DateTimeOffset RequestedAt { get; init; }

    public DateTimeOffset? StartedAt { get; private set; }

    public DateTimeOffset? FinishedAt { get; private set; }

    /// <summary>The journal, in the order of the runs.</summary>
    public IReadOnlyList<OperationStep> Steps => _steps;

    /// <summary>Since when its host is lost in the midst of it, or loses the connection at each try; null while it gets on.</summary>
    public DateTimeOffset? LostSince { get; private set; }

    public bool Finished => FinishedAt is not null;

    public void Start(DateTimeOffset now)
    {
        Status = OperationStatus.Running;
        StartedAt ??= now;
    }

    /// <summary>Everything is done and verified, and the caller has the last word.</summary>
    public void AwaitConfirmation(DateTimeOffset confirmBy)
    {
        Status = OperationStatus.AwaitingConfirmation;
        ConfirmBy ??= confirmBy;
    }

    /// <summary>Whether there is nothing to do for it but to wait for its caller.</summary>
    public bool IsWaiting(DateTimeOffset now) =>
        Status == OperationStatus.AwaitingConfirmation && !Confirmed && !CancelRequested && now < ConfirmBy;

    /// <summary>Noted before the timer is started, so that no run comes to a host without knowing of it.</summary>
    /// <returns>The timer's number.</returns>
    public int ArmDeadMan(DateTimeOffset firesAt)
    {
        DeadManFiresAt = firesAt;
        return ++DeadManNumber;
    }

    public void DisarmDeadMan() => DeadManFiresAt = null;

    public void BeginRollback(string error)
    {
        RollingBack = true;
        Error = error;
        LostSince = null;
    }

    public void Lose(DateTimeOffset now) => LostSince ??= now;

    public void GetOn() => LostSince = null;

    public void Finish(OperationStatus status, DateTimeOffset now, string? error = null)
    {
        Status = status;
        FinishedAt = now;
        Error = error ?? Error;
    }

    /// <summary>Takes effect before the next step; what has been done by then is rolled back.</summary>
    public void RequestCancel(DateTimeOffset now)
    {
        if (Status == OperationStatus.Queued)
            Finish(OperationStatus.Cancelled, now);
        else
            CancelRequested = true;
    }

    public OperationStep Journal(PlanStep step, bool rollback, string? diff) =>
        Journal(step.Id, step.Action, step.Target, step.Impact, rollback, diff);

    public OperationStep Journal(string id, string action, string target, Impact impact, bool rollback, string? diff)
    {
        var entry = new OperationStep
        {
            OperationId = Id,
            Ordinal = _steps.Count,
            Rollback = rollback,
            StepId = id,
            Action = action,
            Target = target,
            Impact = impact,
            Diff = diff,
        };
        _steps.Add(entry);
        return entry;
    }
}

/// <summary>One line of an operation's journal: written before the step begins, and again when it has ended.</summary>
public sealed class OperationStep
{
    public Guid OperationId { get; init; }

    public int Ordinal { get; init; }

    /// <summary>Whether it belongs to the way back.</summary>
    public bool Rollback { get; init; }

    public required string StepId { get; init; }

    public required string Action { get; init; }

    public required string Target { get; init; }

    public Impact Impact { get; init; }

    public string? Diff { get; init; }

    public OperationStepStatus Status { get; private set; } = OperationStepStatus.Pending;

    public DateTimeOffset? StartedAt { get; private set; }

    public DateTimeOffset? FinishedAt { get; private set; }

    /// <summary>The commands that ran for it, as JSON.</summary>
    public string? Commands { get; private set; }

    public void Start(DateTimeOffset now)
    {
        Status = OperationStepStatus.Running;
        StartedAt = now;
    }

    public void Finish(OperationStepStatus status, DateTimeOffset now, string? commands = null)
    {
        Status = status;
        FinishedAt = now;
        Commands = commands;
    }
}

public enum OperationKind
{
    Apply,
    Start,
    Stop,
    Recreate,

    /// <summary>An apply of some of what differs.</summary>
    Enforce,
}

public enum OperationStatus
{
    Queued,
    Running,
    AwaitingConfirmation,
    Succeeded,
    Failed,
    RolledBack,
    Cancelled,
}

public enum OperationStepStatus
{
    Pending,
    Running,
    Succeeded,
    Failed,

    /// <summary>Never begun, because an earlier one failed or the operation was cancelled.</summary>
    Skipped,

    /// <summary>Begun, and then the service died or failed, or the host was lost; whether it was done, the next observation told.</summary>
    Interrupted,
}

using System.Collections.Frozen;

namespace Xlnet.Domain.Planning;

/// <param name="Revision">The revision of the desired state that it leads to.</param>
/// <param name="Steps">In the order in which they run; empty when there is nothing to do.</param>
/// <param name="Pending">What differs and stays so, and why.</param>
public sealed record Plan(long Revision, IReadOnlyList<PlanStep> Steps, IReadOnlyList<PendingStep> Pending);

/// <param name="Reason">What would have to be allowed, or what stands in the way.</param>
public sealed record PendingStep(PlanStep Step, string Reason);

/// <summary>What a caller asks of a plan.</summary>
public sealed record PlanRequest
{
    /// <summary>What is allowed unless a caller says otherwise.</summary>
    public static readonly IReadOnlyList<Impact> DefaultAllow = [Impact.VifBlip];

    /// <summary>The impacts that steps may have; <see cref="Impact.None"/> always is allowed.</summary>
    public IReadOnlyCollection<Impact> Allow { get; init; } = DefaultAllow;

    /// <summary>Only this guest: its file, the bridges that it needs, its vifs.</summary>
    public string? Guest { get; init; }

    public GuestAction Action { get; init; }

    /// <summary>Guests that are to run again if they do not: the operation that this plan resumes has stopped them to create them anew.</summary>
    public IReadOnlySet<string> Restart { get; init; } = FrozenSet<string>.Empty;

    /// <summary>Only these, as drift names them (<see cref="DriftTarget"/>), and the bridges that their vifs need; null for the whole host.</summary>
    public IReadOnlySet<string>? Targets { get; init; }

    /// <summary>The operation that the plan is for; empty for one that is only looked at.</summary>
    public Guid Operation { get; init; }

    /// <summary>Whether the plan is for the whole host.</summary>
    internal bool IsWhole => Guest is null && Targets is null;

    internal bool IncludesXlConf => IsWhole || Targets?.Contains(DriftTarget.XlConf) == true;

    internal bool IncludesNetworking => IsWhole || Targets?.Contains(DriftTarget.Networking) == true;

    /// <summary>The rules are one file for the whole host: a guest's vif is never plugged without them.</summary>
    internal bool IncludesLocking => Targets is null || Targets.Any(t => t == DriftTarget.Networking || t.StartsWith("guests/", StringComparison.Ordinal));

    internal bool IncludesBridge(string name) => IsWhole || Targets?.Contains(DriftTarget.Bridge(name)) == true;

    /// <summary>The guest as a whole: its file, all of its vifs, its going.</summary>
    internal bool IncludesGuest(string name) => IsWhole || Guest == name || Targets?.Contains(DriftTarget.Guest(name)) == true;

    internal bool IncludesVif(string guest, int devid) => IncludesGuest(guest) || Targets?.Contains(DriftTarget.Vif(guest, devid)) == true;

    /// <summary>End a guest at once rather than asking it to shut down.</summary>
    public bool Force { get; init; }

    /// <summary>How long a guest may take to shut down.</summary>
    public TimeSpan ShutdownTimeout { get; init; } = TimeSpan.FromSeconds(60);
}

/// <summary>What is to become of <see cref="PlanRequest.Guest"/>'s domain.</summary>
public enum GuestAction
{
    /// <summary>It runs, or not, as it does now.</summary>
    Keep,
    Start,
    Stop,
    Recreate,
}

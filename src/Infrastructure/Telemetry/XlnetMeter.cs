using System.Diagnostics;
using System.Diagnostics.Metrics;
using Xlnet.Domain.Common;
using Xlnet.Domain.Operations;
using Xlnet.Infrastructure.Hosts.Ssh;
using Xlnet.Infrastructure.Operations;

namespace Xlnet.Infrastructure.Telemetry;

/// <summary>
/// xlnet's own numbers: those that somebody would be woken for, which docs/operating.md lists. No attribute has a host, a guest or an id
/// for its value, so that there are as few series with a thousand hosts as with one.
/// </summary>
public sealed class XlnetMeter
{
    public const string Name = "Xlnet";

    /// <summary>From a look at a host to a guest that takes its time to shut down, in seconds.</summary>
    private static readonly double[] Durations = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

    private const string Whole = "whole";

    private const string Incomplete = "incomplete";

    private readonly Histogram<double> _operations;
    private readonly Histogram<double> _steps;
    private readonly Counter<long> _rollbacks;
    private readonly Counter<long> _deadMan;

    public XlnetMeter(IMeterFactory meters, Fleet fleet, SshConnections connections)
    {
        var meter = meters.Create(Name);
        var durations = new InstrumentAdvice<double> { HistogramBucketBoundaries = Durations };
        _operations = meter.CreateHistogram("xlnet.operation.duration", "s", "From the beginning of an operation's first run to its end, with what it waited to be confirmed.", advice: durations);
        _steps = meter.CreateHistogram("xlnet.step.duration", "s", "A step of an operation, with the commands that it takes.", advice: durations);
        _rollbacks = meter.CreateCounter<long>("xlnet.operation.rollbacks", "{rollback}", "Operations that were taken back, and whether all of it could be.");
        _deadMan = meter.CreateCounter<long>("xlnet.dead_man_timer.events", "{event}", "Timers on hosts that undo what cuts the connection: armed, disarmed, fired.");
        var failures = meter.CreateCounter<long>("xlnet.host.connection.failures", "{failure}", "Connections to hosts over SSH that could not be made.");
        connections.Failed += code => failures.Add(1, new KeyValuePair<string, object?>("error.type", code));

        meter.CreateObservableUpDownCounter("xlnet.host.connections", () => connections.Count().Select(c => Of(c.Count, ("xlnet.host.connection.state", c.State))),
            "{connection}", "Connections to hosts over SSH that this replica has.");
        meter.CreateObservableGauge("xlnet.host.lost", () => Of(fleet.Current, f => f.LostHosts), "{host}", "Hosts that were lost in the midst of an operation and are not back yet.");
        meter.CreateObservableGauge("xlnet.operation.unfinished", () => Of(fleet.Current, f => f.Unfinished.Select(u => Of(u.Value, ("xlnet.operation.status", Kebab.Name(u.Key))))),
            "{operation}", "Operations that have not ended, on all replicas.");
        meter.CreateObservableGauge("xlnet.operation.unfinished.age", () => Of(fleet.Current, f => f.OldestAge.TotalSeconds), "s",
            "How long ago the oldest operation was asked for that has not ended and waits for nobody's word.");
        meter.CreateObservableGauge("xlnet.dead_man_timer.running", () => Of(fleet.Current, f => f.Timers), "{timer}", "Timers that run on hosts now.");
        meter.CreateObservableGauge("xlnet.mac_pool.limit", () => Of(fleet.Current, f => f.Pools.Select(p => Of(p.Size, ("xlnet.mac_pool.name", p.Name)))), "{address}", "The addresses of a MAC pool.");
        meter.CreateObservableGauge("xlnet.mac_pool.usage",
            () => Of(fleet.Current, f => f.Pools.SelectMany(p => p.Used.Select(u => Of(u.Value, ("xlnet.mac_pool.name", p.Name), ("xlnet.mac_pool.state", Kebab.Name(u.Key)))))),
            "{address}", "The addresses of a MAC pool that are not free.");
    }

    /// <summary>Shows the counters that nothing has happened to yet: an alert on a rise misses the first one where there was no zero before.</summary>
    public void Begin()
    {
        foreach (var outcome in new[] { Whole, Incomplete })
            _rollbacks.Add(0, Outcome(outcome));
        foreach (var what in new[] { "armed", "disarmed", "fired" })
            _deadMan.Add(0, Event(what));
    }

    internal void Ended(Operation operation)
    {
        var tags = new TagList { { "xlnet.operation.kind", Kebab.Name(operation.Kind) }, { "xlnet.operation.status", Kebab.Name(operation.Status) } };
        if (operation.Status != OperationStatus.Succeeded && ErrorType(operation) is { } code)
            tags.Add("error.type", code);
        _operations.Record((operation.FinishedAt - operation.StartedAt)?.TotalSeconds ?? 0, tags);
    }

    internal void Ended(OperationStep step) => _steps.Record(
        (step.FinishedAt - step.StartedAt)?.TotalSeconds ?? 0,
        new TagList { { "xlnet.step.action", step.Action }, { "xlnet.step.status", Kebab.Name(step.Status) }, { "xlnet.step.rollback", step.Rollback } });

    internal void RolledBack(bool whole) => _rollbacks.Add(1, Outcome(whole ? Whole : Incomplete));

    internal void DeadMan(string what) => _deadMan.Add(1, Event(what));

    /// <summary>The code of what it failed with, of which there are as many as xlnet has.</summary>
    internal static string? ErrorType(Operation operation) => operation.Error is { } json ? OperationError.FromJson(json).Code : null;

    private static KeyValuePair<string, object?> Outcome(string value) => new("xlnet.rollback.outcome", value);

    private static KeyValuePair<string, object?> Event(string value) => new("xlnet.dead_man_timer.event", value);

    private static IEnumerable<Measurement<T>> Of<T>(FleetNumbers? fleet, Func<FleetNumbers, IEnumerable<Measurement<T>>> values) where T : struct => fleet is null ? [] : values(fleet);

    private static IEnumerable<Measurement<T>> Of<T>(FleetNumbers? fleet, Func<FleetNumbers, T> value) where T : struct => fleet is null ? [] : [new Measurement<T>(value(fleet))];

    private static Measurement<long> Of(long value, params (string Name, string Value)[] tags) =>
        new(value, tags.Select(t => new KeyValuePair<string, object?>(t.Name, t.Value)));
}

using System.Diagnostics;
using Xlnet.Domain.Common;
using Xlnet.Domain.Operations;

namespace Xlnet.Infrastructure.Telemetry;

/// <summary>Spans of operations and their steps. An operation is a trace of its own, linked to the request that asked for it: that has long been answered.</summary>
public static class XlnetActivities
{
    public const string SourceName = "Xlnet";

    private static readonly ActivitySource Source = new(SourceName);

    /// <summary>One run of an operation; one that is taken up by another replica has two.</summary>
    internal static Activity? Start(Operation operation, string host)
    {
        List<ActivityLink> links = ActivityContext.TryParse(operation.TraceParent, null, isRemote: true, out var asked) ? [new ActivityLink(asked)] : [];
        // No child of what the scheduler may trace of its own.
        Activity.Current = null;
        return Source.StartActivity($"operation {Kebab.Name(operation.Kind)}", ActivityKind.Consumer, parentContext: default, links: links, tags: new ActivityTagsCollection
        {
            ["xlnet.operation.id"] = operation.Id.ToString(),
            ["xlnet.operation.kind"] = Kebab.Name(operation.Kind),
            ["xlnet.host.name"] = host,
            ["xlnet.request.id"] = operation.RequestId,
        });
    }

    internal static void End(Activity? activity, Operation operation)
    {
        activity?.SetTag("xlnet.operation.status", Kebab.Name(operation.Status));
        if (!operation.Finished || operation.Status is OperationStatus.Succeeded or OperationStatus.Cancelled)
            return;
        activity?.SetTag("error.type", XlnetMeter.ErrorType(operation));
        activity?.SetStatus(ActivityStatusCode.Error);
    }

    /// <summary>A step, or several that are done as one.</summary>
    internal static Activity? Start(Operation operation, IReadOnlyList<OperationStep> steps) => Source.StartActivity(
        $"step {steps[0].Action}", ActivityKind.Internal, parentContext: default, tags: new ActivityTagsCollection
        {
            ["xlnet.operation.id"] = operation.Id.ToString(),
            ["xlnet.step.id"] = steps[0].StepId,
            ["xlnet.step.action"] = steps[0].Action,
            ["xlnet.step.target"] = string.Join(' ', steps.Select(s => s.Target)),
            ["xlnet.step.impact"] = Kebab.Name(steps[0].Impact),
            ["xlnet.step.rollback"] = steps[0].Rollback,
        });

    internal static void End(Activity? activity, IReadOnlyList<OperationStep> steps)
    {
        var last = steps.FirstOrDefault(s => s.Status != OperationStepStatus.Succeeded) ?? steps[0];
        activity?.SetTag("xlnet.step.status", Kebab.Name(last.Status));
        if (last.Status is OperationStepStatus.Failed or OperationStepStatus.Interrupted)
            activity?.SetStatus(ActivityStatusCode.Error);
    }
}

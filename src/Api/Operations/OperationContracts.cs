using System.Text.Json;
using FluentValidation;
using Xlnet.Domain.Common;
using Xlnet.Domain.Operations;
using Xlnet.Domain.Planning;
using Xlnet.Infrastructure.Operations;

namespace Xlnet.Api.Operations;

/// <summary>What an apply may do.</summary>
/// <param name="Allow">The impacts that its steps may have; `["vif-blip"]` unless given. `none` always is allowed. The rest stays pending.</param>
public sealed record ApplyRequest(IReadOnlyList<Impact>? Allow = null);

/// <summary>How a guest is to be started, stopped or recreated.</summary>
/// <param name="Allow">As for an apply; what was asked for is allowed in any case.</param>
/// <param name="Force">End the guest at once rather than asking it to shut down.</param>
/// <param name="ShutdownSeconds">How long the guest may take to shut down, 1 to 3600; 60 unless given.</param>
public sealed record GuestActionRequest(IReadOnlyList<Impact>? Allow = null, bool? Force = null, int? ShutdownSeconds = null);

/// <param name="Status">`queued`, `running`, `awaiting-confirmation`, `succeeded`, `failed` (see `error` for what is left), `rolled-back` (the host is as it was), `cancelled`.</param>
/// <param name="ConfirmBy">Until when it waits to be confirmed, or waited; null when nobody is asked, or not yet.</param>
/// <param name="Revision">The revision that it puts into force; null until it runs.</param>
/// <param name="Targets">What alone an `enforce` is about; null for the others.</param>
/// <param name="Steps">The journal.</param>
/// <param name="Error">Why it did not succeed: the step, its command and what that printed.</param>
public sealed record OperationResponse(
    Guid Id, string Host, OperationKind Kind, string? Guest, OperationStatus Status, DateTimeOffset? ConfirmBy, long? Revision, IReadOnlyList<Impact> Allow,
    IReadOnlyList<string>? Targets, IReadOnlyList<OperationStepResponse> Steps, OperationError? Error,
    DateTimeOffset RequestedAt, DateTimeOffset? StartedAt, DateTimeOffset? FinishedAt)
{
    internal static OperationResponse Of(Operation operation, string host) => new(
        operation.Id, host, operation.Kind, operation.Guest, operation.Status, operation.ConfirmBy, operation.Revision, operation.Allow, operation.Targets,
        [.. operation.Steps.OrderBy(s => s.Ordinal).Select(OperationStepResponse.Of)],
        operation.Error is null ? null : OperationError.FromJson(operation.Error),
        operation.RequestedAt, operation.StartedAt, operation.FinishedAt);
}

/// <param name="Rollback">Whether it belongs to the way back.</param>
public sealed record OperationStepResponse(
    string Id, string Action, string Target, Impact Impact, bool Rollback, OperationStepStatus Status, string? Diff,
    IReadOnlyList<CommandDocument> Commands, DateTimeOffset? StartedAt, DateTimeOffset? FinishedAt)
{
    internal static OperationStepResponse Of(OperationStep step) => new(
        step.StepId, step.Action, step.Target, step.Impact, step.Rollback, step.Status, step.Diff,
        step.Commands is null ? [] : JsonSerializer.Deserialize(step.Commands, OperationJson.Default.IReadOnlyListCommandDocument)!,
        step.StartedAt, step.FinishedAt);
}

internal sealed class ApplyRequestValidator : AbstractValidator<ApplyRequest>
{
    public ApplyRequestValidator() => RuleFor(a => a.Allow).Must(a => a is null || a.Count <= 16).WithErrorCode("allow.too-many").WithMessage($"Name each impact once: {string.Join(", ", Kebab.Names<Impact>())}.");
}

internal sealed class GuestActionRequestValidator : AbstractValidator<GuestActionRequest>
{
    public GuestActionRequestValidator()
    {
        RuleFor(a => a.Allow).Must(a => a is null || a.Count <= 16).WithErrorCode("allow.too-many").WithMessage($"Name each impact once: {string.Join(", ", Kebab.Names<Impact>())}.");
        RuleFor(a => a.ShutdownSeconds).InclusiveBetween(1, 3600).WithErrorCode("guest.shutdown-seconds").WithMessage("A guest is given 1 to 3600 seconds to shut down.");
    }
}

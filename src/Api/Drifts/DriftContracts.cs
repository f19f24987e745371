using System.ComponentModel.DataAnnotations;
using System.Globalization;
using FluentValidation;
using Xlnet.Api.Common;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Planning;
using Xlnet.Infrastructure.Operations;

namespace Xlnet.Api.Drifts;

/// <param name="Adopted">What was taken into the desired state.</param>
/// <param name="Unchanged">What it had already, just so: `xl.conf`, `bridges/xenbr0`, `guests/web1`.</param>
/// <param name="Skipped">What was left out, and why.</param>
/// <param name="Revision">The revision that holds it; the one before when nothing was taken, or only tried.</param>
public sealed record AdoptionResponse(
    string Host, long Revision, bool Simulated, AdoptedResponse Adopted, IReadOnlyList<string> Unchanged, IReadOnlyList<SkippedResponse> Skipped)
{
    internal static AdoptionResponse Of(string host, long revision, bool simulated, Adoption adoption) => new(
        host, revision, simulated,
        new AdoptedResponse(
            adoption.XlConf is { } conf ? new AdoptedXlConfResponse(Domain.Hosts.Host.XlConfPath, [.. conf.Findings.Select(FindingResponse.Of)]) : null,
            [.. adoption.Bridges.Select(b => new AdoptedBridgeResponse(b.Name, b.Kind, b.Mtu))],
            [.. adoption.Guests.Select(g => new AdoptedGuestResponse(g.Name.Value, g.Path, g.Running, g.File.Vifs.Count, [.. g.Findings.Select(FindingResponse.Of)]))]),
        adoption.Unchanged,
        [.. adoption.Skipped.Select(s => new SkippedResponse(s.Target, s.Path, s.Code, s.Message, [.. s.Findings.Select(FindingResponse.Of)]))]);
}

/// <param name="XlConf">Null when it was not taken.</param>
public sealed record AdoptedResponse(
    AdoptedXlConfResponse? XlConf, IReadOnlyList<AdoptedBridgeResponse> Bridges, IReadOnlyList<AdoptedGuestResponse> Guests);

public sealed record AdoptedXlConfResponse(string Path, IReadOnlyList<FindingResponse> Findings);

public sealed record AdoptedBridgeResponse(string Name, BridgeKind Kind, int? Mtu);

/// <param name="Path">Its file, which keeps its place.</param>
/// <param name="Vifs">How many it has.</param>
public sealed record AdoptedGuestResponse(string Name, string Path, bool Running, int Vifs, IReadOnlyList<FindingResponse> Findings);

/// <param name="Target">`xl.conf`, `bridges/xenbr0`, `guests/web1`.</param>
/// <param name="Path">The file, where it is about one.</param>
/// <param name="Code">Stable, such as `mac.in-use`, `xl.refuses`, `findings`, `adopt.differs`, `guest.file-missing`.</param>
/// <param name="Reason">Why, and what would help.</param>
public sealed record SkippedResponse(string Target, string? Path, string Code, string Reason, IReadOnlyList<FindingResponse> Findings);

/// <summary>Database, files and what runs, side by side.</summary>
/// <param name="InSync">Whether they say the same, and the host has nothing that the database does not know.</param>
/// <param name="Entries">What differs; nothing else.</param>
public sealed record DriftResponse(
    string Host, DateTimeOffset At, bool Simulated, long Revision, bool InSync, IReadOnlyList<DriftEntryResponse> Entries)
{
    internal static DriftResponse Of(string host, HostObservation observed, Drift drift) => new(
        host, observed.At, observed.Simulated, drift.Revision, drift.InSync, [.. drift.Entries.Select(DriftEntryResponse.Of)]);
}

/// <param name="Target">What it is about, and what accept and enforce take: `xl.conf`, `networking`, `bridges/xenbr0`, `guests/web1`, `guests/web1/vifs/0`.</param>
/// <param name="Field">A setting (`mac`, `bridge`, `mtu`, `vif.default.bridge` …), `link`, `file`, or the thing itself: `vif`, `bridge`, `domain`.</param>
/// <param name="Kind">`changed`; `missing` on the host; `leftover`: an apply takes it away; `foreign`: xlnet leaves it alone.</param>
/// <param name="Database">What is wanted; null where nothing is.</param>
/// <param name="File">What the host's file says; null where it says nothing.</param>
/// <param name="Live">What runs; null where nothing does.</param>
/// <param name="Path">Of a file.</param>
/// <param name="Diff">Of a file: from what the host has to what an apply would make of it.</param>
/// <param name="Message">The difference in one sentence.</param>
public sealed record DriftEntryResponse(
    string Target, string Field, DriftKind Kind, string? Database, string? File, string? Live, string? Path, string? Diff, string Message)
{
    internal static DriftEntryResponse Of(DriftEntry e) => new(
        e.Target, e.Field, e.Kind, e.Database, e.File, e.Live, e.Path,
        e switch
        {
            { Path: null } or { Kind: DriftKind.Foreign } => null,
            { InDatabase: { } wanted } => StepDiff.Of(new WriteFileStep(e.Path, e.OnHost, wanted)),
            { OnHost: { } present } => StepDiff.Of(new DeleteFileStep(e.Path, present)),
            _ => null,
        },
        e.Message);
}

/// <summary>Which differences to take from the host.</summary>
/// <param name="Targets">As drift names them, 1 to 1,000.</param>
public sealed record DriftAcceptRequest([property: Required] IReadOnlyList<string>? Targets = null);

/// <summary>Which differences to put an end to on the host.</summary>
/// <param name="Targets">As drift names them, 1 to 1,000.</param>
/// <param name="Allow">The impacts that steps may have; `["vif-blip"]` unless given. `none` always is allowed. The rest stays pending.</param>
public sealed record DriftEnforceRequest([property: Required] IReadOnlyList<string>? Targets = null, IReadOnlyList<Impact>? Allow = null);

internal sealed class DriftAcceptRequestValidator : AbstractValidator<DriftAcceptRequest>
{
    public DriftAcceptRequestValidator() => RuleFor(r => r.Targets).Custom(DriftTargets.Check);
}

internal sealed class DriftEnforceRequestValidator : AbstractValidator<DriftEnforceRequest>
{
    public DriftEnforceRequestValidator()
    {
        RuleFor(r => r.Targets).Custom(DriftTargets.Check);
        RuleFor(r => r.Allow).Must(a => a is null || a.Count <= 16).WithErrorCode("allow.too-many").WithMessage("Name each impact once.");
    }
}

internal static class DriftTargets
{
    private const int Most = 1000;

    public static void Check<T>(IReadOnlyList<string>? targets, ValidationContext<T> context)
    {
        if (targets is not { Count: >= 1 and <= Most })
        {
            context.AddFailure("", "drift.targets", $"Give 1 to {Most} targets as GET …/drift names them.");
            return;
        }

        for (var i = 0; i < targets.Count; i++)
        {
            if (DriftTarget.TryParse(targets[i]) is null)
            {
                context.AddFailure(string.Create(CultureInfo.InvariantCulture, $"/{i}"), "drift.target",
                    $"'{targets[i]}' is no target: write xl.conf, networking, bridges/xenbr0, guests/web1 or guests/web1/vifs/0, as GET …/drift does.");
            }
        }
    }
}

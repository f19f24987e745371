using FluentValidation;
using Xlnet.Api.Common;
using Xlnet.Api.Lint;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Xl;

namespace Xlnet.Api.Explain;

/// <summary>A vif to explain; nothing of it is kept.</summary>
/// <param name="Vif">One entry of a vif list without its quotes, such as `mac=00:16:3e:8a:10:02,bridge=xenbr0`; empty for `vif = ['']`.</param>
/// <param name="XlConf">The text of the host's xl.conf; an empty one unless given.</param>
/// <param name="GuestType">`pv` unless given.</param>
/// <param name="XenVersion">The host's Xen, such as `4.19`; 4.17 unless given.</param>
public sealed record ExplainRequest(string? Vif = null, string? XlConf = null, GuestType? GuestType = null, string? XenVersion = null);

/// <summary>What a vif means.</summary>
/// <param name="Vif">As it is spelled.</param>
/// <param name="Summary">In plain sentences.</param>
/// <param name="Interface">What it is called where its other end is.</param>
/// <param name="Hotplug">The runs of the hotplug script when the vif is plugged, in order.</param>
/// <param name="Xenstore">The keys as they are first written; what is drawn or counted up at create stands in angle brackets.</param>
/// <param name="Findings">What is to be said of its text; for a guest's vif with line and column in its file.</param>
/// <param name="Xl">What xl 4.17 would do with it.</param>
/// <param name="Live">The vif as it runs; null when it does not, or the host was not to be asked.</param>
/// <param name="LiveReason">Why there is no `live`.</param>
public sealed record ExplanationResponse(
    string Vif, GuestType GuestType, string XenVersion, string Summary, IReadOnlyList<ExplainedSetting> Settings, VifInterface Interface,
    IReadOnlyList<HotplugRun> Hotplug, IReadOnlyList<XenstoreKey> Xenstore, IReadOnlyList<FindingResponse> Findings, XlResponse Xl,
    LiveVifResponse? Live, string? LiveReason)
{
    internal static ExplanationResponse Of(string text, VifQuestion vif, IReadOnlyList<Finding> findings, XlReading xl, LiveVifResponse? live, string? liveReason)
    {
        var explanation = Explanation.Of(vif);
        var refused = xl.Accepted ? "" : $"xl refuses this and makes no guest from it: {XlText.Decode(xl.Message)}. Without that: ";
        return new ExplanationResponse(
            XlText.Decode(text), vif.GuestType, vif.XenVersion.ToString(), refused + XlText.Decode(explanation.Summary),
            [.. explanation.Settings.Select(s => s with { Value = s.Value is null ? null : XlText.Decode(s.Value) })],
            explanation.Interface, explanation.Hotplug, explanation.Xenstore,
            [.. Explanation.FindingsOf(findings, vif).Select(FindingResponse.Of)],
            new XlResponse(xl.Accepted, XlText.Decode(xl.Message), xl.Nics),
            live, liveReason);
    }
}

/// <summary>A vif of a guest that runs.</summary>
/// <param name="Mac">The address that the guest's card has.</param>
/// <param name="Dom0Name">The interface on Dom0.</param>
/// <param name="Bridge">The bridge that it is a port of; null when of none.</param>
/// <param name="State">The xenbus state of the guest's side; `connected` when the guest uses it.</param>
/// <param name="Ip">The addresses that its script was given; null for none.</param>
/// <param name="LinkUp">Whether the interface on Dom0 is up; a failed hotplug leaves one that is not.</param>
/// <param name="Simulated">True when no real Dom0 answered.</param>
public sealed record LiveVifResponse(
    int Domid, string Mac, string Dom0Name, string? Bridge, XenbusState State, bool LinkUp, string? Ip, DateTimeOffset At, bool Simulated)
{
    internal static LiveVifResponse Of(HostObservation observed, ObservedDomain domain, ObservedVif vif) =>
        new(domain.Domid, vif.Mac.ToString(), vif.Dom0Name, vif.Bridge, vif.State, vif.LinkUp, vif.Settings.Ip, observed.At, observed.Simulated);
}

internal sealed class ExplainRequestValidator : AbstractValidator<ExplainRequest>
{
    private const int MaxVif = 65536;

    public ExplainRequestValidator()
    {
        RuleFor(r => r.Vif).NotNull().WithErrorCode("vif.required").WithMessage("Give 'vif', the text of one vif; \"\" for the empty one.");
        RuleFor(r => r.Vif).MaximumLength(MaxVif).WithErrorCode("vif.too-long").WithMessage($"A vif's text has at most {MaxVif} characters here.");
        RuleFor(r => r.XenVersion).Must(v => XenVersion.TryParse(v, null, out _)).When(r => r.XenVersion is not null)
            .WithErrorCode("xen-version.malformed").WithMessage("That is no Xen version: give one such as 4.17.");
    }
}

using System.Globalization;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;

namespace Xlnet.Infrastructure.Hosts.Steps;

/// <summary>Plugs and unplugs vifs of running guests. A domain is named by its domid, as xl takes a name of digits for one.</summary>
internal static class VifSteps
{
    /// <summary>libxl waits 10 s for a backend and 40 s for a script (LIBXL_INIT_TIMEOUT, LIBXL_HOTPLUG_TIMEOUT).</summary>
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(90);

    public static async Task<StepFailure?> AttachAsync(StepRun run, AttachVifStep step, CancellationToken ct)
    {
        if (await run.Reader.FindDomidAsync(step.Guest, ct).ConfigureAwait(false) is not { } domid)
            return new StepFailure("guest.not-running", $"Guest {step.Guest} is not running.");
        if (step.Domid is { } planned && planned != domid)
            return GuestSteps.OtherDomain(step.Guest, planned, domid);

        var vifs = await run.Reader.ReadVifsAsync(domid, ct).ConfigureAwait(false);
        if (vifs.FirstOrDefault(v => v.Devid == step.Devid) is { } there)
            return IsDone(there, step.Settings) ? null : InTheWay(step, there);

        var result = await run.RunAsync(
            ["xl", "network-attach", Text(domid), .. VifSpec.ToArguments(step.Settings, step.Devid).Select(XlText.Decode)], Timeout, ct).ConfigureAwait(false);
        return result.Succeeded ? null : await XlFailure.ReadAsync(run, result, "vif.attach-failed", domid, step.Devid, ct).ConfigureAwait(false);
    }

    public static async Task<StepFailure?> DetachAsync(StepRun run, DetachVifStep step, CancellationToken ct)
    {
        if (await run.Reader.FindDomidAsync(step.Guest, ct).ConfigureAwait(false) is not { } domid)
            return null;
        if (step.Domid is { } planned && planned != domid)
            return GuestSteps.OtherDomain(step.Guest, planned, domid);
        var networks = await run.Reader.ReadNetworksAsync([domid], ct).ConfigureAwait(false);
        if (networks.FirstOrDefault(n => n.Devid == step.Devid) is not { } there)
            return null;
        if (there.Mac != step.Mac)
            return new StepFailure("vif.changed", $"Vif {step.Devid} of {step.Guest} has the address {there.Mac} and not {step.Mac}: it is another one by now. Plan again.");

        var result = await run.RunAsync(["xl", "network-detach", Text(domid), Text(step.Devid)], Timeout, ct).ConfigureAwait(false);
        return result.Succeeded ? null : await XlFailure.ReadAsync(run, result, "vif.detach-failed", domid, step.Devid, ct).ConfigureAwait(false);
    }

    // The interface of a vif of a driver domain is not Dom0's to see.
    private static bool IsUp(ObservedVif vif) => vif.LinkUp || vif.Settings.Backend is not (null or "" or "0" or "Domain-0");

    private static bool IsDone(ObservedVif vif, VifSettings wanted) =>
        IsUp(vif)
        && (wanted.Mac is null || wanted.Mac == vif.Mac)
        && (wanted.Bridge is null || wanted.Bridge == vif.Settings.Bridge)
        && (wanted.VifName is null || wanted.VifName == vif.Dom0Name);

    private static StepFailure InTheWay(AttachVifStep step, ObservedVif there) => IsUp(there)
        ? new StepFailure("vif.devid-in-use", $"Guest {step.Guest} has a vif {step.Devid} already, with the address {there.Mac}. Plan again.")
        : new StepFailure(
            "vif.leftover",
            $"Guest {step.Guest} has a vif {step.Devid} whose link is down, such as an attach that failed leaves behind. It has to be detached first. Plan again.");

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}

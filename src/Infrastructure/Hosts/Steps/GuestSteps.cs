using System.Globalization;
using Xlnet.Domain.Planning;

namespace Xlnet.Infrastructure.Hosts.Steps;

/// <summary>Creates and stops domains.</summary>
internal static class GuestSteps
{
    private static readonly TimeSpan CreateTimeout = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan DestroyTimeout = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan PollInterval = TimeSpan.FromSeconds(1);

    public static async Task<StepFailure?> CreateAsync(StepRun run, CreateGuestStep step, CancellationToken ct)
    {
        if (await run.Reader.FindDomidAsync(step.Guest, ct).ConfigureAwait(false) is not null)
            return null;
        var result = await run.RunAsync(["xl", "create", step.ConfigPath], CreateTimeout, ct).ConfigureAwait(false);
        return result.Succeeded ? null : await XlFailure.ReadAsync(run, result, "guest.create-failed", null, null, ct).ConfigureAwait(false);
    }

    public static async Task<StepFailure?> StopAsync(StepRun run, StopGuestStep step, CancellationToken ct)
    {
        if (await run.Reader.FindDomidAsync(step.Guest, ct).ConfigureAwait(false) is not { } domid)
            return null;
        if (step.Domid is { } planned && planned != domid)
            return OtherDomain(step.Guest, planned, domid);
        var id = domid.ToString(CultureInfo.InvariantCulture);
        if (step.Force)
        {
            var destroyed = await run.RunAsync(["xl", "destroy", id], DestroyTimeout, ct).ConfigureAwait(false);
            return destroyed.Succeeded ? null : StepRun.Failed("guest.destroy-failed", destroyed);
        }

        // -F: an HVM guest without PV drivers gets the ACPI power button instead.
        var asked = await run.RunAsync(["xl", "shutdown", "-F", id], XlHostDriver.ReadTimeout, ct).ConfigureAwait(false);
        if (!asked.Succeeded)
            return StepRun.Failed("guest.shutdown-failed", asked);

        var started = run.Time.GetTimestamp();
        while (await run.Reader.FindDomidAsync(step.Guest, ct).ConfigureAwait(false) is not null)
        {
            var left = step.Timeout - run.Time.GetElapsedTime(started);
            if (left <= TimeSpan.Zero)
                return new StepFailure("guest.shutdown-timeout", string.Create(CultureInfo.InvariantCulture, $"Guest {step.Guest} did not shut down within {step.Timeout.TotalSeconds:0} s and still runs; asked as it was, it may yet do so."));
            await Task.Delay(left < PollInterval ? left : PollInterval, run.Time, ct).ConfigureAwait(false);
        }

        return null;
    }

    public static StepFailure OtherDomain(string guest, int planned, int found) => StepFailure.HostChanged(
        $"Guest {guest}", string.Create(CultureInfo.InvariantCulture, $"domain {planned}"), string.Create(CultureInfo.InvariantCulture, $"domain {found}, as after a reboot or another create"));
}

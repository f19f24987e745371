using System.Globalization;
using Xlnet.Api.Bridges;
using Xlnet.Api.Common;
using Xlnet.Api.Guests;
using Xlnet.Api.Vifs;
using Xlnet.Domain.Common;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;
using Xlnet.Infrastructure.Data;
using Xlnet.Infrastructure.Hosts;

namespace Xlnet.Api.Drifts;

internal sealed class DriftService(
    XlnetDbContext db, RequestInfo request, TimeProvider clock, HostConnector connector, AdoptionService adoptions,
    GuestVifs guestVifs, GuestService guests, BridgeService bridges)
{
    public async Task<DriftResponse> GetAsync(ResourceName host, CancellationToken ct)
    {
        var hostId = await HostIds.FindAsync(db, host, ct);
        var sight = await HostSight.ReadAsync(db, connector, hostId, host, ct);
        var desired = await DesiredStateReader.ReadAsync(db, hostId, ct) ?? throw RuleException.NotFound("host", host.Value);
        return DriftResponse.Of(host.Value, sight.Observed, Drift.Of(desired, sight.Observed));
    }

    /// <summary>
    /// Takes what the host has into the database, all of the targets or none: xl.conf, bridges and guest files as they are, and of a
    /// vif what runs, or what the file says where nothing else runs. A target that does not differ is no error.
    /// </summary>
    /// <returns>What still differs.</returns>
    public async Task<DriftResponse> AcceptAsync(
        HttpContext http, ResourceName host, IReadOnlyList<string> targets, AcceptedFindings accepted, bool validateOnly, CancellationToken ct)
    {
        var hostId = await HostIds.FindAsync(db, host, ct);
        var observed = (await HostSight.ReadAsync(db, connector, hostId, host, ct)).Observed;
        await using var write = await HostWrite.BeginAsync(db, request, clock, host, ct);
        ApiDefaults.CheckPreconditions(http, write.Host.Version);
        await HostSight.CheckIdleAsync(db, write, ct);
        var desired = await DesiredStateReader.ReadWithinAsync(db, hostId, ct) ?? throw RuleException.NotFound("host", host.Value);

        var drift = Drift.Of(desired, observed).Entries.ToLookup(e => e.Target);
        var asked = targets.Distinct().Select((text, i) => new Asked(DriftTarget.TryParse(text)!, text, string.Create(CultureInfo.InvariantCulture, $"/targets/{i}"))).ToList();
        foreach (var target in asked.Where(t => !drift.Contains(t.Text) && !IsKnown(t.Target, desired, observed)))
        {
            throw RuleException.Invalid(target.Pointer, "drift.target.unknown",
                $"Neither the database nor the host knows '{target.Text}': take a target of GET /v1/hosts/{host}/drift.");
        }

        asked.RemoveAll(t => !drift.Contains(t.Text));
        if (asked.Find(t => t.Target.Kind == DriftTargetKind.Networking) is { } networking)
        {
            throw new RuleException(RuleKind.Conflict, "drift.not-acceptable",
                $"What was changed in Dom0's own network by hand is no setting: enforce {DriftTarget.Networking}, or say with PUT /v1/hosts/{host}/networking what is to be.",
                new FieldError(networking.Pointer, "drift.not-acceptable", "no setting gives this"));
        }

        foreach (var target in asked.Where(t => t.Target.Kind != DriftTargetKind.Vif && drift[t.Text].Any(IsGone)))
            await TakeAwayAsync(write, target, drift[target.Text].First(IsGone), ct);
        await AdoptAsync(write, desired, observed, [.. asked.Where(t => t.Target.Kind != DriftTargetKind.Vif && !drift[t.Text].Any(IsGone))], accepted, ct);

        var defaults = Drift.DefaultsInForce(desired, observed);
        var present = observed.Bridges.Select(b => b.Name).ToHashSet();
        foreach (var target in asked.Where(t => t.Target.Kind == DriftTargetKind.Vif))
            await AcceptVifAsync(write, observed, target, defaults, present, ct);

        await write.CommitAsync(validateOnly, ct);
        ApiDefaults.SetETag(http, write.Host.Version);
        // Read again within the transaction, which a trial takes back: so a trial shows the same as the deed.
        var after = await DesiredStateReader.ReadWithinAsync(db, hostId, ct) ?? throw RuleException.NotFound("host", host.Value);
        return DriftResponse.Of(host.Value, observed, Drift.Of(after, observed));
    }

    private sealed record Asked(DriftTarget Target, string Text, string Pointer);

    private static bool IsGone(DriftEntry entry) => entry is { Kind: DriftKind.Missing, Live: null };

    private static bool IsKnown(DriftTarget target, DesiredState desired, HostObservation observed) => target.Kind switch
    {
        DriftTargetKind.XlConf or DriftTargetKind.Networking => true,
        DriftTargetKind.Bridge => desired.Bridges.Any(b => b.Name == target.Name) || observed.FindBridge(target.Name) is not null,
        DriftTargetKind.Guest => desired.Guests.Any(g => g.Name == target.Name) || observed.FindDomain(target.Name) is not null,
        DriftTargetKind.Vif => desired.Guests.FirstOrDefault(g => g.Name == target.Name)?.Vifs.Any(v => v.Devid == target.Devid) == true,
        _ => throw new ArgumentOutOfRangeException(nameof(target)),
    };

    /// <summary>What the host has not, the database shall not have.</summary>
    private async Task TakeAwayAsync(HostWrite write, Asked asked, DriftEntry entry, CancellationToken ct)
    {
        switch (asked.Target.Kind)
        {
            case DriftTargetKind.XlConf:
                var before = HostDocument.Of(write.Host);
                (write.Host.XlConf, write.Host.Defaults) = (null, null);
                write.Record(RevisionObjectKind.Host, "", "drift.accept", entry.Target, before, HostDocument.Of(write.Host));
                break;
            case DriftTargetKind.Bridge:
                await bridges.RemoveAsync(write, InterfaceName.Parse(asked.Target.Name), "drift.accept", ct);
                break;
            default:
                await guests.RemoveAsync(write, await guestVifs.FindAsync(write, GuestName.Parse(asked.Target.Name), ct), "drift.accept", ct);
                break;
        }
    }

    private async Task AdoptAsync(
        HostWrite write, DesiredState desired, HostObservation observed, IReadOnlyList<Asked> asked, AcceptedFindings accepted, CancellationToken ct)
    {
        if (asked.Count == 0)
            return;
        var adoption = await adoptions.ReadAsync(write, desired, observed, new AdoptionRequest
        {
            Accepts = accepted.Has,
            Overwrite = true,
            InForceOnly = false,
            Targets = asked.Select(a => a.Text).ToHashSet(),
            WhyTaken = (_, _, _) => null,
        }, ct);
        foreach (var refused in adoption.Skipped)
        {
            var pointer = asked.First(a => a.Text == refused.Target).Pointer;
            var invalid = refused.Code is "findings" or "xl.refuses" or "guest.name" or "bridge.name" or "bridge.name.openvswitch";
            throw new RuleException(invalid ? RuleKind.Invalid : RuleKind.Conflict, refused.Code, refused.Message, new FieldError(pointer, refused.Code, refused.Message))
                .With("findings", (IReadOnlyList<FindingResponse>)[.. refused.Findings.Select(FindingResponse.Of)]);
        }

        // A guest that runs without its file: there is nothing to take, and an apply writes the file again.
        if (asked.FirstOrDefault(a => a.Target.Kind == DriftTargetKind.Guest && adoption.Guests.All(g => g.Name.Value != a.Target.Name) && !adoption.Unchanged.Contains(a.Text)) is { } none)
        {
            throw new RuleException(RuleKind.Conflict, "guest.file-missing",
                $"The guest '{none.Target.Name}' runs, and its file is gone: there is nothing to accept. Enforce writes the file again.",
                new FieldError(none.Pointer, "guest.file-missing", "no file"));
        }

        await adoptions.TakeAsync(write, adoption, "drift.accept", ct);
        // What follows reads the guests again.
        await db.SaveChangesAsync(ct);
    }

    private async Task AcceptVifAsync(HostWrite write, HostObservation observed, Asked asked, VifDefaults defaults, HashSet<string> present, CancellationToken ct)
    {
        var (name, devid) = (GuestName.Parse(asked.Target.Name), asked.Target.Devid!.Value);
        var guest = await guestVifs.FindAsync(write, name, ct);
        var before = GuestDocument.Of(guest);
        var known = guest.FindVif(devid);
        var domain = observed.FindDomain(name.Value);
        var live = domain?.FindVif(devid);

        VifSettings? settings;
        var runsOtherwise = domain is not null && (live is null || known is null
            || EffectiveVif.Differences(known.WrittenSettings, defaults, live, guest.Type, present).Count > 0);
        if (runsOtherwise && live is null)
        {
            settings = null;
        }
        else if (runsOtherwise)
        {
            settings = RunningVif.Accept(known?.WrittenSettings ?? VifSettings.Empty with { Mac = live!.Mac }, defaults, live!, guest.Type, present);
            if (known is not null && settings == known.WrittenSettings)
            {
                throw new RuleException(RuleKind.Conflict, "drift.not-acceptable",
                    $"{asked.Text} runs in a way that no setting asks for, such as on no bridge or with its link down: enforce it instead.",
                    new FieldError(asked.Pointer, "drift.not-acceptable", "no setting gives this"));
            }
        }
        else
        {
            settings = observed.Files.GetValueOrDefault(guest.ConfigPath) is { } content
                ? GuestFile.Parse(XlText.FromBytes(content)).Vifs.FirstOrDefault(v => v.Devid == devid)?.Settings
                : known?.WrittenSettings;
        }

        List<WantedVif> wanted = [.. guest.Vifs.Select(v => new WantedVif(v.Devid, v.WrittenSettings, "", InFile: true, AsWritten: !v.MacWritten))];
        var at = wanted.FindIndex(w => w.Devid == devid);
        if (settings is null)
            wanted.RemoveAll(w => w.Devid == devid);
        else if (at < 0)
            wanted.Add(new WantedVif(devid, settings, asked.Pointer, AsWritten: true));
        else
            wanted[at] = new WantedVif(devid, settings, asked.Pointer, AsWritten: true);
        await guestVifs.SetAsync(write, guest, guest.Parse(), wanted, ct);
        write.Record(RevisionObjectKind.Guest, name.Value, "drift.accept",
            string.Create(CultureInfo.InvariantCulture, $"{name}/vifs/{devid}"), before, GuestDocument.Of(guest));
        await db.SaveChangesAsync(ct);
    }
}

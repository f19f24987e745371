using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Xlnet.Api.Access;
using Xlnet.Api.Common;
using Xlnet.Api.Vifs;
using Xlnet.Domain.Access;
using Xlnet.Domain.Common;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;
using Xlnet.Infrastructure.Data;
using Xlnet.Infrastructure.Hosts;

namespace Xlnet.Api.Explain;

internal sealed class ExplainService(XlnetDbContext db, HostConnector connector, VifService vifs, SubnetAllocator addresses)
{
    public static ExplanationResponse Explain(ExplainRequest request)
    {
        var text = XlText.Encode(request.Vif!);
        var conf = XlConf.Parse(XlText.Encode(request.XlConf ?? ""));
        var vif = new VifQuestion
        {
            Settings = VifSpec.Read(text).Settings,
            Devid = VifSpec.Read(text).Devid ?? 0,
            GuestType = request.GuestType ?? GuestType.Pv,
            Defaults = conf.Defaults,
            XenVersion = request.XenVersion is { } version ? XenVersion.Parse(version) : XenVersion.Recorded,
        };
        var lint = Domain.Xl.Lint.Run(LintKind.Vif, text, conf);
        return ExplanationResponse.Of(text, vif, lint.Findings, conf.Accepted ? lint.Xl : conf.Reading, null, "No host was asked: this explains a text.");
    }

    public async Task<ExplanationResponse> ExplainAsync(ResourceName host, GuestName guest, int devid, CancellationToken ct)
    {
        var found = await FindAsync(host, guest, devid, ct);
        var (observed, reason) = await TryObserveAsync(found.Host.Id, ct);
        var defaults = Defaults(found.Desired, observed);
        var domain = observed?.FindDomain(guest.Value);
        var vif = new VifQuestion
        {
            Settings = found.Vif.WrittenSettings,
            Devid = devid,
            GuestType = found.Guest.Type,
            Defaults = defaults,
            XenVersion = observed?.XenVersion ?? found.Host.XenVersionToKeepTo,
            Addresses = await AddressesAsync(found.Host, found.Vif, ct),
            Domain = domain,
        };
        var entry = found.Guest.Parse().Vifs.First(v => v.Devid == devid);
        return ExplanationResponse.Of(
            entry.Text, vif, entry.Findings, Domain.Xl.Lint.Run(LintKind.Vif, entry.Text, XlConf.Parse("").WithDefaults(defaults)).Xl,
            vif.Live is { } live ? LiveVifResponse.Of(observed!, domain!, live) : null,
            vif.Live is not null ? null
            : reason ?? (domain is null ? $"The guest '{guest}' does not run." : $"The guest '{guest}' runs without this vif: an apply plugs it in."));
    }

    private async Task<List<SubnetFact>> AddressesAsync(Host host, Vif vif, CancellationToken ct) =>
    [
        .. AddressWish.Of(new VifHolder("", "", vif.Devid), vif.WrittenSettings, host, await addresses.ReadAsync(host.Id, ct), "").Addresses
            .Select(a => new SubnetFact(a.Address, a.Subnet, a.Subnet.Mode == NetworkMode.Nat && host.Networking?.Nat is { Dhcp: true })),
    ];

    /// <summary>Makes what is in force for a vif explicit in its guest's file, so that a create changes nothing about it.</summary>
    /// <exception cref="HostShellException">The host cannot be asked, so nobody knows what is in force.</exception>
    public async Task<Vif> PinAsync(HttpContext http, ResourceName host, GuestName guest, int devid, bool validateOnly, CancellationToken ct)
    {
        var found = await FindAsync(host, guest, devid, ct);
        var observed = await ObserveAsync(found.Host.Id, ct);
        var defaults = Defaults(found.Desired, observed);
        var live = observed.FindDomain(guest.Value)?.FindVif(devid);
        return await vifs.PinAsync(http, host, guest, devid, vif =>
        {
            var written = vif.WrittenSettings;
            // What a running vif was made with is in its own record, xl.conf's defaults of that time included.
            var inForce = EffectiveVif.Resolve(
                written with { Bridge = written.Bridge ?? live?.Settings.Bridge, Script = written.Script ?? live?.Settings.Script },
                found.Guest.Type, live is null ? defaults : VifDefaults.None);
            return written with { Mac = live?.Mac ?? vif.Mac, Bridge = inForce.Bridge, Script = written.Script ?? inForce.Script };
        }, validateOnly, ct);
    }

    private async Task<(Host Host, Guest Guest, Vif Vif, DesiredState Desired)> FindAsync(ResourceName name, GuestName guestName, int devid, CancellationToken ct)
    {
        var host = await db.Hosts.AsNoTracking().SingleOrDefaultAsync(h => h.Name == name, ct) ?? throw RuleException.NotFound("host", name.Value);
        var guest = await db.Guests.AsNoTracking().Include(g => g.Vifs).SingleOrDefaultAsync(g => g.HostId == host.Id && g.Name == guestName, ct)
            ?? throw RuleException.NotFound("guest", guestName.Value);
        var vif = guest.FindVif(devid) ?? throw VifService.NotFound(guestName, devid);
        return (host, guest, vif, new DesiredState { Revision = host.Revision, XlConf = host.XlConf, Defaults = host.Defaults });
    }

    /// <summary>Those that are asked for; where nothing is, those that the host has.</summary>
    private static VifDefaults Defaults(DesiredState desired, HostObservation? observed) =>
        XlConf.DefaultsOf(desired.ResolveXlConf(observed?.Files.GetValueOrDefault(Host.XlConfPath)));

    private async Task<(HostObservation? Observed, string? Reason)> TryObserveAsync(long hostId, CancellationToken ct)
    {
        try
        {
            return (await ObserveAsync(hostId, ct), null);
        }
        catch (Exception e) when (e is HostShellException or HostAnswerException)
        {
            return (null, $"The host could not be asked: {e.Message}");
        }
    }

    private async Task<HostObservation> ObserveAsync(long hostId, CancellationToken ct)
    {
        await using var driver = await connector.OpenAsync(hostId, ct);
        var observed = await driver.ObserveAsync([Host.XlConfPath], ct);
        await ObservedFacts.KeepAsync(db, hostId, observed, ct);
        return observed;
    }
}

internal static class ExplainEndpoints
{
    public static RouteGroupBuilder MapExplain(this RouteGroupBuilder v1)
    {
        v1.MapPost("/explain", Explain).WithTags("Lint").WithName("Explain_Run").WithSummary("What a vif means, setting by setting").Needs(AccessRole.Viewer);
        var vif = v1.MapGroup("/hosts/{host}/guests/{guest}/vifs/{devid:int}").WithTags("Vifs");
        vif.MapGet("/explanation", ExplainAsync).WithName("Vifs_Explain").WithSummary("What a guest's vif means, setting by setting, as it runs where it does");
        vif.MapPost("/pin", PinAsync).WithName("Vifs_Pin").WithSummary("Write the address, bridge and script that are in force for a vif into its guest's file")
            .ProducesProblem(StatusCodes.Status412PreconditionFailed).ProducesProblem(StatusCodes.Status502BadGateway);
        return v1;
    }

    /// <remarks>
    /// Each setting's value and where it comes from: the vif, xl.conf, or libxl's own default; the hotplug script's runs and its
    /// xenstore keys. `{"vif":""}` explains `vif = ['']`. Nothing is stored, and no host is asked.
    /// </remarks>
    private static Ok<ExplanationResponse> Explain(JsonBody<ExplainRequest> body) => TypedResults.Ok(ExplainService.Explain(body.Value));

    /// <remarks>
    /// As `POST /v1/explain`, with the host's own xl.conf, and beside it what is live, where the guest runs. A host that cannot be
    /// asked is said so in the answer.
    /// </remarks>
    private static async Task<Ok<ExplanationResponse>> ExplainAsync(string host, string guest, int devid, ExplainService explain, CancellationToken ct) =>
        TypedResults.Ok(await explain.ExplainAsync(RouteNames.Host(host), RouteNames.Guest(guest), devid, ct));

    /// <remarks>
    /// Makes explicit what is in force, so that the next create, or another xl.conf, changes nothing about it. It is staged: the
    /// host gets it with the next apply.
    /// </remarks>
    private static async Task<Ok<VifResponse>> PinAsync(
        string host, string guest, int devid, HttpContext http, ExplainService explain, CancellationToken ct, bool validateOnly = false)
    {
        var vif = await explain.PinAsync(http, RouteNames.Host(host), RouteNames.Guest(guest), devid, validateOnly, ct);
        ApiDefaults.SetETag(http, vif.Version);
        return TypedResults.Ok(VifResponse.Of(vif));
    }
}

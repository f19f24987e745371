using System.ComponentModel.DataAnnotations;
using FluentValidation;
using Xlnet.Api.Bridges;
using Xlnet.Api.Common;
using Xlnet.Api.Guests;
using Xlnet.Api.Hosts;
using Xlnet.Api.Networking;
using Xlnet.Api.Subnets;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Common;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Subnets;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;

namespace Xlnet.Api.DesiredStates;

/// <summary>
/// A whole host as one document. What it leaves out is not to be there: a bridge, a subnet or a guest is taken away, a setting gets its
/// default. How the host is reached is an exception: it stays as it is.
/// </summary>
public record DesiredStateDocument
{
    /// <summary>How xlnet reaches the host; only a new one needs it.</summary>
    public DriverContract? Driver { get; init; }

    /// <summary>For people; up to 1,000 characters.</summary>
    public string? Description { get; init; }

    /// <summary>Whether every vif's address stands in its guest's file; `allocate` unless given.</summary>
    public MacPolicy? MacPolicy { get; init; }

    /// <summary>The pool that its vifs get their addresses from; `default` unless given.</summary>
    public string? MacPool { get; init; }

    /// <summary>vif.default.*, for a host whose xl.conf has nothing else.</summary>
    public DefaultsContract? Defaults { get; init; }

    /// <summary>The whole of xl.conf, in place of `defaults`.</summary>
    public string? XlConf { get; init; }

    /// <summary>The same in base64, for one that is no UTF-8.</summary>
    public string? XlConfBase64 { get; init; }

    /// <summary>As a PUT of the host's networking says it. It brings its own bridge, which is not listed below. Left out, the host has its own network, as before xlnet.</summary>
    public NetworkingRequest? Networking { get; init; }

    /// <summary>The bridges, each name once.</summary>
    public IReadOnlyList<CreateBridgeRequest>? Bridges { get; init; }

    /// <summary>The subnets, each name once. That of mode `nat` comes with the networking, and need not stand here.</summary>
    public IReadOnlyList<CreateSubnetRequest>? Subnets { get; init; }

    /// <summary>The guests, each name once.</summary>
    public IReadOnlyList<DesiredGuest>? Guests { get; init; }

    /// <summary>What a PUT needs to have the host as it is to be now.</summary>
    /// <param name="pool">The name of its MAC pool, when it has one of its own.</param>
    internal static DesiredStateDocument Of(Host host, string? pool, IEnumerable<Bridge> bridges, IEnumerable<Subnet> subnets, IEnumerable<Guest> guests)
    {
        var conf = host.XlConf is { } bytes ? DesiredText.Of(bytes) : default;
        return new DesiredStateDocument
        {
            Driver = DriverContract.Of(host),
            Description = host.Description,
            MacPolicy = host.MacPolicy,
            MacPool = pool ?? Domain.Macs.MacPool.DefaultName,
            Defaults = host is { XlConf: null, Defaults: { } defaults } ? DefaultsContract.Of(defaults) : null,
            XlConf = conf.Text,
            XlConfBase64 = conf.Base64,
            Networking = host.Networking is { } networking ? NetworkingRequest.Of(networking) : null,
            Bridges =
            [
                .. bridges.Where(b => b.Name.Value != host.Networking?.Bridge).Select(b => new CreateBridgeRequest
                {
                    Name = b.Name.Value, Kind = b.Kind, Mtu = b.Mtu, Ports = b.Ports, VlanFiltering = b.VlanFiltering, Description = b.Description,
                }),
            ],
            Subnets = [.. subnets.Select(CreateSubnetRequest.Of)],
            Guests = [.. guests.Select(DesiredGuest.Of)],
        };
    }
}

/// <summary>A guest with its file: the whole of it as `config`, or without, the file that is there with these members set, or a new one.</summary>
public sealed record DesiredGuest : GuestRequest
{
    /// <summary>The name in its file.</summary>
    [Required]
    public string? Name { get; init; }

    /// <summary>The guest file in base64, for one that is no UTF-8.</summary>
    public string? ConfigBase64 { get; init; }

    /// <summary>What its vifs have and the file does not say. A vif that is not listed is unlocked, and has no address of a subnet.</summary>
    public IReadOnlyList<DesiredVif>? Held { get; init; }

    internal static DesiredGuest Of(Guest guest)
    {
        var file = DesiredText.Of(guest.Config);
        List<DesiredVif> held = [.. guest.Vifs.Where(v => !v.MacWritten || v.Subnet is not null || v.Locking != VifLocking.Unlocked).Select(DesiredVif.Of)];
        return new DesiredGuest { Name = guest.Name.Value, Config = file.Text, ConfigBase64 = file.Base64, Held = held.Count == 0 ? null : held };
    }

    /// <summary>Whether it says of a guest without locks, which depend on more than the guest, just what that is.</summary>
    /// <param name="file">As <see cref="ReadFile"/> gives it.</param>
    internal bool IsOf(Guest guest, byte[]? file) =>
        file is not null && Vifs is null && guest.Config.AsSpan().SequenceEqual(file) && guest.Vifs.All(v => v.Locking == VifLocking.Unlocked)
        && (Held ?? []).OrderBy(h => h.Devid).SequenceEqual((Of(guest).Held ?? []).OrderBy(h => h.Devid));

    /// <summary>The file as a whole; null where there are members instead.</summary>
    internal byte[]? ReadFile() => DesiredText.Read(Config, ConfigBase64);
}

/// <param name="Devid">The vif's number in its guest.</param>
/// <param name="Mac">The address that it holds, where the file names none.</param>
/// <param name="MacInFile">False keeps the address out of the file, whatever the host's policy.</param>
/// <param name="Subnet">The host's subnet that an address of its `ip` is of; where the file has none of it, one is allocated.</param>
/// <param name="Locking">`unlocked` unless given.</param>
public sealed record DesiredVif(int? Devid = null, string? Mac = null, bool? MacInFile = null, string? Subnet = null, VifLocking? Locking = null)
{
    internal static DesiredVif Of(Vif vif) => new(
        vif.Devid, vif.MacWritten ? null : vif.Mac.ToString(), vif.MacWritten ? null : false, vif.Subnet?.Value,
        vif.Locking == VifLocking.Unlocked ? null : vif.Locking);
}

/// <summary>Many hosts.</summary>
public sealed record DesiredStatesRequest
{
    /// <summary>Each host once, 1 to 1,000 of them.</summary>
    [Required]
    public IReadOnlyList<NamedDesiredState>? Hosts { get; init; }
}

/// <summary>One host of many.</summary>
public sealed record NamedDesiredState : DesiredStateDocument
{
    /// <summary>The host's name.</summary>
    [Required]
    public string? Name { get; init; }

    /// <summary>The ETag of the host as it was read, or `*`; a host that is there needs it, a new one has none.</summary>
    public string? IfMatch { get; init; }
}

/// <param name="Created">Whether the host is new.</param>
/// <param name="Revision">The host's revision by now.</param>
/// <param name="Version">The host's ETag by now.</param>
/// <param name="Removed">What the document left out, such as `guests/web1`.</param>
/// <param name="Changes">All that has changed, in the order of the work; empty when nothing has.</param>
/// <param name="DesiredState">What the host is to be by now.</param>
public sealed record DesiredStateResponse(
    string Host, bool Created, long Revision, string Version, IReadOnlyList<string> Removed, IReadOnlyList<DesiredStateChange> Changes, DesiredStateDocument DesiredState);

/// <param name="Action">As in the audit log, such as `guest.update`.</param>
/// <param name="Target">What it is about, such as `guests/web1`; empty for the host itself.</param>
public sealed record DesiredStateChange(string Action, string Target);

/// <param name="Hosts">In the order of the request.</param>
public sealed record DesiredStatesResponse(IReadOnlyList<DesiredStateResponse> Hosts);

/// <summary>A file in a document: as text where its bytes are UTF-8, else in base64, so that none is lost.</summary>
internal static class DesiredText
{
    public static (string? Text, string? Base64) Of(byte[] file)
    {
        var text = XlText.FromBytes(file);
        // JSON's strings hold U+0000, and PostgreSQL's none.
        return XlText.Decode(text) is var shown && System.Text.Unicode.Utf8.IsValid(file) && !shown.Contains('\0') ? (shown, null) : (null, Convert.ToBase64String(file));
    }

    public static byte[]? Read(string? text, string? base64) =>
        text is not null ? System.Text.Encoding.UTF8.GetBytes(text) : base64 is not null ? Convert.FromBase64String(base64) : null;

    public static bool IsBase64(string? text) => text is null || text.Length <= 4 << 20 && Convert.TryFromBase64String(text, new byte[text.Length], out _);
}

internal sealed class DesiredStateValidator : AbstractValidator<DesiredStateDocument>
{
    public DesiredStateValidator(
        IValidator<DriverContract> driver, IValidator<DefaultsContract> defaults, IValidator<NetworkingRequest> networking,
        IValidator<CreateBridgeRequest> bridge, IValidator<CreateSubnetRequest> subnet, IValidator<DesiredGuest> guest)
    {
        RuleFor(d => d.Driver!).SetValidator(driver).When(d => d.Driver is not null);
        RuleFor(d => d.Description).MaximumLength(1000).WithErrorCode("description.too-long").WithMessage("A description has at most 1,000 characters.");
        RuleFor(d => d.MacPool).Must(p => ResourceName.TryParse(p, null, out _)).When(d => d.MacPool is not null)
            .WithErrorCode("mac-pool.name").WithMessage($"That is no pool's name: {ResourceName.Rule}.");
        RuleFor(d => d.Defaults!).SetValidator(defaults).When(d => d.Defaults is not null);
        RuleFor(d => d.Defaults).Null().When(d => d.XlConf is not null || d.XlConfBase64 is not null)
            .WithErrorCode("desired-state.xl-conf.both").WithMessage("'xlConf' has vif.default.* in it: leave out either it or 'defaults'.");
        RuleFor(d => d.XlConfBase64).Null().When(d => d.XlConf is not null)
            .WithErrorCode("desired-state.xl-conf.both").WithMessage("Both are the whole file: leave out either 'xlConf' or 'xlConfBase64'.");
        RuleFor(d => d.XlConfBase64).Must(DesiredText.IsBase64).WithErrorCode("desired-state.base64").WithMessage("That is no base64.");
        RuleFor(d => d.Networking!).SetValidator(networking).When(d => d.Networking is not null);
        RuleFor(d => d.Networking).Must(n => n is null or { MoveVifs: null, MoveAddresses: null })
            .WithErrorCode("desired-state.moves").WithMessage("Where the vifs go, the document's own guests say: leave 'moveVifs' and 'moveAddresses' out.");
        RuleForEach(d => d.Bridges).NotNull().WithErrorCode("body.type").WithMessage("An object is expected here.").SetValidator(bridge);
        RuleForEach(d => d.Subnets).NotNull().WithErrorCode("body.type").WithMessage("An object is expected here.").SetValidator(subnet);
        RuleForEach(d => d.Guests).NotNull().WithErrorCode("body.type").WithMessage("An object is expected here.").SetValidator(guest);
        RuleFor(d => d).Custom((document, context) =>
        {
            Once("bridges", document.Bridges?.Select(b => b?.Name));
            Once("subnets", document.Subnets?.Select(s => s?.Name));
            Once("guests", document.Guests?.Select(g => g?.Name));

            void Once(string list, IEnumerable<string?>? names)
            {
                var seen = new HashSet<string>(StringComparer.Ordinal);
                foreach (var (at, name) in (names ?? []).Index().Where(n => n.Item is not null && !seen.Add(n.Item)))
                    context.AddFailure($"/{list}/{at}/name", "desired-state.twice", $"'{name}' stands here twice: a document says each thing once.");
            }
        });
    }
}

internal sealed class DesiredGuestValidator : AbstractValidator<DesiredGuest>
{
    public DesiredGuestValidator(IValidator<GuestRequest> put)
    {
        Include(put);
        RuleFor(g => g.Name).Must(n => GuestName.TryParse(n, null, out _)).WithErrorCode("guest.name").WithMessage($"Give the guest a name: {GuestName.Rule}.");
        RuleFor(g => g.ConfigBase64).Null().When(g => g.Config is not null || g.HasSettings)
            .WithErrorCode("guest.config.both").WithMessage("'configBase64' is the whole file: leave out either it or what else stands in one.");
        RuleFor(g => g.ConfigBase64).Must(DesiredText.IsBase64).WithErrorCode("desired-state.base64").WithMessage("That is no base64.");
        RuleFor(g => g.Held).Null().When(g => g.Vifs is not null)
            .WithErrorCode("desired-state.held.both").WithMessage("'vifs' says all of the vifs: 'held' is for those that stand in the file.");
        RuleForEach(g => g.Held).NotNull().WithErrorCode("body.type").WithMessage("An object is expected here.").ChildRules(held =>
        {
            held.RuleFor(h => h.Devid).NotNull().InclusiveBetween(0, 65535).WithErrorCode("vif.devid").WithMessage("A devid is 0 to 65535.");
            held.RuleFor(h => h.Mac).Must(m => m is null || MacAddress.TryParse(m, null, out var mac) && mac.IsAssignable).WithErrorCode("mac.malformed")
                .WithMessage("That is no unicast MAC address: write six pairs of hexadecimal digits, such as 00:16:3e:8a:10:02.");
            held.RuleFor(h => h.Subnet).Must(s => s is null || ResourceName.TryParse(s, null, out _)).WithErrorCode("subnet.name").WithMessage($"That cannot name a subnet: {ResourceName.Rule}.");
        });
        RuleFor(g => g.Held).Must(h => h is null || h.Where(v => v is not null).GroupBy(v => v.Devid).All(v => v.Count() == 1))
            .WithErrorCode("vif.devid.duplicate").WithMessage("A devid stands here twice: name each vif once.");
    }
}

internal sealed class DesiredStatesRequestValidator : AbstractValidator<DesiredStatesRequest>
{
    public DesiredStatesRequestValidator(IValidator<DesiredStateDocument> document)
    {
        RuleFor(r => r.Hosts).Must(h => h is { Count: >= 1 and <= 1000 }).WithErrorCode("desired-states.hosts").WithMessage("Give 1 to 1,000 hosts.");
        RuleForEach(r => r.Hosts).NotNull().WithErrorCode("body.type").WithMessage("An object is expected here.").SetValidator(new NamedDesiredStateValidator(document));
        RuleFor(r => r).Custom((request, context) =>
        {
            var seen = new HashSet<string>(StringComparer.Ordinal);
            foreach (var (at, host) in (request.Hosts ?? []).Index().Where(h => h.Item?.Name is { } name && !seen.Add(name)))
                context.AddFailure($"/hosts/{at}/name", "desired-state.twice", $"'{host!.Name}' stands here twice: a document says each thing once.");
        });
    }
}

internal sealed class NamedDesiredStateValidator : AbstractValidator<NamedDesiredState>
{
    public NamedDesiredStateValidator(IValidator<DesiredStateDocument> document)
    {
        Include(document);
        RuleFor(r => r.Name).Must(n => ResourceName.TryParse(n, null, out _)).WithErrorCode("host.name").WithMessage($"Give the host a name: {ResourceName.Rule}.");
    }
}

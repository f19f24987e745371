using System.ComponentModel.DataAnnotations;
using System.Net;
using System.Net.Sockets;
using System.Text.RegularExpressions;
using FluentValidation;
using Xlnet.Api.Common;
using Xlnet.Domain.Common;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Xl;

namespace Xlnet.Api.Hosts;

/// <summary>A host as it is put.</summary>
public record HostRequest
{
    /// <summary>How xlnet reaches it. Its kind cannot be changed later.</summary>
    public DriverContract? Driver { get; init; }

    /// <summary>For people; up to 1,000 characters.</summary>
    public string? Description { get; init; }

    /// <summary>Whether every vif's address stands in its guest's file; `allocate` unless given.</summary>
    public MacPolicy? MacPolicy { get; init; }

    /// <summary>The pool that its vifs get their addresses from; `default` unless given.</summary>
    public string? MacPool { get; init; }
}

/// <summary>A new host.</summary>
public sealed record CreateHostRequest : HostRequest
{
    /// <summary>1 to 63 lower-case letters, digits, '.', '_' and '-'.</summary>
    [Required]
    public string? Name { get; init; }
}

/// <summary>What stands between xlnet and a host.</summary>
/// <param name="Kind">
/// `ssh`: a Dom0 over SSH. `local`: the service runs on the Dom0. `simulated`: no real Dom0 is behind it. `directory`: simulated, with
/// its files in a folder.
/// </param>
/// <param name="Path">For `directory`: the folder's name below the service's directory root.</param>
/// <param name="Address">For `ssh`: a DNS name, an IPv4 or an IPv6 address.</param>
/// <param name="Port">For `ssh`: 22 unless given.</param>
/// <param name="User">For `ssh`: `root` unless given.</param>
/// <param name="Key">For `ssh`: the name of a private key in the service's key directory.</param>
/// <param name="HostKey">
/// For `ssh`: the fingerprint of the host's key as `ssh-keygen -l` shows it, `SHA256:…`. A new host without it is asked for its key, which
/// is trusted from then on; later, what is left out stays as it is. A host with another key is not talked to.
/// </param>
public sealed record DriverContract(
    DriverKind? Kind = null, string? Path = null, string? Address = null, int? Port = null, string? User = null, string? Key = null, string? HostKey = null)
{
    internal static DriverContract Of(Host host) => host.Ssh is { } ssh
        ? new DriverContract(host.DriverKind, null, ssh.Address, ssh.Port, ssh.User, ssh.Key, ssh.HostKey)
        : new DriverContract(host.DriverKind, host.DriverPath);

    /// <param name="pinned">The host key, where none is given.</param>
    internal SshTarget? ToSsh(string? pinned) => Kind == DriverKind.Ssh
        ? new SshTarget(Address!, Port ?? SshTarget.DefaultPort, User ?? SshTarget.DefaultUser, Key!, HostKey ?? pinned ?? "")
        : null;
}

/// <param name="Simulated">True when no real Dom0 is behind it.</param>
/// <param name="Revision">Counts up with every change of what the host is to be.</param>
/// <param name="AppliedRevision">The revision that was last applied as a whole; null before the first time.</param>
/// <param name="XenVersion">As it was last observed, such as `4.17`; null before the first time, and then 4.17 is taken for granted.</param>
public sealed record HostResponse(
    string Name, string? Description, DriverContract Driver, bool Simulated, MacPolicy MacPolicy, string MacPool,
    long Revision, long? AppliedRevision, string? XenVersion, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    internal static HostResponse Of(Host host, string? pool) => new(
        host.Name.Value, host.Description, DriverContract.Of(host),
        host.DriverKind is DriverKind.Simulated or DriverKind.Directory, host.MacPolicy, pool ?? Domain.Macs.MacPool.DefaultName,
        host.Revision, host.AppliedRevision, host.XenVersion?.ToString(), host.CreatedAt, host.UpdatedAt);
}

/// <summary>A host's vif.default.* in xl.conf. What is null or left out is not written there, and libxl's own default applies.</summary>
/// <param name="Script">vif.default.script: a bare name, or a path below /etc/xen/scripts; libxl's own is vif-bridge.</param>
/// <param name="Bridge">vif.default.bridge; libxl's own is xenbr0.</param>
/// <param name="Backend">vif.default.backend: a driver domain; libxl's own is Dom0.</param>
/// <param name="Gatewaydev">vif.default.gatewaydev, for vif-route.</param>
public sealed record DefaultsContract(string? Script = null, string? Bridge = null, string? Backend = null, string? Gatewaydev = null)
{
    internal static DefaultsContract Of(VifDefaults defaults) => new(defaults.Script, defaults.Bridge, defaults.Backend, defaults.GatewayDev);

    internal VifDefaults ToDomain() => new(Script, Bridge, Backend, Gatewaydev);
}

internal sealed class HostRequestValidator : AbstractValidator<HostRequest>
{
    public HostRequestValidator(IValidator<DriverContract> driver)
    {
        RuleFor(r => r.Driver).NotNull().WithErrorCode("driver.required")
            .WithMessage("Say how xlnet reaches the host, such as {\"kind\":\"simulated\"}.");
        RuleFor(r => r.Driver!).SetValidator(driver).When(r => r.Driver is not null);
        RuleFor(r => r.Description).MaximumLength(1000).WithErrorCode("description.too-long").WithMessage("A description has at most 1,000 characters.");
        RuleFor(r => r.MacPool).Must(p => ResourceName.TryParse(p, null, out _)).When(r => r.MacPool is not null)
            .WithErrorCode("mac-pool.name").WithMessage($"That is no pool's name: {ResourceName.Rule}.");
    }
}

internal sealed class CreateHostRequestValidator : AbstractValidator<CreateHostRequest>
{
    public CreateHostRequestValidator(IValidator<HostRequest> put)
    {
        RuleFor(r => r.Name).Must(n => ResourceName.TryParse(n, null, out _)).WithErrorCode("host.name").WithMessage($"Give the host a name: {ResourceName.Rule}.");
        Include(put);
    }
}

internal sealed partial class DriverContractValidator : AbstractValidator<DriverContract>
{
    public DriverContractValidator()
    {
        RuleFor(d => d.Kind).NotNull().WithErrorCode("driver.kind.required").WithMessage($"Give one of: {string.Join(", ", Kebab.Names<DriverKind>())}.");
        RuleFor(d => d.Path).Null().When(d => d.Kind is not (null or DriverKind.Directory)).WithErrorCode("driver.path.unused")
            .WithMessage("Only a host of the kind 'directory' has a folder for its files: leave 'path' out, or take that kind.");
        RuleFor(d => d.Path).Must(p => ResourceName.TryParse(p, null, out _)).When(d => d.Kind == DriverKind.Directory).WithErrorCode("driver.path")
            .WithMessage($"Give the name of a folder below the service's directory root: {ResourceName.Rule}.");

        When(d => d.Kind == DriverKind.Ssh, () =>
        {
            RuleFor(d => d.Address).Must(IsAddress).WithErrorCode("driver.address").WithMessage("Give the host's DNS name, or its IPv4 or IPv6 address.");
            RuleFor(d => d.Port).InclusiveBetween(1, ushort.MaxValue).WithErrorCode("driver.port").WithMessage("A port is a number from 1 to 65535; 22 unless given.");
            RuleFor(d => d.User).Must(u => u is null || UserName().IsMatch(u)).WithErrorCode("driver.user")
                .WithMessage("A user's name is 1 to 32 letters, digits, '.', '_' and '-', and begins with a letter or '_'; root unless given.");
            RuleFor(d => d.Key).Must(k => ResourceName.TryParse(k, null, out _)).WithErrorCode("driver.key")
                .WithMessage($"Give the name of a private key in the service's key directory, never the key itself: {ResourceName.Rule}.");
            RuleFor(d => d.HostKey).Must(k => k is null || Fingerprint().IsMatch(k)).WithErrorCode("driver.host-key")
                .WithMessage("Give the fingerprint as 'ssh-keygen -l' shows it: SHA256: and 43 characters of base64; or leave it out on a new host, to trust the key that it has.");
        }).Otherwise(() =>
        {
            RuleFor(d => d.Address).Null().WithErrorCode("driver.address.unused").WithMessage(OnlySsh);
            RuleFor(d => d.Port).Null().WithErrorCode("driver.port.unused").WithMessage(OnlySsh);
            RuleFor(d => d.User).Null().WithErrorCode("driver.user.unused").WithMessage(OnlySsh);
            RuleFor(d => d.Key).Null().WithErrorCode("driver.key.unused").WithMessage(OnlySsh);
            RuleFor(d => d.HostKey).Null().WithErrorCode("driver.host-key.unused").WithMessage(OnlySsh);
        });
    }

    private const string OnlySsh = "This is for hosts of the kind 'ssh' alone: leave it out, or take that kind.";

    /// <summary>One spelling an address: .NET also takes <c>127.1</c> for one.</summary>
    private static bool IsAddress(string? text) =>
        text is not null && (IPAddress.TryParse(text, out var ip)
            ? ip.AddressFamily == AddressFamily.InterNetworkV6 ? !text.Contains('%', StringComparison.Ordinal) && !text.Contains('[', StringComparison.Ordinal) : ip.ToString() == text
            : text.Length <= 253 && DnsName().IsMatch(text));

    [GeneratedRegex(@"^(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\z", RegexOptions.CultureInvariant)]
    private static partial Regex DnsName();

    [GeneratedRegex(@"^[A-Za-z_][A-Za-z0-9._-]{0,31}\z", RegexOptions.CultureInvariant)]
    private static partial Regex UserName();

    [GeneratedRegex(@"^SHA256:[A-Za-z0-9+/]{43}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Fingerprint();
}

internal sealed class DefaultsContractValidator : AbstractValidator<DefaultsContract>
{
    public DefaultsContractValidator()
    {
        RuleFor(d => d).Custom((defaults, context) =>
        {
            foreach (var finding in VifRules.CheckDefaults(defaults.ToDomain()))
                context.AddFailure($"/{finding.Key}", finding.Code, finding.Message);
        });
    }
}

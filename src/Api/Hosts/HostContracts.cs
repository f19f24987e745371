using System.ComponentModel.DataAnnotations;
using FluentValidation;
using Xlnet.Api.Common;
using Xlnet.Domain.Common;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Xl;

namespace Xlnet.Api.Hosts;

/// <summary>A host as it is put.</summary>
public record HostRequest
{
    /// <summary>How xlnet reaches it; it cannot be changed later.</summary>
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
/// <param name="Kind">`simulated`: no real Dom0 is behind it. `directory`: simulated, with its files in a folder.</param>
/// <param name="Path">For `directory`: the folder's name below the service's directory root.</param>
public sealed record DriverContract(DriverKind? Kind = null, string? Path = null);

/// <param name="Simulated">True when no real Dom0 is behind it.</param>
/// <param name="Revision">Counts up with every change of what the host is to be.</param>
/// <param name="AppliedRevision">The revision that was last applied as a whole; null before the first time.</param>
/// <param name="XenVersion">As it was last observed, such as `4.17`; null before the first time, and then 4.17 is taken for granted.</param>
public sealed record HostResponse(
    string Name, string? Description, DriverContract Driver, bool Simulated, MacPolicy MacPolicy, string MacPool,
    long Revision, long? AppliedRevision, string? XenVersion, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    internal static HostResponse Of(Host host, string? pool) => new(
        host.Name.Value, host.Description, new DriverContract(host.DriverKind, host.DriverPath),
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

internal sealed class DriverContractValidator : AbstractValidator<DriverContract>
{
    public DriverContractValidator()
    {
        RuleFor(d => d.Kind).NotNull().WithErrorCode("driver.kind.required").WithMessage($"Give one of: {string.Join(", ", Kebab.Names<DriverKind>())}.");
        RuleFor(d => d.Path).Null().When(d => d.Kind == DriverKind.Simulated).WithErrorCode("driver.path.unused")
            .WithMessage("A simulated host keeps its files in the database: leave 'path' out, or take the kind 'directory'.");
        RuleFor(d => d.Path).Must(p => ResourceName.TryParse(p, null, out _)).When(d => d.Kind == DriverKind.Directory).WithErrorCode("driver.path")
            .WithMessage($"Give the name of a folder below the service's directory root: {ResourceName.Rule}.");
    }
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

using System.ComponentModel.DataAnnotations;
using FluentValidation;
using Xlnet.Api.Guests;
using Xlnet.Api.Vifs;
using Xlnet.Domain.Common;

namespace Xlnet.Api.Bulk;

/// <summary>Many changes of a host's guests and vifs.</summary>
public sealed record BulkRequest
{
    /// <summary>1 to 1,000, done in their order, all or none.</summary>
    [Required]
    public IReadOnlyList<BulkChange>? Changes { get; init; }
}

/// <summary>One of many changes: of a guest, or with `devid` or `vif`, of one of its vifs.</summary>
public sealed record BulkChange
{
    /// <summary>`create`: it must not be there yet. `put`: it is made, or changed. `delete`: it is taken away.</summary>
    [Required]
    public BulkAction? Action { get; init; }

    /// <summary>The guest's name.</summary>
    [Required]
    public string? Guest { get; init; }

    /// <summary>The vif's number in its guest; `create` takes the next free one unless given.</summary>
    public int? Devid { get; init; }

    /// <summary>What the guest is to be.</summary>
    public GuestRequest? Settings { get; init; }

    /// <summary>What the vif is to be.</summary>
    public VifRequest? Vif { get; init; }

    /// <summary>The ETag of what is to be changed, as it was read.</summary>
    public string? IfMatch { get; init; }

    internal bool IsOfVif => Devid is not null || Vif is not null;
}

public enum BulkAction
{
    Create,
    Put,
    Delete,
}

/// <param name="Revision">The host's revision by now.</param>
/// <param name="Results">One for each change, in their order.</param>
public sealed record BulkResponse(string Host, long Revision, IReadOnlyList<BulkResult> Results);

/// <param name="Devid">The vif's number; null where the change was of the guest.</param>
/// <param name="Created">Whether it is new.</param>
/// <param name="Version">Its ETag after all of the changes; null where it is gone.</param>
/// <param name="Guest">The guest after the change; null where it was of a vif, or a deletion.</param>
/// <param name="Vif">The vif after the change; likewise.</param>
public sealed record BulkResult(BulkAction Action, string Name, int? Devid, bool Created, string? Version, GuestResponse? Guest, VifResponse? Vif);

internal sealed class BulkRequestValidator : AbstractValidator<BulkRequest>
{
    public BulkRequestValidator(IValidator<BulkChange> change)
    {
        RuleFor(r => r.Changes).Must(c => c is { Count: >= 1 and <= 1000 }).WithErrorCode("bulk.changes").WithMessage("Give 1 to 1,000 changes.");
        RuleForEach(r => r.Changes).NotNull().WithErrorCode("body.type").WithMessage("An object is expected here.").SetValidator(change);
    }
}

internal sealed class BulkChangeValidator : AbstractValidator<BulkChange>
{
    public BulkChangeValidator(IValidator<GuestRequest> guest, IValidator<VifRequest> vif)
    {
        RuleFor(c => c.Action).NotNull().WithErrorCode("bulk.action").WithMessage($"Say which: {string.Join(", ", Kebab.Names<BulkAction>())}.");
        RuleFor(c => c.Guest).Must(n => GuestName.TryParse(n, null, out _)).WithErrorCode("guest.name").WithMessage($"Name the guest: {GuestName.Rule}.");
        RuleFor(c => c.Devid).InclusiveBetween(0, 65535).WithErrorCode("vif.devid").WithMessage("A devid is 0 to 65535.");
        RuleFor(c => c.Settings!).SetValidator(guest).When(c => c.Settings is not null);
        RuleFor(c => c.Vif!).SetValidator(vif).When(c => c.Vif is not null);
        RuleFor(c => c.Settings).NotNull().When(c => !c.IsOfVif && c.Action is BulkAction.Create or BulkAction.Put && !c.IsOfVif)
            .WithErrorCode("bulk.settings").WithMessage("Say what the guest is to be; or with 'vif', what one of its vifs is to be.");
        RuleFor(c => c.Settings).Null().When(c => c.IsOfVif || c.Action == BulkAction.Delete)
            .WithErrorCode("bulk.settings").WithMessage("These are for a guest that is made or changed: leave them out.");
        RuleFor(c => c.Vif).NotNull().When(c => c.Devid is not null && c.Action is BulkAction.Create or BulkAction.Put && c.Devid is not null)
            .WithErrorCode("bulk.vif").WithMessage("Say what the vif is to be; {} is one with every default.");
        RuleFor(c => c.Vif).Null().When(c => c.Action == BulkAction.Delete).WithErrorCode("bulk.vif").WithMessage("What is deleted is not to be anything: leave it out, and name the vif by 'devid'.");
        RuleFor(c => c.Devid).NotNull().When(c => c is { Action: BulkAction.Put, Vif: not null }).WithErrorCode("bulk.devid").WithMessage("Say by 'devid' which vif is to be changed.");
        RuleFor(c => c).Must(c => c.Devid is null || c.Vif?.Devid is null || c.Devid == c.Vif.Devid).OverridePropertyName("devid")
            .WithErrorCode("vif.devid.differs").WithMessage("'devid' and the vif's own differ: leave one of them out.");
        RuleFor(c => c.IfMatch).Null().When(c => c.Action == BulkAction.Create).WithErrorCode("bulk.if-match").WithMessage("What is not there yet has no version: leave it out.");
    }
}

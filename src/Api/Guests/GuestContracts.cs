using FluentValidation;
using Xlnet.Api.Vifs;
using Xlnet.Domain.Common;
using Xlnet.Domain.Guests;

namespace Xlnet.Api.Guests;

/// <summary>
/// A guest as it is put: with `config`, the file as a whole; without, a new guest's file is made from the other members, and of a
/// guest that has a file only the vifs are changed.
/// </summary>
public record GuestRequest
{
    /// <summary>The guest file.</summary>
    public string? Config { get; init; }

    /// <summary>The vifs, in order, at most 1,000; left out, those in the file, or those that are there.</summary>
    public IReadOnlyList<VifRequest>? Vifs { get; init; }

    /// <summary>For a new guest: `pv`, `pvh` or `hvm`; `pv` unless given.</summary>
    public GuestType? Type { get; init; }

    /// <summary>For a new guest: the kernel's path on the host.</summary>
    public string? Kernel { get; init; }

    /// <summary>For a new guest: the initial ramdisk's path on the host.</summary>
    public string? Ramdisk { get; init; }

    /// <summary>For a new guest: the bootloader, in place of a kernel.</summary>
    public string? Bootloader { get; init; }

    /// <summary>For a new guest: what is added to the kernel's command line.</summary>
    public string? Extra { get; init; }

    /// <summary>For a new guest: in MiB, 1 to 16777216; 256 unless given.</summary>
    public int? Memory { get; init; }

    /// <summary>For a new guest: 1 to 512; 1 unless given.</summary>
    public int? Vcpus { get; init; }

    /// <summary>Whether any of the members is given that a new guest's file is made from.</summary>
    internal bool HasSettings => (Type, Kernel, Ramdisk, Bootloader, Extra, Memory, Vcpus) != default;
}

/// <summary>A new guest.</summary>
public sealed record CreateGuestRequest : GuestRequest
{
    /// <summary>The name in its file.</summary>
    public string? Name { get; init; }
}

/// <summary>A guest with its vifs.</summary>
/// <param name="Host">The host's name.</param>
/// <param name="Name">The name in its file.</param>
/// <param name="Type">As its file says.</param>
/// <param name="ConfigPath">Where its file is on the host.</param>
/// <param name="Vifs">In the order of the file.</param>
public sealed record GuestResponse(
    string Host, string Name, GuestType Type, string ConfigPath, IReadOnlyList<VifResponse> Vifs, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    internal static GuestResponse Of(ResourceName host, Guest guest) => new(
        host.Value, guest.Name.Value, guest.Type, guest.ConfigPath, [.. guest.Vifs.Select(VifResponse.Of)], guest.CreatedAt, guest.UpdatedAt);
}

internal sealed class GuestRequestValidator : AbstractValidator<GuestRequest>
{
    public GuestRequestValidator(IValidator<VifRequest> vif)
    {
        RuleForEach(g => g.Vifs).NotNull().WithErrorCode("vif.required").WithMessage("An object is expected here: {} is a vif with every default.").SetValidator(vif);
        RuleFor(g => g.Vifs!.Count).LessThanOrEqualTo(GuestVifs.MaxVifs).When(g => g.Vifs is not null).OverridePropertyName("Vifs")
            .WithErrorCode("guest.vifs.too-many").WithMessage($"A guest has at most {GuestVifs.MaxVifs} vifs.");
        RuleFor(g => g.Config).Null().When(g => g.HasSettings)
            .WithErrorCode("guest.config.both").WithMessage("'config' is the whole file: leave out either it or the members that make one.");
        RuleFor(g => g.Memory).InclusiveBetween(1, 16777216).WithErrorCode("guest.memory").WithMessage("Memory is 1 to 16777216 MiB.");
        RuleFor(g => g.Vcpus).InclusiveBetween(1, 512).WithErrorCode("guest.vcpus").WithMessage("A guest has 1 to 512 vcpus.");
        RuleFor(g => g.Kernel).Must(IsPlain).WithErrorCode("guest.text").WithMessage(PlainRule);
        RuleFor(g => g.Ramdisk).Must(IsPlain).WithErrorCode("guest.text").WithMessage(PlainRule);
        RuleFor(g => g.Bootloader).Must(IsPlain).WithErrorCode("guest.text").WithMessage(PlainRule);
        RuleFor(g => g.Extra).Must(IsPlain).WithErrorCode("guest.text").WithMessage(PlainRule);
    }

    private const string PlainRule = "Give 1 to 4,096 printable ASCII characters, without quotes and backslashes.";

    private static bool IsPlain(string? text) =>
        text is null || text.Length is >= 1 and <= 4096 && text.All(c => c is >= ' ' and <= '~' and not ('"' or '\'' or '\\'));
}

internal sealed class CreateGuestRequestValidator : AbstractValidator<CreateGuestRequest>
{
    public CreateGuestRequestValidator(IValidator<GuestRequest> put)
    {
        RuleFor(g => g.Name).Must(n => GuestName.TryParse(n, null, out _)).WithErrorCode("guest.name").WithMessage($"Give the guest a name: {GuestName.Rule}.");
        Include(put);
    }
}

using FluentValidation;
using Xlnet.Api.Vifs;
using Xlnet.Domain.Common;
using Xlnet.Domain.Guests;

namespace Xlnet.Api.Guests;

/// <summary>
/// A guest as it is put: with `config`, the file as a whole; without, a new guest's file is made from the other members, and of a
/// guest that has a file only the vifs are changed.
/// </summary>
/// <param name="Config">The guest file.</param>
/// <param name="Vifs">The vifs, in order; left out, those in the file, or those that are there.</param>
/// <param name="Type">For a new guest: `pv`, `pvh` or `hvm`; `pv` unless given.</param>
/// <param name="Kernel">For a new guest: the kernel's path on the host.</param>
/// <param name="Ramdisk">For a new guest: the initial ramdisk's path on the host.</param>
/// <param name="Bootloader">For a new guest: the bootloader, in place of a kernel.</param>
/// <param name="Extra">For a new guest: what is added to the kernel's command line.</param>
/// <param name="Memory">For a new guest: in MiB, 1 to 16777216; 256 unless given.</param>
/// <param name="Vcpus">For a new guest: 1 to 512; 1 unless given.</param>
public sealed record GuestRequest(
    string? Config = null, IReadOnlyList<VifRequest>? Vifs = null, GuestType? Type = null, string? Kernel = null, string? Ramdisk = null,
    string? Bootloader = null, string? Extra = null, int? Memory = null, int? Vcpus = null);

/// <summary>A new guest.</summary>
/// <param name="Name">The name in its file.</param>
/// <inheritdoc cref="GuestRequest"/>
public sealed record CreateGuestRequest(
    string? Name = null, string? Config = null, IReadOnlyList<VifRequest>? Vifs = null, GuestType? Type = null, string? Kernel = null,
    string? Ramdisk = null, string? Bootloader = null, string? Extra = null, int? Memory = null, int? Vcpus = null)
{
    internal GuestRequest ToPut() => new(Config, Vifs, Type, Kernel, Ramdisk, Bootloader, Extra, Memory, Vcpus);
}

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
        RuleForEach(g => g.Vifs).NotNull().SetValidator(vif);
        RuleFor(g => g.Vifs!.Count).LessThanOrEqualTo(1000).When(g => g.Vifs is not null).OverridePropertyName("Vifs").WithErrorCode("guest.vifs.too-many");
        RuleFor(g => g.Config).Null().When(g => (g.Type, g.Kernel, g.Ramdisk, g.Bootloader, g.Extra, g.Memory, g.Vcpus) != (null, null, null, null, null, null, null))
            .WithErrorCode("guest.config.both").WithMessage("'config' is the whole file: leave out either it or the members that make one.");
        RuleFor(g => g.Memory).InclusiveBetween(1, 16777216).WithErrorCode("guest.memory").WithMessage("Memory is 1 to 16777216 MiB.");
        RuleFor(g => g.Vcpus).InclusiveBetween(1, 512).WithErrorCode("guest.vcpus").WithMessage("A guest has 1 to 512 vcpus.");
        RuleFor(g => g.Kernel).Must(IsPlain).WithErrorCode("guest.text").WithMessage(PlainRule);
        RuleFor(g => g.Ramdisk).Must(IsPlain).WithErrorCode("guest.text").WithMessage(PlainRule);
        RuleFor(g => g.Bootloader).Must(IsPlain).WithErrorCode("guest.text").WithMessage(PlainRule);
        RuleFor(g => g.Extra).Must(IsPlain).WithErrorCode("guest.text").WithMessage(PlainRule);
    }

    private const string PlainRule = "1 to 4,096 printable ASCII characters, without quotes and backslashes.";

    private static bool IsPlain(string? text) =>
        text is null || text.Length is >= 1 and <= 4096 && text.All(c => c is >= ' ' and <= '~' and not ('"' or '\'' or '\\'));
}

internal sealed class CreateGuestRequestValidator : AbstractValidator<CreateGuestRequest>
{
    public CreateGuestRequestValidator(IValidator<GuestRequest> put)
    {
        RuleFor(g => g.Name).Must(n => GuestName.TryParse(n, null, out _)).WithErrorCode("guest.name").WithMessage($"Give the guest a name: {GuestName.Rule}.");
        RuleFor(g => g).Custom((request, context) =>
        {
            foreach (var failure in put.Validate(request.ToPut()).Errors)
                context.AddFailure(failure);
        });
    }
}

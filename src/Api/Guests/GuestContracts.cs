using System.ComponentModel.DataAnnotations;
using FluentValidation;
using Xlnet.Api.Vifs;
using Xlnet.Domain.Common;
using Xlnet.Domain.Guests;

namespace Xlnet.Api.Guests;

/// <summary>What of a guest stands in its file. What is left out stays as the file has it; in a new file it gets its default.</summary>
public record GuestSettingsRequest
{
    /// <summary>The vifs, in order, at most 1,000; left out, those in the file, or those that are there.</summary>
    public IReadOnlyList<VifRequest>? Vifs { get; init; }

    /// <summary>`pv`, `pvh` or `hvm`; in a new file `pv` unless given.</summary>
    public GuestType? Type { get; init; }

    /// <summary>The kernel's path on the host.</summary>
    public string? Kernel { get; init; }

    /// <summary>The initial ramdisk's path on the host.</summary>
    public string? Ramdisk { get; init; }

    /// <summary>The bootloader, in place of a kernel.</summary>
    public string? Bootloader { get; init; }

    /// <summary>What is added to the kernel's command line.</summary>
    public string? Extra { get; init; }

    /// <summary>In MiB, 1 to 16777216; in a new file 256 unless given.</summary>
    public int? Memory { get; init; }

    /// <summary>1 to 512; in a new file 1 unless given.</summary>
    public int? Vcpus { get; init; }

    /// <summary>Whether any member is given but the vifs.</summary>
    internal bool HasSettings => (Type, Kernel, Ramdisk, Bootloader, Extra, Memory, Vcpus) != default;
}

/// <summary>A guest as it is put: with `config`, the file as a whole; without, the file that is there with these members set, or a new one.</summary>
public record GuestRequest : GuestSettingsRequest
{
    /// <summary>The guest file.</summary>
    public string? Config { get; init; }
}

/// <summary>A new guest.</summary>
public sealed record CreateGuestRequest : GuestRequest
{
    /// <summary>The name in its file.</summary>
    [Required]
    public string? Name { get; init; }
}

/// <summary>A guest to be made after another.</summary>
public sealed record CloneGuestRequest
{
    /// <summary>The new guest's name.</summary>
    [Required]
    public string? Name { get; init; }

    /// <summary>`new`: its vifs get addresses of their own; `keep`: those of the other guest, which must be free. `new` unless given.</summary>
    public CloneMac? Mac { get; init; }

    /// <summary>The host that it is for; the same one unless given.</summary>
    public string? Host { get; init; }
}

/// <summary>What becomes of the addresses of a guest that is cloned.</summary>
public enum CloneMac
{
    New,
    Keep,
}

/// <summary>A guest with its vifs.</summary>
/// <param name="Host">The host's name.</param>
/// <param name="Name">The name in its file.</param>
/// <param name="Type">As its file says.</param>
/// <param name="ConfigPath">Where its file is on the host.</param>
/// <param name="Memory">In MiB, as its file says; null where it says nothing that xl reads as a number. So are the members below.</param>
/// <param name="Vifs">In the order of the file.</param>
public sealed record GuestResponse(
    string Host, string Name, GuestType Type, string ConfigPath, long? Memory, long? Vcpus, string? Kernel, string? Ramdisk, string? Bootloader, string? Extra,
    IReadOnlyList<VifResponse> Vifs, DateTimeOffset CreatedAt, DateTimeOffset UpdatedAt)
{
    internal static GuestResponse Of(ResourceName host, Guest guest)
    {
        var file = guest.Parse();
        return new GuestResponse(
            host.Value, guest.Name.Value, guest.Type, guest.ConfigPath, file.FindNumber("memory"), file.FindNumber("vcpus"), file.Find("kernel"), file.Find("ramdisk"),
            file.Find("bootloader"), file.Find("extra"), [.. guest.Vifs.Select(VifResponse.Of)], guest.CreatedAt, guest.UpdatedAt);
    }
}

internal sealed class GuestRequestValidator : AbstractValidator<GuestRequest>
{
    public GuestRequestValidator(IValidator<GuestSettingsRequest> settings)
    {
        Include(settings);
        RuleFor(g => g.Config).Null().When(g => g.HasSettings)
            .WithErrorCode("guest.config.both").WithMessage("'config' is the whole file: leave out either it or the members that stand in one.");
    }
}

internal sealed class GuestSettingsRequestValidator : AbstractValidator<GuestSettingsRequest>
{
    public GuestSettingsRequestValidator(IValidator<VifRequest> vif)
    {
        RuleForEach(g => g.Vifs).NotNull().WithErrorCode("vif.required").WithMessage("An object is expected here: {} is a vif with every default.").SetValidator(vif);
        RuleFor(g => g.Vifs!.Count).LessThanOrEqualTo(GuestVifs.MaxVifs).When(g => g.Vifs is not null).OverridePropertyName("Vifs")
            .WithErrorCode("guest.vifs.too-many").WithMessage($"A guest has at most {GuestVifs.MaxVifs} vifs.");
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

internal sealed class CloneGuestRequestValidator : AbstractValidator<CloneGuestRequest>
{
    public CloneGuestRequestValidator()
    {
        RuleFor(g => g.Name).Must(n => GuestName.TryParse(n, null, out _)).WithErrorCode("guest.name").WithMessage($"Give the new guest a name: {GuestName.Rule}.");
        RuleFor(g => g.Host).Must(h => ResourceName.TryParse(h, null, out _)).When(g => g.Host is not null)
            .WithErrorCode("host.name").WithMessage($"That is no host's name: {ResourceName.Rule}.");
    }
}

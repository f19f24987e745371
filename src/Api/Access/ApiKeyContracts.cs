using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using FluentValidation;
using Xlnet.Domain.Access;
using Xlnet.Domain.Common;

namespace Xlnet.Api.Access;

/// <summary>A new key.</summary>
public sealed record CreateApiKeyRequest
{
    /// <summary>1 to 63 lower-case letters, digits, '.', '_' and '-'. The audit log calls whoever uses the key by it.</summary>
    [Required]
    public string? Name { get; init; }

    /// <summary>What it is good for. It cannot be changed later.</summary>
    [Required]
    public AccessRole? Role { get; init; }

    /// <summary>The names of the hosts that it is for, which need not exist yet: 1 to 1,000; null for all. They cannot be changed later.</summary>
    public IReadOnlyList<string>? Hosts { get; init; }

    /// <summary>From when on it is good for nothing; null for never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }
}

/// <summary>A new secret for a key.</summary>
/// <param name="OverlapSeconds">How long the secret before stays good: 0 to 2592000 (30 days); 0 unless given.</param>
public sealed record RotateApiKeyRequest(int? OverlapSeconds = null);

/// <summary>A key, without its secret.</summary>
/// <param name="Prefix">What the key begins with, after `xlnet_`: whoever finds one somewhere knows by it which it is.</param>
/// <param name="Hosts">The hosts that it is for; null for all.</param>
/// <param name="RotatedAt">When its secret was made.</param>
/// <param name="PreviousUntil">Until when the secret before is good as well; null when it is not.</param>
/// <param name="LastUsedAt">To the minute; null for never.</param>
/// <param name="Secret">The whole key, in the answer that made it and never again.</param>
public sealed record ApiKeyResponse(
    string Name, string Prefix, AccessRole Role, IReadOnlyList<string>? Hosts, DateTimeOffset CreatedAt, DateTimeOffset RotatedAt, DateTimeOffset? ExpiresAt,
    DateTimeOffset? PreviousUntil, DateTimeOffset? LastUsedAt, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Secret)
{
    internal static ApiKeyResponse Of(ApiKey key, DateTimeOffset? lastUsedAt, DateTimeOffset now, string? secret = null) => new(
        key.Name.Value, key.Prefix, key.Role, key.Hosts, key.CreatedAt, key.RotatedAt, key.ExpiresAt, key.PreviousUntil > now ? key.PreviousUntil : null, lastUsedAt, secret);
}

internal sealed class CreateApiKeyRequestValidator : AbstractValidator<CreateApiKeyRequest>
{
    private const int MostHosts = 1000;

    public CreateApiKeyRequestValidator(TimeProvider clock)
    {
        RuleFor(k => k.Name).Must(n => ResourceName.TryParse(n, null, out _)).WithErrorCode("api-key.name").WithMessage($"Give the key a name: {ResourceName.Rule}.");
        RuleFor(k => k.Role).NotNull().WithErrorCode("api-key.role").WithMessage($"Say what the key is good for: one of {string.Join(", ", Kebab.Names<AccessRole>())}.");
        RuleFor(k => k.Hosts).Must(h => h!.Count is >= 1 and <= MostHosts).When(k => k.Hosts is not null).WithErrorCode("api-key.hosts")
            .WithMessage($"Name 1 to {MostHosts} hosts, or leave 'hosts' out for all.");
        RuleForEach(k => k.Hosts).Must(h => ResourceName.TryParse(h, null, out _)).WithErrorCode("host.name").WithMessage($"That is no host's name: {ResourceName.Rule}.");
        RuleFor(k => k.ExpiresAt).Must(t => t > clock.GetUtcNow()).When(k => k.ExpiresAt is not null).WithErrorCode("api-key.expires-at")
            .WithMessage("That time is over already: give one to come, or leave 'expiresAt' out for a key that does not expire.");
    }
}

internal sealed class RotateApiKeyRequestValidator : AbstractValidator<RotateApiKeyRequest>
{
    public RotateApiKeyRequestValidator() =>
        RuleFor(k => k.OverlapSeconds).InclusiveBetween(0, 2_592_000).WithErrorCode("api-key.overlap").WithMessage("The secret before stays good for 0 to 2592000 seconds (30 days).");
}

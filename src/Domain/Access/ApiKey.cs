using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using Xlnet.Domain.Common;

namespace Xlnet.Domain.Access;

/// <summary>
/// A key of the API: <c>xlnet_PREFIX_SECRET</c>, of which only the prefix, which finds it, and a hash of the secret are kept. The hash is a
/// plain SHA-256: a slow one makes passwords dear to guess, and there is nothing to guess in 256 random bits, while every request pays.
/// </summary>
public sealed class ApiKey
{
    /// <summary>What every key begins with, for people and for scanners of leaked secrets.</summary>
    public const string Start = "xlnet_";

    private const int PrefixLength = 12;

    // 43 characters of 62 are 256 bits; letters and digits alone are selected by one double click.
    private const int SecretLength = 43;

    private const string Characters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    private static readonly SearchValues<char> Letters = SearchValues.Create(Characters);

    public long Id { get; private set; }

    public required ResourceName Name { get; init; }

    /// <summary>Random and public: it stands in every copy of the key, and stays when the secret is changed.</summary>
    public string Prefix { get; private set; } = RandomNumberGenerator.GetString(Characters, PrefixLength);

    public byte[] SecretHash { get; private set; } = [];

    /// <summary>Of the secret before; null where that is good for nothing any more.</summary>
    public byte[]? PreviousHash { get; private set; }

    /// <summary>Until when the secret before is good as well.</summary>
    public DateTimeOffset? PreviousUntil { get; private set; }

    public AccessRole Role { get; init; }

    /// <summary>The hosts that it is for, sorted; null for all.</summary>
    public string[]? Hosts { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>When the present secret was made.</summary>
    public DateTimeOffset RotatedAt { get; private set; }

    /// <summary>From when on it is good for nothing; null for never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    public uint Version { get; private set; }

    /// <summary><see cref="Hosts"/>, made once for as long as the key is kept in memory.</summary>
    public HostScope Scope => field ??= HostScope.Of(Hosts);

    public bool IsExpired(DateTimeOffset now) => ExpiresAt <= now;

    /// <summary>Gives it a new secret.</summary>
    /// <param name="overlap">How long the one before stays good; an even older one is good no more.</param>
    /// <returns>The whole key, which nobody can read again.</returns>
    public string Rotate(TimeSpan overlap, DateTimeOffset now)
    {
        var stays = overlap > TimeSpan.Zero && SecretHash.Length > 0;
        PreviousHash = stays ? SecretHash : null;
        PreviousUntil = stays ? now + overlap : null;
        var secret = RandomNumberGenerator.GetString(Characters, SecretLength);
        SecretHash = Hash(secret);
        RotatedAt = now;
        return $"{Start}{Prefix}_{secret}";
    }

    /// <summary>Whether a secret of this hash opens it. Takes as long whatever the hash is.</summary>
    public bool Accepts(ReadOnlySpan<byte> hash, DateTimeOffset now)
    {
        var current = CryptographicOperations.FixedTimeEquals(hash, SecretHash);
        var previous = CryptographicOperations.FixedTimeEquals(hash, PreviousHash ?? []) & now < PreviousUntil;
        return (current | previous) && !IsExpired(now);
    }

    public static byte[] Hash(string secret) => SHA256.HashData(Encoding.UTF8.GetBytes(secret));

    public static bool TryParse(string text, [NotNullWhen(true)] out string? prefix, [NotNullWhen(true)] out string? secret)
    {
        var ok = text.Length == Start.Length + PrefixLength + 1 + SecretLength && text.StartsWith(Start, StringComparison.Ordinal)
            && text[Start.Length + PrefixLength] == '_' && text.AsSpan(Start.Length, PrefixLength).IndexOfAnyExcept(Letters) < 0;
        prefix = ok ? text.Substring(Start.Length, PrefixLength) : null;
        secret = ok ? text[^SecretLength..] : null;
        return ok;
    }
}

/// <summary>When a key was last used: a row of its own, so that a use is no change of the key.</summary>
public sealed class ApiKeyUse
{
    public long KeyId { get; init; }

    public DateTimeOffset LastUsedAt { get; init; }
}

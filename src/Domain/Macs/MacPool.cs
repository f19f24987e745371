using System.Numerics;
using Xlnet.Domain.Common;

namespace Xlnet.Domain.Macs;

/// <summary>A range of unicast addresses to allocate from.</summary>
public sealed class MacPool
{
    /// <summary>The name of the pool that every database has.</summary>
    public const string DefaultName = "default";

    /// <summary>The most addresses a pool may hold: 2^32.</summary>
    public const long MaxSize = 1L << 32;

    public static readonly TimeSpan DefaultQuarantine = TimeSpan.FromHours(24);

    /// <summary>
    /// Upper half of Xen's range. libxl's own generator masks the fourth byte with 0x7f (libxl_nic.c), so a guest that xlnet does
    /// not manage can never draw an address of this pool.
    /// </summary>
    public static readonly MacAddress DefaultFirst = MacAddress.Parse("00:16:3e:80:00:00");

    public static readonly MacAddress DefaultLast = MacAddress.Parse("00:16:3e:ff:ff:ff");

    public int Id { get; private set; }

    public required ResourceName Name { get; init; }

    public string? Description { get; set; }

    public required MacAddress First { get; init; }

    public required MacAddress Last { get; init; }

    /// <summary>Coprime to <see cref="Size"/>: the n-th allocation is address (n × this) mod size.</summary>
    public long Multiplier { get; private set; }

    /// <summary>How long a released address waits before it is given again.</summary>
    public TimeSpan Quarantine { get; set; } = DefaultQuarantine;

    public DateTimeOffset CreatedAt { get; init; }

    public uint Version { get; private set; }

    public long Size => (long)(Last.Value - First.Value) + 1;

    /// <summary>The sequence that numbers this pool's allocations.</summary>
    public string SequenceName => $"mac_pool_{Id}_seq";

    public bool Contains(MacAddress mac) => mac >= First && mac <= Last;

    /// <summary>A pool over a range of unicast addresses.</summary>
    /// <exception cref="RuleException">The range is no range of unicast addresses, or too large.</exception>
    public static MacPool Create(ResourceName name, MacAddress first, MacAddress last, DateTimeOffset now)
    {
        if (last < first)
            throw RuleException.Invalid("/last", "mac-pool.range", $"The range ends ({last}) before it starts ({first}): swap the two.");
        if (first.IsMulticast || last.IsMulticast || first.Value >> 40 != last.Value >> 40)
            throw RuleException.Invalid("/first", "mac-pool.multicast",
                $"The range {first} to {last} holds group addresses, which no interface may have: keep to one first byte with its lowest bit clear.");
        if (first.Value == 0)
            throw RuleException.Invalid("/first", "mac-pool.zero", "00:00:00:00:00:00 cannot be given: xl reads it as 'no address'. Start at 00:00:00:00:00:01.");
        var pool = new MacPool { Name = name, First = first, Last = last, CreatedAt = now };
        if (pool.Size > MaxSize)
            throw RuleException.Invalid("/last", "mac-pool.too-large", $"The range holds {pool.Size} addresses: a pool holds at most {MaxSize}.");
        pool.Multiplier = Scatter(pool.Size);
        return pool;
    }

    // Golden-section steps put each next address as far from the earlier ones as can be; coprime, they visit every address once.
    // Below 2^31, so that with sizes up to 2^32 the product stays within 63 bits.
    private static long Scatter(long size)
    {
        var candidate = Math.Max(1, (long)Math.Min(size * 0.6180339887, (1L << 31) - 1));
        while (BigInteger.GreatestCommonDivisor(candidate, size) != 1)
            candidate--;
        return candidate;
    }
}

/// <summary>An address that is not free: held by a vif, reserved, or in quarantine.</summary>
public sealed class MacAllocation
{
    public required MacAddress Mac { get; init; }

    /// <summary>The pool whose range it lies in, if any.</summary>
    public int? PoolId { get; init; }

    public AllocationState State { get; set; }

    /// <summary>The vif that holds it, as <c>host/guest/devid</c>, or the name that it is reserved for.</summary>
    public required string Holder { get; set; }

    public DateTimeOffset Since { get; set; }

    /// <summary>The end of its quarantine.</summary>
    public DateTimeOffset? AvailableAt { get; set; }
}

/// <summary>The ledger: who held an address, from when until when.</summary>
public sealed class MacHolding
{
    public long Id { get; private set; }

    public required MacAddress Mac { get; init; }

    public required string Holder { get; init; }

    public AllocationState State { get; init; }

    public DateTimeOffset From { get; init; }

    public DateTimeOffset? Until { get; set; }
}

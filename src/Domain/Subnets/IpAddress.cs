using System.Net;

namespace Xlnet.Domain.Subnets;

/// <summary>An IPv4 or IPv6 address with an order, as a key needs one: IPv4 first, each by its bytes.</summary>
public readonly record struct IpAddress(IPAddress Value) : IComparable<IpAddress>
{
    public int CompareTo(IpAddress other)
    {
        var (mine, others) = (Value.GetAddressBytes(), other.Value.GetAddressBytes());
        return mine.Length != others.Length ? mine.Length.CompareTo(others.Length) : mine.AsSpan().SequenceCompareTo(others);
    }

    public override string ToString() => Value.ToString();

    public static bool operator <(IpAddress left, IpAddress right) => left.CompareTo(right) < 0;
    public static bool operator >(IpAddress left, IpAddress right) => left.CompareTo(right) > 0;
    public static bool operator <=(IpAddress left, IpAddress right) => left.CompareTo(right) <= 0;
    public static bool operator >=(IpAddress left, IpAddress right) => left.CompareTo(right) >= 0;
}

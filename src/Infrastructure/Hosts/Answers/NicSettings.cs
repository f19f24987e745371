using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Vifs;

namespace Xlnet.Infrastructure.Hosts.Answers;

/// <summary>A vif of <c>xl list -l</c> as settings: libxl's names of the members to xl's of the keys.</summary>
internal static class NicSettings
{
    public static int? Devid(IReadOnlyDictionary<string, JsonElement> nic) => Integer(nic, "devid") is { } devid and >= 0 and <= int.MaxValue ? (int)devid : null;

    public static VifSettings Read(IReadOnlyDictionary<string, JsonElement> nic)
    {
        var other = ImmutableSortedDictionary.CreateBuilder<string, string>(StringComparer.Ordinal);
        foreach (var (name, value) in nic)
        {
            if ((name.StartsWith("colo", StringComparison.Ordinal) || name == "forwarddev") && value.ValueKind == JsonValueKind.String)
                other[name] = value.GetString()!;
        }

        return new VifSettings
        {
            Mac = MacAddress.TryParse(Text(nic, "mac"), CultureInfo.InvariantCulture, out var mac) ? mac : null,
            Bridge = Text(nic, "bridge"),
            Type = Text(nic, "nictype") switch { "vif" => VifType.Vif, "vif_ioemu" => VifType.Ioemu, _ => null },
            Model = Text(nic, "model"),
            VifName = Text(nic, "ifname"),
            Script = Text(nic, "script"),
            Ip = Text(nic, "ip"),
            Backend = Text(nic, "backend_domname"),
            GatewayDev = Text(nic, "gatewaydev"),
            Rate = ReadRate(Integer(nic, "rate_bytes_per_interval"), Integer(nic, "rate_interval_usecs")),
            Mtu = Integer(nic, "mtu") is { } mtu and <= int.MaxValue ? (int)mtu : null,
            Vlan = Text(nic, "vlan"),
            Trusted = Text(nic, "trusted") switch { "True" => true, "False" => false, _ => null },
            Other = other.ToImmutable(),
        };
    }

    /// <summary>
    /// libxl keeps the credit of one interval, rounded down to a byte, and not the rate that it was made of: of the rates that
    /// give that credit this is the roundest, which as a rule is the one that was written. Compare rates by their credit.
    /// </summary>
    private static Rate? ReadRate(long? bytes, long? microseconds)
    {
        if (bytes is not > 0 || microseconds is not > 0)
            return null;
        foreach (var unit in (ReadOnlySpan<long>)[1_000_000_000, 1_000_000, 1_000, 8])
        {
            var least = CeilingDivide((Int128)bytes.Value * 8_000_000, microseconds.Value);
            var bits = CeilingDivide(least, unit) * unit;
            if (bits <= long.MaxValue && Rate.Check((long)bits, microseconds.Value) is null
                && new Rate((long)bits, microseconds.Value) is var rate && rate.BytesPerInterval == bytes)
                return rate;
        }

        return null;
    }

    private static Int128 CeilingDivide(Int128 number, long by) => (number + by - 1) / by;

    private static string? Text(IReadOnlyDictionary<string, JsonElement> nic, string name) =>
        nic.TryGetValue(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static long? Integer(IReadOnlyDictionary<string, JsonElement> nic, string name) =>
        nic.TryGetValue(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : null;
}

using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Common;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Vifs;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Infrastructure.Operations;

/// <summary>
/// A checkpoint as the database keeps it. A vif's settings are kept one by one and not as a vif string: what a running vif was given
/// by <c>xl network-attach</c> may hold a comma, which a vif string cannot.
/// </summary>
internal sealed record CheckpointDocument(
    IReadOnlyDictionary<string, byte[]?> Files,
    IReadOnlyList<CheckpointBridgeDocument> Bridges,
    IReadOnlyList<CheckpointDomainDocument> Domains,
    IReadOnlyList<string> WrittenFiles,
    IReadOnlyList<string> MadeBridges,
    IReadOnlyList<CheckpointInterface>? Interfaces = null,
    IReadOnlyList<HostRoute>? Routes = null,
    IReadOnlyDictionary<string, string>? OddPaths = null,
    Guid Operation = default,
    string? Networking = null)
{
    public static string Of(Checkpoint checkpoint) => JsonSerializer.Serialize(
        new CheckpointDocument(
            checkpoint.Files,
            [.. checkpoint.Bridges.Select(b => new CheckpointBridgeDocument(b.Name, Kebab.Name(b.Kind), b.Mtu, b.Ports, b.VlanFiltering))],
            [.. checkpoint.Domains.Select(d => new CheckpointDomainDocument(d.Domid, d.Name,
                [.. d.Vifs.Select(v => CheckpointVifDocument.Of(v))]))],
            [.. checkpoint.WrittenFiles],
            [.. checkpoint.MadeBridges],
            checkpoint.Interfaces,
            checkpoint.Routes,
            checkpoint.OddPaths,
            checkpoint.Operation,
            checkpoint.Networking is { } networking ? NetworkJson.Write(networking) : null),
        CheckpointJson.Default.CheckpointDocument);

    public static Checkpoint Read(string json)
    {
        var document = JsonSerializer.Deserialize(json, CheckpointJson.Default.CheckpointDocument)!;
        return new Checkpoint
        {
            Files = document.Files,
            Bridges = [.. document.Bridges.Select(b => new DesiredBridge(b.Name, Kebab.Parse<BridgeKind>(b.Kind), b.Mtu, b.Ports, b.VlanFiltering))],
            Domains = [.. document.Domains.Select(d => new CheckpointDomain(d.Domid, d.Name,
                [.. d.Vifs.Select(v => v.ToVif())]))],
            WrittenFiles = document.WrittenFiles.ToHashSet(),
            MadeBridges = document.MadeBridges.ToHashSet(),
            Interfaces = document.Interfaces ?? [],
            Routes = document.Routes,
            Operation = document.Operation,
            Networking = document.Networking is { } networking ? NetworkJson.Read<CheckpointNetworking>(networking) : null,
            OddPaths = document.OddPaths ?? new Dictionary<string, string>(),
        };
    }
}

/// <param name="Ports">Its uplinks; null in what a version wrote that did not know of them.</param>
/// <param name="VlanFiltering">Null too in what a version wrote that did not know of it.</param>
internal sealed record CheckpointBridgeDocument(string Name, string Kind, int? Mtu, IReadOnlyList<string>? Ports = null, bool? VlanFiltering = null);

internal sealed record CheckpointDomainDocument(int Domid, string Name, IReadOnlyList<CheckpointVifDocument> Vifs);

/// <param name="Port">The bridge that it was a port of.</param>
internal sealed record CheckpointVifDocument(
    int Devid, string? Port, string? Mac, string? Bridge, string? Type, string? Model, string? VifName, string? Script, string? Ip,
    string? Backend, string? GatewayDev, CheckpointRateDocument? Rate, int? Mtu, string? Vlan, bool? Trusted, IReadOnlyDictionary<string, string> Other)
{
    public static CheckpointVifDocument Of(CheckpointVif vif)
    {
        var s = vif.Settings;
        return new CheckpointVifDocument(
            vif.Devid, vif.Bridge, s.Mac?.ToString(), s.Bridge, s.Type is { } type ? Kebab.Name(type) : null, s.Model, s.VifName, s.Script, s.Ip,
            s.Backend, s.GatewayDev, s.Rate is { } rate ? new CheckpointRateDocument(rate.BitsPerSecond, rate.IntervalMicroseconds) : null,
            s.Mtu, s.Vlan, s.Trusted, s.Other);
    }

    public CheckpointVif ToVif() => new(
        Devid,
        new VifSettings
        {
            Mac = Mac is null ? null : MacAddress.Parse(Mac),
            Bridge = Bridge,
            Type = Type is null ? null : Kebab.Parse<VifType>(Type),
            Model = Model,
            VifName = VifName,
            Script = Script,
            Ip = Ip,
            Backend = Backend,
            GatewayDev = GatewayDev,
            Rate = Rate is null ? null : new Rate(Rate.BitsPerSecond, Rate.IntervalMicroseconds),
            Mtu = Mtu,
            Vlan = Vlan,
            Trusted = Trusted,
            Other = Other.ToImmutableSortedDictionary(StringComparer.Ordinal),
        },
        Port);
}

internal sealed record CheckpointRateDocument(long BitsPerSecond, long IntervalMicroseconds);

// Metadata: the generated fast path would write a byte[] that is null as "", and a file that was not there would come back empty.
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(CheckpointDocument))]
internal sealed partial class CheckpointJson : JsonSerializerContext;

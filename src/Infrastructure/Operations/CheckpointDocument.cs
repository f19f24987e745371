using System.Text.Json;
using System.Text.Json.Serialization;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Common;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Xl;

namespace Xlnet.Infrastructure.Operations;

/// <summary>A checkpoint as the database keeps it. A vif's settings are kept as xl spells them.</summary>
internal sealed record CheckpointDocument(
    IReadOnlyDictionary<string, byte[]?> Files,
    IReadOnlyList<CheckpointBridgeDocument> Bridges,
    IReadOnlyList<CheckpointDomainDocument> Domains,
    IReadOnlyList<string> WrittenFiles,
    IReadOnlyList<string> MadeBridges)
{
    public static string Of(Checkpoint checkpoint) => JsonSerializer.Serialize(
        new CheckpointDocument(
            checkpoint.Files,
            [.. checkpoint.Bridges.Select(b => new CheckpointBridgeDocument(b.Name, Kebab.Name(b.Kind), b.Mtu))],
            [.. checkpoint.Domains.Select(d => new CheckpointDomainDocument(d.Domid, d.Name,
                [.. d.Vifs.Select(v => new CheckpointVifDocument(v.Devid, VifSpec.Render(v.Settings, null), v.Bridge))]))],
            [.. checkpoint.WrittenFiles],
            [.. checkpoint.MadeBridges]),
        CheckpointJson.Default.CheckpointDocument);

    public static Checkpoint Read(string json)
    {
        var document = JsonSerializer.Deserialize(json, CheckpointJson.Default.CheckpointDocument)!;
        return new Checkpoint
        {
            Files = document.Files,
            Bridges = [.. document.Bridges.Select(b => new DesiredBridge(b.Name, Kebab.Parse<BridgeKind>(b.Kind), b.Mtu))],
            Domains = [.. document.Domains.Select(d => new CheckpointDomain(d.Domid, d.Name,
                [.. d.Vifs.Select(v => new CheckpointVif(v.Devid, VifSpec.Read(v.Spec).Settings, v.Bridge))]))],
            WrittenFiles = document.WrittenFiles.ToHashSet(),
            MadeBridges = document.MadeBridges.ToHashSet(),
        };
    }
}

internal sealed record CheckpointBridgeDocument(string Name, string Kind, int? Mtu);

internal sealed record CheckpointDomainDocument(int Domid, string Name, IReadOnlyList<CheckpointVifDocument> Vifs);

internal sealed record CheckpointVifDocument(int Devid, string Spec, string? Bridge);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(CheckpointDocument))]
internal sealed partial class CheckpointJson : JsonSerializerContext;

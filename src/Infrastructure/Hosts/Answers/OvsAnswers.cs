using System.Text.Json;
using System.Text.Json.Serialization;

namespace Xlnet.Infrastructure.Hosts.Answers;

/// <summary>An Open vSwitch bridge and its ports, without its own internal one.</summary>
internal sealed record OvsBridge(string Name, IReadOnlyList<string> Ports);

/// <summary>Reads what <see cref="Command"/> prints: two tables, one a line.</summary>
internal static class OvsAnswers
{
    /// <summary>Both tables in one process and one transaction.</summary>
    public static readonly IReadOnlyList<string> Command =
    [
        "ovs-vsctl", "--timeout=10", "--format=json",
        "--", "--columns=name,ports", "list", "Bridge",
        "--", "--columns=_uuid,name,tag,trunks", "list", "Port",
    ];

    public static IReadOnlyList<OvsBridge> Read(CommandResult list)
    {
        if (list.Stdout.Split('\n', StringSplitOptions.RemoveEmptyEntries) is not [var bridgeText, var portText])
            throw CommandAnswer.NotUnderstood(list, "it should be two lines");
        var bridges = CommandAnswer.Json(list, bridgeText, OvsJson.Default.OvsTable);
        var ports = CommandAnswer.Json(list, portText, OvsJson.Default.OvsTable);
        try
        {
            var names = ports.Data.ToDictionary(row => Uuids(row[0]).Single(), row => row[1].GetString()!, StringComparer.Ordinal);
            return
            [
                .. bridges.Data
                    .Select(row => (Name: row[0].GetString()!, Ports: Uuids(row[1])))
                    .Select(b => new OvsBridge(
                        b.Name,
                        [.. b.Ports.Select(uuid => names[uuid]).Where(port => port != b.Name).Order(StringComparer.Ordinal)]))
                    .OrderBy(b => b.Name, StringComparer.Ordinal),
            ];
        }
        catch (Exception e) when (e is InvalidOperationException or KeyNotFoundException or ArgumentOutOfRangeException or ArgumentException)
        {
            throw CommandAnswer.NotUnderstood(list, "its tables are not of the shape that RFC 7047 gives them", e);
        }
    }

    /// <summary>RFC 7047, 5.1: <c>["uuid", U]</c>, or a set of them, <c>["set", [...]]</c>; a set of one is its element.</summary>
    private static IEnumerable<string> Uuids(JsonElement value) => value[0].GetString() == "set"
        ? value[1].EnumerateArray().Select(element => element[1].GetString()!)
        : [value[1].GetString()!];
}

internal sealed record OvsTable([property: JsonRequired] IReadOnlyList<IReadOnlyList<JsonElement>> Data);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(OvsTable))]
internal sealed partial class OvsJson : JsonSerializerContext;

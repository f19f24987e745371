using System.Globalization;
using System.Text.Json.Nodes;

namespace Xlnet.Sdk.Tests;

/// <summary>
/// What of one OpenAPI document a client of an earlier one would stumble over: what it sends that is not taken any more, and what it
/// counts on in answers that need not be there any more. New operations, optional members of requests, members of answers and values of
/// enums in answers break nobody: docs/api-guide.md says that clients let them pass.
/// </summary>
internal sealed class BreakingChanges
{
    private static readonly string[] Upper = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];
    private static readonly string[] Lower = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];

    private readonly JsonNode _before;
    private readonly JsonNode _after;
    private readonly List<string> _found = [];
    private readonly HashSet<(string, string, Direction)> _compared = [];

    private BreakingChanges(JsonNode before, JsonNode after) => (_before, _after) = (before, after);

    private enum Direction
    {
        Request,
        Response,
    }

    public static IReadOnlyList<string> Find(JsonNode before, JsonNode after)
    {
        var changes = new BreakingChanges(before, after);
        changes.ComparePaths();
        return changes._found;
    }

    /// <summary>Whether a version may break what an earlier one promised (Semantic Versioning 2.0.0, 4 and 8).</summary>
    public static bool Allows(string before, string after)
    {
        var (old, now) = (Version.Parse(before), Version.Parse(after));
        return now.Major > old.Major || now.Major == 0 && old.Major == 0 && now.Minor > old.Minor;
    }

    private void ComparePaths()
    {
        foreach (var (path, item) in _before["paths"]!.AsObject())
        {
            foreach (var (method, operation) in item!.AsObject())
            {
                var at = $"{method.ToUpperInvariant()} {path}";
                if (_after["paths"]![path]?[method] is { } now)
                    CompareOperations(operation!, now, at);
                else
                    _found.Add($"{at} is gone");
            }
        }
    }

    private void CompareOperations(JsonNode before, JsonNode after, string at)
    {
        if ((string?)before["operationId"] != (string?)after["operationId"])
            _found.Add($"{at} is called {after["operationId"]}, and was {before["operationId"]}: SDKs name their methods so");
        var (old, now) = (Parameters(before), Parameters(after));
        foreach (var (name, parameter) in old)
        {
            if (now.TryGetValue(name, out var same))
                CompareSchemas(parameter["schema"], same["schema"], Direction.Request, $"{at} {name}");
            else
                _found.Add($"{at} {name} is gone");
        }

        foreach (var (name, _) in now.Where(p => Required(p.Value) && !(old.TryGetValue(p.Key, out var same) && Required(same))))
            _found.Add($"{at} {name} is required now");
        CompareBodies(before["requestBody"], after["requestBody"], at);
        foreach (var (status, response) in before["responses"]!.AsObject())
        {
            if (after["responses"]![status] is { } same)
                CompareContent(response!["content"], same["content"], Direction.Response, $"{at} {status}");
            else
                _found.Add($"{at} {status} is gone");
        }

        static Dictionary<string, JsonNode> Parameters(JsonNode operation) =>
            operation["parameters"]?.AsArray().ToDictionary(p => $"{p!["in"]} {p["name"]}", p => p!) ?? [];
    }

    private void CompareBodies(JsonNode? before, JsonNode? after, string at)
    {
        if (before is null && after is null)
            return;
        if (after is null)
            _found.Add($"{at} takes no body any more");
        else if (Required(after) && !(before is not null && Required(before)))
            _found.Add($"{at} requires a body now");
        if (before is not null && after is not null)
            CompareContent(before["content"], after["content"], Direction.Request, $"{at} body");
    }

    private void CompareContent(JsonNode? before, JsonNode? after, Direction direction, string at)
    {
        foreach (var (type, media) in before?.AsObject() ?? [])
        {
            if (after?[type] is { } same)
                CompareSchemas(media!["schema"], same["schema"], direction, $"{at} {type}");
            else
                _found.Add($"{at} {type} is gone");
        }
    }

    private void CompareSchemas(JsonNode? before, JsonNode? after, Direction direction, string at)
    {
        if (before is null || after is null)
            return;
        var (old, now) = (Resolve(_before, before), Resolve(_after, after));
        var (sent, taken) = direction == Direction.Request ? (old, now) : (now, old);
        if (sent.Nullable && !taken.Nullable)
            _found.Add(direction == Direction.Request ? $"{at} must not be null any more" : $"{at} may be null now");
        // A type within itself, and one that stands in many places, is compared once.
        if (old.Name is { } oldName && now.Name is { } newName && !_compared.Add((oldName, newName, direction)))
            return;
        if (taken.Types.Count > 0 && (sent.Types.Count == 0 || !sent.Types.IsSubsetOf(taken.Types)))
            _found.Add($"{at} is {string.Join(" or ", now.Types.Order())} now, and was {string.Join(" or ", old.Types.Order())}");
        if ((string?)old.Schema["format"] is var format && (string?)now.Schema["format"] != format && !(direction == Direction.Request && format == "int32"))
            _found.Add($"{at} has the format {now.Schema["format"]} now, and had {format}");
        foreach (var word in (string[])["oneOf", "anyOf", "allOf"])
        {
            if (!JsonNode.DeepEquals(old.Schema[word], now.Schema[word]))
                _found.Add($"{at} is another {word} now");
        }

        if (direction == Direction.Request)
            CompareLimits(old.Schema, now.Schema, at);
        CompareMembers(old.Schema, now.Schema, direction, at);
        CompareSchemas(old.Schema["items"], now.Schema["items"], direction, $"{at}[]");
        if (old.Schema["additionalProperties"] is JsonObject oldMore && now.Schema["additionalProperties"] is JsonObject newMore)
            CompareSchemas(oldMore, newMore, direction, $"{at}.*");
    }

    private void CompareLimits(JsonObject before, JsonObject after, string at)
    {
        if (after["enum"] is JsonArray now)
        {
            if (before["enum"] is not JsonArray old)
                _found.Add($"{at} is one of a few now");
            else if (old.FirstOrDefault(o => !now.Any(n => JsonNode.DeepEquals(o, n))) is { } gone)
                _found.Add($"{at} takes {gone} no more");
        }

        if (after["pattern"] is { } pattern && (string?)before["pattern"] != (string)pattern!)
            _found.Add($"{at} has the pattern {pattern} now");
        foreach (var word in Upper.Where(w => Number(after[w]) is { } limit && !(Number(before[w]) <= limit)))
            _found.Add($"{at} has the {word} {after[word]} now");
        foreach (var word in Lower.Where(w => Number(after[w]) is { } limit && !(Number(before[w]) >= limit)))
            _found.Add($"{at} has the {word} {after[word]} now");

        static decimal? Number(JsonNode? node) => node is null ? null : decimal.Parse(node.ToString(), NumberStyles.Float, CultureInfo.InvariantCulture);
    }

    private void CompareMembers(JsonObject before, JsonObject after, Direction direction, string at)
    {
        foreach (var (name, member) in before["properties"]?.AsObject() ?? [])
        {
            if (after["properties"]?[name] is { } same)
                CompareSchemas(member, same, direction, $"{at}.{name}");
            else
                _found.Add($"{at}.{name} is gone");
        }

        var (old, now) = (Names(before), Names(after));
        foreach (var name in direction == Direction.Request ? now.Except(old) : old.Except(now))
            _found.Add(direction == Direction.Request ? $"{at}.{name} is required now" : $"{at}.{name} may be left out now");

        static IEnumerable<string> Names(JsonObject schema) => schema["required"]?.AsArray().Select(n => (string)n!) ?? [];
    }

    private static bool Required(JsonNode node) => (bool?)node["required"] == true;

    /// <summary>The schema behind references, and behind "this or null".</summary>
    private static Resolved Resolve(JsonNode document, JsonNode schema)
    {
        string? name = null;
        var nullable = false;
        while (true)
        {
            if ((string?)schema["$ref"] is { } reference)
            {
                name = reference;
                schema = document["components"]!["schemas"]![reference[(reference.LastIndexOf('/') + 1)..]]!;
            }
            else if (schema["oneOf"] is JsonArray { Count: 2 } either && either.FirstOrDefault(e => (string?)(e!["type"] as JsonValue) == "null") is { } none)
            {
                nullable = true;
                schema = either.Single(e => e != none)!;
            }
            else
            {
                break;
            }
        }

        HashSet<string> types = schema["type"] switch
        {
            JsonArray several => [.. several.Select(t => (string)t!)],
            JsonValue one => [(string)one!],
            _ => [],
        };
        nullable |= types.Remove("null") || types.Count == 0 && name is null;
        return new Resolved(schema.AsObject(), types, nullable, name);
    }

    private sealed record Resolved(JsonObject Schema, HashSet<string> Types, bool Nullable, string? Name);
}

using System.Text;
using System.Text.Json.Nodes;

namespace Xlnet.Infrastructure.Hosts.Simulation;

/// <summary>Prints JSON as yajl's beautifier does, which xl uses: four blanks, and an empty object on three lines.</summary>
internal static class Yajl
{
    /// <summary>With the line break at its end.</summary>
    public static string Print(JsonNode node)
    {
        var text = new StringBuilder();
        Append(text, node, 0);
        return text.Append('\n').ToString();
    }

    private static void Append(StringBuilder text, JsonNode? node, int depth)
    {
        switch (node)
        {
            case JsonObject map:
                Block(text, depth, '{', '}', map.Count, i =>
                {
                    Quote(text, map.GetAt(i).Key);
                    text.Append(": ");
                    Append(text, map.GetAt(i).Value, depth + 1);
                });
                break;
            case JsonArray array:
                Block(text, depth, '[', ']', array.Count, i => Append(text, array[i], depth + 1));
                break;
            case JsonValue value when value.TryGetValue<string>(out var s):
                Quote(text, s);
                break;
            default:
                text.Append(node?.ToJsonString() ?? "null");
                break;
        }
    }

    private static void Block(StringBuilder text, int depth, char open, char close, int count, Action<int> item)
    {
        text.Append(open).Append('\n');
        for (var i = 0; i < count; i++)
        {
            text.Append(' ', 4 * (depth + 1));
            item(i);
            text.Append(i + 1 < count ? ",\n" : "\n");
        }

        if (count == 0)
            text.Append('\n');
        text.Append(' ', 4 * depth).Append(close);
    }

    private static void Quote(StringBuilder text, string value)
    {
        text.Append('"');
        foreach (var c in value)
        {
            _ = c switch
            {
                '"' => text.Append("\\\""),
                '\\' => text.Append("\\\\"),
                '\n' => text.Append("\\n"),
                '\r' => text.Append("\\r"),
                '\t' => text.Append("\\t"),
                '\b' => text.Append("\\b"),
                '\f' => text.Append("\\f"),
                < ' ' => text.Append(System.Globalization.CultureInfo.InvariantCulture, $"\\u{(int)c:X4}"),
                _ => text.Append(c),
            };
        }

        text.Append('"');
    }
}

using System.Text;
using System.Text.Json.Nodes;
using Xlnet.Api.Common;
using Xunit;

namespace Xlnet.Api.Tests.Common;

public sealed class YamlTests
{
    [Theory]
    [InlineData("a: 1", """{"a":1}""")]
    [InlineData("a: no", """{"a":"no"}""")]
    [InlineData("a: true\nb: ~\nc:\nd: null", """{"a":true,"b":null,"c":null,"d":null}""")]
    [InlineData("a: 0o17\nb: 0x1F\nc: +007\nd: -0", """{"a":15,"b":31,"c":7,"d":0}""")]
    [InlineData("a: 1.5\nb: 1e3\nc: .5", """{"a":1.5,"b":1000,"c":0.5}""")]
    [InlineData("a: .inf\nb: 1_000\nc: 12:30", """{"a":".inf","b":"1_000","c":"12:30"}""")]
    [InlineData("a: '1'\nb: \"true\"\nc: !!str 1", null)]
    [InlineData("a: '1'\nb: \"true\"", """{"a":"1","b":"true"}""")]
    [InlineData("- a\n- [b, {c: d}]\n- |\n  two\n  lines\n", """["a",["b",{"c":"d"}],"two\nlines\n"]""")]
    [InlineData("1: a\ntrue: b", """{"1":"a","true":"b"}""")]
    [InlineData("", "null")]
    [InlineData("a: &x 1", null)]
    [InlineData("a: *x", null)]
    [InlineData("a: 1\n---\nb: 2", null)]
    [InlineData("[a]: 1", null)]
    [InlineData("{a: 1", null)]
    [InlineData("a: [1\nb: 2", null)]
    public void ToJson_OfYaml_IsWhatTheCoreSchemaSays(string yaml, string? json)
    {
        if (json is not null)
        {
            Assert.Equal(json, Encoding.UTF8.GetString(Yaml.ToJson(Encoding.UTF8.GetBytes(yaml)).Span));
            return;
        }

        var refused = Assert.Throws<BodyException>(() => Yaml.ToJson(Encoding.UTF8.GetBytes(yaml)));
        Assert.Equal((400, "body.yaml"), (refused.Status, refused.Code));
        Assert.Contains("line", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ToJson_OfWhatIsTooDeep_IsRefused() =>
        Assert.Contains("deep", Assert.Throws<BodyException>(() => Yaml.ToJson(Encoding.UTF8.GetBytes(new string('[', 100_000)))).Message, StringComparison.Ordinal);

    [Fact]
    public void OfJson_OfAnyDocument_IsReadAsTheSame()
    {
        var seed = int.TryParse(Environment.GetEnvironmentVariable("XLNET_SEED"), out var given) ? given : Environment.TickCount;
        TestContext.Current.SendDiagnosticMessage("XLNET_SEED={0}", seed);
        Console.WriteLine($"YamlTests: XLNET_SEED={seed}");
        var random = new Random(seed);
        for (var i = 0; i < 3000; i++)
        {
            var json = Node(random, 0)?.ToJsonString() ?? "null";
            var yaml = Yaml.OfJson(Encoding.UTF8.GetBytes(json));
            var back = Yaml.ToJson(yaml);
            Assert.True(JsonNode.DeepEquals(JsonNode.Parse(json), JsonNode.Parse(back.Span)), $"seed {seed}: {json}\n{Encoding.UTF8.GetString(yaml)}");
        }
    }

    private static JsonNode? Node(Random random, int depth) => random.Next(depth > 4 ? 4 : 6) switch
    {
        0 => null,
        1 => random.Next(2) == 0,
        2 => random.Next(-5, 5),
        3 => Text(random),
        4 => new JsonArray([.. Enumerable.Range(0, random.Next(4)).Select(_ => Node(random, depth + 1))]),
        _ => new JsonObject(Enumerable.Range(0, random.Next(4)).Select(_ => Text(random)).Distinct().Select(n => KeyValuePair.Create(n, Node(random, depth + 1)))),
    };

    private static string Text(Random random)
    {
        string[] pieces = ["a", "B9", " ", "  ", "\n", "\n\n", "\t", ":", ": ", "#", " #", "-", "- ", "'", "\"", "\\", "{", "[", "null", "no", "1", "0x1", "1e3", "~", "é", "\u2028", "\u0085", "\u007f", "😀", "|", ">", "%", "@", "`", "&x", "*x", "!", "---", "..."];
        return string.Concat(Enumerable.Range(0, random.Next(6)).Select(_ => pieces[random.Next(pieces.Length)]));
    }
}

using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Xunit;

namespace Xlnet.Sdk.Tests;

/// <summary>No version takes away what the last release promised, unless its number says so.</summary>
public sealed class BreakingChangesTests
{
    private const string Small = """
        {
          "paths": {
            "/things/{id}": {
              "put": {
                "operationId": "Things_Put",
                "parameters": [
                  { "name": "id", "in": "path", "required": true, "schema": { "type": "string" } },
                  { "name": "wait", "in": "query", "schema": { "type": "string", "pattern": "^[0-9]+$" } }
                ],
                "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/ThingRequest" } } } },
                "responses": {
                  "200": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Thing" } } } },
                  "404": { "description": "None" }
                }
              }
            }
          },
          "components": {
            "schemas": {
              "Kind": { "type": "string", "enum": ["a", "b"] },
              "ThingRequest": {
                "type": "object",
                "required": ["kind"],
                "properties": { "kind": { "$ref": "#/components/schemas/Kind" }, "size": { "type": ["integer", "null"], "format": "int32", "maximum": 10 }, "tags": { "type": "array", "items": { "type": "string" } } }
              },
              "Thing": {
                "type": "object",
                "required": ["kind", "size"],
                "properties": { "kind": { "$ref": "#/components/schemas/Kind" }, "size": { "type": "integer", "format": "int32" }, "inner": { "oneOf": [{ "$ref": "#/components/schemas/Thing" }, { "type": "null" }] } }
              }
            }
          }
        }
        """;

    private const string Put = "/paths/~1things~1{id}/put";
    private const string Request = "/components/schemas/ThingRequest";
    private const string Response = "/components/schemas/Thing";

    private static readonly JsonSerializerOptions Pretty = new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [Fact]
    public void Document_AgainstTheLastRelease_BreaksNothingThatItsVersionDoesNotSay()
    {
        var path = Path.Combine(Repository.Root, "openapi", "xlnet.v1.released.json");
        var document = Read(Path.Combine(Repository.Root, "openapi", "xlnet.v1.json"));
        if (Environment.GetEnvironmentVariable("XLNET_RELEASE") == "1")
            File.WriteAllText(path, Promises(document.DeepClone())!.ToJsonString(Pretty) + "\n");
        var released = Read(path);
        var (before, now) = ((string)released["info"]!["version"]!, (string)document["info"]!["version"]!);
        var found = BreakingChanges.Find(released, document);
        Assert.True(found.Count == 0 || BreakingChanges.Allows(before, now), $"""
            The API breaks what {before} promised, and {now} does not say so:
            {string.Join('\n', found)}
            Keep what was there, or raise <Version> in Directory.Build.props: the first number, before 1.0 the second.
            """);
    }

    [Theory]
    [InlineData(Put, null, "PUT /things/{id} is gone")]
    [InlineData(Put + "/operationId", "\"Things_Set\"", "SDKs name their methods so")]
    [InlineData(Put + "/parameters/1", null, "query wait is gone")]
    [InlineData(Put + "/parameters/1/required", "true", "query wait is required now")]
    [InlineData(Put + "/parameters/1/schema/pattern", "\"^[0-9]$\"", "query wait has the pattern")]
    [InlineData(Put + "/parameters/-", """{"name":"If-Match","in":"header","required":true,"schema":{"type":"string"}}""", "header If-Match is required now")]
    [InlineData(Put + "/requestBody", null, "takes no body any more")]
    [InlineData(Put + "/requestBody/required", "true", "requires a body now")]
    [InlineData(Put + "/requestBody/content", """{"text/plain":{"schema":{"type":"string"}}}""", "body application/json is gone")]
    [InlineData(Put + "/responses/404", null, "404 is gone")]
    [InlineData(Put + "/responses/200/content", "{}", "200 application/json is gone")]
    [InlineData(Request + "/properties/size", null, "application/json.size is gone")]
    [InlineData(Request + "/properties/size/type", "\"integer\"", "size must not be null any more")]
    [InlineData(Request + "/properties/size/type", "[\"string\",\"null\"]", "size is string now, and was integer")]
    [InlineData(Request + "/properties/size/maximum", "9", "size has the maximum 9 now")]
    [InlineData(Request + "/properties/size/minimum", "1", "size has the minimum 1 now")]
    [InlineData(Request + "/properties/tags/items/type", "\"integer\"", "tags[] is integer now")]
    [InlineData(Request + "/properties/tags/items/enum", "[\"x\"]", "tags[] is one of a few now")]
    [InlineData(Request + "/required/-", "\"tags\"", "tags is required now")]
    [InlineData("/components/schemas/Kind/enum/1", null, "kind takes b no more")]
    [InlineData(Response + "/properties/size", null, "200 application/json.size is gone")]
    [InlineData(Response + "/properties/size/type", "[\"integer\",\"null\"]", "size may be null now")]
    [InlineData(Response + "/properties/size/type", "\"number\"", "size is number now, and was integer")]
    [InlineData(Response + "/properties/size/format", "\"int64\"", "size has the format int64 now")]
    [InlineData(Response + "/required/1", null, "size may be left out now")]
    public void Find_WhatBreaks_IsTold(string pointer, string? json, string told)
    {
        var after = JsonNode.Parse(Small)!;
        Change(after, pointer, json);
        Assert.Contains(told, Assert.Single(BreakingChanges.Find(JsonNode.Parse(Small)!, after)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/paths/~1others", """{"get":{"operationId":"Others_List","responses":{}}}""")]
    [InlineData(Put + "/responses/409", """{"description":"It clashes"}""")]
    [InlineData(Put + "/parameters/-", """{"name":"try","in":"query","schema":{"type":"boolean"}}""")]
    [InlineData(Put + "/parameters/1/schema/pattern", null)]
    [InlineData(Request + "/properties/colour", """{"type":"string"}""")]
    [InlineData(Request + "/properties/size/maximum", "11")]
    [InlineData(Request + "/properties/size/format", "\"int64\"")]
    [InlineData(Request + "/required", null)]
    [InlineData("/components/schemas/Kind/enum/-", "\"c\"")]
    [InlineData(Response + "/properties/colour", """{"type":"string"}""")]
    [InlineData(Response + "/required/-", "\"inner\"")]
    [InlineData(Response + "/properties/inner", """{"$ref":"#/components/schemas/Thing"}""")]
    public void Find_WhatOnlyAdds_IsNotTold(string pointer, string? json)
    {
        var after = JsonNode.Parse(Small)!;
        Change(after, pointer, json);
        Assert.Empty(BreakingChanges.Find(JsonNode.Parse(Small)!, after));
    }

    [Theory]
    [InlineData("1.4.0", "2.0.0", true)]
    [InlineData("1.4.0", "1.5.0", false)]
    [InlineData("0.1.0", "0.2.0", true)]
    [InlineData("0.1.0", "0.1.1", false)]
    [InlineData("0.9.0", "1.0.0", true)]
    [InlineData("2.0.0", "1.0.0", false)]
    public void Allows_Version_ByItsNumbers(string before, string after, bool allowed) => Assert.Equal(allowed, BreakingChanges.Allows(before, after));

    private static JsonNode Read(string path) => JsonNode.Parse(File.ReadAllText(path))!;

    /// <summary>The document without its words and examples, which promise nothing.</summary>
    private static JsonNode? Promises(JsonNode? node, string within = "")
    {
        foreach (var (name, member) in (node as JsonObject)?.ToList() ?? [])
        {
            if (within != "properties" && (name == "example" || name is "description" or "summary" && member is JsonValue))
                node!.AsObject().Remove(name);
            else
                Promises(member, name);
        }

        foreach (var item in node as JsonArray ?? [])
            Promises(item);
        return node;
    }

    /// <summary>Sets what is at a pointer, or takes it away.</summary>
    private static void Change(JsonNode document, string pointer, string? json)
    {
        string[] path = [.. pointer.Split('/').Skip(1).Select(t => t.Replace("~1", "/", StringComparison.Ordinal))];
        var parent = path[..^1].Aggregate(document, (node, token) => node is JsonArray list ? list[int.Parse(token, System.Globalization.CultureInfo.InvariantCulture)]! : node[token]!);
        switch (parent, path[^1], json)
        {
            case (JsonArray list, "-", { } added):
                list.Add(JsonNode.Parse(added));
                break;
            case (JsonArray list, var at, null):
                list.RemoveAt(int.Parse(at, System.Globalization.CultureInfo.InvariantCulture));
                break;
            case (_, var name, null):
                parent.AsObject().Remove(name);
                break;
            case (_, var name, { } value):
                parent[name] = JsonNode.Parse(value);
                break;
        }
    }
}

using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Xunit;

namespace Xlnet.Api.Tests.Input;

/// <summary>The committed OpenAPI document is the one that the service serves, and says of each operation what a client needs.</summary>
public sealed class OpenApiDocumentTests(ServiceFixture service)
{
    private static readonly JsonSerializerOptions Pretty = new() { WriteIndented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [Fact]
    public async Task Document_Served_IsTheCommittedOne()
    {
        var served = (await DocumentAsync()).ToJsonString(Pretty) + "\n";
        var path = Path.Combine(Repository(), "openapi", "xlnet.v1.json");
        if (Environment.GetEnvironmentVariable("XLNET_ACCEPT") == "1")
            await File.WriteAllTextAsync(path, served, TestContext.Current.CancellationToken);
        var committed = File.Exists(path) ? await File.ReadAllTextAsync(path, TestContext.Current.CancellationToken) : "";
        if (committed == served)
            return;
        var (old, now) = (committed.Split('\n'), served.Split('\n'));
        var line = Enumerable.Range(0, Math.Min(old.Length, now.Length)).FirstOrDefault(i => old[i] != now[i]);
        Assert.Fail($"""
            openapi/xlnet.v1.json is not what the code says, from line {line + 1}:
            -{old[line]}
            +{now[line]}
            If the API is meant to change, run this test with XLNET_ACCEPT=1, and commit the file.
            """);
    }

    [Fact]
    public async Task Document_EveryOperation_IsComplete()
    {
        var document = await DocumentAsync();
        Assert.StartsWith("3.1.", (string)document["openapi"]!, StringComparison.Ordinal);
        var ids = new HashSet<string>();
        foreach (var (path, item) in document["paths"]!.AsObject())
        {
            foreach (var (method, operation) in item!.AsObject())
            {
                var name = $"{method} {path}";
                Assert.True(ids.Add((string)operation!["operationId"]!), name);
                Assert.False(string.IsNullOrEmpty((string?)operation["summary"]), name);
                Assert.Single(operation["tags"]!.AsArray());
                Assert.All(operation["parameters"]?.AsArray() ?? [], p => Assert.False(string.IsNullOrEmpty((string?)p!["description"]), $"{name} {p["name"]}"));
                Assert.All(operation["parameters"]?.AsArray() ?? [], p => Assert.True((string)p!["in"]! == "header" || char.IsAsciiLetterLower(p["name"]!.ToString()[0]), name));
                Assert.All(operation["responses"]!.AsObject(), r => Assert.False(string.IsNullOrEmpty((string?)r.Value!["description"]), name));
                Assert.All(operation["responses"]!.AsObject().Where(r => r.Key[0] is '4' or '5' && path.StartsWith("/v1/", StringComparison.Ordinal)),
                    r => Assert.NotNull(r.Value!["content"]?["application/problem+json"]));
                if (!path.StartsWith("/v1/", StringComparison.Ordinal))
                    continue;
                string[] wanted = [.. operation["requestBody"] is null ? [] : (string[])["413", "415", "422"], .. path.Contains('{') ? (string[])["404", "422"] : []];
                Assert.All(wanted, status => Assert.True(operation["responses"]!.AsObject().ContainsKey(status), $"{name} {status}"));
            }
        }
    }

    [Fact]
    public async Task Document_Enums_AreTheirNamesInJson()
    {
        var schemas = (await DocumentAsync())["components"]!["schemas"]!;
        Assert.Equal(["none", "vif-blip", "guest-recreate", "management-path"], schemas["Impact"]!["enum"]!.AsArray().Select(n => (string)n!));
        Assert.Contains(schemas["VifResponse"]!["properties"]!["rate"]!["oneOf"]!.AsArray(), s => (string?)s!["type"] == "null");
    }

    private async Task<JsonNode> DocumentAsync() => (await service.Client.GetJsonAsync("/openapi/v1.json")).Json!;

    internal static string Repository()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "api.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("These tests run within the repository.");
        return folder;
    }
}

using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Xlnet.Api.Common;
using Xunit;

namespace Xlnet.Api.Tests.Input;

/// <summary>A service that nothing but the examples has used, so that lists show just what they made.</summary>
public sealed class ExampleService : IAsyncLifetime
{
    private readonly ServiceFixture _service = new();

    public HttpClient Client => _service.Client;

    public ValueTask InitializeAsync() => _service.InitializeAsync();

    public ValueTask DisposeAsync() => _service.DisposeAsync();
}

/// <summary>
/// The examples of the OpenAPI document, sent to the real service: each gets the status that it shows, and an answer of the shape that it
/// shows. With <c>XLNET_ACCEPT=1</c>, answers that differ are written into the <c>Examples.json</c> of their feature.
/// </summary>
public sealed class ExampleTests(ExampleService service) : IClassFixture<ExampleService>
{
    public static TheoryData<string> Features => [.. Examples.All.Keys];

    [Theory]
    [MemberData(nameof(Features))]
    public async Task Example_Sent_IsAnsweredAsShown(string feature)
    {
        var wrong = new List<string>();
        var saved = new Dictionary<string, string>(StringComparer.Ordinal);
        var after = new List<Example>();
        foreach (var example in Examples.All[feature])
        {
            var (status, answer, headers) = await SendAsync(example, saved);
            var differs = example.Operation is null
                ? status < 300 ? null : $"is answered {status}: {answer}"
                : status != example.Status ? $"is answered {status}, and shows {example.Status}: {answer}" : Difference(example.Answer, answer, "");
            if (differs is not null)
                wrong.Add($"{example.Operation} {example.Request}: {differs}");
            var found = example.Save?.ToDictionary(s => s.Key, s => s.Value.StartsWith('/') ? (string)answer![s.Value[1..]]! : headers.GetValues(s.Value).Single());
            foreach (var (name, value) in found ?? [])
                saved[name] = value;
            // What still holds is kept, so that accepting a change shows that change alone.
            var keeps = differs is null && (found is null || example.Saved is not null);
            after.Add(keeps ? example : example with { Saved = found, Answer = example.Operation is null ? null : answer });
        }

        await CleanAsync();
        var path = Path.Combine(OpenApiDocumentTests.Repository(), "src", "Api", feature, "Examples.json");
        if (Environment.GetEnvironmentVariable("XLNET_ACCEPT") == "1")
            await File.WriteAllTextAsync(path, JsonSerializer.Serialize(after, Example.Json) + "\n", TestContext.Current.CancellationToken);
        // A status is never accepted unseen.
        wrong.RemoveAll(w => Environment.GetEnvironmentVariable("XLNET_ACCEPT") == "1" && !w.Contains("is answered", StringComparison.Ordinal));
        Assert.True(wrong.Count == 0,
            $"src/Api/{feature}/Examples.json is not what the service does. If it is meant to change, run this test with XLNET_ACCEPT=1, build, and accept the OpenAPI document anew.\n{string.Join('\n', wrong)}");
    }

    [Fact]
    public async Task Document_EveryOperation_HasAnExampleAndAProblem()
    {
        var document = (await service.Client.GetJsonAsync("/openapi/v1.json")).Json!;
        var known = new HashSet<string>();
        foreach (var (path, item) in document["paths"]!.AsObject())
        {
            foreach (var (method, operation) in item!.AsObject())
            {
                var name = $"{method} {path}";
                known.Add((string)operation!["operationId"]!);
                Assert.False(string.IsNullOrEmpty((string?)operation["description"]), name);
                Assert.All(operation["requestBody"]?["content"]?.AsObject() ?? [], c => Assert.NotNull(c.Value!["example"]));
                var shown = operation["responses"]!.AsObject().Where(r => r.Value!["content"]?.AsObject().Any(c => c.Value!["example"] is not null) == true).Select(r => r.Key[0]).ToList();
                Assert.True(shown.Contains('2') || operation["responses"]!.AsObject().ContainsKey("204"), $"{name} shows no answer");
                Assert.True(shown.Contains('4') || !path.StartsWith("/v1/", StringComparison.Ordinal), $"{name} shows no problem");
            }
        }

        Assert.All(Examples.All.Values.SelectMany(f => f), e => Assert.True(e.Operation is null || known.Contains(e.Operation), e.Operation));
    }

    [Theory]
    [InlineData("""{"a":1}""", """{"a":2}""", null)]
    [InlineData("""{"a":1}""", """{"a":"1"}""", "/a")]
    [InlineData("""{"a":1}""", """{"a":null}""", "/a")]
    [InlineData("""{"a":1}""", """{"b":1}""", "/a")]
    [InlineData("""{"a":1}""", """{"a":1,"b":1}""", "/b")]
    [InlineData("""{"a":[{"b":1}]}""", """{"a":[]}""", "/a")]
    [InlineData("""{"a":[{"b":1}]}""", """{"a":[{"b":true}]}""", "/a/0/b")]
    public void Difference_OfShape_IsFound(string example, string answer, string? at) =>
        Assert.StartsWith(at ?? "same", Difference(JsonNode.Parse(example), JsonNode.Parse(answer), "") ?? "same", StringComparison.Ordinal);

    private async Task<(int Status, JsonNode? Answer, HttpResponseHeaders Headers)> SendAsync(Example example, Dictionary<string, string> saved)
    {
        using var request = new HttpRequestMessage(HttpMethod.Parse(example.Method), Example.Fill(example.Target, saved));
        foreach (var (name, value) in example.Headers ?? [])
            request.Headers.TryAddWithoutValidation(name, Example.Fill(value, saved));
        if (example.ContentType is { } type)
        {
            request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(type == "text/plain" ? (string)example.Body! : example.Body!.ToJsonString()));
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        }

        using var response = await service.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
        var media = response.Content.Headers.ContentType?.MediaType ?? "";
        if (media == EventStream.ContentType)
        {
            const string Data = "data: ";
            while (await reader.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
            {
                if (line.StartsWith(Data, StringComparison.Ordinal))
                    return ((int)response.StatusCode, JsonNode.Parse(line[Data.Length..]), response.Headers);
            }
        }

        var text = await reader.ReadToEndAsync(TestContext.Current.CancellationToken);
        return ((int)response.StatusCode, text.Length == 0 ? null : media.EndsWith("json", StringComparison.Ordinal) ? JsonNode.Parse(text) : JsonValue.Create(text), response.Headers);
    }

    /// <summary>Where two answers are not of one shape: the same members, of the same kinds, with null where the other has null.</summary>
    private static string? Difference(JsonNode? example, JsonNode? answer, string at)
    {
        switch (example, answer)
        {
            case (JsonObject shown, JsonObject given):
                var name = shown.Select(m => m.Key).Concat(given.Select(m => m.Key)).FirstOrDefault(n => shown.ContainsKey(n) != given.ContainsKey(n));
                return name is not null
                    ? $"{at}/{name} is in one of example and answer alone"
                    : shown.Select(m => Difference(m.Value, given[m.Key], $"{at}/{m.Key}")).FirstOrDefault(d => d is not null);
            case (JsonArray shown, JsonArray given):
                return shown.Count != given.Count
                    ? $"{at} has {given.Count} elements, and shows {shown.Count}"
                    : shown.Select((e, i) => Difference(e, given[i], $"{at}/{i}")).FirstOrDefault(d => d is not null);
            default:
                var (is1, is2) = (Kind(example), Kind(answer));
                return is1 == is2 ? null : $"{at} is {is2}, and shows {is1}";
        }

        static string Kind(JsonNode? node) => node?.GetValueKind() switch
        {
            null => "null",
            JsonValueKind.True or JsonValueKind.False => "a boolean",
            JsonValueKind.Number => "a number",
            JsonValueKind.String => "a string",
            JsonValueKind.Array => "a list",
            _ => "an object",
        };
    }

    /// <summary>Each file begins with no hosts.</summary>
    private async Task CleanAsync()
    {
        foreach (var host in (await service.Client.GetJsonAsync("/v1/hosts"))["items"].AsArray())
            Assert.Equal(204, (await service.Client.DeleteAnswerAsync($"/v1/hosts/{host!["name"]}")).Status);
    }
}

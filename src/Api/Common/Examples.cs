using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;

namespace Xlnet.Api.Common;

/// <summary>
/// A request as a client sends it, and the answer that the service gave: one entry of a feature's <c>Examples.json</c>. A test sends the
/// requests of a file in their order, so an example may rely on what is before it; where nothing else is, a request without
/// <c>operation</c> sets the scene and is not shown.
/// </summary>
/// <param name="Request">The method and the path, such as <c>GET /v1/hosts/dom0-a</c>, with <c>{name}</c> for what was saved.</param>
/// <param name="Body">JSON; a string is sent as text/plain.</param>
/// <param name="Save">Names for what later requests need of this answer: a JSON Pointer into its body, or a header's name.</param>
/// <param name="Saved">What they were when the answer was recorded.</param>
internal sealed record Example(
    string? Operation = null, string Request = "", Dictionary<string, string>? Headers = null, JsonNode? Body = null, int? Status = null,
    Dictionary<string, string>? Save = null, Dictionary<string, string>? Saved = null, JsonNode? Answer = null)
{
    public static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        WriteIndented = true,
        NewLine = "\n",
    };

    [JsonIgnore]
    public string Method => Request[..Request.IndexOf(' ', StringComparison.Ordinal)];

    /// <summary>The path and the query.</summary>
    [JsonIgnore]
    public string Target => Request[(Method.Length + 1)..];

    /// <summary>What the body is sent as; null where there is none.</summary>
    [JsonIgnore]
    public string? ContentType =>
        Body is null ? null
        : Body.GetValueKind() == JsonValueKind.String ? "text/plain"
        : Method == "PATCH" ? "application/merge-patch+json" : "application/json";

    /// <summary>With what was saved in the place of its name.</summary>
    public static string Fill(string text, IReadOnlyDictionary<string, string> saved) =>
        saved.Aggregate(text, (filled, s) => filled.Replace($"{{{s.Key}}}", s.Value, StringComparison.Ordinal));
}

/// <summary>The examples that are beside the endpoints, file by file.</summary>
internal static class Examples
{
    private const string Suffix = "/Examples.json";

    private static readonly Lazy<IReadOnlyDictionary<string, IReadOnlyList<Example>>> Files = new(() =>
    {
        var assembly = typeof(Examples).Assembly;
        return assembly.GetManifestResourceNames().Where(n => n.EndsWith(Suffix, StringComparison.Ordinal)).Order(StringComparer.Ordinal).ToDictionary(n => n[..^Suffix.Length], n =>
        {
            using var stream = assembly.GetManifestResourceStream(n)!;
            return (IReadOnlyList<Example>)JsonSerializer.Deserialize<List<Example>>(stream, Example.Json)!;
        });
    });

    /// <summary>By the name of the feature's folder.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyList<Example>> All => Files.Value;

    /// <summary>Of each operation the examples, with what they rely on filled in as it was recorded.</summary>
    private static readonly Lazy<ILookup<string, Example>> Operations = new(() => All.Values.SelectMany(Resolve).ToLookup(e => e.Operation!, StringComparer.Ordinal));

    public static IEnumerable<Example> Of(string operation) => Operations.Value[operation];

    private static IEnumerable<Example> Resolve(IReadOnlyList<Example> file)
    {
        var saved = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var example in file)
        {
            if (example.Operation is not null)
            {
                yield return example with
                {
                    Request = Example.Fill(example.Request, saved),
                    Headers = example.Headers?.ToDictionary(h => h.Key, h => Example.Fill(h.Value, saved)),
                };
            }

            foreach (var (name, value) in example.Saved ?? [])
                saved[name] = value;
        }
    }
}

/// <summary>Puts the examples into the document: of each operation the first that succeeds, and the first of each kind of problem.</summary>
internal sealed class ExampleFilter : IOperationFilter
{
    public void Apply(OpenApiOperation operation, OperationFilterContext context)
    {
        var first = true;
        foreach (var example in Examples.Of(operation.OperationId ?? "").OrderBy(e => e.Status >= 400))
        {
            if (operation.Responses?.TryGetValue($"{example.Status}", out var response) != true)
                throw new InvalidOperationException($"{operation.OperationId} does not say that it answers {example.Status}, and its example shows it.");
            foreach (var content in response!.Content?.Values ?? [])
                content.Example ??= example.Answer?.DeepClone();
            if (!first)
                continue;
            first = false;
            foreach (var content in operation.RequestBody?.Content?.Values ?? [])
                content.Example = example.Body?.DeepClone();
            ShowParameters(operation, context.ApiDescription.RelativePath!, example);
        }
    }

    private static void ShowParameters(OpenApiOperation operation, string template, Example example)
    {
        var target = example.Target.Split('?', 2);
        var values = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in template.Split('/').Zip(target[0].TrimStart('/').Split('/')).Where(p => p.First.StartsWith('{')))
            values[name.Trim('{', '}').Split(':')[0]] = Uri.UnescapeDataString(value);
        foreach (var pair in target.Length == 1 ? [] : target[1].Split('&').Select(p => p.Split('=', 2)))
            values[pair[0]] = Uri.UnescapeDataString(pair[1]);
        foreach (var (name, value) in example.Headers ?? [])
            values[name] = value;
        foreach (var parameter in operation.Parameters?.OfType<OpenApiParameter>() ?? [])
        {
            if (values.TryGetValue(parameter.Name!, out var value))
                parameter.Example = ToJson(value, parameter.Schema?.Type);
        }
    }

    private static JsonNode ToJson(string value, JsonSchemaType? type) => type switch
    {
        JsonSchemaType.Integer => JsonValue.Create(long.Parse(value, CultureInfo.InvariantCulture)),
        JsonSchemaType.Boolean => JsonValue.Create(bool.Parse(value)),
        JsonSchemaType.Array => new JsonArray([.. value.Split(',').Select(v => (JsonNode)v)]),
        _ => JsonValue.Create(value),
    };
}

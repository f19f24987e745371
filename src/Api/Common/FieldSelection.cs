using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http.Metadata;
using Xlnet.Api.Access;
using Xlnet.Domain.Common;

namespace Xlnet.Api.Common;

/// <summary>
/// <c>?fields=name,vifs.mac</c> on a GET: of the answer, or of each item of a list, only those members. A member that the answer does not
/// have by its type is refused, as a misspelled one would otherwise be missed in silence.
/// </summary>
internal static class FieldSelection
{
    public const string Parameter = "fields";

    /// <summary>What an operation of the API that takes the parameter answers with; null where there is nothing to choose from.</summary>
    public static Type? AnswerOf(string? method, IReadOnlyList<object> metadata) => method != HttpMethods.Get || !metadata.OfType<AccessNeed>().Any() ? null : metadata.OfType<IProducesResponseTypeMetadata>()
        .FirstOrDefault(m => m.StatusCode == StatusCodes.Status200OK && m.ContentTypes.Contains("application/json") && m.Type is { } type && type != typeof(string))?.Type;

    public static void UseFieldSelection(this WebApplication app) => app.Use((http, next) =>
        http.Request.Query.TryGetValue(Parameter, out var given) && http.GetEndpoint() is { } endpoint && AnswerOf(http.Request.Method, endpoint.Metadata) is { } type
            ? SelectAsync(http, next, given.ToString(), type)
            : next(http));

    private static async Task SelectAsync(HttpContext http, RequestDelegate next, string given, Type type)
    {
        var options = JsonBodies.Options(http);
        var info = options.GetTypeInfo(type);
        var items = type.IsGenericType && type.GetGenericTypeDefinition() == typeof(Page<>);
        var chosen = Read(given, items ? options.GetTypeInfo(type.GenericTypeArguments[0]) : info);
        using var body = await HeldAnswer.OfAsync(http, next);
        if (http.Response.StatusCode == StatusCodes.Status200OK && http.Response.ContentType?.StartsWith("application/json", StringComparison.Ordinal) == true)
        {
            using var document = JsonDocument.Parse(body.GetBuffer().AsMemory(0, (int)body.Length));
            await using var writer = new Utf8JsonWriter(http.Response.Body, new JsonWriterOptions { Encoder = options.Encoder });
            if (items)
                Write(writer, document.RootElement, new Choice { ["items"] = chosen, ["next"] = null });
            else
                Write(writer, document.RootElement, chosen);
            return;
        }

        await body.CopyToAsync(http.Response.Body, http.RequestAborted);
    }

    /// <exception cref="RuleException">422, with the members that there are.</exception>
    private static Choice Read(string text, JsonTypeInfo root)
    {
        var choice = new Choice();
        foreach (var path in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var (at, type) = (choice, root);
            string[] names = path.Split('.');
            foreach (var (depth, name) in names.Index())
            {
                type = Below(type);
                if (type.Kind == JsonTypeInfoKind.Object)
                {
                    type = type.Properties.FirstOrDefault(p => p.Name == name) is { } property
                        ? type.Options.GetTypeInfo(property.PropertyType)
                        : throw RuleException.Invalid(Parameter, "query.fields", $"There is no member '{string.Join('.', names.Take(depth + 1))}' here; there are {string.Join(", ", type.Properties.Select(p => p.Name))}.");
                }
                else if (type.Kind != JsonTypeInfoKind.Dictionary)
                {
                    throw RuleException.Invalid(Parameter, "query.fields", $"'{string.Join('.', names.Take(depth))}' is no object, and has no member '{name}'.");
                }

                // What is asked for as a whole stays so, whatever of it is named besides.
                if (depth == names.Length - 1)
                {
                    at[name] = null;
                    break;
                }

                var below = at.GetValueOrDefault(name);
                if (below is null && at.ContainsKey(name))
                    break;
                at[name] = below ??= [];
                at = below;
            }
        }

        return choice.Count > 0 ? choice : throw RuleException.Invalid(Parameter, "query.fields", $"fields={text} names no member: name some, separated by commas, such as {Below(root).Properties.FirstOrDefault()?.Name}.");
    }

    private static JsonTypeInfo Below(JsonTypeInfo type)
    {
        while (type is { Kind: JsonTypeInfoKind.Enumerable, ElementType: { } element })
            type = type.Options.GetTypeInfo(element);
        return type;
    }

    private static void Write(Utf8JsonWriter writer, JsonElement element, Choice? choice)
    {
        if (choice is null)
        {
            element.WriteTo(writer);
        }
        else if (element.ValueKind == JsonValueKind.Array)
        {
            writer.WriteStartArray();
            foreach (var item in element.EnumerateArray())
                Write(writer, item, choice);
            writer.WriteEndArray();
        }
        else if (element.ValueKind == JsonValueKind.Object)
        {
            writer.WriteStartObject();
            foreach (var member in element.EnumerateObject().Where(m => choice.ContainsKey(m.Name)))
            {
                writer.WritePropertyName(member.Name);
                Write(writer, member.Value, choice[member.Name]);
            }

            writer.WriteEndObject();
        }
        else
        {
            element.WriteTo(writer);
        }
    }

    /// <summary>The members that are wanted; null for all of one.</summary>
    private sealed class Choice : Dictionary<string, Choice?>
    {
        public Choice() : base(StringComparer.Ordinal)
        {
        }
    }
}

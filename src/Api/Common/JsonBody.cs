using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;
using FluentValidation;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Xlnet.Domain.Common;

namespace Xlnet.Api.Common;

/// <summary>A request's body as JSON, read and checked by its validator before the handler runs.</summary>
internal sealed record JsonBody<T>(T Value) : IBindableFromHttpContext<JsonBody<T>>, IEndpointParameterMetadataProvider where T : class
{
    public static async ValueTask<JsonBody<T>?> BindAsync(HttpContext context, ParameterInfo parameter)
    {
        var bytes = await JsonBodies.ReadAsync(context, "application/json");
        return bytes.Length == 0
            ? throw new BodyException(StatusCodes.Status400BadRequest, "body.required", "There is no body: send an object as application/json.")
            : new JsonBody<T>(JsonBodies.Parse<T>(context, bytes.Span));
    }

    public static void PopulateMetadata(ParameterInfo parameter, EndpointBuilder builder) =>
        builder.Metadata.Add(new AcceptsMetadata(["application/json"], typeof(T)));
}

/// <summary>As <see cref="JsonBody{T}"/>, but it may be left out.</summary>
internal sealed record OptionalJsonBody<T>(T? Value) : IBindableFromHttpContext<OptionalJsonBody<T>>, IEndpointParameterMetadataProvider where T : class
{
    public static async ValueTask<OptionalJsonBody<T>?> BindAsync(HttpContext context, ParameterInfo parameter)
    {
        var bytes = await JsonBodies.ReadAsync(context, "application/json");
        return new OptionalJsonBody<T>(bytes.Length == 0 ? null : JsonBodies.Parse<T>(context, bytes.Span));
    }

    public static void PopulateMetadata(ParameterInfo parameter, EndpointBuilder builder) =>
        builder.Metadata.Add(new AcceptsMetadata(["application/json"], typeof(T), isOptional: true));
}

/// <summary>A JSON Merge Patch (RFC 7396) of what a PUT would say.</summary>
internal sealed class MergePatch<T> : IBindableFromHttpContext<MergePatch<T>>, IEndpointParameterMetadataProvider where T : class
{
    private readonly HttpContext _http;
    private readonly JsonElement _patch;

    private MergePatch(HttpContext http, JsonElement patch) => (_http, _patch) = (http, patch);

    public static async ValueTask<MergePatch<T>?> BindAsync(HttpContext context, ParameterInfo parameter)
    {
        var bytes = await JsonBodies.ReadAsync(context, "application/merge-patch+json", "application/json");
        StrictJson.Check(bytes.Span);
        var patch = JsonSerializer.Deserialize(bytes.Span, ApiJson.Default.JsonElement);
        return patch.ValueKind == JsonValueKind.Object
            ? new MergePatch<T>(context, patch)
            : throw new BodyException(StatusCodes.Status400BadRequest, "body.type", "A merge patch is an object.", new FieldError("", "body.type", "An object is expected here."));
    }

    public static void PopulateMetadata(ParameterInfo parameter, EndpointBuilder builder) =>
        builder.Metadata.Add(new AcceptsMetadata(["application/merge-patch+json", "application/json"], typeof(T)));

    /// <summary>What is there with the patch applied, checked as a PUT of it would be.</summary>
    public T Apply(T current)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
            Merge(JsonSerializer.SerializeToElement(current, JsonBodies.Options(_http)), _patch, writer);
        return JsonBodies.Parse<T>(_http, buffer.GetBuffer().AsSpan(0, (int)buffer.Length));
    }

    /// <summary>Whether it takes a member away.</summary>
    public bool Removes(string member) => _patch.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.Null;

    private static void Merge(JsonElement target, JsonElement patch, Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        foreach (var member in target.EnumerateObject().Where(m => !patch.TryGetProperty(m.Name, out _)))
            member.WriteTo(writer);
        foreach (var member in patch.EnumerateObject().Where(m => m.Value.ValueKind != JsonValueKind.Null))
        {
            writer.WritePropertyName(member.Name);
            if (member.Value.ValueKind == JsonValueKind.Object)
            {
                var below = target.TryGetProperty(member.Name, out var value) && value.ValueKind == JsonValueKind.Object ? value : EmptyObject;
                Merge(below, member.Value, writer);
            }
            else
            {
                member.Value.WriteTo(writer);
            }
        }

        writer.WriteEndObject();
    }

    private static readonly JsonElement EmptyObject = JsonDocument.Parse("{}").RootElement.Clone();
}

/// <summary>A body that cannot be read, or not as what it should be.</summary>
internal sealed class BodyException(int status, string code, string message, params IReadOnlyList<FieldError> fields) : Exception(message)
{
    public int Status => status;

    public string Code => code;

    public IReadOnlyList<FieldError> Fields => fields;

    public static BodyException OfType(params ReadOnlySpan<string> taken) => new(StatusCodes.Status415UnsupportedMediaType, "content-type",
        $"This content type is not taken here: send {string.Join(" or ", taken!)}{(taken[0] == "text/plain" ? "" : ", in UTF-8")}.");
}

internal static class JsonBodies
{
    /// <summary>The bytes of a body of one of these types; none where there is no body.</summary>
    /// <exception cref="BodyException">415, or 400 for bytes that are no UTF-8.</exception>
    public static async Task<ReadOnlyMemory<byte>> ReadAsync(HttpContext http, params string[] types)
    {
        var bytes = await ReadBytesAsync(http);
        if (bytes.Length == 0 && http.Request.ContentType is null)
            return bytes;
        if (!MediaTypeHeaderValue.TryParse(http.Request.ContentType, out var type)
            || !types.Any(t => type.MediaType.Equals(t, StringComparison.OrdinalIgnoreCase))
            || type.Charset.HasValue && !HeaderUtilities.RemoveQuotes(type.Charset).Equals("utf-8", StringComparison.OrdinalIgnoreCase))
        {
            throw BodyException.OfType(types);
        }

        // A byte order mark is let pass (RFC 8259, section 8.1).
        if (bytes.Span.StartsWith("\uFEFF"u8))
            bytes = bytes[3..];
        return Utf8.IsValid(bytes.Span)
            ? bytes
            : throw new BodyException(StatusCodes.Status400BadRequest, "body.utf-8", "The body is not valid UTF-8, which JSON is written in (RFC 8259).");
    }

    public static async Task<ReadOnlyMemory<byte>> ReadBytesAsync(HttpContext http)
    {
        using var buffer = new MemoryStream();
        await http.Request.Body.CopyToAsync(buffer, http.RequestAborted);
        return buffer.GetBuffer().AsMemory(0, (int)buffer.Length);
    }

    /// <summary>Reads JSON, and has it checked by its validator.</summary>
    public static T Parse<T>(HttpContext http, ReadOnlySpan<byte> json) where T : class
    {
        StrictJson.Check(json);
        var options = Options(http);
        T? body;
        try
        {
            body = JsonSerializer.Deserialize<T>(json, options);
        }
        catch (JsonException e)
        {
            throw Explain(e, options.GetTypeInfo(typeof(T)));
        }

        if (body is null)
            throw new BodyException(StatusCodes.Status400BadRequest, "body.type", "The body is null.", new FieldError("", "body.type", $"{Expected(options.GetTypeInfo(typeof(T)))} is expected here."));
        ApiDefaults.Validate(http.RequestServices, body);
        return body;
    }

    public static JsonSerializerOptions Options(HttpContext http) =>
        http.RequestServices.GetRequiredService<IOptions<Microsoft.AspNetCore.Http.Json.JsonOptions>>().Value.SerializerOptions;

    /// <summary>Says what should stand where the JSON does not fit.</summary>
    private static BodyException Explain(JsonException exception, JsonTypeInfo root)
    {
        var pointer = JsonPointer.OfPath(exception.Path);
        var at = root;
        foreach (var token in pointer.Split('/').Skip(1).Select(JsonPointer.Unescape))
        {
            if (at.Kind != JsonTypeInfoKind.Object)
            {
                at = at.ElementType is { } element ? at.Options.GetTypeInfo(element) : at;
            }
            else if (at.Properties.FirstOrDefault(p => p.Name == token) is { } property)
            {
                at = at.Options.GetTypeInfo(property.PropertyType);
            }
            else
            {
                var unknown = $"There is no member '{token}' here; there are {Members(at)}.";
                return new BodyException(StatusCodes.Status400BadRequest, "body.unknown-member", unknown, new FieldError(pointer, "body.unknown-member", unknown));
            }
        }

        var expected = $"{Expected(at)} is expected here.";
        return new BodyException(StatusCodes.Status400BadRequest, "body.type", pointer.Length == 0 ? expected : $"At '{pointer}': {expected}", new FieldError(pointer, "body.type", expected));
    }

    private static string Members(JsonTypeInfo type) => string.Join(", ", type.Properties.Select(p => $"'{p.Name}'"));

    private static string Expected(JsonTypeInfo info)
    {
        var type = Nullable.GetUnderlyingType(info.Type) ?? info.Type;
        return type switch
        {
            _ when type == typeof(string) => "A string",
            _ when type == typeof(bool) => "Either true or false",
            _ when type == typeof(DateTimeOffset) => "A time of RFC 3339, such as 2027-01-31T12:00:00Z,",
            _ when type == typeof(int) => "A whole number of 32 bits, written with digits only,",
            _ when type == typeof(long) => "A whole number of 64 bits, written with digits only,",
            { IsEnum: true } => $"One of {string.Join(", ", Kebab.Names(type).Select(n => $"\"{n}\""))}",
            _ => info.Kind switch
            {
                JsonTypeInfoKind.Enumerable => "A list",
                JsonTypeInfoKind.Object => $"An object with members of {Members(info)}",
                _ => "An object",
            },
        };
    }
}

/// <summary>
/// What STJ alone lets pass or tells without saying where: the same member twice, half surrogate pairs, and U+0000, which
/// PostgreSQL cannot store (RFC 7493 forbids the first two).
/// </summary>
internal static class StrictJson
{
    public const int MaxDepth = 32;

    /// <exception cref="BodyException">400, with line and byte, or with the pointer.</exception>
    public static void Check(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth });
        var levels = new Stack<Level>();
        try
        {
            while (reader.Read())
            {
                switch (reader.TokenType)
                {
                    case JsonTokenType.EndObject or JsonTokenType.EndArray:
                        levels.Pop();
                        continue;
                    case JsonTokenType.PropertyName:
                        var level = levels.Peek();
                        level.Token = Text(ref reader, levels);
                        if (!level.Names!.Add(level.Token))
                            throw Fail(levels, "body.duplicate-member", $"The member '{level.Token}' stands here twice.");
                        continue;
                }

                if (levels.TryPeek(out var list) && list.Names is null)
                    list.Token = (++list.Index).ToString(System.Globalization.CultureInfo.InvariantCulture);
                if (reader.TokenType == JsonTokenType.String)
                    Text(ref reader, levels);
                else if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray)
                    levels.Push(new Level { Names = reader.TokenType == JsonTokenType.StartObject ? [] : null });
            }
        }
        catch (JsonException e)
        {
            var message = $"The JSON is broken at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}: {e.Message.Split(" LineNumber:", 2)[0].Replace(" Change the reader options.", "", StringComparison.Ordinal)}";
            throw new BodyException(StatusCodes.Status400BadRequest, "body.json", message, new FieldError(Pointer(levels), "body.json", message));
        }
    }

    private static string Text(ref Utf8JsonReader reader, Stack<Level> levels)
    {
        string text;
        try
        {
            text = reader.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Fail(levels, "body.surrogate", "The string holds half of a surrogate pair, which is no Unicode character.");
        }

        return text.Contains('\0') ? throw Fail(levels, "body.nul", "The string holds the character U+0000, which cannot be stored.") : text;
    }

    private static BodyException Fail(Stack<Level> levels, string code, string message) =>
        new(StatusCodes.Status400BadRequest, code, message, new FieldError(Pointer(levels), code, message));

    private static string Pointer(Stack<Level> levels) =>
        string.Concat(levels.Reverse().Where(l => l.Token is not null).Select(l => "/" + JsonPointer.Escape(l.Token!)));

    private sealed class Level
    {
        /// <summary>The members so far; null for a list.</summary>
        public HashSet<string>? Names { get; init; }

        public string? Token { get; set; }

        public int Index { get; set; } = -1;
    }
}

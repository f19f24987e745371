using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Mvc;
using Xlnet.Api.Bridges;
using Xlnet.Api.Guests;
using Xlnet.Api.Hosts;
using Xlnet.Api.Lint;
using Xlnet.Api.Macs;
using Xlnet.Api.Operations;
using Xlnet.Api.Plans;
using Xlnet.Api.Vifs;
using Xlnet.Domain.Common;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Api.Common;

/// <summary>How JSON is read and written: camelCase, enums in kebab-case, and nothing that is not known is let pass.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    MaxDepth = 32)]
[JsonSerializable(typeof(ApplyRequest))]
[JsonSerializable(typeof(BridgeRequest))]
[JsonSerializable(typeof(BridgeResponse))]
[JsonSerializable(typeof(CreateBridgeRequest))]
[JsonSerializable(typeof(CreateGuestRequest))]
[JsonSerializable(typeof(CreateHostRequest))]
[JsonSerializable(typeof(CreateMacPoolRequest))]
[JsonSerializable(typeof(DefaultsContract))]
[JsonSerializable(typeof(GuestActionRequest))]
[JsonSerializable(typeof(GuestRequest))]
[JsonSerializable(typeof(GuestResponse))]
[JsonSerializable(typeof(HostRequest))]
[JsonSerializable(typeof(HostResponse))]
[JsonSerializable(typeof(IReadOnlyList<FieldError>))]
[JsonSerializable(typeof(JsonElement))]
[JsonSerializable(typeof(LintResponse))]
[JsonSerializable(typeof(MacAllocationResponse))]
[JsonSerializable(typeof(MacHolder))]
[JsonSerializable(typeof(MacPoolRequest))]
[JsonSerializable(typeof(MacPoolResponse))]
[JsonSerializable(typeof(ObservationResponse))]
[JsonSerializable(typeof(OperationResponse))]
[JsonSerializable(typeof(Page<BridgeResponse>))]
[JsonSerializable(typeof(Page<GuestResponse>))]
[JsonSerializable(typeof(Page<HostResponse>))]
[JsonSerializable(typeof(Page<MacAllocationResponse>))]
[JsonSerializable(typeof(Page<MacPoolResponse>))]
[JsonSerializable(typeof(Page<OperationResponse>))]
[JsonSerializable(typeof(Page<RevisionSummary>))]
[JsonSerializable(typeof(Page<VifResponse>))]
[JsonSerializable(typeof(PlanResponse))]
[JsonSerializable(typeof(ProblemDetails))]
[JsonSerializable(typeof(ReserveMacRequest))]
[JsonSerializable(typeof(RevisionResponse))]
[JsonSerializable(typeof(Status))]
[JsonSerializable(typeof(IReadOnlyList<FindingResponse>))]
[JsonSerializable(typeof(VifRequest))]
[JsonSerializable(typeof(VifResponse))]
internal sealed partial class ApiJson : JsonSerializerContext
{
    /// <summary>The options of the whole API, also for what is read outside of binding.</summary>
    public static void Configure(JsonSerializerOptions options)
    {
        options.PropertyNamingPolicy = JsonNamingPolicy.CamelCase;
        options.PropertyNameCaseInsensitive = false;
        options.NumberHandling = JsonNumberHandling.Strict;
        options.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow;
        options.AllowDuplicateProperties = false;
        options.RespectNullableAnnotations = true;
        options.MaxDepth = 32;
        options.Converters.Add(new KebabJsonConverterFactory());
        options.Converters.Add(new StorableStringConverter());
        options.TypeInfoResolverChain.Clear();
        options.TypeInfoResolverChain.Add(Default);
    }
}

/// <summary>A page of a list.</summary>
/// <param name="Items">At most as many as were asked for.</param>
/// <param name="Next">The cursor of the next page; null on the last one.</param>
public sealed record Page<T>(IReadOnlyList<T> Items, string? Next);

/// <summary>Text that PostgreSQL can store: valid Unicode without U+0000.</summary>
internal sealed class StorableStringConverter : JsonConverter<string>
{
    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        if (reader.TokenType != JsonTokenType.String)
            throw new JsonException($"A string is expected here, not {Name(reader.TokenType)}.");
        string text;
        try
        {
            text = reader.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new JsonException("The string holds half of a surrogate pair, which is no Unicode character.");
        }

        return text.Contains('\0') ? throw new JsonException("The string holds the character U+0000, which cannot be stored.") : text;
    }

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);

    public override string ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.GetString()!;

    public override void WriteAsPropertyName(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WritePropertyName(value);

    internal static string Name(JsonTokenType type) => type switch
    {
        JsonTokenType.Number => "a number",
        JsonTokenType.True or JsonTokenType.False => "true or false",
        JsonTokenType.StartArray => "a list",
        JsonTokenType.StartObject => "an object",
        _ => "null",
    };
}

internal sealed class KebabJsonConverterFactory : JsonConverterFactory
{
    public override bool CanConvert(Type typeToConvert) => typeToConvert.IsEnum;

    public override JsonConverter CreateConverter(Type typeToConvert, JsonSerializerOptions options) =>
        (JsonConverter)Activator.CreateInstance(typeof(KebabJsonConverter<>).MakeGenericType(typeToConvert))!;

    private sealed class KebabJsonConverter<T> : JsonConverter<T> where T : struct, Enum
    {
        public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            if (reader.TokenType == JsonTokenType.String && Kebab.TryParse<T>(reader.GetString(), out var value))
                return value;
            throw new JsonException($"One of these is expected here: {string.Join(", ", Kebab.Names<T>())}.");
        }

        public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteStringValue(Kebab.Name(value));
    }
}

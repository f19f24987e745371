using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Mvc;
using Xlnet.Api.Access;
using Xlnet.Api.Audit;
using Xlnet.Api.Bridges;
using Xlnet.Api.Bulk;
using Xlnet.Api.DesiredStates;
using Xlnet.Api.Drifts;
using Xlnet.Api.Explain;
using Xlnet.Api.Guests;
using Xlnet.Api.Hosts;
using Xlnet.Api.Lint;
using Xlnet.Api.Macs;
using Xlnet.Api.Networking;
using Xlnet.Api.Operations;
using Xlnet.Api.Plans;
using Xlnet.Api.Subnets;
using Xlnet.Api.Vifs;
using Xlnet.Domain.Common;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;

namespace Xlnet.Api.Common;

/// <summary>How JSON is read and written: camelCase, enums in kebab-case, and nothing that is not known is let pass.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    MaxDepth = StrictJson.MaxDepth)]
[JsonSerializable(typeof(AdoptionResponse))]
[JsonSerializable(typeof(ApiKeyResponse))]
[JsonSerializable(typeof(ApplyRequest))]
[JsonSerializable(typeof(BridgeRequest))]
[JsonSerializable(typeof(BridgeResponse))]
[JsonSerializable(typeof(BulkRequest))]
[JsonSerializable(typeof(BulkResponse))]
[JsonSerializable(typeof(CloneGuestRequest))]
[JsonSerializable(typeof(CreateApiKeyRequest))]
[JsonSerializable(typeof(CreateBridgeRequest))]
[JsonSerializable(typeof(CreateGuestRequest))]
[JsonSerializable(typeof(CreateHostRequest))]
[JsonSerializable(typeof(CreateMacPoolRequest))]
[JsonSerializable(typeof(CreateSubnetRequest))]
[JsonSerializable(typeof(DefaultsContract))]
[JsonSerializable(typeof(DesiredStateDocument))]
[JsonSerializable(typeof(DesiredStateResponse))]
[JsonSerializable(typeof(DesiredStatesRequest))]
[JsonSerializable(typeof(DesiredStatesResponse))]
[JsonSerializable(typeof(double))]
[JsonSerializable(typeof(DriftAcceptRequest))]
[JsonSerializable(typeof(DriftEnforceRequest))]
[JsonSerializable(typeof(DriftResponse))]
[JsonSerializable(typeof(ExplainRequest))]
[JsonSerializable(typeof(ExplanationResponse))]
[JsonSerializable(typeof(GuestActionRequest))]
[JsonSerializable(typeof(GuestRequest))]
[JsonSerializable(typeof(GuestSettingsRequest))]
[JsonSerializable(typeof(GuestResponse))]
[JsonSerializable(typeof(HostEventResponse))]
[JsonSerializable(typeof(HostRequest))]
[JsonSerializable(typeof(HostResponse))]
[JsonSerializable(typeof(IReadOnlyList<FieldError>))]
[JsonSerializable(typeof(JsonElement))]
[JsonSerializable(typeof(LintKind))]
[JsonSerializable(typeof(LintResponse))]
[JsonSerializable(typeof(MacAllocationResponse))]
[JsonSerializable(typeof(VifHolder))]
[JsonSerializable(typeof(MacPoolRequest))]
[JsonSerializable(typeof(MacPoolResponse))]
[JsonSerializable(typeof(List<NetworkingFinding>))]
[JsonSerializable(typeof(List<string>))]
[JsonSerializable(typeof(NetworkingRequest))]
[JsonSerializable(typeof(NetworkingResponse))]
[JsonSerializable(typeof(ObservationResponse))]
[JsonSerializable(typeof(OperationEventResponse))]
[JsonSerializable(typeof(OperationResponse))]
[JsonSerializable(typeof(Page<ApiKeyResponse>))]
[JsonSerializable(typeof(Page<AuditEntryResponse>))]
[JsonSerializable(typeof(Page<BridgeResponse>))]
[JsonSerializable(typeof(Page<GuestResponse>))]
[JsonSerializable(typeof(Page<HostResponse>))]
[JsonSerializable(typeof(Page<MacAllocationResponse>))]
[JsonSerializable(typeof(Page<MacPoolResponse>))]
[JsonSerializable(typeof(Page<OperationResponse>))]
[JsonSerializable(typeof(Page<RevisionSummary>))]
[JsonSerializable(typeof(Page<SubnetAddressResponse>))]
[JsonSerializable(typeof(Page<SubnetResponse>))]
[JsonSerializable(typeof(Page<VifResponse>))]
[JsonSerializable(typeof(PlanResponse))]
[JsonSerializable(typeof(ProblemDetails))]
[JsonSerializable(typeof(ReserveAddressRequest))]
[JsonSerializable(typeof(ReserveMacRequest))]
[JsonSerializable(typeof(RevisionResponse))]
[JsonSerializable(typeof(RotateApiKeyRequest))]
[JsonSerializable(typeof(Status))]
[JsonSerializable(typeof(SubnetAddressResponse))]
[JsonSerializable(typeof(SubnetRequest))]
[JsonSerializable(typeof(SubnetResponse))]
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
        options.MaxDepth = StrictJson.MaxDepth;
        options.Converters.Add(new KebabJsonConverterFactory());
        options.Converters.Add(new UtcTimeConverter());
        options.TypeInfoResolverChain.Clear();
        options.TypeInfoResolverChain.Add(Default);
    }
}

/// <summary>A page of a list.</summary>
/// <param name="Items">At most as many as were asked for.</param>
/// <param name="Next">The cursor of the next page; null on the last one.</param>
public sealed record Page<T>(IReadOnlyList<T> Items, string? Next);

/// <summary>Times in RFC 3339, in UTC.</summary>
internal sealed partial class UtcTimeConverter : JsonConverter<DateTimeOffset>
{
    public override DateTimeOffset Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String && TryParse(reader.GetString()!, out var time) ? time : throw new JsonException();

    /// <summary>A time without an offset is none: it would mean whatever the service's time zone is.</summary>
    public static bool TryParse(string text, out DateTimeOffset time)
    {
        time = default;
        if (!RfcTime().IsMatch(text) || !DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.None, out var parsed))
            return false;
        time = parsed.ToUniversalTime();
        return true;
    }

    [GeneratedRegex(@"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,7})?([Zz]|[+-][0-9]{2}:[0-9]{2})\z")]
    private static partial Regex RfcTime();

    public override void Write(Utf8JsonWriter writer, DateTimeOffset value, JsonSerializerOptions options) =>
        writer.WriteStringValue(value.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.FFFFFFZ", CultureInfo.InvariantCulture));
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
            throw new JsonException();
        }

        public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteStringValue(Kebab.Name(value));
    }
}

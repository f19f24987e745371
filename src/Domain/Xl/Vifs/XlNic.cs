using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Xlnet.Domain.Xl;

/// <summary>One vif as <c>xl -N create</c> prints it: libxl's JSON names in libxl's order, what is unset left out.</summary>
/// <param name="Properties">Values are strings, and <see cref="long"/> and <see cref="ulong"/> numbers.</param>
[JsonConverter(typeof(XlNicJsonConverter))]
public sealed record XlNic(IReadOnlyList<KeyValuePair<string, object>> Properties)
{
    public object? this[string name] => Properties.FirstOrDefault(p => p.Key == name).Value;

    public override string ToString() =>
        string.Join(",", Properties.Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Key}={p.Value}")));
}

/// <summary>Writes an <see cref="XlNic"/> as one object; strings are shown as UTF-8 where they are.</summary>
public sealed class XlNicJsonConverter : JsonConverter<XlNic>
{
    public override XlNic Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        throw new NotSupportedException("An XlNic is only written.");

    public override void Write(Utf8JsonWriter writer, XlNic value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        foreach (var (name, property) in value.Properties)
        {
            writer.WritePropertyName(name);
            switch (property)
            {
                case string text: writer.WriteStringValue(XlText.Decode(text)); break;
                case ulong number: writer.WriteNumberValue(number); break;
                case long number: writer.WriteNumberValue(number); break;
                default: throw new NotSupportedException(property.GetType().Name);
            }
        }

        writer.WriteEndObject();
    }
}

/// <summary>What the real xl 4.17 makes of a text.</summary>
/// <param name="ExitStatus">0; 1 when it refuses; 134 when it aborts.</param>
/// <param name="Message">Its lines on standard error, without <c>Parsing config from</c>.</param>
/// <param name="Nics">The vifs that it would hand to libxl; empty when it refuses.</param>
public sealed record XlReading(bool Accepted, int ExitStatus, string Message, IReadOnlyList<XlNic> Nics);

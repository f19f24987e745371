using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Xlnet.Domain.Common;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Xlnet.Api.Common;

/// <summary>
/// YAML as another spelling of JSON, by the core schema of YAML 1.2 (section 10.3): so <c>no</c> is a text, and <c>0o17</c> a number.
/// What JSON has no word for is refused: anchors, tags, several documents, keys that are no texts.
/// </summary>
internal static partial class Yaml
{
    public const string ContentType = "application/yaml";

    /// <summary>RFC 9512, and what was used before it.</summary>
    public static readonly string[] ContentTypes = [ContentType, "application/x-yaml", "text/yaml", "text/x-yaml"];

    /// <exception cref="BodyException">400, with line and column.</exception>
    public static ReadOnlyMemory<byte> ToJson(ReadOnlySpan<byte> yaml)
    {
        var buffer = new ArrayBufferWriter<byte>(yaml.Length + 256);
        // Duplicate members and what is too deep are found in the JSON that comes of it.
        using var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { SkipValidation = true, MaxDepth = StrictJson.MaxDepth });
        var parser = new Parser(new StringReader(Encoding.UTF8.GetString(yaml)));
        try
        {
            var depth = 0;
            var documents = 0;
            var levels = new Stack<bool?>();
            while (parser.MoveNext())
            {
                switch (parser.Current)
                {
                    case DocumentStart when ++documents > 1:
                        throw Refuse(parser.Current, "A second document begins here; one is taken.");
                    case AnchorAlias:
                        throw Refuse(parser.Current, "An alias stands here, which is not taken: write out what it stands for.");
                    case NodeEvent { Anchor.IsEmpty: false }:
                        throw Refuse(parser.Current, "An anchor stands here, which is not taken.");
                    case NodeEvent { Tag: { IsEmpty: false, IsNonSpecific: false } }:
                        throw Refuse(parser.Current, "A tag stands here, which is not taken: types follow from the values.");
                    case MappingStart or SequenceStart when levels.TryPeek(out var key) && key == true:
                        throw Refuse(parser.Current, "A member's name is a text, and no list or mapping.");
                    case MappingStart or SequenceStart when ++depth > StrictJson.MaxDepth:
                        throw Refuse(parser.Current, $"It is nested more than {StrictJson.MaxDepth} deep.");
                    case MappingStart:
                        writer.WriteStartObject();
                        levels.Push(true);
                        break;
                    case SequenceStart:
                        writer.WriteStartArray();
                        levels.Push(null);
                        break;
                    case MappingEnd:
                        writer.WriteEndObject();
                        End();
                        break;
                    case SequenceEnd:
                        writer.WriteEndArray();
                        End();
                        break;
                    case Scalar scalar when levels.TryPeek(out var key) && key == true:
                        writer.WritePropertyName(scalar.Value);
                        Turn();
                        break;
                    case Scalar scalar:
                        Write(writer, scalar);
                        Turn();
                        break;
                }
            }

            if (documents == 0)
                writer.WriteNullValue();

            void End()
            {
                depth--;
                levels.Pop();
                Turn();
            }

            // In a mapping, names and values take turns.
            void Turn()
            {
                if (levels.TryPop(out var key))
                    levels.Push(!key);
            }
        }
        catch (YamlException e)
        {
            throw Broken(e.Start, e.Message);
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
            // How YamlDotNet and the writer say that what comes next can be nothing.
            throw Broken(parser.Current?.End ?? default, "What comes next can't be read.");
        }

        writer.Flush();
        return buffer.WrittenMemory;
    }

    public static byte[] OfJson(ReadOnlySpan<byte> json)
    {
        var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        var emitter = new Emitter(text, new EmitterSettings(bestIndent: 2, bestWidth: int.MaxValue, isCanonical: false, maxSimpleKeyLength: 1024));
        emitter.Emit(new StreamStart());
        emitter.Emit(new DocumentStart());
        var reader = new Utf8JsonReader(json);
        while (reader.Read())
        {
            emitter.Emit(reader.TokenType switch
            {
                JsonTokenType.StartObject => new MappingStart(),
                JsonTokenType.EndObject => new MappingEnd(),
                JsonTokenType.StartArray => new SequenceStart(AnchorName.Empty, TagName.Empty, isImplicit: true, SequenceStyle.Block),
                JsonTokenType.EndArray => new SequenceEnd(),
                JsonTokenType.PropertyName or JsonTokenType.String => Text(reader.GetString()!),
                _ => new Scalar(Encoding.UTF8.GetString(reader.ValueSpan)),
            });
        }

        emitter.Emit(new DocumentEnd(isImplicit: true));
        emitter.Emit(new StreamEnd());
        return Encoding.UTF8.GetBytes(text.ToString());
    }

    /// <summary>Plain where that is read as a text again, a block where it has lines, else quoted.</summary>
    private static Scalar Text(string value)
    {
        var style = PlainText().IsMatch(value) && Resolve(value) is null ? ScalarStyle.Plain
            : Lines().IsMatch(value) ? ScalarStyle.Literal
            : ScalarStyle.DoubleQuoted;
        return new Scalar(AnchorName.Empty, TagName.Empty, value, style, isPlainImplicit: style == ScalarStyle.Plain, isQuotedImplicit: true);
    }

    private static void Write(Utf8JsonWriter writer, Scalar scalar)
    {
        if (scalar.Style == ScalarStyle.Plain && Resolve(scalar.Value) is { } raw)
            writer.WriteRawValue(raw, skipInputValidation: true);
        else
            writer.WriteStringValue(scalar.Value);
    }

    /// <summary>What a plain scalar is in JSON when it is no text.</summary>
    private static string? Resolve(string plain) => plain switch
    {
        "" or "~" or "null" or "Null" or "NULL" => "null",
        "true" or "True" or "TRUE" => "true",
        "false" or "False" or "FALSE" => "false",
        _ when Integer().IsMatch(plain) => Decimal(plain),
        _ when plain.StartsWith("0o", StringComparison.Ordinal) && Octal().IsMatch(plain) => OfBase(plain[2..], 8),
        _ when plain.StartsWith("0x", StringComparison.Ordinal) && Hexadecimal().IsMatch(plain) => OfBase(plain[2..], 16),
        _ when Float().IsMatch(plain) && double.TryParse(plain, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) =>
            JsonSerializer.Serialize(number, ApiJson.Default.Double),
        _ => null,
    };

    /// <summary>JSON's numbers have no plus sign and no zeros in front.</summary>
    private static string Decimal(string plain)
    {
        var digits = plain.TrimStart('+', '-').TrimStart('0');
        return digits.Length == 0 ? "0" : plain[0] == '-' ? "-" + digits : digits;
    }

    private static string OfBase(string digits, int radix) =>
        digits.Aggregate(System.Numerics.BigInteger.Zero, (sum, c) => sum * radix + Convert.ToInt32(c.ToString(), 16)).ToString(CultureInfo.InvariantCulture);

    private static BodyException Refuse(ParsingEvent at, string message) => Broken(at.Start, message);

    private static BodyException Broken(Mark at, string why)
    {
        var message = $"The YAML is not taken at line {at.Line}, column {at.Column}: {why}";
        return new BodyException(StatusCodes.Status400BadRequest, "body.yaml", message, new FieldError("", "body.yaml", message));
    }

    [GeneratedRegex(@"^[-+]?[0-9]{1,400}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Integer();

    [GeneratedRegex(@"^0o[0-7]{1,400}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Octal();

    [GeneratedRegex(@"^0x[0-9a-fA-F]{1,400}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Hexadecimal();

    [GeneratedRegex(@"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\z", RegexOptions.CultureInvariant)]
    private static partial Regex Float();

    /// <summary>Words, names and paths: of the texts that may stand plain those that no reader of YAML 1.1 either takes for anything else.</summary>
    [GeneratedRegex(@"^(?!(?i:y|n|yes|no|on|off)\z)[A-Za-z/][A-Za-z0-9/._+@-]*\z", RegexOptions.CultureInvariant)]
    private static partial Regex PlainText();

    /// <summary>Lines of printable text, of which the first has no blank in front and the last is ended.</summary>
    [GeneratedRegex(@"^[!-~][\t -~]*\n([\t -~]*\n)*\z", RegexOptions.CultureInvariant)]
    private static partial Regex Lines();
}

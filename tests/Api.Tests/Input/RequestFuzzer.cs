using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Xlnet.Api.Tests.Input;

/// <param name="Kind">What is wrong with it, if anything.</param>
/// <param name="Bent">Its path may lead elsewhere.</param>
internal sealed record FuzzedRequest(
    string Kind, string Operation, string Method, string Path, byte[]? Body, string? ContentType, IReadOnlyList<(string Name, string Value)> Headers, IReadOnlySet<int> Documented, bool Bent, bool TakesKey)
{
    public FuzzedRequest WithKey(string key) => this with { Headers = [.. Headers.Where(h => h.Name != "Idempotency-Key"), ("Idempotency-Key", key)] };

    public override string ToString() =>
        $"{Kind} {Operation}: {Method} {Path[..Math.Min(Path.Length, 400)]} {ContentType} {string.Join(' ', Headers)} {(Body is null ? "" : Encoding.Latin1.GetString(Body, 0, Math.Min(Body.Length, 2000)))}";
}

/// <summary>Makes requests up, the same ones for the same seed.</summary>
internal sealed class RequestFuzzer
{
    /// <summary>What injected text tries to set. No file that is sent as a whole sets it.</summary>
    public const string Marker = "xlnet_injected";

    private static readonly string[] Hostile =
    [
        "", " ", "'", "\"", "\\", ";", "$(reboot)", "`reboot`", "../../etc/passwd", "/etc/xen/scripts/../../x", "a\nb", "\r\n", "%0a", "\t", "-rf", "--help", "a,script=/bin/sh",
        $"']\n{Marker}='1'\n#", $"\"\n{Marker}=\"1\"\n#", $"x'\n{Marker} = '1'", $"\\\n{Marker}=1", $"x;{Marker}=1", $"x]\n{Marker}=[", "é", "\u202e", "💥", "\uffff", "{{7*7}}", "'; DROP TABLE hosts; --",
        "null", "0", "-1", "1e9", "NaN", "00:16:3e:00:00:00:00", "ff:ff:ff:ff:ff:ff", new('a', 300), new('9', 40), "*", "all", "a/b", ".", "..", "vif-bridge", "default",
    ];

    /// <summary>What one string after the other gets: each ends a value in one of the languages that it may be written in, and sets the marker.</summary>
    private static readonly string[] Injections =
    [
        $"'\n{Marker}='1'\n", $"\"\n{Marker}=\"1\"\n", $"\n{Marker}=1\n", $"\r\n{Marker}=1\r\n", $"';{Marker}='1", $"\";{Marker}=\"1", $";{Marker}=1;", $"']\n{Marker}=['", $"\\\n{Marker}=1",
        $"\\';{Marker}='1", $",{Marker}=1", $" {Marker}=1", $"$({Marker})", $"`{Marker}`", $"\u2028{Marker}=1", $"\u0085{Marker}=1", $"&& {Marker}", $"}}\n{Marker} {{", $"*/ {Marker} /*", $"\t{Marker}\v{Marker}\f", $"../{Marker}", $"--{Marker}",
    ];

    private readonly JsonNode _document;
    private readonly Random _random;
    private readonly List<(string Path, string Method, JsonNode Operation)> _operations = [];
    private readonly Queue<int> _turn = new();
    private readonly List<StringPlace> _strings = [];
    private readonly Queue<int> _nextString = new();
    private int _injected;

    public RequestFuzzer(JsonNode document, Random random)
    {
        (_document, _random) = (document, random);
        foreach (var (path, item) in document["paths"]!.AsObject())
        {
            foreach (var (method, operation) in item!.AsObject())
            {
                foreach (var parameter in operation!["parameters"]?.AsArray() ?? [])
                    _strings.Add(new(_operations.Count, null, [(string)parameter!["in"]!, (string)parameter["name"]!]));
                foreach (var (type, content) in operation["requestBody"]?["content"]?.AsObject() ?? [])
                    AddStrings(_operations.Count, type, content!["schema"]!, []);
                _operations.Add((path, method.ToUpperInvariant(), operation));
            }
        }
    }

    public IEnumerable<string> Operations => _operations.Select(o => (string)o.Operation["operationId"]!);

    /// <summary>The strings of the document: of every parameter and every body.</summary>
    public int Strings => _strings.Count;

    /// <summary>How many of them have had something injected.</summary>
    public int StringsInjected => Math.Min(_injected, _strings.Count);

    public bool Half() => Chance(50);

    public FuzzedRequest Next() => _random.Next(100) switch
    {
        < 55 => Made(),
        < 85 => Injected(),
        < 89 => BentPath(Made()),
        < 92 => WithBody("huge", Huge),
        < 95 => WithBody("deep", Deep),
        < 98 => WithBody("bad UTF-8", BadUtf8),
        _ => WithBody("wrong content type", (body, _) => body) with
        {
            ContentType = Any(null, "text/plain", "application/json", "application/yaml", "application/merge-patch+json", "application/xml", "multipart/form-data; boundary=x",
                "application/x-www-form-urlencoded", "application/json; charset=utf-16", "garbage", "*/*", "application/json, text/plain", new string('a', 3000)),
        },
    };

    private FuzzedRequest Made()
    {
        var (path, method, operation) = NextOperation();
        var name = (string)operation["operationId"]!;
        var query = new List<string>();
        var headers = new List<(string, string)>();
        var bent = false;
        foreach (var parameter in operation["parameters"]?.AsArray() ?? [])
        {
            var parameterName = (string)parameter!["name"]!;
            switch ((string)parameter["in"]!)
            {
                case "path":
                    // The host that most requests are about is seldom deleted, or they would all end with 404.
                    var value = Chance(10) ? Any(Hostile) : name == "Hosts_Delete" && Chance(90) ? "f2" : Known(parameterName) ?? "x";
                    bent |= value is "" or "." or "..";
                    path = path.Replace($"{{{parameterName}}}", Uri.EscapeDataString(value), StringComparison.Ordinal);
                    break;
                case "query" when Chance(parameterName == "validateOnly" ? 20 : 35):
                    query.Add($"{parameterName}={Uri.EscapeDataString(Chance(25) ? Any(Hostile) : QueryValue(parameterName))}");
                    break;
                case "header" when parameterName == "Idempotency-Key" && Chance(30):
                    headers.Add((parameterName, Any("k-1", "k-2", $"\"k-{_random.Next()}\"", $"k-{_random.Next()}")));
                    break;
                case "header" when Chance(parameterName == "If-Match" && parameter["required"] is not null ? 80 : 10):
                    headers.Add((parameterName, Any("*", "\"1\"", "garbage", "W/\"x\"", "\"a\", \"b\"")));
                    break;
            }
        }

        if (Chance(3))
            query.Add($"{Any("validateonl", "offset", "'")}=1");
        if (query.Count > 0)
            path += "?" + string.Join('&', query);
        var (body, type) = operation["requestBody"]?["content"] is { } content ? Body(content.AsObject(), name) : (null, null);
        return new FuzzedRequest("made up", name, method, path, body, type, headers, Documented(operation), bent, TakesKey(operation, query));
    }

    /// <summary>A request that is right but for one string, which tries to get out of its value: each string of the document in turn.</summary>
    private FuzzedRequest Injected()
    {
        FillTurn(_nextString, _strings.Count);
        var place = _strings[_nextString.Dequeue()];
        var injection = Injections[_injected++ % Injections.Length];
        var (path, method, operation) = _operations[place.Operation];
        var name = (string)operation["operationId"]!;
        var query = new List<string>();
        var headers = new List<(string, string)>();
        foreach (var parameter in operation["parameters"]?.AsArray() ?? [])
        {
            var parameterName = (string)parameter!["name"]!;
            var here = place.Type is null && place.Pointer[1] == parameterName;
            var value = here ? Prefixed(parameterName, injection) : null;
            switch ((string)parameter["in"]!)
            {
                case "path":
                    path = path.Replace($"{{{parameterName}}}", Uri.EscapeDataString(value ?? (name == "Hosts_Delete" ? "f2" : Settled(parameterName))), StringComparison.Ordinal);
                    break;
                case "query" when here || parameterName == "validateOnly" && place.Pointer.Contains("driver"):
                    query.Add($"{parameterName}={Uri.EscapeDataString(value ?? "true")}");
                    break;
                case "header" when here:
                    // Nothing else fits into a header.
                    headers.Add((parameterName, new string([.. value!.Where(c => c is >= ' ' and < '\x7f')])));
                    break;
                case "header" when parameterName == "If-Match":
                    headers.Add((parameterName, "*"));
                    break;
            }
        }

        if (query.Count > 0)
            path += "?" + string.Join('&', query);
        byte[]? body = null;
        var type = place.Type;
        if (operation["requestBody"]?["content"]?.AsObject() is { } content)
        {
            type ??= content.First().Key;
            var example = content[type]!["example"]!;
            if (type == "text/plain")
            {
                var file = (string)example!;
                body = Encoding.UTF8.GetBytes(place.Type is null ? file : file.Insert(_random.Next(file.Length + 1), Harmless(injection)));
            }
            else
            {
                var json = place.Type is null ? example.DeepClone() : Set(example.DeepClone(), place.Pointer, injection);
                if (name == "Guests_Put" && json is JsonObject guest && !guest.ContainsKey("config"))
                    guest["kernel"] ??= "/k";
                body = Encoding.UTF8.GetBytes(json.ToJsonString());
            }
        }

        return new FuzzedRequest("injection", name, method, path, body, type, headers, Documented(operation), false, TakesKey(operation, query));
    }

    private JsonNode Set(JsonNode? node, ReadOnlySpan<string> pointer, string injection)
    {
        var name = pointer[^1] == "*" ? pointer[^2] : pointer[^1];
        return Set(node, pointer, name is "config" or "xlConf" or "vif" ? Harmless(injection) : injection, name);
    }

    private JsonNode Set(JsonNode? node, ReadOnlySpan<string> pointer, string injection, string name)
    {
        if (pointer.IsEmpty)
            return JsonValue.Create(name is "config" or "xlConf" ? $"{(name == "config" ? File("g1") : XlConfText())}{injection}" : Prefixed(name, injection))!;
        switch (pointer[0])
        {
            case "*":
                var array = node as JsonArray ?? [];
                if (array.Count == 0)
                    array.Add(Set(null, pointer[1..], injection, name));
                else
                    array[_random.Next(array.Count)] = Set(array[0]?.DeepClone(), pointer[1..], injection, name);
                return array;
            case "{}":
                return Chance(50) ? new JsonObject { ["forwarddev"] = injection } : new JsonObject { [$"forwarddev{injection}"] = "x" };
            default:
                var made = node as JsonObject ?? [];
                made[pointer[0]] = Set(made[pointer[0]]?.DeepClone(), pointer[1..], injection, name);
                return made;
        }
    }

    private string Prefixed(string name, string injection) => Chance(50) ? (Known(name) ?? "a") + injection : injection;

    /// <summary>For what is a file or a vif as a whole: whoever sends it may set in it what he likes.</summary>
    private static string Harmless(string text) => text.Replace(Marker, "other", StringComparison.Ordinal);

    /// <summary>A value that most often leads to something that is there.</summary>
    private string Settled(string parameter) => Chance(30) ? Known(parameter) ?? "x" : parameter switch
    {
        "host" => "in",
        "guest" => "g1",
        "bridge" => "br0",
        "pool" => "default",
        "devid" => "0",
        _ => Known(parameter) ?? "x",
    };

    private void AddStrings(int operation, string type, JsonNode schema, string[] pointer)
    {
        if (schema["$ref"] is { } reference)
            schema = _document["components"]!["schemas"]![((string)reference!).Split('/')[^1]]!;
        if (schema["oneOf"] is JsonArray choices)
            AddStrings(operation, type, choices[0]!, pointer);
        else if (schema["enum"] is not null || TypeOf(schema) == "string")
            _strings.Add(new(operation, type, pointer));
        else if (schema["properties"] is JsonObject properties)
        {
            foreach (var (member, of) in properties)
                AddStrings(operation, type, of!, [.. pointer, member]);
        }
        else if (TypeOf(schema) == "array")
            AddStrings(operation, type, schema["items"]!, [.. pointer, "*"]);
        else if (TypeOf(schema) == "object")
            _strings.Add(new(operation, type, [.. pointer, "{}"]));
    }

    private static string? TypeOf(JsonNode schema) =>
        schema["type"] is JsonArray types ? types.Select(t => (string)t!).First(t => t != "null") : (string?)schema["type"];

    private FuzzedRequest BentPath(FuzzedRequest request)
    {
        var (path, query) = request.Path.Split('?') is [var p, .. var rest] ? (p, rest.Length > 0 ? "?" + string.Join('?', rest) : "") : (request.Path, "");
        var segments = path.Split('/');
        var at = _random.Next(1, segments.Length);
        segments[at] = Any("..", ".", "", "%2e%2e", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "..%2f..%2fetc%2fpasswd", "..%5c..%5cx", "%252e%252e%252f", "%00", "g1%00.cfg", "%c0%ae%c0%ae", "%ff%fe", "%0d%0aX-A:%20b",
            $"{segments[at]};x=1", $"{segments[at]}/", $"/{segments[at]}", $"{segments[at]}/..", $"{segments[at]}/../{segments[at]}", $"{segments[at]}%2f", $"{segments[at]}%20", $"{segments[at]}.", segments[at].ToUpperInvariant(),
            $"{segments[at]}%", "%zz", new string('a', 300), new string('a', 9000), string.Concat(Enumerable.Repeat("../", 40)), "[x]", "{host}");
        query += Chance(20) ? Any("?%", "?&&==&", "?validateOnly=%00", "?limit=1&limit=2", "??", "?%ff=%ff", $"?x={new string('%', 50)}", $"?{string.Join('&', Enumerable.Range(0, 1500).Select(i => $"a{i}=1"))}") : "";
        return request with { Kind = "path", Path = string.Join('/', segments) + query, Bent = true };
    }

    /// <summary>Made up again until it is one with a body.</summary>
    private FuzzedRequest WithBody(string kind, Func<byte[], string, byte[]> spoil)
    {
        var request = Made();
        while (request.Body is null || request.ContentType is null)
            request = Made();
        return request with { Kind = kind, Body = spoil(request.Body, request.ContentType) };
    }

    private byte[] Huge(byte[] body, string type)
    {
        // Most within the limit of a mebibyte, so that they are read; some beyond it, and beyond that of 8 MiB that a few operations have.
        var size = _random.Next(20) switch { 0 => (8 << 20) + 100, < 5 => (1 << 20) + 100, < 10 => (1 << 20) - 3000, _ => 200_000 };
        return type == "text/plain"
            ? Encoding.UTF8.GetBytes(Filled(Any("name='g1'\nkernel='/k'\nvif=[", "name='g1'\nkernel='/k'\nvif=['", "name='g1'\nx='", "# ", "", "vif.default.script='"), Any("'',", "a", "[", "'", "\\", "\n", "a=1\n", ",", "\"", "bridge=a,", "é"), size, Any("]\n", "'\n", "")))
            : Spliced(body, _random.Next(5) switch
            {
                0 => Filled("\"", Any("a", "'", "\\n", "\\u0041", "é", ";", "\\\\"), size, ""),
                1 => Filled("", Any(" ", "\n"), size, ""),
                2 => $"{string.Concat(Enumerable.Range(0, size / 12).Select(i => $"\"m{i:x8}\":1,"))}\"",
                3 => $"\"x\":{new string('9', size)},\"",
                _ => Filled("\"x\":[", Any("1,", "\"\",", "{},", "[],", "null,"), size, "1],\""),
            }, '"');
    }

    private byte[] Deep(byte[] body, string type)
    {
        var depth = Any(31, 32, 33, 64, 1000, 20_000, 100_000);
        if (type == "application/yaml" && Chance(50))
        {
            return Encoding.UTF8.GetBytes(Chance(50)
                ? string.Concat(Enumerable.Range(0, 30).Select(i => $"a{i}: &a{i} [{string.Join(',', Enumerable.Repeat(i == 0 ? "x" : $"*a{i - 1}", 9))}]\n"))
                : string.Concat(Enumerable.Range(0, Math.Min(depth, 1000)).Select(i => $"{new string(' ', i)}a:\n")));
        }

        return type == "text/plain"
            ? Encoding.UTF8.GetBytes($"name='g1'\nkernel='/k'\nvif={new string('[', depth)}{(Chance(50) ? $"''{new string(']', depth)}" : "")}\n")
            : Spliced(body, Chance(50) ? $"{new string('[', depth)}{new string(']', depth)}," : $"{string.Concat(Enumerable.Repeat("{\"a\":", depth))}1{new string('}', depth)},", ':');
    }

    private byte[] BadUtf8(byte[] body, string type) => Spliced(body, Any<byte[]>(
        [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xFF], [0xE2, 0x82], [0xF4, 0x90, 0x80, 0x80], [0x80], [0xFE, 0xFF], [0xEF, 0xBB, 0xBF], [0x00], [.. "\\ud800"u8], [.. "\\udc00\\ud800"u8], [.. "\\u0000"u8]), '"');

    private byte[] Spliced(byte[] body, string text, char after) => Spliced(body, Encoding.UTF8.GetBytes(text), after);

    /// <summary>With <paramref name="what"/> after one of the places where <paramref name="after"/> stands, or else at the end.</summary>
    private byte[] Spliced(byte[] body, byte[] what, char after)
    {
        int[] places = [.. Enumerable.Range(0, body.Length).Where(i => body[i] == after)];
        var at = places.Length == 0 ? body.Length : places[_random.Next(places.Length)] + 1;
        return [.. body[..at], .. what, .. body[at..]];
    }

    private static string Filled(string start, string unit, int size, string end) => $"{start}{string.Concat(Enumerable.Repeat(unit, size / Encoding.UTF8.GetByteCount(unit)))}{end}";

    /// <summary>Whether an Idempotency-Key makes it and its double one: not what is only tried.</summary>
    private static bool TakesKey(JsonNode operation, List<string> query) =>
        operation["parameters"]?.AsArray().Any(p => (string)p!["name"]! == "Idempotency-Key") == true && !query.Any(q => q.StartsWith("validateOnly=", StringComparison.Ordinal));

    private static HashSet<int> Documented(JsonNode operation) => operation["responses"]!.AsObject().Select(r => int.Parse(r.Key, CultureInfo.InvariantCulture)).ToHashSet();

    /// <summary>Every operation in turn, in an order that is new each time.</summary>
    private (string Path, string Method, JsonNode Operation) NextOperation()
    {
        FillTurn(_turn, _operations.Count);
        return _operations[_turn.Dequeue()];
    }

    private void FillTurn(Queue<int> turn, int count)
    {
        if (turn.Count > 0)
            return;
        var order = Enumerable.Range(0, count).ToArray();
        _random.Shuffle(order);
        foreach (var index in order)
            turn.Enqueue(index);
    }

    private (byte[]? Body, string? Type) Body(JsonObject content, string operation)
    {
        if (Chance(2))
            return (null, null);
        var type = content.Select(c => c.Key).ElementAt(_random.Next(content.Count));
        if (Chance(2))
            return ("{}"u8.ToArray(), Any("application/xml", "text/html", "garbage", "application/json; charset=utf-7"));
        if (type == "text/plain")
            return (Noise(Encoding.Latin1.GetBytes(operation == "XlConf_Put" ? XlConfText() : File(Known("guest")!))), type);
        var json = Value(content[type]!["schema"]!, "", 0);
        // Most bodies name what has to be named, or all would end at the first check.
        if (json is JsonObject it && Chance(85))
        {
            foreach (var (name, value) in Required(operation))
                it[name] = value;
            if (operation is "Guests_Create" or "Guests_Put" && !it.ContainsKey("config") && Chance(80))
                it["kernel"] = "/k";
        }

        return (Noise(Encoding.UTF8.GetBytes(json?.ToJsonString() ?? "null")), type);
    }

    private IEnumerable<(string, JsonNode)> Required(string operation)
    {
        if (operation is "Hosts_Put" or "Hosts_Create")
            yield return ("driver", new JsonObject { ["kind"] = "simulated" });
        if (operation is "ApiKeys_Create")
            yield return ("role", Any("viewer", "operator", "admin"));
        if (operation is "MacAllocations_Reserve")
            yield return ("reservedFor", Any("in/g1", "f1/f1/0", "printer"));
        if (operation is "MacPools_Create")
        {
            yield return ("first", $"0e:00:00:00:0{_random.Next(10)}:00");
            yield return ("last", $"0e:00:00:00:0{_random.Next(10)}:ff");
        }

        var named = operation switch { "Hosts_Create" => "host", "Guests_Create" => "guest", "Bridges_Create" => "bridge", "MacPools_Create" => "pool", "ApiKeys_Create" => "key", _ => null };
        if (named is not null)
            yield return ("name", Known(named)!);
    }

    private JsonNode? Value(JsonNode schema, string name, int depth)
    {
        if (schema["$ref"] is { } reference)
            schema = _document["components"]!["schemas"]![((string)reference!).Split('/')[^1]]!;
        if (schema["oneOf"] is JsonArray choices)
            return Chance(10) ? null : Value(choices[0]!, name, depth);
        if (Chance(6))
            return WrongType();
        if (schema["enum"] is JsonArray names)
            return Chance(90) ? names[_random.Next(names.Count)]!.DeepClone() : Any(Hostile);
        switch (TypeOf(schema))
        {
            case "object" when schema["properties"] is JsonObject properties:
                var made = new JsonObject();
                foreach (var (member, of) in properties)
                {
                    if (Chance(depth == 0 ? 30 : 35) && !(member == "config" && Chance(70)))
                        made[member] = Value(of!, member, depth + 1);
                }

                if (Chance(4))
                    made[Any(Hostile)] = WrongType();
                return made;
            case "object":
                return new JsonObject { [Chance(70) ? "forwarddev" : Any(Hostile)] = Any(Hostile) };
            case "array":
                return new JsonArray([.. Enumerable.Range(0, _random.Next(4)).Select(_ => Value(schema["items"]!, name, depth + 1))]);
            case "integer":
                return JsonValue.Create(Chance(60) ? Any(8L, 1000, 1500, 8_000_000, 2) : Any(0L, -1, 1, 65536, int.MaxValue, int.MinValue, long.MaxValue, long.MinValue));
            case "boolean":
                return JsonValue.Create(Chance(50));
            default:
                return Chance(65) && Known(name) is { } known ? known : Any(Hostile);
        }
    }

    private JsonNode? WrongType() => _random.Next(6) switch
    {
        0 => null,
        1 => JsonValue.Create(1.5),
        2 => new JsonArray(),
        3 => new JsonObject { ["x"] = 1 },
        4 => JsonValue.Create(true),
        _ => Any(Hostile),
    };

    /// <summary>Sometimes a body is torn, doubled or holds bytes of no meaning.</summary>
    private byte[] Noise(byte[] body) => _random.Next(100) switch
    {
        0 when body.Length > 0 => body[..^_random.Next(1, body.Length + 1)],
        1 => [.. body, .. body],
        2 when body.Length > 0 => [.. body[..(body.Length / 2)], (byte)_random.Next(256), .. body[(body.Length / 2)..]],
        3 => [.. Encoding.ASCII.GetBytes(new string('[', _random.Next(5000)))],
        _ => body,
    };

    private string File(string name)
    {
        var vifs = Enumerable.Range(0, _random.Next(4)).Select(_ => Quoted(string.Join(',', Enumerable.Range(0, _random.Next(4)).Select(_ =>
            Any($"mac={Known("mac")}", $"bridge={Known("bridge")}", $"vifname={Known("vifname")}", $"{Any("ip", "script", "bridge", "rate", "devid", "mtu", "x")}={Any(Hostile).Replace(Marker, "other", StringComparison.Ordinal)}",
                "rate=1MB/s@20ms", "rate=7b/s", "devid=3", "model=e1000", "type=ioemu", "trusted")))));
        return $"# {Any("made up", "gem\u00e4cht", "'")}\nname = {Quoted(Chance(90) ? name : Any(Hostile).Replace(Marker, "other", StringComparison.Ordinal))}\n"
            + (Chance(90) ? "kernel = '/k'\n" : "type = 'hvm'\n")
            + (Chance(80) ? $"vif = [{string.Join(Any(",", ", ", ",\n  "), vifs)}]{Any("\n", "", " # end")}" : "")
            + (Chance(10) ? Any("vif = 'x'\n", "vif += ['']\n", "on_crash = 'x'\r\n", "= 1\n", "extra = \"a\\x41b\"\n") : "");
    }

    private string XlConfText() => $"vif.default.{Any("script", "bridge", "backend", "gatewaydev")}={Quoted(Any("vif-bridge", "br0", "x", Any(Hostile).Replace(Marker, "other", StringComparison.Ordinal)))}\n"
        + Any("", "autoballoon=0\n", "vifscript='vif-route'\n", "[\n");

    /// <summary>In quotes, now and then without minding what is inside.</summary>
    private string Quoted(string text) => Chance(80)
        ? $"'{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal)}'"
        : Chance(50) ? $"'{text}'" : $"\"{text}\"";

    /// <summary>Values that can be right, few enough for requests to meet.</summary>
    private string? Known(string name) => name switch
    {
        "host" => Any("in", "f1", "f2"),
        "guest" => Any("g1", "f1", "f2", "f3"),
        "bridge" => Any("br0", "br1", "f1"),
        "pool" or "macPool" => Any("default", "p1", "p2"),
        "key" => Any("k1", "k2"),
        "hosts" => Any("in", "f1"),
        "expiresAt" => "2199-01-01T00:00:00Z",
        "devid" => Any("0", "1", "2", "3", "77"),
        "number" => Any("1", "2", "5", "9"),
        "id" => new Guid(_random.Next(4), 0, 0, new byte[8]).ToString(),
        "mac" or "first" or "last" => Any($"02:00:00:00:00:0{_random.Next(10)}", $"0e:00:00:00:01:0{_random.Next(10)}", $"00:16:3e:80:00:0{_random.Next(10)}"),
        "vifname" => Any("f1-lan", "f2-lan", "g1-lan"),
        "script" => Any("vif-bridge", "vif-route", "/etc/xen/scripts/vif-nat"),
        "ip" => Any("10.0.0.2", "10.0.0.0/24", "fd00::1"),
        "gatewaydev" => "eth0",
        "backend" => "driver-domain",
        "kernel" or "ramdisk" or "bootloader" or "extra" => Any("/k", "console=hvc0"),
        "config" => File(Known("guest")!),
        "reservedFor" => Any("in/g1", "in/g1/1", "printer"),
        "description" => "some words",
        _ => null,
    };

    private string QueryValue(string name) => name switch
    {
        "limit" => Any("1", "2", "1000"),
        "wait" => Any("1ms", "20ms"),
        "validateOnly" => Any("true", "false"),
        "allow" => Any("none", "vif-blip,guest-recreate", "management-path"),
        "acceptFindings" => Any("all", "vif.unknown-key", "vif.mac.malformed,vif.rate.inexact"),
        "kind" => Any("guest", "xl-conf", "vif"),
        "state" => Any("held", "reserved", "quarantined"),
        "since" or "until" => Any("2020-01-01T00:00:00Z", "2199-01-01T00:00:00+02:00"),
        "status" => Any("queued", "succeeded", "failed"),
        _ => Known(name) ?? "",
    };

    /// <param name="Type">The body's type; null for a parameter, whose pointer is where it stands and its name.</param>
    private sealed record StringPlace(int Operation, string? Type, string[] Pointer);

    private bool Chance(int percent) => _random.Next(100) < percent;

    private T Any<T>(params ReadOnlySpan<T> values) => values[_random.Next(values.Length)];
}

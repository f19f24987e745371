using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Xlnet.Domain.Xl;
using Xlnet.Infrastructure.Data;
using Xunit;

namespace Xlnet.Api.Tests.Input;

/// <summary>
/// Requests made up from the OpenAPI document that the service serves, half of them wrong on purpose. Whatever is sent, nothing
/// fails, no text gets out of the value that it stands in, and the database stays whole. <c>XLNET_FUZZ_REQUESTS</c> and
/// <c>XLNET_FUZZ_SEED</c> set how many and which; what runs at the same time may still differ from run to run.
/// </summary>
public sealed class FuzzTests(InputService service) : IClassFixture<InputService>
{
    private const int AtOnce = 6;

    [Fact]
    public async Task Service_MadeUpRequests_NeverFailsAndStaysWhole()
    {
        var seed = Setting("XLNET_FUZZ_SEED", 1);
        var count = Setting("XLNET_FUZZ_REQUESTS", 3000);
        TestContext.Current.TestOutputHelper!.WriteLine($"XLNET_FUZZ_SEED={seed} XLNET_FUZZ_REQUESTS={count}");
        var document = (await service.Client.GetJsonAsync("/openapi/v1.json")).Json!;
        var fuzzer = new RequestFuzzer(document, new Random(seed));
        var statuses = new SortedDictionary<int, int>();
        var seen = new HashSet<string>();
        var faults = new List<string>();
        var guests = 0;
        for (var sent = 0; sent < count; sent += AtOnce)
        {
            var batch = Enumerable.Range(0, AtOnce - 1).Select(_ => fuzzer.Next()).ToList();
            // One of them twice at once.
            batch.Add(batch[0]);
            var answers = await Task.WhenAll(batch.Select(r => service.SendAsync(r.Method, r.Path, r.Body, r.ContentType, headers: [.. r.Headers])));
            foreach (var (request, answer) in batch.Zip(answers))
            {
                seen.Add(request.Operation);
                statuses[answer.Status] = statuses.GetValueOrDefault(answer.Status) + 1;
                if (FaultOf(request, answer) is { } fault)
                    faults.Add($"{fault}: {request} -> {answer.Status} {answer.Text}");
            }

            // Now and then, as what has been made may all be deleted again by the end.
            if (sent / (count / 10) < (sent + AtOnce) / (count / 10))
                guests += await CheckDatabaseAsync();
        }

        TestContext.Current.TestOutputHelper.WriteLine(string.Join(", ", statuses.Select(s => $"{s.Key}: {s.Value}")));
        Assert.True(faults.Count == 0, $"seed {seed}: {faults.Count} faults, such as\n{string.Join('\n', faults.DistinctBy(f => f[..Math.Min(f.Length, 60)]).Take(8))}");
        Assert.Equal(fuzzer.Operations.Order(StringComparer.Ordinal), seen.Order(StringComparer.Ordinal));
        // The fuzzer has to get through the door to be of use.
        Assert.True(statuses.Where(s => s.Key < 300).Sum(s => s.Value) > count / 20, "hardly any request was taken");
        Assert.True(guests > 0, "no guest was there to be checked");
    }

    private static string? FaultOf(FuzzedRequest request, Answer answer)
    {
        if (answer.Status >= 500)
            return "failed";
        // Kestrel itself refuses what is no HTTP, before any of our code, and without a body.
        if (answer.Status < 400 || answer.Status == 400 && answer.Text.Length == 0)
            return null;
        if (answer.ContentType != "application/problem+json" || answer.Code is null)
            return "no problem";
        // A path that was bent may lead elsewhere.
        return answer.Code is "not-found" or "method-not-allowed" || request.Bent || request.Documented.Contains(answer.Status)
            ? null
            : "not in the OpenAPI document";
    }

    /// <returns>How many guests there were.</returns>
    private async Task<int> CheckDatabaseAsync()
    {
        await using var source = NpgsqlDataSource.Create(service.ConnectionString);
        foreach (var (rule, sql) in (ReadOnlySpan<(string, string)>)
        [
            ("every vif's address is held by it", """
                SELECT v.mac::text || ' ' || h.name || '/' || g.name || '/' || v.devid FROM vifs v JOIN guests g ON g.id = v.guest_id JOIN hosts h ON h.id = g.host_id
                LEFT JOIN mac_allocations a ON a.mac = v.mac
                WHERE a.mac IS NULL OR a.state <> 'held' OR a.holder <> h.name || '/' || g.name || '/' || v.devid
                """),
            ("what is held is a vif's", "SELECT a.mac::text || ' ' || a.holder FROM mac_allocations a WHERE a.state = 'held' AND NOT EXISTS (SELECT FROM vifs v WHERE v.mac = a.mac)"),
            ("the ledger has one open entry for each address in use, of the same holder", """
                SELECT a.mac::text || ' ' || a.state FROM mac_allocations a
                WHERE (SELECT count(*) FROM mac_holdings m WHERE m.mac = a.mac AND m.held_until IS NULL AND m.holder = a.holder) <> CASE a.state WHEN 'quarantined' THEN 0 ELSE 1 END
                """),
            ("an address of a subnet that is held is its vif's", """
                SELECT host(a.address) || ' ' || a.holder FROM subnet_addresses a WHERE a.state = 'held' AND family(a.address) = 4 AND NOT EXISTS (
                    SELECT FROM vifs v JOIN guests g ON g.id = v.guest_id JOIN hosts h ON h.id = g.host_id, unnest(string_to_array(v.ip, ' ')) t
                    WHERE a.holder = h.name || '/' || g.name || '/' || v.devid AND split_part(t, '/', 1) = host(a.address))
                """),
            ("the ledger of subnets likewise", """
                SELECT host(a.address) || ' ' || a.state FROM subnet_addresses a
                WHERE (SELECT count(*) FROM subnet_holdings s WHERE s.subnet_id = a.subnet_id AND s.address = a.address AND s.held_until IS NULL AND s.holder = a.holder)
                    <> CASE a.state WHEN 'quarantined' THEN 0 ELSE 1 END
                """),
            ("a vif is of its guest's host", "SELECT v.id::text FROM vifs v JOIN guests g ON g.id = v.guest_id WHERE g.host_id <> v.host_id"),
            ("revisions are contiguous, and the host has the last", """
                SELECT h.name FROM hosts h LEFT JOIN revisions r ON r.host_id = h.id GROUP BY h.id, h.name, h.revision
                HAVING count(r.number) <> h.revision OR max(r.number) <> h.revision OR min(r.number) <> 1
                """),
            ("what a revision changed is of a revision", "SELECT o.host_id || ' ' || o.revision FROM revision_objects o LEFT JOIN revisions r ON r.host_id = o.host_id AND r.number = o.revision WHERE r.number IS NULL"),
            ("every revision changed something", "SELECT r.host_id || ' ' || r.number FROM revisions r WHERE NOT EXISTS (SELECT FROM revision_objects o WHERE o.host_id = r.host_id AND o.revision = r.number)"),
        ])
        {
            using var command = source.CreateCommand(sql);
            using var reader = command.ExecuteReader();
            var broken = new List<string>();
            while (reader.Read())
                broken.Add(reader.GetString(0));
            Assert.True(broken.Count == 0, $"{rule}, but: {string.Join("; ", broken.Take(5))}");
        }

        var options = new DbContextOptionsBuilder<XlnetDbContext>();
        XlnetDbOptions.Configure(options, source);
        await using var db = new XlnetDbContext(options.Options);
        var guests = await db.Guests.AsNoTracking().Include(g => g.Vifs).ToListAsync(TestContext.Current.CancellationToken);
        foreach (var guest in guests)
        {
            guest.Sort();
            var file = guest.Parse();
            Assert.Equal(guest.Name.Value, file.Name);
            Assert.Equal(guest.Vifs.Select(v => (v.Devid, v.WrittenSettings)), file.Vifs.Select(v => (v.Devid, v.Settings)));
            Assert.DoesNotContain(file.Syntax.Assignments, a => a.Name == RequestFuzzer.Marker);
        }

        foreach (var host in await db.Hosts.AsNoTracking().Where(h => h.XlConf != null).ToListAsync(TestContext.Current.CancellationToken))
            Assert.DoesNotContain(XlConf.Parse(XlText.FromBytes(host.XlConf!)).Syntax.Assignments, a => a.Name == RequestFuzzer.Marker);
        return guests.Count;
    }

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : otherwise;
}

internal sealed record FuzzedRequest(
    string Operation, string Method, string Path, byte[]? Body, string? ContentType, IReadOnlyList<(string, string)> Headers, IReadOnlySet<int> Documented, bool Bent)
{
    public override string ToString() =>
        $"{Operation}: {Method} {Path} {ContentType} {string.Join(' ', Headers)} {(Body is null ? "" : Encoding.Latin1.GetString(Body, 0, Math.Min(Body.Length, 2000)))}";
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

    private readonly JsonNode _document;
    private readonly Random _random;
    private readonly List<(string Path, string Method, JsonNode Operation)> _operations = [];
    private readonly Queue<int> _turn = new();

    public RequestFuzzer(JsonNode document, Random random)
    {
        (_document, _random) = (document, random);
        foreach (var (path, item) in document["paths"]!.AsObject())
        {
            foreach (var (method, operation) in item!.AsObject())
                _operations.Add((path, method.ToUpperInvariant(), operation!));
        }
    }

    public IEnumerable<string> Operations => _operations.Select(o => (string)o.Operation["operationId"]!);

    public FuzzedRequest Next()
    {
        // Every operation in turn, in an order that is new each time.
        if (_turn.Count == 0)
        {
            var order = Enumerable.Range(0, _operations.Count).ToArray();
            _random.Shuffle(order);
            foreach (var index in order)
                _turn.Enqueue(index);
        }

        var (path, method, operation) = _operations[_turn.Dequeue()];
        var query = new List<string>();
        var headers = new List<(string, string)>();
        var bent = false;
        foreach (var parameter in operation["parameters"]?.AsArray() ?? [])
        {
            var name = (string)parameter!["name"]!;
            switch ((string)parameter["in"]!)
            {
                case "path":
                    // The host that most requests are about is seldom deleted, or they would all end with 404.
                    var value = Chance(10) ? Any(Hostile) : (string)operation["operationId"]! == "Hosts_Delete" && Chance(90) ? "f2" : Known(name) ?? "x";
                    bent |= value is "" or "." or "..";
                    path = path.Replace($"{{{name}}}", Uri.EscapeDataString(value), StringComparison.Ordinal);
                    break;
                case "query" when Chance(name == "validateOnly" ? 20 : 35):
                    query.Add($"{name}={Uri.EscapeDataString(Chance(25) ? Any(Hostile) : QueryValue(name))}");
                    break;
                case "header" when Chance(name == "If-Match" && parameter["required"] is not null ? 80 : 10):
                    headers.Add((name, Any("*", "\"1\"", "garbage", "W/\"x\"", "\"a\", \"b\"")));
                    break;
            }
        }

        if (Chance(3))
            query.Add($"{Any("validateonl", "offset", "'")}=1");
        if (query.Count > 0)
            path += "?" + string.Join('&', query);
        var (body, type) = operation["requestBody"]?["content"] is { } content ? Body(content.AsObject(), method, (string)operation["operationId"]!) : (null, null);
        return new FuzzedRequest((string)operation["operationId"]!, method, path, body, type, headers,
            operation["responses"]!.AsObject().Select(r => int.Parse(r.Key, CultureInfo.InvariantCulture)).ToHashSet(), bent);
    }

    private (byte[]? Body, string? Type) Body(JsonObject content, string method, string operation)
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
        var type = schema["type"] is JsonArray types ? types.Select(t => (string)t!).First(t => t != "null") : (string?)schema["type"];
        switch (type)
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

    private bool Chance(int percent) => _random.Next(100) < percent;

    private T Any<T>(params ReadOnlySpan<T> values) => values[_random.Next(values.Length)];
}

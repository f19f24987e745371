using System.Diagnostics;
using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Xlnet.Domain.Xl;
using Xlnet.Infrastructure.Data;
using Xunit;

namespace Xlnet.Api.Tests.Input;

/// <summary>
/// Requests made up from the OpenAPI document that the service serves, half of them wrong on purpose. Whatever is sent, nothing
/// fails, no text gets out of the value that it stands in, and the database stays whole. <c>XLNET_FUZZ_REQUESTS</c> and
/// <c>XLNET_FUZZ_SEED</c> set how many and which; what runs at the same time may still differ from run to run. From 20,000 on, none may
/// take more than a second either.
/// </summary>
public sealed class FuzzTests(InputService service) : IClassFixture<InputService>
{
    private const int AtOnce = 6;

    /// <summary>From this many on the run is one that was asked for, and holds the service to its times.</summary>
    private const int Whole = 20_000;

    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    [Fact]
    public async Task Service_MadeUpRequests_NeverFailsAndStaysWhole()
    {
        var seed = Setting("XLNET_FUZZ_SEED", 1);
        var count = Setting("XLNET_FUZZ_REQUESTS", 3000);
        var output = TestContext.Current.TestOutputHelper!;
        output.WriteLine($"XLNET_FUZZ_SEED={seed} XLNET_FUZZ_REQUESTS={count}");
        var document = (await service.Client.GetJsonAsync("/openapi/v1.json")).Json!;
        var fuzzer = new RequestFuzzer(document, new Random(seed));
        var statuses = new SortedDictionary<int, int>();
        var kinds = new SortedDictionary<string, int>(StringComparer.Ordinal);
        var seen = new HashSet<string>();
        var faults = new List<string>();
        var slowest = new List<(TimeSpan Took, string Request)>();
        var guests = 0;
        var hosts = new HostLook();
        for (var sent = 0; sent < count; sent += AtOnce)
        {
            var batch = Enumerable.Range(0, AtOnce - 1).Select(_ => fuzzer.Next()).ToList();
            // One of them twice at once, and half of the time with a key that makes them one.
            var once = batch[0].TakesKey && fuzzer.Half();
            if (once)
                batch[0] = batch[0].WithKey($"once-{sent}");
            batch.Add(batch[0]);
            var answers = await Task.WhenAll(batch.Select(SendAsync));
            foreach (var (request, (answer, took)) in batch.Zip(answers))
            {
                seen.Add(request.Operation);
                statuses[answer.Status] = statuses.GetValueOrDefault(answer.Status) + 1;
                kinds[request.Kind] = kinds.GetValueOrDefault(request.Kind) + 1;
                slowest.Add((took, $"{Start(request.ToString(), 200)} -> {answer.Status}, {answer.Text.Length:n0} characters"));
                if (FaultOf(request, answer) is { } fault)
                    faults.Add($"{fault}: {request} -> {answer.Status} {answer.Text}");
            }

            if (once && answers[0].Answer is { Status: < 300 } first && answers[^1].Answer is { Status: < 300 } second && (first.Status, first.Text) != (second.Status, second.Text))
                faults.Add($"done twice: {batch[0]} -> {first.Status} {first.Text} and {second.Status} {second.Text}");
            slowest = [.. slowest.OrderByDescending(s => s.Took).Take(5)];

            // Now and then, as what has been made may all be deleted again by the end.
            if (Passes(sent, count / 10))
                guests += await CheckDatabaseAsync();
            if (Passes(sent, Math.Min(count / 3, 2000)))
                await hosts.LookAsync(service, faults);
        }

        output.WriteLine($"statuses: {string.Join(", ", statuses.Select(s => $"{s.Key}: {s.Value}"))}");
        output.WriteLine($"kinds: {string.Join(", ", kinds.Select(k => $"{k.Key}: {k.Value}"))}; {fuzzer.StringsInjected} of {fuzzer.Strings} strings injected into");
        output.WriteLine($"hosts: {hosts}");
        output.WriteLine($"slowest: {string.Join("\n  ", slowest.Select(s => $"{s.Took.TotalMilliseconds:f0} ms {s.Request}"))}");
        Assert.True(faults.Count == 0, $"seed {seed}: {faults.Count} faults, such as\n{string.Join('\n', faults.DistinctBy(f => Start(f, 60)).Take(8).Select(f => Start(f, 4000)))}");
        Assert.Equal(fuzzer.Operations.Order(StringComparer.Ordinal), seen.Order(StringComparer.Ordinal));
        Assert.Equal(["bad UTF-8", "deep", "huge", "injection", "made up", "path", "wrong content type"], kinds.Keys);
        // The fuzzer has to get through the door to be of use.
        Assert.True(statuses.Where(s => s.Key < 300).Sum(s => s.Value) > count / 20, "hardly any request was taken");
        Assert.True(guests > 0, "no guest was there to be checked");
        hosts.AssertSawEnough();
        if (count >= Whole)
        {
            Assert.Equal(fuzzer.Strings, fuzzer.StringsInjected);
            Assert.True(slowest[0].Took <= Longest, $"seed {seed}: {slowest[0].Took.TotalMilliseconds:f0} ms for {slowest[0].Request}");
        }

        static string Start(string text, int length) => text[..Math.Min(text.Length, length)];
        static bool Passes(int sent, int every) => sent / every < (sent + AtOnce) / every;
    }

    private async Task<(Answer Answer, TimeSpan Took)> SendAsync(FuzzedRequest request)
    {
        var start = Stopwatch.GetTimestamp();
        var answer = await service.SendAsync(request.Method, request.Path, request.Body, request.ContentType, asIs: true, headers: [.. request.Headers]);
        return (answer, Stopwatch.GetElapsedTime(start));
    }

    private static string? FaultOf(FuzzedRequest request, Answer answer)
    {
        if (answer.Status >= 500)
            return "failed";
        // Kestrel itself refuses what is no HTTP, before any of our code, and without a body.
        if (answer.Status < 400 || answer.Status is 400 or 414 && answer.Text.Length == 0)
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
            ("an address of a subnet lies in it", "SELECT host(a.address) || ' ' || s.cidr FROM subnet_addresses a JOIN subnets s ON s.id = a.subnet_id WHERE NOT a.address <<= s.cidr"),
            ("an address of a pool lies in it", "SELECT a.mac::text || ' ' || p.name FROM mac_allocations a JOIN mac_pools p ON p.id = a.pool_id WHERE a.mac NOT BETWEEN p.first AND p.last"),
            ("no two pools overlap", "SELECT p.name || ' ' || q.name FROM mac_pools p JOIN mac_pools q ON p.id < q.id AND p.first <= q.last AND q.first <= p.last"),
            ("one at a time holds an address", """
                SELECT m.mac::text || ' ' || m.holder || ' ' || n.holder FROM mac_holdings m JOIN mac_holdings n ON n.mac = m.mac AND n.id > m.id
                WHERE m.held_until IS NULL OR m.held_until > n.held_from
                """),
            ("one operation of a host runs at a time", "SELECT h.name FROM operations o JOIN hosts h ON h.id = o.host_id WHERE o.status = 'running' GROUP BY h.name HAVING count(*) > 1"),
            ("an operation that has ended says so", "SELECT o.id::text || ' ' || o.status FROM operations o WHERE (o.finished_at IS NULL) <> (o.status IN ('queued', 'running', 'awaiting-confirmation'))"),
            ("the answer to a key is kept with what it did", "SELECT s.key FROM stored_answers s WHERE s.status IS NULL AND s.operation_id IS NULL"),
            ("no answer that is kept has a secret", "SELECT s.key FROM stored_answers s WHERE position('\"secret\":'::bytea IN s.body) > 0"),
            ("every revision has its entry in the audit log", """
                SELECT h.name || ' ' || r.number || ' ' || r.request_id FROM revisions r JOIN hosts h ON h.id = r.host_id
                WHERE NOT EXISTS (SELECT FROM audit_log a WHERE a.host = h.name AND a.request_id = r.request_id)
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


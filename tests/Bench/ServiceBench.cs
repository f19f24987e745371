using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Npgsql;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Bench;

/// <summary>
/// The service against what it could be at best, and against itself on a hundred times the data. What is compared is run in turns, so
/// that whatever else the machine does falls on both; a ratio is the median of the rounds' own.
/// </summary>
internal sealed class ServiceBench : IAsyncDisposable
{
    private const string OneVif = "/v1/hosts/10001/guests/1.5/vifs/0";
    private const string AnyGuest = "/v1/hosts/{host}/guests/{guest}";
    private const int Small = 100;
    private const int Large = 10_000;

    /// <summary>
    /// So long it takes on two cores, which both sides share, until the runtime has compiled for good what a request runs: after 40 s that
    /// was still a quarter of what a service took that attached vifs.
    /// </summary>
    private static readonly TimeSpan WarmUp = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan Run = TimeSpan.FromSeconds(5);

    private readonly NpgsqlDataSource _server;
    private readonly string _connectionString;
    private readonly string _folder = Directory.CreateTempSubdirectory("xlnet-bench-").FullName;
    private readonly List<string> _databases = [];
    private bool _kept = true;

    private ServiceBench(string connectionString) => (_connectionString, _server) = (connectionString, NpgsqlDataSource.Create(connectionString));

    /// <param name="part">Only the part of that name; all when empty.</param>
    /// <returns>Whether all bounds were kept.</returns>
    public static async Task<bool> RunAsync(string connectionString, string part)
    {
        await using var bench = new ServiceBench(connectionString);
        Console.WriteLine("| what | xlnet | against | ratio | bound | kept |");
        Console.WriteLine("| --- | --: | --: | --: | --- | --- |");
        (string Name, Func<Task> Measure)[] parts =
        [
            ("start", bench.StartAsync), ("read", bench.ReadAsync), ("attach", bench.AttachAsync), ("plan", bench.PlanAsync), ("memory", bench.MemoryAsync), ("size", bench.SizeAsync),
        ];
        foreach (var (_, measure) in parts.Where(p => part.Length == 0 || p.Name == part))
            await measure();
        return bench._kept;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var database in _databases)
            await ExecuteAsync($"DROP DATABASE IF EXISTS {database} WITH (FORCE)");
        await _server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task StartAsync()
    {
        var empty = await TimeStartAsync(await CreateAsync("empty"));
        var ready = new List<double>();
        for (var round = 0; round < 5; round++)
            ready.Add(await TimeStartAsync("empty"));
        Row("from start to ready, median of 5", Text($"{Figures.Median(ready):n1} s"), "", null, "", true);
        Row("the same, on an empty database", Text($"{empty:n1} s"), "", null, "", true);

        async Task<double> TimeStartAsync(string database)
        {
            var start = Stopwatch.GetTimestamp();
            await using var service = await ServeAsync(database);
            using var answer = await service.Client.GetAsync("/readyz");
            answer.EnsureSuccessStatusCode();
            return Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
    }

    private async Task ReadAsync()
    {
        const int Connections = 16;
        await PopulateAsync("small", Small);
        await using var service = await ServeAsync("small");
        await using var bare = await BareVif.StartAsync(To("small"));
        await using var prepared = await BareVif.StartAsync(XlnetDbOptions.Complete(To("small")));
        if (await service.Client.GetStringAsync(OneVif) is var body && body != await bare.Client.GetStringAsync(OneVif))
            throw new InvalidOperationException($"The bare endpoint is to answer as the service does: {body}");
        var (ours, theirs) = await InTurnsAsync(6, () => GetAsync(service), () => GetAsync(bare));
        Compare("GET a vif", ours, theirs, "a second", "bare Kestrel and Npgsql, as they come", 0.9);
        (ours, theirs) = await InTurnsAsync(6, () => GetAsync(service), () => GetAsync(prepared));
        Compare("GET a vif", ours, theirs, "a second", "the same, with the service's connection settings", null);

        Task<double> GetAsync(BenchService of) => PerSecondAsync(of.Address, "GET", OneVif, Connections);
    }

    private async Task AttachAsync()
    {
        const int Clients = 8;
        await PopulateAsync("small", Small);
        await CreateAsync("attach_xlnet", "small");
        await CreateAsync("attach_pgbench", "small");
        await using var service = await ServeAsync("attach_xlnet");
        var script = await AttachScript.CheckedAsync(_server, To("attach_xlnet"), () => SendAsync(service.Client.PostAsJsonAsync("/v1/hosts/10001/guests/1.5/vifs", new { bridge = "xenbr0" })), To("attach_pgbench"));
        await TryAsync("pgbench, the same statements", prepared: false, 0.6);
        await TryAsync("the same, with its statements prepared", prepared: true, null);

        async Task TryAsync(string against, bool prepared, double? bound)
        {
            var (ours, theirs) = await InTurnsAsync(6,
                () => PerSecondAsync(service.Address, "POST", AnyGuest + "/vifs", Clients, Small, """{"bridge":"xenbr0"}"""),
                () => script.RunAsync(Clients, Run, prepared));
            Compare("POST a vif, with its address, revision and audit entry", ours, theirs, "a second", against, bound);
        }
    }

    private async Task PlanAsync()
    {
        const int Guests = 500;
        await CreateAsync("plan");
        await using var service = await ServeAsync("plan");
        const string Host = "/v1/hosts/dom0";
        await SendAsync(service.Client.PutAsJsonAsync(Host, new { driver = new { kind = "simulated" } }));
        for (var guest = 1; guest <= Guests; guest++)
        {
            var vifs = string.Join(", ", Enumerable.Range(0, Population.Vifs).Select(_ => "'bridge=xenbr0'"));
            await SendAsync(service.Client.PutAsync($"{Host}/guests/g{guest}/config", new StringContent($"name = 'g{guest}'\ntype = 'pv'\nkernel = '/guest/vmlinuz'\nmemory = 128\nvif = [{vifs}]\n")));
        }

        await SendAsync(service.Client.PutAsJsonAsync($"{Host}/bridges/xenbr0", new { }));
        var operation = await SendAsync(service.Client.PostAsync($"{Host}/apply?wait=300s", null));
        if ((string?)operation["status"] != "succeeded")
            throw new InvalidOperationException(operation.ToString());
        await SendAsync(service.Client.PutAsJsonAsync($"{Host}/guests/g250/vifs/2", new { bridge = "xenbr0", mtu = 1400 }));
        var plan = await SendAsync(service.Client.GetAsync(Host + "/plan"));
        if (plan["steps"]!.AsArray().Count != 1)
            throw new InvalidOperationException(plan.ToString());

        await using var database = NpgsqlDataSource.Create(To("plan"));
        var (ours, theirs) = await InTurnsAsync(22, () => TimeAsync(() => service.Client.GetByteArrayAsync(Host + "/plan")), () => TimeAsync(ReadRowsAsync));
        Compare("plan of 500 guests and 2,000 vifs, one changed", ours, theirs, "ms", "reading their rows", 20, most: true);

        async Task ReadRowsAsync()
        {
            await using var connection = await database.OpenConnectionAsync();
            foreach (var table in (string[])["guests", "vifs"])
            {
                await using var command = new NpgsqlCommand($"SELECT t.* FROM {table} t JOIN hosts h ON h.id = t.host_id WHERE h.name = 'dom0'", connection);
                await using var rows = await command.ExecuteReaderAsync();
                var values = new object[rows.FieldCount];
                while (await rows.ReadAsync())
                    rows.GetValues(values);
            }
        }
    }

    private async Task SizeAsync()
    {
        await PopulateAsync("small", Small);
        await PopulateAsync("large", Large);
        await using var small = await ServeAsync("small");
        await using var large = await ServeAsync("large");
        await TryAsync("GET the hosts", "GET", "/v1/hosts");
        await TryAsync("GET the hosts from somewhere on", "GET", "/v1/hosts?cursor={cursor}");
        await TryAsync("GET a host's guests", "GET", "/v1/hosts/{host}/guests");
        await TryAsync("GET a guest's vifs", "GET", AnyGuest + "/vifs");
        await TryAsync("GET a vif", "GET", AnyGuest + "/vifs/{devid}");
        await TryAsync("GET the MAC allocations", "GET", "/v1/mac-allocations");
        await TryAsync("POST a vif (allocation)", "POST", AnyGuest + "/vifs", """{"bridge":"xenbr0"}""");

        async Task TryAsync(string what, string method, string path, string body = "")
        {
            var (many, few) = await InTurnsAsync(6, () => P99Async(large, Large), () => P99Async(small, Small));
            Compare($"p99 of {what}, in 10,000 hosts", many, few, "ms", "in 100 hosts", 1.5, most: true);

            async Task<double> P99Async(BenchService of, int hosts)
            {
                var at = path;
                if (path.Contains("{cursor}", StringComparison.Ordinal))
                    at = path.Replace("{cursor}", await NextAsync(of), StringComparison.Ordinal);
                return (await Wrk.RunAsync(of.Address, method, at, 2, Run, hosts, body)).Milliseconds99;
            }
        }

        static async Task<string> NextAsync(BenchService of)
        {
            var page = await of.Client.GetFromJsonAsync<JsonNode>("/v1/hosts?limit=50");
            return (string)page!["next"]!;
        }
    }

    private async Task MemoryAsync()
    {
        await PopulateAsync("small", Small);
        await CreateAsync("memory", "small");
        await using var service = await ServeAsync("memory");
        using (var ready = await service.Client.GetAsync("/readyz"))
            ready.EnsureSuccessStatusCode();
        await Task.Delay(TimeSpan.FromSeconds(30));
        Row("memory at rest", Text($"{service.Mebibytes:n0} MiB"), "", null, "", true);
        var load = TimeSpan.FromMinutes(10);
        var runs = await Task.WhenAll(
            Wrk.RunAsync(service.Address, "GET", AnyGuest + "/vifs", 4, load, Small),
            Wrk.RunAsync(service.Address, "GET", "/v1/hosts", 2, load),
            Wrk.RunAsync(service.Address, "POST", AnyGuest + "/vifs", 2, load, Small, """{"bridge":"xenbr0"}"""));
        Row(Text($"memory after 10 minutes of load, {runs.Sum(r => r.PerSecond * load.TotalSeconds):n0} requests"), Text($"{service.Mebibytes:n0} MiB"), "", null, "", true);
    }

    /// <summary>Runs both in turns, each as often before the other as after it, and as long beforehand as it takes to be warm.</summary>
    private static async Task<(List<double> First, List<double> Second)> InTurnsAsync(int rounds, Func<Task<double>> first, Func<Task<double>> second)
    {
        List<double> ours = [], theirs = [];
        for (var warm = Stopwatch.StartNew(); warm.Elapsed < WarmUp;)
        {
            await first();
            await second();
        }

        for (var round = 0; round < rounds; round++)
        {
            if (round % 2 == 0)
                ours.Add(await first());
            theirs.Add(await second());
            if (round % 2 != 0)
                ours.Add(await first());
        }

        return (ours, theirs);
    }

    private static async Task<double> PerSecondAsync(Uri service, string method, string path, int connections, int hosts = 1, string body = "") =>
        (await Wrk.RunAsync(service, method, path, connections, Run, hosts, body)).PerSecond;

    private static async Task<double> TimeAsync(Func<Task> run)
    {
        var start = Stopwatch.GetTimestamp();
        await run();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static async Task<JsonNode> SendAsync(Task<HttpResponseMessage> request)
    {
        using var answer = await request;
        var text = await answer.Content.ReadAsStringAsync();
        return answer.IsSuccessStatusCode
            ? answer.Content.Headers.ContentType?.MediaType == "application/json" ? JsonNode.Parse(text)! : JsonValue.Create(text)
            : throw new InvalidOperationException(text);
    }

    /// <param name="most">Whether the bound is the greatest ratio, and not the least.</param>
    /// <param name="bound">Null where none was set.</param>
    private void Compare(string what, List<double> ours, List<double> theirs, string unit, string against, double? bound, bool most = false)
    {
        var ratio = Figures.Median([.. ours.Zip(theirs, (o, t) => o / t)]);
        var format = unit == "ms" ? "n1" : "n0";
        Row(what, $"{Number(Figures.Median(ours))} {unit}", $"{Number(Figures.Median(theirs))} {unit}: {against}", ratio,
            bound is null ? "" : Text($"{(most ? "≤" : "≥")} {bound}"), bound is null || (most ? ratio <= bound : ratio >= bound));

        string Number(double value) => value.ToString(format, CultureInfo.InvariantCulture);
    }

    private void Row(string what, string xlnet, string against, double? ratio, string bound, bool good)
    {
        _kept &= good;
        Console.WriteLine($"| {what} | {xlnet} | {against} | {(ratio is { } r ? Text($"{r:n2}") : "")} | {bound} | {(bound.Length == 0 ? "" : good ? "yes" : "**no**")} |");
    }

    private Task<BenchService> ServeAsync(string database) => BenchService.StartAsync(To(database), Directory.CreateDirectory(Path.Combine(_folder, database)).FullName);

    private async Task PopulateAsync(string database, int hosts)
    {
        if (_databases.Contains(Name(database)))
            return;
        await CreateAsync(database);
        await (await ServeAsync(database)).DisposeAsync();
        await using var source = NpgsqlDataSource.Create(To(database));
        await Population.FillAsync(source, hosts);
    }

    private async Task<string> CreateAsync(string database, string template = "")
    {
        _databases.Add(Name(database));
        await ExecuteAsync($"DROP DATABASE IF EXISTS {Name(database)} WITH (FORCE)");
        await ExecuteAsync($"CREATE DATABASE {Name(database)}{(template.Length == 0 ? "" : $" TEMPLATE {Name(template)}")}");
        return database;
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var command = _server.CreateCommand(sql);
        command.CommandTimeout = 0;
        await command.ExecuteNonQueryAsync();
    }

    private string To(string database) => new NpgsqlConnectionStringBuilder(_connectionString) { Database = Name(database), Pooling = true }.ConnectionString;

    private static string Name(string database) => "xlnet_bench_" + database;

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

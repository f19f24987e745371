using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;
using Xlnet.Infrastructure.Telemetry;
using Xunit;

namespace Xlnet.Api.Tests.Operating;

/// <summary>What an operator sees of a service that works.</summary>
public sealed partial class TelemetryTests(ServiceFixture shared) : IAsyncLifetime
{
    private const string Guest = "name = 'web1'\ntype = 'pv'\nkernel = '/guest/vmlinuz'\nvif = ['bridge=xenbr0']\n";

    private readonly TestDatabase _database = new();
    private readonly string _data = Directory.CreateTempSubdirectory("xlnet-test-").FullName;

    public async ValueTask InitializeAsync() => await _database.CreateAsync();

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        Directory.Delete(_data, recursive: true);
    }

    [Fact]
    public async Task Metrics_OfOperations_TellKindsAndEndsApartAndNameNoHost()
    {
        await using var service = await StartAsync();
        Assert.Equal(0, Value(await MetricsAsync(service), "xlnet_dead_man_timer_events_total", ("event", "fired")));

        var failed = await WorkAsync(service, "dom0-unmistakable");

        // What the database alone knows is read every five seconds.
        var began = Stopwatch.GetTimestamp();
        IReadOnlyList<Metric> metrics;
        while (Value(metrics = [.. await MetricsAsync(service)], "xlnet_mac_pool_usage", ("name", "default"), ("state", "held")) != 1)
            Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromMinutes(1), "The address that is held is not counted.");
        Assert.Equal(1, Value(metrics, "xlnet_operation_duration_seconds_count", ("kind", "apply"), ("status", "succeeded")));
        Assert.Equal(1, Value(metrics, "xlnet_operation_duration_seconds_count", ("kind", "start"), ("status", "rolled-back"), ("error_type", "hotplug.failed")));
        Assert.Equal(1, Value(metrics, "xlnet_operation_rollbacks_total", ("outcome", "whole")));
        Assert.Equal(0, Value(metrics, "xlnet_operation_rollbacks_total", ("outcome", "incomplete")));
        Assert.Equal(1, Value(metrics, "xlnet_step_duration_seconds_count", ("action", "file.write"), ("xlnet_step_status", "succeeded"), ("rollback", "false")));
        Assert.Equal(1, Value(metrics, "xlnet_step_duration_seconds_count", ("action", "guest.create"), ("xlnet_step_status", "failed"), ("rollback", "false")));
        Assert.Equal(1 << 23, Value(metrics, "xlnet_mac_pool_limit", ("name", "default")));
        foreach (var other in new[] { "http_server_request_duration_seconds_count", "db_client_operation_duration_seconds_count", "quartz_job_execution_duration_seconds_count", "dotnet_process_memory_working_set_bytes" })
            Assert.Contains(metrics, m => m.Name == other);

        var text = string.Join('\n', metrics);
        Assert.DoesNotContain("dom0-unmistakable", text, StringComparison.Ordinal);
        Assert.DoesNotContain(failed, text, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", text, StringComparison.Ordinal);
        // A series for each operation would show in as many as there are.
        var before = metrics.Count(IsSteady);
        for (var i = 0; i < 3; i++)
            await service.Client.PostAsync("/v1/hosts/dom0-unmistakable/apply?wait=60s");
        Assert.Equal(before, (await MetricsAsync(service)).Count(IsSteady));

        static bool IsSteady(Metric metric) => metric.Name.StartsWith("xlnet_", StringComparison.Ordinal) || metric.Name.StartsWith("quartz_job_", StringComparison.Ordinal);
    }

    /// <summary>Every metric of xlnet's own is in the documentation with its attributes, and the other way round.</summary>
    [Fact]
    public async Task Documentation_OfMetrics_IsWhatTheServiceHas()
    {
        await using var service = await StartAsync();
        await WorkAsync(service, "dom0-a");
        // Nobody answers there.
        await service.Client.PutAsync("/v1/hosts/gone", new { driver = new { kind = "ssh", address = "127.0.0.1", port = 1, user = "root", key = "lab", hostKey = "SHA256:" + new string('A', 43) } });
        await File.WriteAllTextAsync(Path.Combine(Directory.CreateDirectory(Path.Combine(_data, "keys")).FullName, "lab"), "no key", TestContext.Current.CancellationToken);
        await service.Client.GetJsonAsync("/v1/hosts/gone/observation");

        var has = (await MetricsAsync(service)).Where(m => m.Name.StartsWith("xlnet_", StringComparison.Ordinal))
            .GroupBy(m => Suffix().Replace(m.Name, ""))
            .ToDictionary(g => g.Key, g => g.SelectMany(m => m.Labels.Keys).Where(l => l is not ("le" or "otel_scope_name")).Distinct().Order(StringComparer.Ordinal).ToList());
        var documented = Row().Matches(await Repository.ReadAsync("docs/operating.md")).ToDictionary(
            m => m.Groups[1].Value.Replace('.', '_'), m => Code().Matches(m.Groups[2].Value).Select(c => c.Groups[1].Value.Replace('.', '_')).Order(StringComparer.Ordinal).ToList());

        Assert.Equal(documented.Keys.Order(StringComparer.Ordinal), has.Keys.Order(StringComparer.Ordinal));
        Assert.All(has, m => Assert.Equal(documented[m.Key], m.Value));
    }

    [Fact]
    public async Task Spans_OfAnOperation_AreLinkedToTheRequestThatAsked()
    {
        var spans = new ConcurrentQueue<Activity>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == XlnetActivities.SourceName,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = spans.Enqueue,
        };
        ActivitySource.AddActivityListener(listener);
        var host = await shared.NewHostAsync();
        await shared.Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Guest);
        var trace = ActivityTraceId.CreateRandom().ToString();

        var operation = await shared.Client.SendJsonAsync(HttpMethod.Post, $"/v1/hosts/{host}/apply?wait=60s", null, ("traceparent", $"00-{trace}-00f067aa0ba902b7-01"), ("X-Request-ID", "asked-by-test"));

        var id = (string)operation["id"]!;
        // The answer comes with the operation's last write, a moment before its span ends.
        var began = Stopwatch.GetTimestamp();
        Activity? run;
        while ((run = spans.FirstOrDefault(s => s.OperationName == "operation apply" && (string?)s.GetTagItem("xlnet.operation.id") == id)) is null)
            Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromMinutes(1), "The operation has no span.");
        Assert.Equal(trace, Assert.Single(run.Links).Context.TraceId.ToString());
        Assert.NotEqual(trace, run.TraceId.ToString());
        Assert.Equal((host, "asked-by-test", "succeeded"), ((string?)run.GetTagItem("xlnet.host.name"), (string?)run.GetTagItem("xlnet.request.id"), (string?)run.GetTagItem("xlnet.operation.status")));
        var step = Assert.Single(spans, s => s.ParentSpanId == run.SpanId && s.TraceId == run.TraceId);
        Assert.Equal(("step file.write", "/etc/xen/web1.cfg", "succeeded"), (step.OperationName, (string?)step.GetTagItem("xlnet.step.target"), (string?)step.GetTagItem("xlnet.step.status")));
    }

    [Fact]
    public async Task Otlp_WithAnEndpoint_GetsTracesAndMetricsWithoutIdleQueries()
    {
        await using var receiver = await OtlpReceiver.StartAsync();
        await using var service = await StartAsync(new Dictionary<string, string>
        {
            ["OTEL_EXPORTER_OTLP_ENDPOINT"] = receiver.Address,
            ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
            ["OTEL_BSP_SCHEDULE_DELAY"] = "100",
            ["OTEL_METRIC_EXPORT_INTERVAL"] = "500",
            ["OTEL_SERVICE_NAME"] = "xlnet-of-this-test",
        });
        var failed = await WorkAsync(service, "dom0-a");

        var traces = await receiver.UntilAsync("/v1/traces", "operation start", failed, "step guest.create", "xlnet-of-this-test", "/v1/hosts/{host}/apply", "SELECT");
        await receiver.UntilAsync("/v1/metrics", "xlnet.operation.duration", "xlnet.mac_pool.usage", "xlnet-of-this-test", "http.server.request.duration");
        // The scheduler's own, which it asks all the time.
        Assert.DoesNotContain("qrtz_scheduler_state", traces, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("s3cret", traces, StringComparison.Ordinal);
    }

    /// <summary>An apply that succeeds and a start that is rolled back.</summary>
    /// <returns>The start's id.</returns>
    private async Task<string> WorkAsync(ServiceProcess service, string host)
    {
        var client = service.Client;
        await client.PutAsync($"/v1/hosts/{host}", new { driver = new { kind = "simulated" } });
        await client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Guest);
        Assert.Equal("succeeded", (string)(await client.PostAsync($"/v1/hosts/{host}/apply?wait=60s"))["status"]!);
        await using (var source = NpgsqlDataSource.Create(_database.ConnectionString))
            await SimulatedHosts.ChangeAsync(source, state => state.FailingScripts.Add("/etc/xen/scripts/vif-bridge"), host);
        var start = await client.PostAsync($"/v1/hosts/{host}/guests/web1/start?wait=60s");
        Assert.Equal("rolled-back", (string)start["status"]!);
        return (string)start["id"]!;
    }

    private Task<ServiceProcess> StartAsync(IReadOnlyDictionary<string, string>? environment = null) =>
        ServiceProcess.StartAsync(new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Password = "s3cret" }.ConnectionString, _data, environment: environment);

    private static async Task<List<Metric>> MetricsAsync(ServiceProcess service)
    {
        var answer = await service.Client.GetJsonAsync("/metrics");
        Assert.Equal(200, answer.Status);
        return [.. Series().Matches(answer.Text).Select(m => new Metric(
            m.Groups[1].Value, Label().Matches(m.Groups[2].Value).ToDictionary(l => l.Groups[1].Value, l => l.Groups[2].Value),
            double.Parse(m.Groups[3].Value, System.Globalization.CultureInfo.InvariantCulture)))];
    }

    /// <param name="labels">The end of each label's name, and its value.</param>
    private static double? Value(IEnumerable<Metric> metrics, string name, params (string Name, string Value)[] labels)
    {
        var found = metrics.Where(m => m.Name == name && labels.All(l => m.Labels.Any(x => x.Key.EndsWith(l.Name, StringComparison.Ordinal) && x.Value == l.Value))).ToList();
        return found.Count == 1 ? found[0].Value : throw new Xunit.Sdk.XunitException($"{found.Count} series of {name} {string.Join(' ', labels)} in\n{string.Join('\n', metrics.Where(m => m.Name.StartsWith("xlnet", StringComparison.Ordinal) && !m.Name.EndsWith("bucket", StringComparison.Ordinal)))}");
    }

    private sealed record Metric(string Name, IReadOnlyDictionary<string, string> Labels, double Value)
    {
        public override string ToString() => $"{Name} {string.Join(' ', Labels.Select(l => $"{l.Key}={l.Value}"))} {Value}";
    }

    /// <summary>Takes what OTLP sends. Protobuf keeps texts as they are, so they can be looked for without reading it.</summary>
    private sealed class OtlpReceiver : IAsyncDisposable
    {
        private readonly WebApplication _app;
        private readonly ConcurrentDictionary<string, StringBuilder> _bodies = new();

        private OtlpReceiver(WebApplication app) => _app = app;

        public string Address => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

        public static async Task<OtlpReceiver> StartAsync()
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
            var receiver = new OtlpReceiver(builder.Build());
            receiver._app.Run(async http =>
            {
                using var body = new MemoryStream();
                await http.Request.Body.CopyToAsync(body);
                var text = receiver._bodies.GetOrAdd(http.Request.Path, _ => new StringBuilder());
                lock (text)
                    text.Append(Encoding.Latin1.GetString(body.ToArray()));
            });
            await receiver._app.StartAsync(TestContext.Current.CancellationToken);
            return receiver;
        }

        /// <summary>Waits until all of the texts have come.</summary>
        public async Task<string> UntilAsync(string path, params string[] texts)
        {
            var began = Stopwatch.GetTimestamp();
            while (true)
            {
                var got = "";
                if (_bodies.TryGetValue(path, out var body))
                {
                    lock (body)
                        got = body.ToString();
                }

                var missing = texts.Where(t => !got.Contains(t, StringComparison.Ordinal)).ToList();
                if (missing.Count == 0)
                    return got;
                Assert.True(Stopwatch.GetElapsedTime(began) < TimeSpan.FromMinutes(1), $"{path} has got {got.Length} bytes, without {string.Join(", ", missing)}");
                await Task.Delay(50, TestContext.Current.CancellationToken);
            }
        }

        public ValueTask DisposeAsync() => _app.DisposeAsync();
    }

    [GeneratedRegex(@"^(\w+)(?:\{(.*)\})? (\S+)$", RegexOptions.Multiline)]
    private static partial Regex Series();

    [GeneratedRegex(@"(\w+)=""((?:[^""\\]|\\.)*)""")]
    private static partial Regex Label();

    [GeneratedRegex("(_seconds)?(_bucket|_sum|_count|_total)?$")]
    private static partial Regex Suffix();

    [GeneratedRegex(@"^\| `(xlnet\.[^`]+)` \|([^|]*)\|", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Code();
}

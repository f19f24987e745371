using System.Diagnostics;
using Npgsql;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Quartz.Diagnostics;
using Xlnet.Api.Access;
using Xlnet.Domain.Access;
using Xlnet.Infrastructure.Telemetry;

namespace Xlnet.Api.Common;

/// <summary>OpenTelemetry: <c>/metrics</c> always, traces and metrics over OTLP where the standard <c>OTEL_EXPORTER_OTLP_…</c> variables name an endpoint.</summary>
internal static class Telemetry
{
    private const string Metrics = "/metrics";

    /// <summary>What Quartz's numbers are told apart by. Its other attributes name single jobs and triggers, which here are hosts and operations, without end.</summary>
    private static readonly string[] QuartzTags = ["quartz.job.result", "quartz.jobstore.operation", "quartz.jobstore.lock", "error.type"];

    public static void AddTelemetry(this WebApplicationBuilder builder)
    {
        var (traces, metrics) = (HasEndpoint(builder.Configuration, "TRACES"), HasEndpoint(builder.Configuration, "METRICS"));
        var telemetry = builder.Services.AddOpenTelemetry().ConfigureResource(resource => resource
            .AddService("xlnet", serviceVersion: typeof(Telemetry).Assembly.GetName().Version?.ToString(3))
            // Once more and last, so that OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have the last word.
            .AddEnvironmentVariableDetector());

        telemetry.WithMetrics(provider =>
        {
            provider
                .AddMeter(XlnetMeter.Name, QuartzInstrumentation.MeterName)
                .AddAspNetCoreInstrumentation()
                .AddRuntimeInstrumentation()
                .AddNpgsqlInstrumentation()
                .AddView(i => i.Meter.Name == QuartzInstrumentation.MeterName ? new MetricStreamConfiguration { TagKeys = QuartzTags } : null)
                .AddPrometheusExporter();
            if (metrics)
                provider.AddOtlpExporter();
        });
        if (metrics)
            builder.Services.AddHostedService<FleetReader>();
        if (!traces)
            return;
        telemetry.WithTracing(provider => provider
            .AddSource(XlnetActivities.SourceName)
            .AddAspNetCoreInstrumentation(options => options.Filter = http => !IsProbe(http.Request.Path))
            .AddNpgsql()
            .AddProcessor(new Unasked())
            .AddOtlpExporter());
    }

    public static void MapTelemetry(this WebApplication app)
    {
        app.MapPrometheusScrapingEndpoint(Metrics, meterProvider: null, configureBranchedPipeline: scrape => scrape.Use(async (http, next) =>
        {
            await http.RequestServices.GetRequiredService<Fleet>().RefreshAsync(http.RequestAborted);
            await next(http);
        }), optionsName: null).DisableHttpMetrics().RequireAuthorization(new AccessNeed(AccessRole.Viewer, AllHosts: true).Policy);
        app.Services.GetRequiredService<XlnetMeter>().Begin();
    }

    private static bool HasEndpoint(ConfigurationManager configuration, string signal) =>
        configuration["OTEL_EXPORTER_OTLP_ENDPOINT"] is { Length: > 0 } || configuration[$"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"] is { Length: > 0 };

    private static bool IsProbe(PathString path) => path == Metrics || path == Health.LivePath || path == Health.ReadyPath;

    /// <summary>What the scheduler and the probes ask the database, several times a second, is no part of a request or an operation, and nobody looks for it.</summary>
    private sealed class Unasked : BaseProcessor<Activity>
    {
        public override void OnEnd(Activity data)
        {
            if (data.Source.Name == "Npgsql" && data.ParentSpanId == default)
                data.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;
        }
    }

    /// <summary>OTLP sends without being asked, so somebody has to look before it does.</summary>
    private sealed class FleetReader(Fleet fleet, TimeProvider clock) : BackgroundService
    {
        private static readonly TimeSpan Interval = TimeSpan.FromSeconds(15);

        protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        {
            using var timer = new PeriodicTimer(Interval, clock);
            do
                await fleet.RefreshAsync(stoppingToken);
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
    }
}

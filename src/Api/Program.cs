using FluentValidation;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Quartz;
using Xlnet.Api;
using Xlnet.Api.Access;
using Xlnet.Api.Bridges;
using Xlnet.Api.Bulk;
using Xlnet.Api.Common;
using Xlnet.Api.DesiredStates;
using Xlnet.Api.Drifts;
using Xlnet.Api.Explain;
using Xlnet.Api.Guests;
using Xlnet.Api.Hosts;
using Xlnet.Api.Macs;
using Xlnet.Api.Networking;
using Xlnet.Api.Operations;
using Xlnet.Api.Plans;
using Xlnet.Api.Subnets;
using Xlnet.Api.Vifs;
using Xlnet.Infrastructure;

// Its settings stand beside it, wherever it is started.
var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
if (Settings.Refuse(Settings.Check(builder.Configuration)))
    return 1;
// The key alone is printed then.
if (builder.Configuration["create-admin-key"] is not null)
    builder.Logging.ClearProviders();
builder.Services.AddOptions<XlnetOptions>().BindConfiguration("Xlnet").ValidateDataAnnotations().ValidateOnStart();
builder.Services.AddXlnetInfrastructure(builder.Configuration.GetConnectionString("Xlnet")!);
builder.Services.AddQuartzHostedService(quartz => quartz.WaitForJobsToComplete = true);
builder.AddLogs();
builder.AddTelemetry();

builder.Services.ConfigureHttpJsonOptions(options => ApiJson.Configure(options.SerializerOptions));
builder.Services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
builder.Services.Configure<KestrelServerOptions>(options =>
{
    options.Limits.MaxRequestBodySize = 1 << 20;
    options.AddServerHeader = false;
});
builder.Services.AddProblemDetails(options => options.CustomizeProblemDetails = ApiProblems.Complete);
builder.Services.AddExceptionHandler<ApiProblems>();
builder.Services.AddValidatorsFromAssemblyContaining<Program>(ServiceLifetime.Singleton, includeInternalTypes: true);
builder.Services.AddOpenApiDocument();
builder.Services.AddSingleton<QueryCheck>();
builder.Services.AddAccess();

builder.Services.AddScoped<IdempotencyScope>();
builder.Services.AddScoped<HostService>();
builder.Services.AddScoped<RevisionService>();
builder.Services.AddScoped<DesiredStateService>();
builder.Services.AddScoped<BridgeService>();
builder.Services.AddScoped<NetworkingService>();
builder.Services.AddScoped<SubnetService>();
builder.Services.AddScoped<GuestService>();
builder.Services.AddScoped<GuestVifs>();
builder.Services.AddScoped<VifService>();
builder.Services.AddScoped<BulkService>();
builder.Services.AddScoped<ExplainService>();
builder.Services.AddScoped<MacService>();
builder.Services.AddScoped<PlanService>();
builder.Services.AddScoped<AdoptionService>();
builder.Services.AddScoped<DriftService>();
builder.Services.AddScoped<OperationService>();

var app = builder.Build();
if (Settings.Refuse(Settings.CheckMeaning(app.Services)))
    return 1;
app.UseRequestIds();
app.UseExceptionHandler();
app.UseStatusCodePages();
app.UseOpenApiDocument();
app.UseAccess();
app.Use((http, next) =>
{
    http.RequestServices.GetRequiredService<QueryCheck>().Check(http);
    return next(http);
});
app.UseFieldSelection();
app.UseIdempotencyKeys();
app.MapV1();
app.MapHealth();
app.MapTelemetry();

if (Settings.Refuse(await app.SetUpDatabaseAsync()))
    return 1;
if (app.Configuration["create-admin-key"] is { } name)
    return await app.CreateAdminKeyAsync(name, CancellationToken.None);
app.RefuseOpenAddresses();
await app.RunAsync();
return Environment.ExitCode;

/// <summary>The service; public for the tests that start it.</summary>
public sealed partial class Program;

using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Npgsql;
using Quartz;
using Xlnet.Infrastructure.Data;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Hosts.Ssh;
using Xlnet.Infrastructure.Hosts.Watching;
using Xlnet.Infrastructure.Operations;
using Xlnet.Infrastructure.Telemetry;

namespace Xlnet.Infrastructure;

public static class ServiceRegistration
{
    /// <summary>The database, the hosts' drivers and the operations.</summary>
    public static IServiceCollection AddXlnetInfrastructure(this IServiceCollection services, string connectionString)
    {
        connectionString = XlnetDbOptions.Complete(connectionString);
        services.AddSingleton(TimeProvider.System);
        // Named, as its metrics would else have the whole connection string for their attribute.
        services.AddSingleton(_ => new NpgsqlDataSourceBuilder(connectionString) { Name = "xlnet" }.Build());
        services.AddPooledDbContextFactory<XlnetDbContext>((provider, options) =>
            XlnetDbOptions.Configure(options, provider.GetRequiredService<NpgsqlDataSource>()));
        services.AddScoped(provider => provider.GetRequiredService<IDbContextFactory<XlnetDbContext>>().CreateDbContext());
        services.AddScoped<RequestInfo>();
        services.AddScoped<MacAllocator>();
        services.AddScoped<SubnetAllocator>();

        services.AddSingleton(provider => new KeyStore(provider.GetRequiredService<IOptions<XlnetOptions>>().Value.Keys));
        services.AddSingleton<SshConnections>();
        services.AddSingleton<HostConnector>();
        services.AddSingleton<HostWatchers>();
        services.AddSingleton<OperationRunner>();
        services.AddSingleton<Handover>();
        services.AddHostedService(provider => provider.GetRequiredService<Handover>());
        services.AddSingleton<Fleet>();
        services.AddSingleton<XlnetMeter>();
        services.AddSingleton<OperationNotifications>();
        services.AddHostedService(provider => provider.GetRequiredService<OperationNotifications>());
        services.AddQuartz(quartz => Schedule(quartz, connectionString));
        return services;
    }

    private static void Schedule(IQuartzBuilder quartz, string connectionString)
    {
        // Not threads: a job is asynchronous, and while it waits for its host it costs no more than its state. So many, that hosts
        // which do not answer, each for as long as a command may take, leave room for all others.
        quartz.UseDefaultThreadPool(1000);
        quartz.ConfigureScheduler(scheduler => (scheduler.InstanceName, scheduler.GenerateInstanceId) = ("xlnet", true));
        quartz.UsePersistentStore(store =>
        {
            store.UsePostgres(NpgsqlFactory.Instance, connectionString);
            store.ConfigureStore(o => o.SchemaProvisioning = SchemaProvisioning.CreateIfMissing);
            store.UseClustering(cluster =>
            {
                cluster.CheckinInterval = TimeSpan.FromSeconds(3);
                cluster.CheckinMisfireThreshold = TimeSpan.FromSeconds(6);
            });
        });
        quartz.ScheduleJob<SweepJob>(
            trigger => trigger.WithIdentity("sweep").WithSimpleSchedule(SweepJob.Interval),
            job => job.WithIdentity("sweep").StoreDurably());
    }
}

using System.Net;
using System.Net.NetworkInformation;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;
using Npgsql;
using Xlnet.Domain.Access;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Common;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Operations;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Subnets;
using Xlnet.Domain.Vifs;

namespace Xlnet.Infrastructure.Data;

/// <summary>All of xlnet's own tables. Quartz keeps its own beside them (qrtz_*).</summary>
public sealed class XlnetDbContext : DbContext
{
    // A change that fails ends its transaction: a savepoint before each would be two more statements for nothing.
    public XlnetDbContext(DbContextOptions<XlnetDbContext> options) : base(options) => Database.AutoSavepointsEnabled = false;

    public DbSet<Host> Hosts => Set<Host>();
    public DbSet<Bridge> Bridges => Set<Bridge>();
    public DbSet<Guest> Guests => Set<Guest>();
    public DbSet<Vif> Vifs => Set<Vif>();
    public DbSet<MacPool> MacPools => Set<MacPool>();
    public DbSet<MacAllocation> MacAllocations => Set<MacAllocation>();
    public DbSet<MacHolding> MacHoldings => Set<MacHolding>();
    public DbSet<Subnet> Subnets => Set<Subnet>();
    public DbSet<SubnetAddress> SubnetAddresses => Set<SubnetAddress>();
    public DbSet<SubnetHolding> SubnetHoldings => Set<SubnetHolding>();
    public DbSet<Revision> Revisions => Set<Revision>();
    public DbSet<RevisionObject> RevisionObjects => Set<RevisionObject>();
    public DbSet<HostArtifact> HostArtifacts => Set<HostArtifact>();
    public DbSet<Operation> Operations => Set<Operation>();
    public DbSet<OperationStep> OperationSteps => Set<OperationStep>();
    public DbSet<ApiKey> ApiKeys => Set<ApiKey>();
    public DbSet<ApiKeyUse> ApiKeyUses => Set<ApiKeyUse>();
    public DbSet<AuditEntry> AuditLog => Set<AuditEntry>();
    public DbSet<StoredAnswer> StoredAnswers => Set<StoredAnswer>();
    public DbSet<SimulatedHost> SimulatedHosts => Set<SimulatedHost>();

    /// <summary>Begins a transaction, or takes part in the one that is under way: then it is for whoever began that to commit it.</summary>
    public async Task<JoinedTransaction> BeginAsync(CancellationToken ct) =>
        new(Database.CurrentTransaction is null ? await Database.BeginTransactionAsync(ct) : null);

    /// <summary>
    /// A statement within the caller's transaction whose plan is kept, however much its tables grow. So it finds each row by a key, whose
    /// value it has before it looks: of a parameter or of a subquery that stands for a value, never by a join, which would be left to what
    /// PostgreSQL knew of the tables when it made the plan. Then the plan goes through no table.
    /// </summary>
    internal NpgsqlCommand Command(string sql) => CommandWith("enable_seqscan = off", sql);

    /// <summary>
    /// A statement within the caller's transaction that is planned each time, which takes longer than to run it: one whose best plan
    /// depends on how many rows there are.
    /// </summary>
    internal NpgsqlCommand CommandPlannedAnew(string sql) => CommandWith("plan_cache_mode = force_custom_plan", sql);

    private NpgsqlCommand CommandWith(string setting, string sql)
    {
        var command = (NpgsqlCommand)Database.GetDbConnection().CreateCommand();
        command.CommandText = $"SET LOCAL {setting}; {sql}";
        command.Transaction = (NpgsqlTransaction?)Database.CurrentTransaction?.GetDbTransaction()
            ?? throw new InvalidOperationException("This is part of a change: begin a transaction first.");
        return command;
    }

    protected override void OnModelCreating(ModelBuilder modelBuilder) =>
        modelBuilder.ApplyConfigurationsFromAssembly(typeof(XlnetDbContext).Assembly);

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        configurationBuilder.Properties<MacAddress>().HaveConversion<MacAddressConverter>().HaveColumnType("macaddr");
        configurationBuilder.Properties<IpAddress>().HaveConversion<IpAddressConverter>().HaveColumnType("inet");
        configurationBuilder.Properties<ResourceName>().HaveConversion<ParsableConverter<ResourceName>>();
        configurationBuilder.Properties<GuestName>().HaveConversion<ParsableConverter<GuestName>>();
        configurationBuilder.Properties<InterfaceName>().HaveConversion<ParsableConverter<InterfaceName>>();
        configurationBuilder.Properties<XenVersion>().HaveConversion<ParsableConverter<XenVersion>>();
        configurationBuilder.Properties<DriverKind>().HaveConversion<KebabConverter<DriverKind>>();
        configurationBuilder.Properties<MacPolicy>().HaveConversion<KebabConverter<MacPolicy>>();
        configurationBuilder.Properties<BridgeKind>().HaveConversion<KebabConverter<BridgeKind>>();
        configurationBuilder.Properties<GuestType>().HaveConversion<KebabConverter<GuestType>>();
        configurationBuilder.Properties<VifType>().HaveConversion<KebabConverter<VifType>>();
        configurationBuilder.Properties<VifLocking>().HaveConversion<KebabConverter<VifLocking>>();
        configurationBuilder.Properties<AllocationState>().HaveConversion<KebabConverter<AllocationState>>();
        configurationBuilder.Properties<NetworkMode>().HaveConversion<KebabConverter<NetworkMode>>();
        configurationBuilder.Properties<RevisionObjectKind>().HaveConversion<KebabConverter<RevisionObjectKind>>();
        configurationBuilder.Properties<HostArtifactKind>().HaveConversion<KebabConverter<HostArtifactKind>>();
        configurationBuilder.Properties<OperationKind>().HaveConversion<KebabConverter<OperationKind>>();
        configurationBuilder.Properties<OperationStatus>().HaveConversion<KebabConverter<OperationStatus>>();
        configurationBuilder.Properties<OperationStepStatus>().HaveConversion<KebabConverter<OperationStepStatus>>();
        configurationBuilder.Properties<AccessRole>().HaveConversion<KebabConverter<AccessRole>>();
        configurationBuilder.Properties<Impact>().HaveConversion<KebabConverter<Impact>>();
    }

    private sealed class MacAddressConverter() : ValueConverter<MacAddress, PhysicalAddress>(
        m => new PhysicalAddress(Convert.FromHexString(m.ToString().Replace(":", ""))),
        p => new MacAddress(Convert.ToUInt64(p.ToString(), 16)));

    private sealed class IpAddressConverter() : ValueConverter<IpAddress, IPAddress>(a => a.Value, a => new IpAddress(a));

    private sealed class ParsableConverter<T>() : ValueConverter<T, string>(v => v.ToString()!, s => Parse<T>(s))
        where T : IParsable<T>;

    private sealed class KebabConverter<T>() : ValueConverter<T, string>(v => Kebab.Name(v), s => Kebab.Parse<T>(s))
        where T : struct, Enum;

    private static T Parse<T>(string text) where T : IParsable<T> => T.Parse(text, null);
}

/// <summary>The state of a simulated Dom0, so that every replica sees the same one and a killed service finds it as it left it.</summary>
public sealed class SimulatedHost
{
    public long HostId { get; init; }

    /// <summary>As JSON.</summary>
    public required string State { get; set; }
}

using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Networking;

namespace Xlnet.Infrastructure.Data.Configurations;

internal sealed class HostConfiguration : IEntityTypeConfiguration<Host>
{
    public void Configure(EntityTypeBuilder<Host> builder)
    {
        builder.ToTable("hosts");
        builder.HasIndex(h => h.Name).IsUnique().HasDatabaseName("ux_hosts_name");
        builder.Property(h => h.Defaults).HasColumnType("jsonb").HasConversion(
            d => JsonSerializer.Serialize(d, JsonSerializerOptions.Web),
            s => JsonSerializer.Deserialize<VifDefaults>(s, JsonSerializerOptions.Web));
        builder.Property(h => h.Ssh).HasColumnType("jsonb").HasConversion(
            s => JsonSerializer.Serialize(s, JsonSerializerOptions.Web),
            s => JsonSerializer.Deserialize<SshTarget>(s, JsonSerializerOptions.Web));
        builder.Property(h => h.Networking).HasColumnType("jsonb").HasConversion(n => NetworkJson.Write(n), s => NetworkJson.Read<HostNetworking>(s));
        builder.Property(h => h.NetworkingState).HasColumnType("jsonb").HasConversion(n => NetworkJson.Write(n), s => NetworkJson.Read<NetworkingState>(s));
        builder.HasOne<MacPool>().WithMany().HasForeignKey(h => h.MacPoolId).OnDelete(DeleteBehavior.Restrict).HasConstraintName("fk_hosts_mac_pool");
        builder.Ignore(h => h.XenVersionToKeepTo);
        builder.Property(h => h.Version).IsRowVersion();
    }
}

internal sealed class BridgeConfiguration : IEntityTypeConfiguration<Bridge>
{
    public void Configure(EntityTypeBuilder<Bridge> builder)
    {
        builder.ToTable("bridges");
        builder.HasOne<Host>().WithMany().HasForeignKey(b => b.HostId).OnDelete(DeleteBehavior.Cascade);
        builder.HasIndex(b => new { b.HostId, b.Name }).IsUnique().HasDatabaseName("ux_bridges_host_name");
        builder.Property(b => b.Version).IsRowVersion();
    }
}

internal sealed class HostArtifactConfiguration : IEntityTypeConfiguration<HostArtifact>
{
    public void Configure(EntityTypeBuilder<HostArtifact> builder)
    {
        builder.ToTable("host_artifacts");
        builder.HasKey(a => new { a.HostId, a.Kind, a.Name });
        builder.HasOne<Host>().WithMany().HasForeignKey(a => a.HostId).OnDelete(DeleteBehavior.Cascade);
    }
}

internal sealed class SimulatedHostConfiguration : IEntityTypeConfiguration<SimulatedHost>
{
    public void Configure(EntityTypeBuilder<SimulatedHost> builder)
    {
        builder.ToTable("simulated_hosts");
        builder.HasKey(s => s.HostId);
        builder.Property(s => s.HostId).ValueGeneratedNever();
        builder.Property(s => s.State).HasColumnType("jsonb");
        builder.HasOne<Host>().WithMany().HasForeignKey(s => s.HostId).OnDelete(DeleteBehavior.Cascade);
    }
}

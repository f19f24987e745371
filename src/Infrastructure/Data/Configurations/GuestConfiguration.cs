using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Subnets;
using Xlnet.Domain.Vifs;

namespace Xlnet.Infrastructure.Data.Configurations;

internal sealed class GuestConfiguration : IEntityTypeConfiguration<Guest>
{
    public void Configure(EntityTypeBuilder<Guest> builder)
    {
        builder.ToTable("guests");
        builder.HasOne<Host>().WithMany().HasForeignKey(g => g.HostId).OnDelete(DeleteBehavior.Cascade);
        builder.HasMany(g => g.Vifs).WithOne().HasForeignKey(v => v.GuestId).OnDelete(DeleteBehavior.Cascade);
        builder.Navigation(g => g.Vifs).UsePropertyAccessMode(PropertyAccessMode.Field);
        builder.Ignore(g => g.ConfigPath);
        builder.HasIndex(g => new { g.HostId, g.Name }).IsUnique().HasDatabaseName("ux_guests_host_name");
        builder.HasIndex(g => new { g.HostId, g.FilePath }).IsUnique().HasDatabaseName("ux_guests_host_file_path");
        builder.Property(g => g.Version).IsRowVersion();
    }
}

internal sealed class VifConfiguration : IEntityTypeConfiguration<Vif>
{
    public void Configure(EntityTypeBuilder<Vif> builder)
    {
        builder.ToTable("vifs");
        builder.Ignore(v => v.Rate).Ignore(v => v.WrittenSettings);
        builder.HasOne<Host>().WithMany().HasForeignKey(v => v.HostId).OnDelete(DeleteBehavior.Cascade);
        builder.HasOne<MacAllocation>().WithMany().HasForeignKey(v => v.Mac).HasConstraintName("fk_vifs_mac").OnDelete(DeleteBehavior.Restrict);
        builder.HasOne<Subnet>().WithMany().HasForeignKey(v => new { v.HostId, v.Subnet }).HasPrincipalKey(s => new { s.HostId, s.Name })
            .HasConstraintName("fk_vifs_subnet").OnDelete(DeleteBehavior.NoAction);
        builder.HasIndex(v => new { v.GuestId, v.Devid }).IsUnique().HasDatabaseName("ux_vifs_guest_devid");
        builder.HasIndex(v => v.Mac).IsUnique().HasDatabaseName("ux_vifs_mac");
        builder.HasIndex(v => new { v.HostId, v.VifName }).IsUnique().HasDatabaseName("ux_vifs_host_vifname");
        builder.Property(v => v.VifName).HasColumnName("vifname");
        // For the vifs that were there before it.
        builder.Property(v => v.Locking).HasDefaultValue(VifLocking.Unlocked);
        builder.Property(v => v.GatewayDev).HasColumnName("gatewaydev");
        builder.Property(v => v.Other).HasColumnType("jsonb").HasConversion(
            d => JsonSerializer.Serialize(d, JsonSerializerOptions.Web),
            s => JsonSerializer.Deserialize<ImmutableSortedDictionary<string, string>>(s, JsonSerializerOptions.Web)!,
            new ValueComparer<ImmutableSortedDictionary<string, string>>(
                (a, b) => a!.SequenceEqual(b!), d => d.Count, d => d));
        builder.Property(v => v.Version).IsRowVersion();
    }
}

using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Xlnet.Domain.Macs;

namespace Xlnet.Infrastructure.Data.Configurations;

internal sealed class MacPoolConfiguration : IEntityTypeConfiguration<MacPool>
{
    public void Configure(EntityTypeBuilder<MacPool> builder)
    {
        builder.ToTable("mac_pools");
        builder.Ignore(p => p.Size).Ignore(p => p.SequenceName);
        builder.HasIndex(p => p.Name).IsUnique().HasDatabaseName("ux_mac_pools_name");
        builder.Property(p => p.Version).IsRowVersion();
    }
}

internal sealed class MacAllocationConfiguration : IEntityTypeConfiguration<MacAllocation>
{
    public void Configure(EntityTypeBuilder<MacAllocation> builder)
    {
        builder.ToTable("mac_allocations");
        builder.HasKey(a => a.Mac).HasName("pk_mac_allocations");
        builder.HasOne<MacPool>().WithMany().HasForeignKey(a => a.PoolId).OnDelete(DeleteBehavior.Restrict).HasConstraintName("fk_mac_allocations_pool");
        // The free list: what the allocator takes from once the sequence is used up.
        builder.HasIndex(a => new { a.PoolId, a.AvailableAt }).HasFilter("state = 'quarantined'").HasDatabaseName("ix_mac_allocations_free");
        builder.HasIndex(a => a.Holder).HasFilter("state = 'reserved'").HasDatabaseName("ix_mac_allocations_reserved");
    }
}

internal sealed class MacHoldingConfiguration : IEntityTypeConfiguration<MacHolding>
{
    public void Configure(EntityTypeBuilder<MacHolding> builder)
    {
        builder.ToTable("mac_holdings");
        builder.Property(h => h.From).HasColumnName("held_from");
        builder.Property(h => h.Until).HasColumnName("held_until");
        builder.HasIndex(h => new { h.Mac, h.Id }).HasDatabaseName("ix_mac_holdings_mac");
    }
}

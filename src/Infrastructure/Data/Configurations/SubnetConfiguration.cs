using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Subnets;

namespace Xlnet.Infrastructure.Data.Configurations;

internal sealed class SubnetConfiguration : IEntityTypeConfiguration<Subnet>
{
    public void Configure(EntityTypeBuilder<Subnet> builder)
    {
        builder.ToTable("subnets");
        builder.Ignore(s => s.Size).Ignore(s => s.Place);
        builder.HasOne<Host>().WithMany().HasForeignKey(s => s.HostId).OnDelete(DeleteBehavior.Cascade);
        // What a vif refers to.
        builder.HasAlternateKey(s => new { s.HostId, s.Name }).HasName("ux_subnets_host_name");
        builder.Property(s => s.Version).IsConcurrencyToken();
    }
}

internal sealed class SubnetAddressConfiguration : IEntityTypeConfiguration<SubnetAddress>
{
    public void Configure(EntityTypeBuilder<SubnetAddress> builder)
    {
        builder.ToTable("subnet_addresses");
        builder.HasKey(a => new { a.SubnetId, a.Address }).HasName("pk_subnet_addresses");
        builder.HasOne<Subnet>().WithMany().HasForeignKey(a => a.SubnetId).OnDelete(DeleteBehavior.Cascade);
        // The free list: what the allocator takes from once the counter has gone through the range.
        builder.HasIndex(a => new { a.SubnetId, a.AvailableAt }).HasFilter("state = 'quarantined'").HasDatabaseName("ix_subnet_addresses_free");
        builder.HasIndex(a => new { a.SubnetId, a.Holder }).HasDatabaseName("ix_subnet_addresses_holder").HasOperators("int8_ops", "text_pattern_ops");
    }
}

internal sealed class SubnetHoldingConfiguration : IEntityTypeConfiguration<SubnetHolding>
{
    public void Configure(EntityTypeBuilder<SubnetHolding> builder)
    {
        builder.ToTable("subnet_holdings");
        builder.Property(h => h.From).HasColumnName("held_from");
        builder.Property(h => h.Until).HasColumnName("held_until");
        builder.HasOne<Subnet>().WithMany().HasForeignKey(h => h.SubnetId).OnDelete(DeleteBehavior.Cascade);
        builder.HasIndex(h => new { h.SubnetId, h.Address, h.Id }).HasDatabaseName("ix_subnet_holdings_address");
    }
}

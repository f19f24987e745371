using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Xlnet.Domain.Access;

namespace Xlnet.Infrastructure.Data.Configurations;

internal sealed class ApiKeyConfiguration : IEntityTypeConfiguration<ApiKey>
{
    public void Configure(EntityTypeBuilder<ApiKey> builder)
    {
        builder.ToTable("api_keys");
        builder.Ignore(k => k.Scope);
        builder.HasIndex(k => k.Name).IsUnique().HasDatabaseName("ux_api_keys_name");
        builder.HasIndex(k => k.Prefix).IsUnique().HasDatabaseName("ux_api_keys_prefix");
        builder.Property(k => k.Version).IsRowVersion();
    }
}

internal sealed class ApiKeyUseConfiguration : IEntityTypeConfiguration<ApiKeyUse>
{
    public void Configure(EntityTypeBuilder<ApiKeyUse> builder)
    {
        builder.ToTable("api_key_uses");
        builder.HasKey(u => u.KeyId);
        builder.Property(u => u.KeyId).ValueGeneratedNever();
        builder.HasOne<ApiKey>().WithOne().HasForeignKey<ApiKeyUse>(u => u.KeyId).OnDelete(DeleteBehavior.Cascade).HasConstraintName("fk_api_key_uses_key");
    }
}

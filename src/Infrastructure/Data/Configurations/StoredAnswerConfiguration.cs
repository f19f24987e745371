using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata.Builders;

namespace Xlnet.Infrastructure.Data.Configurations;

internal sealed class StoredAnswerConfiguration : IEntityTypeConfiguration<StoredAnswer>
{
    public void Configure(EntityTypeBuilder<StoredAnswer> builder)
    {
        builder.ToTable("stored_answers");
        builder.HasKey(a => new { a.Actor, a.Key });
        builder.Property(a => a.ETag).HasColumnName("e_tag");
        builder.HasIndex(a => a.ExpiresAt).HasDatabaseName("ix_stored_answers_expires_at");
    }
}

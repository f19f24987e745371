using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.ChangeTracking;
using Microsoft.EntityFrameworkCore.Metadata.Builders;
using Xlnet.Domain.Common;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Operations;
using Xlnet.Domain.Planning;

namespace Xlnet.Infrastructure.Data.Configurations;

internal sealed class RevisionConfiguration : IEntityTypeConfiguration<Revision>
{
    public void Configure(EntityTypeBuilder<Revision> builder)
    {
        builder.ToTable("revisions");
        builder.HasKey(r => new { r.HostId, r.Number });
        builder.HasOne<Host>().WithMany().HasForeignKey(r => r.HostId).OnDelete(DeleteBehavior.Cascade);
    }
}

internal sealed class RevisionObjectConfiguration : IEntityTypeConfiguration<RevisionObject>
{
    public void Configure(EntityTypeBuilder<RevisionObject> builder)
    {
        builder.ToTable("revision_objects");
        builder.HasKey(o => new { o.HostId, o.Kind, o.Name, o.Revision });
        builder.Property(o => o.Document).HasColumnType("jsonb");
        builder.HasOne<Host>().WithMany().HasForeignKey(o => o.HostId).OnDelete(DeleteBehavior.Cascade);
    }
}

internal sealed class OperationConfiguration : IEntityTypeConfiguration<Operation>
{
    public void Configure(EntityTypeBuilder<Operation> builder)
    {
        builder.ToTable("operations");
        builder.Property(o => o.Id).ValueGeneratedNever();
        builder.Property(o => o.Sequence).UseIdentityAlwaysColumn();
        builder.Property(o => o.Allow).HasColumnType("text[]").HasConversion(
            a => a.Select(i => Kebab.Name(i)).ToArray(),
            s => s.Select(n => Kebab.Parse<Impact>(n)).ToArray(),
            new ValueComparer<Impact[]>((a, b) => a!.SequenceEqual(b!), a => a.Length, a => a.ToArray()));
        builder.Property(o => o.Checkpoint).HasColumnType("jsonb");
        builder.Property(o => o.Error).HasColumnType("jsonb");
        builder.Ignore(o => o.Finished);
        builder.HasOne<Host>().WithMany().HasForeignKey(o => o.HostId).OnDelete(DeleteBehavior.Cascade);
        builder.HasMany(o => o.Steps).WithOne().HasForeignKey(s => s.OperationId).OnDelete(DeleteBehavior.Cascade);
        builder.Navigation(o => o.Steps).UsePropertyAccessMode(PropertyAccessMode.Field);
        builder.HasIndex(o => o.Sequence).IsUnique().HasDatabaseName("ux_operations_sequence");
        builder.HasIndex(o => new { o.HostId, o.Sequence }).HasDatabaseName("ix_operations_host");
        // What is still to run, host by host.
        builder.HasIndex(o => o.HostId).HasFilter("finished_at IS NULL").HasDatabaseName("ix_operations_unfinished");
    }
}

internal sealed class OperationStepConfiguration : IEntityTypeConfiguration<OperationStep>
{
    public void Configure(EntityTypeBuilder<OperationStep> builder)
    {
        builder.ToTable("operation_steps");
        builder.HasKey(s => new { s.OperationId, s.Ordinal });
        builder.Property(s => s.Commands).HasColumnType("jsonb");
    }
}

internal sealed class AuditEntryConfiguration : IEntityTypeConfiguration<AuditEntry>
{
    public void Configure(EntityTypeBuilder<AuditEntry> builder)
    {
        builder.ToTable("audit_log");
        builder.Property(a => a.Before).HasColumnType("jsonb");
        builder.Property(a => a.After).HasColumnType("jsonb");
        // One for each filter, in the order of the list. Who looks for a request id gets a few entries, in any order.
        builder.HasIndex(a => new { a.At, a.Id }).HasDatabaseName("ix_audit_log_at");
        builder.HasIndex(a => new { a.Host, a.At, a.Id }).HasDatabaseName("ix_audit_log_host");
        builder.HasIndex(a => new { a.Actor, a.At, a.Id }).HasDatabaseName("ix_audit_log_actor");
        builder.HasIndex(a => new { a.Action, a.At, a.Id }).HasDatabaseName("ix_audit_log_action");
        builder.HasIndex(a => a.RequestId).HasDatabaseName("ix_audit_log_request");
    }
}

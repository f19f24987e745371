namespace Xlnet.Domain.Hosts;

/// <summary>A numbered state of what a host is to be. It keeps what changed; the whole is the latest change of each object up to it.</summary>
public sealed class Revision
{
    public long HostId { get; init; }

    public long Number { get; init; }

    public DateTimeOffset CreatedAt { get; init; }

    public string? Actor { get; init; }

    public string? RequestId { get; init; }

    /// <summary>What was done, in a few words.</summary>
    public required string Summary { get; init; }
}

/// <summary>One object of a host as a revision left it.</summary>
public sealed class RevisionObject
{
    public long HostId { get; init; }

    public long Revision { get; init; }

    public RevisionObjectKind Kind { get; init; }

    /// <summary>The object's name; empty for the host itself.</summary>
    public required string Name { get; init; }

    /// <summary>The object as JSON; null when the revision took it away.</summary>
    public string? Document { get; init; }
}

public enum RevisionObjectKind
{
    Host,
    Bridge,
    Guest,
    Subnet,
}

/// <summary>Something that xlnet itself has put on a host, and may therefore take away again.</summary>
public sealed class HostArtifact
{
    public long HostId { get; init; }

    public HostArtifactKind Kind { get; init; }

    /// <summary>A path, or a bridge's name.</summary>
    public required string Name { get; init; }

    public DateTimeOffset CreatedAt { get; init; }
}

public enum HostArtifactKind
{
    GuestFile,
    Bridge,
}

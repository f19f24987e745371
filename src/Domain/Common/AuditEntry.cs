using System.Net;

namespace Xlnet.Domain.Common;

/// <summary>One change of one object: who, what before, what after.</summary>
public sealed class AuditEntry
{
    public long Id { get; private set; }

    public DateTimeOffset At { get; init; }

    public string? Actor { get; init; }

    public string? RequestId { get; init; }

    /// <summary>Where the request came from.</summary>
    public IPAddress? RemoteAddress { get; init; }

    /// <summary>The host that it is of; null for what is of none, such as a MAC pool.</summary>
    public required string? Host { get; init; }

    /// <summary>What was done, such as <c>vif.attach</c>.</summary>
    public required string Action { get; init; }

    /// <summary>The object's path, such as <c>dom0-a/web1/vifs/1</c>.</summary>
    public required string Target { get; init; }

    public string? Before { get; init; }

    public string? After { get; init; }
}

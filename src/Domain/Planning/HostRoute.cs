namespace Xlnet.Domain.Planning;

/// <summary>A route of a host's main table, in the words of <c>ip route</c>.</summary>
/// <param name="Destination">In CIDR notation, or <c>default</c>.</param>
public sealed record HostRoute(string Destination, string? Via, string? Device, string? Protocol, string? Scope, string? Source, int? Metric);

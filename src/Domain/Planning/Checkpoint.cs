using Xlnet.Domain.Vifs;

namespace Xlnet.Domain.Planning;

/// <summary>What a host was before an operation, as far as the operation may change it: what a rollback returns to.</summary>
public sealed record Checkpoint
{
    /// <summary>By path; null where there was no file.</summary>
    public required IReadOnlyDictionary<string, byte[]?> Files { get; init; }

    public required IReadOnlyList<DesiredBridge> Bridges { get; init; }

    /// <summary>The guests that ran, with their vifs as they were.</summary>
    public required IReadOnlyList<CheckpointDomain> Domains { get; init; }

    /// <summary>The guest files and bridges that xlnet had put on the host by then.</summary>
    public required IReadOnlySet<string> WrittenFiles { get; init; }

    public required IReadOnlySet<string> MadeBridges { get; init; }

    public static Checkpoint Of(HostObservation observation, DesiredState desired) => new()
    {
        WrittenFiles = desired.WrittenFiles,
        MadeBridges = desired.MadeBridges,
        Files = observation.Files,
        Bridges = [.. observation.Bridges.Select(b => new DesiredBridge(b.Name, b.Kind, b.Mtu))],
        Domains = [.. observation.Domains.Select(d => new CheckpointDomain(d.Domid, d.Name,
            [.. d.Vifs.Select(v => new CheckpointVif(v.Devid, v.Settings with { Mac = v.Mac }, v.Bridge))]))],
    };
}

public sealed record CheckpointDomain(int Domid, string Name, IReadOnlyList<CheckpointVif> Vifs);

/// <param name="Bridge">The bridge that it was a port of.</param>
public sealed record CheckpointVif(int Devid, VifSettings Settings, string? Bridge);

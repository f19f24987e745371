using Xlnet.Domain.Bridges;
using Xlnet.Domain.Common;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Vifs;

namespace Xlnet.Domain.Planning;

/// <summary>What a host was before an operation, as far as the operation may change it: what a rollback returns to.</summary>
public sealed record Checkpoint
{
    /// <summary>By path; null where there was no file.</summary>
    public required IReadOnlyDictionary<string, byte[]?> Files { get; init; }

    /// <summary>With their uplinks.</summary>
    public required IReadOnlyList<DesiredBridge> Bridges { get; init; }

    /// <summary>Dom0's interfaces that are no guest's.</summary>
    public IReadOnlyList<CheckpointInterface> Interfaces { get; init; } = [];

    /// <summary>Null as long as no step asked for them.</summary>
    public IReadOnlyList<HostRoute>? Routes { get; init; }

    public bool HasOpenVSwitch => Bridges.Any(b => b.Kind == BridgeKind.OpenVSwitch);

    /// <summary>The guests that ran, with their vifs as they were.</summary>
    public required IReadOnlyList<CheckpointDomain> Domains { get; init; }

    /// <summary>The guest files and bridges that xlnet had put on the host by then.</summary>
    public required IReadOnlySet<string> WrittenFiles { get; init; }

    public required IReadOnlySet<string> MadeBridges { get; init; }

    /// <summary>The guest files that are not named after their guests, by guest.</summary>
    public IReadOnlyDictionary<string, string> OddPaths { get; init; } = new Dictionary<string, string>();

    /// <summary>The operation's.</summary>
    public Guid Operation { get; init; }

    /// <summary>Dom0's own network as it was, and as it is to be; null where the operation leaves it alone.</summary>
    public CheckpointNetworking? Networking { get; init; }

    /// <summary>Dom0's own network as it was.</summary>
    public NetworkState NetworkBefore => new(Networking!.Before, Networking.Files!.Keys.ToDictionary(p => p, p => Files.GetValueOrDefault(p)));

    /// <summary>Where a guest's file was.</summary>
    public string PathOf(string guest) => OddPaths.GetValueOrDefault(guest) ?? Host.GuestConfigPath(guest);

    /// <summary>The files and bridges that are not as they were: what of xlnet's a rollback could not take away.</summary>
    public IReadOnlySet<string> LeftBehind(HostObservation observed) => Files
        .Where(f => !FileContents.Same(f.Value, observed.Files.GetValueOrDefault(f.Key)))
        .Select(f => f.Key)
        .Concat(observed.Bridges.Select(b => b.Name).Except(Bridges.Select(b => b.Name)))
        .ToHashSet();

    public static Checkpoint Of(HostObservation observation, DesiredState desired, Guid operation = default) => new()
    {
        Operation = operation,
        Networking = desired.Networking is { } networking ? new CheckpointNetworking(networking.Applied, networking.Wanted) : null,
        WrittenFiles = desired.WrittenFiles,
        MadeBridges = desired.MadeBridges,
        OddPaths = GuestPaths.Odd(desired, observation),
        Files = observation.Files,
        Bridges = [.. observation.Bridges.Select(b => new DesiredBridge(b.Name, b.Kind, b.Mtu, observation.Uplinks(b), b.VlanFiltering))],
        Interfaces = [.. observation.Interfaces.Where(i => !observation.IsVif(i.Name)).Select(i => new CheckpointInterface(i.Name, i.Mtu, i.Up, i.Addresses))],
        Domains = [.. observation.Domains.Select(d => new CheckpointDomain(d.Domid, d.Name,
            [.. d.Vifs.Select(v => new CheckpointVif(v.Devid, v.Settings with { Mac = v.Mac }, v.Bridge))]))],
    };
}

public sealed record CheckpointDomain(int Domid, string Name, IReadOnlyList<CheckpointVif> Vifs);

/// <param name="Bridge">The bridge that it was a port of.</param>
public sealed record CheckpointVif(int Devid, VifSettings Settings, string? Bridge);

/// <param name="Before">Null for the host's own.</param>
/// <param name="After">Null for the host's own.</param>
/// <param name="Files">What was planned for its files; null as long as no step changes them.</param>
public sealed record CheckpointNetworking(HostNetworking? Before, HostNetworking? After, IReadOnlyDictionary<string, byte[]?>? Files = null);

/// <param name="Addresses">In CIDR notation.</param>
public sealed record CheckpointInterface(string Name, int Mtu, bool Up, IReadOnlyList<string> Addresses);

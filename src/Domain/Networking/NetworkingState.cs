namespace Xlnet.Domain.Networking;

/// <summary>How far xlnet has a host's own network in hand.</summary>
/// <param name="Applied">What was last put into force; null while the host has its own.</param>
/// <param name="Originals">
/// The files of the host's own network as they were before xlnet, null where there was none. Until it is taken in hand their contents are
/// the host's to say.
/// </param>
/// <param name="IsTaken">Whether xlnet has begun to change them.</param>
public sealed record NetworkingState(HostNetworking? Applied, IReadOnlyDictionary<string, byte[]?> Originals, bool IsTaken)
{
    /// <summary>Whether the host's own files make that bridge one of Open vSwitch.</summary>
    public bool HadOpenVSwitch(string bridge) => IfupdownHost.Of(Originals).Facts(bridge)?.OvsType is not null;
}

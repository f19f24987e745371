using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using Xlnet.Domain.Access;
using Xlnet.Domain.Common;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Subnets;
using Xlnet.Domain.Vifs;

namespace Xlnet.Infrastructure.Data;

/// <summary>The objects of a host as a revision and the audit log keep them.</summary>
/// <param name="Ssh">For whoever asks who changed the pin: restoring a revision does not change how a host is reached.</param>
public sealed record HostDocument(string? Description, string MacPolicy, int? MacPoolId, byte[]? XlConf, VifDefaults? Defaults, SshTarget? Ssh = null, string? Networking = null)
{
    /// <summary>What it is to be on its own network.</summary>
    public HostNetworking? ReadNetworking() => Networking is { } json ? NetworkJson.Read<HostNetworking>(json) : null;

    public static string Of(Host host) => JsonSerializer.Serialize(
        new HostDocument(host.Description, Kebab.Name(host.MacPolicy), host.MacPoolId, host.XlConf, host.Defaults, host.Ssh, host.Networking is { } networking ? NetworkJson.Write(networking) : null),
        DocumentJson.Default.HostDocument);
}

/// <param name="Ports">Null where it was told nothing of them.</param>
/// <param name="VlanFiltering">Likewise.</param>
public sealed record BridgeDocument(string Kind, int? Mtu, string? Description, IReadOnlyList<string>? Ports = null, bool? VlanFiltering = null)
{
    public static string Of(Bridge bridge) => JsonSerializer.Serialize(
        new BridgeDocument(Kebab.Name(bridge.Kind), bridge.Mtu, bridge.Description, bridge.Ports, bridge.VlanFiltering), DocumentJson.Default.BridgeDocument);
}

/// <param name="Config">The guest file, which holds every setting of its vifs.</param>
/// <param name="Vifs">What the file does not hold: the address of a vif without <c>mac=</c>, whether it is locked, and its subnet.</param>
/// <param name="FilePath">Where its file was found when it was adopted; null for one that is named after the guest.</param>
public sealed record GuestDocument(byte[] Config, IReadOnlyList<GuestDocumentVif> Vifs, string? FilePath = null)
{
    public static string Of(Guest guest) => JsonSerializer.Serialize(
        new GuestDocument(guest.Config, [.. guest.Vifs.Select(v => new GuestDocumentVif(v.Devid, v.Mac.ToString(), v.MacWritten, Kebab.Name(v.Locking), v.Subnet?.Value))], guest.FilePath),
        DocumentJson.Default.GuestDocument);
}

/// <param name="Locking">Null in what a version wrote that had no locking.</param>
/// <param name="Subnet">The subnet that its address was asked of.</param>
public sealed record GuestDocumentVif(int Devid, string Mac, bool MacWritten, string? Locking = null, string? Subnet = null)
{
    public VifLocking ReadLocking() => Locking is { } text ? Kebab.Parse<VifLocking>(text) : VifLocking.Unlocked;
}

/// <param name="Gateway">As the other addresses, in its usual text.</param>
public sealed record SubnetDocument(
    string Cidr, string? Bridge, string? Mode, string First, string Last, string? Gateway, int QuarantineSeconds, string? Description)
{
    public static string Of(Subnet subnet) => JsonSerializer.Serialize(
        new SubnetDocument(
            subnet.Cidr.ToString(), subnet.Bridge, subnet.Mode is { } mode ? Kebab.Name(mode) : null, subnet.First.ToString(), subnet.Last.ToString(),
            subnet.Gateway?.ToString(), (int)subnet.Quarantine.TotalSeconds, subnet.Description),
        DocumentJson.Default.SubnetDocument);

    public NetworkMode? ReadMode() => Mode is { } mode ? Kebab.Parse<NetworkMode>(mode) : null;

    public void Into(Subnet subnet)
    {
        subnet.Set(IPNetwork.Parse(Cidr), Bridge, ReadMode(), IPAddress.Parse(First), IPAddress.Parse(Last), Gateway is null ? null : IPAddress.Parse(Gateway));
        (subnet.Quarantine, subnet.Description) = (TimeSpan.FromSeconds(QuarantineSeconds), Description);
    }
}

/// <summary>A key as the audit log keeps it: nothing that the secret could be told from.</summary>
public sealed record ApiKeyDocument(
    string Prefix, string Role, IReadOnlyList<string>? Hosts, DateTimeOffset? ExpiresAt, DateTimeOffset RotatedAt, DateTimeOffset? PreviousUntil)
{
    public static string Of(ApiKey key) => JsonSerializer.Serialize(
        new ApiKeyDocument(key.Prefix, Kebab.Name(key.Role), key.Hosts, key.ExpiresAt, key.RotatedAt, key.PreviousUntil), DocumentJson.Default.ApiKeyDocument);
}

public sealed record MacPoolDocument(string First, string Last, int QuarantineSeconds, string? Description)
{
    public static string Of(MacPool pool) => JsonSerializer.Serialize(
        new MacPoolDocument(pool.First.ToString(), pool.Last.ToString(), (int)pool.Quarantine.TotalSeconds, pool.Description), DocumentJson.Default.MacPoolDocument);
}

/// <summary>Who has an address, as the audit log keeps it.</summary>
public sealed record HoldingDocument(string State, string Holder)
{
    public static string Of(AllocationState state, string holder) => JsonSerializer.Serialize(new HoldingDocument(Kebab.Name(state), holder), DocumentJson.Default.HoldingDocument);
}

// Metadata: the generated fast path would write a byte[] that is null as "", and a host without an xl.conf would come back with an empty one.
[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(ApiKeyDocument))]
[JsonSerializable(typeof(HoldingDocument))]
[JsonSerializable(typeof(HostDocument))]
[JsonSerializable(typeof(BridgeDocument))]
[JsonSerializable(typeof(MacPoolDocument))]
[JsonSerializable(typeof(GuestDocument))]
[JsonSerializable(typeof(SubnetDocument))]
public sealed partial class DocumentJson : JsonSerializerContext;

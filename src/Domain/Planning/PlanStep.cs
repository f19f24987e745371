using Xlnet.Domain.Bridges;
using Xlnet.Domain.Common;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Vifs;

namespace Xlnet.Domain.Planning;

/// <summary>What a step does to those who use the host while it runs.</summary>
public enum Impact
{
    /// <summary>Nobody notices.</summary>
    None,

    /// <summary>A vif that carries traffic is taken away or replaced: seconds without it.</summary>
    VifBlip,

    /// <summary>A guest is stopped, or stopped and created again.</summary>
    GuestRecreate,

    /// <summary>The connection over which the host is driven may be cut.</summary>
    ManagementPath,
}

/// <summary>One reversible action on a host. The set of kinds is closed: a driver handles each of them.</summary>
/// <param name="Target">What it acts on, such as <c>web1/vifs/1</c>, <c>bridges/xenbr0</c> or <c>/etc/xen/web1.cfg</c>.</param>
public abstract record PlanStep(string Target, Impact Impact)
{
    /// <summary>The kind as the API spells it, such as <c>vif.attach</c>.</summary>
    public abstract string Action { get; }

    /// <summary>Position and action within its plan, such as <c>2-vif.attach</c>.</summary>
    public string Id { get; init; } = "";

    /// <summary>The target of a step about one port of a bridge.</summary>
    public static string PortTarget(string bridge, string port) => $"bridges/{bridge}/ports/{port}";

    /// <summary>The ports that targets are about, by name.</summary>
    public static IReadOnlyList<string> PortsOf(IEnumerable<string> targets) =>
    [
        .. targets.Select(t => t.Split('/')).Where(t => t is ["bridges", _, "ports", _]).Select(t => t[3]).Distinct().Order(StringComparer.Ordinal),
    ];
}

/// <summary>Writes a file as a whole.</summary>
/// <param name="Before">Its content now; null when there is none.</param>
public sealed record WriteFileStep(string Path, byte[]? Before, byte[] Content) : PlanStep(Path, Impact.None)
{
    public override string Action => "file.write";
}

public sealed record DeleteFileStep(string Path, byte[] Before) : PlanStep(Path, Impact.None)
{
    public override string Action => "file.delete";
}

/// <summary>Takes Dom0's own network from one state to another, by a script that the host runs by itself.</summary>
/// <param name="Operation">Names the script's folder on the host.</param>
public sealed record SwitchNetworkingStep(NetworkState From, NetworkState To, Guid Operation, Impact Impact) : PlanStep(TargetName, Impact)
{
    public const string TargetName = "networking";

    public override string Action => "networking.switch";

    /// <summary>The vifs that are without their bridge meanwhile, such as <c>web1/vifs/0</c>.</summary>
    public IReadOnlyList<string> Vifs { get; init; } = [];

    /// <summary>The files that differ.</summary>
    public IEnumerable<string> ChangedFiles =>
        From.Files.Keys.Union(To.Files.Keys).Where(p => !FileContents.Same(From.Files.GetValueOrDefault(p), To.Files.GetValueOrDefault(p))).Order(StringComparer.Ordinal);

    /// <summary>The bridges that it may make, change or take away.</summary>
    public IEnumerable<string> Bridges => new[] { From.Networking?.Bridge, To.Networking?.Bridge }.OfType<string>().Distinct();
}

/// <summary>Brings the rules that hold guests to their addresses, and what loads them, to what is wanted, and into force.</summary>
/// <param name="From">The files by path; null for one that is not there.</param>
public sealed record SetLockingStep(IReadOnlyDictionary<string, byte[]?> From, IReadOnlyDictionary<string, byte[]?> To) : PlanStep(TargetName, Impact.None)
{
    public const string TargetName = "locking";

    public const string ActionName = "locking.set";

    public override string Action => ActionName;

    /// <summary>The files that differ; none where they are right and their rules are not in force.</summary>
    public IEnumerable<string> ChangedFiles =>
        LockingFiles.Owned.Where(p => !FileContents.Same(From.GetValueOrDefault(p), To.GetValueOrDefault(p)));
}

/// <summary>Makes a bridge without ports and sets it up.</summary>
public sealed record CreateBridgeStep(string Name, BridgeKind Kind, int? Mtu, bool? VlanFiltering = null) : PlanStep($"bridges/{Name}", Impact.None)
{
    public override string Action => "bridge.create";
}

/// <summary>Takes a bridge away.</summary>
/// <param name="Ports">The ports that it may still have by then; with any other it is not the bridge that was planned for.</param>
public sealed record DeleteBridgeStep(string Name, BridgeKind Kind, int? Mtu, Impact Impact, IReadOnlyList<string>? Ports = null) : PlanStep($"bridges/{Name}", Impact)
{
    public override string Action => "bridge.delete";
}

/// <summary>Sets a bridge's MTU, in bytes.</summary>
public sealed record SetBridgeMtuStep(string Name, int Mtu, int Before) : PlanStep($"bridges/{Name}", Impact.None)
{
    public override string Action => "bridge.set-mtu";
}

/// <summary>Has a Linux bridge keep VLANs apart, or not.</summary>
public sealed record SetBridgeVlanFilteringStep(string Name, bool VlanFiltering, Impact Impact) : PlanStep($"bridges/{Name}", Impact)
{
    public override string Action => "bridge.set-vlan-filtering";
}

/// <summary>Makes an interface of Dom0 a port of a bridge.</summary>
/// <param name="From">The bridge that it is taken off; null when it is a port of none.</param>
public sealed record AddBridgePortStep(string Bridge, BridgeKind Kind, string Port, PortBridge? From, Impact Impact) : PlanStep(PortTarget(Bridge, Port), Impact)
{
    public override string Action => "bridge.add-port";
}

/// <summary>Takes an interface of Dom0 off a bridge.</summary>
public sealed record RemoveBridgePortStep(string Bridge, BridgeKind Kind, string Port, Impact Impact) : PlanStep(PortTarget(Bridge, Port), Impact)
{
    public override string Action => "bridge.remove-port";
}

/// <summary>The bridge of a port.</summary>
public sealed record PortBridge(string Name, BridgeKind Kind);

/// <summary>Plugs a vif into a running guest under a given devid.</summary>
/// <param name="Domid">The domain that was planned for; null for whichever is the guest's.</param>
public sealed record AttachVifStep(string Guest, int Devid, VifSettings Settings, Impact Impact, int? Domid = null) : PlanStep($"{Guest}/vifs/{Devid}", Impact)
{
    public override string Action => "vif.attach";
}

/// <summary>Unplugs a vif of a running guest.</summary>
/// <param name="Domid">The domain that was planned for; null for whichever is the guest's.</param>
public sealed record DetachVifStep(string Guest, int Devid, MacAddress Mac, int? Domid = null) : PlanStep($"{Guest}/vifs/{Devid}", Impact.VifBlip)
{
    public override string Action => "vif.detach";
}

/// <summary>Creates a guest's domain from its file.</summary>
public sealed record CreateGuestStep(string Guest, string ConfigPath, Impact Impact) : PlanStep(Guest, Impact)
{
    public override string Action => "guest.create";
}

/// <summary>Stops a guest: asks it to shut down and waits; or ends it at once when <paramref name="Force"/> is set.</summary>
/// <param name="Timeout">How long a guest may take to shut down before the step fails, with the guest still running.</param>
/// <param name="Domid">The domain that was planned for; null for whichever is the guest's.</param>
public sealed record StopGuestStep(string Guest, bool Force, TimeSpan Timeout, int? Domid = null) : PlanStep(Guest, Impact.GuestRecreate)
{
    public override string Action => "guest.stop";
}

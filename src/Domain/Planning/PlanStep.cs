using Xlnet.Domain.Bridges;
using Xlnet.Domain.Macs;
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

/// <summary>Makes a bridge without ports and sets it up.</summary>
public sealed record CreateBridgeStep(string Name, BridgeKind Kind, int? Mtu) : PlanStep($"bridges/{Name}", Impact.None)
{
    public override string Action => "bridge.create";
}

/// <summary>Takes a bridge away.</summary>
public sealed record DeleteBridgeStep(string Name, BridgeKind Kind, int? Mtu, Impact Impact) : PlanStep($"bridges/{Name}", Impact)
{
    public override string Action => "bridge.delete";
}

/// <summary>Sets a bridge's MTU, in bytes.</summary>
public sealed record SetBridgeMtuStep(string Name, int Mtu, int Before) : PlanStep($"bridges/{Name}", Impact.None)
{
    public override string Action => "bridge.set-mtu";
}

/// <summary>Plugs a vif into a running guest under a given devid.</summary>
public sealed record AttachVifStep(string Guest, int Devid, VifSettings Settings, Impact Impact) : PlanStep($"{Guest}/vifs/{Devid}", Impact)
{
    public override string Action => "vif.attach";
}

/// <summary>Unplugs a vif of a running guest.</summary>
public sealed record DetachVifStep(string Guest, int Devid, MacAddress Mac) : PlanStep($"{Guest}/vifs/{Devid}", Impact.VifBlip)
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
public sealed record StopGuestStep(string Guest, bool Force, TimeSpan Timeout) : PlanStep(Guest, Impact.GuestRecreate)
{
    public override string Action => "guest.stop";
}

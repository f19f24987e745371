using System.Text.Json;
using System.Text.Json.Serialization;
using Xlnet.Domain.Guests;

namespace Xlnet.Infrastructure.Hosts.Simulation;

/// <summary>
/// Everything that a simulated Dom0 remembers between two commands: one plain object that a store can keep as JSON, so that a
/// service that was killed finds its host as it left it.
/// </summary>
public sealed class SimulatedDom0State
{
    /// <summary>Files by absolute path. A directory host keeps its files in a folder instead, and this stays empty.</summary>
    public SortedDictionary<string, SimulatedFile> Files { get; set; } = new(StringComparer.Ordinal);

    /// <summary>The guests that run, by domid; Domain-0 is not among them.</summary>
    public List<SimulatedDomain> Domains { get; set; } = [];

    /// <summary>Dom0's interfaces by index.</summary>
    public List<SimulatedInterface> Interfaces { get; set; } = [];

    /// <summary>Open vSwitch as <c>ovs-vsctl</c> sees it; null on a host without it.</summary>
    public SimulatedOvs? Ovs { get; set; }

    /// <summary>The domid of the next create; also a create that fails uses one up.</summary>
    public int NextDomid { get; set; } = 1;

    public int NextInterfaceIndex { get; set; } = 1;

    /// <summary>The process id that the next hotplug script shows in its errors.</summary>
    public int NextProcessId { get; set; } = 1000;

    /// <summary>The state of the generator of MAC addresses and UUIDs; a host made with the same seed draws the same ones.</summary>
    public ulong Random { get; set; }

    /// <summary>The minor number of its Xen in <c>xl info</c>. Its xl is that of 4.17, whatever it says.</summary>
    public int XenMinor { get; set; } = 17;

    /// <summary>Memory that guests can have together, in MiB.</summary>
    public int GuestMemory { get; set; } = DefaultGuestMemory;

    /// <summary>How many commands after its create a guest's network driver connects (state 4, carrier up): 0 is at once.</summary>
    public int CommandsUntilConnected { get; set; } = DefaultCommandsUntilConnected;

    /// <summary>The keys that outlive the command that wrote them, such as <c>/local/domain/0/backend/vif/4/0/hotplug-error</c>.</summary>
    public SortedDictionary<string, string> Xenstore { get; set; } = new(StringComparer.Ordinal);

    /// <summary>The interfaces that ifup has brought up.</summary>
    public SortedSet<string> BroughtUp { get; set; } = new(["lo", "xenbr0"], StringComparer.Ordinal);

    /// <summary>The units of systemd that are enabled and run.</summary>
    public SortedSet<string> Units { get; set; } = new(StringComparer.Ordinal);

    public SortedDictionary<string, string> Sysctls { get; set; } = new(StringComparer.Ordinal);

    /// <summary>The policy of iptables' FORWARD, <c>ACCEPT</c> or <c>DROP</c>; null on a host without iptables and nftables.</summary>
    public string? ForwardPolicy { get; set; } = "ACCEPT";

    /// <summary>What hotplug scripts logged by syslog, newest last, at most <see cref="JournalLimit"/> lines.</summary>
    public List<string> Journal { get; set; } = [];

    /// <summary>Transient systemd timers by unit name (<c>systemd-run --on-active</c>).</summary>
    public List<SimulatedTimer> Timers { get; set; } = [];

    /// <summary>What <c>ip route</c> shows beside the routes that the kernel makes for addresses.</summary>
    public List<SimulatedRoute> Routes { get; set; } = [];

    /// <summary>Over what xlnet reaches this host: where that goes away, so does the connection. Null for a host that is never lost.</summary>
    public SimulatedPath? ManagementPath { get; set; }

    /// <summary>Faults that wait for their command.</summary>
    public List<SimulatedFault> Faults { get; set; } = [];

    /// <summary>Names of guests that take no notice of <c>xl shutdown</c>; <c>*</c> is every guest.</summary>
    public SortedSet<string> IgnoringShutdown { get; set; } = new(StringComparer.Ordinal);

    /// <summary>Hotplug scripts, by path, that exit 1 whatever they are asked.</summary>
    public SortedSet<string> FailingScripts { get; set; } = new(StringComparer.Ordinal);

    /// <summary>
    /// Kernels and ramdisks that this host does not have. The simulation takes every other path for present, as it cannot know
    /// what stands on the host that it plays.
    /// </summary>
    public SortedSet<string> MissingFiles { get; set; } = new(StringComparer.Ordinal);

    public const int DefaultGuestMemory = 1024 * 1024;

    /// <summary>As many as one observation takes, so that the first one after a create sees what a real one sees: not connected yet.</summary>
    public const int DefaultCommandsUntilConnected = 6;

    internal const int JournalLimit = 200;

    public string ToJson() => JsonSerializer.Serialize(this, SimulatedStateJson.Default.SimulatedDom0State);

    /// <exception cref="JsonException">It is no such state.</exception>
    public static SimulatedDom0State FromJson(string json) =>
        JsonSerializer.Deserialize(json, SimulatedStateJson.Default.SimulatedDom0State) ?? throw new JsonException("null is no state of a Dom0.");

    internal SimulatedInterface? FindInterface(string name) => Interfaces.Find(i => i.Name == name);

    internal SimulatedDomain? FindDomain(string name) => Domains.Find(d => d.Name == name);

    internal int TakeProcessId()
    {
        NextProcessId += 7;
        return NextProcessId;
    }

    /// <summary>splitmix64: small, has one word of state, and gives the same numbers on every machine.</summary>
    internal ulong TakeRandom()
    {
        Random += 0x9E3779B97F4A7C15;
        var z = Random;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}

public sealed class SimulatedFile
{
    public byte[] Content { get; set; } = [];

    public bool Executable { get; set; }
}

public sealed class SimulatedDomain
{
    public int Domid { get; set; }

    public string Name { get; set; } = "";

    public string Uuid { get; set; } = "";

    public GuestType Type { get; set; }

    /// <summary>In MiB.</summary>
    public int Memory { get; set; }

    public int Vcpus { get; set; } = 1;

    public string? Kernel { get; set; }

    public string? Ramdisk { get; set; }

    public string? CommandLine { get; set; }

    public bool Paused { get; set; }

    /// <summary>Commands until its network driver connects.</summary>
    public int CommandsUntilConnected { get; set; }

    /// <summary>It was asked to shut down and is gone at the next command.</summary>
    public bool ShuttingDown { get; set; }

    /// <summary>It was asked to reboot and has a new domid at the next command.</summary>
    public bool Rebooting { get; set; }

    public List<SimulatedVif> Vifs { get; set; } = [];
}

/// <summary>A vif under libxl's own names; what is null was not set and does not show in <c>xl list -l</c>.</summary>
public sealed class SimulatedVif
{
    public int Devid { get; set; }

    public string Mac { get; set; } = "";

    public string? BackendDomain { get; set; }

    public long? Mtu { get; set; }

    public string? Model { get; set; }

    public string? Ip { get; set; }

    public string? Bridge { get; set; }

    public string? VifName { get; set; }

    public string? Script { get; set; }

    public string NicType { get; set; } = "vif";

    /// <summary>Whether the file said the type, or libxl filled it in.</summary>
    public bool NicTypeSet { get; set; }

    public long? RateBytesPerInterval { get; set; }

    public long? RateIntervalMicroseconds { get; set; }

    public string? GatewayDev { get; set; }

    public bool? Trusted { get; set; }

    /// <summary>Keys that no script of the simulation reads (<c>colo_*</c>).</summary>
    public SortedDictionary<string, string> Other { get; set; } = new(StringComparer.Ordinal);

    /// <summary>The xenbus state that <c>xl network-list</c> prints.</summary>
    public int State { get; set; } = 1;

    /// <summary>The name that its interface has on Dom0 now.</summary>
    public string InterfaceName { get; set; } = "";
}

public sealed class SimulatedInterface
{
    public int Index { get; set; }

    public string Name { get; set; } = "";

    /// <summary>As <c>info_kind</c> of <c>ip -d</c>: <c>bridge</c>, <c>openvswitch</c>; null for a device of its own and for a vif.</summary>
    public string? Kind { get; set; }

    public string Mac { get; set; } = "";

    public int Mtu { get; set; } = 1500;

    public bool Up { get; set; }

    public bool Carrier { get; set; }

    /// <summary>The Linux bridge that it is a port of.</summary>
    public string? Master { get; set; }

    /// <summary>Of a Linux bridge: whether it keeps VLANs apart.</summary>
    public bool VlanFiltering { get; set; }

    /// <summary>The other end of a veth.</summary>
    public string? Peer { get; set; }

    /// <summary>In CIDR notation.</summary>
    public List<string> Addresses { get; set; } = [];

    /// <summary>Domid and devid of the vif that it belongs to, such as <c>1-0</c>.</summary>
    public string? Vif { get; set; }
}

public sealed class SimulatedRoute
{
    public string Dst { get; set; } = "";

    public string? Gateway { get; set; }

    public string Dev { get; set; } = "";

    public string? Protocol { get; set; }

    public string? Scope { get; set; }

    public string? Prefsrc { get; set; }

    public int? Metric { get; set; }
}

/// <summary>A host is reached while an interface that is up has <see cref="Address"/>, and is <see cref="Uplink"/> or a bridge with that as a port.</summary>
public sealed class SimulatedPath
{
    /// <summary>In CIDR notation.</summary>
    public string Address { get; set; } = "";

    /// <summary>The interface with the cable.</summary>
    public string Uplink { get; set; } = "";

    internal bool IsThere(SimulatedDom0State state) =>
        state.FindInterface(Uplink) is { Up: true } uplink
        && state.Interfaces.Exists(i => i.Up && i.Addresses.Contains(Address) && (i == uplink
            || uplink.Master == i.Name
            || state.Ovs?.FindBridge(i.Name)?.Ports.Exists(p => p.Name == Uplink) == true));
}

public sealed class SimulatedOvs
{
    public string Uuid { get; set; } = "";

    public string Version { get; set; } = "3.1.0";

    public List<SimulatedOvsBridge> Bridges { get; set; } = [];

    internal SimulatedOvsBridge? FindBridge(string name) => Bridges.Find(b => b.Name == name);
}

public sealed class SimulatedOvsBridge
{
    public string Name { get; set; } = "";

    /// <summary>Its own internal port first.</summary>
    public List<SimulatedOvsPort> Ports { get; set; } = [];
}

public sealed class SimulatedOvsPort
{
    public string Uuid { get; set; } = "";

    public string Name { get; set; } = "";

    public int? Tag { get; set; }

    public List<int> Trunks { get; set; } = [];
}

public sealed class SimulatedTimer
{
    public string Unit { get; set; } = "";

    public DateTimeOffset At { get; set; }

    public List<string> Command { get; set; } = [];
}

/// <summary>Something that goes wrong once: with the next command whose first words are <see cref="Argv"/>.</summary>
public sealed class SimulatedFault
{
    /// <summary>The first words of the command; empty is any command.</summary>
    public List<string> Argv { get; set; } = [];

    public SimulatedFaultKind Kind { get; set; }

    /// <summary>For <see cref="SimulatedFaultKind.Meanwhile"/>: what someone else runs.</summary>
    public List<string> Meanwhile { get; set; } = [];

    /// <summary>How many such commands pass before it strikes.</summary>
    public int Skip { get; set; }

    /// <summary>Strikes every time, not once.</summary>
    public bool Repeats { get; set; }

    /// <summary>For <see cref="SimulatedFaultKind.Fail"/>.</summary>
    public int ExitStatus { get; set; } = 1;

    /// <summary>For <see cref="SimulatedFaultKind.Fail"/> and <see cref="SimulatedFaultKind.Garble"/>.</summary>
    public string Stdout { get; set; } = "";

    /// <summary>For <see cref="SimulatedFaultKind.Fail"/> and <see cref="SimulatedFaultKind.Garble"/>.</summary>
    public string Stderr { get; set; } = "";
}

public enum SimulatedFaultKind
{
    /// <summary>Exits with the given status and output, and does nothing.</summary>
    Fail,

    /// <summary>Prints the given output instead of its own, exit status 0, and does nothing.</summary>
    Garble,

    /// <summary>Does nothing and does not end before its time limit.</summary>
    Hang,

    /// <summary>The connection breaks before the command did anything.</summary>
    CutBefore,

    /// <summary>The command does all it does, and the connection breaks before the answer.</summary>
    CutAfter,

    /// <summary>The command does all it does, and right after it someone else runs another one.</summary>
    Meanwhile,
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    UseStringEnumConverter = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(SimulatedDom0State))]
internal sealed partial class SimulatedStateJson : JsonSerializerContext;

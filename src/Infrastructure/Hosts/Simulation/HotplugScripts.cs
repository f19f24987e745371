using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Xlnet.Domain.Networking;

namespace Xlnet.Infrastructure.Hosts.Simulation;

/// <param name="Script">The path that was run.</param>
/// <param name="Error">What it left in xenstore's <c>hotplug-error</c>.</param>
internal sealed record HotplugResult(string Script, int ExitStatus, string? Error = null);

/// <summary>
/// The hotplug scripts of xen-utils-common 4.17 (vif-bridge, vif-openvswitch, vif-route, vif-nat; vif-common.sh) and xlnet's, as far as their
/// effects can be seen: interfaces, bridges, addresses, hotplug-error, the log and the journal. Any other script that the host has
/// is taken to set its interface up and do nothing else.
/// </summary>
internal static partial class HotplugScripts
{
    public const string LogPath = "/var/log/xen/xen-hotplug.log";

    private const string Directory = "/etc/xen/scripts/";

    public static HotplugResult Run(SimulatedDom0 dom0, SimulatedDomain domain, SimulatedVif vif, bool online)
    {
        var name = vif.Script is { Length: > 0 } set ? set : "vif-bridge";
        var path = name.StartsWith('/') ? name : Directory + name;
        if (!dom0.Files.IsExecutable(path))
            return new HotplugResult(path, 255);

        var run = new ScriptRun(dom0, domain, vif, path, online);
        run.Journal($"{(online ? "online" : "offline")} type_if=vif XENBUS_PATH=backend/vif/{domain.Domid}/{vif.Devid}");
        try
        {
            if (dom0.State.FailingScripts.Contains(path))
                run.Fatal($"{path} failed; error detected.");
            run.Rename();
            switch (path)
            {
                case Directory + "vif-bridge":
                    Bridge(run);
                    break;
                case Directory + "vif-openvswitch":
                    OpenVSwitch(run);
                    break;
                case LockingFlows.ScriptPath:
                    if (run.Online && !IsNamed(dom0.Files.Read(LockingFlows.Path), run.Device))
                        run.Fatal($"xlnet has no rules for {run.Device}: {LockingFlows.ScriptName} is for vifs that it has locked.");
                    OpenVSwitch(run);
                    break;
                case Directory + "vif-route":
                    Route(run);
                    break;
                case Directory + "vif-nat":
                    Nat(run);
                    break;
                default:
                    run.SetUp(null);
                    break;
            }
        }
        catch (ScriptFailedException e)
        {
            return new HotplugResult(path, 1, e.Error);
        }

        return new HotplugResult(path, 0);
    }

    private static void Bridge(ScriptRun run)
    {
        var state = run.Dom0.State;
        var bridge = run.Vif.Bridge ?? "xenbr0";
        if (bridge.Length == 0)
        {
            bridge = state.Interfaces.Find(i => i.Kind == "bridge")?.Name;
            if (bridge is null)
                run.Fatal("Could not find bridge, and none was specified");
        }
        else if (bridge.StartsWith("xenbr", StringComparison.Ordinal)
            && state.FindInterface(bridge) is null
            && state.FindInterface("eth" + bridge["xenbr".Length..]) is { Kind: "bridge" } old)
        {
            bridge = old.Name;
        }

        if (state.FindInterface(bridge) is not { } device)
        {
            run.Fatal($"Could not find bridge device {bridge}");
            return;
        }

        if (run.Online)
        {
            var mtu = (int)(run.Vif.Mtu ?? device.Mtu);
            if (run.Vif.Mtu is null)
                run.Journal($"{bridge} MTU is {mtu}");
            run.Journal($"setting {run.Device} MTU to {mtu}");
            run.Journal($"Writing /local/domain/{run.Domain.Domid}/device/vif/{run.Vif.Devid}/mtu {mtu} to xenstore.");
            run.Journal($"adding {run.Device} to bridge {bridge}");
            var port = run.Interface;
            port.Mtu = mtu;
            if (device.Kind != "bridge")
            {
                run.Log($"can't add {run.Device} to bridge {bridge}: Operation not supported");
                throw new ScriptFailedException(null);
            }

            run.SetUp(bridge);
        }
        else if (state.FindInterface(run.Device) is { } port)
        {
            // Another guest's interface may have that name: the script takes it down all the same.
            if (port.Master == bridge)
                run.Journal($"removing {run.Device} from bridge {bridge}");
            port.Master = null;
            port.Up = false;
            port.Carrier = false;
        }
        else
        {
            run.Journal($"ip link set dev {run.Device} down failed");
            run.Journal($"{run.Device} not on bridge {bridge}");
        }

        run.Succeed("vif-bridge", $", bridge {bridge}");
    }

    private static bool IsNamed(byte[]? flows, string device) =>
        flows is not null && Encoding.UTF8.GetString(flows).Split('\n').Any(l => l.StartsWith(device + " ", StringComparison.Ordinal));

    [GeneratedRegex("^([^.:]+)(\\.([0-9]+))?(:([0-9]+(:[0-9]+)*))?$")]
    private static partial Regex OpenVSwitchBridge();

    private static void OpenVSwitch(ScriptRun run)
    {
        var ovs = run.Dom0.State.Ovs;
        if (!run.Online)
        {
            OvsProgram.RemovePort(run.Dom0.State, run.Device);
            run.Journal($"ip link set {run.Device} down failed");
            run.Succeed(HostPath.Name(run.Script), "");
            return;
        }

        if (ovs is null)
        {
            run.Fatal("Unable to find ovs-vsctl tool");
            return;
        }

        var match = OpenVSwitchBridge().Match(run.Vif.Bridge ?? "xenbr0");
        if (!match.Success)
            run.Fatal("No valid bridge was specified");

        var (name, tag, trunks) = (match.Groups[1].Value, match.Groups[3].Value, match.Groups[5].Value.Replace(':', ','));
        if (ovs.FindBridge(name) is not { } bridge)
        {
            run.Log($"ovs-vsctl: no bridge named {name}");
            var words = string.Concat(tag.Length > 0 ? $" tag={tag}" : "", trunks.Length > 0 ? $" trunk={trunks}" : "");
            run.Fatal(
                $"ovs-vsctl --timeout=30 -- --if-exists del-port {run.Device} -- add-port {name} {run.Device}{words}"
                + ExternalId("xen-vm-name", run.Domain.Name) + ExternalId("xen-vm-uuid", run.Domain.Uuid) + ExternalId("attached-mac", run.Vif.Mac)
                + " failed");
            return;
        }

        OvsProgram.RemovePort(run.Dom0.State, run.Device);
        bridge.Ports.Add(new SimulatedOvsPort
        {
            Uuid = Libxl.RandomUuid(run.Dom0.State),
            Name = run.Device,
            Tag = tag.Length > 0 ? int.Parse(tag, CultureInfo.InvariantCulture) : null,
            Trunks = trunks.Length > 0 ? [.. trunks.Split(',').Select(t => int.Parse(t, CultureInfo.InvariantCulture))] : [],
        });
        run.SetUp(OvsProgram.SystemInterface);
        run.Succeed(HostPath.Name(run.Script), "");

        string ExternalId(string key, string value) => $" -- set interface {run.Device} external-ids:\"{key}\"=\"{value}\"";
    }

    private static void Route(ScriptRun run)
    {
        var state = run.Dom0.State;
        var main = state.FindInterface(run.Vif.GatewayDev ?? "eth0")?.Addresses.Find(a => !a.Contains(':'));
        var failed = $"{run.Script} failed; error detected.";
        if (main is null)
            run.Fatal(failed);
        var address = main![..main.IndexOf('/')];
        var routed = (run.Vif.Ip ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var wrong = routed.FirstOrDefault(ip => !IPAddress.TryParse(ip.Split('/')[0], out _));
        if (run.Online)
        {
            run.SetUp(null);
            run.Interface.Addresses.Add(address + "/32");
            state.Sysctls["net.ipv4.ip_forward"] = "1";
            if (wrong is not null)
            {
                run.Log($"Error: any valid prefix is expected rather than \"{wrong}\".");
                run.Fatal(failed);
            }
        }
        else
        {
            run.Journal($"ifdown {run.Device} failed");
        }

        run.Succeed("vif-route", "");
    }

    private static void Nat(ScriptRun run)
    {
        if (run.Online)
        {
            run.SetUp(null);
            run.Interface.Addresses.Add(NatGateway(run) + "/32");
            run.Dom0.State.Sysctls["net.ipv4.ip_forward"] = "1";
        }
        else
        {
            run.Journal($"ifconfig {run.Device} down failed");
        }

        run.Succeed("vif-nat", "");
    }

    /// <summary>vif-nat: the guest's address with 127 added to its last byte; without ip=, 10.0.&lt;domid&gt;.128 for devid 0.</summary>
    private static string NatGateway(ScriptRun run)
    {
        var guest = (run.Vif.Ip ?? "").Split(' ', '/')[0];
        if (!IPAddress.TryParse(guest, out var ip) || ip.AddressFamily != System.Net.Sockets.AddressFamily.InterNetwork)
            return string.Create(CultureInfo.InvariantCulture, $"10.{run.Domain.Domid >> 8 & 0xff}.{run.Domain.Domid & 0xff}.{(run.Vif.Devid + 1 + 127) & 0xff}");
        var bytes = ip.GetAddressBytes();
        bytes[3] = (byte)(bytes[3] + 127);
        return new IPAddress(bytes).ToString();
    }

    private sealed class ScriptFailedException(string? error) : Exception
    {
        public string? Error { get; } = error;
    }

    /// <summary>One run of one script, and the functions that all of them share.</summary>
    private sealed class ScriptRun(SimulatedDom0 dom0, SimulatedDomain domain, SimulatedVif vif, string script, bool online)
    {
        public SimulatedDom0 Dom0 { get; } = dom0;

        public SimulatedDomain Domain { get; } = domain;

        public SimulatedVif Vif { get; } = vif;

        public string Script { get; } = script;

        public bool Online { get; } = online;

        /// <summary>The interface's name, as the script takes it: vifname where one is set.</summary>
        public string Device { get; private set; } = string.Create(CultureInfo.InvariantCulture, $"vif{domain.Domid}.{vif.Devid}");

        public SimulatedInterface Interface =>
            Dom0.State.FindInterface(Vif.InterfaceName) ?? throw new InvalidOperationException($"{Vif.InterfaceName} is gone.");

        /// <summary>vif-common.sh: rename_vif.</summary>
        public void Rename()
        {
            if (Vif.VifName is not { Length: > 0 } name)
                return;
            if (Online)
            {
                if (Dom0.State.FindInterface(name) is not null)
                    Fatal($"Cannot rename interface {Device}. An interface with name {name} already exists.");
                if (!IpProgram.IsInterfaceName(name))
                {
                    Log($"Error: argument \"{name}\" is wrong: \"name\" not a valid ifname");
                    Fatal($"ip link set {Device} name {name} failed");
                }

                Interface.Name = name;
                Vif.InterfaceName = name;
            }

            Device = name;
        }

        public void SetUp(string? master)
        {
            if (!Online)
                return;
            Interface.Master = master;
            Interface.Up = true;
            Interface.Carrier = Vif.State == 4;
        }

        [System.Diagnostics.CodeAnalysis.DoesNotReturn]
        public void Fatal(string error)
        {
            var backend = Libxl.BackendPath(Domain, Vif);
            var relative = backend["/local/domain/0/".Length..];
            Dom0.State.Xenstore[backend + "/hotplug-error"] = error;
            Dom0.State.Xenstore[backend + "/hotplug-status"] = "error";
            Journal($"Writing {relative}/hotplug-error {error} {relative}/hotplug-status error to xenstore.");
            Journal(error);
            throw new ScriptFailedException(error);
        }

        public void Succeed(string name, string suffix)
        {
            Journal($"Successful {name} {(Online ? "online" : "offline")} for {Device}{suffix}.");
            if (!Online)
                return;
            var backend = Libxl.BackendPath(Domain, Vif);
            Dom0.State.Xenstore[backend + "/hotplug-status"] = "connected";
            Journal($"Writing {backend["/local/domain/0/".Length..]}/hotplug-status connected to xenstore.");
        }

        public void Journal(string line)
        {
            Dom0.State.Journal.Add($"{Script}: {line}");
            if (Dom0.State.Journal.Count > SimulatedDom0State.JournalLimit)
                Dom0.State.Journal.RemoveAt(0);
        }

        /// <summary>The log holds what the script's commands printed as errors; its own words go to the journal.</summary>
        public void Log(string line)
        {
            var file = Dom0.State.Files.TryGetValue(LogPath, out var there) ? there : new SimulatedFile();
            var text = Encoding.UTF8.GetString(file.Content) + line + "\n";
            file.Content = Encoding.UTF8.GetBytes(SystemPrograms.LastLines(text, SimulatedDom0State.JournalLimit));
            Dom0.State.Files[LogPath] = file;
        }
    }
}

using System.Globalization;
using System.Text;
using Xlnet.Domain.Guests;

namespace Xlnet.Infrastructure.Hosts.Simulation;

/// <summary>What libxl does to domains and their vifs, and the errors that it prints meanwhile, as xl 4.17.7 was recorded to.</summary>
internal static class Libxl
{
    /// <summary>What libxl prints at the end of a create that failed, whatever it failed of.</summary>
    public static string CreateFailed(int domid) =>
        $"libxl: error: libxl_domain.c:1183:libxl__destroy_domid: Domain {domid}:Non-existant domain\n"
        + $"libxl: error: libxl_domain.c:1137:domain_destroy_callback: Domain {domid}:Unable to destroy guest\n"
        + $"libxl: error: libxl_domain.c:1064:domain_destroy_cb: Domain {domid}:Destruction of domain failed\n";

    /// <summary>libxl's own address of a vif without one: random in Xen's range, its fourth byte masked with 0x7f.</summary>
    public static string RandomMac(SimulatedDom0State state)
    {
        var random = state.TakeRandom();
        return string.Create(CultureInfo.InvariantCulture, $"00:16:3e:{random >> 16 & 0x7f:x2}:{random >> 8 & 0xff:x2}:{random & 0xff:x2}");
    }

    public static string RandomUuid(SimulatedDom0State state)
    {
        Span<byte> bytes = stackalloc byte[16];
        BitConverter.TryWriteBytes(bytes, state.TakeRandom());
        BitConverter.TryWriteBytes(bytes[8..], state.TakeRandom());
        bytes[6] = (byte)(bytes[6] & 0x0f | 0x40);
        bytes[8] = (byte)(bytes[8] & 0x3f | 0x80);
        return new Guid(bytes, bigEndian: true).ToString();
    }

    public static string BackendPath(SimulatedDomain domain, SimulatedVif vif) =>
        string.Create(CultureInfo.InvariantCulture, $"/local/domain/0/backend/vif/{domain.Domid}/{vif.Devid}");

    /// <summary>What libxl fills in before it makes a device (libxl__device_nic_setdefault).</summary>
    /// <returns>What it prints when it can't, or null.</returns>
    public static string? SetDefaults(SimulatedDom0 dom0, SimulatedDomain domain, SimulatedVif vif, bool hotplug)
    {
        if (!vif.NicTypeSet)
            vif.NicType = domain.Type == GuestType.Hvm && !hotplug ? "vif_ioemu" : "vif";
        if (vif.BackendDomain is { Length: > 0 } backend && backend is not ("0" or "Domain-0") && dom0.State.FindDomain(backend) is null)
            return "";
        if (vif.NicType == "vif_ioemu" && domain.Type != GuestType.Hvm)
            return $"libxl: error: libxl_nic.c:156:libxl__device_nic_setdefault: Domain {domain.Domid}:trying to create PV or PVH guest with an emulated interface\n";
        if (vif.Mac is "" or "00:00:00:00:00:00")
            vif.Mac = RandomMac(dom0.State);
        return null;
    }

    /// <summary>Makes a vif's interface and runs its script.</summary>
    public static HotplugResult AddVif(SimulatedDom0 dom0, SimulatedDomain domain, SimulatedVif vif, StringBuilder stderr)
    {
        vif.InterfaceName = string.Create(CultureInfo.InvariantCulture, $"vif{domain.Domid}.{vif.Devid}");
        dom0.State.Interfaces.Add(new SimulatedInterface
        {
            Index = dom0.State.NextInterfaceIndex++,
            Name = vif.InterfaceName,
            Mac = "fe:ff:ff:ff:ff:ff",
            Vif = string.Create(CultureInfo.InvariantCulture, $"{domain.Domid}-{vif.Devid}"),
        });
        domain.Vifs.Add(vif);

        var result = HotplugScripts.Run(dom0, domain, vif, online: true);
        Report(dom0, result, "online", stderr);
        return result;
    }

    /// <summary>Runs a vif's script for the last time and takes its interface away.</summary>
    public static void RemoveVif(SimulatedDom0 dom0, SimulatedDomain domain, SimulatedVif vif, StringBuilder stderr)
    {
        // By then the backend has closed: the interface is gone already, and the script finds it so.
        var id = string.Create(CultureInfo.InvariantCulture, $"{domain.Domid}-{vif.Devid}");
        dom0.State.Interfaces.RemoveAll(i => i.Vif == id);
        var result = HotplugScripts.Run(dom0, domain, vif, online: false);
        Report(dom0, result, "offline", stderr);
        domain.Vifs.Remove(vif);

        var prefix = BackendPath(domain, vif) + "/";
        foreach (var key in dom0.State.Xenstore.Keys.Where(k => k.StartsWith(prefix, StringComparison.Ordinal)).ToArray())
            dom0.State.Xenstore.Remove(key);
    }

    public static void Destroy(SimulatedDom0 dom0, SimulatedDomain domain, StringBuilder stderr)
    {
        foreach (var vif in domain.Vifs.ToArray())
            RemoveVif(dom0, domain, vif, stderr);
        dom0.State.Domains.Remove(domain);
    }

    /// <summary>The same guest with a new domid and the vifs that it had.</summary>
    public static void Reboot(SimulatedDom0 dom0, SimulatedDomain domain)
    {
        var stderr = new StringBuilder();
        var vifs = domain.Vifs.ToArray();
        Destroy(dom0, domain, stderr);
        domain.Rebooting = false;
        domain.Domid = dom0.State.NextDomid++;
        domain.CommandsUntilConnected = dom0.State.CommandsUntilConnected;
        dom0.State.Domains.Add(domain);
        foreach (var vif in vifs)
        {
            vif.State = 1;
            AddVif(dom0, domain, vif, stderr);
        }
    }

    private static void Report(SimulatedDom0 dom0, HotplugResult result, string command, StringBuilder stderr)
    {
        if (result.ExitStatus == 0)
            return;
        if (result.ExitStatus == 255)
            stderr.Append(CultureInfo.InvariantCulture, $"libxl: cannot execute {result.Script}: No such file or directory\n");
        stderr.Append(CultureInfo.InvariantCulture, $"libxl: error: libxl_exec.c:117:libxl_report_child_exitstatus: {result.Script} {command} [{dom0.State.TakeProcessId()}] exited with error status {result.ExitStatus}\n");
        if (result.Error is not null)
            stderr.Append(CultureInfo.InvariantCulture, $"libxl: error: libxl_device.c:1337:device_hotplug_child_death_cb: script: {result.Error}\n");
    }
}

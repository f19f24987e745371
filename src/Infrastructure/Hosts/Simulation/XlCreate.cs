using System.Globalization;
using System.Text;

namespace Xlnet.Infrastructure.Hosts.Simulation;

/// <summary><c>xl create PATH</c>, and with <c>-n</c> or <c>xl -N</c> the same as a dry run.</summary>
internal static class XlCreate
{
    public static Answer Create(XlRun xl, IReadOnlyList<string> args)
    {
        var paths = args.Where(a => !a.StartsWith('-')).ToArray();
        if (paths is not [var path])
            return Answer.Fail(1, "The simulation has xl create with one config file only.\n");
        if (xl.Dom0.Files.Read(path) is not { } bytes)
            return Answer.Fail(3, $"Failed to read config file: {path}: No such file or directory\n");

        var file = SimulatedGuestFile.Parse(path, bytes, xl.Defaults);
        var stderr = new StringBuilder($"Parsing config from {path}\n").Append(file.Message);
        if (file.ExitStatus != 0)
            return Answer.Fail(file.ExitStatus, stderr.ToString());
        if (xl.DryRun || args.Contains("-n"))
            return new Answer(0, XlListing.DryRun(xl.State, file), stderr.ToString());

        var domain = file.Domain;
        domain.Domid = xl.State.NextDomid++;
        domain.Uuid = Libxl.RandomUuid(xl.State);
        domain.CommandsUntilConnected = xl.State.CommandsUntilConnected;
        if (Make(xl.Dom0, domain, file.Vifs, stderr))
            return new Answer(0, "", stderr.ToString());
        stderr.Append(Libxl.CreateFailed(domain.Domid));
        return Answer.Fail(3, stderr.ToString());
    }

    private static bool Make(SimulatedDom0 dom0, SimulatedDomain domain, List<SimulatedVif> vifs, StringBuilder stderr)
    {
        var state = dom0.State;
        if (domain.Name == "Domain-0" || state.FindDomain(domain.Name) is not null)
        {
            stderr.Append(CultureInfo.InvariantCulture, $"libxl: error: libxl_domain.c:81:libxl__domain_rename: Domain {domain.Domid}:Domain with name \"{domain.Name}\" already exists.\n");
            stderr.Append(CultureInfo.InvariantCulture, $"libxl: error: libxl_create.c:1296:initiate_domain_create: Domain {domain.Domid}:cannot make domain: -6\n");
            return false;
        }

        foreach (var vif in vifs)
        {
            if (Libxl.SetDefaults(dom0, domain, vif, hotplug: false) is not { } wrong)
                continue;
            stderr.Append(wrong);
            stderr.Append(CultureInfo.InvariantCulture, $"libxl: error: libxl_nic.c:520:libxl__device_nic_set_devids: Domain {domain.Domid}:Unable to set nic defaults for nic {vifs.IndexOf(vif)}\n");
            return false;
        }

        foreach (var needed in new[] { domain.Kernel, domain.Ramdisk })
        {
            if (needed is null || !state.MissingFiles.Contains(needed))
                continue;
            stderr.Append(CultureInfo.InvariantCulture, $"xc: error: panic: xg_dom_core.c:205: failed to open file '{needed}': No such file or directory: Internal error\n");
            stderr.Append("libxl: error: libxl_dom.c:646:libxl__build_pv: xc_dom_kernel_file failed: No such file or directory\n");
            return CannotBuild();
        }

        if (state.Domains.Sum(d => (long)d.Memory) + domain.Memory > state.GuestMemory)
        {
            stderr.Append("xc: error: panic: xg_dom_boot.c:119: xc_dom_boot_mem_init: can't allocate low memory for domain: Out of memory\n");
            stderr.Append("libxl: error: libxl_dom.c:586:libxl__build_dom: xc_dom_boot_mem_init failed: Cannot allocate memory\n");
            return CannotBuild();
        }

        state.Domains.Add(domain);
        var attached = true;
        foreach (var vif in vifs)
            attached &= Libxl.AddVif(dom0, domain, vif, stderr).ExitStatus == 0;
        if (attached)
            return true;
        stderr.Append(CultureInfo.InvariantCulture, $"libxl: error: libxl_create.c:1921:domcreate_attach_devices: Domain {domain.Domid}:unable to add vif devices\n");
        Libxl.Destroy(dom0, domain, stderr);
        return false;

        bool CannotBuild()
        {
            stderr.Append(CultureInfo.InvariantCulture, $"libxl: error: libxl_create.c:1640:domcreate_rebuild_done: Domain {domain.Domid}:cannot (re-)build domain: -3\n");
            return false;
        }
    }
}

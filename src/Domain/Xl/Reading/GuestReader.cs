using System.Globalization;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Xl.Syntax;

namespace Xlnet.Domain.Xl;

/// <summary>
/// What xl 4.17 says of a guest file: parse_config_data of xl_parse.c in its order, as far as it decides over accepting the
/// file, over its vifs, and over what is printed. Left out: what depends on the host's CPUs and nodes, and the messages of cpuid
/// and rdm, which refuse nothing.
/// </summary>
internal sealed partial class GuestReader : ConfigReader
{
    /// <summary>exit(-ERROR_FAIL) of libxl.</summary>
    private const int ErrorFail = 3;

    /// <summary>A shell's status for SIGSEGV.</summary>
    private const int Crash = 139;

    private readonly GuestFile _file;
    private readonly VifDefaults _defaults;
    private IReadOnlyList<XlNic> _nics = [];
    private GuestType _type;

    /// <summary>A virtual CPU may run on no CPU.</summary>
    private bool _pinnedToNone;

    private GuestReader(GuestFile file, VifDefaults defaults)
        : base(file.Settings, XlReader.GuestFileName)
    {
        _file = file;
        _defaults = defaults;
    }

    public static XlReading Read(GuestFile file, VifDefaults defaults)
    {
        var reader = new GuestReader(file, defaults);
        var status = reader.ReadSyntax() ?? reader.ReadIdentity() ?? reader.ReadResources() ?? reader.ReadActions() ?? reader.ReadPci()
            ?? reader.ReadBoot() ?? reader.ReadFirmware() ?? reader.ReadHardware() ?? reader.ReadDevices() ?? reader.ReadVifs()
            ?? reader.ReadUsb() ?? reader.ReadDeviceModel() ?? reader.ReadDisplay() ?? reader.ReadRest() ?? reader.CheckCpus() ?? 0;
        return new XlReading(status == 0, status, reader.Printout.ToString(), status == 0 ? reader._nics : []);
    }

    private int? Refuse(string message, int status = 1)
    {
        Printout.AddLast(message);
        return status;
    }

    private int? ReadSyntax()
    {
        var messages = new List<string>();
        var accepted = XlReader.ReportSyntax(_file.Syntax, Source, messages, out var status);
        foreach (var message in messages)
            Print(message);
        if (accepted)
            return null;
        return status == 1 ? Refuse("Failed to parse config: Invalid argument") : status;
    }

    private int? ReadIdentity()
    {
        if (GetString("init_seclabel") is not null)
            GetString("init_seclabel");
        if (GetString("seclabel") is not null)
            GetString("seclabel");
        var type = GetString("type");
        if (type is not null && XlReader.ReadTypeName(type) is null)
            return Refuse($"Invalid domain type {type}.");
        var builder = GetString("builder");
        if (builder is not null && XlReader.ReadBuilderName(builder) is null)
            return Refuse($"Invalid domain type {builder}.");
        if (XlReader.ReadType(Settings) is not { } guestType)
            return Refuse("Contradicting \"builder\" and \"type\" options specified.");
        _type = guestType;
        GetLong("hap");
        // Recorded: what xl does for name and uuid clears errno.
        OutOfRange = false;
        if (GetString("name") is null)
            return Refuse("Domain name must be specified.");
        if (GetString("uuid") is { } uuid && !IsUuid(uuid))
            return Refuse($"Failed to parse UUID: {uuid}");
        ReadLongs("oos");
        ReadStrings("pool");
        if (_type == GuestType.Pvh)
        {
            GetLong("pvshim");
            ReadStrings("pvshim_path", "pvshim_cmdline", "pvshim_extra");
        }

        return null;
    }

    private int? ReadResources()
    {
        ReadLongs("cpu_weight", "cap", "period", "slice", "latency", "extratime", "memory", "maxmem");
        var vcpus = GetLong("vcpus") ?? 0;
        if (unchecked((int)vcpus) < 0)
            return Refuse("libxl: error: libxl_utils.c:809:libxl_cpu_bitmap_alloc: invalid number of cpus provided\nUnable to allocate cpumap");
        var maxVcpus = unchecked((int)(GetLong("maxvcpus") ?? 0));
        if (GetString("vuart") is { } vuart && !IsOneOf(vuart, "unknown", "sbsa_uart"))
            return Refuse($"ERROR: invalid value \"{vuart}\" for \"vuart\"");
        if (ReadVnuma() is { } status)
            return status;
        if (maxVcpus == 0)
            maxVcpus = unchecked((int)vcpus);
        if (maxVcpus < vcpus)
            return Refuse("xl: maxvcpus < vcpus");
        var cpus = new CpuMap();
        foreach (var name in (ReadOnlySpan<string>)["cpus", "cpus_soft"])
        {
            var ranges = GetList(name, warn: false) is { } list
                ? list.TakeWhile(r => r is not null).Take(Math.Max(0, maxVcpus)).Select(r => r!).ToList()
                : GetString(name) is { } all ? [all] : [];
            foreach (var range in ranges)
            {
                cpus.Clear();
                foreach (var part in Tokens(range))
                {
                    if (cpus.Read(part) is { } wrong)
                        return Refuse(wrong);
                }

                _pinnedToNone |= name == "cpus" && maxVcpus > 0 && cpus.IsEmpty;
            }
        }

        foreach (var name in (ReadOnlySpan<string>)["max_grant_frames", "max_maptrack_frames", "max_grant_version"])
        {
            GetLong(name, 0, int.MaxValue, warn: false, out var wrong);
            if (wrong)
                return 1;
        }

        return null;
    }

    /// <summary>What can be told without the host's topology: the shape of the lists, and that no node exists to the shim.</summary>
    private int? ReadVnuma()
    {
        if (Settings.Find("vnuma") is not { IsList: true } setting)
            return null;
        foreach (var (_, _, node) in setting.Items)
        {
            if (node is not ListSyntax list)
                return Refuse("xl: cannot get vnode config option list");
            foreach (var item in list.Items)
            {
                if (item.Value is not AtomSyntax atom)
                    continue;
                var text = CStrings.Cut(atom.Value);
                var parts = Tokens(text, '=');
                if (parts.Length < 2)
                    return Refuse($"xl: failed to split \"{text}\" into pair");
                if (parts[0].Trim() is "pnode" or "size" && !IsUlong(parts[1].Trim()))
                    return Refuse($"xl: failed to convert \"{parts[1].Trim()}\" to number");
            }
        }

        return null;
    }

    /// <summary>Not before the rest has been read (libxl_sched.c; xl asks only of hard affinity).</summary>
    private int? CheckCpus() => _pinnedToNone ? Refuse("vcpu hard affinity map is empty") : null;

    private int? ReadActions()
    {
        foreach (var name in (ReadOnlySpan<string>)["on_poweroff", "on_reboot", "on_watchdog", "on_crash", "on_soft_reset"])
        {
            var action = GetString(name) ?? "destroy";
            if (action is not ("destroy" or "restart" or "rename-restart" or "preserve" or "coredump-destroy" or "coredump-restart" or "soft-reset"))
                return Refuse($"Unknown {name} action \"{action}\" specified");
        }

        return null;
    }

    private int? ReadPci()
    {
        if (_type == GuestType.Pv)
            GetLong("e820_host");
        ReadLongs("pci_msitranslate", "pci_power_mgmt", "pci_permissive", "pci_seize");
        GetString("rdm");
        foreach (var spec in GetItems("pci"))
        {
            if (PciSpec.IsValid(spec, out var printed, out var status))
                continue;
            Printout.AddPart(printed);
            return Refuse($"unable to parse PCI_SPEC_STRING `{spec}' for passthrough", status);
        }

        GetList("dtdev");
        if (GetString("passthrough") is { } passthrough && !IsOneOf(passthrough, "default", "disabled", "enabled", "sync_pt", "share_pt"))
            return Refuse($"ERROR: unknown passthrough option '{passthrough}'");
        return null;
    }

    private int? ReadBoot()
    {
        ReadLongs("shadow_memory", "nomigrate");
        string[] modes = ["default", "always_emulate", "native", "native_paravirt"];
        if (GetLong("tsc_mode", warn: false) is { } tsc)
        {
            var named = tsc is >= 0 and <= 3 ? $"e.g. tsc_mode=\"{modes[tsc]}\"" : "";
            Print($"WARNING: specifying \"tsc_mode\" as an integer is deprecated. Please use the named parameter variant. {named}");
            if (tsc is < 0 or > 3)
                return Refuse(Invalid(tsc, "tsc_mode"));
        }
        else if (GetString("tsc_mode") is { } mode)
        {
            Print($"got a tsc mode string: \"{mode}\"");
            if (!IsOneOf(mode, modes))
                return Refuse($"ERROR: invalid value \"{mode}\" for \"tsc_mode\"");
        }

        ReadLongs("rtc_timeoffset");
        if (GetLong("vncviewer") is not null)
            Print("WARNING: ignoring \"vncviewer\" option. Use \"-V\" option of \"xl create\" to automatically spawn vncviewer.");
        ReadLongs("localtime", "videoram", "max_event_channels");
        ReadStrings("kernel", "ramdisk", "device_tree");
        var commandLine = GetString("cmdline");
        var root = GetString("root");
        var extra = GetString("extra");
        if (commandLine is not null && (root ?? extra) is not null)
            Print("Warning: ignoring root= and extra= in favour of cmdline=");
        ReadLongs("driver_domain", "acpi");
        ReadStrings("bootloader");
        if (Settings.Find("bootloader_args") is { IsList: false } && GetString("bootloader_args") is { } arguments)
        {
            Print("WARNING: Specifying \"bootloader_args\" as a string is deprecated. Please use a list of arguments.");
            if (Tokens(arguments, ' ', '\t', '\n').Length == 0)
                return Crash;
        }

        return ReadTimerMode();
    }

    private int? ReadTimerMode()
    {
        string[] modes = ["delay_for_missed_ticks", "no_delay_for_missed_ticks", "no_missed_ticks_pending", "one_missed_tick_pending"];
        if (GetLong("timer_mode", warn: false) is { } timer)
        {
            if (_type == GuestType.Pv)
                return Refuse("ERROR: \"timer_mode\" option is not supported for PV guests.", ErrorFail);
            var name = timer is >= 0 and <= 3 ? modes[timer] : timer == -1 ? "unknown" : null;
            Print($"WARNING: specifying \"timer_mode\" as an integer is deprecated. Please use the named parameter variant. {(name is null ? "" : $"e.g. timer_mode=\"{name}\"")}");
            if (timer is < 0 or > 3)
                return Refuse(Invalid(timer, "timer_mode"));
        }
        else if (GetString("timer_mode") is { } mode)
        {
            if (_type == GuestType.Pv)
                return Refuse("ERROR: \"timer_mode\" option is not supported for PV guests.", ErrorFail);
            if (!IsOneOf(mode, [.. modes, "unknown"]))
                return Refuse($"ERROR: invalid value \"{mode}\" for \"timer_mode\"");
        }

        GetLong("nestedhvm");
        return null;
    }

    private int? ReadFirmware() => _type == GuestType.Hvm ? ReadHvmFirmware() : ReadKernel();

    private int? ReadHvmFirmware()
    {
        if (Settings.FindString("kernel") is { } kernel && Basename(kernel) == "hvmloader")
            Print("WARNING: you seem to be using \"kernel\" directive to override HVM guest firmware. Ignore that. Use \"firmware_override\" instead if you really want a non-default firmware");
        ReadStrings("firmware_override");
        var path = GetString("bios_path_override");
        string[] types = ["unknown", "rombios", "seabios", "ovmf"];
        if (GetString("bios") is { } bios)
        {
            if (!IsOneOf(bios, types))
                return Refuse($"ERROR: invalid value \"{bios}\" for \"bios\"");
        }
        else if (path is not null)
        {
            Print("WARNING: bios_path_override given without specific bios name");
        }

        ReadLongs("pae", "acpi_s3", "acpi_s4", "acpi_laptop_slate", "nx", "hpet", "vpt_align", "apic");
        foreach (var item in GetList("viridian", warn: false) ?? [])
        {
            if (item is null)
                return Crash;
            var name = item.StartsWith('!') ? item[1..] : item;
            if (item is not ("all" or "defaults") && !IsOneOf(
                    name, "base", "freq", "time_ref_count", "reference_tsc", "hcall_remote_tlb_flush", "apic_assist", "crash_ctl", "synic", "stimer",
                    "hcall_ipi", "ex_processor_masks", "no_vp_limit", "cpu_hotplug"))
                return Refuse($"xl: unknown viridian enlightenment '{name}'", ErrorFail);
        }

        GetLong("viridian", warn: false);
        if (GetLong("mmio_hole") is { } hole && unchecked((ulong)hole * 1024 * 1024) is < 0x10000000 or > 0xF0000000)
            return Refuse(Invalid(hole, "mmio_hole"));
        if (GetLong("altp2mhvm") is not null)
            Print("WARNING: Specifying \"altp2mhvm\" is deprecated. Please use \"altp2m\" instead.");
        ReadStrings("smbios_firmware", "acpi_firmware");
        if (GetString("ms_vm_genid") is { } genid && genid is not ("generate" or "none"))
            return Refuse("ERROR: \"ms_vm_genid\" option must be \"generate\" or \"none\"");
        ReadLongs("rdm_mem_boundary");
        if (Settings.Find("mca_caps") is { } caps)
        {
            if (!caps.IsList)
                return Refuse("ERROR: unable to parse mca_caps.", ErrorFail);
            foreach (var cap in GetList("mca_caps")!)
            {
                if (cap is null)
                    return Crash;
                if (cap != "lmce")
                    return Refuse($"ERROR: unrecognized MCA capability '{cap}'.", ErrorFail);
            }
        }

        GetString("firmware");
        return null;
    }

    private int? ReadKernel()
    {
        var kernel = Settings.FindString("kernel");
        if (GetString("firmware") is { } firmware)
        {
            if (kernel is not null)
                return Refuse("ERROR: both kernel and firmware specified");
            if (!"pvgrub32".StartsWith(firmware, StringComparison.Ordinal) && !"pvgrub64".StartsWith(firmware, StringComparison.Ordinal))
                return Refuse("ERROR: only pvgrub{32|64} supported as firmware options");
            kernel = firmware;
        }

        return kernel is null && Settings.FindString("bootloader") is null ? Refuse("Neither kernel nor bootloader specified") : null;
    }

    private int? ReadHardware()
    {
        if (GetLong("altp2m", warn: false) is { } altp2m)
        {
            if (altp2m is < 0 or > 3)
                return Refuse(Invalid(altp2m, "altp2m"));
        }
        else if (GetString("altp2m") is { } mode && !IsOneOf(mode, "disabled", "mixed", "external", "limited"))
        {
            return Refuse($"ERROR: invalid value \"{mode}\" for \"altp2m\"");
        }

        GetLong("vmtrace_buf_kb", warn: false);
        return ReadPorts() ?? ReadIrqs() ?? ReadMemoryRanges();
    }

    private int? ReadPorts()
    {
        foreach (var (index, item) in (GetList("ioports") ?? []).Index())
        {
            if (item is null)
                return Refuse(string.Create(CultureInfo.InvariantCulture, $"xl: Unable to get element #{index} in ioport list"));
            var first = CStrings.Strtoul(item, 16, out var length, out _);
            if (length == 0)
                return Refuse($"xl: Invalid argument parsing ioport: {item}");
            if (first >= uint.MaxValue)
                return Refuse(string.Create(CultureInfo.InvariantCulture, $"xl: ioport {first:x} too big"));
            if (length == item.Length)
                continue;
            if (item[length] != '-')
            {
                Print($"xl: Invalid argument parsing ioport: {item}");
                continue;
            }

            var rest = item[(length + 1)..];
            var last = CStrings.Strtoul(rest, 16, out length, out _);
            if (length == 0 || length < rest.Length)
                return Refuse($"xl: Invalid argument parsing ioport: {item}");
            if (last >= uint.MaxValue)
                return Refuse(string.Create(CultureInfo.InvariantCulture, $"xl: ioport {last:x} too big"));
        }

        return null;
    }

    private int? ReadIrqs()
    {
        foreach (var (index, item) in (GetList("irqs") ?? []).Index())
        {
            if (item is null)
                return Refuse(string.Create(CultureInfo.InvariantCulture, $"xl: Unable to get element {index} in irq list"));
            var irq = CStrings.Strtoul(item, 10, out var length, out _);
            if (length == 0 || length < item.Length)
                return Refuse($"xl: Invalid argument parsing irq: {item}");
            if (irq >= uint.MaxValue)
                return Refuse(string.Create(CultureInfo.InvariantCulture, $"xl: irq {irq:x} too big"));
        }

        return null;
    }

    private int? ReadMemoryRanges()
    {
        foreach (var (index, item) in (GetList("iomem") ?? []).Index())
        {
            if (item is null)
                return Refuse(string.Create(CultureInfo.InvariantCulture, $"xl: Unable to get element {index} in iomem list"));
            if (!IsMemoryRange(item))
                return Refuse($"xl: Invalid argument parsing iomem: {item}");
        }

        return null;
    }

    private int? ReadVifs()
    {
        if (Settings.Find("vif") is { IsList: false })
            GetList("vif");
        var (count, outOfRange) = (0, OutOfRange);
        foreach (var (atom, index) in _file.VifAtoms())
        {
            count++;
            // Only a value can be fatal, and of the rest xl prints what is not kept.
            if (atom.IsEmpty || !Printout.HasRoom && !_file.Syntax.Text.AsSpan(atom.Start, atom.End - atom.Start).Contains('='))
                continue;
            var reader = new VifReader(atom.Value, index, _defaults, Printout, Source, OutOfRange);
            if (!reader.Accepted)
                return 1;
            OutOfRange = reader.OutOfRange;
        }

        // Whether xl takes a file is asked more often than what it makes of each vif.
        _nics = new LazyList<XlNic>(count, () => ReadNics(_file, _defaults, outOfRange));

        if (GetList("vif2") is not null)
            Print("WARNING: vif2: netchannel2 is deprecated and not supported by xl");
        GetList("vfb");
        return null;
    }

    private static List<XlNic> ReadNics(GuestFile file, VifDefaults defaults, bool outOfRange)
    {
        var nics = new List<XlNic>();
        foreach (var (atom, index) in file.VifAtoms())
        {
            var reader = new VifReader(atom.Value, index, defaults, outOfRange: outOfRange);
            outOfRange = reader.OutOfRange;
            nics.Add(reader.ToNic());
        }

        return nics;
    }

    private int? ReadUsb()
    {
        foreach (var spec in GetItems("usbctrl"))
        {
            foreach (var token in Tokens(spec).Select(t => t.TrimStart(' ')))
            {
                if (Option(token, "type") is { } type)
                {
                    if (!IsOneOf(type, "AUTO", "PV", "DEVICEMODEL", "QUSB"))
                        return Refuse($"Invalid usb controller type '{type}'");
                }
                else if (Option(token, "version") is null && Option(token, "ports") is null)
                {
                    return Refuse($"Unknown string `{token}' in usbctrl spec");
                }
            }
        }

        foreach (var spec in GetItems("usbdev"))
        {
            foreach (var token in Tokens(spec).Select(t => t.TrimStart(' ')))
            {
                if (Option(token, "type") is { } type)
                {
                    // xl prints a stale optarg here, which is NULL.
                    if (!IsOneOf(type, "hostdev"))
                        return Refuse("Invalid usb device type: (null)");
                }
                else if (Option(token, "hostbus") is null && Option(token, "hostaddr") is null && Option(token, "controller") is null && Option(token, "port") is null)
                {
                    return Refuse($"Unknown string `{token}' in usbdev spec");
                }
            }
        }

        if (Settings.Find("cpuid") is { IsList: false } && GetString("cpuid") is { } cpuid && Tokens(cpuid) is [not "host", ..])
            Print($"while parsing CPUID string: \"{cpuid}\":\n  error: first word must be \"host\"");
        return null;
    }

    private int? ReadDeviceModel()
    {
        if (GetString("device_model") is { } model)
        {
            Print("WARNING: ignoring device_model directive.\nWARNING: Use \"device_model_override\" instead if you really want a non-default device_model");
            if (model.Contains("stubdom-dm", StringComparison.Ordinal))
            {
                Print(_type == GuestType.Hvm
                    ? "WARNING: Or use \"device_model_stubdomain_override\" if you  want to enable stubdomains"
                    : "WARNING: ignoring \"device_model_stubdomain_override\" directive for pv guest");
            }
        }

        var overriding = GetString("device_model_override");
        if (GetString("device_model_version") is { } version)
        {
            if (version is not ("qemu-xen-traditional" or "qemu-xen"))
                return Refuse($"Unknown device_model_version \"{version}\" specified");
        }
        else if (overriding is not null)
        {
            Print("WARNING: device model override given without specific DM version");
        }

        GetLong("device_model_stubdomain_override");
        ReadStrings("device_model_stubdomain_seclabel", "device_model_user", "stubdomain_kernel", "stubdomain_cmdline", "stubdomain_ramdisk");
        GetLong("stubdomain_memory");
        foreach (var suffix in (ReadOnlySpan<string>)["", "_pv", "_hvm"])
        {
            if (Settings.Find($"device_model_args{suffix}") is { IsList: false } && GetList($"device_model_args{suffix}") is null)
                return Refuse($"xl: Unable to parse device_model_args{suffix}.", ErrorFail);
        }

        return null;
    }

    private int? ReadDisplay()
    {
        string? listen = null;
        long display = 0;
        var hasFrameBuffer = Settings.Find("vfb") is { IsList: true } frameBuffers && frameBuffers.Items.FirstOrDefault().Value is AtomSyntax;
        if (_type == GuestType.Pv && !hasFrameBuffer)
        {
            if (GetLong("vnc") is { } vnc && vnc != 0)
            {
                ReadTopLevelDisplay();
                ReadStrings("keymap");
            }
        }
        else
        {
            ReadTopLevelDisplay();
        }

        GetLong("dm_restrict");
        return _type == GuestType.Hvm ? ReadHvmDisplay(listen, display) : null;

        void ReadTopLevelDisplay()
        {
            GetLong("vnc");
            listen = GetString("vnclisten");
            ReadStrings("vncpasswd");
            display = unchecked((int)(GetLong("vncdisplay") ?? 0));
            ReadLongs("vncunused", "sdl", "opengl");
            ReadStrings("display", "xauthority");
        }
    }

    private int? ReadHvmDisplay(string? listen, long display)
    {
        if (GetString("vga") is { } vga)
        {
            if (vga is not ("stdvga" or "cirrus" or "none" or "qxl"))
                return Refuse($"Unknown vga \"{vga}\" specified");
        }
        else
        {
            GetLong("stdvga");
        }

        if (GetString("hdtype") is { } hdtype && !IsOneOf(hdtype, "IDE", "AHCI"))
            return Refuse($"ERROR: invalid value \"{hdtype}\" for \"hdtype\"");
        ReadStrings("keymap");
        ReadLongs("spice", "spiceport", "spicetls_port");
        ReadStrings("spicehost");
        ReadLongs("spicedisable_ticketing");
        ReadStrings("spicepasswd");
        ReadLongs("spiceagent_mouse", "spicevdagent", "spice_clipboard_sharing", "spiceusbredirection");
        ReadStrings("spice_image_compression", "spice_streaming_video");
        ReadLongs("nographic");
        if (GetLong("gfx_passthru", warn: false) is null && GetString("gfx_passthru") is { } gfx && !IsOneOf(gfx, "default", "igd"))
            return Refuse($"ERROR: invalid value \"{gfx}\" for \"gfx_passthru\"");
        ReadStrings("boot");
        ReadLongs("usb", "usbversion", "vkb_device");
        ReadStrings("soundhw");
        ReadLongs("xen_platform_pci");
        if (listen is not null && display != 0 && listen.Contains(':', StringComparison.Ordinal))
            return Refuse("ERROR: Display specified both in vnclisten and vncdisplay!");
        if (GetString("vendor_device") is { } vendor && !IsOneOf(vendor, "NONE", "XENSERVER"))
            return Refuse($"xl: unknown vendor_device '{vendor}'", ErrorFail);
        return null;
    }

    private int? ReadRest()
    {
        if (GetString("gic_version", warn: false) is { } gic && !IsOneOf(gic, "DEFAULT", "v2", "v3"))
            return Refuse($"Unknown gic_version \"{gic}\" specified", ErrorFail);
        if (GetString("tee", warn: false) is { } tee && !IsOneOf(tee, "none", "optee"))
            return Refuse($"Unknown tee \"{tee}\" specified", ErrorFail);
        if (ReadKeyboards() is { } status)
            return status;
        GetLong("xend_suspend_evtchn_compat");
        if (GetLong("msr_relaxed") is not null)
            Print("WARNING: msr_relaxed will be removed in future versions.\nIf it fixes an issue you are having please report to xen-devel@lists.xenproject.org.");
        GetLong("vpmu");
        return null;
    }

    // ---- small readings ----

    private static string Invalid(long value, string name) =>
        string.Create(CultureInfo.InvariantCulture, $"ERROR: invalid value {value} for \"{name}\"");

    /// <summary>libxl's enumerations know no case.</summary>
    private static bool IsOneOf(string value, params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            if (name.Equals(value, StringComparison.OrdinalIgnoreCase))
                return true;
        }

        return false;
    }

    private static string? Option(string token, string key) =>
        token.Length > key.Length && token[key.Length] == '=' && token.StartsWith(key, StringComparison.Ordinal) ? token[(key.Length + 1)..] : null;

    /// <summary>strtok: what stands between separators, without the empty parts.</summary>
    private static string[] Tokens(string text, params char[] separators) =>
        text.Split(separators.Length == 0 ? [','] : separators, StringSplitOptions.RemoveEmptyEntries);

    private static bool IsUlong(string text) => CStrings.Strtoul(text, 10, out var length, out _) != ulong.MaxValue && length > 0;

    private static bool IsUuid(string text) =>
        text.Length == 36 && text.Index().All(c => c.Index is 8 or 13 or 18 or 23 ? c.Item == '-' : char.IsAsciiHexDigit(c.Item));

    private static string Basename(string path) => path.TrimEnd('/') is var trimmed ? trimmed[(trimmed.LastIndexOf('/') + 1)..] : path;

    /// <summary><c>START,NUMBER[@GFN]</c> to the base 16 (sscanf).</summary>
    private static bool IsMemoryRange(string text)
    {
        CStrings.Strtoul(text, 16, out var length, out _);
        if (length == 0 || length == text.Length || text[length] != ',')
            return false;
        var position = length + 1;
        CStrings.Strtoul(text.AsSpan(position), 16, out length, out _);
        if (length == 0)
            return false;
        position += length;
        if (position == text.Length)
            return true;
        if (text[position] != '@')
            return false;
        CStrings.Strtoul(text.AsSpan(position + 1), 16, out length, out _);
        return length > 0 && position + 1 + length == text.Length;
    }
}

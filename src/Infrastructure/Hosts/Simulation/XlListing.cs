using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Xlnet.Domain.Guests;

namespace Xlnet.Infrastructure.Hosts.Simulation;

/// <summary><c>xl info</c>, <c>xl list</c>, <c>xl list -l</c> and <c>xl network-list</c>.</summary>
internal static class XlListing
{
    private const int Dom0Memory = 1024;

    private const string NetworkHeader = "Idx BE Mac Addr.         handle state evt-ch   tx-/rx-ring-ref BE-path                       \n";

    public static Answer Info(XlRun xl, IReadOnlyList<string> args)
    {
        var free = xl.State.GuestMemory - xl.State.Domains.Sum(d => d.Memory);
        // Dom0's share and Xen's own: 2047 in total where guests have 1000.
        var total = xl.State.GuestMemory + 1047;
        return Answer.Print($"""
            host                   : xenhost
            release                : 6.1.0-56-amd64
            version                : #1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)
            machine                : x86_64
            nr_cpus                : 2
            max_cpu_id             : 1
            nr_nodes               : 1
            cores_per_socket       : 2
            threads_per_core       : 1
            cpu_mhz                : 2596.121
            hw_caps                : 1fcbf3fd:f2d8320b:ec500800:00000077:00000000:018843a9:0000020c:00000000
            virt_caps              : pv hvm hap gnttab-v1 gnttab-v2
            total_memory           : {total}
            free_memory            : {free}
            sharing_freed_memory   : 0
            sharing_used_memory    : 0
            outstanding_claims     : 0
            free_cpus              : 0
            xen_major              : 4
            xen_minor              : {xl.State.XenMinor}
            xen_extra              : .7
            xen_version            : 4.{xl.State.XenMinor}.7
            xen_caps               : xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64{' '}
            xen_scheduler          : credit2
            xen_pagesize           : 4096
            platform_params        : virt_start=0xffff800000000000
            xen_changeset          :{' '}
            xen_commandline        : dom0_mem=1024M,max:1024M com1=115200,8n1 console=com1 loglvl=info guest_loglvl=info noreboot dom0_max_vcpus=2{' '}
            cc_compiler            : x86_64-linux-gnu-gcc (Debian 12.2.0-14+deb12u1) 12.2.0
            cc_compile_by          : pkg-xen-devel
            cc_compile_domain      : lists.alioth.debian.org
            cc_compile_date        : Wed Nov  4 16:52:28 UTC 2026
            build_id               : 151b373fd64b321593bf987fd923cd10dabadac4
            xend_config_format     : 4

            """);
    }

    public static Answer List(XlRun xl, IReadOnlyList<string> args)
    {
        var (details, verbose) = (args.Contains("-l"), args.Contains("-v"));
        var all = true;
        IReadOnlyList<SimulatedDomain> domains = xl.State.Domains;
        if (args.FirstOrDefault(a => !a.StartsWith('-')) is { } name)
        {
            all = XlRun.IsDom0(name);
            if (!all && xl.Find(name) is not { } && name.All(char.IsAsciiDigit))
                return Answer.Fail(1, $"Error: Domain '{name}' does not exist.\n");
            if (!all && xl.Find(name) is null)
                return XlRun.Unknown(name);
            domains = all ? [] : [xl.Find(name)!];
        }

        if (details)
            return Answer.Print(Yajl.Print(new JsonArray([.. all ? [Dom0Json()] : Array.Empty<JsonNode>(), .. domains.Select(DomainJson)])) + "\n");

        var text = new StringBuilder("Name                                        ID   Mem VCPUs\tState\tTime(s)" + (verbose ? "   UUID                            Reason-Code\tSecurity Label" : "") + "\n");
        if (all)
            Row("Domain-0", 0, Dom0Memory, 2, "r-----", 50.0, "00000000-0000-0000-0000-000000000000");
        foreach (var domain in domains)
            Row(domain.Name, domain.Domid, domain.Memory, domain.Vcpus, Letters(domain), domain.CommandsUntilConnected < 0 ? 3.1 : 0.4, domain.Uuid);
        return Answer.Print(text.ToString());

        void Row(string name, int domid, int memory, int vcpus, string state, double seconds, string uuid)
        {
            text.Append(CultureInfo.InvariantCulture, $"{name,-40} {domid,5} {memory,5} {vcpus,5}     {state}  {seconds,8:0.0}");
            if (verbose)
                text.Append(CultureInfo.InvariantCulture, $" {uuid} {"-",8} {"-",16}");
            text.Append('\n');
        }
    }

    public static Answer NetworkList(XlRun xl, IReadOnlyList<string> args)
    {
        var text = new StringBuilder(NetworkHeader);
        var stderr = new StringBuilder();
        foreach (var name in args)
        {
            if (xl.Find(name) is not { } domain)
            {
                if (!name.All(char.IsAsciiDigit))
                    stderr.Append(XlRun.Unknown(name).Stderr);
                continue;
            }

            foreach (var vif in domain.Vifs)
                text.Append(Row(domain, vif));
        }

        return new Answer(stderr.Length > 0 ? 1 : 0, text.ToString(), stderr.ToString());
    }

    public static string DryRun(SimulatedDom0State state, SimulatedGuestFile file)
    {
        file.Domain.Uuid = Libxl.RandomUuid(state);
        return Yajl.Print(Config(file.Domain, file.Vifs, created: false));
    }

    private static string Row(SimulatedDomain domain, SimulatedVif vif)
    {
        // The grant references of a PV guest's rings, as recorded: 514 a vif. Before the frontend connects there are none.
        var (tx, rx) = vif.State == 4 ? (520 + 514 * vif.Devid, 521 + 514 * vif.Devid) : (-1, -1);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{vif.Devid,-3} {0,-2} {vif.Mac}{vif.Devid,6} {vif.State,5} {-1,6} {tx,5}/{rx,-11} {Libxl.BackendPath(domain, vif),-30}\n");
    }

    private static string Letters(SimulatedDomain domain) => domain switch
    {
        { Paused: true } => "--p---",
        { CommandsUntilConnected: < 0 } => "-b----",
        _ => "r-----",
    };

    private static JsonObject Dom0Json() => new()
    {
        ["domid"] = 0,
        ["config"] = new JsonObject
        {
            ["c_info"] = new JsonObject { ["type"] = "pv", ["name"] = "Domain-0" },
            ["b_info"] = new JsonObject
            {
                ["max_memkb"] = 1048576,
                ["target_memkb"] = 1048575,
                ["sched_params"] = Schedule(),
                ["type.pv"] = new JsonObject(),
                ["arch_arm"] = new JsonObject(),
                ["arch_x86"] = new JsonObject(),
            },
        },
    };

    private static JsonObject DomainJson(SimulatedDomain domain) => new()
    {
        ["domid"] = domain.Domid,
        ["config"] = Config(domain, domain.Vifs, created: true),
    };

    /// <summary>The creation JSON: what the file said, and with <paramref name="created"/> what libxl filled in.</summary>
    private static JsonObject Config(SimulatedDomain domain, List<SimulatedVif> vifs, bool created)
    {
        var type = domain.Type == GuestType.Pv ? "pv" : domain.Type == GuestType.Pvh ? "pvh" : "hvm";
        var create = new JsonObject { ["type"] = type, ["name"] = domain.Name };
        if (created)
            create["domid"] = uint.MaxValue;
        create["uuid"] = domain.Uuid;
        create["run_hotplug_scripts"] = "True";

        var build = new JsonObject
        {
            ["max_vcpus"] = domain.Vcpus,
            ["avail_vcpus"] = new JsonArray([.. Enumerable.Range(0, domain.Vcpus).Select(i => JsonValue.Create(i))]),
            ["max_memkb"] = domain.Memory * 1024L,
            ["target_memkb"] = domain.Memory * 1024L,
        };
        if (created)
            build["video_memkb"] = 0;
        build["sched_params"] = created ? Schedule() : new JsonObject();
        build["claim_mode"] = "True";
        Add(build, "kernel", domain.Kernel);
        Add(build, "cmdline", domain.CommandLine);
        Add(build, "ramdisk", domain.Ramdisk);
        build["type." + type] = new JsonObject();
        build["arch_arm"] = new JsonObject();
        build["arch_x86"] = created ? new JsonObject { ["msr_relaxed"] = "False" } : new JsonObject();

        var config = new JsonObject { ["c_info"] = create, ["b_info"] = build };
        if (vifs.Count > 0)
            config["nics"] = new JsonArray([.. vifs.Select(v => Nic(v, created))]);
        config["on_reboot"] = "restart";
        config["on_soft_reset"] = "soft_reset";
        return config;
    }

    private static JsonObject Schedule() => new() { ["sched"] = "credit2", ["weight"] = 256, ["cap"] = 0 };

    /// <summary>In the order of libxl_types.idl.</summary>
    private static JsonObject Nic(SimulatedVif vif, bool created)
    {
        var nic = new JsonObject();
        Add(nic, "backend_domname", vif.BackendDomain);
        nic["devid"] = vif.Devid;
        if (vif.Mtu is { } mtu)
            nic["mtu"] = mtu;
        Add(nic, "model", vif.Model);
        if (vif.Mac.Length > 0)
            nic["mac"] = vif.Mac;
        Add(nic, "ip", vif.Ip);
        Add(nic, "bridge", vif.Bridge);
        Add(nic, "ifname", vif.VifName);
        Add(nic, "script", vif.Script);
        if (created || vif.NicTypeSet)
            nic["nictype"] = vif.NicType;
        if (vif.RateBytesPerInterval is { } rate)
            nic["rate_bytes_per_interval"] = rate;
        if (vif.RateIntervalMicroseconds is { } interval)
            nic["rate_interval_usecs"] = interval;
        Add(nic, "gatewaydev", vif.GatewayDev);
        if (vif.Trusted is { } trusted)
            nic["trusted"] = trusted ? "True" : "False";
        foreach (var (name, value) in vif.Other)
            nic[name] = value;
        return nic;
    }

    private static void Add(JsonObject json, string name, string? value)
    {
        if (value is not null)
            json[name] = value;
    }
}

using System.Collections.Frozen;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Xl;

namespace Xlnet.Infrastructure.Hosts.Simulation;

/// <summary><c>xl</c> 4.17: its global options, xl.conf, and which command to run (xl.c, xl_cmdtable.c).</summary>
internal static class XlProgram
{
    public const string ConfPath = "/etc/xen/xl.conf";

    /// <param name="Usage">Its options, arguments and purpose, as <c>xl help COMMAND</c> prints them.</param>
    private sealed record Command(Func<XlRun, IReadOnlyList<string>, Answer> Run, int MinimumArguments, string Usage);

    private static readonly FrozenDictionary<string, Command> Commands = new Dictionary<string, Command>
    {
        ["info"] = new(XlListing.Info, 0, "Usage: xl [-vt] info [-n|--numa]\n\nGet information about Xen host.\n\n"),
        ["list"] = new(XlListing.List, 0, "Usage: xl [-vtT] list [options] [Domain]\n\nList information about all/some domains.\n\n"),
        ["network-list"] = new(XlListing.NetworkList, 1, "Usage: xl [-vtT] network-list <Domain(s)>\n\nList virtual network interfaces for a domain.\n\n"),
        ["network-attach"] = new(XlNetwork.Attach, 1, "Usage: xl [-vtTfN] network-attach <Domain> [type=<type>] [mac=<mac>] [bridge=<bridge>] [ip=<ip>] [script=<script>] [backend=<BackDomain>] [vifname=<name>] [rate=<rate>] [model=<model>] [accel=<accel>] [mtu=<mtu>]\n\nCreate a new virtual network device.\n\n"),
        ["network-detach"] = new(XlNetwork.Detach, 2, "Usage: xl [-vtTf] network-detach <Domain> <DevId|mac>\n\nDestroy a domain's virtual network device.\n\n"),
        ["create"] = new(XlCreate.Create, 0, "Usage: xl [-vtTfN] create <ConfigFile> [options] [vars]\n\nCreate a domain from config file <filename>.\n\n"),
        ["destroy"] = new(XlDomains.Destroy, 1, "Usage: xl [-vtTf] destroy [options] <Domain>\n\nTerminate a domain immediately.\n\n"),
        ["shutdown"] = new(XlDomains.Shutdown, 1, "Usage: xl [-vtTf] shutdown [options] <-a|Domain>\n\nIssue a shutdown signal to a domain.\n\n"),
        ["reboot"] = new(XlDomains.Reboot, 1, "Usage: xl [-vtTf] reboot [options] <-a|Domain>\n\nIssue a reboot signal to a domain.\n\n"),
        ["pause"] = new(XlDomains.Pause, 1, "Usage: xl [-vtT] pause <Domain>\n\nPause execution of a domain.\n\n"),
        ["unpause"] = new(XlDomains.Unpause, 1, "Usage: xl [-vtT] unpause <Domain>\n\nUnpause a paused domain.\n\n"),
        ["rename"] = new(XlDomains.Rename, 2, "Usage: xl [-vtT] rename <Domain> <NewDomainName>\n\nRename a domain.\n\n"),
        ["domid"] = new(XlDomains.Domid, 1, "Usage: xl [-vtT] domid <DomainName>\n\nConvert a domain name to domain id.\n\n"),
        ["domname"] = new(XlDomains.Domname, 1, "Usage: xl [-vtT] domname <DomainId>\n\nConvert a domain id to domain name.\n\n"),
        ["config-update"] = new(XlDomains.ConfigUpdate, 1, "Usage: xl [-vtTfN] config-update <Domain> <ConfigFile> [options] [vars]\n\nUpdate a running domain's saved configuration, used when rebuilding the domain after reboot.\n\n"),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    public static Answer Run(SimulatedDom0 dom0, IReadOnlyList<string> args)
    {
        var options = args.TakeWhile(a => a.StartsWith('-')).ToList();
        var rest = args.Skip(options.Count).ToList();
        var warning = "";
        var defaults = VifDefaults.None;
        if (dom0.Files.Read(ConfPath) is { } bytes)
        {
            var conf = XlConf.Parse(XlText.FromBytes(bytes));
            if (!conf.Reading.Accepted)
                return Answer.Fail(1, SimulatedGuestFile.Lines(conf.Reading.Message));
            (defaults, warning) = (conf.Defaults, SimulatedGuestFile.Lines(conf.Reading.Message));
        }
        else
        {
            warning = $"Failed to read config file: {ConfPath}: No such file or directory\n";
        }

        if (rest.Count == 0)
            return Answer.Fail(1, warning + "Usage xl [-vfNtT] <subcommand> [args]\n");
        if (!Commands.TryGetValue(rest[0], out var command))
            return Answer.Fail(1, warning + "command not implemented\n");

        rest.RemoveAt(0);
        var answer = rest.Count(a => !a.StartsWith('-')) < command.MinimumArguments
            ? TooFewArguments(args[options.Count], command)
            : command.Run(new XlRun(dom0, defaults, DryRun: options.Contains("-N")), rest);
        return answer with { Stderr = warning + answer.Stderr };
    }

    private static Answer TooFewArguments(string name, Command command) => new(
        2,
        command.Usage,
        $"'xl {name}' requires at least {command.MinimumArguments} argument{(command.MinimumArguments == 1 ? "" : "s")}.\n\n");
}

/// <summary>One run of xl.</summary>
/// <param name="Defaults">xl.conf's.</param>
/// <param name="DryRun"><c>xl -N</c>.</param>
internal sealed record XlRun(SimulatedDom0 Dom0, VifDefaults Defaults, bool DryRun)
{
    public SimulatedDom0State State => Dom0.State;

    /// <summary>A domain by name, or by domid when it is all digits (libxl_domain_qualifier_to_domid).</summary>
    public SimulatedDomain? Find(string domain) =>
        domain.All(char.IsAsciiDigit) ? State.Domains.Find(d => d.Domid.ToString(System.Globalization.CultureInfo.InvariantCulture) == domain) : State.FindDomain(domain);

    public static Answer Unknown(string domain) => Answer.Fail(1, $"{domain} is an invalid domain identifier (rc=-6)\n");

    public static bool IsDom0(string domain) => domain is "0" or "Domain-0";
}

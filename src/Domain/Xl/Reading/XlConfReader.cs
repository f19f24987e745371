using Xlnet.Domain.Xl.Syntax;

namespace Xlnet.Domain.Xl;

/// <summary>What xl 4.17 says of an xl.conf before it does anything else: parse_global_config of xl.c.</summary>
internal sealed class XlConfReader : ConfigReader
{
    private XlConfReader(ConfigSettings settings)
        : base(settings, XlConf.FileName)
    {
    }

    public static XlReading Read(ConfigSyntax syntax, ConfigSettings settings)
    {
        var reader = new XlConfReader(settings);
        var status = reader.ReadSyntax(syntax) ?? reader.ReadSettings() ?? 0;
        return new XlReading(status == 0, status, reader.Printout.ToString(), []);
    }

    private int? ReadSyntax(ConfigSyntax syntax)
    {
        var messages = new List<string>();
        var accepted = XlReader.ReportSyntax(syntax, Source, messages, out var status);
        foreach (var message in messages)
            Print(message);
        if (!accepted && status == 1)
            Print("Failed to parse config file: Invalid argument");
        return accepted ? null : status;
    }

    private int? ReadSettings()
    {
        if (GetString("autoballoon") is { } autoballoon && autoballoon is not ("on" or "1" or "off" or "0" or "auto"))
            Printout.AddPart("invalid autoballoon option");
        ReadLongs("run_hotplug_scripts");
        ReadStrings("lockfile");
        if (GetString("vifscript") is not null)
            Print("the global config option vifscript is deprecated, please switch to vif.default.script");
        ReadStrings("vif.default.script");
        if (GetString("defaultbridge") is not null)
            Print("the global config option defaultbridge is deprecated, please switch to vif.default.bridge");
        ReadStrings("vif.default.bridge", "vif.default.gatewaydev", "vif.default.backend");
        if (GetString("output_format") is { } format && format is not ("json" or "sxp"))
            Print($"invalid default output format \"{format}\"");
        ReadStrings("blkdev_start");
        ReadLongs("claim_mode");
        ReadStrings("remus.default.netbufscript", "colo.default.proxyscript");
        foreach (var name in (ReadOnlySpan<string>)["max_grant_frames", "max_maptrack_frames", "max_grant_version"])
        {
            GetLong(name, 0, int.MaxValue, warn: false, out var wrong);
            if (wrong)
                return 1;
        }

        ReadStrings("vm.cpumask", "vm.hvm.cpumask", "vm.pv.cpumask");
        if (GetString("domid_policy") is { } policy && policy is not ("xen" or "random"))
            Printout.AddPart("invalid domid_policy option");
        return null;
    }
}

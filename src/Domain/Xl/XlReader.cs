using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Xl.Syntax;

namespace Xlnet.Domain.Xl;

/// <summary>What the real xl 4.17 says of a file: parse_config_data of xl_parse.c, as far as it decides over accepting it and over its vifs.</summary>
internal static class XlReader
{
    public const string GuestFileName = "guest.cfg";

    public static XlReading ReadGuest(GuestFile file, VifDefaults defaults)
    {
        var messages = new List<string>();
        if (!ReportSyntax(file.Syntax, GuestFileName, messages, out var status))
            return Refused(messages, status, "Failed to parse config: Invalid argument");

        var settings = file.Settings;
        if (settings.FindString("type") is { } type && ReadTypeName(type) is null)
            return Refused(messages, 1, $"Invalid domain type {type}.");
        if (settings.FindString("builder") is { } builder && ReadBuilderName(builder) is null)
            return Refused(messages, 1, $"Invalid domain type {builder}.");
        if (ReadType(settings) is not { } guestType)
            return Refused(messages, 1, "Contradicting \"builder\" and \"type\" options specified.");
        if (settings.FindString("name") is null)
            return Refused(messages, 1, "Domain name must be specified.");
        if (guestType != GuestType.Hvm && settings.FindString("kernel") is null && settings.FindString("bootloader") is null)
            return Refused(messages, 1, "Neither kernel nor bootloader specified");

        var nics = new List<XlNic>();
        if (settings.Find("vif") is { } vif)
        {
            if (!vif.IsList)
            {
                messages.Add($"{GuestFileName}:{vif.XlLine}: warning: parameter `vif' is a single value but should be a list");
            }
            else
            {
                var outOfRange = false;
                foreach (var (atom, index) in file.VifAtoms())
                {
                    var reader = new VifReader(CStrings.Cut(atom.Value), index, defaults, GuestFileName, outOfRange);
                    messages.AddRange(reader.Messages);
                    if (!reader.Accepted)
                        return Refused(messages, 1);
                    outOfRange = reader.OutOfRange;
                    nics.Add(reader.ToNic());
                }
            }
        }

        return new XlReading(true, 0, string.Join('\n', messages), nics);
    }

    /// <summary>Null when <c>type</c> and <c>builder</c> contradict each other, or one is unknown.</summary>
    public static GuestType? ReadType(ConfigSettings settings)
    {
        var type = settings.FindString("type") is { } name ? ReadTypeName(name) : GuestType.Pv;
        if (settings.FindString("builder") is not { } builderName)
            return type;
        var builder = ReadBuilderName(builderName);
        return settings.FindString("type") is null || type == builder ? builder : null;
    }

    /// <summary>xl compares only as many characters as were written: <c>h</c> is hvm, <c>p</c> is pv, and nothing at all is hvm.</summary>
    private static GuestType? ReadTypeName(string name) =>
        "hvm".StartsWith(name, StringComparison.Ordinal) ? GuestType.Hvm
        : "pv".StartsWith(name, StringComparison.Ordinal) ? GuestType.Pv
        : "pvh".StartsWith(name, StringComparison.Ordinal) ? GuestType.Pvh
        : null;

    private static GuestType? ReadBuilderName(string name) =>
        "hvm".StartsWith(name, StringComparison.Ordinal) ? GuestType.Hvm
        : "generic".StartsWith(name, StringComparison.Ordinal) ? GuestType.Pv
        : null;

    public static bool ReportSyntax(ConfigSyntax syntax, string source, List<string> messages, out int status)
    {
        foreach (var error in syntax.Errors)
        {
            if (error.Report is { } report)
                messages.Add($"{source}:{report}");
        }

        status = syntax.Aborts ? 134 : 1;
        if (syntax.Aborts)
            messages.Add("xl: libxlu_cfg.c:607: xlu__cfgl_dequote: Assertion `len>=2 && src[0]==src[len-1]' failed.");
        else if (syntax.Errors.Count > 0 && syntax.LooksLikePython)
            messages.Add("warning: Config file looks like it contains Python code.\nwarning:  Arbitrary Python is no longer supported.\nwarning:  See https://wiki.xen.org/wiki/PythonInXlConfig");
        return syntax.Errors.Count == 0;
    }

    private static XlReading Refused(List<string> messages, int status, string? last = null)
    {
        if (last is not null && status == 1)
            messages.Add(last);
        return new XlReading(false, status, string.Join('\n', messages), []);
    }
}

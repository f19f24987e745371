using Xlnet.Domain.Guests;
using Xlnet.Domain.Xl.Syntax;

namespace Xlnet.Domain.Xl;

/// <summary>What xl's readings of guest files and of xl.conf share.</summary>
internal static class XlReader
{
    public const string GuestFileName = "guest.cfg";

    private const string Python =
        "warning: Config file looks like it contains Python code.\n"
        + "warning:  Arbitrary Python is no longer supported.\n"
        + "warning:  See https://wiki.xen.org/wiki/PythonInXlConfig";

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
    public static GuestType? ReadTypeName(string name) =>
        "hvm".StartsWith(name, StringComparison.Ordinal) ? GuestType.Hvm
        : "pv".StartsWith(name, StringComparison.Ordinal) ? GuestType.Pv
        : "pvh".StartsWith(name, StringComparison.Ordinal) ? GuestType.Pvh
        : null;

    public static GuestType? ReadBuilderName(string name) =>
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

        status = syntax.Abort is null ? 1 : 134;
        if (syntax.Abort is not null)
            messages.Add($"xl: libxlu_cfg.c:{syntax.Abort}");
        else if (syntax.Errors.Count > 0 && syntax.LooksLikePython)
            messages.Add(Python);
        return syntax.Errors.Count == 0;
    }
}

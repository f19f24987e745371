using System.Text.RegularExpressions;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Xl;

namespace Xlnet.Domain.Planning;

/// <summary>
/// Which of a host's hotplug scripts read <c>vlan</c>, by a look at their text: xl from 4.19 on leaves it in xenstore as
/// <c>$XENBUS_PATH/vlan</c> (libxl_nic.c), so a script that reads it, or one that it sources, has that path in a line that is no comment.
/// It is a look and no proof: what a script makes of the VLAN only its run can tell.
/// </summary>
public static partial class VlanScripts
{
    /// <summary>In bytes. Xen's own have some 10 KB.</summary>
    public const long MaxLength = 256 * 1024;

    /// <summary>Whether xl hands <c>vlan</c> to scripts.</summary>
    public static bool AreTold(XenVersion version) => version >= VifKeys.VlanSince;

    /// <summary>Whether a file of /etc/xen/scripts may be one of them, or be sourced by one.</summary>
    public static bool IsOfInterest(string name) => name.StartsWith("vif", StringComparison.Ordinal) || name.EndsWith(".sh", StringComparison.Ordinal);

    /// <param name="files">Of /etc/xen/scripts, by bare name.</param>
    /// <returns>The names of those that read it.</returns>
    public static IReadOnlySet<string> Reading(IReadOnlyDictionary<string, string> files)
    {
        var bare = files.ToDictionary(f => f.Key, f => Comment().Replace(f.Value, ""));
        var reading = bare.Where(f => Read().IsMatch(f.Value)).Select(f => f.Key).ToHashSet();
        int before;
        do
        {
            before = reading.Count;
            reading.UnionWith(bare.Where(f => Source().Matches(f.Value).Any(m => reading.Contains(m.Groups[1].Value))).Select(f => f.Key));
        }
        while (reading.Count > before);
        return reading;
    }

    [GeneratedRegex(@"(?<=^|\s)#.*$", RegexOptions.Multiline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"/vlan(?![\w/.-])")]
    private static partial Regex Read();

    /// <summary>As Xen's do it: <c>. "$dir/vif-common.sh"</c>.</summary>
    [GeneratedRegex(@"^[ \t]*(?:\.|source)[ \t]+(?:\S*/)?""?([\w.-]+)", RegexOptions.Multiline)]
    private static partial Regex Source();
}

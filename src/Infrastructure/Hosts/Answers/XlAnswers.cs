using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Planning;

namespace Xlnet.Infrastructure.Hosts.Answers;

/// <summary>A row of <c>xl list</c>.</summary>
internal sealed record DomainRow(string Name, int Domid, DomainState State);

/// <summary>A row of <c>xl network-list</c>; the domid is that of its BE-path.</summary>
internal sealed record NetworkRow(int Domid, int Devid, MacAddress Mac, XenbusState State);

/// <summary>Reads what xl prints. Everything else that it prints is an <see cref="HostAnswerException"/>.</summary>
internal static partial class XlAnswers
{
    [GeneratedRegex("^xen_version +: *(\\S+)", RegexOptions.Multiline)]
    private static partial Regex XenVersionLine();

    /// <summary>
    /// From the right, as long names push the columns: xl_list.c prints <c>"%-40s %5d %5lu %5d     %c%c%c%c%c%c  %8.1f"</c>. The
    /// fifth letter is why a domain shut down (<c>-rscw?</c>: poweroff, reboot, suspend, crash, watchdog).
    /// </summary>
    [GeneratedRegex("^(?<name>.*\\S) +(?<id>[0-9]+) +[0-9]+ +[0-9]+ +(?<state>[r-][b-][p-][s-].[d-]) +[0-9.]+ *$")]
    private static partial Regex DomainLine();

    /// <summary>
    /// xl_nic.c prints <c>"%-3d %-2d " MAC "%6d %5d %6d %5d/%-11d %-30s\n"</c>: a handle of six digits touches the address, and a
    /// value that is missing is -1.
    /// </summary>
    [GeneratedRegex("^(?<devid>-?[0-9]+) +-?[0-9]+ +(?<mac>[0-9a-f]{2}(:[0-9a-f]{2}){5}) *-?[0-9]+ +(?<state>-?[0-9]+) +-?[0-9]+ +-?[0-9]+/-?[0-9]+ +(?<path>\\S*) *$")]
    private static partial Regex NetworkLine();

    [GeneratedRegex("/backend/vif/(?<domid>[0-9]+)/[0-9]+$")]
    private static partial Regex BackendPath();

    public static XenVersion ReadVersion(CommandResult info) =>
        XenVersionLine().Match(info.Stdout) is { Success: true } match && XenVersion.TryParse(match.Groups[1].Value, CultureInfo.InvariantCulture, out var version)
            ? version
            : throw CommandAnswer.NotUnderstood(info, "it names no xen_version");

    /// <summary>The rows without Dom0's.</summary>
    public static IReadOnlyList<DomainRow> ReadDomains(CommandResult list)
    {
        var rows = new List<DomainRow>();
        foreach (var line in Rows(list, "Name"))
        {
            if (DomainLine().Match(line) is not { Success: true } match || !Int(match, "id", out var domid))
                throw CommandAnswer.NotUnderstood(list, $"'{line}' is no row of it");
            if (domid != 0)
                rows.Add(new DomainRow(match.Groups["name"].Value, domid, ReadState(match.Groups["state"].Value)));
        }

        return rows;
    }

    public static IReadOnlyList<NetworkRow> ReadNetworks(CommandResult list)
    {
        var rows = new List<NetworkRow>();
        foreach (var line in Rows(list, "Idx"))
        {
            if (NetworkLine().Match(line) is not { Success: true } match || !Int(match, "devid", out var devid) || !Int(match, "state", out var state))
                throw CommandAnswer.NotUnderstood(list, $"'{line}' is no row of it");

            // A vif that goes away while xl reads it has no path any more.
            if (BackendPath().Match(match.Groups["path"].Value) is not { Success: true } path || !Int(path, "domid", out var domid))
                continue;
            var known = Enum.IsDefined((XenbusState)state) ? (XenbusState)state : XenbusState.Unknown;
            rows.Add(new NetworkRow(domid, devid, MacAddress.Parse(match.Groups["mac"].Value, CultureInfo.InvariantCulture), known));
        }

        return rows;
    }

    /// <summary>The stored configurations without Dom0's.</summary>
    public static IReadOnlyList<XlDomain> ReadConfigurations(CommandResult list)
    {
        var domains = CommandAnswer.Json(list, list.Stdout, XlJson.Default.ListXlDomain);
        return [.. domains.Where(d => d.Domid != 0)];
    }

    private static IEnumerable<string> Rows(CommandResult list, string header)
    {
        var lines = list.Stdout.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return lines.Length > 0 && lines[0].StartsWith(header, StringComparison.Ordinal)
            ? lines.Skip(1)
            : throw CommandAnswer.NotUnderstood(list, $"its first line should start with '{header}'");
    }

    private static bool Int(Match match, string group, out int value) =>
        int.TryParse(match.Groups[group].Value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value);

    /// <summary>The letters say what holds at once; the gravest is told. With none of them the domain could run and does not right now.</summary>
    private static DomainState ReadState(string letters) => letters switch
    {
        [_, _, _, _, _, 'd'] => DomainState.Dying,
        [_, _, _, _, 'c', _] => DomainState.Crashed,
        [_, _, _, 's', _, _] => DomainState.Shutdown,
        [_, _, 'p', _, _, _] => DomainState.Paused,
        ['r', _, _, _, _, _] => DomainState.Running,
        _ => DomainState.Blocked,
    };
}

/// <summary>An element of <c>xl list -l</c>, as far as it is of use here (libxl_types.idl).</summary>
internal sealed record XlDomain(int Domid, XlDomainConfig? Config);

internal sealed record XlDomainConfig(
    [property: JsonPropertyName("c_info")] XlCreateInfo? CreateInfo,
    IReadOnlyList<Dictionary<string, JsonElement>>? Nics);

internal sealed record XlCreateInfo(string? Type, string? Name)
{
    public GuestType GuestType => Type switch { "hvm" => GuestType.Hvm, "pvh" => GuestType.Pvh, _ => GuestType.Pv };
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(List<XlDomain>))]
internal sealed partial class XlJson : JsonSerializerContext;

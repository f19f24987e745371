using System.Text.RegularExpressions;
using Xlnet.Api.Tests;
using Xunit;

namespace Xlnet.Sdk.Tests;

/// <summary>All that a host is to be and is, so that two hosts to which the same was done have the same.</summary>
internal static partial class HostState
{
    /// <summary>Addresses are told as which of the host's they are, times and the host's name not at all.</summary>
    public static async Task<string> ReadAsync(HttpClient client, string host)
    {
        var lines = new List<string>();
        var at = $"/v1/hosts/{host}";
        var itself = await client.GetJsonAsync(at);
        lines.Add($"revision {itself["revision"]}, applied {itself["appliedRevision"]}");
        lines.Add($"to be {(await client.GetJsonAsync($"{at}/desired-state")).Text}");
        var guests = await client.GetJsonAsync($"{at}/guests?limit=1000");
        lines.Add($"guests {guests.Text}");
        foreach (var guest in guests["items"].AsArray().Select(g => (string)g!["name"]!))
        {
            lines.Add($"{guest}'s vifs {(await client.GetJsonAsync($"{at}/guests/{guest}/vifs?limit=1000")).Text}");
            lines.Add($"{guest}'s file {(await client.GetJsonAsync($"{at}/guests/{guest}/config")).Text}");
        }

        lines.AddRange(await AddressesAsync(client, host));
        lines.Add($"plan {(await client.GetJsonAsync($"{at}/plan")).Text}");
        lines.Add($"drift {(await client.GetJsonAsync($"{at}/drift"))["entries"].ToJsonString()}");
        var observed = await client.GetJsonAsync($"{at}/observation");
        lines.AddRange(observed["domains"].AsArray().Select(d => $"domain {d!["domid"]} {d["name"]} {string.Join(", ", d["vifs"]!.AsArray().Select(v => $"{v!["dom0Name"]} {v["mac"]} {v["bridge"]}"))}"));
        lines.AddRange(observed["bridges"].AsArray().Select(b => $"bridge {b!["name"]} {b["ports"]!.ToJsonString()}"));
        var names = new Dictionary<string, string>();
        return Mac().Replace(Time().Replace(string.Join('\n', lines), "TIME").Replace(host, "HOST", StringComparison.Ordinal),
            mac => names.TryGetValue(mac.Value, out var name) ? name : names[mac.Value] = $"MAC{names.Count}");
    }

    /// <summary>What the host holds or has held lately: an address that was given and lost would stand here too.</summary>
    private static async Task<List<string>> AddressesAsync(HttpClient client, string host)
    {
        var lines = new List<string>();
        for (string? cursor = ""; cursor is not null;)
        {
            var page = await client.GetJsonAsync($"/v1/mac-allocations?limit=1000{(cursor.Length > 0 ? $"&cursor={Uri.EscapeDataString(cursor)}" : "")}");
            Assert.Equal(200, page.Status);
            lines.AddRange(page["items"].AsArray().Where(a => ((string)a!["holder"]!).StartsWith($"{host}/", StringComparison.Ordinal)).Select(a => $"{a!["holder"]} {a["state"]} {a["mac"]}"));
            cursor = (string?)page.Json!["next"];
        }

        return [.. lines.Order(StringComparer.Ordinal)];
    }

    [GeneratedRegex("(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", RegexOptions.CultureInvariant)]
    private static partial Regex Mac();

    [GeneratedRegex(@"\d{4}-\d\d-\d\dT[0-9:.]+Z", RegexOptions.CultureInvariant)]
    private static partial Regex Time();
}

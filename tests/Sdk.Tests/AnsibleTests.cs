using System.Text.RegularExpressions;
using Xlnet.Api.Tests;
using Xunit;

namespace Xlnet.Sdk.Tests;

/// <summary>examples/ansible/lab.yml, by the real ansible-playbook.</summary>
[Collection(nameof(SdkCollection))]
public sealed partial class AnsibleTests(ServiceFixture service) : IDisposable
{
    private static readonly string Folder = Path.Combine(Repository.Root, "examples", "ansible");

    private readonly string _home = Directory.CreateTempSubdirectory("xlnet-ansible-").FullName;

    public void Dispose() => Directory.Delete(_home, recursive: true);

    [Fact]
    public async Task Playbook_RunTwice_ChangesNothingTheSecondTime()
    {
        Assert.Matches("changed=[1-9]", await PlayAsync(service.Url(), "dom0-an"));
        var state = await StateAsync("dom0-an");
        Assert.Matches("ok=8 +changed=0 ", await PlayAsync(service.Url(), "dom0-an"));
        Assert.Equal(state, await StateAsync("dom0-an"));
    }

    private Task<string> PlayAsync(string url, string host) => Tools.RunAsync(Folder, "ansible-playbook", Arguments(url, host), Environment);

    private static string[] Arguments(string url, string host) => ["-i", "localhost,", "lab.yml", "-e", $"xlnet={url}", "-e", $"dom0={host}"];

    private Dictionary<string, string?> Environment => new() { ["HOME"] = _home, ["ANSIBLE_NOCOLOR"] = "1", ["LC_ALL"] = "C.UTF-8" };

    /// <summary>What the host is to be and is, without the addresses and numbers that each host has of its own.</summary>
    private async Task<string> StateAsync(string host)
    {
        var guests = (await service.Client.GetJsonAsync($"/v1/hosts/{host}/guests"))["items"].AsArray().Select(g => (string)g!["name"]!).ToList();
        var files = new List<string>();
        foreach (var guest in guests)
            files.Add((await service.Client.GetJsonAsync($"/v1/hosts/{host}/guests/{guest}/config")).Text);
        var observed = await service.Client.GetJsonAsync($"/v1/hosts/{host}/observation");
        var domains = observed["domains"].AsArray().Select(d => $"{d!["name"]}: {string.Join(' ', d["vifs"]!.AsArray().Select(v => $"{v!["devid"]} {v["bridge"]} {v["state"]}"))}").Order(StringComparer.Ordinal);
        var bridges = observed["bridges"].AsArray().Select(b => (string)b!["name"]!).Order(StringComparer.Ordinal);
        Assert.Empty((await service.Client.GetJsonAsync($"/v1/hosts/{host}/plan"))["steps"].AsArray());
        return Mac().Replace(string.Join('\n', [.. files, .. domains, .. bridges]), "MAC");
    }

    [GeneratedRegex("(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", RegexOptions.CultureInvariant)]
    private static partial Regex Mac();
}

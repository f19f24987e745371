using System.Net;
using System.Text.RegularExpressions;
using CliWrap;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
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

    /// <summary>Killed while the service makes a guest, and while it applies: what it was asked for it does all the same.</summary>
    [Fact]
    public async Task Playbook_KilledAnywhereAndRunAgain_EndsAsOneThatWasNot()
    {
        Assert.Matches("changed=[1-9]", await PlayAsync(service.Url(), "dom0-an"));
        Assert.Matches("ok=8 +changed=0 ", await PlayAsync(service.Url(), "dom0-an"));
        var whole = await StateAsync("dom0-an");

        foreach (var (host, at) in new[] { ("dom0-an1", "/guests/db1/config"), ("dom0-an2", "/apply") })
        {
            await PlayUntilAsync(host, at);
            await PlayAsync(service.Url(), host);
            Assert.Equal(whole, await StateAsync(host));
        }
    }

    private Task<string> PlayAsync(string url, string host) => Tools.RunAsync(Folder, "ansible-playbook", Arguments(url, host), Environment);

    /// <summary>Kills the playbook when it has sent a request, and before it has the answer.</summary>
    private async Task PlayUntilAsync(string host, string path)
    {
        using var kill = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        await using var gate = builder.Build();
        gate.Run(async http =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Parse(http.Request.Method), http.Request.Path + http.Request.QueryString);
            if (http.Request.ContentLength > 0)
            {
                request.Content = new StreamContent(http.Request.Body);
                request.Content.Headers.TryAddWithoutValidation("Content-Type", http.Request.ContentType);
            }

            using var response = await service.Client.SendAsync(request, CancellationToken.None);
            if (http.Request.Path.Value!.EndsWith(path, StringComparison.Ordinal))
            {
                await kill.CancelAsync();
                http.Abort();
                return;
            }

            (http.Response.StatusCode, http.Response.ContentType) = ((int)response.StatusCode, response.Content.Headers.ContentType?.ToString());
            await response.Content.CopyToAsync(http.Response.Body);
        });
        await gate.StartAsync(TestContext.Current.CancellationToken);
        var url = gate.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            await Cli.Wrap("ansible-playbook").WithArguments(Arguments(url, host)).WithWorkingDirectory(Folder).WithEnvironmentVariables(Environment)
                .WithValidation(CommandResultValidation.None).ExecuteAsync(kill.Token));
        Assert.True(kill.IsCancellationRequested);
    }

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

using System.Diagnostics;
using System.Text;
using Xlnet.Domain.Networking;
using Xunit;

namespace Xlnet.Hosts.Tests.Networking;

/// <summary>Debian's own ifquery reads what <see cref="InterfacesFile"/> reads.</summary>
public sealed class IfqueryTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("xlnet-ifquery-").FullName;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private string FilePath => _folder + "/interfaces";

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Parse_FilesOfEveryKindOfLine_ReadsWhatIfqueryReads()
    {
        string[] lines =
        [
            "auto eth0\n", "auto eth0 eth1\n", "auto lo eth2 \\\n  eth1\n", "auto\n", "allow-ovs br0 eth1\n", "allow-ovs\n", "allow-hotplug eth0 eth2\n", "no-auto-down eth0\n", "no-scripts eth1\n",
            "iface eth0 inet manual\n", "iface eth1 inet manual\n", "iface eth2 inet dhcp\n", "iface br0 inet manual\n", "iface eth0 inet6 auto\n", "iface eth1 inet manual inherits eth0\n",
            "iface eth2 inherits eth1\n", "iface eth0 inet wrong\n", "iface\n", "mapping eth*\n", "  script /bin/map\n", "  map home eth0\n", "rename eth7=eth8\n",
            "  up echo one\n", "  post-up echo two \\\n three\n", "  pre-down echo 3 \n", "\tpre-up true\n", "  bridge_ports eth1 eth2\n", "  foo a  b\n", "  empty\n", "  up\n",
            "# comment \\\n", "   # comment\n", "\n", "  \\\n", "  \\\\\n", "\t\r\n", "source none/*\n", "source-directory none\n", "  foo \\ \n", "  down a\\\\b\n",
        ];
        var (random, sound, broken) = (new Random(17), 0, 0);
        for (var round = 0; round < 250; round++)
        {
            var builder = new StringBuilder();
            for (var i = random.Next(12); i > 0; i--)
                builder.Append(lines[random.Next(lines.Length)]);
            if (random.Next(4) == 0 && builder.Length > 0)
                builder.Length--;
            var text = builder.ToString();
            // What is inherited may be in a file that is sourced, which only ifquery sees.
            if (text.Contains("source", StringComparison.Ordinal) && text.Contains("inherits", StringComparison.Ordinal))
                continue;
            var file = InterfacesFile.Parse(text);
            await File.WriteAllTextAsync(FilePath, text, Ct);

            var listed = await AskAsync("--list");
            Assert.True(file.IsSound != listed.Error.Contains("couldn't read", StringComparison.Ordinal), $"sound: {file.IsSound}\n{text.Replace("\r", "<CR>", StringComparison.Ordinal)}<end>\n{listed.Error}");
            if (!file.IsSound)
            {
                broken++;
                continue;
            }

            sound++;
            // A name that a mapping matches is listed without a stanza.
            foreach (var list in text.Contains("mapping", StringComparison.Ordinal) ? [] : (string[])["auto", "ovs", "hotplug"])
            {
                var named = file.Lists.Where(l => l.Keyword == (list == "auto" ? list : "allow-" + list)).SelectMany(l => l.Names).Where(n => file.Of(n).Count > 0 && n != "lo").Distinct();
                var known = (await AskAsync("--list", "--allow=" + list)).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(n => n != "lo");
                Assert.True(known.SequenceEqual(named), $"{list}: {Show(known, "")}{Show(named, text)}");
            }

            foreach (var name in file.Stanzas.Select(s => s.Name).Distinct())
            {
                // What occurs twice ifquery shows joined, at its first place; commands stay apart.
                var expected = file.Of(name).SelectMany(s => s.Options.GroupBy(o => o.IsCommand ? (object)o : o.Name)
                    .SelectMany(g => g.Key is string ? [$"{g.First().Name}: {string.Join('\n', g.Select(o => o.Value))}"] : g.Select(o => $"{o.Name}: {o.Value}")));
                var options = (await AskAsync(name)).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                    .Where(l => !Defaults.Any(d => l.StartsWith(d, StringComparison.Ordinal)));
                if (text.Contains("mapping", StringComparison.Ordinal))
                    continue;
                Assert.Equal(Show(options, text), Show(string.Join('\n', expected).Split('\n', StringSplitOptions.RemoveEmptyEntries), text));
            }
        }

        Assert.True(sound > 50 && broken > 50, $"{sound} sound, {broken} broken");
    }

    [Theory]
    [InlineData("192.0.2.10", "255.255.255.0", "192.0.2.10/24")]
    [InlineData("192.0.2.10/25", null, "192.0.2.10/25")]
    [InlineData("10.1.2.3", null, "10.1.2.3/8")]
    [InlineData("172.16.0.9", null, "172.16.0.9/16")]
    [InlineData("192.168.4.4", "26", "192.168.4.4/26")]
    public async Task Facts_AddressAndMask_AreWhatIfupWouldAdd(string address, string? netmask, string expected)
    {
        var text = $"iface eth0 inet static\n  address {address}\n{(netmask is null ? "" : $"  netmask {netmask}\n")}";
        await File.WriteAllTextAsync(FilePath, text, Ct);
        Assert.Equal([expected], InterfaceFacts.Of(InterfacesFile.Parse(text).Of("eth0"))!.Addresses);
        var plan = await RunAsync("ifup", "--no-act", "--force", "--verbose", "--no-scripts", "-i", FilePath, "eth0");
        var added = (plan.Error + plan.Output).Split('\n').Single(l => l.Contains("ip addr add ", StringComparison.Ordinal)).Split("ip addr add ")[1].Split(' ', '\t')[0];
        Assert.Equal([expected], InterfaceFacts.Of(InterfacesFile.Parse($"iface eth0 inet static\n  address {added}\n").Of("eth0"))!.Addresses);
    }

    private static readonly string[] Defaults = ["accept_ra: ", "request_prefix: ", "ll-attempts: ", "ll-interval: "];

    private static string Show(IEnumerable<string> lines, string text) => $"{string.Join('\n', lines)}\n-- of --\n{text}";

    private Task<(string Output, string Error)> AskAsync(params string[] words) => RunAsync("ifquery", ["-i", FilePath, .. words]);

    private static async Task<(string Output, string Error)> RunAsync(string program, params string[] words)
    {
        using var process = Process.Start(new ProcessStartInfo("/sbin/" + program, words) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(Ct), process.StandardError.ReadToEndAsync(Ct));
        await process.WaitForExitAsync(Ct);
        return (await output, await error);
    }
}

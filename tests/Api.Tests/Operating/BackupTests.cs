using System.Text.RegularExpressions;
using Npgsql;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Api.Tests.Operating;

/// <summary>The recipe of docs/operating.md, run as it stands there.</summary>
public sealed partial class BackupTests : IAsyncLifetime
{
    private readonly TestDatabase _database = new();
    private readonly string _folder = Directory.CreateTempSubdirectory("xlnet-test-").FullName;
    private readonly string _restored = $"xlnet_test_{Guid.NewGuid():n}";

    public async ValueTask InitializeAsync()
    {
        await _database.CreateAsync();
        Directory.CreateDirectory(Data);
    }

    public async ValueTask DisposeAsync()
    {
        await using (var server = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Database = "postgres", Pooling = false }.ConnectionString))
        {
            await using var drop = server.CreateCommand($"DROP DATABASE IF EXISTS {_restored} WITH (FORCE)");
            await drop.ExecuteNonQueryAsync();
        }

        await _database.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private string Data => Path.Combine(_folder, "data");

    private string RestoredConnection => new NpgsqlConnectionStringBuilder(_database.ConnectionString) { Database = _restored }.ConnectionString;

    [Fact]
    public async Task Recipe_OfARunningService_RestoresItAndItsHostsAreTakenOver()
    {
        var shipped = Path.Combine(_folder, "hosts");
        string later;
        string hanging;
        await using (var service = await ServiceProcess.StartAsync(_database.ConnectionString, Data))
        {
            var client = service.Client;
            foreach (var host in new[] { "dom0-a", "dom0-b", "dom0-c" })
                Good(await client.PutAsync($"/v1/hosts/{host}", new { driver = host == "dom0-a" ? (object)new { kind = "directory", path = host } : new { kind = "simulated" } }));
            Good(await client.PutTextAsync("/v1/hosts/dom0-a/guests/web1/config", GuestFile("web1")));
            Good(await client.PutTextAsync("/v1/hosts/dom0-b/guests/web1/config", GuestFile("web1")));
            await SucceedsAsync(client, "/v1/hosts/dom0-a/apply");
            // One that is under way when the backup is taken.
            await client.GetJsonAsync("/v1/hosts/dom0-b/observation");
            await using (var source = NpgsqlDataSource.Create(_database.ConnectionString))
                await SimulatedHosts.ChangeAsync(source, s => s.Faults.Add(new SimulatedFault { Argv = ["xl", "create"], Kind = SimulatedFaultKind.Hang }), "dom0-b");
            hanging = (string)(await client.PostAsync("/v1/hosts/dom0-b/guests/web1/start"))["id"]!;
            while (!(await client.GetJsonAsync($"/v1/operations/{hanging}"))["steps"].AsArray().Any(s => (string)s!["status"]! == "running" && (string)s["action"]! == "guest.create"))
                TestContext.Current.CancellationToken.ThrowIfCancellationRequested();

            // Others write meanwhile.
            using var done = new CancellationTokenSource();
            var writing = WriteAsync(client, done.Token);
            await RunAsync("Back up");
            await done.CancelAsync();
            Assert.True(await writing > 0, "Nobody wrote while the backup was taken.");

            // What is made since.
            Good(await client.PutTextAsync("/v1/hosts/dom0-a/guests/web2/config", GuestFile("web2")));
            await SucceedsAsync(client, "/v1/hosts/dom0-a/apply");
            later = await MacAsync(client, "/v1/hosts/dom0-a/guests/web2");
            await service.KillAsync();
        }

        // The hosts are not lost; only the service's database is.
        Directory.Move(Path.Combine(Data, "directories"), shipped);
        Directory.Delete(Data, recursive: true);
        await RunAsync("Restore");
        Directory.Delete(Path.Combine(Data, "directories"), recursive: true);
        Directory.Move(shipped, Path.Combine(Data, "directories"));

        await using var restored = await ServiceProcess.StartAsync(RestoredConnection, Data);
        var broken = await restored.Client.GetJsonAsync($"/v1/operations/{hanging}");
        Assert.Equal(("failed", "operation.restored"), ((string)broken["status"]!, (string)broken["error"]["code"]!));
        Assert.All(broken["steps"].AsArray(), s => Assert.NotEqual("running", (string)s!["status"]!));
        Assert.Empty((await restored.Client.GetJsonAsync("/v1/hosts/dom0-b/observation"))["domains"].AsArray());

        var a = "/v1/hosts/dom0-a";
        Assert.Equal(200, (await restored.Client.GetJsonAsync($"{a}/observation")).Status);
        Assert.Equal(404, (await restored.Client.GetJsonAsync($"{a}/guests/web2")).Status);
        Assert.Contains("web2", (await restored.Client.GetJsonAsync($"{a}/drift")).Text, StringComparison.Ordinal);
        Good(await restored.Client.PostAsync($"{a}/adopt"));
        Assert.Equal(later, await MacAsync(restored.Client, $"{a}/guests/web2"));
        Assert.Empty((await restored.Client.GetJsonAsync($"{a}/plan"))["steps"].AsArray());
        // The sequence is where it was at the backup, and its next address is the one that was adopted.
        Good(await restored.Client.PutTextAsync($"{a}/guests/web3/config", GuestFile("web3")));
        Assert.NotEqual(later, await MacAsync(restored.Client, $"{a}/guests/web3"));
        await SucceedsAsync(restored.Client, $"{a}/apply");
    }

    /// <summary>Runs a block of the documentation, which begins with its title as a comment.</summary>
    private async Task RunAsync(string title)
    {
        var text = await Repository.ReadAsync("docs/operating.md");
        var script = Block().Matches(text).Select(m => m.Groups[1].Value).Single(b => b.StartsWith($"# {title}\n", StringComparison.Ordinal));
        var connection = new NpgsqlConnectionStringBuilder(_database.ConnectionString);
        var server = $"host={connection.Host} port={connection.Port} user={connection.Username}{(connection.Password is { Length: > 0 } password ? $" password={password}" : "")}";
        // Debian has all but psql and pg_dump's wrappers out of the way.
        var programs = Directory.Exists("/usr/lib/postgresql") ? Directory.GetDirectories("/usr/lib/postgresql").OrderDescending().Select(d => Path.Combine(d, "bin")).First() + ":" : "";
        foreach (var linked in new[] { "deploy" }.Where(l => !Path.Exists(Path.Combine(_folder, l))))
            Directory.CreateSymbolicLink(Path.Combine(_folder, linked), Path.Combine(Repository.Root, linked));

        var (exitCode, output, error) = await Repository.RunAsync(["bash", "-euo", "pipefail", "-c", script], new Dictionary<string, string>
        {
            ["PATH"] = programs + Environment.GetEnvironmentVariable("PATH"),
            ["DATABASE"] = $"{server} dbname={connection.Database}",
            ["SERVER"] = server,
            ["NAME"] = _restored,
            ["DATA_DIRECTORY"] = Data,
        }, _folder);

        Assert.True(exitCode == 0, $"{output}\n{error}");
    }

    private static async Task<int> WriteAsync(HttpClient client, CancellationToken done)
    {
        var written = 0;
        while (!done.IsCancellationRequested)
            Good(await client.PutTextAsync($"/v1/hosts/dom0-c/guests/g{++written}/config", GuestFile($"g{written}")));
        return written;
    }

    private static async Task<string> MacAsync(HttpClient client, string guest) => (string)(await client.GetJsonAsync($"{guest}/vifs/0"))["mac"]!;

    private static async Task SucceedsAsync(HttpClient client, string path)
    {
        var ended = await client.PostAsync($"{path}?wait=110s");
        Assert.True((string)ended["status"]! == "succeeded", ended.Text);
    }

    private static void Good(Answer answer) => Assert.True(answer.Status is >= 200 and < 300, answer.Text);

    private static string GuestFile(string name) => $"name = '{name}'\ntype = 'pv'\nkernel = '/guest/vmlinuz'\nmemory = 128\nvif = ['bridge=xenbr0']\n";

    [GeneratedRegex("^```sh\n(.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();
}

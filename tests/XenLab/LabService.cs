using System.Text.Json.Nodes;
using Xlnet.Api.Tests;
using Xunit;

namespace Xlnet.XenLab;

/// <summary>The service as a process, on a database of its own, with the Xen host registered over SSH as <c>dom0</c>.</summary>
public sealed class LabService : IAsyncDisposable
{
    public const string Host = "/v1/hosts/dom0";

    /// <summary>What an apply may do: everything.</summary>
    public static readonly object Allow = new { allow = new[] { "vif-blip", "guest-recreate", "management-path" } };

    private static readonly TimeSpan OperationLimit = TimeSpan.FromMinutes(5);

    private readonly TestDatabase _database = new();
    private readonly string _data = Directory.CreateTempSubdirectory("xlnet-xenlab-").FullName;
    private ServiceProcess _process = null!;

    private LabService()
    {
    }

    public HttpClient Client => _process.Client;

    public static async Task<LabService> StartAsync(XenHost xen, string macPolicy = "allocate")
    {
        var service = new LabService();
        await service._database.CreateAsync();
        var key = Path.Combine(Directory.CreateDirectory(Path.Combine(service._data, "keys")).FullName, "lab");
        File.Copy(xen.KeyFile, key);
        await service.StartAgainAsync();
        var driver = new { kind = "ssh", address = "127.0.0.1", port = xen.Port, key = "lab", hostKey = xen.HostKey };
        Is(201, await service.Client.PutAsync(Host, new { driver, macPolicy }));
        return service;
    }

    public async Task StartAgainAsync() => _process = await ServiceProcess.StartAsync(_database.ConnectionString, _data);

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync()
    {
        await _process.KillAsync();
        await _process.DisposeAsync();
    }

    /// <summary>Gives the host a guest whose cards have the addresses 172.31.77.2, .3 and so on, in the order in which it gets them.</summary>
    public async Task PutGuestAsync(string name, params string[] vifs)
    {
        var file = $"""
            name    = "{name}"
            type    = "pv"
            kernel  = "/guest/vmlinux"
            ramdisk = "/guest/initrd.gz"
            extra   = "console=hvc0 quiet labip0=172.31.77.2/24 labip1=172.31.77.3/24"
            memory  = 128
            vif     = [{string.Join(", ", vifs.Select(v => $"'{v}'"))}]

            """;
        Is(201, await Client.PutTextAsync($"{Host}/guests/{name}/config", file));
    }

    /// <summary>Gives the host a guest of one card, or an existing one other addresses.</summary>
    public async Task PutAddressedGuestAsync(string name, string address, string gateway)
    {
        var put = await Client.PutTextAsync($"{Host}/guests/{name}/config", $"""
            name    = "{name}"
            type    = "pv"
            kernel  = "/guest/vmlinux"
            ramdisk = "/guest/initrd.gz"
            extra   = "console=hvc0 quiet labip0={address}/24 labgw={gateway}"
            memory  = 128
            vif     = ['ip={address}']

            """);
        Assert.True(put.Status is 200 or 201, put.Text);
    }

    /// <summary>Asks for an operation and waits for its end.</summary>
    public async Task<Answer> RunAsync(string path, object? body = null) => await EndAsync(await AskAsync(path, body));

    public async Task<string> AskAsync(string path, object? body = null)
    {
        var answer = await Client.PostAsync(Host + path, body);
        Is(202, answer);
        return (string)answer["id"]!;
    }

    public async Task<Answer> EndAsync(string id)
    {
        var end = DateTime.UtcNow + OperationLimit;
        while (true)
        {
            var operation = await Client.GetJsonAsync($"/v1/operations/{id}?wait=30s");
            Is(200, operation);
            if (operation.Json!["finishedAt"] is not null)
                return operation;
            Assert.True(DateTime.UtcNow < end, $"It did not end within {OperationLimit}: {operation.Text}");
        }
    }

    /// <summary>As <see cref="RunAsync"/>, of an operation that has to succeed and to leave nothing to do.</summary>
    public async Task<Answer> SucceedAsync(string path, object? body = null)
    {
        var operation = await RunAsync(path, body);
        Assert.True((string)operation["status"]! == "succeeded", operation.Text);
        Assert.Empty((await GetAsync("/plan"))["steps"].AsArray());
        return operation;
    }

    public async Task<Answer> GetAsync(string path)
    {
        var answer = await Client.GetJsonAsync(Host + path);
        Is(200, answer);
        return answer;
    }

    /// <summary>The guest as the service observes it; null when it does not run.</summary>
    public async Task<JsonNode?> DomainAsync(string guest) =>
        (await GetAsync("/observation"))["domains"].AsArray().SingleOrDefault(d => (string)d!["name"]! == guest);

    public static void Is(int status, Answer answer) => Assert.True(answer.Status == status, $"{answer.Status}, not {status}: {answer.Text}");

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
            await _process.DisposeAsync();
        await _database.DisposeAsync();
        Directory.Delete(_data, recursive: true);
    }
}

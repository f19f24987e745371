using System.Diagnostics;
using System.Globalization;

namespace Xlnet.Bench;

/// <summary>A process that answers HTTP: the service as it is delivered, published into the folder <c>XLNET_BENCH_SERVICE</c>, or what it is compared with.</summary>
internal sealed class BenchService : IAsyncDisposable
{
    private readonly Process _process;

    private BenchService(Process process, Uri address) => (_process, Client) = (process, new HttpClient { BaseAddress = address });

    public HttpClient Client { get; }

    public Uri Address => Client.BaseAddress!;

    /// <summary>The memory that it takes of the machine now, its resident set, in MiB.</summary>
    public double Mebibytes => File.ReadLines($"/proc/{_process.Id}/status").First(l => l.StartsWith("VmRSS:", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, var kibibytes, ..]
        ? double.Parse(kibibytes, CultureInfo.InvariantCulture) / 1024
        : 0;

    /// <param name="folder">What it keeps.</param>
    /// <param name="keys">The folder of the SSH keys.</param>
    public static Task<BenchService> StartAsync(string connectionString, string folder, string? keys = null)
    {
        var start = new ProcessStartInfo("dotnet", [Path.Combine(Environment.GetEnvironmentVariable("XLNET_BENCH_SERVICE")!, "Xlnet.Api.dll")]) { WorkingDirectory = folder };
        start.Environment["ConnectionStrings__Xlnet"] = connectionString;
        start.Environment["Xlnet__DataDirectory"] = folder;
        if (keys is not null)
            start.Environment["Xlnet__KeyDirectory"] = keys;
        return StartAsync(start);
    }

    public static async Task<BenchService> StartAsync(ProcessStartInfo start)
    {
        start.RedirectStandardOutput = true;
        start.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:0";
        var process = Process.Start(start)!;
        const string Listening = "Now listening on: ";
        while (await process.StandardOutput.ReadLineAsync() is { } line)
        {
            if (line.IndexOf(Listening, StringComparison.Ordinal) is not (>= 0 and var at))
                continue;
            _ = process.StandardOutput.ReadToEndAsync();
            return new BenchService(process, new Uri(line[(at + Listening.Length)..].Trim()));
        }

        throw new InvalidOperationException("The service did not start.");
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }
}

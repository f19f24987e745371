using System.Diagnostics;
using Xlnet.StandInDom0;
using Xunit;

namespace Xlnet.Api.Tests;

/// <summary>The service as a process of its own, to be killed.</summary>
public sealed class ServiceProcess : IAsyncDisposable
{
    private readonly Process _process;

    private ServiceProcess(Process process, HttpClient client) => (_process, Client) = (process, client);

    public HttpClient Client { get; }

    /// <param name="through">What it is started through, such as <c>nsenter …</c>; it has to end in running the rest.</param>
    public static async Task<ServiceProcess> StartAsync(string connectionString, string data, string? keys = null, IReadOnlyList<string>? through = null)
    {
        string[] argv = [.. through ?? [], StandInHost.Dotnet, Path.Combine(AppContext.BaseDirectory, "Xlnet.Api.dll")];
        var start = new ProcessStartInfo(argv[0], argv[1..]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = data };
        start.Environment["ConnectionStrings__Xlnet"] = connectionString;
        start.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:0";
        // Whoever is killed would leave its debugger's pipes behind in /tmp.
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        start.Environment["Xlnet__DataDirectory"] = data;
        if (keys is not null)
            start.Environment["Xlnet__KeyDirectory"] = keys;
        var process = Process.Start(start)!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();

        const string Listening = "Now listening on: ";
        var seen = new List<string>();
        while (await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
        {
            seen.Add(line);
            var at = line.IndexOf(Listening, StringComparison.Ordinal);
            if (at < 0)
                continue;
            _ = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
            return new ServiceProcess(process, new HttpClient { BaseAddress = new Uri(line[(at + Listening.Length)..].Trim()), Timeout = TimeSpan.FromMinutes(2) });
        }

        throw new Xunit.Sdk.XunitException("The service did not start:\n" + string.Join('\n', seen));
    }

    /// <summary>SIGKILL: no goodbye.</summary>
    public async Task KillAsync()
    {
        // What it was started through may wait for it, and outlives it not.
        _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        if (!_process.HasExited)
            await KillAsync();
        _process.Dispose();
    }
}

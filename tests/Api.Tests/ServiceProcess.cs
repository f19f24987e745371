using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using Xunit;

namespace Xlnet.Api.Tests;

/// <summary>The service as a process of its own, to be killed.</summary>
public sealed partial class ServiceProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ConcurrentQueue<string> _lines;
    private readonly Task _reading;

    private ServiceProcess(Process process, HttpClient client, ConcurrentQueue<string> lines, Task reading) =>
        (_process, Client, _lines, _reading) = (process, client, lines, reading);

    /// <summary>This very process's .NET, also where PATH leads to none or to another one.</summary>
    public static string Dotnet { get; } = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "../../../dotnet"));

    public HttpClient Client { get; }

    /// <summary>What it has logged so far, a line each.</summary>
    public IReadOnlyList<string> Lines => [.. _lines];

    /// <param name="through">What it is started through, such as <c>nsenter …</c>; it has to end in running the rest.</param>
    /// <param name="environment">More of its environment.</param>
    public static async Task<ServiceProcess> StartAsync(
        string connectionString, string data, string? keys = null, IReadOnlyList<string>? through = null, IReadOnlyDictionary<string, string>? environment = null)
    {
        var process = Process.Start(Describe(connectionString, data, keys, through, environment))!;
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();

        var lines = new ConcurrentQueue<string>();
        while (await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
        {
            lines.Enqueue(line);
            if (Listening().Match(line) is { Success: true } listening)
            {
                return new ServiceProcess(process,
                    new HttpClient { BaseAddress = new Uri(listening.Groups[1].Value), Timeout = TimeSpan.FromMinutes(2) }, lines, ReadAsync(process, lines));
            }
        }

        throw new Xunit.Sdk.XunitException("The service did not start:\n" + string.Join('\n', lines));
    }

    /// <summary>Starts one that is to refuse its settings.</summary>
    /// <returns>Its exit code, and what it said on standard error.</returns>
    public static async Task<(int ExitCode, string Error)> RefuseAsync(string connectionString, string data, IReadOnlyDictionary<string, string> environment)
    {
        using var process = Process.Start(Describe(connectionString, data, null, null, environment))!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await output;
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, error);
    }

    private static ProcessStartInfo Describe(
        string connectionString, string data, string? keys, IReadOnlyList<string>? through, IReadOnlyDictionary<string, string>? environment)
    {
        string[] argv = [.. through ?? [], Dotnet, Path.Combine(AppContext.BaseDirectory, "Xlnet.Api.dll")];
        var start = new ProcessStartInfo(argv[0], argv[1..]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = data };
        start.Environment["ConnectionStrings__Xlnet"] = connectionString;
        start.Environment["ASPNETCORE_URLS"] = "http://127.0.0.1:0";
        // Whoever is killed would leave its debugger's pipes behind in /tmp.
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        start.Environment["Xlnet__DataDirectory"] = data;
        if (keys is not null)
            start.Environment["Xlnet__KeyDirectory"] = keys;
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        return start;
    }

    /// <summary>SIGTERM: it is asked to stop.</summary>
    public async Task AskToStopAsync()
    {
        using var kill = Process.Start("sh", ["-c", $"kill -TERM {_process.Id}"]);
        await kill.WaitForExitAsync(CancellationToken.None);
        Assert.Equal(0, kill.ExitCode);
    }

    /// <summary>Waits until it has stopped by itself.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> EndAsync()
    {
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
        await _reading;
        return _process.ExitCode;
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

    private static async Task ReadAsync(Process process, ConcurrentQueue<string> lines)
    {
        while (await process.StandardOutput.ReadLineAsync(CancellationToken.None) is { } line)
            lines.Enqueue(line);
    }

    [GeneratedRegex("Now listening on: (http://[^\\s\"]+)")]
    private static partial Regex Listening();
}

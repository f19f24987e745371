using System.Diagnostics;
using Npgsql;
using Xunit;

namespace Xlnet.Api.Tests.Faults;

/// <summary>A PostgreSQL of the test's own, to be restarted under a service.</summary>
internal sealed class PostgresServer : IAsyncDisposable
{
    private readonly string _folder;
    private readonly string _bin;
    private bool _isStopped;

    private PostgresServer(string folder, string bin) => (_folder, _bin) = (folder, bin);

    public string ConnectionString => new NpgsqlConnectionStringBuilder { Host = _folder, Username = "postgres", Database = "postgres", MaxPoolSize = 100 }.ConnectionString;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public static async Task<PostgresServer> StartAsync()
    {
        var bin = await FindBinariesAsync();
        var server = new PostgresServer(Directory.CreateTempSubdirectory("xlnet-pg-").FullName, bin);
        if (Environment.IsPrivilegedProcess)
            await RunAsync("chown", "postgres", server._folder);
        await server.ToolAsync("initdb", "-D", server.Data, "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync");
        await File.AppendAllTextAsync(Path.Combine(server.Data, "postgresql.conf"),
            $"\nlisten_addresses = ''\nunix_socket_directories = '{server._folder}'\nmax_connections = 300\nfsync = off\nsynchronous_commit = off\nwal_level = minimal\nmax_wal_senders = 0\n", Ct);
        await server.ToolAsync("pg_ctl", "-D", server.Data, "-l", Path.Combine(server._folder, "log"), "-w", "start");
        return server;
    }

    /// <param name="mode">Of pg_ctl: <c>fast</c> ends the sessions, <c>immediate</c> is a crash.</param>
    public Task RestartAsync(string mode) => ToolAsync("pg_ctl", "-D", Data, "-l", Path.Combine(_folder, "log"), "-m", mode, "-w", "restart");

    public async Task StopAsync()
    {
        await ToolAsync("pg_ctl", "-D", Data, "-m", "fast", "-w", "stop");
        _isStopped = true;
    }

    public async Task StartAgainAsync()
    {
        await ToolAsync("pg_ctl", "-D", Data, "-l", Path.Combine(_folder, "log"), "-w", "start");
        _isStopped = false;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_isStopped)
            await ToolAsync("pg_ctl", "-D", Data, "-m", "immediate", "-w", "stop");
        Directory.Delete(_folder, recursive: true);
    }

    private string Data => Path.Combine(_folder, "data");

    /// <summary>Where the server that the tests use has its programs.</summary>
    private static async Task<string> FindBinariesAsync()
    {
        // Not from the server itself: it may be on another machine.
        var candidates = Directory.Exists("/usr/lib/postgresql") ? Directory.GetDirectories("/usr/lib/postgresql").OrderDescending().Select(d => Path.Combine(d, "bin")) : [];
        if (candidates.FirstOrDefault(c => File.Exists(Path.Combine(c, "initdb"))) is { } debian)
            return debian;
        return (await RunAsync("pg_config", "--bindir")).Trim();
    }

    /// <summary>PostgreSQL refuses to run as root.</summary>
    private Task<string> ToolAsync(string tool, params string[] arguments)
    {
        var program = Path.Combine(_bin, tool);
        return Environment.IsPrivilegedProcess
            ? RunAsync("setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", "--", program, .. arguments])
            : RunAsync(program, arguments);
    }

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, WorkingDirectory = "/" })!;
        // pg_ctl hands its output to the server that it starts, which keeps it open: what is read is what came before its end.
        await process.WaitForExitAsync(Ct);
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}");
        return program.EndsWith("pg_config", StringComparison.Ordinal) ? await process.StandardOutput.ReadToEndAsync(Ct) : "";
    }
}

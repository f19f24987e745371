using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Xlnet.Domain.Hosts;
using Xlnet.Infrastructure.Hosts.Ssh;
using Xunit;

namespace Xlnet.Hosts.Tests.Ssh;

/// <summary>
/// Debian's sshd for one test: on a free port of loopback, as the user who runs the tests, with a host key, a user's key and a key
/// store of its own, in a folder that goes with it.
/// </summary>
public sealed class Sshd : IAsyncDisposable
{
    private const string Program = "/usr/sbin/sshd";

    private readonly string _folder = Directory.CreateTempSubdirectory("xlnet-sshd-").FullName;
    private readonly SshdOptions _options;
    private Process? _process;

    private Sshd(SshdOptions options) => _options = options;

    public int Port { get; private set; }

    public string HostKey { get; private set; } = "";

    /// <summary>Holds the private key <c>lab</c>, which sshd lets in.</summary>
    public string KeyDirectory => _folder + "/keys";

    public SshTarget Target => new("127.0.0.1", Port, Environment.UserName, "lab", HostKey);

    public string Log => File.Exists(_folder + "/log") ? File.ReadAllText(_folder + "/log") : "";

    public static async Task<Sshd> StartAsync(SshdOptions? options = null)
    {
        var sshd = new Sshd(options ?? new SshdOptions());
        Directory.CreateDirectory(sshd.KeyDirectory);
        await sshd.MakeHostKeyAsync();
        await sshd.MakeKeyAsync("lab");
        File.Copy(sshd.KeyDirectory + "/lab.pub", sshd._folder + "/authorized_keys");
        if (Environment.IsPrivilegedProcess)
            Directory.CreateDirectory("/run/sshd");
        await sshd.ListenAsync();
        return sshd;
    }

    public SshConnections Connections() => new(new KeyStore(KeyDirectory), TimeProvider.System);

    /// <summary>Makes a private key in the key store, which sshd does not know.</summary>
    public Task MakeKeyAsync(string name, string passphrase = "", string type = "ed25519") =>
        RunAsync("ssh-keygen", "-q", "-t", type, "-N", passphrase, "-C", "xlnet test", "-f", $"{KeyDirectory}/{name}");

    /// <summary>Lets in whoever has the key of that name.</summary>
    public Task AllowAsync(string name) => File.AppendAllTextAsync(_folder + "/authorized_keys", File.ReadAllText($"{KeyDirectory}/{name}.pub"));

    /// <summary>Gives the host another key, of which it offers only this one, from its next start on.</summary>
    public async Task MakeHostKeyAsync(string type = "ed25519")
    {
        File.Delete(_folder + "/host_key");
        File.Delete(_folder + "/host_key.pub");
        await RunAsync("ssh-keygen", "-q", "-t", type, "-N", "", "-f", _folder + "/host_key");
        HostKey = (await RunAsync("ssh-keygen", "-l", "-E", "sha256", "-f", _folder + "/host_key.pub")).Split(' ')[1];
    }

    /// <summary>Ends every connection and refuses new ones until it is started again.</summary>
    public async Task StopAsync()
    {
        await CutAsync();
        if (_process is not null)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
            _process.Dispose();
            _process = null;
        }
    }

    /// <summary>Starts it again, on the same port.</summary>
    public Task StartAgainAsync() => ListenAsync();

    /// <summary>Ends every connection that there is, as a network that breaks does: what runs on the host runs on.</summary>
    public Task CutAsync()
    {
        foreach (var id in Sessions())
            Kill(id);
        return Task.CompletedTask;
    }

    /// <summary>How many connections there are.</summary>
    public int Connected => Sessions().Count;

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Directory.Delete(_folder, recursive: true);
    }

    internal static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)}: {await error}");
        return output;
    }

    private async Task ListenAsync()
    {
        for (var attempt = 0; ; attempt++)
        {
            if (Port == 0 || attempt > 0)
                Port = FreePort();
            await File.WriteAllTextAsync(_folder + "/sshd_config", Configuration());
            var before = Log.Length;
            string[] argv = [.. _options.Prefix, Program, "-D", "-f", _folder + "/sshd_config", "-E", _folder + "/log"];
            _process = Process.Start(argv[0], argv[1..]);
            while (!_process.HasExited && !Log[before..].Contains("Server listening on", StringComparison.Ordinal))
                await Task.Yield();
            if (!_process.HasExited)
                return;
            // Another test's sshd may have taken the port in between.
            Assert.True(attempt < 5, "sshd does not start: " + Log);
        }
    }

    /// <summary>HOME: bash runs the user's own .bashrc before each command that comes over SSH, and what that does is not the tests'.</summary>
    private string Configuration() => $"""
        Port {Port}
        ListenAddress {_options.Address}
        HostKey {_folder}/host_key
        AuthorizedKeysFile {_folder}/authorized_keys
        PidFile none
        StrictModes no
        UsePAM no
        UseDNS no
        PasswordAuthentication no
        KbdInteractiveAuthentication no
        PermitRootLogin prohibit-password
        LogLevel VERBOSE
        SetEnv "HOME={_folder}"{string.Concat(_options.Environment.Select(e => $" \"{e.Key}={e.Value}\""))}
        {_options.Extra}

        """;

    /// <summary>The processes of the connections: those that are sshd, below the one that listens.</summary>
    private List<int> Sessions()
    {
        List<int> found = [];
        if (_process is not { HasExited: false })
            return found;
        var listener = _options.Prefix.Count == 0 ? _process.Id : Descendants(_process.Id).Append(_process.Id).FirstOrDefault(IsSshd);
        return [.. Descendants(listener).Where(IsSshd)];

        static bool IsSshd(int id) => Comm(id) is "sshd" or "sshd-session";
    }

    private static List<int> Descendants(int id)
    {
        List<int> all = [];
        foreach (var task in Try(() => Directory.GetDirectories($"/proc/{id}/task")) ?? [])
        {
            foreach (var child in (Try(() => File.ReadAllText(task + "/children")) ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries))
                all.AddRange([int.Parse(child, System.Globalization.CultureInfo.InvariantCulture), .. Descendants(int.Parse(child, System.Globalization.CultureInfo.InvariantCulture))]);
        }

        return all;
    }

    private static string Comm(int id) => (Try(() => File.ReadAllText($"/proc/{id}/comm")) ?? "").Trim();

    private static T? Try<T>(Func<T> read)
        where T : class
    {
        try
        {
            return read();
        }
        catch (IOException)
        {
            return null; // It has ended.
        }
    }

    private static void Kill(int id)
    {
        try
        {
            using var process = Process.GetProcessById(id);
            process.Kill();
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            // It has ended.
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

/// <summary>What is special about a test's sshd.</summary>
public sealed record SshdOptions
{
    /// <summary>What sshd is started through, such as <c>nsenter …</c> or <c>prlimit …</c>; it has to end in running the rest.</summary>
    public IReadOnlyList<string> Prefix { get; init; } = [];

    /// <summary>The environment of the sessions (SetEnv), such as a PATH.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    public string Address { get; init; } = "127.0.0.1";

    /// <summary>More lines of sshd_config(5).</summary>
    public string Extra { get; init; } = "";
}

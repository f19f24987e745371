using System.Diagnostics;
using System.Globalization;
using Xlnet.Infrastructure.Hosts.Simulation;

namespace Xlnet.StandInDom0;

/// <summary>
/// A Dom0 of the tests that is a corner of this machine: a mount and process namespace in which <c>xl</c>, <c>ip</c> and the others
/// are real processes that answer as the simulation does, and <c>/etc/xen</c> and <c>/var/log/xen</c> are folders of the test. Everything else in it,
/// its shell, <c>cat</c>, an sshd that is started in it, is the machine's own. Whoever is not root gets it in a user namespace.
/// </summary>
public sealed class StandInHost : IAsyncDisposable
{
    private static readonly string[] Programs =
        ["xl", "ip", "bridge", "ovs-vsctl", "journalctl", "sysctl", "systemctl", "systemd-run", "xenstore-read"];

    /// <summary>Folders of the host that the test has; a simulated Dom0's other files are not played.</summary>
    private static readonly string[] Mounts = ["/etc/xen", "/var/log/xen"];

    private const string HotplugLog = "/var/log/xen/xen-hotplug.log";

    // $0 is the root folder. cat ends with the test's process, and with it all that is in here. /etc is a copy, as nothing can be mounted on a folder that is not there; /proc shows the new processes. A service in here may have its PostgreSQL behind a socket of the machine's.
    private const string Prepare = """
        set -e
        mount -t tmpfs none /mnt
        cp -a /etc/. /mnt/ 2>/dev/null || true
        mount --move /mnt /etc
        mount -t tmpfs none /var/log
        mount -t tmpfs none /mnt
        mkdir -m 755 /mnt/sshd
        if [ -d /run/postgresql ]; then
            mkdir /mnt/postgresql
            mount --bind /run/postgresql /mnt/postgresql
        fi
        mount -n --move /mnt /run
        for folder in /etc/xen /var/log/xen; do
            mkdir -p "$folder"
            mount --bind "$0$folder" "$folder"
        done
        echo ready
        exec cat
        """;

    private readonly ProgramServer _server;
    private readonly Process _keeper;

    private StandInHost(string folder, ProgramServer server, Process keeper, int init) => (Folder, _server, _keeper, ProcessId) = (folder, server, keeper, init);

    public string Folder { get; }

    /// <summary>The first process of the namespaces.</summary>
    public int ProcessId { get; }

    /// <summary>What the programs are looked up in: those that are played first.</summary>
    public string SearchPath => $"{Folder}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    /// <summary>The environment of whoever logs in: the programs that are played, and none of the user's own settings of a shell.</summary>
    public IReadOnlyDictionary<string, string> LoginEnvironment => new Dictionary<string, string> { ["PATH"] = SearchPath, ["HOME"] = Folder };

    /// <summary>Where the tests see the host's files.</summary>
    public string FilesPath => $"/proc/{ProcessId}/root";

    public FileStateStore Store => new(Folder);

    internal static string RootOf(string folder) => Path.Combine(folder, "root");

    public static async Task<StandInHost> StartAsync(CancellationToken ct)
    {
        var folder = Directory.CreateTempSubdirectory("xlnet-standin-").FullName;
        var server = new ProgramServer(folder);
        try
        {
            await MakeFilesAsync(folder, ct).ConfigureAwait(false);
            return await StartAsync(folder, server, ct).ConfigureAwait(false);
        }
        catch
        {
            await server.DisposeAsync().ConfigureAwait(false);
            Directory.Delete(folder, recursive: true);
            throw;
        }
    }

    private static async Task<StandInHost> StartAsync(string folder, ProgramServer server, CancellationToken ct)
    {
        string[] asRoot = Environment.IsPrivilegedProcess ? [] : ["--user", "--map-root-user"];
        var keeper = Process.Start(new ProcessStartInfo("unshare",
        [
            .. asRoot, "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", Prepare, RootOf(folder),
        ])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var ready = await keeper.StandardOutput.ReadLineAsync(ct).ConfigureAwait(false);
        if (ready != "ready")
            throw new InvalidOperationException($"No namespace could be made for a stand-in Dom0 (this needs root, or user namespaces): {await keeper.StandardError.ReadToEndAsync(ct).ConfigureAwait(false)}");
        var init = (await File.ReadAllTextAsync($"/proc/{keeper.Id}/task/{keeper.Id}/children", ct).ConfigureAwait(false)).Trim();
        return new StandInHost(folder, server, keeper, int.Parse(init, CultureInfo.InvariantCulture));
    }

    /// <summary>Changes the host behind the back of whoever drives it.</summary>
    public Task ChangeAsync(Action<SimulatedDom0State> change, CancellationToken ct) => Store.UpdateAsync(
        state =>
        {
            change(state);
            return true;
        },
        ct);

    /// <summary>What has a command run in the host: put it before the command.</summary>
    public IReadOnlyList<string> Enter() =>
    [
        "nsenter", "--target", ProcessId.ToString(CultureInfo.InvariantCulture), .. Environment.IsPrivilegedProcess ? Array.Empty<string>() : ["--user", "--preserve-credentials"],
        "--mount", "--pid", "--", "env", $"PATH={SearchPath}",
    ];

    /// <summary>
    /// Has a real program of the host cut, once, the SSH connection over which it was started: after it has done its work, and before
    /// anyone hears of it.
    /// </summary>
    /// <param name="arguments">Which of its runs: a pattern of the shell for its arguments, with blanks between.</param>
    public async Task CutAfterAsync(string program, string arguments, CancellationToken ct)
    {
        var armed = Path.Combine(Folder, $"cut-{program}");
        await File.WriteAllTextAsync(armed, "", ct).ConfigureAwait(false);
        await WriteProgramAsync(Folder, program, $"""
            /bin/{program} "$@" || exit
            case "$*" in {arguments}) ;; *) exit 0 ;; esac
            /bin/rm '{armed}' 2>/dev/null || exit 0
            exec {Command(Folder, ProgramServer.CutProgram)}

            """, ct).ConfigureAwait(false);
    }

    /// <summary>
    /// Keeps what each command answers the first time and gives it again from then on. For a host of which nothing changes but files.
    /// </summary>
    public async Task AnswerAsBeforeAsync(CancellationToken ct)
    {
        foreach (var program in Programs)
        {
            Directory.CreateDirectory(Path.Combine(Folder, "answers", program));
            await WriteProgramAsync(Folder, program, $"""
                answer="{Folder}/answers/{program}/$*"
                [ -e "$answer" ] || { "{" } {Command(Folder, program)} "$@" >"$answer.new" && mv "$answer.new" "$answer"; { "}" } || exit
                exec cat "$answer"

                """, ct).ConfigureAwait(false);
        }
    }

    public async ValueTask DisposeAsync()
    {
        // With its first process all others of the namespace end.
        if (!_keeper.HasExited)
            _keeper.Kill();
        await _keeper.WaitForExitAsync().ConfigureAwait(false);
        _keeper.Dispose();
        await _server.DisposeAsync().ConfigureAwait(false);
        Directory.Delete(Folder, recursive: true);
    }

    private static async Task MakeFilesAsync(string folder, CancellationToken ct)
    {
        var state = FreshDom0.Create();
        foreach (var (path, file) in state.Files.Where(f => Mounts.Any(m => f.Key.StartsWith(m + "/", StringComparison.Ordinal))))
        {
            var real = RootOf(folder) + path;
            Directory.CreateDirectory(Path.GetDirectoryName(real)!);
            await File.WriteAllBytesAsync(real, file.Content, ct).ConfigureAwait(false);
            if (file.Executable && !OperatingSystem.IsWindows())
                File.SetUnixFileMode(real, Executable);
        }

        foreach (var path in state.Files.Keys.Where(p => p != HotplugLog).ToArray())
            state.Files.Remove(path);
        await File.WriteAllTextAsync(Path.Combine(folder, "state.json"), state.ToJson(), ct).ConfigureAwait(false);

        await WriteExecutableAsync(PlayerPath(folder), ProgramServer.Script(folder), ct).ConfigureAwait(false);
        Directory.CreateDirectory(Path.Combine(folder, "bin"));
        foreach (var program in Programs)
            await WriteProgramAsync(folder, program, $"exec {Command(folder, program)} \"$@\"\n", ct).ConfigureAwait(false);
    }

    private static string PlayerPath(string folder) => Path.Combine(folder, "play");

    private static string Command(string folder, string program) => $"'{PlayerPath(folder)}' {program}";

    private static Task WriteProgramAsync(string folder, string name, string script, CancellationToken ct) =>
        WriteExecutableAsync(Path.Combine(folder, "bin", name), "#!/bin/sh\n" + script, ct);

    private static async Task WriteExecutableAsync(string path, string script, CancellationToken ct)
    {
        await File.WriteAllTextAsync(path, script, ct).ConfigureAwait(false);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, Executable);
    }

    private const UnixFileMode Executable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
}

using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Planning;
using Xlnet.Hosts.Tests.Contract;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Hosts.DeadMan;
using Xlnet.Infrastructure.Hosts.Watching;
using Xunit;

namespace Xlnet.Hosts.Tests.Local;

/// <summary>The real <c>ip</c> in a network namespace of the test's own.</summary>
public sealed class NetworkNamespaceHostTests : BridgeContract
{
    private readonly string _folder = Directory.CreateTempSubdirectory("xlnet-netns-").FullName;

    // It keeps the namespace, and with it all that is in it goes. Who is not root gets one in a user namespace of his own.
    private readonly Process _keeper = Process.Start(new ProcessStartInfo("unshare", [.. IsRoot ? [] : AsRoot, "--net", "sleep", "600"])
    {
        RedirectStandardError = true,
    })!;

    private static readonly string[] AsRoot = ["--user", "--map-root-user"];

    private static readonly string[] InUser = ["--user", "--preserve-credentials"];

    private static bool IsRoot => Environment.IsPrivilegedProcess;

    protected override string Folder => _folder + "/etc";

    protected override TimeProvider Time => TimeProvider.System;

    protected override Task<IHostShell> OpenAsync(TimeProvider time) =>
        Task.FromResult<IHostShell>(new NamespaceShell(new LocalShell(time), _keeper.Id));

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        var own = File.ResolveLinkTarget("/proc/self/ns/net", false)!.Name;
        // The keeper is in the namespace as soon as it has become sleep.
        while (File.ReadAllText($"/proc/{_keeper.Id}/comm").Trim() != "sleep")
            Assert.False(_keeper.HasExited, "No network namespace could be made: this needs root, or user namespaces.");
        Assert.NotEqual(own, File.ResolveLinkTarget($"/proc/{_keeper.Id}/ns/net", false)!.Name);
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (!_keeper.HasExited)
            _keeper.Kill();
        await _keeper.WaitForExitAsync();
        _keeper.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public async Task Watch_VethThatJoinsABridgeAndGoes_IsToldInOrderByIpMonitorAlone()
    {
        var shell = await ShellAsync();
        await using var watcher = new HostWatcher(
            1, _ => Task.FromResult<IHostDriver>(new XlHostDriver(new ShellWithoutGuests(shell), TimeProvider.System, NullLogger<XlHostDriver>.Instance)),
            _ => Task.FromResult<HostWay?>(new HostWay(DriverKind.Local, null, null)), new NoPolling(), NullLogger.Instance);
        var listener = new HostListener();
        watcher.Start();
        watcher.Join(listener);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Ct);
        limit.CancelAfter(Limit);
        Assert.Equal(HostEventKind.Ready, (await listener.Events.ReadAsync(limit.Token)).Kind);

        // Nothing says when ip monitor has begun to listen: something goes on until it does.
        await RunAsync("link add name br0 type bridge");
        for (var mtu = 1300; !listener.Events.TryPeek(out _); mtu = 2701 - mtu)
            await RunAsync($"link set dev br0 mtu {mtu}");

        await RunAsync("link add name v0 type veth peer name v1");
        await UntilAsync(HostChangeKind.InterfaceAdded, "v0");
        await RunAsync("link set dev v0 master br0");
        Assert.Equal("br0", (await UntilAsync(HostChangeKind.PortAdded, "v0")).Bridge);
        await RunAsync("link set dev v0 nomaster");
        await UntilAsync(HostChangeKind.PortRemoved, "v0");
        await RunAsync("link delete dev v0");
        await UntilAsync(HostChangeKind.InterfaceRemoved, "v0");

        // All of it faster than anyone looks is still in an order that it can have had.
        await RunAsync("link add name v2 type veth peer name v3");
        await RunAsync("link set dev v2 master br0");
        await UntilAsync(HostChangeKind.InterfaceAdded, "v2");
        await UntilAsync(HostChangeKind.PortAdded, "v2");

        async Task<HostChange> UntilAsync(HostChangeKind kind, string device)
        {
            while (true)
            {
                var change = (await listener.Events.ReadAsync(limit.Token)).Change!;
                if (change.Kind == kind && (change.Interface?.Name ?? change.Port) == device)
                    return change;
            }
        }

        async Task RunAsync(string command) => Assert.Equal("", (await shell.RunAsync(["ip", .. command.Split(' ')], Limit, limit.Token)).Stderr);
    }

    /// <summary>The clock without the long waits: a watcher that looks again does so because it was told to.</summary>
    private sealed class NoPolling : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, dueTime < TimeSpan.FromSeconds(1) ? dueTime : Timeout.InfiniteTimeSpan, period);
    }

    /// <summary>No Xen is here: what xl would answer where no guest runs.</summary>
    private sealed class ShellWithoutGuests(IHostShell shell) : IHostShell
    {
        public bool Simulated => shell.Simulated;

        public Task<CommandResult> RunAsync(IReadOnlyList<string> argv, TimeSpan timeout, CancellationToken ct) => argv switch
        {
            ["xl", "list", "-l"] => Task.FromResult(new CommandResult(argv, 0, "[]\n", "", TimeSpan.Zero)),
            ["xl", "list"] => Task.FromResult(new CommandResult(argv, 0, "Name\tID\tMem\tVCPUs\tState\tTime(s)\n", "", TimeSpan.Zero)),
            _ => shell.RunAsync(argv, timeout, ct),
        };

        public IAsyncEnumerable<string> ReadLinesAsync(IReadOnlyList<string> argv, CancellationToken ct) => shell.ReadLinesAsync(argv, ct);

        public Task<byte[]?> ReadFileAsync(string path, CancellationToken ct) => shell.ReadFileAsync(path, ct);

        public Task WriteFilesAsync(IReadOnlyList<FileContent> files, CancellationToken ct) => shell.WriteFilesAsync(files, ct);

        public Task DeleteFileAsync(string path, CancellationToken ct) => shell.DeleteFileAsync(path, ct);

        public Task<IReadOnlyList<HostFile>> ListFilesAsync(string directory, CancellationToken ct) => shell.ListFilesAsync(directory, ct);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }

    /// <summary>Not in the contract: it needs a host whose own network is not lost with it.</summary>
    [Fact]
    public async Task DeadManScript_BridgeWithItsAddressIsGone_BringsAllOfItBack()
    {
        await using var driver = await DriverAsync();
        await MakePortAsync("xlport0");
        await IpAsync("link", "add", "name", "xltest0", "mtu", "1400", "type", "bridge", "forward_delay", "0", "stp_state", "0");
        await IpAsync("link", "set", "dev", "xlport0", "master", "xltest0");
        await IpAsync("link", "set", "dev", "xlport0p", "up");
        await IpAsync("link", "set", "dev", "xlport0", "up");
        await IpAsync("link", "set", "dev", "xltest0", "up");
        await IpAsync("addr", "add", "192.0.2.1/24", "dev", "xltest0");
        await IpAsync("route", "add", "198.51.100.0/24", "via", "192.0.2.9", "metric", "7");
        var before = await SeeAsync();
        var observed = new HostObservation
        {
            At = DateTimeOffset.UnixEpoch, Simulated = false, XenVersion = Domain.Hosts.XenVersion.Recorded, Domains = [], Scripts = [],
            Files = new Dictionary<string, byte[]?>(), Bridges = HostReader.Bridges(before, []), Interfaces = before,
        };
        var checkpoint = Checkpoint.Of(observed, new DesiredState { Revision = 1 }) with { Routes = await driver.ReadRoutesAsync(Ct) };
        Done(await driver.ApplyAsync(new DeleteBridgeStep("xltest0", BridgeKind.Linux, 1400, Impact.ManagementPath, ["xlport0"]), Ct));
        Assert.Empty(await driver.ReadRoutesAsync(Ct));

        var script = DeadManScript.Of(
            checkpoint, new HashSet<string> { "bridges/xltest0", "bridges/xltest0/ports/xlport0" }, new Dictionary<string, byte[]?>(), Guid.NewGuid(), 1);
        var path = _folder + "/restore-1.sh";
        await File.WriteAllTextAsync(path, script.Text, Ct);
        foreach (var _ in Enumerable.Range(0, 2))
        {
            using var shell = Process.Start("nsenter", ["--target", _keeper.Id.ToString(CultureInfo.InvariantCulture), .. IsRoot ? [] : InUser, "--net", "--", "/bin/sh", path]);
            await shell.WaitForExitAsync(Ct);
        }

        var after = await SeeAsync();
        Assert.Equal(before.Select(Show).Order(), after.Select(Show).Order());
        Assert.Equal(checkpoint.Routes, await driver.ReadRoutesAsync(Ct));
        Assert.Equal(["198.51.100.0/24 via 192.0.2.9 7"], checkpoint.Routes!.Select(r => $"{r.Destination} via {r.Via} {r.Metric}"));

        Task<IReadOnlyList<ObservedInterface>> SeeAsync() => new HostReader((commands, ct) => Opened.RunAllAsync(commands, Limit, ct)).ReadInterfacesAsync(Ct);

        static string Show(ObservedInterface i) =>
            $"{i.Name} {i.Kind} {i.Mtu} {i.Up} {i.Master} {string.Join(' ', i.Addresses.Where(a => !a.StartsWith("fe80", StringComparison.Ordinal)))}";

        async Task IpAsync(params string[] words)
        {
            var result = await Opened.RunAsync(["ip", .. words], Limit, Ct);
            Assert.True(result.Succeeded, $"ip {string.Join(' ', words)}: {result.Stderr}");
        }
    }

    /// <summary>Sends the commands about the network into the namespace, and every other one past it.</summary>
    private sealed class NamespaceShell(LocalShell shell, int keeper) : IHostShell
    {
        public bool Simulated => shell.Simulated;

        public async Task<CommandResult> RunAsync(IReadOnlyList<string> argv, TimeSpan timeout, CancellationToken ct)
        {
            if (argv is not ["ip" or "bridge" or "ovs-vsctl", ..])
                return await shell.RunAsync(argv, timeout, ct);
            var result = await shell.RunAsync(Inside(argv), timeout, ct);
            // No Open vSwitch here: nsenter has a status of its own where a shell says 127.
            return result with { Argv = argv, ExitStatus = argv[0] == "ovs-vsctl" ? CommandResult.NotFound : result.ExitStatus };
        }

        public IAsyncEnumerable<string> ReadLinesAsync(IReadOnlyList<string> argv, CancellationToken ct) =>
            shell.ReadLinesAsync(argv is ["ip", ..] ? Inside(argv) : argv, ct);

        private IReadOnlyList<string> Inside(IReadOnlyList<string> argv) =>
            ["nsenter", "--target", keeper.ToString(CultureInfo.InvariantCulture), .. IsRoot ? [] : InUser, "--net", "--", .. argv];

        public Task<byte[]?> ReadFileAsync(string path, CancellationToken ct) => shell.ReadFileAsync(path, ct);

        public Task WriteFilesAsync(IReadOnlyList<FileContent> files, CancellationToken ct) => shell.WriteFilesAsync(files, ct);

        public Task DeleteFileAsync(string path, CancellationToken ct) => shell.DeleteFileAsync(path, ct);

        public Task<IReadOnlyList<HostFile>> ListFilesAsync(string directory, CancellationToken ct) => shell.ListFilesAsync(directory, ct);

        public ValueTask DisposeAsync() => shell.DisposeAsync();
    }
}

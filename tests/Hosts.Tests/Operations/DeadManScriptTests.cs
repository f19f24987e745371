using System.Diagnostics;
using System.Text;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Planning;
using Xlnet.Infrastructure.Hosts.DeadMan;
using Xunit;

namespace Xlnet.Hosts.Tests.Operations;

/// <summary>The script by which a host repairs itself: what it says, and that a real shell does no more than that.</summary>
public sealed class DeadManScriptTests : IDisposable
{
    private static readonly Guid Operation = Guid.Parse("01939f7a-0000-7000-8000-000000000001");

    private readonly string _folder = Directory.CreateTempSubdirectory("xlnet-deadman-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Of_UplinkTakenOffItsBridge_RestoresPortAddressesAndRoutes()
    {
        var script = DeadManScript.Of(Lab(), new HashSet<string> { "bridges/xenbr0/ports/eth0" }, new Dictionary<string, byte[]?>(), Operation, 3);
        Assert.Equal(
            """
            note 'began-3'
            try 'ip' 'link' 'set' 'dev' 'eth0' 'master' 'xenbr0'
            try 'ip' 'link' 'set' 'dev' 'eth0' 'mtu' '1500'
            try 'ip' 'link' 'set' 'dev' 'eth0' 'up'
            try 'ip' 'link' 'set' 'dev' 'xenbr0' 'mtu' '1500'
            try 'ip' 'link' 'set' 'dev' 'xenbr0' 'up'
            try 'ip' 'addr' 'replace' '10.0.2.15/24' 'dev' 'xenbr0'
            try 'ip' 'route' 'replace' '10.9.0.0/16' 'dev' 'xenbr0' 'scope' 'link'
            try 'ip' 'route' 'replace' 'default' 'via' '10.0.2.2' 'dev' 'xenbr0' 'proto' 'dhcp' 'metric' '100'
            note 'ended-3'

            """, script.Commands);
    }

    [Fact]
    public void Of_NothingOfTheNetworkTouched_TouchesNothing()
    {
        var script = DeadManScript.Of(Lab(), new HashSet<string> { "web1" }, new Dictionary<string, byte[]?>(), Operation, 1);
        Assert.Equal("note 'began-1'\nnote 'ended-1'\n", script.Commands);
    }

    [Fact]
    public async Task RealShell_NamesFullOfTricks_ArePlainWords()
    {
        const string Evil = "a';touch pwned;'$(touch pwned)`touch pwned`\"\\";
        var lab = Lab() with
        {
            Bridges = [new DesiredBridge(Evil, BridgeKind.Linux, 1500, [])],
            Interfaces = [new CheckpointInterface(Evil, 1500, true, ["$(touch pwned)"])],
        };
        var log = await RunAsync(DeadManScript.Of(lab, new HashSet<string> { "bridges/" + Evil }, new Dictionary<string, byte[]?>(), Operation, 1));

        Assert.False(File.Exists(Path.Combine(_folder, "pwned")), log);
        Assert.Contains($"link set dev {Evil} up", log, StringComparison.Ordinal);
        Assert.Contains("addr replace $(touch pwned) dev", log, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(_folder, "ended-1")));
    }

    [Fact]
    public async Task RealShell_Files_ComeBackUnlessSomeoneElseChangedThem()
    {
        string PathOf(string name) => Path.Combine(_folder, name);
        var (changed, made, gone, others) = (PathOf("changed"), PathOf("made"), PathOf("gone"), PathOf("others"));
        var lab = Lab() with
        {
            Files = new Dictionary<string, byte[]?> { [changed] = "old"u8.ToArray(), [made] = null, [gone] = "was"u8.ToArray(), [others] = "old"u8.ToArray() },
        };
        var written = new Dictionary<string, byte[]?> { [changed] = "new"u8.ToArray(), [made] = "new"u8.ToArray(), [gone] = null, [others] = "new"u8.ToArray() };
        await File.WriteAllTextAsync(changed, "new", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(made, "new", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(others, "by hand", TestContext.Current.CancellationToken);

        var script = DeadManScript.Of(lab, written.Keys.ToHashSet(), written, Operation, 1);
        await RunAsync(script);
        await RunAsync(script);

        Assert.Equal("old", await File.ReadAllTextAsync(changed, TestContext.Current.CancellationToken));
        Assert.False(File.Exists(made));
        Assert.Equal("was", await File.ReadAllTextAsync(gone, TestContext.Current.CancellationToken));
        Assert.Equal("by hand", await File.ReadAllTextAsync(others, TestContext.Current.CancellationToken));
    }

    /// <summary>With an <c>ip</c> that only says what it was asked.</summary>
    private async Task<string> RunAsync(DeadManScript script)
    {
        foreach (var (name, content) in script.Files)
            await File.WriteAllBytesAsync(Path.Combine(_folder, name), content);
        var path = Path.Combine(_folder, "restore-1.sh");
        await File.WriteAllTextAsync(path, script.Text.Replace("set -u\n", "set -u\nip() { printf '%s\\n' \"$*\"; }\n", StringComparison.Ordinal), new UTF8Encoding(false));
        using var shell = Process.Start(new ProcessStartInfo("/bin/sh", [path]))!;
        await shell.WaitForExitAsync(TestContext.Current.CancellationToken);
        return await File.ReadAllTextAsync(Path.Combine(_folder, "log"));
    }

    private static Checkpoint Lab() => new()
    {
        Files = new Dictionary<string, byte[]?>(),
        Bridges = [new DesiredBridge("xenbr0", BridgeKind.Linux, 1500, ["eth0"])],
        Domains = [],
        WrittenFiles = new HashSet<string>(),
        MadeBridges = new HashSet<string>(),
        Interfaces =
        [
            new CheckpointInterface("eth0", 1500, true, []),
            new CheckpointInterface("xenbr0", 1500, true, ["10.0.2.15/24", "fe80::1/64"]),
            new CheckpointInterface("eth9", 9000, true, ["192.0.2.1/24"]),
        ],
        Routes =
        [
            new HostRoute("default", "10.0.2.2", "xenbr0", "dhcp", null, null, 100),
            new HostRoute("10.9.0.0/16", null, "xenbr0", null, "link", null, null),
            new HostRoute("10.8.0.0/16", null, "eth9", null, "link", null, null),
        ],
    };
}

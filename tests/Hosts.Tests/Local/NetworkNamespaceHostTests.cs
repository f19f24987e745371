using System.Diagnostics;
using System.Globalization;
using Xlnet.Hosts.Tests.Contract;
using Xlnet.Infrastructure.Hosts;
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

        public Task WriteFileAsync(string path, ReadOnlyMemory<byte> content, CancellationToken ct) => shell.WriteFileAsync(path, content, ct);

        public Task DeleteFileAsync(string path, CancellationToken ct) => shell.DeleteFileAsync(path, ct);

        public Task<IReadOnlyList<HostFile>> ListFilesAsync(string directory, CancellationToken ct) => shell.ListFilesAsync(directory, ct);

        public ValueTask DisposeAsync() => shell.DisposeAsync();
    }
}

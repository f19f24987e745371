using System.Diagnostics;
using Xlnet.Hosts.Tests.Contract;
using Xlnet.Infrastructure.Hosts;
using Xunit;

namespace Xlnet.Hosts.Tests.Local;

/// <summary>The real <c>ip</c> in a network namespace of the test's own.</summary>
public sealed class NetworkNamespaceHostTests : BridgeContract
{
    private readonly string _folder = Directory.CreateTempSubdirectory("xlnet-netns-").FullName;
    private readonly string _namespace = $"xlnet-{Guid.NewGuid():N}";

    protected override string Folder => _folder + "/etc";

    protected override TimeProvider Time => TimeProvider.System;

    protected override Task<IHostShell> OpenAsync(TimeProvider time) =>
        Task.FromResult<IHostShell>(new NamespaceShell(new LocalShell(time), _namespace));

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        Assert.True(Ip("netns", "add", _namespace), "No network namespace could be made: this test needs iproute2, and to run as root.");
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Ip("netns", "delete", _namespace);
        Directory.Delete(_folder, recursive: true);
    }

    private static bool Ip(params string[] args)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo("ip", args) { RedirectStandardError = true, RedirectStandardOutput = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }

    /// <summary>Sends the commands about the network into the namespace, and every other one past it.</summary>
    private sealed class NamespaceShell(LocalShell shell, string name) : IHostShell
    {
        public bool Simulated => shell.Simulated;

        public async Task<CommandResult> RunAsync(IReadOnlyList<string> argv, TimeSpan timeout, CancellationToken ct)
        {
            if (argv is not ["ip" or "bridge" or "ovs-vsctl", ..])
                return await shell.RunAsync(argv, timeout, ct);
            var result = await shell.RunAsync(["ip", "netns", "exec", name, .. argv], timeout, ct);
            // No Open vSwitch here: ip says 255 where a shell says 127.
            return result with { Argv = argv, ExitStatus = argv[0] == "ovs-vsctl" ? CommandResult.NotFound : result.ExitStatus };
        }

        public Task<byte[]?> ReadFileAsync(string path, CancellationToken ct) => shell.ReadFileAsync(path, ct);

        public Task WriteFileAsync(string path, ReadOnlyMemory<byte> content, CancellationToken ct) => shell.WriteFileAsync(path, content, ct);

        public Task DeleteFileAsync(string path, CancellationToken ct) => shell.DeleteFileAsync(path, ct);

        public Task<IReadOnlyList<HostFile>> ListFilesAsync(string directory, CancellationToken ct) => shell.ListFilesAsync(directory, ct);

        public ValueTask DisposeAsync() => shell.DisposeAsync();
    }
}

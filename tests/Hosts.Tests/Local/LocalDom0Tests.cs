using Xlnet.Hosts.Tests.Contract;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xlnet.StandInDom0;

namespace Xlnet.Hosts.Tests.Local;

/// <summary><see cref="LocalShell"/> on a Dom0, as far as there is one without a hypervisor: a <see cref="StandInHost"/>.</summary>
public sealed class LocalDom0Tests : HostContract
{
    private StandInHost _host = null!;

    protected override string Folder => "/etc/xen";

    protected override TimeProvider Time => TimeProvider.System;

    protected override Task<IHostShell> OpenAsync(TimeProvider time) => Task.FromResult<IHostShell>(new InsideShell(new LocalShell(time), _host));

    protected override Task LetGuestsConnectAsync() => _host.Store.ConnectGuestsAsync(Ct);

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _host = await StandInHost.StartAsync(Ct);
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _host.DisposeAsync();
    }

    /// <summary>Does in the host's namespaces what the shell does on this machine: a process cannot go there itself.</summary>
    private sealed class InsideShell(LocalShell shell, StandInHost host) : IHostShell
    {
        public bool Simulated => shell.Simulated;

        public async Task<CommandResult> RunAsync(IReadOnlyList<string> argv, TimeSpan timeout, CancellationToken ct) =>
            await shell.RunAsync(argv.Count == 0 ? argv : [.. host.Enter(), .. argv], timeout, ct) with { Argv = argv };

        public IAsyncEnumerable<string> ReadLinesAsync(IReadOnlyList<string> argv, CancellationToken ct) =>
            shell.ReadLinesAsync(argv.Count == 0 ? argv : [.. host.Enter(), .. argv], ct);

        public Task<byte[]?> ReadFileAsync(string path, CancellationToken ct) => shell.ReadFileAsync(Real(path), ct);

        public Task WriteFilesAsync(IReadOnlyList<FileContent> files, CancellationToken ct) => shell.WriteFilesAsync([.. files.Select(f => f with { Path = Real(f.Path) })], ct);

        public Task DeleteFileAsync(string path, CancellationToken ct) => shell.DeleteFileAsync(Real(path), ct);

        public async Task<IReadOnlyList<HostFile>> ListFilesAsync(string directory, CancellationToken ct) =>
            [.. (await shell.ListFilesAsync(Real(directory), ct)).Select(f => f with { Path = f.Path[host.FilesPath.Length..] })];

        public ValueTask DisposeAsync() => shell.DisposeAsync();

        private string Real(string path) => path.StartsWith('/') ? host.FilesPath + path : path;
    }
}

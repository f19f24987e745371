using Xlnet.Hosts.Tests.Contract;
using Xlnet.Infrastructure.Hosts;

namespace Xlnet.Hosts.Tests.Local;

/// <summary>The machine that runs the tests: commands and files only, as its network is not the tests' to change.</summary>
public sealed class LocalHostTests : ShellContract
{
    private readonly string _folder = Directory.CreateTempSubdirectory("xlnet-local-").FullName;

    protected override string Folder => _folder + "/etc";

    protected override TimeProvider Time => TimeProvider.System;

    protected override Task<IHostShell> OpenAsync(TimeProvider time) => Task.FromResult<IHostShell>(new LocalShell(time));

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}

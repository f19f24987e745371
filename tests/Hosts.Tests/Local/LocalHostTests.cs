using Xlnet.Hosts.Tests.Contract;
using Xlnet.Infrastructure.Hosts;
using Xunit;

namespace Xlnet.Hosts.Tests.Local;

/// <summary>The machine that runs the tests: commands and files only, as its network is not the tests' to change.</summary>
public sealed class LocalHostTests : ShellContract
{
    private readonly string _folder = Directory.CreateTempSubdirectory("xlnet-local-").FullName;

    protected override string Folder => _folder + "/etc";

    protected override TimeProvider Time => TimeProvider.System;

    protected override Task<IHostShell> OpenAsync(TimeProvider time) => Task.FromResult<IHostShell>(new LocalShell(time));

    [Fact]
    public async Task ReadLines_NoLongerRead_EndsTheCommand()
    {
        var shell = await ShellAsync();
        var id = "";
        await foreach (var line in shell.ReadLinesAsync(["sh", "-c", "echo $$; exec sleep 600"], Ct))
        {
            id = line;
            break;
        }

        Assert.Equal(1, (await shell.RunAsync(["cat", $"/proc/{id}/comm"], Limit, Ct)).ExitStatus);
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}

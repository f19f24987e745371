using System.Text;
using Xlnet.Hosts.Tests.Contract;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Hosts.Tests.Simulation;

public sealed class DirectoryHostTests : HostContract
{
    private readonly string _root = Directory.CreateTempSubdirectory("xlnet-host-").FullName;
    private readonly InMemoryStateStore _store = new();

    protected override string Folder => "/etc/xen";

    protected override Task<IHostShell> OpenAsync(TimeProvider time) =>
        Task.FromResult<IHostShell>(SimulatedShell.OverDirectory(_root, _store, time));

    protected override Task LetGuestsConnectAsync() => _store.ConnectGuestsAsync(Ct);

    [Fact]
    public Task SetLocking_OnOpenVSwitch_HoldsTheVifFromItsCreateOn() => LockedVifIsHeldFromItsCreateOnAsync();

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public async Task WriteFile_BelowTheRoot_IsAFileOfTheFolder()
    {
        var shell = await ShellAsync();
        await shell.WriteFileAsync("/etc/xen/web1.cfg", "name = 'web1'\n"u8.ToArray(), Ct);
        Assert.Equal("name = 'web1'\n", await File.ReadAllTextAsync(Path.Combine(_root, "etc/xen/web1.cfg"), Ct));
        Assert.Equal(["web1.cfg"], Directory.GetFileSystemEntries(Path.Combine(_root, "etc/xen")).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Folder_FreshHost_StaysEmpty()
    {
        await using var driver = await DriverAsync();
        await driver.ObserveAsync(["/etc/xen/xl.conf"], Ct);
        Assert.Empty(Directory.GetFileSystemEntries(_root));
    }

    [Fact]
    public async Task CreateGuest_FromAFileThatSomeoneElseShipped_IsRead()
    {
        Directory.CreateDirectory(Path.Combine(_root, "srv"));
        await File.WriteAllTextAsync(Path.Combine(_root, "srv/shipped.cfg"), GuestFileOf("shipped", "mac=00:16:3e:80:00:01"), Ct);
        await using var driver = await DriverAsync();
        Done(await driver.ApplyAsync(new Domain.Planning.CreateGuestStep("shipped", "/srv/shipped.cfg", Domain.Planning.Impact.None), Ct));
        Assert.NotNull((await driver.ObserveAsync([], Ct)).FindDomain("shipped"));
    }

    [Theory]
    [InlineData("/link/secret")]
    [InlineData("/link")]
    [InlineData("/file-link")]
    public async Task File_BehindASymbolicLink_IsRefused(string path)
    {
        var outside = Directory.CreateTempSubdirectory("xlnet-outside-").FullName;
        try
        {
            await File.WriteAllTextAsync(Path.Combine(outside, "secret"), "secret", Ct);
            Directory.CreateSymbolicLink(Path.Combine(_root, "link"), outside);
            File.CreateSymbolicLink(Path.Combine(_root, "file-link"), Path.Combine(outside, "secret"));

            var shell = await ShellAsync();
            foreach (var use in new Func<Task>[]
            {
                () => shell.ReadFileAsync(path, Ct), () => shell.WriteFileAsync(path, "x"u8.ToArray(), Ct), () => shell.DeleteFileAsync(path, Ct),
            })
                Assert.Equal(HostShellError.FileSystem, (await Assert.ThrowsAsync<HostShellException>(use)).Error);
            Assert.Equal("secret", await File.ReadAllTextAsync(Path.Combine(outside, "secret"), Ct));
        }
        finally
        {
            Directory.Delete(outside, recursive: true);
        }
    }

    [Fact]
    public async Task WriteFile_OverAnExecutable_StaysExecutable()
    {
        var path = Path.Combine(_root, "script");
        await File.WriteAllTextAsync(path, "old", Ct);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var shell = await ShellAsync();
        await shell.WriteFileAsync("/script", Encoding.UTF8.GetBytes("new"), Ct);
        Assert.True((await shell.ListFilesAsync("/", Ct)).Single(f => f.Path == "/script").Executable);
    }
}

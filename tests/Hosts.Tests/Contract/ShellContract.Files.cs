using Xlnet.Domain.Planning;
using Xunit;

namespace Xlnet.Hosts.Tests.Contract;

/// <summary>The steps that write and delete files: done, done again, and every way in which they fail.</summary>
public abstract partial class ShellContract
{
    [Fact]
    public async Task WriteFile_NewOne_IsWrittenOnce()
    {
        await using var driver = await DriverAsync();
        var step = new WriteFileStep(Folder + "/web1.cfg", null, "name = 'web1'\n"u8.ToArray());
        await DoneOnceAsync(driver, step);
        var shell = await ShellAsync();
        Assert.Equal(step.Content, await shell.ReadFileAsync(step.Path, Ct));
    }

    [Fact]
    public async Task WriteFile_ChangedOnTheHostSincePlanned_IsNotOverwritten()
    {
        await using var driver = await DriverAsync();
        var shell = await ShellAsync();
        await shell.WriteFileAsync(Folder + "/web1.cfg", "by hand"u8.ToArray(), Ct);
        foreach (var before in new[] { null, "as planned"u8.ToArray() })
            await FailsAsync(driver, new WriteFileStep(Folder + "/web1.cfg", before, "new"u8.ToArray()), "file.changed");
        Assert.Equal("by hand"u8.ToArray(), await shell.ReadFileAsync(Folder + "/web1.cfg", Ct));
    }

    [Fact]
    public async Task WriteFile_WhereAFolderIs_Fails()
    {
        await using var driver = await DriverAsync();
        var shell = await ShellAsync();
        await shell.WriteFileAsync(Folder + "/dir/file", "x"u8.ToArray(), Ct);
        await FailsAsync(driver, new WriteFileStep(Folder + "/dir", null, "x"u8.ToArray()), "file.failed");
    }

    [Fact]
    public async Task DeleteFile_AsPlanned_IsGoneOnce()
    {
        await using var driver = await DriverAsync();
        var shell = await ShellAsync();
        await shell.WriteFileAsync(Folder + "/web1.cfg", "old"u8.ToArray(), Ct);
        await DoneOnceAsync(driver, new DeleteFileStep(Folder + "/web1.cfg", "old"u8.ToArray()));
        Assert.Null(await shell.ReadFileAsync(Folder + "/web1.cfg", Ct));
    }

    [Fact]
    public async Task DeleteFile_ChangedOnTheHostSincePlanned_Stays()
    {
        await using var driver = await DriverAsync();
        var shell = await ShellAsync();
        await shell.WriteFileAsync(Folder + "/web1.cfg", "by hand"u8.ToArray(), Ct);
        await FailsAsync(driver, new DeleteFileStep(Folder + "/web1.cfg", "old"u8.ToArray()), "file.changed");
        Assert.NotNull(await shell.ReadFileAsync(Folder + "/web1.cfg", Ct));
    }
}

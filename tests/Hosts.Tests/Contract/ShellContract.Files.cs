using Xlnet.Domain.Planning;
using Xlnet.Infrastructure.Hosts;
using Xunit;

namespace Xlnet.Hosts.Tests.Contract;

/// <summary>The steps that write and delete files: done, done again, and every way in which they fail.</summary>
public abstract partial class ShellContract
{
    /// <summary>One that no host has anything in.</summary>
    private string Files => Folder + "/files";

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
    public async Task WriteFiles_OfAnyBytesAndLength_AreThereAndNothingElseIs()
    {
        var shell = await ShellAsync();
        byte[] every = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
        await shell.WriteFileAsync(Files + "/b.cfg", "before, and longer than after"u8.ToArray(), Ct);
        Dictionary<string, byte[]> files = new()
        {
            [Files + "/a.cfg"] = [], [Files + "/b.cfg"] = "after"u8.ToArray(), [Files + "/c d'e.cfg"] = [.. Enumerable.Repeat(every, 1000).SelectMany(b => b)],
            [Files + "/new/f.cfg"] = "end\n"u8.ToArray(), [Files + "/z.cfg"] = [],
        };
        await shell.WriteFilesAsync([.. files.Select(f => new FileContent(f.Key, f.Value))], Ct);
        var read = await shell.ReadFilesAsync(files.Keys, Ct);
        Assert.All(files, f => Assert.Equal(f.Value, read[f.Key]));
        Assert.Equal(files.Keys.Where(p => p != Files + "/new/f.cfg"), (await shell.ListFilesAsync(Files, Ct)).Select(f => f.Path));
    }

    [Fact]
    public async Task WriteFiles_OneCannotBe_NoneIs()
    {
        var shell = await ShellAsync();
        await shell.WriteFileAsync(Files + "/dir/file", "x"u8.ToArray(), Ct);
        await shell.WriteFileAsync(Files + "/a.cfg", "before"u8.ToArray(), Ct);
        var refused = await Assert.ThrowsAsync<HostShellException>(() => shell.WriteFilesAsync(
            [new(Files + "/a.cfg", "after"u8.ToArray()), new(Files + "/dir", "x"u8.ToArray()), new(Files + "/b.cfg", "x"u8.ToArray())], Ct));
        Assert.Equal(HostShellError.FileSystem, refused.Error);
        Assert.EndsWith(Files + "/dir", (string?)refused.Evidence["path"], StringComparison.Ordinal);
        Assert.Equal("before"u8.ToArray(), await shell.ReadFileAsync(Files + "/a.cfg", Ct));
        Assert.Equal([Files + "/a.cfg"], (await shell.ListFilesAsync(Files, Ct)).Select(f => f.Path));
    }

    [Fact]
    public async Task WriteFiles_OneChangedOnTheHostSincePlanned_NoneIsWritten()
    {
        await using var driver = await DriverAsync();
        var shell = await ShellAsync();
        await shell.WriteFileAsync(Files + "/b.cfg", "by hand"u8.ToArray(), Ct);
        var outcomes = await driver.WriteFilesAsync(
            [.. "abc".Select(name => new WriteFileStep($"{Files}/{name}.cfg", null, "new"u8.ToArray()))], Ct);
        Assert.Equal([null, "file.changed", null], outcomes.Select(o => o?.Failure?.Code));
        Assert.Equal([Files + "/b.cfg"], (await shell.ListFilesAsync(Files, Ct)).Select(f => f.Path));
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

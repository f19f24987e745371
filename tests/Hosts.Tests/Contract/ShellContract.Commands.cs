using System.Text;
using Xlnet.Infrastructure.Hosts;
using Xunit;

namespace Xlnet.Hosts.Tests.Contract;

/// <summary>What every shell does: commands and files.</summary>
public abstract partial class ShellContract
{
    protected static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    public static TheoryData<string> AwkwardArguments() =>
    [
        "two words", " blanks around ", "", "'single'", "\"double\"", "back\\slash", "a;reboot", "$(reboot)", "`reboot`", "$HOME", "a|b", "a>b",
        "*", "~", "a&b", "new\nline", "tab\there", "-n", "--", "ümläut", "#", "!", "{a,b}", "%s",
    ];

    [Theory]
    [MemberData(nameof(AwkwardArguments))]
    public async Task Run_AwkwardArgument_ArrivesAsItIs(string argument)
    {
        var shell = await ShellAsync();
        var result = await shell.RunAsync(["printf", "[%s]", argument, "end"], Limit, Ct);
        Assert.Equal((0, $"[{argument}][end]", ""), (result.ExitStatus, result.Stdout, result.Stderr));
        Assert.Equal(["printf", "[%s]", argument, "end"], result.Argv);
    }

    [Fact]
    public async Task Run_CommandThatFails_IsAnAnswer()
    {
        var shell = await ShellAsync();
        var result = await shell.RunAsync(["cat", Folder + "/none"], Limit, Ct);
        Assert.Equal((1, "", false), (result.ExitStatus, result.Stdout, result.Succeeded));
        Assert.Contains("No such file or directory", result.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_ProgramThatIsNotThere_Answers127()
    {
        var shell = await ShellAsync();
        var result = await shell.RunAsync(["xlnet-no-such-program", "a b"], Limit, Ct);
        Assert.Equal(CommandResult.NotFound, result.ExitStatus);
        Assert.NotEmpty(result.Stderr);
    }

    [Fact]
    public async Task Run_NothingOrANul_IsRefused()
    {
        var shell = await ShellAsync();
        await Assert.ThrowsAnyAsync<ArgumentException>(() => shell.RunAsync([], Limit, Ct));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => shell.RunAsync(["printf", "cut\0off"], Limit, Ct));
    }

    [Fact]
    public async Task Run_LongerThanItsTime_EndsWithTimedOut()
    {
        var shell = await ShellAsync(new InstantTime());
        var e = await Assert.ThrowsAsync<HostShellException>(() => shell.RunAsync(["sleep", "600"], TimeSpan.FromSeconds(5), Ct));
        Assert.Equal(HostShellError.TimedOut, e.Error);
        Assert.Contains("sleep", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_Cancelled_EndsAtOnce()
    {
        var shell = await ShellAsync(TimeProvider.System);
        using var cancel = new CancellationTokenSource();
        var running = shell.RunAsync(["sleep", "600"], TimeSpan.FromHours(1), cancel.Token);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }

    [Fact]
    public async Task Run_AfterACommandThatTimedOut_Works()
    {
        var time = new InstantTime();
        var shell = await ShellAsync(time);
        await Assert.ThrowsAsync<HostShellException>(() => shell.RunAsync(["sleep", "600"], TimeSpan.FromSeconds(5), Ct));
        time.Stopped = true;
        Assert.Equal("on", (await shell.RunAsync(["printf", "on"], Limit, Ct)).Stdout);
    }

    [Fact]
    public async Task Run_ManyAtOnce_EachGetsItsOwnAnswer()
    {
        var shell = await ShellAsync();
        var results = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => shell.RunAsync(["printf", $"answer {i}"], Limit, Ct)));
        Assert.Equal(Enumerable.Range(0, 20).Select(i => $"answer {i}"), results.Select(r => r.Stdout));
    }

    [Fact]
    public async Task ReadLines_CommandThatEnds_GivesItsLinesAndEnds()
    {
        var shell = await ShellAsync();
        Assert.Equal(["one", "two"], await shell.ReadLinesAsync(["printf", "one\\ntwo\\n"], Ct).ToListAsync(Ct));
    }

    [Fact]
    public async Task ReadLines_CommandThatFails_SaysWithWhichStatus()
    {
        var shell = await ShellAsync();
        var e = await Assert.ThrowsAsync<HostAnswerException>(async () => await shell.ReadLinesAsync(["cat", Folder + "/none"], Ct).ToListAsync(Ct));
        Assert.Equal(1, e.Command?.ExitStatus);
        Assert.Contains("No such file or directory", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ReadLines_ProgramThatIsNotThere_Says127()
    {
        var shell = await ShellAsync();
        var e = await Assert.ThrowsAsync<HostAnswerException>(async () => await shell.ReadLinesAsync(["xlnet-no-such-program", "a b"], Ct).ToListAsync(Ct));
        Assert.Equal(CommandResult.NotFound, e.Command?.ExitStatus);
    }

    [Fact]
    public async Task ReadLines_NothingOrANul_IsRefused()
    {
        var shell = await ShellAsync();
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await shell.ReadLinesAsync([], Ct).ToListAsync(Ct));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await shell.ReadLinesAsync(["printf", "cut\0off"], Ct).ToListAsync(Ct));
    }

    [Fact]
    public async Task ReadLines_Cancelled_EndsAtOnce()
    {
        var shell = await ShellAsync(TimeProvider.System);
        using var cancel = new CancellationTokenSource();
        var reading = shell.ReadLinesAsync(["sleep", "600"], cancel.Token).ToListAsync(Ct);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await reading);
    }

    [Fact]
    public async Task WriteFile_NewAndAgain_ReadsTheSameBytes()
    {
        var shell = await ShellAsync();
        var path = Folder + "/a file.cfg";
        byte[] bytes = [0, 1, 13, 10, 0xff, 0xfe, .. Encoding.UTF8.GetBytes("name = 'ü'\n")];
        await shell.WriteFileAsync(path, bytes, Ct);
        Assert.Equal(bytes, await shell.ReadFileAsync(path, Ct));

        await shell.WriteFileAsync(path, "short"u8.ToArray(), Ct);
        Assert.Equal("short"u8.ToArray(), await shell.ReadFileAsync(path, Ct));
    }

    [Fact]
    public async Task WriteFile_Empty_IsThereAndEmpty()
    {
        var shell = await ShellAsync();
        await shell.WriteFileAsync(Folder + "/empty", ReadOnlyMemory<byte>.Empty, Ct);
        Assert.Equal(Array.Empty<byte>(), await shell.ReadFileAsync(Folder + "/empty", Ct));
    }

    [Fact]
    public async Task WriteFile_FolderThatIsMissing_IsMade()
    {
        var shell = await ShellAsync();
        await shell.WriteFileAsync(Folder + "/deep/er/file", "x"u8.ToArray(), Ct);
        Assert.Equal("x"u8.ToArray(), await shell.ReadFileAsync(Folder + "/deep/er/file", Ct));
    }

    [Fact]
    public async Task WriteFile_WhileItIsRead_IsOldOrNewAndNeverAPart()
    {
        var shell = await ShellAsync();
        var path = Folder + "/whole";
        byte[][] contents = [[.. Enumerable.Repeat((byte)'a', 200_000)], [.. Enumerable.Repeat((byte)'b', 100_000)]];
        await shell.WriteFileAsync(path, contents[0], Ct);

        var writing = Task.Run(
            async () =>
            {
                for (var i = 1; i <= 20; i++)
                    await shell.WriteFileAsync(path, contents[i % 2], Ct);
            },
            Ct);
        do
        {
            var seen = await shell.ReadFileAsync(path, Ct);
            Assert.Contains(contents, c => c.AsSpan().SequenceEqual(seen));
        }
        while (!writing.IsCompleted);
        await writing;
    }

    [Fact]
    public async Task WriteFile_AndWhatACommandReads_AreTheSame()
    {
        var shell = await ShellAsync();
        await shell.WriteFileAsync(Folder + "/seen", "by all\n"u8.ToArray(), Ct);
        Assert.Equal("by all\n", (await shell.RunAsync(["cat", Folder + "/seen"], Limit, Ct)).Stdout);
    }

    [Fact]
    public async Task WriteFile_OverADirectory_IsAFileSystemError()
    {
        var shell = await ShellAsync();
        await shell.WriteFileAsync(Folder + "/dir/file", "x"u8.ToArray(), Ct);
        await FileSystemErrorAsync(() => shell.WriteFileAsync(Folder + "/dir", "x"u8.ToArray(), Ct));
        await FileSystemErrorAsync(() => shell.WriteFileAsync(Folder + "/dir/file/below", "x"u8.ToArray(), Ct));
        await FileSystemErrorAsync(() => shell.ReadFileAsync(Folder + "/dir", Ct));
    }

    [Fact]
    public async Task ReadFile_NotThere_IsNull()
    {
        var shell = await ShellAsync();
        Assert.Null(await shell.ReadFileAsync(Folder + "/none", Ct));
        Assert.Null(await shell.ReadFileAsync(Folder + "/no/folder/none", Ct));
    }

    [Fact]
    public async Task DeleteFile_ThereAndAgain_IsGone()
    {
        var shell = await ShellAsync();
        await shell.WriteFileAsync(Folder + "/gone", "x"u8.ToArray(), Ct);
        await shell.DeleteFileAsync(Folder + "/gone", Ct);
        Assert.Null(await shell.ReadFileAsync(Folder + "/gone", Ct));
        await shell.DeleteFileAsync(Folder + "/gone", Ct);
    }

    [Fact]
    public async Task ListFiles_SomeAndAFolder_AreThePlainFilesByName()
    {
        var shell = await ShellAsync();
        foreach (var name in new[] { "b", "a", "C", "below/d" })
            await shell.WriteFileAsync($"{Folder}/list/{name}", Encoding.UTF8.GetBytes(name), Ct);
        Assert.Equal(
            [new HostFile(Folder + "/list/C", 1, false), new HostFile(Folder + "/list/a", 1, false), new HostFile(Folder + "/list/b", 1, false)],
            await shell.ListFilesAsync(Folder + "/list", Ct));
    }

    [Fact]
    public async Task ListFiles_NoSuchFolder_IsEmpty()
    {
        var shell = await ShellAsync();
        Assert.Empty(await shell.ListFilesAsync(Folder + "/no-such-folder", Ct));
    }

    [Theory]
    [InlineData("relative.cfg")]
    [InlineData("/etc/../etc/passwd")]
    [InlineData("/etc/xen/..")]
    [InlineData("/etc//xen")]
    [InlineData("/etc/./xen")]
    [InlineData("/etc/xen/a\0b")]
    [InlineData("")]
    public async Task File_PathThatIsNotPlain_IsRefused(string path)
    {
        var shell = await ShellAsync();
        await FileSystemErrorAsync(() => shell.ReadFileAsync(path, Ct));
        await FileSystemErrorAsync(() => shell.WriteFileAsync(path, "x"u8.ToArray(), Ct));
        await FileSystemErrorAsync(() => shell.DeleteFileAsync(path, Ct));
        await FileSystemErrorAsync(() => shell.ListFilesAsync(path, Ct));
    }

    private static async Task FileSystemErrorAsync(Func<Task> use)
    {
        var e = await Assert.ThrowsAsync<HostShellException>(use);
        Assert.Equal(HostShellError.FileSystem, e.Error);
    }
}

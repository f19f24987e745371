using System.Diagnostics;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using FsCheck.Xunit;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Vifs;
using Xlnet.Infrastructure.Operations;
using Xunit;

namespace Xlnet.Hosts.Tests.Operations;

/// <summary>A file's diff is one that the real <c>patch</c> (Debian's package of that name) makes the new file of.</summary>
public sealed class StepDiffTests
{
    private const string Path = "/etc/xen/web1.cfg";

    public static TheoryData<string, byte[]?, byte[]?> Files => new()
    {
        { "new", null, "name = 'web1'\nvif = ['']\n"u8.ToArray() },
        { "gone", "name = 'web1'\nvif = ['']\n"u8.ToArray(), null },
        { "changed", "a\nb\nc\nd\ne\nf\ng\n"u8.ToArray(), "a\nb\nc\nD\ne\nf\ng\n"u8.ToArray() },
        { "first and last", "a\nb\nc\nd\ne\nf\ng\nh\ni\n"u8.ToArray(), "A\nb\nc\nd\ne\nf\ng\nh\nI\n"u8.ToArray() },
        { "two hunks", Lines(40), Lines(40, 3, 30) },
        { "contexts that touch", Lines(40), Lines(40, 10, 17) },
        { "contexts that just do not touch", Lines(40), Lines(40, 10, 18) },
        { "emptied", "a\n"u8.ToArray(), [] },
        { "filled", [], "a\n"u8.ToArray() },
        { "last line loses its end", "a\nb\n"u8.ToArray(), "a\nb"u8.ToArray() },
        { "last line gains an end", "a\nb"u8.ToArray(), "a\nb\n"u8.ToArray() },
        { "no end before and after", "a\nb"u8.ToArray(), "A\nb"u8.ToArray() },
        { "new without an end", null, "a"u8.ToArray() },
        { "CRLF", "a\r\nb\r\nc\r\n"u8.ToArray(), "a\r\nB\r\nc\n"u8.ToArray() },
        { "a lone CR", "a\rb\n"u8.ToArray(), "a\rc\n"u8.ToArray() },
        { "UTF-8", "# Zürich\nname = 'web1'\n"u8.ToArray(), "# Zürich\nname = 'web2'\n"u8.ToArray() },
        { "Latin-1", [(byte)'#', 0xfc, 0xff, (byte)'\n', (byte)'a', (byte)'\n'], [(byte)'#', 0xfc, 0xff, (byte)'\n', (byte)'b', (byte)'\n'] },
        { "Latin-1 to UTF-8", [0xfc, (byte)'\n'], "ü\n"u8.ToArray() },
        { "lines that look like a diff", "-- a\n"u8.ToArray(), "++ b\n@@ -1 +1 @@\n\\ No newline at end of file\n"u8.ToArray() },
        { "so many lines, two of them others", Lines(20_000), Lines(20_000, 3, 19_990) },
        { "so many lines, the first and the last others", Lines(20_000), Lines(20_000, 0, 19_999) },
        { "so many lines that are gone", Lines(20_000), "a\n"u8.ToArray() },
        { "so many lines that are the same, and some less", Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("a\n", 20_000))), Encoding.ASCII.GetBytes(string.Concat(Enumerable.Repeat("a\n", 15_000))) },
        { "so many lines, of which the last loses its end", Lines(20_000), Lines(20_000)[..^1] },
        { "form feed and line separator", "a\fb\u2028c\n"u8.ToArray(), "a\fb\u2028d\n"u8.ToArray() },
    };

    [Theory]
    [MemberData(nameof(Files))]
    public async Task Of_File_IsAPatchThatMakesTheNewOneOfTheOld(string name, byte[]? before, byte[]? after)
    {
        Assert.NotEmpty(name);
        var step = after is null ? (PlanStep)new DeleteFileStep(Path, before!) : new WriteFileStep(Path, before, after);
        Assert.Equal(after, await PatchAsync(before, after, StepDiff.Of(step)));
    }

    [Property(MaxTest = 60)]
    public Property Of_AnyFiles_IsAPatchThatMakesTheNewOneOfTheOld()
    {
        // Few different lines, so that there is much to match; ends and encodings as they come.
        var line = Gen.Elements("a", "b", "", "c\r", "-- d", "\u00e9");
        var file = from lines in line.ListOf()
                   from end in Gen.Elements("", "\n")
                   from latin in Gen.Frequency((4, Gen.Constant(false)), (1, Gen.Constant(true)))
                   select (latin ? Encoding.Latin1 : Encoding.UTF8).GetBytes(string.Join('\n', lines) + end);
        return Prop.ForAll(
            file.Two().Where(f => !f.Item1.SequenceEqual(f.Item2)).ToArbitrary(),
            async files => Assert.Equal(files.Item2, await PatchAsync(files.Item1, files.Item2, StepDiff.Of(new WriteFileStep(Path, files.Item1, files.Item2)))));
    }

    [Fact]
    public void Of_NewFile_HasTheHeadersOfDiff() => Assert.Equal(
        "--- /dev/null\n+++ /etc/xen/web1.cfg\n@@ -0,0 +1,2 @@\n+name = 'web1'\n+vif = ['']",
        StepDiff.Of(new WriteFileStep(Path, null, "name = 'web1'\nvif = ['']\n"u8.ToArray())));

    [Fact]
    public void Of_FileWithNul_SaysThatItIsBinary() => Assert.Equal(
        "Binary files /etc/xen/web1.cfg and /etc/xen/web1.cfg differ",
        StepDiff.Of(new WriteFileStep(Path, [0], "a"u8.ToArray())));

    [Fact]
    public void Of_OtherSteps_SaysWhatComesAndGoes()
    {
        var vif = new VifSettings { Mac = MacAddress.Parse("00:16:3e:80:00:01"), Bridge = "br0" };
        Assert.Equal("+ linux bridge br0 mtu 9000", StepDiff.Of(new CreateBridgeStep("br0", BridgeKind.Linux, 9000)));
        Assert.Equal("+ linux bridge br0 vlan-filtering on", StepDiff.Of(new CreateBridgeStep("br0", BridgeKind.Linux, null, VlanFiltering: true)));
        Assert.Equal("- bridge br0 vlan-filtering on\n+ bridge br0 vlan-filtering off", StepDiff.Of(new SetBridgeVlanFilteringStep("br0", false, Impact.None)));
        Assert.Equal("- bridge br0 mtu 1500\n+ bridge br0 mtu 9000", StepDiff.Of(new SetBridgeMtuStep("br0", 9000, 1500)));
        Assert.Equal("+ web1 vif mac=00:16:3e:80:00:01,bridge=br0,devid=2", StepDiff.Of(new AttachVifStep("web1", 2, vif, Impact.None)));
        Assert.Equal("- web1 vif mac=00:16:3e:80:00:01,devid=2", StepDiff.Of(new DetachVifStep("web1", 2, vif.Mac)));
        Assert.Equal("+ domain web1 from /etc/xen/web1.cfg", StepDiff.Of(new CreateGuestStep("web1", Path, Impact.None)));
        Assert.Equal("- domain web1", StepDiff.Of(new StopGuestStep("web1", false, TimeSpan.FromMinutes(1))));
    }

    private static byte[] Lines(int count, params int[] changed) =>
        Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, count).Select(i => changed.Contains(i) ? $"changed {i}\n" : $"line {i}\n")));

    private static bool IsUtf8(byte[]? content) => System.Text.Unicode.Utf8.IsValid(content);

    /// <returns>The file after <c>patch -p1</c>; null when that removed it.</returns>
    private static async Task<byte[]?> PatchAsync(byte[]? before, byte[]? after, string diff)
    {
        var folder = Directory.CreateTempSubdirectory("xlnet-patch-");
        try
        {
            var file = folder.FullName + Path;
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(file)!);
            if (before is not null)
                await File.WriteAllBytesAsync(file, before);
            var start = new ProcessStartInfo("patch", ["-p1", "--fuzz=0", "--no-backup-if-mismatch", "--directory", folder.FullName])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using var patch = Process.Start(start)!;
            // As UnifiedDiff says: UTF-8 unless one of the two files is none.
            Encoding encoding = IsUtf8(before) && IsUtf8(after) ? new UTF8Encoding(false) : Encoding.Latin1;
            await patch.StandardInput.BaseStream.WriteAsync(encoding.GetBytes(diff + "\n"));
            patch.StandardInput.Close();
            var said = await patch.StandardOutput.ReadToEndAsync() + await patch.StandardError.ReadToEndAsync();
            await patch.WaitForExitAsync();
            Assert.True(patch.ExitCode == 0, $"patch said: {said}\nof:\n{diff}");
            return File.Exists(file) ? await File.ReadAllBytesAsync(file) : null;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}

using Xlnet.Domain.Macs;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;
using Xunit;

namespace Xlnet.Conformance.Tests;

/// <summary>The guest files of a folder, <c>XLNET_CORPUS</c>, else the project's own samples: read, edited, and read again by the real xl.</summary>
[Collection(RealXlGroup.Name)]
public class FolderTests(RealXl xl, ITestOutputHelper output)
{
    private static readonly VifSettings Added = new() { Mac = new MacAddress(0x00163e800001), Bridge = "xenbr1" };

    [Fact]
    public void EveryFile_ReadAndEdited_IsReadSoByTheRealXl()
    {
        string[] files = [.. Directory.GetFiles(Folder).Order(StringComparer.Ordinal)];
        Assert.NotEmpty(files);
        var edits = 0;
        foreach (var path in files)
        {
            var text = XlText.FromBytes(File.ReadAllBytes(path));
            var file = GuestFile.Parse(text);
            Assert.Equal(text, file.ToString());
            Check(path, file);
            if (!file.Reading.Accepted)
                continue;
            foreach (var (edit, targets, mostLines) in Edits([.. file.Vifs.Select(v => new VifTarget(v.Devid, v.Settings))]))
            {
                var after = file.WithVifs(targets);
                Assert.Equal(targets, after.Vifs.Select(v => new VifTarget(v.Devid, v.Settings)));
                Check($"{path}, {edit}", after);
                var lines = ChangedLines(text, after.ToString());
                Assert.True(lines <= mostLines, $"{path}, {edit}: {lines} lines changed.\n{after}");
                edits++;
            }
        }

        output.WriteLine($"{files.Length} files, {edits} edits");
    }

    private static string Folder => Environment.GetEnvironmentVariable("XLNET_CORPUS") ?? Path.Combine(RealXl.Repository(), "tests", "Bench", "samples");

    /// <summary>Each with the most lines that may go or come for it: a list over several lines has its vifs on a line each, one behind a vif that went says its devid, and comments move along.</summary>
    private static IEnumerable<(string Edit, VifTarget[] Targets, int MostLines)> Edits(VifTarget[] vifs)
    {
        yield return ("one more", [.. vifs, new VifTarget(vifs.Select(v => v.Devid + 1).DefaultIfEmpty(0).Max(), Added)], 3);
        if (vifs.Length == 0)
            yield break;
        yield return ("another address", [vifs[0] with { Settings = vifs[0].Settings with { Mac = Added.Mac } }, .. vifs[1..]], 2);
        yield return ("a rate", [.. vifs[..^1], vifs[^1] with { Settings = vifs[^1].Settings with { Rate = Rate.Parse("10Mb/s") } }], 2);
        yield return ("the first gone", vifs[1..], 2 * vifs.Length);
        yield return ("the last gone", vifs[..^1], 3);
        yield return ("turned round", [.. vifs.Reverse()], 4 * vifs.Length);
    }

    private void Check(string what, GuestFile file)
    {
        var real = xl.Create(file.ToString());
        Assert.True(real.Accepted == file.Reading.Accepted, $"{what}: xl says {real.Status}, {real.Message}; ours is {file.Reading.ExitStatus}, {file.Reading.Message}");
        if (real.Accepted)
            Assert.Equal(real.Nics!, file.Reading.Nics.Select(XlRun.Flatten));
    }

    /// <summary>Lines that go and lines that come; exact where the changed lines stand together.</summary>
    private static int ChangedLines(string before, string after)
    {
        var (old, now) = (before.Split('\n'), after.Split('\n'));
        var same = old.Zip(now).TakeWhile(p => p.First == p.Second).Count();
        var end = old.Reverse().Zip(now.Reverse()).Take(Math.Min(old.Length, now.Length) - same).TakeWhile(p => p.First == p.Second).Count();
        return old.Length + now.Length - 2 * (same + end);
    }
}

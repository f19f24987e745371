using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Xl;
using Xunit;

namespace Xlnet.Conformance.Tests;

/// <summary>
/// Random texts, read by the domain and by the real xl. Each run has a fresh seed, which is printed; XLNET_SEED repeats one,
/// XLNET_VIFS and XLNET_FILES say how many texts are tried.
/// </summary>
[Collection(RealXlGroup.Name)]
public class AgreementTests(RealXl xl, ITestOutputHelper output)
{
    private const string Head = "name = 'g'\ntype = 'pvh'\nkernel = '/k'\n";

    private static readonly int Vifs = Count("XLNET_VIFS", 1500);
    private static readonly int Files = Count("XLNET_FILES", 500);

    [Fact]
    public void Reading_OfRandomVifStrings_IsTheRealOnes() =>
        Check(Generators.Vif, Vifs, vif =>
        {
            if (ReadsPastEnd(VifSpec.Read(vif).Findings))
                return;
            var text = $"{Head}vif = [ '{Syntax(vif)}' ]\n";
            AssertSame(xl.Create(text), GuestFile.Parse(text).Reading);
        });

    [Fact]
    public void ReadStrictly_OfRandomArguments_IsTheRealOnes() =>
        Check(Generators.Vif, Vifs / 4, vif =>
        {
            var arguments = vif.Replace("\0", "", StringComparison.Ordinal).Split(',');
            if (arguments.Any(a => ReadsPastEnd(VifSpec.Read(a).Findings)))
                return;
            var real = xl.Attach(arguments);
            var ours = VifSpec.ReadStrictly(arguments);
            Assert.Equal((real.Status, real.Message), (ours.ExitStatus, ours.Message));
            Assert.Equal(real.AttachedNic, ours.Accepted ? XlRun.Flatten(Assert.Single(ours.Nics)) : null);
        });

    [Fact]
    public void Reading_OfRandomFiles_IsTheRealOnes() =>
        Check(Generators.File, Files, text =>
        {
            var file = GuestFile.Parse(text);
            Assert.Equal(text, file.ToString());
            if (!ReadsPastEnd(file.Findings) && !ReadsUnsetNumber(file))
                AssertSame(xl.Create(text), file.Reading);
        });

    [Fact]
    public void Reading_OfFilesAboutTheHost_MakesWhatTheRealOneMakes() =>
        Check(Generators.HostFile, Files, text =>
        {
            var file = GuestFile.Parse(text);
            Assert.Equal(text, file.ToString());
            if (ReadsPastEnd(file.Findings) || ReadsUnsetNumber(file))
                return;
            var real = xl.Create(text);
            Assert.True(real.Accepted == file.Reading.Accepted, $"xl: {real.Status}\n{real.Message}\nours: {file.Reading.ExitStatus}\n{file.Reading.Message}");
            if (real.Accepted)
                Assert.Equal(real.Nics!, file.Reading.Nics.Select(XlRun.Flatten));
        });

    [Fact]
    public void Reading_OfRandomBytes_IsTheRealOnes() =>
        Check(Generators.Bytes, Files, bytes =>
        {
            var text = Head + bytes;
            var file = GuestFile.Parse(text);
            Assert.Equal(text, file.ToString());
            if (!ReadsPastEnd(file.Findings) && !ReadsUnsetNumber(file))
                AssertSame(xl.Create(text), file.Reading);
        });

    [Fact]
    public void ReadGuest_UnderARandomXlConf_IsTheRealOne() =>
        Check(Generators.Conf, Files, text =>
        {
            const string guest = Head + "vif = [ '', 'bridge=gb,script=gs,backend=gd,gatewaydev=gg', 'bridge=' ]\n";
            var conf = XlConf.Parse(text);
            Assert.Equal(text, conf.ToString());
            AssertSame(xl.Create(guest, text), conf.ReadGuest(GuestFile.Parse(guest)));
        });

    [Fact]
    public void WithVifs_OnRandomFiles_IsReadSoByTheRealXl() =>
        Check(from file in Generators.File from count in Gen.Choose(0, 4) from vifs in Gen.ArrayOf(Generators.RightVif, count) from first in Gen.Choose(0, 2) select (file, vifs, first), Files, edit =>
        {
            // What xl refuses for something else it refuses afterwards too.
            var before = GuestFile.Parse(edit.file);
            if (before.Syntax.Errors.Count > 0 || ReadsUnsetNumber(before))
                return;
            VifTarget[] targets = [.. edit.vifs.Select((v, i) => new VifTarget(edit.vifs.Length - 1 - i + edit.first, VifSpec.Read(v).Settings))];

            var after = before.WithVifs(targets);

            Assert.Equal(targets, after.Vifs.Select(v => new VifTarget(v.Devid, v.Settings)));
            var real = xl.Create(after.ToString());
            AssertSame(real, after.Reading);
            if (real.Accepted)
                Assert.Equal(targets.Select(t => XlRun.Flatten(VifSpec.Read(VifSpec.Render(t.Settings, t.Devid)).Reading.Nics[0])), real.Nics!);
            Assert.Equal(after.ToString(), after.WithVifs(targets).ToString());
        });

    [Fact]
    public void WithDefaults_OnRandomXlConfs_IsReadSoByTheRealXl()
    {
        var value = Gen.Elements<string?>(null, "xenbr7", "vif-nat", "a'b", "a\"b\\", "");
        Check(from conf in Generators.Conf from script in value from bridge in value from backend in value from device in value select (conf, new VifDefaults(script, bridge, backend, device)), Files / 2, edit =>
        {
            const string guest = Head + "vif = [ '' ]\n";
            var before = XlConf.Parse(edit.conf);
            if (!before.Accepted)
                return;

            var after = before.WithDefaults(edit.Item2);

            Assert.Equal(edit.Item2, after.Defaults);
            AssertSame(xl.Create(guest, after.ToString()), after.ReadGuest(GuestFile.Parse(guest)));
            Assert.Equal(after.ToString(), after.WithDefaults(edit.Item2).ToString());
        });
    }

    [Fact]
    public void Fix_OfRandomVifStrings_LosesNothingThatXlRead() =>
        Check(Generators.Vif, Vifs, vif =>
        {
            var before = VifSpec.Read(vif);
            if (!before.Reading.Accepted || ReadsPastEnd(before.Findings) || before.Findings.Any(f => f.Code is "vif.rate.bare-interval"))
                return;
            var mended = Lint.Fix(LintKind.Vif, vif);
            var after = VifSpec.Read(mended);
            Assert.Equal(mended, Lint.Fix(LintKind.Vif, mended));
            foreach (var (name, value) in before.Reading.Nics[0].Properties)
            {
                // A fix may set what xl had skipped, and takes the blanks off a value that xl had kept.
                if (after.Reading.Nics[0][name] is { } now && !before.Findings.Any(f => f.Code is "vif.unknown-key" or "vif.ip.comma" or "vif.mac.malformed"))
                    Assert.Equal(value.ToString()!.Trim(' ', '\t'), now.ToString()!.Trim(' ', '\t'));
                else if (name != "devid")
                    Assert.NotNull(after.Reading.Nics[0][name]);
            }
        });

    [Fact]
    public void Reading_OfDeeplyNestedLists_IsTheRealOne()
    {
        foreach (var text in Cases.Nested())
            AssertSame(xl.Create(text), GuestFile.Parse(text).Reading);
    }

    private static void AssertSame(XlRun real, XlReading ours)
    {
        Assert.True((real.Status, real.Message) == (ours.ExitStatus, ours.Message), $"xl: {real.Status}\n{real.Message}\nours: {ours.ExitStatus}\n{ours.Message}");
        if (real.Accepted)
            Assert.Equal(real.Nics!, ours.Nics.Select(XlRun.Flatten));
    }

    /// <summary>The one thing that cannot be told: what xl reads behind the end of its buffer.</summary>
    private static bool ReadsPastEnd(IEnumerable<Finding> findings) => findings.Any(f => f.Code == "vif.mac.past-end");

    /// <summary>
    /// libxlu_pci.c asks sscanf how far it got, and reads that number also where an address has no '.' and none was written: what
    /// was on the stack decides.
    /// </summary>
    private static bool ReadsUnsetNumber(GuestFile file) =>
        file.Syntax.Assignments.Where(a => a.Name == "pci").Any(a => file.Syntax.Text[a.Value.Start..a.Value.End].Split(',', '\'', '"', '\n')
            .Any(part => part.Contains(':') && !Regex.IsMatch(part, ":[0-9a-fA-F]+\\.")));

    private static string Syntax(string vif) =>
        vif.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "\\'", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    private void Check<T>(Gen<T> generator, int count, Action<T> property)
    {
        var seed = Environment.GetEnvironmentVariable("XLNET_SEED") is { } given ? ulong.Parse(given, null) : (ulong)Random.Shared.NextInt64();
        output.WriteLine($"{count} texts, XLNET_SEED={seed}");
        var config = Config.QuickThrowOnFailure.WithMaxTest(count).WithReplay(seed, 1UL).WithStartSize(50).WithEndSize(50);
        Prop.ForAll(Arb.From(generator), property).Check(config);
    }

    private static int Count(string variable, int normal) =>
        Environment.GetEnvironmentVariable(variable) is { } text ? int.Parse(text, null) : normal;
}

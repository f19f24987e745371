using System.Text.Encodings.Web;
using System.Text.Json;
using Xlnet.Domain.Xl;
using Xunit;

namespace Xlnet.Conformance.Tests;

/// <summary>A line of recorded.jsonl: a case, and what the real xl 4.17 did with it.</summary>
public sealed record Recorded(string Level, string[] Input, int Status, string Message, IReadOnlyList<SortedDictionary<string, string>> Nics);

/// <summary>
/// Recorded behaviour, kept as data: the real xl still does so, and the domain says so. XLNET_RECORD=1 records anew.
/// </summary>
[Collection(RealXlGroup.Name)]
public class RecordedTests(RealXl xl)
{
    private static readonly string File = Path.Combine(RealXl.Repository(), "tests", "Conformance.Tests", "recorded.jsonl");

    private static readonly JsonSerializerOptions Json =
        new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [Fact]
    public void RealXl_OnEachCase_DoesAsRecorded()
    {
        var now = Cases.All.Select(c => JsonSerializer.Serialize(Run(c), Json)).ToList();
        if (Environment.GetEnvironmentVariable("XLNET_RECORD") == "1")
            System.IO.File.WriteAllLines(File, now);

        Assert.Equal(System.IO.File.ReadAllLines(File), now);
    }

    [Fact]
    public void Domain_OnEachCase_SaysWhatWasRecorded()
    {
        var cases = Cases.All.ToList();
        var recorded = System.IO.File.ReadAllLines(File).Select(l => JsonSerializer.Deserialize<Recorded>(l, Json)!).ToList();
        Assert.Equal(recorded.Count, cases.Count);
        foreach (var (c, expected) in cases.Zip(recorded))
        {
            Assert.Equal(expected.Input, c.Input);
            var ours = Say(c);
            Assert.Equal(
                JsonSerializer.Serialize(expected, Json),
                JsonSerializer.Serialize(new Recorded(c.Level, c.Input, ours.ExitStatus, ours.Message, [.. ours.Nics.Select(XlRun.Flatten)]), Json));
        }
    }

    private Recorded Run(Case c)
    {
        if (c.Level == "attach")
        {
            var attached = xl.Attach(c.Input);
            return new Recorded(c.Level, c.Input, attached.Status, attached.Message, attached.AttachedNic is { } nic ? [nic] : []);
        }

        var run = xl.Create(c.Guest!, c.Conf ?? "# none\n");
        return new Recorded(c.Level, c.Input, run.Status, run.Message, run.Nics ?? []);
    }

    private static XlReading Say(Case c) => c.Level switch
    {
        "attach" => VifSpec.ReadStrictly(c.Input),
        "conf" => XlConf.Parse(c.Conf!).ReadGuest(GuestFile.Parse(c.Guest!)),
        _ => GuestFile.Parse(c.Guest!).Reading,
    };
}

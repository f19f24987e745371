using System.Diagnostics;
using System.Globalization;
using Xlnet.Bench;
using Xlnet.Domain.Xl;
using Xlnet.Domain.Xl.Syntax;

// dotnet run -c Release --project tests/Bench [FOLDER OF GUEST FILES | --hostile [PART OF A NAME] | --ansible | --service [PART]]
// The last two take a PostgreSQL, which tests/Bench/run starts. Prints one Markdown table, and exits with 1 when a bound is not kept; docs/performance.md says how to read it.
const int Rounds = 200;
const int Runs = 7;
const int Size = 1 << 20;
const double MostMilliseconds = 100;
const double MostGrowth = 8; // 4 is linear, 16 is quadratic
const double MostMebibytes = 128;
const double LeastRatio = 1.5;

var warmUp = TimeSpan.FromSeconds(2);

switch (args)
{
    case ["--service", ..]:
        return await ServiceBench.RunAsync(Postgres(), args.ElementAtOrDefault(1) ?? "") ? 0 : 1;
    case ["--ansible"]:
        return await AnsibleComparison.RunAsync(Postgres()) ? 0 : 1;
    case [BareVif.Argument]:
        await BareVif.ServeAsync();
        return 0;
}

var hostileOnly = args is ["--hostile", ..];
var folder = hostileOnly ? null : args.FirstOrDefault();
var part = hostileOnly && args.Length > 1 ? args[1] : "";
var kept = true;

Console.WriteLine("| input | xlnet | growth | allocated | bound | kept |");
Console.WriteLine("| --- | --: | --: | --: | --- | --- |");
if (!hostileOnly)
    Compare();
foreach (var hostile in HostileText.All.Where(h => h.Name.Contains(part, StringComparison.Ordinal)))
    Try(hostile);
return kept ? 0 : 1;

static string Postgres() => Environment.GetEnvironmentVariable("XLNET_TEST_POSTGRES")
    ?? throw new InvalidOperationException("Set XLNET_TEST_POSTGRES to a superuser's connection string of a PostgreSQL, or start the bench by tests/Bench/run.");

void Compare()
{
    var repository = Repository.Root;
    string[] files = [.. Directory.EnumerateFiles(folder ?? Path.Combine(repository, "tests", "Bench", "samples")).Order()];

    // Until the runtime has compiled the parser for good; C was compiled before the run.
    for (var start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < warmUp;)
    {
        foreach (var file in files)
            ConfigSyntax.Parse(XlText.FromBytes(File.ReadAllBytes(file)));
    }

    var ours = new double[files.Length];
    for (var pass = 0; pass < 3; pass++)
    {
        for (var i = 0; i < files.Length; i++)
        {
            var text = XlText.FromBytes(File.ReadAllBytes(files[i]));
            ours[i] = Enumerable.Range(0, Rounds).Min(_ =>
            {
                var start = Stopwatch.GetTimestamp();
                for (var k = 0; k < 20; k++)
                    ConfigSyntax.Parse(text);
                return Stopwatch.GetElapsedTime(start).TotalNanoseconds / 20;
            });
        }
    }

    Row(Text($"{files.Length} guest files, the median one"), Text($"{1e9 / Figures.Median(ours):n0} a second"), "", "", "", true);
    if (LibXlu.Measure(repository, files, Rounds) is not { } theirs)
    {
        Row("the same, libxlutil", "not there: run the conformance tests once", "", "", "", true);
        return;
    }

    var ratios = theirs.Zip(ours, (c, mine) => c / mine).Order().ToArray();
    Row("the same, libxlutil", Text($"{1e9 / Figures.Median(theirs):n0} a second"), "", "", "", true);
    Row("xlnet to libxlutil, the median file", Text($"{Figures.Median(ratios):f2} times (least {ratios[0]:f2}, most {ratios[^1]:f2})"), "", "", Text($"≥ {LeastRatio} times"), Figures.Median(ratios) >= LeastRatio);
}

void Try(HostileText hostile)
{
    var quarter = Measure(hostile, Size / 4);
    var whole = Measure(hostile, Size);
    // A quarter that takes next to nothing says nothing of the growth.
    var growth = whole.Milliseconds / Math.Max(quarter.Milliseconds, 10);
    var good = whole.Milliseconds <= MostMilliseconds && growth <= MostGrowth && whole.Mebibytes <= MostMebibytes;
    Row(
        $"hostile: {hostile.Name}", Text($"{whole.Milliseconds:f1} ms"), Text($"{growth:f1}"), Text($"{whole.Mebibytes:f1} MiB"),
        Text($"{MostMilliseconds} ms, {MostGrowth} times, {MostMebibytes} MiB"), good);
}

static (double Milliseconds, double Mebibytes) Measure(HostileText hostile, int size)
{
    var run = hostile.Prepare(hostile.Make(size));
    run();
    var times = new double[Runs];
    var bytes = 0L;
    for (var i = 0; i < Runs; i++)
    {
        GC.Collect();
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        // The processor's time of all threads, the collector's too, and not what other programs take.
        var start = Environment.CpuUsage.TotalTime;
        GC.KeepAlive(run());
        times[i] = (Environment.CpuUsage.TotalTime - start).TotalMilliseconds;
        bytes = GC.GetAllocatedBytesForCurrentThread() - allocated;
    }

    return (Figures.Median(times), bytes / (double)(1 << 20));
}

void Row(string input, string figure, string growth, string allocated, string bound, bool good)
{
    kept &= good;
    Console.WriteLine($"| {input} | {figure} | {growth} | {allocated} | {bound} | {(bound.Length == 0 ? "" : good ? "yes" : "**no**")} |");
}

static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

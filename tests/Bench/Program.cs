using System.Diagnostics;
using System.Globalization;
using Xlnet.Domain.Xl;
using Xlnet.Domain.Xl.Syntax;

// dotnet run -c Release --project tests/Bench [FOLDER OF GUEST FILES]
// Parses each file with the domain's parser and with libxlutil's own, in one run, and says how they compare; then hostile
// texts of 1 MiB. The conformance tests must have fetched xl into .cache before.
const int Rounds = 200;

var repository = AppContext.BaseDirectory;
while (!File.Exists(Path.Combine(repository, "api.sln")))
    repository = Path.GetDirectoryName(repository) ?? throw new InvalidOperationException("Run inside the repository.");
var cache = Path.Combine(repository, ".cache", "xl-4.17");
var library = Directory.EnumerateFiles(Path.Combine(cache, "root/usr/lib"), "libxlutil.so.4.17", SearchOption.AllDirectories).First();
var folder = args.Length > 0 ? args[0] : Path.Combine(repository, "tests", "Bench", "samples");
string[] files = [.. Directory.EnumerateFiles(folder).Order()];

var program = Path.Combine(cache, "xlubench");
Execute("cc", ["-O2", "-o", program, Path.Combine(repository, "tests", "Bench", "xlubench.c"), library, "-Wl,--allow-shlib-undefined"]);
var c = Execute(program, [Rounds.ToString(CultureInfo.InvariantCulture), .. files])
    .Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => double.Parse(l, CultureInfo.InvariantCulture)).ToArray();

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

var ratios = c.Zip(ours, (theirs, mine) => theirs / mine).Order().ToArray();
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{files.Length} files; guest files a second at the median: libxlutil {1e9 / Median(c):f0}, xlnet {1e9 / Median(ours):f0}"));
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"xlnet is {Median(ratios):f2} times as fast on the median file (least {ratios[0]:f2}, most {ratios[^1]:f2})"));

const int Size = 1 << 20;
foreach (var (name, piece) in new[]
         {
             ("brackets", "["), ("quotes", "'"), ("open strings", "'a \"b "), ("errors", "@\n"), ("assignments", "vif=['']\n"), ("additions", "a+='b'\n"),
             ("additions of lists", "vif+=['']\n"), ("semicolons", ";"), ("backslashes", "\\"), ("names", "a "),
         })
{
    var text = string.Concat(Enumerable.Repeat(piece, Size / piece.Length));
    if (name == "brackets")
        text = "x=" + text[..(Size - 2)];
    var best = Enumerable.Range(0, 5).Min(_ =>
    {
        var start = Stopwatch.GetTimestamp();
        GC.KeepAlive(GuestFile.Parse(text).Findings);
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    });
    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"1 MiB of {name}: {best:f0} ms with its findings"));
}

static double Median(double[] values) => values.Order().ElementAt(values.Length / 2);

static string Execute(string program, IReadOnlyList<string> arguments)
{
    var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true };
    if (program.EndsWith("xlubench", StringComparison.Ordinal))
        start.Environment["LD_LIBRARY_PATH"] = Path.GetDirectoryName(Directory.EnumerateFiles(Path.Combine(Path.GetDirectoryName(program)!, "root/usr/lib"), "libxlutil.so.4.17", SearchOption.AllDirectories).First());
    using var process = Process.Start(start)!;
    var output = process.StandardOutput.ReadToEnd();
    process.WaitForExit();
    return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} failed.");
}

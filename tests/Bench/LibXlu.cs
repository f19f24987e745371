using System.Diagnostics;
using System.Globalization;

namespace Xlnet.Bench;

/// <summary>libxlutil's own parser, from Debian's packages as the conformance tests fetch them into .cache.</summary>
internal static class LibXlu
{
    /// <summary>The least nanoseconds that one parse of each file took; null where the packages are not there.</summary>
    public static double[]? Measure(string repository, IReadOnlyList<string> files, int rounds)
    {
        var cache = Path.Combine(repository, ".cache", "xl-4.17");
        var libraries = Path.Combine(cache, "root/usr/lib");
        if (!Directory.Exists(libraries))
            return null;
        var library = Directory.EnumerateFiles(libraries, "libxlutil.so.4.17", SearchOption.AllDirectories).First();
        var program = Path.Combine(cache, "xlubench");
        Execute("cc", ["-O2", "-o", program, Path.Combine(repository, "tests", "Bench", "xlubench.c"), library, "-Wl,--allow-shlib-undefined"], null);
        var lines = Execute(program, [rounds.ToString(CultureInfo.InvariantCulture), .. files], Path.GetDirectoryName(library));
        return [.. lines.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => double.Parse(l, CultureInfo.InvariantCulture))];
    }

    private static string Execute(string program, IReadOnlyList<string> arguments, string? libraries)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true };
        if (libraries is not null)
            start.Environment["LD_LIBRARY_PATH"] = libraries;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} failed.");
    }
}

using System.Diagnostics;

namespace Xlnet.Bench;

internal static class Programs
{
    /// <summary>Runs a program to its end; what it printed.</summary>
    /// <exception cref="InvalidOperationException">It did not exit with 0.</exception>
    public static Task<string> RunAsync(params string[] argv) => RunInAsync("/", argv);

    public static async Task<string> RunInAsync(string folder, params string[] argv)
    {
        using var process = Process.Start(new ProcessStartInfo(argv[0], argv[1..]) { WorkingDirectory = folder, RedirectStandardOutput = true })!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{argv[0]} ended with {process.ExitCode}: {output}");
    }
}

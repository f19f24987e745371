using System.Diagnostics;
using Xunit;

namespace Xlnet.Api.Tests.Operating;

internal static class Repository
{
    public static string Root { get; } = Find();

    public static Task<string> ReadAsync(string path) => File.ReadAllTextAsync(Path.Combine(Root, path), TestContext.Current.CancellationToken);

    /// <summary>Runs a program at the top of the tree.</summary>
    public static async Task<(int ExitCode, string Output, string Error)> RunAsync(string[] argv, IReadOnlyDictionary<string, string>? environment = null, string? folder = null)
    {
        var start = new ProcessStartInfo(argv[0], argv[1..]) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = folder ?? Root };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var error = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output, await error);
    }

    private static string Find()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "api.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("Run inside the repository.");
        return folder;
    }
}

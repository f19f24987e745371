using System.Diagnostics;
using CliWrap;
using CliWrap.Buffered;
using Xunit;

namespace Xlnet.Sdk.Tests;

internal static class Repository
{
    public static string Root { get; } = Find();

    /// <summary>Where npm's tools are, and what they generate, in <c>obj</c>.</summary>
    public static string Npm { get; } = Path.Combine(Root, "tests", "sdk");

    private static string Find()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "api.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("These tests run within the repository.");
        return folder;
    }
}

/// <summary>Programs that are none of ours.</summary>
internal static class Tools
{
    /// <summary>What keeps them from calling home.</summary>
    private static readonly Dictionary<string, string?> Quiet = new()
    {
        ["REDOCLY_TELEMETRY"] = "off",
        ["REDOCLY_SUPPRESS_UPDATE_NOTICE"] = "true",
        ["NO_COLOR"] = "1",
        ["DOTNET_EnableDiagnostics"] = "0",
    };

    public static async Task<BufferedCommandResult> TryAsync(string folder, string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string?>? environment = null) =>
        await Cli.Wrap(program).WithArguments(arguments).WithWorkingDirectory(folder).WithValidation(CommandResultValidation.None)
            .WithEnvironmentVariables(Quiet.Concat(environment ?? new Dictionary<string, string?>()).ToDictionary())
            .ExecuteBufferedAsync(TestContext.Current.CancellationToken);

    /// <returns>What it printed.</returns>
    public static async Task<string> RunAsync(string folder, string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var result = await TryAsync(folder, program, arguments, environment);
        Assert.True(result.ExitCode == 0, $"{program} {string.Join(' ', arguments)} ended with {result.ExitCode}:\n{result.StandardOutput}\n{result.StandardError}");
        return result.StandardOutput;
    }

    /// <summary>Runs a program to its end, or to <paramref name="cut"/>: then it gets SIGKILL, and all that it started with it.</summary>
    /// <returns>Whether it was killed.</returns>
    public static async Task<bool> RunUntilAsync(Task cut, string folder, string program, IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string?>? environment = null)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in Quiet.Concat(environment ?? new Dictionary<string, string?>()))
            start.Environment[name] = value;
        using var process = Process.Start(start)!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(CancellationToken.None), process.StandardError.ReadToEndAsync(CancellationToken.None));
        try
        {
            if (await Task.WhenAny(cut, process.WaitForExitAsync(TestContext.Current.CancellationToken)) != cut)
            {
                Assert.True(process.HasExited && process.ExitCode == 0, $"{program} ended without being killed:\n{await output}\n{await error}");
                return false;
            }
        }
        finally
        {
            process.Kill(entireProcessTree: true);
        }

        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        await Task.WhenAll(output, error);
        Assert.Equal(128 + 9, process.ExitCode);
        return true;
    }

    /// <summary>One of the programs that <c>npm ci</c> brings.</summary>
    public static Task<string> NpmAsync(string program, params IReadOnlyList<string> arguments) => RunAsync(Repository.Npm, NpmPath(program), arguments);

    public static string NpmPath(string program)
    {
        var path = Path.Combine(Repository.Npm, "node_modules", ".bin", program);
        return File.Exists(path) ? path : throw new InvalidOperationException("tests/sdk/node_modules is not there: run 'npm ci' in tests/sdk, as ./test does.");
    }
}

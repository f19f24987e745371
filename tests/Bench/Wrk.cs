using System.Globalization;
using System.Text.RegularExpressions;

namespace Xlnet.Bench;

/// <summary>A run of wrk, which sends as many requests as are answered.</summary>
/// <param name="PerSecond">Requests a second.</param>
/// <param name="Milliseconds99">What 99 of 100 requests took at most.</param>
internal sealed partial record Wrk(double PerSecond, double Milliseconds99)
{
    /// <param name="path">With <c>{host}</c>, <c>{guest}</c> and <c>{devid}</c> where each request is to take another.</param>
    /// <param name="hosts">Of so many hosts.</param>
    /// <exception cref="InvalidOperationException">A request failed, or was answered with an error.</exception>
    public static async Task<Wrk> RunAsync(Uri service, string method, string path, int connections, TimeSpan duration, int hosts = 1, string body = "")
    {
        var output = await Programs.RunAsync("wrk", "-t1", Invariant($"-c{connections}"), Invariant($"-d{duration.TotalSeconds}s"), "--timeout", "20s",
            "-s", Path.Combine(AppContext.BaseDirectory, "requests.lua"), service.ToString(), "--", method, path, Invariant($"{hosts}"), body);
        var match = Measured().Match(output);
        if (!match.Success || match.Groups["failed"].Value != "0")
            throw new InvalidOperationException($"wrk {method} {path}: {output}");
        return new Wrk(Number("requests") / (Number("duration") / 1e6), Number("p99") / 1e3);

        double Number(string group) => double.Parse(match.Groups[group].Value, CultureInfo.InvariantCulture);
    }

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    [GeneratedRegex("^measured requests=(?<requests>[0-9]+) duration=(?<duration>[0-9]+) p99=(?<p99>[0-9]+) failed=(?<failed>[0-9]+)", RegexOptions.Multiline)]
    private static partial Regex Measured();
}

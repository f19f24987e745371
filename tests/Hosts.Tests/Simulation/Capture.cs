using System.Text;
using System.Text.RegularExpressions;

namespace Xlnet.Hosts.Tests.Simulation;

/// <summary>A part of a capture: a preparation, or commands and what the real host answered to them.</summary>
/// <param name="Line">Where it stands in its file, from 1.</param>
/// <param name="Head">What stands behind <c>=</c> or <c>$</c>.</param>
public sealed record CapturePart(int Line, bool IsCommand, string Head, string Stdout, string Stderr, int ExitStatus);

/// <summary>Reads a file of Captures/; its first lines say how it is written.</summary>
public static partial class Capture
{
    public static string Folder => Path.Combine(AppContext.BaseDirectory, "Captures");

    public static IReadOnlyList<CapturePart> Read(string name)
    {
        var parts = new List<CapturePart>();
        var lines = File.ReadAllLines(Path.Combine(Folder, name));
        for (var i = 0; i < lines.Length; i++)
        {
            if (lines[i].Length == 0 || lines[i][0] == '#')
                continue;
            if (lines[i][0] is '$' or '=')
            {
                parts.Add(new CapturePart(i + 1, lines[i][0] == '$', lines[i][2..], "", "", 0));
                continue;
            }

            var text = lines[i].Length > 2 ? lines[i][2..] : "";
            parts[^1] = lines[i][0] switch
            {
                '>' => parts[^1] with { Stdout = parts[^1].Stdout + text + "\n" },
                '!' => parts[^1] with { Stderr = parts[^1].Stderr + text + "\n" },
                '?' => parts[^1] with { ExitStatus = int.Parse(text, System.Globalization.CultureInfo.InvariantCulture) },
                _ => throw new FormatException($"{name}:{i + 1}: {lines[i]}"),
            };
        }

        return parts;
    }

    [GeneratedRegex("{(mac|ovs-mac|pid|uuid|run|time)}")]
    private static partial Regex Placeholder();

    /// <summary>The first line of the actual text that the expected one does not stand for; null when all of them do.</summary>
    public static string? Differ(string expected, string actual)
    {
        var (left, right) = (expected.Split('\n'), actual.Split('\n'));
        for (var i = 0; i < Math.Max(left.Length, right.Length); i++)
        {
            var want = i < left.Length ? left[i] : "(nothing)";
            var have = i < right.Length ? right[i] : "(nothing)";
            if (!Regex.IsMatch(have, Pattern(want)))
                return $"line {i + 1}\n  real: {want}\n  here: {have}";
        }

        return null;
    }

    private static string Pattern(string line)
    {
        var pattern = new StringBuilder("^");
        var from = 0;
        foreach (Match match in Placeholder().Matches(line))
        {
            pattern.Append(Regex.Escape(line[from..match.Index]));
            pattern.Append(match.Groups[1].Value switch
            {
                "mac" => "00:16:3e:[0-7][0-9a-f]:[0-9a-f]{2}:[0-9a-f]{2}",
                "ovs-mac" => "[0-9a-f][26ae](:[0-9a-f]{2}){5}",
                "pid" => "[0-9]+",
                "uuid" => "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
                "run" => "(r-----|-b----|------)",
                _ => " *[0-9]+\\.[0-9]",
            });
            from = match.Index + match.Length;
        }

        return pattern.Append(Regex.Escape(line[from..])).Append('$').ToString();
    }
}

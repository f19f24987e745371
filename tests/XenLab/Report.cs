using System.Text;
using Xlnet.XenLab;
using Xunit;

[assembly: AssemblyFixture(typeof(Report))]

namespace Xlnet.XenLab;

/// <summary>What the hosts showed, for a person to read: <c>xenlab-report.md</c> among the test results.</summary>
public sealed class Report : IDisposable
{
    private readonly Lock _lock = new();
    private readonly SortedSet<string> _facts = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, string> _exercises = new(StringComparer.Ordinal);

    public void Fact(string what, string text)
    {
        lock (_lock)
            _facts.Add($"- {what}: {text}");
    }

    /// <summary>An exercise of the lab sheet. Of one that fails the report has what was seen until then.</summary>
    public Exercise Begin(string title) => new(this, title);

    public void Dispose()
    {
        if (_exercises.Count == 0 || Environment.GetEnvironmentVariable("XLNET_XENLAB_REPORT") is not { } path)
            return;
        var text = new StringBuilder("# The lab sheet, on a real Xen\n\nMade by `./test --xen`; the tests are in `tests/XenLab`.\n\n");
        text.AppendJoin('\n', _facts).Append('\n');
        foreach (var (title, body) in _exercises)
            text.Append('\n').Append("## ").Append(title).Append("\n\n").Append(body.Length > 0 ? body.TrimEnd() : "It showed nothing before it failed.").Append('\n');
        File.WriteAllText(path, text.ToString());
    }

    public sealed class Exercise(Report report, string title) : IDisposable
    {
        private readonly StringBuilder _text = new();

        public void Say(string text) => _text.Append(text).Append("\n\n");

        /// <summary>What a command printed, or a part of an answer.</summary>
        public void Show(string what, string output) =>
            _text.Append("    # ").Append(what).Append('\n')
                .AppendJoin('\n', output.TrimEnd('\n').Split('\n').Select(line => ("    " + line).TrimEnd())).Append("\n\n");

        public void Dispose()
        {
            lock (report._lock)
                report._exercises[title] = _text.ToString();
        }
    }
}

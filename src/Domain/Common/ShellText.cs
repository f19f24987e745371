namespace Xlnet.Domain.Common;

/// <summary>What the scripts that a host runs on its own have in common: POSIX sh, in which each line can be run again and fails alone.</summary>
public static class ShellText
{
    /// <summary>
    /// Logs to <c>log</c> beside the script. <c>try</c> does a command and says with which status it ended, and <c>note</c> makes a marker
    /// with the time; <c>$failed</c> is set once a command that was tried has failed.
    /// </summary>
    public const string Head = """
        set -u
        umask 077
        PATH=/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin
        LC_ALL=C
        export PATH LC_ALL
        cd "$(dirname "$0")" || exit 1
        exec >>log 2>&1
        failed=
        say() { echo "$(date -u '+%Y-%m-%dT%H:%M:%SZ') $*"; }
        note() { date -u '+%Y-%m-%dT%H:%M:%SZ' >"$1.tmp" && mv "$1.tmp" "$1"; }
        try() { "$@" && say "done: $*" || { say "status $?: $*"; failed=1; }; }

        """;

    /// <summary>The one form in which a shell takes every byte for itself.</summary>
    public static string Quote(string word) => $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    /// <summary>A line of a command, which is the first word, and of its quoted arguments.</summary>
    public static string Line(params IReadOnlyList<string> words) => words[0] + string.Concat(words.Skip(1).Select(w => " " + Quote(w))) + "\n";
}

using System.Globalization;
using Xlnet.Domain.Common;

namespace Xlnet.Infrastructure.Hosts.Ssh;

/// <summary>
/// A command as the login shell of a host takes it: SSH carries one string (RFC 4254, 6.5). Each argument stands in single quotes,
/// within which a POSIX shell reads nothing but the closing one.
/// </summary>
internal sealed record RemoteCommand(IReadOnlyList<string> Argv, string Line)
{
    /// <summary>What a command gets between being asked to end and being killed.</summary>
    public static readonly TimeSpan KillAfter = TimeSpan.FromSeconds(5);

    private const string PidMark = "xlnet-pid:";

    /// <summary>Where a Dom0's tools are also where the login's PATH leaves them out; what is printed is read by patterns, and those know English.</summary>
    private const string Setup =
        $"echo {PidMark}$$ >&2; export LC_ALL=C.UTF-8 PATH=\"$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin\"; ";

    /// <summary>
    /// One that ends on the host too when its time is up, whatever became of the connection. The process that it says first is
    /// timeout(1): asked to end, it asks the command and all that the command has started, and kills them a little later.
    /// </summary>
    public static RemoteCommand Within(IReadOnlyList<string> argv, TimeSpan limit, bool input) => new(
        argv,
        string.Create(
            CultureInfo.InvariantCulture,
            $"{Setup}exec timeout -k {KillAfter.TotalSeconds} {Math.Ceiling(limit.TotalSeconds) + 1} {Quote(argv)}{(input ? "" : " </dev/null")}"));

    /// <summary>One that goes on until its standard input ends, as it does when the connection breaks.</summary>
    public static RemoteCommand UntilClosed(IReadOnlyList<string> argv) => new(
        argv,
        Setup + "exec sh -c " + ShellText.Quote(UntilClosedScript) + " sh " + Quote(argv));

    // What waits for the end of the input must hold neither output: the channel closes when nobody has them any more.
    private const string UntilClosedScript = """
        exec 3<&0
        "$@" </dev/null 3<&- & command=$!
        { cat <&3; kill -TERM $command; sleep 5; kill -KILL $command; } >/dev/null 2>&1 & watch=$!
        exec 3<&-
        wait $command; status=$?
        kill $watch
        exit $status
        """;

    public override string ToString() => string.Join(' ', Argv);

    public static int? PidOf(string line) =>
        line.LastIndexOf(PidMark, StringComparison.Ordinal) is var at and >= 0
        && int.TryParse(line.AsSpan(at + PidMark.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var pid) ? pid : null;

    /// <summary>The error output from where the command's own begins; null when the shell never got there.</summary>
    public static string? AfterPid(string stderr)
    {
        var at = stderr.IndexOf(PidMark, StringComparison.Ordinal);
        var end = at < 0 ? -1 : stderr.IndexOf('\n', at);
        return end < 0 ? null : stderr[(end + 1)..];
    }

    /// <summary>As a shell has it: 128 and the signal's number.</summary>
    public static int StatusOfSignal(string? name) => 128 + name switch
    {
        "HUP" => 1,
        "INT" => 2,
        "QUIT" => 3,
        "ILL" => 4,
        "ABRT" => 6,
        "FPE" => 8,
        "KILL" => 9,
        "USR1" => 10,
        "SEGV" => 11,
        "USR2" => 12,
        "PIPE" => 13,
        "ALRM" => 14,
        "TERM" => 15,
        _ => 127,
    };

    public static string Quote(IReadOnlyList<string> argv) => string.Join(' ', argv.Select(ShellText.Quote));
}

using System.Diagnostics;
using System.Globalization;

namespace Xlnet.StandInDom0;

/// <summary>The SSH connection over which a program was started, from the host's side.</summary>
internal static class SshSession
{
    /// <summary>Kills the connection's sshd, and not the one that listens; without an sshd above this process it does nothing.</summary>
    public static void Cut()
    {
        var above = new List<int>();
        for (var pid = Environment.ProcessId; pid > 1; pid = Parent(pid))
        {
            if (File.ReadAllText($"/proc/{pid}/comm").StartsWith("sshd", StringComparison.Ordinal))
                above.Add(pid);
        }

        // The nearest first: as root sshd is one process a connection, else a monitor and its child.
        foreach (var pid in above.SkipLast(1))
            Process.GetProcessById(pid).Kill();
    }

    private static int Parent(int pid)
    {
        // The name, the second field, may hold anything and ends at the last ')'.
        var stat = File.ReadAllText($"/proc/{pid}/stat");
        return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
    }
}

using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;

namespace Xlnet.StandInDom0;

/// <summary>The SSH connection over which a program was started, from the host's side.</summary>
internal static class SshSession
{
    private const int SocketLevel = 1;
    private const int PeerCredentials = 17;

    /// <summary>
    /// Kills the sshd of the connection over which the process at the other end of a socket was started, and not the one that listens;
    /// without an sshd of this process's between the two it does nothing.
    /// </summary>
    public static void Cut(Socket program)
    {
        var credentials = new byte[12];
        program.GetRawSocketOption(SocketLevel, PeerCredentials, credentials);
        var above = new List<int>();
        for (var pid = BitConverter.ToInt32(credentials); pid > 1 && pid != Environment.ProcessId; pid = Parent(pid))
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

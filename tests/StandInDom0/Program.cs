using System.Text;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xlnet.StandInDom0;

// For tests alone: plays a Dom0's programs as real processes, where a test has a real way to a host (a shell of this machine, an sshd)
// and no hypervisor behind it. FOLDER is a StandInHost's; the answers are those of the simulation.
if (args is not [var folder, var program, .. var rest])
{
    Console.Error.WriteLine("Usage: Xlnet.StandInDom0 FOLDER PROGRAM [ARGUMENT...]");
    return 2;
}

var store = new FileStateStore(folder);
using var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false));
using var errors = new StreamWriter(Console.OpenStandardError(), new UTF8Encoding(false));
var shell = SimulatedShell.OverDirectory(StandInHost.RootOf(folder), store, TimeProvider.System);
try
{
    var result = await shell.RunAsync([program, .. rest], Timeout.InfiniteTimeSpan, CancellationToken.None);
    output.Write(result.Stdout);
    errors.Write(result.Stderr);
    return result.ExitStatus;
}
catch (Xlnet.Infrastructure.Hosts.HostShellException e)
{
    // The simulation's fault of a connection that breaks, or a file that it could not read.
    errors.WriteLine(e.Message);
    if (e.Error == Xlnet.Infrastructure.Hosts.HostShellError.Unreachable)
        SshSession.Cut();
    return 255;
}

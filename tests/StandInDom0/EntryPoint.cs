using System.Text;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Hosts.Simulation;

namespace Xlnet.StandInDom0;

/// <summary>
/// For tests alone: plays a Dom0's programs as real processes, where a test has a real way to a host (a shell of this machine, an
/// sshd) and no hypervisor behind it. The answers are those of the simulation.
/// </summary>
internal static class EntryPoint
{
    public static async Task<int> Main(string[] args)
    {
        if (args is not [var folder, var program, .. var rest])
        {
            await Console.Error.WriteLineAsync("Usage: Xlnet.StandInDom0 FOLDER PROGRAM [ARGUMENT...]");
            return 2;
        }

        if (program == StandInHost.CutProgram)
        {
            SshSession.Cut();
            return 255;
        }

        using var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false));
        using var errors = new StreamWriter(Console.OpenStandardError(), new UTF8Encoding(false));
        var shell = SimulatedShell.OverDirectory(StandInHost.RootOf(folder), new FileStateStore(folder), TimeProvider.System);
        try
        {
            if (program == "ip" && rest is ["monitor", ..])
            {
                // It goes on, and each line is to be read when it comes.
                output.AutoFlush = true;
                await foreach (var line in shell.ReadLinesAsync([program, .. rest], CancellationToken.None))
                    await output.WriteLineAsync(line);
                return 0;
            }

            var result = await shell.RunAsync([program, .. rest], Timeout.InfiniteTimeSpan, CancellationToken.None);
            output.Write(result.Stdout);
            errors.Write(result.Stderr);
            return result.ExitStatus;
        }
        catch (HostShellException e)
        {
            // The simulation's fault of a connection that breaks, or a file that it could not read.
            errors.WriteLine(e.Message);
            if (e.Error == HostShellError.Unreachable)
                SshSession.Cut();
            return 255;
        }
    }
}

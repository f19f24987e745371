using System.Runtime.InteropServices;
using System.Text;
using Xlnet.Infrastructure.Hosts.Simulation;

namespace Xlnet.StandInDom0;

/// <summary>Keeps the state of a stand-in in a file, which the processes that play its programs and the tests share under a lock.</summary>
public sealed class FileStateStore(string folder) : ISimulatedStateStore
{
    private const int LockExclusive = 2;
    private const int Interrupted = 4;

    private readonly string _state = Path.Combine(folder, "state.json");

    public Task<T> UpdateAsync<T>(Func<SimulatedDom0State, T> change, CancellationToken ct)
    {
        ct.ThrowIfCancellationRequested();
        using var file = OpenLock();
        while (Flock(file, LockExclusive) != 0)
        {
            if (Marshal.GetLastPInvokeError() != Interrupted)
                throw new IOException($"flock of {_state}: error {Marshal.GetLastPInvokeError()}");
        }

        var state = File.Exists(_state) ? SimulatedDom0State.FromJson(File.ReadAllText(_state)) : new SimulatedDom0State();
        var result = change(state);
        // What the simulation writes of itself, the log of the hotplug scripts, is a real file here.
        foreach (var (path, written) in state.Files)
            Replace(StandInHost.RootOf(folder) + path, written.Content);
        Replace(_state, Encoding.UTF8.GetBytes(state.ToJson()));
        return Task.FromResult(result);
    }

    /// <summary>.NET takes a lock of its own while it opens, whatever is to be shared, and fails where another process has the file locked.</summary>
    private Microsoft.Win32.SafeHandles.SafeFileHandle OpenLock()
    {
        var path = Path.Combine(folder, "state.lock");
        while (true)
        {
            try
            {
                return File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            }
            catch (IOException) when (File.Exists(path))
            {
                Thread.Yield();
            }
        }
    }

    private static void Replace(string path, byte[] content)
    {
        File.WriteAllBytes(path + ".new", content);
        File.Move(path + ".new", path, overwrite: true);
    }

    [DllImport("libc", EntryPoint = "flock", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Flock(SafeHandle file, int operation);
}

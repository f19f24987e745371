namespace Xlnet.Infrastructure.Hosts.Simulation;

/// <summary>The files that a simulated Dom0 shows.</summary>
internal interface ISimulatedFiles
{
    /// <exception cref="HostShellException">It can't be read.</exception>
    byte[]? Read(string path);

    bool IsExecutable(string path);

    /// <param name="path">Of a file that is there.</param>
    void MakeExecutable(string path);

    /// <exception cref="HostShellException">One can't be written, and none was.</exception>
    void Write(IReadOnlyList<FileContent> files);

    void Delete(string path);

    IReadOnlyList<HostFile> List(string directory);
}

/// <summary>Files within the state.</summary>
internal sealed class StateFiles(SimulatedDom0State state) : ISimulatedFiles
{
    public byte[]? Read(string path)
    {
        if (state.Files.TryGetValue(HostPath.Check(path), out var file))
            return file.Content;
        return IsDirectory(path) ? throw HostPath.Error(path, "Is a directory") : null;
    }

    public bool IsExecutable(string path) => state.Files.TryGetValue(path, out var file) && file.Executable;

    public void MakeExecutable(string path) => state.Files[path].Executable = true;

    public void Write(IReadOnlyList<FileContent> files)
    {
        foreach (var file in files)
            CheckPlace(file.Path);
        foreach (var (path, content) in files)
            state.Files[path] = new SimulatedFile { Content = content.ToArray(), Executable = IsExecutable(path) };
    }

    public void Delete(string path)
    {
        if (IsDirectory(HostPath.Check(path)))
            throw HostPath.Error(path, "Is a directory");
        state.Files.Remove(path);
    }

    public IReadOnlyList<HostFile> List(string directory)
    {
        var prefix = HostPath.Check(directory).TrimEnd('/') + "/";
        return
        [
            .. state.Files
                .Where(f => f.Key.StartsWith(prefix, StringComparison.Ordinal) && !f.Key.AsSpan(prefix.Length).Contains('/'))
                .Select(f => new HostFile(f.Key, f.Value.Content.Length, f.Value.Executable)),
        ];
    }

    private void CheckPlace(string path)
    {
        if (IsDirectory(HostPath.Check(path)))
            throw HostPath.Error(path, "Is a directory");
        for (var parent = HostPath.Parent(path); parent != "/"; parent = HostPath.Parent(parent))
        {
            if (state.Files.ContainsKey(parent))
                throw HostPath.Error(path, "Not a directory");
        }
    }

    private bool IsDirectory(string path)
    {
        var prefix = path.TrimEnd('/') + "/";
        return state.Files.Keys.Any(k => k.StartsWith(prefix, StringComparison.Ordinal));
    }
}

namespace Xlnet.Infrastructure.Hosts.Simulation;

/// <summary>A real folder that plays the root directory of a host: no path of that host leads out of it, also not by a symbolic link.</summary>
internal sealed class RootedFolder
{
    private readonly string _root;

    public RootedFolder(string root)
    {
        _root = Path.GetFullPath(root);
        if (!Directory.Exists(_root))
            throw new DirectoryNotFoundException($"{_root} is no folder.");
    }

    public byte[]? Read(string path) => Guard(path, real => File.Exists(real) ? File.ReadAllBytes(real) : null);

    public bool Exists(string path) => Guard(path, File.Exists);

    public bool IsExecutable(string path) => Guard(path, real => File.Exists(real) && (new FileInfo(real).UnixFileMode & UnixFileMode.UserExecute) != 0);

    public void MakeExecutable(string path) => Guard(path, real =>
    {
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(real, new FileInfo(real).UnixFileMode | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        return true;
    });

    public void Write(IReadOnlyList<FileContent> files) => AtomicFile.Replace(files, Resolve);

    public void Delete(string path) => Guard(path, real =>
    {
        if (File.Exists(real))
            File.Delete(real);
        return true;
    });

    public IReadOnlyList<HostFile> List(string directory) => AtomicFile.List(Resolve(directory), directory);

    private T Guard<T>(string path, Func<string, T> use)
    {
        var real = Resolve(path);
        if (Directory.Exists(real))
            throw HostPath.Error(path, "Is a directory");
        try
        {
            return use(real);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HostPath.Error(path, e.Message, e);
        }
    }

    private string Resolve(string path)
    {
        var real = _root + (HostPath.Check(path) == "/" ? "" : path);
        for (var part = real; part.Length > _root.Length; part = Path.GetDirectoryName(part)!)
        {
            if (new FileInfo(part).LinkTarget is not null)
                throw HostPath.Error(path, "A symbolic link, which could lead out of the host's folder");
        }

        return real;
    }
}

/// <summary>What was shipped stands in a folder; below it lies what the simulated host came with.</summary>
internal sealed class FolderFiles(RootedFolder folder, ISimulatedFiles below) : ISimulatedFiles
{
    public byte[]? Read(string path) => folder.Read(path) ?? below.Read(path);

    public bool IsExecutable(string path) => folder.Exists(path) ? folder.IsExecutable(path) : below.IsExecutable(path);

    public void MakeExecutable(string path)
    {
        if (folder.Exists(path))
            folder.MakeExecutable(path);
        else
            below.MakeExecutable(path);
    }

    public void Write(IReadOnlyList<FileContent> files) => folder.Write(files);

    public void Delete(string path)
    {
        folder.Delete(path);
        below.Delete(path);
    }

    public IReadOnlyList<HostFile> List(string directory) =>
    [
        .. folder.List(directory)
            .UnionBy(below.List(directory), file => file.Path, StringComparer.Ordinal)
            .OrderBy(file => file.Path, StringComparer.Ordinal),
    ];
}

namespace Xlnet.Infrastructure.Hosts;

/// <summary>Replaces files of this machine as a whole.</summary>
internal static class AtomicFile
{
    private const string Suffix = ".xlnet-tmp";

    /// <summary>0644: what a file gets that was not there.</summary>
    public const UnixFileMode NewMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <summary>
    /// Temporary files beside them, fsync, and only then the renames. The mode of a file that is there stays; a new one gets 0644. A
    /// rename is not on disk before its directory is, but .NET opens no directories to fsync them: after a power cut an old file may be
    /// back, whole.
    /// </summary>
    /// <param name="resolve">Where a file that the host calls so is on this machine.</param>
    /// <exception cref="HostShellException">One can't be written, and none was.</exception>
    public static void Replace(IReadOnlyList<FileContent> files, Func<string, string> resolve)
    {
        var ready = new List<(FileContent File, string Temporary, string Real)>();
        try
        {
            foreach (var file in files)
            {
                var real = resolve(file.Path);
                if (Directory.Exists(real))
                    throw HostPath.Error(file.Path, "Is a directory");
                var temporary = $"{real}.{Guid.NewGuid():N}{Suffix}";
                ready.Add((file, temporary, real));
                Try(file.Path, () => Prepare(real, temporary, file.Content.Span));
            }

            foreach (var (file, temporary, real) in ready)
                Try(file.Path, () => File.Move(temporary, real, overwrite: true));
        }
        catch
        {
            foreach (var (_, temporary, _) in ready.Where(r => File.Exists(r.Temporary)))
                File.Delete(temporary);
            throw;
        }
    }

    /// <summary>The plain files of a folder by name, without what writes that were cut short left.</summary>
    /// <param name="folder">Where it is on this machine.</param>
    /// <param name="shownAs">How the host calls it.</param>
    public static IReadOnlyList<HostFile> List(string folder, string shownAs)
    {
        if (!Directory.Exists(folder))
            return [];
        try
        {
            return
            [
                .. new DirectoryInfo(folder).EnumerateFiles()
                    .Where(file => !file.Name.EndsWith(Suffix, StringComparison.Ordinal) && file.Exists)
                    .Select(file => new HostFile(
                        shownAs.TrimEnd('/') + "/" + file.Name, file.Length, (file.UnixFileMode & UnixFileMode.UserExecute) != 0))
                    .OrderBy(file => file.Path, StringComparer.Ordinal),
            ];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HostPath.Error(shownAs, e.Message, e);
        }
    }

    private static void Prepare(string path, string temporary, ReadOnlySpan<byte> content)
    {
        Directory.CreateDirectory(HostPath.Parent(path));
        using (var file = File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, FileOptions.None, content.Length))
        {
            RandomAccess.Write(file, content, 0);
            RandomAccess.FlushToDisk(file);
        }

        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(temporary, File.Exists(path) ? new FileInfo(path).UnixFileMode : NewMode);
    }

    private static void Try(string path, Action change)
    {
        try
        {
            change();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw HostPath.Error(path, e.Message, e);
        }
    }
}

using Microsoft.Win32.SafeHandles;

namespace Xlnet.Infrastructure.Hosts;

/// <summary>Replaces a file of this machine as a whole.</summary>
internal static class AtomicFile
{
    private const string Suffix = ".xlnet-tmp";

    /// <summary>
    /// Temporary file beside it, fsync, rename. The mode of a file that is there stays; a new one gets 0644. A rename is not on disk
    /// before its directory is, but .NET opens no directories to fsync them: after a power cut the old file may be back, whole.
    /// </summary>
    public static void Replace(string path, ReadOnlySpan<byte> content)
    {
        var mode = File.Exists(path)
            ? new FileInfo(path).UnixFileMode
            : UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
        var temporary = $"{path}.{Guid.NewGuid():N}{Suffix}";
        try
        {
            using (var file = File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.None, FileOptions.None, content.Length))
                WriteAndFlush(file, content);
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(temporary, mode);
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
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

    private static void WriteAndFlush(SafeFileHandle file, ReadOnlySpan<byte> content)
    {
        RandomAccess.Write(file, content, 0);
        RandomAccess.FlushToDisk(file);
    }
}

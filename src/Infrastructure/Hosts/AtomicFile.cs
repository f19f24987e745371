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

    /// <summary>Whether a write that was cut short left this file.</summary>
    public static bool IsTemporary(string name) => name.EndsWith(Suffix, StringComparison.Ordinal);

    private static void WriteAndFlush(SafeFileHandle file, ReadOnlySpan<byte> content)
    {
        RandomAccess.Write(file, content, 0);
        RandomAccess.FlushToDisk(file);
    }
}

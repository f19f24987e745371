namespace Xlnet.Infrastructure.Hosts;

/// <summary>What every shell asks of a command.</summary>
internal static class HostCommand
{
    /// <exception cref="ArgumentException">There is no program, or a NUL, at which the operating system would cut an argument off.</exception>
    public static void Check(IReadOnlyList<string> argv)
    {
        ArgumentOutOfRangeException.ThrowIfZero(argv.Count);
        if (argv.Any(a => a.Contains('\0', StringComparison.Ordinal)))
            throw new ArgumentException("An argument of a command can't hold a NUL.", nameof(argv));
    }
}

/// <summary>What every shell asks of a path on a host.</summary>
internal static class HostPath
{
    /// <summary>Absolute, without <c>.</c>, <c>..</c>, empty parts and NUL: one spelling a file, and none that climbs.</summary>
    /// <returns>The path as it is.</returns>
    /// <exception cref="HostShellException">It is no such path.</exception>
    public static string Check(string path)
    {
        if (!path.StartsWith('/') || path.Contains('\0', StringComparison.Ordinal))
            throw Error(path, "Not an absolute path");
        if (path.Length > 1 && path[1..].Split('/').Any(part => part is "" or "." or ".."))
            throw Error(path, "Not a plain path: it holds an empty part, '.' or '..'");
        return path;
    }

    public static string Parent(string path) => path.LastIndexOf('/') is var slash and > 0 ? path[..slash] : "/";

    public static string Name(string path) => path[(path.LastIndexOf('/') + 1)..];

    /// <param name="reason">As the operating system words it, in English.</param>
    public static HostShellException Error(string path, string reason, Exception? inner = null) => new(
        inner is UnauthorizedAccessException ? HostShellError.PermissionDenied : ErrorOf(reason), $"{path}: {reason.TrimEnd('.')}.", inner)
    {
        Evidence = new Dictionary<string, object?> { ["path"] = path },
    };

    /// <summary>Which error it is that a program, or .NET, words so. Of a full disk, tar says no more than how much it wrote.</summary>
    public static HostShellError ErrorOf(string reason)
    {
        return Says("No space left on device") || Says("Wrote only ") || Says("disk was full") || Says("Disk quota exceeded") || Says("File too large") ? HostShellError.DiskFull
            : Says("Permission denied") || Says("Operation not permitted") || Says("Read-only file system") ? HostShellError.PermissionDenied
            : HostShellError.FileSystem;

        bool Says(string text) => reason.Contains(text, StringComparison.Ordinal);
    }
}

namespace Xlnet.Domain.Common;

/// <summary>The bytes of a file; null where there is none.</summary>
public static class FileContents
{
    public static bool Same(byte[]? one, byte[]? other) => one is null == other is null && one.AsSpan().SequenceEqual(other);
}

using Xlnet.Domain.Hosts;
using Xlnet.Domain.Xl;

namespace Xlnet.Domain.Planning;

/// <summary>Which guest a file is of. An adopted one need not be named after its guest.</summary>
internal static class GuestPaths
{
    /// <summary>The name in the file; the file's own where it has none that xl could read.</summary>
    public static string NameOf(string path, byte[] content) =>
        GuestFile.Parse(XlText.FromBytes(content)).Name is { Length: > 0 } name ? name : Path.GetFileNameWithoutExtension(path);

    /// <summary>The files that are not where xlnet would put them, by their guests.</summary>
    public static IReadOnlyDictionary<string, string> Odd(DesiredState desired, HostObservation observed)
    {
        var paths = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var path in desired.WrittenFiles.Order(StringComparer.Ordinal))
        {
            if (observed.Files.GetValueOrDefault(path) is { } content)
                Add(NameOf(path, content), path);
        }

        foreach (var guest in desired.Guests)
        {
            paths.Remove(guest.Name);
            Add(guest.Name, guest.Path);
        }

        return paths;

        void Add(string name, string path)
        {
            if (Host.GuestConfigPath(name) != path)
                paths[name] = path;
        }
    }
}

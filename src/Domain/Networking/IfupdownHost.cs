using System.IO.Enumeration;

namespace Xlnet.Domain.Networking;

/// <summary>A host's interfaces file with those that it sources, as one.</summary>
internal sealed class IfupdownHost
{
    private IfupdownHost(IReadOnlyList<(string Path, InterfacesFile File)> files) => Files = files;

    /// <summary>The interfaces file first, then those that it sources.</summary>
    public IReadOnlyList<(string Path, InterfacesFile File)> Files { get; }

    /// <summary>The interfaces that there are stanzas of, in their order, without lo.</summary>
    public IReadOnlyList<string> Names => [.. Files.SelectMany(f => f.File.Stanzas).Select(s => s.Name).Where(n => n != "lo").Distinct()];

    public static IfupdownHost Of(IReadOnlyDictionary<string, byte[]?> files)
    {
        var main = InterfacesFile.Parse(files.GetValueOrDefault(NetworkFiles.Interfaces) ?? []);
        var sourced = files.Where(f => f.Value is not null && f.Key.StartsWith(NetworkFiles.InterfacesFolder, StringComparison.Ordinal) && main.Sources.Any(s => Matches(s, f.Key)));
        return new IfupdownHost([(NetworkFiles.Interfaces, main), .. sourced.OrderBy(f => f.Key, StringComparer.Ordinal).Select(f => (f.Key, InterfacesFile.Parse(f.Value)))]);
    }

    public IReadOnlyList<InterfaceStanza> Of(string name) => [.. Files.SelectMany(f => f.File.Of(name))];

    public InterfaceFacts? Facts(string name) => InterfaceFacts.Of(Of(name));

    public bool IsBroughtUp(string name) => Files.Any(f => f.File.IsBroughtUp(name));

    public bool IsIn(string list, string name) => Files.Any(f => f.File.Lists.Any(l => l.Keyword == list && l.Names.Contains(name)));

    /// <summary>The bridges that have the interface as a port.</summary>
    public IReadOnlyList<string> BridgesOver(string port) =>
        [.. Names.Where(n => Facts(n) is { } facts && (facts.BridgePorts?.Contains(port) == true || facts.OvsPorts.Contains(port) || Facts(port)?.OvsBridge == n))];

    public IfupdownHost Edit(Func<string, InterfacesFile, InterfacesFile> edit) => new([.. Files.Select(f => (f.Path, edit(f.Path, f.File)))]);

    /// <summary>source takes a pattern of the shell's, source-directory a folder whose files have names of letters, digits, _ and -.</summary>
    private static bool Matches(string source, string path)
    {
        var pattern = source.StartsWith('/') ? source : "/etc/network/" + source;
        if (pattern.TrimEnd('/') + "/" == NetworkFiles.InterfacesFolder)
            return path[NetworkFiles.InterfacesFolder.Length..].All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-');
        return InterfaceFacts.Words(pattern).Any(p => p.StartsWith(NetworkFiles.InterfacesFolder, StringComparison.Ordinal)
            && FileSystemName.MatchesSimpleExpression(p.AsSpan(NetworkFiles.InterfacesFolder.Length), path.AsSpan(NetworkFiles.InterfacesFolder.Length), ignoreCase: false));
    }
}

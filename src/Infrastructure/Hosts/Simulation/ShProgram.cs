using System.Globalization;
using System.Text;

namespace Xlnet.Infrastructure.Hosts.Simulation;

/// <summary>
/// <c>sh SCRIPT</c> for the scripts that xlnet writes itself (<see cref="DeadMan.DeadManScript"/>): one call of a known function a line,
/// with every word quoted. What is not such a line, as the functions' own text, is passed over.
/// </summary>
internal static class ShProgram
{
    public static Answer Run(SimulatedDom0 dom0, IReadOnlyList<string> args)
    {
        if (args is not [var script] || dom0.Files.Read(script) is not { } content)
            return Answer.Fail(2, $"sh: 0: cannot open {(args.Count > 0 ? args[0] : "")}: No such file\n");
        var folder = script[..script.LastIndexOf('/')];
        foreach (var line in Encoding.UTF8.GetString(content).Split('\n'))
            Call(dom0, folder, Words(line));
        return Answer.Nothing;
    }

    private static void Call(SimulatedDom0 dom0, string folder, List<string> words)
    {
        switch (words)
        {
            case ["note", var name]:
                dom0.Files.Write([new FileContent($"{folder}/{name}", Encoding.UTF8.GetBytes(dom0.Now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'\n", CultureInfo.InvariantCulture)))]);
                break;
            case ["try", .. var command]:
                dom0.Dispatch(command);
                break;
            case ["ovs_port", var bridge, var port, .. var rest]:
                if (dom0.Dispatch(["ovs-vsctl", "--may-exist", "add-port", bridge, port, .. rest]).ExitStatus != 0)
                    dom0.Dispatch(["ovs-vsctl", "--", "--if-exists", "del-port", port, "--", "add-port", bridge, port, .. rest]);
                break;
            case ["putback", var path, var before, var after] when IsSame(dom0, path, $"{folder}/{after}"):
            case ["comeback", var path2, _] when dom0.Files.Read(path2) is null:
                dom0.Files.Write([new FileContent(words[1], dom0.Files.Read($"{folder}/{words[2]}")!)]);
                break;
            case ["takeaway", var path, var after] when IsSame(dom0, path, $"{folder}/{after}"):
                dom0.Files.Delete(path);
                break;
        }
    }

    private static bool IsSame(SimulatedDom0 dom0, string left, string right) =>
        dom0.Files.Read(left) is { } l && dom0.Files.Read(right) is { } r && l.AsSpan().SequenceEqual(r);

    /// <summary>The first word bare, the others in single quotes.</summary>
    private static List<string> Words(string line)
    {
        List<string> words = [];
        var word = new StringBuilder();
        var quoted = false;
        for (var i = 0; i <= line.Length; i++)
        {
            if (i == line.Length || line[i] == ' ' && !quoted)
            {
                words.Add(word.ToString());
                word.Clear();
            }
            else if (line[i] == '\\' && !quoted && i + 1 < line.Length)
                word.Append(line[++i]);
            else if (line[i] == '\'')
                quoted = !quoted;
            else
                word.Append(line[i]);
        }

        return words;
    }
}

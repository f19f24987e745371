using System.Globalization;
using System.Text;

namespace Xlnet.Infrastructure.Hosts.Simulation;

/// <summary>
/// <c>sh SCRIPT</c> for the scripts that xlnet writes itself (<see cref="DeadMan.DeadManScript"/>,
/// <see cref="Domain.Networking.SwitchScript"/>): one call of a known function a line, with every word quoted, and conditions of such.
/// What is not such a line, as the functions' own text, is passed over.
/// </summary>
internal sealed class ShProgram
{
    private readonly SimulatedDom0 _dom0;
    private readonly string _folder;
    private bool _failed;

    private ShProgram(SimulatedDom0 dom0, string folder) => (_dom0, _folder) = (dom0, folder);

    public static Answer Run(SimulatedDom0 dom0, IReadOnlyList<string> args)
    {
        if (args is not [var script] || dom0.Files.Read(script) is not { } content)
            return Answer.Fail(2, $"sh: 0: cannot open {(args.Count > 0 ? args[0] : "")}: No such file\n");
        new ShProgram(dom0, script[..script.LastIndexOf('/')]).Run(Encoding.UTF8.GetString(content).Split('\n'));
        return Answer.Nothing;
    }

    private void Run(IEnumerable<string> lines)
    {
        var skipping = false;
        foreach (var line in lines)
        {
            if (line == "fi")
                skipping = false;
            else if (line.StartsWith("if ", StringComparison.Ordinal) && line.EndsWith("; then", StringComparison.Ordinal))
                skipping = !line[3..^6].Split(" || ").Any(c => Holds(Words(c)));
            else if (!skipping)
                Call(Words(line.TrimStart()));
        }
    }

    private bool Holds(List<string> words) => words switch
    {
        ["pending", var path, var file] => !IsSame(path, Beside(file)),
        ["[", "-e", var path, "]"] => _dom0.Files.Read(path) is not null,
        _ => false,
    };

    private void Call(List<string> words)
    {
        var state = _dom0.State;
        switch (words)
        {
            case ["[", "-z", "$failed", "]", "||", "note", _] when _failed:
            case ["note", _]:
                Write(Beside(words[^1]), _dom0.Now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'\n", CultureInfo.InvariantCulture));
                break;
            case ["try", .. var command]:
                Try(command);
                break;
            case ["ovs_port", var bridge, var port, .. var rest]:
                if (_dom0.Dispatch(["ovs-vsctl", "--may-exist", "add-port", bridge, port, .. rest]).ExitStatus != 0)
                    _dom0.Dispatch(["ovs-vsctl", "--", "--if-exists", "del-port", port, "--", "add-port", bridge, port, .. rest]);
                break;
            case ["putback", var path, var before, var after] when IsSame(path, Beside(after)):
            case ["comeback", var path2, _] when _dom0.Files.Read(path2) is null:
                Copy(Beside(words[2]), words[1]);
                break;
            case ["takeaway", var path, var after] when IsSame(path, Beside(after)):
                _dom0.Files.Delete(path);
                break;

            case ["put", var path, var file]:
                Copy(Beside(file), path);
                break;
            case ["away", var path]:
                _dom0.Files.Delete(path);
                break;
            case ["down", var name]:
                _dom0.Dispatch(["ifdown", "--force", name]);
                break;
            case ["up", var name] when !(state.BroughtUp.Contains(name) && state.FindInterface(name) is not null):
                Try(["ifup", name]);
                break;
            case ["gone", var bridge] when state.FindInterface(bridge)?.Kind == "bridge":
                Try(["ip", "link", "delete", "dev", bridge, "type", "bridge"]);
                break;
            case ["gone_ovs", var bridge] when state.Ovs is not null:
                Try(["ovs-vsctl", "--if-exists", "del-br", bridge]);
                break;
            case ["remember", var bridge, var file, .. var known] when _dom0.Files.Read(Beside(file)) is null && state.FindInterface(bridge) is not null:
                Write(Beside(file), string.Concat(PortsOf(bridge).Except(known).Select(p => p + "\n")));
                break;
            case ["replug", var plug, var bridge, var file] when _dom0.Files.Read(Beside(file)) is { } names:
                foreach (var name in Encoding.UTF8.GetString(names).Split('\n', StringSplitOptions.RemoveEmptyEntries))
                    Call([plug, bridge, name]);
                break;
            case ["plug", var bridge, var port] when state.FindInterface(port) is not null:
                Try(["ip", "link", "set", "dev", port, "master", bridge]);
                break;
            case ["plug_ovs", var bridge, var port, .. var rest] when state.FindInterface(port) is not null:
                Try(["ovs-vsctl", "--may-exist", "add-port", bridge, port, .. rest]);
                break;
            case ["unset_sysctl", _, var key]:
                state.Sysctls[key] = "0";
                break;
            case ["stop", var unit] when state.Units.Contains(unit):
                Try(["systemctl", "disable", "--now", unit]);
                break;
        }
    }

    private void Try(IReadOnlyList<string> command)
    {
        var answer = _dom0.Dispatch(command);
        _failed |= answer.ExitStatus != 0;
        var log = Encoding.UTF8.GetString(_dom0.Files.Read(Beside("log")) ?? []);
        Write(Beside("log"), log + (answer.ExitStatus == 0
            ? $"done: {string.Join(' ', command)}\n"
            : $"{answer.Stderr}status {answer.ExitStatus.ToString(CultureInfo.InvariantCulture)}: {string.Join(' ', command)}\n"));
    }

    private IEnumerable<string> PortsOf(string bridge) =>
        _dom0.State.Ovs?.FindBridge(bridge)?.Ports.Skip(1).Select(p => p.Name) ?? _dom0.State.Interfaces.Where(i => i.Master == bridge).Select(i => i.Name);

    private string Beside(string name) => $"{_folder}/{name}";

    private void Write(string path, string text) => _dom0.Files.Write([new FileContent(path, Encoding.UTF8.GetBytes(text))]);

    private void Copy(string from, string to) => _dom0.Files.Write([new FileContent(to, _dom0.Files.Read(from)!)]);

    private bool IsSame(string left, string right) =>
        _dom0.Files.Read(left) is { } l && _dom0.Files.Read(right) is { } r && l.AsSpan().SequenceEqual(r);

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
            else if (line[i] != '"' || quoted)
                word.Append(line[i]);
        }

        return words;
    }
}

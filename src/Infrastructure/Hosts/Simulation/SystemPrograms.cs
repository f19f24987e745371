using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Xlnet.Domain.Networking;

namespace Xlnet.Infrastructure.Hosts.Simulation;

/// <summary>The small programs, as far as a driver needs them.</summary>
internal static class SystemPrograms
{
    public static Answer Cat(SimulatedDom0 dom0, IReadOnlyList<string> args)
    {
        var text = new StringBuilder();
        foreach (var path in args)
        {
            if (dom0.Files.Read(path) is not { } content)
                return new Answer(1, text.ToString(), $"cat: {path}: No such file or directory\n");
            text.Append(Encoding.UTF8.GetString(content));
        }

        return Answer.Print(text.ToString());
    }

    /// <summary><c>tail -n COUNT PATH</c>.</summary>
    public static Answer Tail(SimulatedDom0 dom0, IReadOnlyList<string> args)
    {
        if (args is not ["-n", var count, var path] || !int.TryParse(count, NumberStyles.None, CultureInfo.InvariantCulture, out var lines))
            return Answer.Fail(1, "tail: invalid option\nTry 'tail --help' for more information.\n");
        return dom0.Files.Read(path) is { } content
            ? Answer.Print(LastLines(Encoding.UTF8.GetString(content), lines))
            : Answer.Fail(1, $"tail: cannot open '{path}' for reading: No such file or directory\n");
    }

    /// <summary><c>journalctl -n COUNT …</c>: whatever else is asked, the lines of the hotplug scripts.</summary>
    public static Answer Journalctl(SimulatedDom0 dom0, IReadOnlyList<string> args)
    {
        var at = args.ToList().IndexOf("-n");
        var count = at >= 0 && at + 1 < args.Count && int.TryParse(args[at + 1], NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : 10;
        return Answer.Print(string.Concat(dom0.State.Journal.TakeLast(count).Select(line => line + "\n")));
    }

    /// <summary><c>sha256sum -- PATH…</c>: a line for each file that is there; exit status 1 when one is not.</summary>
    public static Answer Sha256Sum(SimulatedDom0 dom0, IReadOnlyList<string> args)
    {
        var (sums, errors) = (new StringBuilder(), new StringBuilder());
        foreach (var path in args.Where(a => a != "--"))
        {
            if (dom0.Files.Read(path) is { } content)
                sums.Append(CultureInfo.InvariantCulture, $"{Convert.ToHexStringLower(SHA256.HashData(content))}  {path}\n");
            else
                errors.Append(CultureInfo.InvariantCulture, $"sha256sum: {path}: No such file or directory\n");
        }

        return new Answer(errors.Length > 0 ? 1 : 0, sums.ToString(), errors.ToString());
    }

    /// <summary><c>iptables -S FORWARD</c> and <c>iptables -P FORWARD POLICY</c>, as iptables-nft 1.8.9 answers: there are no rules here.</summary>
    public static Answer Iptables(SimulatedDom0 dom0, IReadOnlyList<string> args)
    {
        switch (args)
        {
            case ["-S", "FORWARD"]:
                return Answer.Print($"-P FORWARD {dom0.State.ForwardPolicy}\n");
            case ["-P", "FORWARD", "ACCEPT" or "DROP"]:
                dom0.State.ForwardPolicy = args[2];
                return Answer.Nothing;
            default:
                return Answer.Fail(2, "iptables: the simulation has -S FORWARD and -P FORWARD only.\n");
        }
    }

    /// <summary><c>nft -j list chains</c> and <c>nft list chain bridge TABLE CHAIN</c> of nftables 1.0.6; the chain of iptables-nft is there once a policy was set.</summary>
    public static Answer Nft(SimulatedDom0 dom0, IReadOnlyList<string> args)
    {
        if (args is ["list", "chain", "bridge", LockingFiles.Table, var chain])
        {
            return dom0.State.Units.Contains(LockingFiles.Unit) && dom0.Files.Read(LockingFiles.Rules) is { } rules && LockingFiles.ChainOf(rules) == chain
                ? Answer.Print($"table bridge {LockingFiles.Table} {{\n\tchain {chain} {{\n\t}}\n}}\n")
                : Answer.Fail(1, "Error: No such file or directory\n");
        }

        if (args is not ["-j", "list", "chains"])
            return Answer.Fail(1, "Error: syntax error\n");
        const string Info = """{"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}}""";
        const string Chain = """, {"chain": {"family": "ip", "table": "filter", "name": "FORWARD", "handle": 1, "type": "filter", "hook": "forward", "prio": 0, "policy": "drop"}}""";
        return Answer.Print($$"""{"nftables": [{{Info}}{{(dom0.State.ForwardPolicy == "DROP" ? Chain : "")}}]}""" + "\n");
    }

    /// <summary><c>chmod 755 PATH</c>.</summary>
    public static Answer Chmod(SimulatedDom0 dom0, IReadOnlyList<string> args)
    {
        if (args is not ["755", var path])
            return Answer.Fail(1, "chmod: invalid mode\nTry 'chmod --help' for more information.\n");
        if (dom0.Files.Read(path) is null)
            return Answer.Fail(1, $"chmod: cannot access '{path}': No such file or directory\n");
        dom0.Files.MakeExecutable(path);
        return Answer.Nothing;
    }

    /// <summary>xlnet's own script, as far as it is no hotplug script: <c>check</c>.</summary>
    public static Answer Locking(SimulatedDom0 dom0, IReadOnlyList<string> args) =>
        !dom0.Files.IsExecutable(LockingFlows.ScriptPath) ? Answer.Fail(CommandResult.NotFound, $"{LockingFlows.ScriptPath}: command not found\n")
        : args is ["check"] && dom0.State.Units.Contains(LockingFlows.Unit) && dom0.Files.Read(LockingFlows.Path) is not null ? Answer.Nothing
        : new Answer(1);

    /// <summary><c>sysctl -n KEY</c>, <c>sysctl -e KEY…</c>, <c>sysctl -w KEY=VALUE</c> and <c>sysctl -q -p FILE</c>.</summary>
    public static Answer Sysctl(SimulatedDom0 dom0, IReadOnlyList<string> args)
    {
        var sysctls = dom0.State.Sysctls;
        switch (args.ToArray())
        {
            case ["-n", var key]:
                return sysctls.TryGetValue(key, out var value) ? Answer.Print(value + "\n") : Unknown(key);
            case ["-e", .. var keys]:
                return Answer.Print(string.Concat(keys.Where(sysctls.ContainsKey).Select(k => $"{k} = {sysctls[k]}\n")));
            case ["-q", "-p", var path] when dom0.Files.Read(path) is { } file:
                foreach (var line in Encoding.UTF8.GetString(file).Split('\n').Where(l => !l.StartsWith('#')).Select(l => l.Split(" = ")).Where(l => l.Length == 2))
                    sysctls[line[0]] = line[1];
                return Answer.Nothing;
            case ["-w", var assignment] when assignment.Split('=', 2) is { Length: 2 } parts:
                if (!sysctls.ContainsKey(parts[0]))
                    return Unknown(parts[0]);
                sysctls[parts[0]] = parts[1];
                return Answer.Print($"{parts[0]} = {parts[1]}\n");
            default:
                return Answer.Fail(1, "sysctl: invalid option\n");
        }

        static Answer Unknown(string key) =>
            Answer.Fail(255, $"sysctl: cannot stat /proc/sys/{key.Replace('.', '/')}: No such file or directory\n");
    }

    /// <summary><c>rm -rf FOLDER</c>.</summary>
    public static Answer Rm(SimulatedDom0 dom0, IReadOnlyList<string> args)
    {
        if (args is not ["-rf", var folder])
            return Answer.Fail(1, "rm: invalid option\nTry 'rm --help' for more information.\n");
        foreach (var path in dom0.State.Files.Keys.Where(p => p.StartsWith(folder + "/", StringComparison.Ordinal)).Concat(dom0.Files.List(folder).Select(f => f.Path)).Distinct().ToList())
            dom0.Files.Delete(path);
        return Answer.Nothing;
    }

    /// <summary><c>systemctl stop UNIT.timer</c>, <c>is-active UNIT.timer</c>, <c>show --property=Version</c>, and of units that have a file in
    /// /etc/systemd/system: <c>enable</c>, <c>disable --now</c>, <c>restart</c>, <c>reload-or-restart</c>, <c>daemon-reload</c>.</summary>
    public static Answer Systemctl(SimulatedDom0 dom0, IReadOnlyList<string> args)
    {
        if (args is ["show", "--property=Version"])
            return Answer.Print("Version=252.38-1~deb12u1\n");
        if (args is ["daemon-reload"])
            return Answer.Nothing;
        if (args is ["disable", "--now", var gone])
        {
            dom0.State.Units.Remove(gone);
            return Answer.Nothing;
        }

        if (args is ["enable" or "restart" or "reload-or-restart", var started])
        {
            if (dom0.Files.Read("/etc/systemd/system/" + started) is null)
                return Answer.Fail(5, $"Failed to start {started}: Unit {started} not found.\n");
            dom0.State.Units.Add(started);
            return Answer.Nothing;
        }

        if (args is not [var verb and ("stop" or "is-active"), var unit])
            return Answer.Fail(1, $"Unknown command verb '{(args.Count > 0 ? args[0] : "")}'.\n");

        var timer = dom0.State.Timers.Find(t => t.Unit + ".timer" == unit);
        if (verb == "is-active")
            return timer is null ? new Answer(3, "inactive\n") : Answer.Print("active\n");
        if (timer is null)
            return Answer.Fail(5, $"Failed to stop {unit}: Unit {unit} not loaded.\n");
        dom0.State.Timers.Remove(timer);
        return Answer.Nothing;
    }

    /// <summary><c>systemd-run --on-active=SECONDS --unit=NAME COMMAND…</c>, and its version.</summary>
    public static Answer SystemdRun(SimulatedDom0 dom0, IReadOnlyList<string> args)
    {
        if (args is ["--version"])
            return Answer.Print("systemd 252 (252.38-1~deb12u1)\n");
        string? unit = null;
        double? seconds = null;
        var rest = args.SkipWhile(Option).ToList();
        if (unit is null || seconds is null || rest.Count == 0)
            return Answer.Fail(1, "Command line to execute required.\n");
        if (dom0.State.Timers.Exists(t => t.Unit == unit))
            return Answer.Fail(1, $"Failed to start transient timer unit: Unit {unit}.timer was already loaded or has a fragment file.\n");
        dom0.State.Timers.Add(new SimulatedTimer { Unit = unit, At = dom0.Now.AddSeconds(seconds.Value), Command = rest });
        return Answer.Fail(0, $"Running timer as unit: {unit}.timer\nWill run service as unit: {unit}.service\n");

        bool Option(string arg)
        {
            if (arg.StartsWith("--unit=", StringComparison.Ordinal))
                unit = arg["--unit=".Length..];
            else if (arg.StartsWith("--on-active=", StringComparison.Ordinal))
                seconds = double.TryParse(arg["--on-active=".Length..].TrimEnd('s'), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var s) ? s : null;
            return arg.StartsWith('-');
        }
    }

    public static Answer XenstoreRead(SimulatedDom0 dom0, IReadOnlyList<string> args) => args switch
    {
        [var path] when dom0.State.Xenstore.TryGetValue(path, out var value) => Answer.Print(value + "\n"),
        [var path] => Answer.Fail(1, $"xenstore-read: couldn't read path {path}\n"),
        _ => Answer.Fail(1, "Usage: xenstore-read [-h] [-p] [-s] [-R] key [...]\n"),
    };

    /// <summary><c>printf FORMAT ARG…</c> for formats of <c>%s</c>, <c>\n</c> and plain text: shows which arguments arrived.</summary>
    public static Answer Printf(SimulatedDom0 dom0, IReadOnlyList<string> args)
    {
        if (args.Count == 0)
            return Answer.Fail(2, "printf: missing operand\nTry 'printf --help' for more information.\n");
        var format = args[0].Replace("\\n", "\n", StringComparison.Ordinal);
        if (!format.Contains("%s", StringComparison.Ordinal))
            return Answer.Print(format);
        var rest = args.Count == 1 ? [""] : args.Skip(1);
        return Answer.Print(string.Concat(rest.Select(arg => format.Replace("%s", arg, StringComparison.Ordinal))));
    }

    internal static string LastLines(string text, int count)
    {
        if (count == 0)
            return "";
        var at = text.EndsWith('\n') ? text.Length - 1 : text.Length;
        while (count > 0 && at > 0)
        {
            at = text.LastIndexOf('\n', at - 1);
            count--;
            if (at < 0)
                return text;
        }

        return at <= 0 && count > 0 ? text : text[(at + 1)..];
    }
}

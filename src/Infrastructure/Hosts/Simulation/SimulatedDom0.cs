using System.Collections.Frozen;
using System.Text;
using Xlnet.Domain.Networking;

namespace Xlnet.Infrastructure.Hosts.Simulation;

/// <summary>What a command of the simulation answers.</summary>
internal sealed record Answer(int ExitStatus, string Stdout = "", string Stderr = "")
{
    public static readonly Answer Nothing = new(0);

    public static Answer Print(string stdout) => new(0, stdout);

    public static Answer Fail(int exitStatus, string stderr) => new(exitStatus, "", stderr);
}

/// <summary>A program that the simulated Dom0 has: what it answers, and what it changes.</summary>
/// <param name="args">Without the program's own name.</param>
internal delegate Answer SimulatedProgram(SimulatedDom0 dom0, IReadOnlyList<string> args);

/// <summary>One command on a simulated Dom0: finds the program, and lets what was under way go on by one command first.</summary>
internal sealed class SimulatedDom0(SimulatedDom0State state, ISimulatedFiles files, DateTimeOffset now)
{
    private static readonly FrozenDictionary<string, SimulatedProgram> Programs = new Dictionary<string, SimulatedProgram>
    {
        ["xl"] = XlProgram.Run,
        ["ip"] = IpProgram.Run,
        ["bridge"] = BridgeProgram.Run,
        ["ovs-vsctl"] = OvsProgram.Run,
        ["sh"] = ShProgram.Run,
        ["ifup"] = IfupdownProgram.Ifup,
        ["ifdown"] = IfupdownProgram.Ifdown,
        ["ifquery"] = IfupdownProgram.Ifquery,
        ["chmod"] = SystemPrograms.Chmod,
        [LockingFlows.ScriptName] = SystemPrograms.Locking,
        ["rm"] = SystemPrograms.Rm,
        ["cat"] = SystemPrograms.Cat,
        ["tail"] = SystemPrograms.Tail,
        ["journalctl"] = SystemPrograms.Journalctl,
        ["sysctl"] = SystemPrograms.Sysctl,
        ["sha256sum"] = SystemPrograms.Sha256Sum,
        ["iptables"] = SystemPrograms.Iptables,
        ["nft"] = SystemPrograms.Nft,
        ["systemctl"] = SystemPrograms.Systemctl,
        ["systemd-run"] = SystemPrograms.SystemdRun,
        ["xenstore-read"] = SystemPrograms.XenstoreRead,
        ["printf"] = SystemPrograms.Printf,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    public SimulatedDom0State State { get; } = state;

    public ISimulatedFiles Files { get; } = files;

    public DateTimeOffset Now { get; } = now;

    public Answer Run(IReadOnlyList<string> argv)
    {
        foreach (var domain in State.Domains.ToArray())
            GoOn(domain);
        return Dispatch(argv);
    }

    /// <summary>Lets every guest's driver connect, as some seconds do on a real host.</summary>
    internal static void ConnectGuests(SimulatedDom0State state)
    {
        foreach (var domain in state.Domains)
            Connect(state, domain);
    }

    internal Answer Dispatch(IReadOnlyList<string> argv)
    {
        var name = argv[0][(argv[0].LastIndexOf('/') + 1)..];
        if (!Programs.TryGetValue(name, out var program) || name == "ovs-vsctl" && State.Ovs is null || name is "iptables" or "nft" && State.ForwardPolicy is null)
            return Answer.Fail(CommandResult.NotFound, $"{argv[0]}: command not found\n");
        return program(this, [.. argv.Skip(1)]);
    }

    /// <summary>Does what is due by now.</summary>
    public void FireTimers()
    {
        foreach (var timer in State.Timers.Where(t => t.At <= Now).OrderBy(t => t.At).ToArray())
        {
            State.Timers.Remove(timer);
            Dispatch(timer.Command);
        }
    }

    private void GoOn(SimulatedDomain domain)
    {
        if (domain.ShuttingDown)
        {
            Libxl.Destroy(this, domain, new StringBuilder());
            return;
        }

        if (domain.Rebooting)
        {
            Libxl.Reboot(this, domain);
            return;
        }

        if (domain.Paused || domain.CommandsUntilConnected < 0)
            return;
        if (domain.CommandsUntilConnected-- == 0)
            Connect(State, domain);
    }

    private static void Connect(SimulatedDom0State state, SimulatedDomain domain)
    {
        domain.CommandsUntilConnected = -1;
        foreach (var vif in domain.Vifs)
        {
            vif.State = 4;
            if (state.FindInterface(vif.InterfaceName) is { Up: true } port)
                port.Carrier = true;
        }
    }
}

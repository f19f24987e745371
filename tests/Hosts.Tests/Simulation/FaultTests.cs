using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Vifs;
using Xlnet.Hosts.Tests.Contract;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Hosts.Tests.Simulation;

/// <summary>What goes wrong on purpose: a simulated host can be told to fail, and the driver says what happened.</summary>
public sealed class FaultTests
{
    private readonly InMemoryStateStore _store = new();
    private readonly InstantTime _time = new();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("xl", "info")]
    [InlineData("xl", "list", "-l")]
    [InlineData("xl", "list")]
    [InlineData("xl", "network-list")]
    [InlineData("ip")]
    [InlineData("ovs-vsctl")]
    public async Task Observe_AnswerThatIsNoAnswer_ShowsTheCommandAndAnExcerpt(params string[] argv)
    {
        await StartAsync("web1");
        await FaultAsync(new SimulatedFault { Argv = [.. argv], Kind = SimulatedFaultKind.Garble, Stdout = "Segmentation fault\n" });
        var e = await Assert.ThrowsAsync<HostAnswerException>(() => Driver().ObserveAsync([], Ct));
        Assert.Equal(argv, e.Command!.Argv.Take(argv.Length));
        Assert.Contains(string.Join(' ', argv), e.Message, StringComparison.Ordinal);
        Assert.Contains("Segmentation fault", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"data":[["br0",["uuid","1"]]],"headings":[]}""" + "\n" + """{"data":[],"headings":[]}""" + "\n", "ovs-vsctl")]
    [InlineData("[{\"ifindex\":\"two\"}]", "ip")]
    [InlineData("[1]", "xl", "list", "-l")]
    [InlineData("""[{"domid":1,"config":{"nics":[1]}}]""", "xl", "list", "-l")]
    [InlineData("null", "xl", "list", "-l")]
    [InlineData("Name  ID\nweb1 is here\n", "xl", "list")]
    [InlineData("Idx BE\n0 0 no-mac\n", "xl", "network-list")]
    [InlineData("xen_version            : four\n", "xl", "info")]
    public async Task Observe_AnswerOfAnotherShape_IsNotUnderstood(string stdout, params string[] argv)
    {
        await StartAsync("web1");
        await FaultAsync(new SimulatedFault { Argv = [.. argv], Kind = SimulatedFaultKind.Garble, Stdout = stdout });
        await Assert.ThrowsAsync<HostAnswerException>(() => Driver().ObserveAsync([], Ct));
    }

    [Fact]
    public async Task Observe_CommandThatFails_ShowsItsStatusAndError()
    {
        await FaultAsync(new SimulatedFault { Argv = ["xl", "info"], ExitStatus = 1, Stderr = "cannot init xl context\n" });
        var e = await Assert.ThrowsAsync<HostAnswerException>(() => Driver().ObserveAsync([], Ct));
        Assert.Equal("'xl info' exited with status 1: cannot init xl context", e.Message);
    }

    [Fact]
    public async Task Observe_HostWithoutXl_SaysSo()
    {
        await FaultAsync(new SimulatedFault { Argv = ["xl"], ExitStatus = 127, Stderr = "xl: command not found\n", Repeats = true });
        var e = await Assert.ThrowsAsync<HostAnswerException>(() => Driver().ObserveAsync([], Ct));
        Assert.Contains("command not found", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false, "")]
    [InlineData(true, "ovs-vsctl: unix:/var/run/openvswitch/db.sock: database connection failed (No such file or directory)\n")]
    public async Task Observe_OpenVSwitchMissingOrStopped_SeesTheLinuxBridges(bool installed, string stderr)
    {
        if (installed)
            await FaultAsync(new SimulatedFault { Argv = ["ovs-vsctl"], ExitStatus = 1, Stderr = stderr });
        else
            await _store.UpdateAsync(state => state.Ovs = null, Ct);
        Assert.Equal(["xenbr0"], (await Driver().ObserveAsync([], Ct)).Bridges.Select(b => b.Name));
    }

    [Fact]
    public async Task Observe_RightAfterCreate_IsNotConnectedAndThenItIs()
    {
        await StartAsync("web1");
        var first = (await Driver().ObserveAsync([], Ct)).FindDomain("web1")!.FindVif(0)!;
        var second = (await Driver().ObserveAsync([], Ct)).FindDomain("web1")!.FindVif(0)!;
        Assert.Equal((XenbusState.Initialising, XenbusState.Connected), (first.State, second.State));
    }

    [Fact]
    public async Task Observe_FiveHundredGuests_TakesAFewCommands()
    {
        await _store.UpdateAsync(
            state =>
            {
                for (var domid = 1; domid <= 500; domid++)
                {
                    var vif = new SimulatedVif { Mac = $"00:16:3e:00:{domid >> 8:x2}:{domid & 0xff:x2}", State = 4, InterfaceName = $"vif{domid}.0" };
                    state.Domains.Add(new SimulatedDomain { Domid = domid, Name = $"a-guest-with-quite-a-long-name-such-as-labs-like-{domid}", CommandsUntilConnected = -1, Vifs = [vif] });
                    state.Interfaces.Add(new SimulatedInterface { Index = domid + 10, Name = vif.InterfaceName, Mac = "fe:ff:ff:ff:ff:ff", Up = true, Carrier = true, Master = "xenbr0", Vif = $"{domid}-0" });
                }

                return true;
            },
            Ct);
        var counting = new CountingShell(Shell());
        await using var driver = new XlHostDriver(counting, _time, NullLogger<XlHostDriver>.Instance);
        var seen = await driver.ObserveAsync([], Ct);
        Assert.Equal(500, seen.Domains.Count);
        Assert.All(seen.Domains, d => Assert.Equal("xenbr0", d.Vifs.Single().Bridge));
        Assert.Equal(SimulatedDom0State.DefaultCommandsUntilConnected, counting.Commands);
    }

    [Fact]
    public async Task Apply_CommandThatHangs_EndsAtItsLimitAndNotSooner()
    {
        await StartAsync("web1");
        await FaultAsync(new SimulatedFault { Argv = ["xl", "network-attach"], Kind = SimulatedFaultKind.Hang });
        var before = _time.GetUtcNow();
        var e = await Assert.ThrowsAsync<HostShellException>(() => Driver().ApplyAsync(Attach(), Ct));
        Assert.Equal((HostShellError.TimedOut, TimeSpan.FromSeconds(90)), (e.Error, _time.GetUtcNow() - before));
    }

    [Theory]
    [InlineData(SimulatedFaultKind.CutBefore, false)]
    [InlineData(SimulatedFaultKind.CutAfter, true)]
    public async Task Apply_ConnectionCut_CanBeDoneAgain(SimulatedFaultKind cut, bool wasDone)
    {
        await StartAsync("web1");
        await FaultAsync(new SimulatedFault { Argv = ["xl", "network-attach"], Kind = cut });
        var e = await Assert.ThrowsAsync<HostShellException>(() => Driver().ApplyAsync(Attach(), Ct));
        Assert.Equal(HostShellError.Unreachable, e.Error);

        var again = await Driver().ApplyAsync(Attach(), Ct);
        Assert.True(again.Succeeded, again.Failure?.Message);
        Assert.Equal(!wasDone, again.Commands.Any(c => c.Argv.Contains("network-attach")));
        Assert.Equal([0, 1], (await Driver().ObserveAsync([], Ct)).FindDomain("web1")!.Vifs.Select(v => v.Devid));
    }

    [Fact]
    public async Task Apply_EvidenceThatCantBeHad_StillSaysWhatFailed()
    {
        await StartAsync("web1");
        await FaultAsync(new SimulatedFault { Argv = ["tail"], Kind = SimulatedFaultKind.CutBefore });
        var outcome = await Driver().ApplyAsync(Attach() with { Settings = new VifSettings { Bridge = "nobr9" } }, Ct);
        Assert.Equal(("hotplug.failed", null), (outcome.Failure?.Code, outcome.Failure?.HotplugLog));
    }

    [Fact]
    public async Task Apply_LookThatCantBeUnderstood_FailsTheStep()
    {
        await FaultAsync(new SimulatedFault { Argv = ["xl", "domid"], Kind = SimulatedFaultKind.Garble, Stdout = "?\n" });
        var outcome = await Driver().ApplyAsync(new StopGuestStep("web1", true, TimeSpan.FromMinutes(1)), Ct);
        Assert.Equal("host.answer", outcome.Failure?.Code);
    }

    [Fact]
    public async Task Apply_ScriptThatExits1_IsAHotplugFailure()
    {
        await _store.UpdateAsync(state => state.FailingScripts.Add("/etc/xen/scripts/vif-bridge"), Ct);
        await WriteAsync("web1");
        var outcome = await Driver().ApplyAsync(new CreateGuestStep("web1", "/etc/xen/web1.cfg", Impact.None), Ct);
        Assert.Equal(("hotplug.failed", "/etc/xen/scripts/vif-bridge failed; error detected."), (outcome.Failure?.Code, outcome.Failure?.HotplugError));
    }

    [Fact]
    public async Task StopGuest_ThatIgnoresShutdown_FailsWhenItsTimeIsOverAndStillRuns()
    {
        await StartAsync("web1");
        await _store.UpdateAsync(state => state.IgnoringShutdown.Add("web1"), Ct);
        var before = _time.GetUtcNow();
        var outcome = await Driver().ApplyAsync(new StopGuestStep("web1", Force: false, TimeSpan.FromSeconds(42.5)), Ct);
        Assert.Equal("guest.shutdown-timeout", outcome.Failure?.Code);
        Assert.Equal(TimeSpan.FromSeconds(42.5), _time.GetUtcNow() - before);
        Assert.NotNull((await Driver().ObserveAsync([], Ct)).FindDomain("web1"));
    }

    [Fact]
    public async Task CreateGuest_KernelThatTheHostLacks_SaysWhich()
    {
        await _store.UpdateAsync(state => state.MissingFiles.Add("/guest/vmlinuz"), Ct);
        await WriteAsync("web1");
        var outcome = await Driver().ApplyAsync(new CreateGuestStep("web1", "/etc/xen/web1.cfg", Impact.None), Ct);
        Assert.Equal("guest.kernel-missing", outcome.Failure?.Code);
        Assert.Contains("/guest/vmlinuz", outcome.Failure?.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fault_WithSkip_StrikesTheCommandAfterThose()
    {
        await FaultAsync(new SimulatedFault { Argv = ["printf"], Skip = 2, ExitStatus = 9 });
        var statuses = new List<int>();
        for (var i = 0; i < 4; i++)
            statuses.Add((await Shell().RunAsync(["printf", "x"], TimeSpan.FromSeconds(1), Ct)).ExitStatus);
        Assert.Equal([0, 0, 9, 0], statuses);
    }

    private static AttachVifStep Attach() => new("web1", 1, new VifSettings { Mac = new MacAddress(0x00163e800009) }, Impact.None);

    private SimulatedShell Shell() => new(_store, _time);

    private XlHostDriver Driver() => new(Shell(), _time, NullLogger<XlHostDriver>.Instance);

    private Task<bool> FaultAsync(SimulatedFault fault) => _store.UpdateAsync(
        state =>
        {
            state.Faults.Add(fault);
            return true;
        },
        Ct);

    private async Task WriteAsync(string name) => await Shell().WriteFileAsync(
        $"/etc/xen/{name}.cfg", Encoding.UTF8.GetBytes($"name = '{name}'\nkernel = '/guest/vmlinuz'\nmemory = 128\nvif = ['']\n"), Ct);

    private async Task StartAsync(string name)
    {
        await WriteAsync(name);
        var outcome = await Driver().ApplyAsync(new CreateGuestStep(name, $"/etc/xen/{name}.cfg", Impact.None), Ct);
        Assert.True(outcome.Succeeded, outcome.Failure?.Message);
    }

    private sealed class CountingShell(IHostShell shell) : IHostShell
    {
        public int Commands { get; private set; }

        public bool Simulated => shell.Simulated;

        public Task<CommandResult> RunAsync(IReadOnlyList<string> argv, TimeSpan timeout, CancellationToken ct)
        {
            Commands++;
            return shell.RunAsync(argv, timeout, ct);
        }

        public IAsyncEnumerable<string> ReadLinesAsync(IReadOnlyList<string> argv, CancellationToken ct) => shell.ReadLinesAsync(argv, ct);

        public Task<byte[]?> ReadFileAsync(string path, CancellationToken ct) => shell.ReadFileAsync(path, ct);

        public Task WriteFilesAsync(IReadOnlyList<FileContent> files, CancellationToken ct) => shell.WriteFilesAsync(files, ct);

        public Task DeleteFileAsync(string path, CancellationToken ct) => shell.DeleteFileAsync(path, ct);

        public Task<IReadOnlyList<HostFile>> ListFilesAsync(string directory, CancellationToken ct) => shell.ListFilesAsync(directory, ct);

        public ValueTask DisposeAsync() => shell.DisposeAsync();
    }
}

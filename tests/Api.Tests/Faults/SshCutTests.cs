using Npgsql;
using Xlnet.Hosts.Tests.Ssh;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xlnet.StandInDom0;
using Xunit;

namespace Xlnet.Api.Tests.Faults;

/// <summary>The SSH connection to a real sshd is cut at every step of a plan of twelve.</summary>
public sealed class SshCutTests : IAsyncLifetime
{
    private readonly TestDatabase _database = new();
    private readonly string _data = Directory.CreateTempSubdirectory("xlnet-test-").FullName;
    private StandInHost _dom0 = null!;
    private Sshd _sshd = null!;
    private ServiceProcess _service = null!;
    private TwelveSteps _host = null!;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await _database.CreateAsync();
        _dom0 = await StandInHost.StartAsync(Ct);
        _sshd = await Sshd.StartAsync(new SshdOptions { Prefix = _dom0.Enter(), Environment = _dom0.LoginEnvironment });
        _service = await ServiceProcess.StartAsync(_database.ConnectionString, _data, _sshd.KeyDirectory);
        _host = new TwelveSteps(_service.Client, "dom0");
        var target = _sshd.Target;
        await _host.PrepareAsync(new { kind = "ssh", address = target.Address, port = target.Port, user = target.User, key = target.Key, hostKey = target.HostKey });
    }

    public async ValueTask DisposeAsync()
    {
        await _service.DisposeAsync();
        await _sshd.DisposeAsync();
        await _dom0.DisposeAsync();
        await _database.DisposeAsync();
        Directory.Delete(_data, recursive: true);
    }

    [Theory]
    [InlineData("running")]
    [InlineData("succeeded")]
    public async Task Cut_BeforeOrAfterEveryStep_GoesOnToTheEnd(string status)
    {
        await using var gate = await JournalGate.InstallAsync(_database.ConnectionString);
        var gates = new List<int>();
        foreach (var step in TwelveSteps.Actions.Where(a => a != TwelveSteps.WithTheOneBefore))
            gates.Add(await gate.CloseAsync(_host.Host, step, status));

        await _host.ApplyAsync();
        foreach (var closed in gates)
        {
            await gate.StandAtAsync(closed);
            Assert.Equal(1, _sshd.Connected);
            await _sshd.CutAsync();
            await gate.OpenAsync(closed);
        }

        Assert.Equal("succeeded", await _host.CheckAsync(_service.Client));
        // Nothing was under way when it was cut, so the next command has a new connection and each step is done once.
        Assert.Equal(TwelveSteps.Actions, await StepsAsync("succeeded"));
    }

    [Theory]
    [InlineData(SimulatedFaultKind.CutBefore)]
    [InlineData(SimulatedFaultKind.CutAfter)]
    public async Task Cut_InEveryStepsCommand_GoesOnFromWhatIsTrue(SimulatedFaultKind kind)
    {
        string[][] commands =
        [
            ["ip", "link", "set", "dev", "brkept"], ["ip", "link", "add"], ["xl", "network-detach"], ["xl", "shutdown"], ["xl", "network-attach"],
            ["xl", "create"], ["ip", "link", "delete"],
        ];
        await _dom0.ChangeAsync(state => state.Faults.AddRange(commands.Select(c => new SimulatedFault { Argv = [.. c], Kind = kind })), Ct);
        await _dom0.CutAfterAsync("mv", "*", Ct);
        await _dom0.CutAfterAsync("rm", "*/old1.cfg", Ct);

        await _host.ApplyAsync();

        Assert.Equal("succeeded", await _host.CheckAsync(_service.Client));
        Assert.Empty(await FaultsAsync());
        Assert.Equal(["bridge.create", "bridge.delete", "bridge.set-mtu", "file.delete", "file.write", "guest.create", "guest.stop", "vif.attach", "vif.detach"],
            (await StepsAsync("interrupted")).Select(s => s.Split(' ')[0]).Distinct().Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Lost_ForSomeTries_GoesOnWhenItIsBack()
    {
        await using var gate = await JournalGate.InstallAsync(_database.ConnectionString);
        var closed = await gate.CloseAsync(_host.Host, TwelveSteps.Actions[6], "running");
        await _host.ApplyAsync();
        await gate.StandAtAsync(closed);
        await _sshd.StopAsync();
        await gate.OpenAsync(closed);

        await using var source = NpgsqlDataSource.Create(_database.ConnectionString);
        await using var lost = source.CreateCommand("SELECT count(*) FROM operations WHERE lost_since IS NOT NULL");
        while ((long)(await lost.ExecuteScalarAsync(Ct))! == 0)
            Ct.ThrowIfCancellationRequested();
        await _sshd.StartAgainAsync();

        Assert.Equal("succeeded", await _host.CheckAsync(_service.Client));
        Assert.Equal([TwelveSteps.Actions[6]], await StepsAsync("interrupted"));
    }

    private async Task<IEnumerable<string>> StepsAsync(string status) => (await _host.EndAsync(_service.Client))["steps"].AsArray()
        .Where(s => (string)s!["status"]! == status).Select(s => $"{s!["action"]} {s["target"]}");

    private Task<List<SimulatedFault>> FaultsAsync() => _dom0.Store.UpdateAsync(state => state.Faults, Ct);
}

using Xlnet.Hosts.Tests.Contract;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Hosts.Tests.Simulation;

/// <summary>The state of a simulated Dom0 is all that it is.</summary>
public sealed class StateTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(1);

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Json_AfterACapture_IsTheSameStateAgain()
    {
        var store = new InMemoryStateStore();
        var shell = new SimulatedShell(store, new InstantTime());
        await shell.WriteFileAsync("/etc/xen/web1.cfg", "name='web1'\nkernel='/k'\nmemory=64\nvif=['','bridge=xenbr0,rate=1MB/s']\n"u8.ToArray(), Ct);
        foreach (var command in new[] { "xl create /etc/xen/web1.cfg", "ovs-vsctl add-br ovsbr0", "xl network-attach web1 bridge=nobr9", "systemd-run --on-active=60 --unit=u ip link set dev eth0 down" })
            await shell.RunAsync(command.Split(' '), Limit, Ct);
        var json = await store.UpdateAsync(state => state.ToJson(), Ct);
        Assert.Equal(json, SimulatedDom0State.FromJson(json).ToJson());
        Assert.Contains("\"web1\"", json, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SameSeed_SameCommands_SameAddresses()
    {
        Assert.Equal(await MacAsync(7), await MacAsync(7));
        Assert.NotEqual(await MacAsync(7), await MacAsync(8));

        static async Task<string> MacAsync(ulong seed)
        {
            var store = new InMemoryStateStore(FreshDom0.Create(seed));
            var shell = new SimulatedShell(store, new InstantTime());
            await shell.WriteFileAsync("/etc/xen/web1.cfg", "name='web1'\nkernel='/k'\nvif=['']\n"u8.ToArray(), Ct);
            await shell.RunAsync(["xl", "create", "/etc/xen/web1.cfg"], Limit, Ct);
            return await store.UpdateAsync(state => state.Domains[0].Vifs[0].Mac, Ct);
        }
    }

    [Fact]
    public async Task Update_ThatThrows_KeepsNothing()
    {
        var store = new InMemoryStateStore();
        await Assert.ThrowsAsync<InvalidOperationException>(() => store.UpdateAsync<int>(
            state =>
            {
                state.NextDomid = 99;
                throw new InvalidOperationException();
            },
            Ct));
        Assert.Equal(1, await store.UpdateAsync(state => state.NextDomid, Ct));
    }

    [Fact]
    public async Task TwoShells_OfOneStore_AreOneHost()
    {
        var store = new InMemoryStateStore();
        await using var one = new SimulatedShell(store, new InstantTime());
        await using var other = new SimulatedShell(store, new InstantTime());
        await one.RunAsync(["ip", "link", "add", "name", "br7", "type", "bridge"], Limit, Ct);
        Assert.Contains("br7", (await other.RunAsync(["ip", "-br", "link"], Limit, Ct)).Stdout, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reboot_OfAGuest_GivesTheNextDomidAndKeepsItsAddress()
    {
        var store = new InMemoryStateStore();
        var shell = new SimulatedShell(store, new InstantTime());
        await shell.WriteFileAsync("/etc/xen/web1.cfg", "name='web1'\nkernel='/k'\nvif=['']\n"u8.ToArray(), Ct);
        await shell.RunAsync(["xl", "create", "/etc/xen/web1.cfg"], Limit, Ct);
        var mac = await store.UpdateAsync(state => state.Domains[0].Vifs[0].Mac, Ct);
        await shell.RunAsync(["xl", "reboot", "web1"], Limit, Ct);
        Assert.Equal("2\n", (await shell.RunAsync(["xl", "domid", "web1"], Limit, Ct)).Stdout);
        Assert.Contains(mac, (await shell.RunAsync(["xl", "network-list", "web1"], Limit, Ct)).Stdout, StringComparison.Ordinal);
        Assert.Contains("vif2.0", (await shell.RunAsync(["ip", "-br", "link"], Limit, Ct)).Stdout, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Timer_NotStopped_RunsItsCommandWhenItsTimeHasCome()
    {
        var time = new InstantTime();
        var shell = new SimulatedShell(new InMemoryStateStore(), time);
        await shell.RunAsync(["systemd-run", "--on-active=60", "--unit=xlnet-a", "ip", "link", "add", "name", "br-a", "type", "bridge"], Limit, Ct);
        await shell.RunAsync(["systemd-run", "--on-active=60", "--unit=xlnet-b", "ip", "link", "add", "name", "br-b", "type", "bridge"], Limit, Ct);
        Assert.Equal(0, (await shell.RunAsync(["systemctl", "stop", "xlnet-b.timer"], Limit, Ct)).ExitStatus);
        Assert.DoesNotContain("br-", (await shell.RunAsync(["ip", "-br", "link"], Limit, Ct)).Stdout, StringComparison.Ordinal);

        await Task.Delay(TimeSpan.FromSeconds(61), time, Ct);
        var links = (await shell.RunAsync(["ip", "-br", "link"], Limit, Ct)).Stdout;
        Assert.Contains("br-a", links, StringComparison.Ordinal);
        Assert.DoesNotContain("br-b", links, StringComparison.Ordinal);
    }
}

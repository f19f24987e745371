using Microsoft.Extensions.DependencyInjection;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xlnet.Infrastructure.Hosts.Watching;
using Xunit;

namespace Xlnet.Api.Tests;

[Collection(Watching)]
public sealed class HostEventTests(ServiceFixture service)
{
    /// <summary>The tests that listen to the shared service, one after the other: some count who watches.</summary>
    internal const string Watching = "watching";

    private const string Guest = "name = 'web1'\ntype = 'pv'\nkernel = '/guest/vmlinuz'\nvif = ['bridge=xenbr0']\n";

    private HttpClient Client => service.Client;

    private int Watched => service.Services.GetRequiredService<HostWatchers>().Running;

    [Fact]
    public async Task StartAndStop_WhileSomeoneListens_ShowTheVifComeJoinAndGo()
    {
        var host = await HostAsync();
        await using var events = await ListenAsync(host);

        Assert.Equal("succeeded", (string)(await Client.PostAsync($"/v1/hosts/{host}/guests/web1/start?wait=30s"))["status"]!);
        var seen = await events.UntilAsync(e => e.Name is "vif-added" or "vif-changed" && (string)e.Data["vif"]!["state"]! == "connected");

        Assert.Equal(["domain-added", "interface-added", "port-added"], Kinds(seen, "domain-added", "interface-added", "port-added"));
        var added = seen.Single(e => e.Name == "interface-added").Data;
        Assert.Equal(("vif1.0", "vif", "web1", 0), ((string)added["interface"]!["name"]!, (string)added["interface"]!["kind"]!, (string)added["guest"]!, (int)added["devid"]!));
        var joined = seen.Single(e => e.Name == "port-added").Data;
        Assert.Equal(("xenbr0", "vif1.0", "web1", 0), ((string)joined["bridge"]!, (string)joined["port"]!, (string)joined["guest"]!, (int)joined["devid"]!));
        Assert.NotNull(joined["at"]);
        Assert.Null(joined["interface"]);

        Assert.Equal("succeeded", (string)(await Client.PostAsync($"/v1/hosts/{host}/guests/web1/stop?wait=30s"))["status"]!);
        seen = await events.UntilAsync(e => e.Name == "domain-removed");

        string[] gone = ["vif-removed", "port-removed", "interface-removed", "domain-removed"];
        Assert.Equal(gone, Kinds(seen, gone));
        Assert.Equal("web1", (string)seen.Single(e => e.Name == "interface-removed").Data["guest"]!);
    }

    [Fact]
    public async Task TwoListeners_SeeTheSame_AndTheLastToGoEndsTheWatch()
    {
        var host = await HostAsync();
        await using (var second = await ListenAsync(host))
        {
            await using (var first = await ListenAsync(host))
            {
                Assert.Equal(1, Watched);
                await service.ChangeHostAsync(host, s => Bridge(s).Mtu = 1400);
                foreach (var events in new[] { first, second })
                    Assert.Equal(1400, (int)(await events.UntilAsync(e => IsOf(e, "interface-changed", "xenbr0")))[^1].Data["interface"]!["mtu"]!);
            }

            await service.ChangeHostAsync(host, s => Bridge(s).Mtu = 1300);
            Assert.Equal(1300, (int)(await second.UntilAsync(e => IsOf(e, "interface-changed", "xenbr0")))[^1].Data["interface"]!["mtu"]!);
            Assert.Equal(1, Watched);
        }

        await UntilUnwatchedAsync();
    }

    [Fact]
    public async Task HostThatIsLost_ComesBack_AndTheDifferenceFollows()
    {
        var host = await HostAsync();
        await using var events = await ListenAsync(host);
        await service.ChangeHostAsync(host, s => s.Faults.Add(new SimulatedFault { Argv = ["ip"], Kind = SimulatedFaultKind.CutBefore, Repeats = true }));

        var lost = (await events.UntilAsync(e => e.Name == "host-lost"))[^1];
        Assert.Equal("host.unreachable", (string)lost.Data["problem"]!["code"]!);
        Assert.Contains("broke", (string)lost.Data["problem"]!["detail"]!, StringComparison.Ordinal);

        // Whoever comes now is told so too.
        await using var late = await EventReader.OpenAsync(Client, $"/v1/hosts/{host}/events");
        Assert.Equal("host-lost", (await late.NextAsync())!.Name);

        await service.ChangeKnownHostAsync(host, s =>
        {
            s.Faults.Clear();
            Bridge(s).Mtu = 1400;
        });
        Assert.Equal("host-back", (await events.NextAsync())!.Name);
        Assert.True(IsOf((await events.NextAsync())!, "interface-changed", "xenbr0"));
        Assert.Equal(["host-back", "ready"], new[] { (await late.NextAsync())!.Name, (await late.NextAsync())!.Name });
    }

    [Fact]
    public async Task Host_WithoutIpMonitor_IsPolled()
    {
        var host = await HostAsync();
        await service.ChangeHostAsync(host, s => s.Faults.Add(
            new SimulatedFault { Argv = ["ip", "monitor"], Kind = SimulatedFaultKind.Fail, ExitStatus = 255, Stderr = "ip: not here\n", Repeats = true }));
        await using var events = await ListenAsync(host);
        await service.ChangeKnownHostAsync(host, s => Bridge(s).Mtu = 1400);
        Assert.Equal(1400, (int)(await events.UntilAsync(e => IsOf(e, "interface-changed", "xenbr0")))[^1].Data["interface"]!["mtu"]!);
    }

    [Fact]
    public async Task Host_Deleted_EndsTheStream()
    {
        var host = await HostAsync();
        await using var events = await ListenAsync(host);
        Assert.Equal(204, (await Client.DeleteAnswerAsync($"/v1/hosts/{host}")).Status);
        Assert.DoesNotContain(await events.ToEndAsync(), e => e.Name is "host-lost" or "interface-removed");
        await UntilUnwatchedAsync();
        Assert.Equal("host.not-found", (await Client.GetJsonAsync($"/v1/hosts/{host}/events")).Code);
    }

    [Fact]
    public async Task Service_ThatStops_EndsTheStreamsItself()
    {
        var stopping = new ServiceFixture();
        await stopping.InitializeAsync();
        await using var events = await EventReader.OpenAsync(stopping.Client, $"/v1/hosts/{await stopping.NewHostAsync()}/events");
        Assert.Equal("ready", (await events.NextAsync())!.Name);
        // Were they to end with the service's patience, they would be cut off, and reading would fail.
        var ended = events.ToEndAsync();
        await stopping.DisposeAsync();
        Assert.Empty(await ended);
    }

    private async Task<string> HostAsync()
    {
        var host = await service.NewHostAsync();
        Assert.Equal(201, (await Client.PutTextAsync($"/v1/hosts/{host}/guests/web1/config", Guest)).Status);
        return host;
    }

    private async Task<EventReader> ListenAsync(string host)
    {
        var events = await EventReader.OpenAsync(Client, $"/v1/hosts/{host}/events");
        Assert.Equal("ready", (await events.NextAsync())!.Name);
        return events;
    }

    /// <summary>The service notices that a client has gone some time after it has.</summary>
    private async Task UntilUnwatchedAsync()
    {
        for (var looks = 0; Watched > 0; looks++)
        {
            Assert.True(looks < 10_000, "The watcher outlives its listeners.");
            await Client.GetJsonAsync("/healthz");
        }
    }

    private static SimulatedInterface Bridge(SimulatedDom0State state) => state.Interfaces.Single(i => i.Name == "xenbr0");

    private static IEnumerable<string> Kinds(IEnumerable<ServerEvent> events, params string[] kinds) =>
        events.Select(e => e.Name).Where(kinds.Contains).Distinct();

    private static bool IsOf(ServerEvent e, string kind, string device) => e.Name == kind && (string)e.Data["interface"]!["name"]! == device;
}

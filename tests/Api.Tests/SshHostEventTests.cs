using Xlnet.Hosts.Tests.Ssh;
using Xlnet.StandInDom0;
using Xunit;

namespace Xlnet.Api.Tests;

/// <summary>The events of a host over SSH, which is reached at another address by and by.</summary>
[Collection(HostEventTests.Watching)]
public sealed class SshHostEventTests(ServiceFixture service) : IAsyncLifetime
{
    private readonly string _name = $"ssh-{Guid.NewGuid():n}"[..20];
    private readonly List<(StandInHost Dom0, Sshd Sshd)> _hosts = [];

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private HttpClient Client => service.Client;

    private string Url => "/v1/hosts/" + _name;

    public async ValueTask InitializeAsync()
    {
        Directory.CreateDirectory(service.KeyDirectory);
        for (var i = 0; i < 2; i++)
        {
            var dom0 = await StandInHost.StartAsync(Ct);
            var sshd = await Sshd.StartAsync(new SshdOptions { Prefix = dom0.Enter(), Environment = dom0.LoginEnvironment });
            _hosts.Add((dom0, sshd));
            File.Copy(sshd.KeyDirectory + "/lab", Path.Combine(service.KeyDirectory, $"{_name}-{i}"));
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var (dom0, sshd) in _hosts)
        {
            await sshd.DisposeAsync();
            await dom0.DisposeAsync();
        }
    }

    [Fact]
    public async Task Listen_HostRegisteredAtAnotherAddress_IsWatchedThere()
    {
        // The former one still answers: that is no reason to go on looking at it.
        Assert.Equal(201, (await Client.PutAsync(Url, Body(0))).Status);
        await using var events = await EventReader.OpenAsync(Client, Url + "/events");
        Assert.Equal("ready", (await events.NextAsync())!.Name);
        await ChangeMtuAsync(1, 1400);

        Assert.Equal(200, (await Client.PutAsync(Url, Body(1))).Status);

        var seen = await events.UntilAsync(e => e.Name == "interface-changed" && (string)e.Data["interface"]!["name"]! == "xenbr0");
        Assert.Equal(1400, (int)seen[^1].Data["interface"]!["mtu"]!);
        Assert.DoesNotContain(seen, e => e.Name == "host-lost");
        await ChangeMtuAsync(1, 1300);
        seen = await events.UntilAsync(e => e.Name == "interface-changed" && (string)e.Data["interface"]!["name"]! == "xenbr0");
        Assert.Equal(1300, (int)seen[^1].Data["interface"]!["mtu"]!);
        Assert.Equal(1, _hosts[1].Sshd.Connected);
        for (var looks = 0; _hosts[0].Sshd.Connected > 0; looks++)
        {
            Assert.True(looks < 1000, "The connection to the former address stays.");
            await Client.GetJsonAsync("/healthz");
        }
    }

    private object Body(int i)
    {
        var target = _hosts[i].Sshd.Target;
        return new { driver = new { kind = "ssh", address = target.Address, port = target.Port, user = target.User, key = $"{_name}-{i}", hostKey = target.HostKey } };
    }

    private Task ChangeMtuAsync(int i, int mtu) => _hosts[i].Dom0.ChangeAsync(s => s.Interfaces.Single(d => d.Name == "xenbr0").Mtu = mtu, Ct);
}

using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Api.Tests;

/// <summary>Changes that may cut the connection to their host, on a simulated host that can be lost.</summary>
public sealed class ManagementPathTests : HurriedServiceTests
{
    private const string Guest = "name = 'web1'\ntype = 'pv'\nkernel = '/guest/vmlinuz'\nvif = ['bridge=xenbr0']\n";
    private static readonly object Allow = new { allow = new[] { "vif-blip", "management-path" } };

    [Fact]
    public async Task Apply_UplinkWithTheConnectionTakenOff_IsPendingUnlessAllowed()
    {
        await Client.PutAsync("/v1/hosts/dom0-a/bridges/xenbr0", new { ports = Array.Empty<string>() });

        var plan = await Client.GetJsonAsync("/v1/hosts/dom0-a/plan");

        Assert.Empty(plan["steps"].AsArray());
        var step = Assert.Single(plan["pending"].AsArray())!;
        Assert.Equal(
            ("bridge.remove-port", "bridges/xenbr0/ports/eth0", "management-path", "- bridge xenbr0 port eth0"),
            ((string)step["action"]!, (string)step["target"]!, (string)step["impact"]!, (string)step["diff"]!));
    }

    [Fact]
    public async Task Apply_ThatCutsTheConnection_HostRepairsItselfAndTheRestIsTakenBack()
    {
        await Client.PutTextAsync("/v1/hosts/dom0-a/guests/web1/config", Guest);
        await RunAsync("/v1/hosts/dom0-a/guests/web1/start");
        var before = await NetworkAsync();
        await Client.PutAsync("/v1/hosts/dom0-a/bridges/new0", new { });
        await Client.PutAsync("/v1/hosts/dom0-a/bridges/xenbr0", new { ports = Array.Empty<string>() });

        var id = (string)(await Client.PostAsync("/v1/hosts/dom0-a/apply", Allow))["id"]!;
        var operation = await EndAsync(id);

        Assert.Equal(("rolled-back", "management-path.lost"), ((string)operation["status"]!, (string)operation["error"]["code"]!));
        Assert.Equal("2-bridge.remove-port", (string)operation["error"]["step"]!);
        Assert.Contains("It repaired itself at ", (string)operation["error"]["message"]!, StringComparison.Ordinal);
        Assert.NotNull(operation["error"]["restoredAt"]);
        Assert.Equal(
            [("bridge.create", false), ("bridge.remove-port", false), ("bridge.delete", true)],
            operation["steps"].AsArray().Select(s => ((string)s!["action"]!, (bool)s["rollback"]!)));
        Assert.Equal(before, await NetworkAsync());
        await AssertNothingLeftAsync();
    }

    [Fact]
    public async Task Apply_ThatKeepsTheConnection_StopsTheTimer()
    {
        await ChangeAsync(s => s.Interfaces.Add(new SimulatedInterface { Index = 9, Name = "eth1", Mac = "52:54:00:12:34:57", Up = true, Carrier = true }));
        await Client.PutAsync("/v1/hosts/dom0-a/bridges/xenbr0", new { ports = new[] { "eth0", "eth1" } });

        var id = (string)(await Client.PostAsync("/v1/hosts/dom0-a/apply", Allow))["id"]!;
        var operation = await EndAsync(id);

        Assert.Equal("succeeded", (string)operation["status"]!);
        Assert.Equal("management-path", (string)operation["steps"][0]!["impact"]!);
        Assert.Equal(["eth0", "eth1"], (await BridgeAsync("xenbr0"))["ports"]!.AsArray().Select(p => (string)p!));
        await AssertNothingLeftAsync();
    }

    [Fact]
    public async Task Apply_HostWithoutSystemd_IsRefusedBeforeAnythingChanges()
    {
        var before = await NetworkAsync();
        await Client.PutAsync("/v1/hosts/dom0-a/bridges/new0", new { });
        await Client.PutAsync("/v1/hosts/dom0-a/bridges/xenbr0", new { ports = Array.Empty<string>() });
        await ChangeAsync(s => s.Faults.Add(new SimulatedFault
        {
            Argv = ["systemctl", "show"], Kind = SimulatedFaultKind.Fail, Repeats = true,
            Stderr = "System has not been booted with systemd as init system (PID 1). Can't operate.\n",
        }));

        var id = (string)(await Client.PostAsync("/v1/hosts/dom0-a/apply", Allow))["id"]!;
        var operation = await EndAsync(id);

        Assert.Equal(("rolled-back", "management-path.no-timer"), ((string)operation["status"]!, (string)operation["error"]["code"]!));
        Assert.Contains("not been booted with systemd", (string)operation["error"]["message"]!, StringComparison.Ordinal);
        Assert.All(operation["steps"].AsArray(), s => Assert.Equal("skipped", (string)s!["status"]!));
        Assert.Equal(before, await NetworkAsync());
    }

    [Fact]
    public async Task Apply_AnswerLostAndThePathIsThere_GoesOn()
    {
        await ChangeAsync(s =>
        {
            s.Interfaces.Add(new SimulatedInterface { Index = 9, Name = "eth1", Mac = "52:54:00:12:34:57", Up = true, Carrier = true });
            s.Faults.Add(new SimulatedFault { Argv = ["ip", "link", "set", "dev", "eth1", "master"], Kind = SimulatedFaultKind.CutAfter });
        });
        await Client.PutAsync("/v1/hosts/dom0-a/bridges/xenbr0", new { ports = new[] { "eth0", "eth1" } });

        var id = (string)(await Client.PostAsync("/v1/hosts/dom0-a/apply", Allow))["id"]!;

        Assert.Equal("succeeded", (string)(await EndAsync(id))["status"]!);
        await AssertNothingLeftAsync();
    }

    [Fact]
    public async Task Apply_FailsAfterAStepThatMayCut_HostIsRestoredByItsOwnScript()
    {
        // xlnet's own bridge with an address goes away, and a guest that is to come fails.
        await Client.PutAsync("/v1/hosts/dom0-a/bridges/old0", new { });
        await RunAsync("/v1/hosts/dom0-a/apply");
        await ChangeAsync(s =>
        {
            s.Interfaces.Single(i => i.Name == "old0").Addresses.Add("192.0.2.1/24");
            s.Routes.Add(new SimulatedRoute { Dst = "198.51.100.0/24", Gateway = "192.0.2.9", Dev = "old0" });
        });
        var before = await NetworkAsync();
        await Client.DeleteAnswerAsync("/v1/hosts/dom0-a/bridges/old0");

        var id = (string)(await Client.PostAsync("/v1/hosts/dom0-a/apply?confirmWithin=1h", Allow))["id"]!;
        await AwaitAsync(id);
        Assert.NotEqual(before, await NetworkAsync());
        await Client.PostAsync($"/v1/operations/{id}/cancel");
        var operation = await EndAsync(id);

        Assert.Equal(("rolled-back", "operation.unconfirmed"), ((string)operation["status"]!, (string)operation["error"]["code"]!));
        Assert.Contains(operation["steps"].AsArray(), s => (string)s!["action"]! == "host.restore" && (string)s["status"]! == "succeeded");
        Assert.Equal(before, await NetworkAsync());
        await AssertNothingLeftAsync();
        Assert.Contains((await StateAsync()).Routes, r => r is { Dst: "198.51.100.0/24", Gateway: "192.0.2.9", Dev: "old0" });
    }

    [Fact]
    public async Task Awaiting_TimerStaysUntilConfirmed()
    {
        await ChangeAsync(s => s.Interfaces.Add(new SimulatedInterface { Index = 9, Name = "eth1", Mac = "52:54:00:12:34:57", Up = true, Carrier = true }));
        await Client.PutAsync("/v1/hosts/dom0-a/bridges/xenbr0", new { ports = new[] { "eth0", "eth1" } });

        var id = (string)(await Client.PostAsync("/v1/hosts/dom0-a/apply?confirmWithin=1h", Allow))["id"]!;
        await AwaitAsync(id);
        Assert.Single((await StateAsync()).Timers);

        await Client.PostAsync($"/v1/operations/{id}/confirm");
        Assert.Equal("succeeded", (string)(await EndAsync(id))["status"]!);
        await AssertNothingLeftAsync();
    }

    [Fact]
    public async Task Awaiting_HostRepairedItself_CannotBeConfirmed()
    {
        await ChangeAsync(s => s.Interfaces.Add(new SimulatedInterface { Index = 9, Name = "eth1", Mac = "52:54:00:12:34:57", Up = true, Carrier = true }));
        await Client.PutAsync("/v1/hosts/dom0-a/bridges/xenbr0", new { ports = new[] { "eth0", "eth1" } });
        var id = (string)(await Client.PostAsync("/v1/hosts/dom0-a/apply?confirmWithin=1h", Allow))["id"]!;
        await AwaitAsync(id);
        await ChangeAsync(s => s.Timers[0].At = DateTimeOffset.UnixEpoch);

        await Client.PostAsync($"/v1/operations/{id}/confirm");
        var operation = await EndAsync(id);

        Assert.Equal(("rolled-back", "management-path.lost"), ((string)operation["status"]!, (string)operation["error"]["code"]!));
        Assert.Equal(["eth0"], (await BridgeAsync("xenbr0"))["ports"]!.AsArray().Select(p => (string)p!));
    }

    [Fact]
    public async Task Interrupted_InAStepThatCuts_TheNextRunFindsThatTheHostHasRepairedItself()
    {
        // A clock as it is, so that the command still hangs when the service stops.
        await StopAsync();
        Start(1);
        await Client.PutAsync("/v1/hosts/dom0-a/bridges/new0", new { });
        await Client.PutAsync("/v1/hosts/dom0-a/bridges/xenbr0", new { ports = Array.Empty<string>() });
        await ChangeAsync(s => s.Faults.Add(new SimulatedFault { Argv = ["ip", "link", "set", "dev", "eth0", "nomaster"], Kind = SimulatedFaultKind.Hang }));
        var before = await NetworkAsync();
        var id = (string)(await Client.PostAsync("/v1/hosts/dom0-a/apply", Allow))["id"]!;
        while (!(await Client.GetJsonAsync($"/v1/operations/{id}?wait=1s"))["steps"].AsArray().Any(s => (string)s!["action"]! == "bridge.remove-port" && (string)s["status"]! == "running"))
        {
        }

        await StopAsync();
        Start(Hurry);
        // It did what it was asked, and nobody came back in time.
        await ChangeAsync(s =>
        {
            s.Interfaces.Single(i => i.Name == "eth0").Master = null;
            Assert.Single(s.Timers).At = DateTimeOffset.UnixEpoch;
        });
        var operation = await EndAsync(id);

        Assert.Equal(("rolled-back", "management-path.lost"), ((string)operation["status"]!, (string)operation["error"]["code"]!));
        Assert.Contains("interrupted", operation["steps"].AsArray().Select(s => (string)s!["status"]!));
        Assert.Equal(before, await NetworkAsync());
        await AssertNothingLeftAsync();
    }

    private async Task AwaitAsync(string id)
    {
        Answer operation;
        do
            operation = await Client.GetJsonAsync($"/v1/operations/{id}?wait=60s");
        while ((string)operation["status"]! is "queued" or "running");
        Assert.Equal("awaiting-confirmation", (string)operation["status"]!);
    }

    private async Task<string> NetworkAsync()
    {
        var seen = await Client.GetJsonAsync("/v1/hosts/dom0-a/observation");
        // A bridge that was made again is another device with the same name.
        foreach (var device in seen["interfaces"].AsArray())
        {
            device!.AsObject().Remove("index");
            device.AsObject().Remove("mac");
        }

        return string.Join('\n', seen["interfaces"].AsArray().Select(i => i!.ToJsonString()).Order()) + seen["bridges"].ToJsonString() + seen["domains"].ToJsonString();
    }

    private async Task<System.Text.Json.Nodes.JsonNode> BridgeAsync(string name) =>
        (await Client.GetJsonAsync("/v1/hosts/dom0-a/observation"))["bridges"].AsArray().Single(b => (string)b!["name"]! == name)!;

    private async Task AssertNothingLeftAsync()
    {
        var state = await StateAsync();
        Assert.Empty(state.Timers);
        Assert.DoesNotContain(state.Files.Keys, k => k.StartsWith("/var/lib/xlnet", StringComparison.Ordinal));
    }
}

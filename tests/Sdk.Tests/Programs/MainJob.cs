using Xlnet.Client;

using var http = new HttpClient { BaseAddress = new Uri(Environment.GetEnvironmentVariable("XLNET_URL")!) };
var (hosts, bridges, guests, files, vifs) = (new HostsClient(http), new BridgesClient(http), new GuestsClient(http), new GuestConfigClient(http), new VifsClient(http));
const string Host = "dom0-cs", Guest = "web1";
const string File = """
    # A web server, written by hand.
    name    = "web1"
    type    = "pv"
    kernel  = "/guest/vmlinuz"
    memory  = 128
    vif     = ['bridge=xenbr0']   # one card

    """;

var host = await hosts.PutAsync(Host, body: new HostRequest { Driver = new DriverContract { Kind = DriverKind.Simulated } });
Check(host.Simulated, "simulated");
await bridges.PutAsync(Host, "br-lab", body: new BridgeRequest { Description = "For the lab." });
var config = await files.PutAsync(Host, Guest, body: File);
Check(config.StartsWith("# A web server, written by hand.\n", StringComparison.Ordinal), config);
var plan = await hosts.PlanAsync(Host);

var started = await guests.StartAsync(Host, Guest, wait: "30s", body: new());
Check(started.Status == OperationStatus.Succeeded, started.Error?.Message);
var vif = await vifs.AttachAsync(Host, Guest, body: new VifRequest { Bridge = "br-lab", Rate = new RateContract { BitsPerSecond = 10_000_000 } });
var applied = await hosts.ApplyAsync(Host, wait: "30s", body: new ApplyRequest { Allow = [Impact.VifBlip] });
Check(applied.Status == OperationStatus.Succeeded, applied.Error?.Message);

var live = (await hosts.ObserveAsync(Host)).Domains.Single(d => d.Name == Guest).Vifs.ToList();
Check(live[1].Mac == vif.Mac, live[1].Mac);
var explained = await vifs.ExplainAsync(Host, Guest, vif.Devid);
var bridge = explained.Settings.Single(s => s.Key == "bridge");

Check((await guests.StopAsync(Host, Guest, wait: "30s", body: new())).Status == OperationStatus.Succeeded, "stop");
await guests.DeleteAsync(Host, Guest);
Check((await hosts.ApplyAsync(Host, wait: "30s", body: new())).Status == OperationStatus.Succeeded, "apply");
await hosts.DeleteAsync(Host);
var gone = "";
try
{
    await hosts.GetAsync(Host);
}
catch (ApiException<Problem> problem)
{
    gone = problem.Result.Code;
}

Check(gone == "host.not-found", gone);
Console.Write($"planned {string.Join(", ", plan.Steps.Select(s => s.Action))}; web1 has {string.Join(" and ", live.Select(v => $"{v.Dom0Name} on {v.Bridge}"))}; "
    + $"the second is there as the {bridge.Origin.ToString().ToLowerInvariant()} says; gone\n");

static void Check(bool holds, string? otherwise)
{
    if (!holds)
        throw new InvalidOperationException($"That is not so: {otherwise}");
}

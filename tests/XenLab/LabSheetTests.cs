using System.Text.Json;
using System.Text.Json.Nodes;
using Xlnet.Api.Tests;
using Xunit;

namespace Xlnet.XenLab;

/// <summary>The exercises of the lab sheet, by the service, on the real Xen; what the host shows is looked at past the service.</summary>
[Collection(XenHost.First)]
public sealed class LabSheetTests(XenHost xen) : LabTests(xen, "as-written")
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly object AllowRecreate = new { allow = new[] { "vif-blip", "guest-recreate" } };

    [Fact]
    public async Task StartAndStop_WhileSomeoneWatches_InterfaceComesJoinsTheBridgeAndGoes()
    {
        using var exercise = Xen.Report.Begin("1. Start and stop a guest, and watch the interfaces");
        await Service.PutGuestAsync("web1", "");
        await using var events = await EventReader.OpenAsync(Service.Client, LabService.Host + "/events", limit: TimeSpan.FromMinutes(5));

        await Service.SucceedAsync("/guests/web1/start");
        var domid = (int)(await Service.DomainAsync("web1"))!["domid"]!;
        var vif = $"vif{domid}.0";
        var seen = await events.UntilAsync(e => e.Name == "port-added" && (string)e.Data["port"]! == vif);
        Assert.Contains(seen, e => e.Name == "interface-added" && (string)e.Data["interface"]!["name"]! == vif);
        Assert.Equal("xenbr0", (string)seen[^1].Data["bridge"]!);

        var ports = await Xen.RunAsync("bridge", "link");
        Assert.Contains($"{vif}:", ports, StringComparison.Ordinal);
        var pinged = await Xen.PingedAsync("172.31.77.2");
        exercise.Say($"`POST …/guests/web1/start`: `{vif}` appears and joins `xenbr0`, and the guest answers.");
        exercise.Show("GET …/events", Lines(seen));
        exercise.Show("bridge link", ports);
        exercise.Show("ping 172.31.77.2", pinged);

        await Service.SucceedAsync("/guests/web1/stop");
        seen = await events.UntilAsync(e => e.Name == "domain-removed");
        Assert.Contains(seen, e => e.Name == "interface-removed" && (string)e.Data["interface"]!["name"]! == vif);
        Assert.DoesNotContain(vif, ports = await Xen.RunAsync("bridge", "link"), StringComparison.Ordinal);
        exercise.Say("`POST …/guests/web1/stop`: the guest shuts down when it is asked to, and the interface goes.");
        exercise.Show("GET …/events", Lines(seen));
        exercise.Show("bridge link", ports);

        static string Lines(IEnumerable<ServerEvent> events) => string.Join('\n', events.Select(e => $"{e.Name,-18} {Of(e.Data)}"));

        static string Of(JsonNode e) =>
            e["domain"] is { } domain ? $"{domain["name"]} {domain["domid"]} {domain["state"]}"
            : e["vif"] is { } vif ? $"{vif["dom0Name"]} {vif["mac"]} {vif["state"]}"
            : e["interface"] is { } device ? $"{device["name"]} {((bool)device["up"]! ? "up" : "down")}"
            : e["port"] is { } port ? $"{port} {e["bridge"]}"
            : "";
    }

    [Fact]
    public async Task EmptyVif_ExplainedPinnedAndRecreated_KeepsWhatItGot()
    {
        using var exercise = Xen.Report.Begin("2. What vif = [''] led to, and keeping it");
        await Service.PutGuestAsync("web1", "");
        await Service.SucceedAsync("/guests/web1/start");
        await Xen.GuestsConnectedAsync();

        var explanation = await Service.GetAsync("/guests/web1/vifs/0/explanation");
        var settings = explanation["settings"].AsArray().ToDictionary(s => (string)s!["key"]!, s => ((string?)s!["value"], (string)s["origin"]!));
        var domid = (int)explanation["live"]["domid"]!;
        var drawn = (await Xen.RunAsync("xenstore-read", $"/local/domain/{domid}/device/vif/0/mac")).Trim();
        Assert.Equal((drawn, "live-host"), settings["mac"]);
        Assert.Equal(("xenbr0", "xl-conf"), settings["bridge"]);
        Assert.Equal(("vif-bridge", "xl-conf"), settings["script"]);
        exercise.Say((string)explanation["summary"]!);
        exercise.Show("GET …/guests/web1/vifs/0/explanation", string.Join('\n', settings.Select(s => $"{s.Key,-12} {s.Value.Item1,-20} {s.Value.Item2}")));
        exercise.Show("…, live", explanation["live"].ToJsonString(Indented));

        var pinned = await Service.Client.PostAsync(LabService.Host + "/guests/web1/vifs/0/pin");
        LabService.Is(200, pinned);
        Assert.Equal($"mac={drawn},bridge=xenbr0,script=vif-bridge", (string)pinned["spec"]!);
        exercise.Say("`POST …/vifs/0/pin` writes that into the guest file:");
        exercise.Show("GET …/plan", string.Join('\n', (await Service.GetAsync("/plan"))["steps"].AsArray().Select(s => (string)s!["diff"]!)));

        await Service.SucceedAsync("/guests/web1/recreate");
        await Xen.GuestsConnectedAsync();
        var after = (await Service.DomainAsync("web1"))!;
        Assert.NotEqual(domid, (int)after["domid"]!);
        Assert.Equal((drawn, "xenbr0"), ((string)after["vifs"]![0]!["mac"]!, (string?)after["vifs"]![0]!["bridge"]));
        exercise.Say("`POST …/recreate`: another domain, the same address on the same bridge.");
        exercise.Show("xl network-list web1", await Xen.RunAsync("xl", "network-list", "web1"));
        exercise.Show("grep vif /etc/xen/web1.cfg", await Xen.RunAsync("grep", "vif", "/etc/xen/web1.cfg"));
    }

    /// <summary>What a vif says, and the question to the host whose answer shows its effect; $N is its number, $V and $F are its backend and frontend in xenstore.</summary>
    private static readonly (string Option, string Vif, string Question, string Expected)[] Options =
    [
        ("mac", "mac=00:16:3e:80:01:01", "xenstore-read $F/mac; ip neigh show 172.31.77.2 | grep -o 'lladdr [0-9a-f:]*'", "00:16:3e:80:01:01\nlladdr 00:16:3e:80:01:01"),
        ("bridge", "bridge=labbr1", "ip -o link show vif$D.$N | grep -o 'master [a-z0-9]*'", "master labbr1"),
        ("vifname", "vifname=web1-lan", "ip -o link show | grep -o -e 'web1-lan' -e \"vif$D.$N\"", "web1-lan"),
        // 10 Mb/s are 62,500 bytes in each 50 ms.
        ("rate", "rate=10Mb/s", "xenstore-read $V/rate", "62500,50000"),
        ("script", "script=vif-lab", "xenstore-read $V/script; cat /run/vif-lab", "/etc/xen/scripts/vif-lab\nonline vif$D.$N"),
        // Debian's scripts have handle_iptable switched off: the address is noted, and no rule made.
        ("ip", "ip=172.31.77.9", "xenstore-read $V/ip; iptables -S FORWARD", "172.31.77.9\n-P FORWARD ACCEPT"),
        ("mtu", "mtu=1400", "cat /sys/class/net/vif$D.$N/mtu; xenstore-read $F/mtu", "1400\n1400"),
        ("trusted", "untrusted", "xenstore-read $F/trusted", "0"),
        ("devid", "devid=17", "ls /sys/class/net | grep vif$D.1; xenstore-list /local/domain/$D/device/vif | sort -n | tail -n 1", "vif$D.17\n17"),
    ];

    public static TheoryData<int> Pairs => [.. Enumerable.Range(0, (Options.Length + 1) / 2)];

    /// <summary>
    /// Two options at a time, each on a vif of its own: to create a guest takes a software Xen its time, and so do the scripts of many vifs,
    /// which xl runs at once and ends after 40 s.
    /// </summary>
    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task VifOptions_Given_TheirEffectsAreOnTheHost(int pair)
    {
        var options = Options.Skip(2 * pair).Take(2).ToList();
        using var exercise = Xen.Report.Begin($"3. What the options of a vif do: {string.Join(", ", options.Select(o => o.Option))}");
        await Xen.ScriptAsync("""
            cat >/etc/xen/scripts/vif-lab <<'END'
            #!/bin/sh
            [ "$1" != online ] || echo "$1 $vif" >/run/vif-lab
            exec /etc/xen/scripts/vif-bridge "$@"
            END
            chmod +x /etc/xen/scripts/vif-lab
            """);
        // A start brings what its guest needs, and a bridge of nobody's would stay to be done.
        if (options.Any(o => o.Option == "bridge"))
            LabService.Is(201, await Service.Client.PutAsync(LabService.Host + "/bridges/labbr1", new { }));
        await Service.PutGuestAsync("web1", [.. options.Select(o => o.Vif)]);
        await Service.SucceedAsync("/guests/web1/start");
        await Xen.GuestsConnectedAsync();
        if (options.Any(o => o.Option == "mac"))
            await Xen.PingedAsync("172.31.77.2");

        var domid = (int)(await Service.DomainAsync("web1"))!["domid"]!;
        foreach (var (at, (option, vif, question, expected)) in options.Index())
        {
            var devid = option == "devid" ? 17 : at;
            var answer = await Xen.ScriptAsync($"D={domid} N={devid} V=/local/domain/0/backend/vif/{domid}/{devid} F=/local/domain/{domid}/device/vif/{devid}; {question}");
            exercise.Say($"{option}: `vif = ['{vif}']`");
            exercise.Show(question, answer);
            Assert.Equal((option, expected.Replace("$D", $"{domid}", StringComparison.Ordinal).Replace("$N", $"{devid}", StringComparison.Ordinal)), (option, answer.TrimEnd('\n')));
        }
    }

    [Fact]
    public async Task Vif_PluggedIntoARunningGuest_AnswersAPing()
    {
        using var exercise = Xen.Report.Begin("4. A vif plugged into a running guest");
        await Service.PutGuestAsync("web1", "");
        await Service.SucceedAsync("/guests/web1/start");
        await Xen.PingedAsync("172.31.77.2");
        var domid = (int)(await Service.DomainAsync("web1"))!["domid"]!;
        await Xen.ScriptAsync("! ping -n -c 1 -W 3 172.31.77.3");

        LabService.Is(201, await Service.Client.PostAsync(LabService.Host + "/guests/web1/vifs", new { bridge = "xenbr0" }));
        var operation = await Service.SucceedAsync("/apply");
        var pinged = await Xen.PingedAsync("172.31.77.3");

        Assert.Equal(domid, (int)(await Service.DomainAsync("web1"))!["domid"]!);
        Assert.Contains("vif.attach", operation["steps"].AsArray().Select(s => (string)s!["action"]!));
        exercise.Say("`POST …/guests/web1/vifs`, `POST …/apply`: the guest runs on, brings the new card up, and answers on it.");
        exercise.Show("GET …/operations/{id}", Steps(operation));
        exercise.Show("xl network-list web1", await Xen.RunAsync("xl", "network-list", "web1"));
        exercise.Show("ping 172.31.77.3", pinged);
    }

    [Fact]
    public async Task Uplink_TakenOffTheBridgeThatCarriesSsh_HostRepairsItself()
    {
        using var exercise = Xen.Report.Begin("5. A bridge change that cuts SSH, and repairs itself");
        LabService.Is(201, await Service.Client.PutAsync(LabService.Host + "/bridges/xenbr0", new { ports = Array.Empty<string>() }));

        var operation = await Service.RunAsync("/apply", new { allow = new[] { "management-path" } });

        Assert.True((string)operation["status"]! == "rolled-back", operation.Text);
        Assert.True((string)operation["error"]["code"]! == "management-path.lost", operation.Text);
        var link = await Xen.UntilAsync("ip -o link show dev eth0 | grep -o 'eth0: .*master xenbr0'");
        exercise.Say("`PUT …/bridges/xenbr0` with no ports, `POST …/apply` with `management-path` allowed: nobody reaches the host any more, until its own timer has run its script.");
        exercise.Show("GET …/operations/{id}", Steps(operation));
        exercise.Show("…, error", operation["error"].ToJsonString(Indented));
        exercise.Show("ip -o link show dev eth0", link);
        exercise.Show("journalctl -u 'xlnet-deadman-*'", await Xen.ScriptAsync("journalctl --no-pager -q -o short-iso -u 'xlnet-deadman-*' | tail -n 10"));
    }

    [Fact]
    public async Task Killed_WhileTheGuestIsCreated_GoesOnWhenItIsStartedAgain()
    {
        using var exercise = Xen.Report.Begin("6. A killed xlnet goes on");
        LabService.Is(201, await Service.Client.PutAsync(LabService.Host + "/bridges/labbr1", new { }));
        await Service.PutGuestAsync("web1", "", "bridge=labbr1");
        var id = await Service.AskAsync("/guests/web1/start");
        Answer running;
        do
            running = await Service.Client.GetJsonAsync($"/v1/operations/{id}?wait=1s");
        while (!running["steps"].AsArray().Any(s => (string)s!["action"]! == "guest.create" && (string)s["status"]! == "running"));
        await Service.KillAsync();

        await Service.StartAgainAsync();
        var operation = await Service.EndAsync(id);

        Assert.True((string)operation["status"]! == "succeeded", operation.Text);
        Assert.Contains("interrupted", operation["steps"].AsArray().Select(s => (string)s!["status"]!));
        Assert.Empty((await Service.GetAsync("/plan"))["steps"].AsArray());
        var domain = (await Service.DomainAsync("web1"))!;
        Assert.Equal(["xenbr0", "labbr1"], domain["vifs"]!.AsArray().Select(v => (string?)v!["bridge"]));
        await Xen.PingedAsync("172.31.77.2");
        exercise.Say("The service is killed by SIGKILL while `xl create` runs, and started again: it looks, and does what is missing.");
        exercise.Show("GET …/operations/{id}", Steps(operation));
        exercise.Show("xl list", await Xen.RunAsync("xl", "list"));
    }

    [Fact]
    public async Task Adopt_AHostWithAPast_ChangesNothingAndSeesWhatComesLater()
    {
        using var exercise = Xen.Report.Begin("9. Adopting a host that has guests already, and drift");
        await Xen.ScriptAsync("""
            cat >/etc/xen/old1.cfg <<'END'
            # Made by hand.
            name = "old1"
            type = "pv"
            kernel = "/guest/vmlinux"
            ramdisk = "/guest/initrd.gz"
            extra = "console=hvc0 quiet labip0=172.31.77.2/24"
            memory = 128
            vif = [ 'mac=00:16:3e:11:22:33,bridge=xenbr0' ]  # its one card
            END
            xl create /etc/xen/old1.cfg
            """);
        await Xen.PingedAsync("172.31.77.2");

        var adopted = await Service.Client.PostAsync(LabService.Host + "/adopt");
        LabService.Is(200, adopted);
        Assert.Equal("old1", (string)Assert.Single(adopted["adopted"]["guests"]!.AsArray())!["name"]!);
        Assert.Empty(adopted["skipped"].AsArray());
        Assert.Empty((await Service.SucceedAsync("/apply"))["steps"].AsArray());
        Assert.True((bool)(await Service.GetAsync("/drift"))["inSync"]!);
        exercise.Say("`POST …/adopt` takes xl.conf, the bridge and the guest; `POST …/apply` finds nothing to do.");
        exercise.Show("POST …/adopt", adopted.Json!.ToJsonString(Indented));

        await Xen.ScriptAsync("sed -i 's/22:33/22:44/' /etc/xen/old1.cfg; xl network-attach old1 mac=00:16:3e:11:22:55 bridge=xenbr0");
        await Xen.GuestsConnectedAsync();
        var drift = await Service.GetAsync("/drift");
        Assert.Contains(drift["entries"].AsArray(), e => (string)e!["target"]! == "guests/old1/vifs/0" && (string?)e["file"] == "00:16:3e:11:22:44");
        Assert.Contains(drift["entries"].AsArray(), e => (string)e!["target"]! == "guests/old1/vifs/1");
        exercise.Say("Someone edits the file by hand, and plugs a card:");
        exercise.Show("GET …/drift", string.Join('\n', drift["entries"].AsArray().Select(e => (string)e!["message"]!)));

        var enforced = await Service.RunAsync("/drift/enforce", new { targets = new[] { "guests/old1" }, allow = new[] { "vif-blip" } });
        Assert.True((string)enforced["status"]! == "succeeded", enforced.Text);
        Assert.True((bool)(await Service.GetAsync("/drift"))["inSync"]!);
        exercise.Say("`POST …/drift/enforce` puts both back:");
        exercise.Show("GET …/operations/{id}", Steps(enforced));
        exercise.Show("grep vif /etc/xen/old1.cfg", await Xen.RunAsync("grep", "vif", "/etc/xen/old1.cfg"));
        exercise.Show("ping 172.31.77.2", await Xen.PingedAsync("172.31.77.2"));
    }

    private static string Steps(Answer operation) => string.Join('\n', operation["steps"].AsArray().Select(
        s => $"{(string)s!["status"]!,-12} {(string)s["action"]!,-14} {(string)s["target"]!}"
            + string.Concat(s["commands"]!.AsArray().Select(c => "\n    " + string.Join(' ', c!["argv"]!.AsArray().Select(a => (string)a!))))));
}

using System.Text.Json.Nodes;
using Npgsql;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Api.Tests;

/// <summary>Addresses for guests: allocated, claimed, kept from others, and given back.</summary>
public sealed class SubnetTests(ServiceFixture service)
{
    private HttpClient Client => service.Client;

    [Fact]
    public async Task Attach_AskingASubnet_GetsAnAddressThatStandsEverywhereTheVifIsShown()
    {
        var host = await NewHostAsync(new { cidr = "10.77.0.0/24", gateway = "10.77.0.1" });
        var vif = await AttachAsync(host, "g1", new { subnet = "lan" });

        Assert.Equal((201, "10.77.0.2", "lan"), (vif.Status, (string)vif["ip"]!, (string)vif["subnet"]!));
        Assert.Contains("ip=10.77.0.2", (string)vif["spec"]!, StringComparison.Ordinal);
        Assert.Contains(",ip=10.77.0.2'", await ConfigAsync(host, "g1"), StringComparison.Ordinal);
        Assert.Equal("10.77.0.2", (string)(await Client.GetJsonAsync($"/v1/hosts/{host}/guests/g1"))["vifs"][0]!["ip"]!);
        Assert.Contains("Its address 10.77.0.2 is of the host's subnet lan (10.77.0.0/24), whose gateway is 10.77.0.1: no other vif there gets it, and the guest has to set it itself.",
            (string)(await Client.GetJsonAsync($"/v1/hosts/{host}/guests/g1/vifs/0/explanation"))["summary"]!, StringComparison.Ordinal);
        Assert.Equal(("held", $"{host}/g1/0"), await HolderAsync(host, "10.77.0.2"));
        Assert.Equal(("reserved", "gateway"), await HolderAsync(host, "10.77.0.1"));
        Assert.Equal("10.77.0.3", (string)(await AttachAsync(host, "g2", new { subnet = "lan" }))["ip"]!);
    }

    [Fact]
    public async Task Put_WhatWasRead_ChangesNothing()
    {
        var host = await NewHostAsync(new { cidr = "10.77.0.0/24" });
        await AttachAsync(host, "g1", new { subnet = "lan" });
        var (config, version) = (await ConfigAsync(host, "g1"), await RevisionAsync(host));

        var vif = (await Client.GetJsonAsync($"/v1/hosts/{host}/guests/g1/vifs/0")).Json!.AsObject();
        foreach (var derived in new[] { "macInFile", "rateText", "spec" })
            vif.Remove(derived);
        Assert.Equal(200, (await Client.SendJsonAsync(HttpMethod.Put, $"/v1/hosts/{host}/guests/g1/vifs/0", vif)).Status);
        var subnet = (await Client.GetJsonAsync($"/v1/hosts/{host}/subnets/lan")).Json!.AsObject();
        foreach (var derived in new[] { "name", "size", "createdAt" })
            subnet.Remove(derived);
        Assert.Equal(200, (await Client.SendJsonAsync(HttpMethod.Put, $"/v1/hosts/{host}/subnets/lan", subnet)).Status);

        Assert.Equal((config, version), (await ConfigAsync(host, "g1"), await RevisionAsync(host)));
    }

    [Fact]
    public async Task Patch_OtherSettings_KeepTheAddress_AndNullGivesItBack()
    {
        var host = await NewHostAsync(new { cidr = "10.77.0.0/24" });
        var path = $"/v1/hosts/{host}/guests/g1/vifs/0";
        await AttachAsync(host, "g1", new { subnet = "lan" });

        var patched = await Client.SendJsonAsync(HttpMethod.Patch, path, new { mtu = 1400 });
        Assert.Equal(("10.77.0.1", 1400), ((string)patched["ip"]!, (int)patched["mtu"]!));
        Assert.Equal("10.77.0.99", (string)(await Client.SendJsonAsync(HttpMethod.Patch, path, new { ip = "10.77.0.99" }))["ip"]!);
        Assert.Equal(("quarantined", $"{host}/g1/0"), await HolderAsync(host, "10.77.0.1"));
        var none = await Client.SendJsonAsync(HttpMethod.Patch, path, new JsonObject { ["subnet"] = null });
        Assert.Equal((true, true), (none.Json!["ip"] is null, none.Json!["subnet"] is null));
        Assert.Equal("quarantined", (await HolderAsync(host, "10.77.0.99")).State);
    }

    [Fact]
    public async Task Clash_WithAnAddressGivenByHand_Is409ThatNamesTheVif()
    {
        var host = await NewHostAsync(new { cidr = "10.77.0.0/24" });
        await AttachAsync(host, "g1", new { ip = "10.77.0.7" });

        var attach = await AttachAsync(host, "g2", new { ip = "10.77.0.7" });
        var file = await Client.PutTextAsync($"/v1/hosts/{host}/guests/g3/config", "name = 'g3'\ntype = 'pv'\nkernel = '/guest/vmlinuz'\nvif = ['ip=10.77.0.7']\n");
        foreach (var clash in new[] { attach, file })
        {
            Assert.Equal((409, "ip.in-use"), (clash.Status, clash.Code));
            Assert.Equal((host, "g1", 0), ((string)clash["conflictingVif"]["host"]!, (string)clash["conflictingVif"]["guest"]!, (int)clash["conflictingVif"]["devid"]!));
        }

        Assert.Equal(["/ip"], attach.Pointers);
        Assert.Equal(404, (await Client.GetJsonAsync($"/v1/hosts/{host}/guests/g3")).Status);
        var twice = await Client.PutAsync($"/v1/hosts/{host}/guests/g2", new { vifs = new[] { new { ip = "10.77.0.8" }, new { ip = "10.77.0.8" } } });
        Assert.Equal((422, "ip.duplicate", "/vifs/1/ip"), (twice.Status, twice.Code, twice.Pointers[0]));
        // On another bridge, another team may have the same addresses.
        Assert.Equal(201, (await Client.PutAsync($"/v1/hosts/{host}/bridges/br5", new { })).Status);
        Assert.Equal(201, (await AttachAsync(host, "g2", new { ip = "10.77.0.7", bridge = "br5" })).Status);
    }

    [Theory]
    [InlineData("""{"subnet":"nowhere"}""", "vif.subnet.not-found", "/subnet")]
    [InlineData("""{"subnet":"No!"}""", "subnet.name", "/subnet")]
    [InlineData("""{"subnet":"lan","bridge":"br5"}""", "vif.subnet.elsewhere", "/subnet")]
    [InlineData("""{"subnet":"lan","backend":"netvm"}""", "vif.subnet.elsewhere", "/subnet")]
    [InlineData("""{"subnet":"lan","ip":"10.78.0.7"}""", "vif.subnet.address", "/ip")]
    [InlineData("""{"subnet":"lan","ip":"10.77.0.0/24"}""", "vif.subnet.address", "/ip")]
    public async Task Attach_WhatASubnetCannotGive_IsRefused(string body, string code, string pointer)
    {
        var host = await NewHostAsync(new { cidr = "10.77.0.0/24" });
        Assert.Equal(201, (await Client.PutAsync($"/v1/hosts/{host}/bridges/br5", new { })).Status);
        var refused = await AttachAsync(host, "g1", JsonNode.Parse(body)!);
        Assert.True((422, code, pointer) == (refused.Status, (string)refused["errors"][0]!["code"]!, refused.Pointers[0]), refused.Text);
    }

    [Theory]
    [InlineData("""{"cidr":"10.77.0.1/24"}""", "subnet.cidr", "/cidr")]
    [InlineData("""{"cidr":"10.77/16"}""", "subnet.cidr", "/cidr")]
    [InlineData("""{"cidr":"10.77.0.0/31"}""", "subnet.cidr", "/cidr")]
    [InlineData("""{"cidr":"127.0.0.0/8"}""", "subnet.cidr", "/cidr")]
    [InlineData("""{"cidr":"fe80::/64"}""", "subnet.cidr", "/cidr")]
    [InlineData("""{}""", "subnet.cidr", "/cidr")]
    [InlineData("""{"cidr":"10.77.0.0/24","first":"10.77.1.1"}""", "subnet.range", "/first")]
    [InlineData("""{"cidr":"10.77.0.0/24","last":"10.77.0.255"}""", "subnet.range", "/last")]
    [InlineData("""{"cidr":"10.77.0.0/24","first":"10.77.0.9","last":"10.77.0.8"}""", "subnet.range", "/last")]
    [InlineData("""{"cidr":"10.77.0.0/24","gateway":"10.77.0.0"}""", "subnet.range", "/gateway")]
    [InlineData("""{"cidr":"10.77.0.0/24","gateway":"fe80::1"}""", "subnet.range", "/gateway")]
    [InlineData("""{"cidr":"10.77.0.0/24","first":"10.77.0"}""", "subnet.address", "/first")]
    [InlineData("""{"cidr":"10.77.0.0/24","bridge":"xenbr0","mode":"nat"}""", "subnet.place", "/mode")]
    [InlineData("""{"cidr":"10.77.0.0/24","bridge":"a/b"}""", "subnet.bridge", "/bridge")]
    [InlineData("""{"cidr":"10.77.0.0/24","quarantineSeconds":-1}""", "subnet.quarantine", "/quarantineSeconds")]
    public async Task PutSubnet_ThatCannotBe_IsRefused(string body, string code, string pointer)
    {
        var host = await service.NewHostAsync();
        var refused = await Client.SendJsonAsync(HttpMethod.Put, $"/v1/hosts/{host}/subnets/lan", JsonNode.Parse(body));
        Assert.True((422, code, pointer) == (refused.Status, (string)refused["errors"][0]!["code"]!, refused.Pointers[0]), refused.Text);
    }

    [Fact]
    public async Task PutSubnet_OverlappingAnotherOfItsPlace_Is409ThatNamesIt()
    {
        var host = await NewHostAsync(new { cidr = "10.77.0.0/24" });
        var clash = await Client.PutAsync($"/v1/hosts/{host}/subnets/other", new { cidr = "10.77.0.128/25" });
        Assert.Equal((409, "subnet.overlap", "lan"), (clash.Status, clash.Code, (string)clash["conflictingSubnet"]!));
        Assert.Equal(201, (await Client.PutAsync($"/v1/hosts/{host}/subnets/other", new { cidr = "10.77.0.128/25", bridge = "br5" })).Status);
        Assert.Equal("subnet.exists", (await Client.PostAsync($"/v1/hosts/{host}/subnets", new { name = "lan", cidr = "10.1.0.0/24" })).Code);
    }

    [Fact]
    public async Task PutSubnet_OverAddressesThatVifsHave_TakesThemAsHeld()
    {
        var host = await service.NewHostAsync();
        await NewGuestAsync(host, "g1");
        await NewGuestAsync(host, "g2");
        Assert.Equal(201, (await AttachAsync(host, "g1", new { ip = "10.77.0.1 2001:db8::7" })).Status);
        Assert.Equal(201, (await Client.PutAsync($"/v1/hosts/{host}/subnets/lan", new { cidr = "10.77.0.0/24" })).Status);
        Assert.Equal(("held", $"{host}/g1/0"), await HolderAsync(host, "10.77.0.1"));
        Assert.Equal("10.77.0.2", (string)(await AttachAsync(host, "g2", new { subnet = "lan" }))["ip"]!);

        Assert.Equal(201, (await AttachAsync(host, "g1", new { ip = "10.88.0.1" })).Status);
        Assert.Equal(201, (await AttachAsync(host, "g2", new { ip = "10.88.0.1" })).Status);
        var twice = await Client.PutAsync($"/v1/hosts/{host}/subnets/two", new { cidr = "10.88.0.0/24" });
        Assert.Equal((422, "ip.duplicate"), (twice.Status, twice.Code));
        Assert.Contains($"{host}/g1/1, {host}/g2/1", twice.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task PutSubnet_ThatLeavesAVifOutside_Is409ThatNamesIt()
    {
        var host = await NewHostAsync(new { cidr = "10.77.0.0/24" });
        await AttachAsync(host, "g1", new { subnet = "lan" });
        foreach (var body in new object[] { new { cidr = "10.78.0.0/24" }, new { cidr = "10.77.0.0/24", bridge = "br5" }, new { cidr = "10.77.0.0/24", mode = "nat" } })
        {
            var refused = await Client.PutAsync($"/v1/hosts/{host}/subnets/lan", body);
            Assert.Equal((409, "subnet.in-use", "g1"), (refused.Status, refused.Code, (string)refused["conflictingVif"]["guest"]!));
        }

        Assert.Equal((409, "subnet.in-use"), await DeleteAsync($"/v1/hosts/{host}/subnets/lan"));
        var elsewhere = await Client.PutAsync($"/v1/hosts/{host}/defaults", new { bridge = "br5" });
        Assert.Equal((200, 201), (elsewhere.Status, (await Client.PutAsync($"/v1/hosts/{host}/subnets/two", new { cidr = "10.99.0.0/24", bridge = "br5" })).Status));
        // The vif names no bridge, so where it is follows from the default.
        Assert.Equal(201, (await AttachAsync(host, "g1", new { subnet = "two" })).Status);
        var back = await Client.PutAsync($"/v1/hosts/{host}/defaults", new { bridge = "xenbr0" });
        Assert.Equal((409, "subnet.in-use"), (back.Status, back.Code));

        Assert.Equal(204, (await Client.DeleteAnswerAsync($"/v1/hosts/{host}/guests/g1")).Status);
        Assert.Equal(204, (await Client.DeleteAnswerAsync($"/v1/hosts/{host}/subnets/lan")).Status);
    }

    [Fact]
    public async Task Release_PutsAnAddressIntoQuarantine_AndItsVifGetsItBack()
    {
        var host = await NewHostAsync(new { cidr = "10.77.0.0/30", quarantineSeconds = 3600 });
        Assert.Equal("10.77.0.1", (string)(await AttachAsync(host, "g1", new { subnet = "lan" }))["ip"]!);
        Assert.Equal("10.77.0.2", (string)(await AttachAsync(host, "g1", new { subnet = "lan" }))["ip"]!);
        var full = await AttachAsync(host, "g2", new { subnet = "lan" });
        Assert.Equal((409, "subnet.exhausted"), (full.Status, full.Code));
        Assert.Equal(204, (await Client.DeleteAnswerAsync($"/v1/hosts/{host}/guests/g1/vifs/1")).Status);

        Assert.Equal("subnet.exhausted", (await AttachAsync(host, "g2", new { subnet = "lan" })).Code);
        Assert.Equal("ip.in-quarantine", (await AttachAsync(host, "g2", new { ip = "10.77.0.2" })).Code);
        Assert.Equal("10.77.0.2", (string)(await AttachAsync(host, "g1", new { subnet = "lan" }))["ip"]!);
        Assert.Equal(204, (await Client.DeleteAnswerAsync($"/v1/hosts/{host}/guests/g1")).Status);
        Assert.Equal(204, (await Client.DeleteAnswerAsync($"/v1/hosts/{host}/subnets/lan/addresses/10.77.0.2")).Status);
        Assert.Equal("10.77.0.2", (string)(await AttachAsync(host, "g2", new { subnet = "lan" }))["ip"]!);
        var history = (await Client.GetJsonAsync($"/v1/hosts/{host}/subnets/lan/addresses/10.77.0.2"))["history"].AsArray();
        Assert.Equal([($"{host}/g2/0", true), ($"{host}/g1/1", false), ($"{host}/g1/1", false)], history.Select(h => ((string)h!["holder"]!, h["until"] is null)));
    }

    [Fact]
    public async Task Reserve_KeepsAnAddressForItsGuest()
    {
        var host = await NewHostAsync(new { cidr = "10.77.0.0/24" });
        var path = $"/v1/hosts/{host}/subnets/lan/addresses";
        Assert.Equal("10.77.0.9", (string)(await Client.PostAsync(path, new { reservedFor = $"{host}/g1", address = "10.77.0.9" }))["address"]!);
        Assert.Equal("10.77.0.1", (string)(await Client.PostAsync(path, new { reservedFor = "the printer" }))["address"]!);
        Assert.Equal("ip.reserved", (await Client.PostAsync(path, new { reservedFor = "x", address = "10.77.0.9" })).Code);
        Assert.Equal("subnet.address", (await Client.PostAsync(path, new { reservedFor = "x", address = "10.78.0.9" })).Code);

        Assert.Equal("ip.reserved", (await AttachAsync(host, "g2", new { ip = "10.77.0.9" })).Code);
        Assert.Equal("10.77.0.2", (string)(await AttachAsync(host, "g2", new { subnet = "lan" }))["ip"]!);
        Assert.Equal("10.77.0.9", (string)(await AttachAsync(host, "g1", new { subnet = "lan" }))["ip"]!);
        Assert.Equal("ip.in-use", (await DeleteAsync($"{path}/10.77.0.9")).Code);
        Assert.Equal("ip.not-found", (await DeleteAsync($"{path}/10.77.0.77")).Code);

        var page = await Client.GetJsonAsync($"{path}?limit=2");
        Assert.Equal(["10.77.0.1", "10.77.0.2"], page["items"].AsArray().Select(a => (string)a!["address"]!));
        var next = await Client.GetJsonAsync($"{path}?limit=2&cursor={page["next"]}");
        Assert.Equal(["10.77.0.9"], next["items"].AsArray().Select(a => (string)a!["address"]!));
        Assert.Equal(["10.77.0.1"], (await Client.GetJsonAsync($"{path}?state=reserved"))["items"].AsArray().Select(a => (string)a!["address"]!));
    }

    [Fact]
    public async Task Attach_32ClientsAtOnce_Get32AddressesAndATrialTakesNone()
    {
        var host = await NewHostAsync(new { cidr = "10.77.0.0/24" });
        await NewGuestAsync(host, "g3");
        Assert.Equal("10.77.0.1", (string)(await Client.PostAsync($"/v1/hosts/{host}/guests/g3/vifs?validateOnly=true", new { subnet = "lan" }))["ip"]!);

        var answers = await Task.WhenAll(Enumerable.Range(0, 32).Select(i => Client.PostAsync($"/v1/hosts/{host}/guests/g{i % 2 + 1}/vifs", new { subnet = "lan" })));

        Assert.All(answers, a => Assert.Equal(201, a.Status));
        Assert.Equal(Enumerable.Range(1, 32).Select(i => $"10.77.0.{i}"), answers.Select(a => (string)a["ip"]!).OrderBy(a => int.Parse(a.Split('.')[3], null)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Attach_SubnetOfAMillion99PercentFull_TakesAsManyStatementsAsWhenEmpty(bool byCounter)
    {
        var host = await NewHostAsync(new { cidr = "10.0.0.0/12", first = "10.0.0.1", last = "10.15.66.64", quarantineSeconds = 0 });
        using var counter = new StatementCounter();
        var (empty, whenEmpty) = await counter.CountAsync(Client, HttpMethod.Post, $"/v1/hosts/{host}/guests/g1/vifs", new { subnet = "lan" });
        Assert.Equal("10.0.0.1", (string)empty["ip"]!);

        await using var connection = new NpgsqlConnection(service.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var fill = connection.CreateCommand();
        // Filled faster than PostgreSQL keeps its statistics: of this subnet it knows next to nothing.
        fill.CommandText = $"""
            ANALYZE subnet_addresses;
            INSERT INTO subnet_addresses (subnet_id, address, state, holder, since)
            SELECT s.id, s.first + n, 'held', 'filled', now() FROM generate_series(0, 990000) n, subnets s JOIN hosts h ON h.id = s.host_id WHERE h.name = '{host}'
            ON CONFLICT DO NOTHING;
            {(byCounter ? $"UPDATE subnets SET next = 990001 WHERE host_id = (SELECT id FROM hosts WHERE name = '{host}')" : "")}
            """;
        fill.CommandTimeout = 300;
        await fill.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        var (full, whenFull) = await counter.CountAsync(Client, HttpMethod.Post, $"/v1/hosts/{host}/guests/g1/vifs", new { subnet = "lan" });

        Assert.Equal((201, "10.15.27.50"), (full.Status, (string)full["ip"]!));
        Assert.True(whenEmpty > 0);
        Assert.Equal(whenEmpty, whenFull);
    }

    [Fact]
    public async Task Subnet6_IsAllocatedFromToo()
    {
        var host = await NewHostAsync(new { cidr = "2001:db8:7::/64" });
        Assert.Equal("2001:db8:7::1", (string)(await AttachAsync(host, "g1", new { subnet = "lan" }))["ip"]!);
        Assert.Equal((4294967296, "2001:db8:7::1:0:0"), await RangeAsync());
        Assert.Equal("ip.in-use", (await AttachAsync(host, "g2", new { ip = "2001:db8:7:0::1" })).Code);

        async Task<(long, string)> RangeAsync()
        {
            var subnet = await Client.GetJsonAsync($"/v1/hosts/{host}/subnets/lan");
            return ((long)subnet["size"]!, (string)subnet["last"]!);
        }
    }

    [Fact]
    public async Task Clone_GetsAnotherAddress_AndALockedVifOneToBeLockedTo()
    {
        var host = await NewHostAsync(new { cidr = "10.77.0.0/24" });
        Assert.Equal(201, (await AttachAsync(host, "g1", new { subnet = "lan", locking = "locked" })).Status);
        var clone = await Client.PostAsync($"/v1/hosts/{host}/guests/g1/clone", new { name = "g9" });
        Assert.True(clone.Status == 201, clone.Text);
        Assert.Equal(("10.77.0.2", "lan", "locked"), ((string)clone["vifs"][0]!["ip"]!, (string)clone["vifs"][0]!["subnet"]!, (string)clone["vifs"][0]!["locking"]!));
    }

    [Fact]
    public async Task Restore_BringsSubnetsAndAddressesBack()
    {
        var host = await NewHostAsync(new { cidr = "10.77.0.0/24", gateway = "10.77.0.254", description = "first" });
        await AttachAsync(host, "g1", new { subnet = "lan" });
        var wanted = await RevisionAsync(host);
        Assert.Equal(204, (await Client.DeleteAnswerAsync($"/v1/hosts/{host}/guests/g1")).Status);
        Assert.Equal(204, (await Client.DeleteAnswerAsync($"/v1/hosts/{host}/subnets/lan")).Status);
        Assert.Equal(201, (await Client.PutAsync($"/v1/hosts/{host}/subnets/other", new { cidr = "10.77.0.0/25" })).Status);
        Assert.Equal(201, (await AttachAsync(host, "g2", new { subnet = "other" })).Status);

        var before = await Client.GetJsonAsync($"/v1/hosts/{host}");
        var restored = await Client.SendJsonAsync(HttpMethod.Post, $"/v1/hosts/{host}/revisions/{wanted}/restore", null, ("If-Match", before.Headers.ETag!.ToString()));

        Assert.True(restored.Status == 200, restored.Text);
        Assert.Equal([("lan", "10.77.0.0/24", "10.77.0.254")], restored["subnets"].AsArray().Select(s => ((string)s!["name"]!, (string)s["cidr"]!, (string)s["gateway"]!)));
        Assert.Equal(404, (await Client.GetJsonAsync($"/v1/hosts/{host}/subnets/other")).Status);
        var vif = await Client.GetJsonAsync($"/v1/hosts/{host}/guests/g1/vifs/0");
        Assert.Equal(("10.77.0.1", "lan"), ((string)vif["ip"]!, (string)vif["subnet"]!));
        Assert.Equal(("held", $"{host}/g1/0"), await HolderAsync(host, "10.77.0.1"));
        Assert.Equal(("reserved", "gateway"), await HolderAsync(host, "10.77.0.254"));
    }

    [Fact]
    public async Task Nat_BringsASubnetWhoseAddressesDnsmasqHandsOut()
    {
        var host = await NewHostAsync(new { cidr = "10.77.0.0/24" });
        Assert.Equal(201, (await AttachAsync(host, "g1", new { subnet = "lan" })).Status);
        var networking = $"/v1/hosts/{host}/networking";

        var stranded = await Client.PutAsync(networking, new { mode = "nat", subnet = "10.78.0.0/24" });
        Assert.Equal((422, "networking.addresses-stranded"), (stranded.Status, stranded.Code));
        Assert.Equal(["g1/vifs/0 subnet=lan ip=10.77.0.1"], stranded["vifs"].AsArray().Select(v => (string)v!));
        var nowhere = await Client.PutAsync(networking, new { mode = "nat", moveAddresses = new Dictionary<string, string> { ["lan"] = "none" } });
        Assert.Equal((422, "networking.move-addresses"), (nowhere.Status, nowhere.Code));
        var moved = await Client.PutAsync(networking, new { mode = "nat", subnet = "10.78.0.0/24", moveAddresses = new Dictionary<string, string> { ["lan"] = "nat" } });
        Assert.True(moved.Status == 200, moved.Text);

        var subnet = await Client.GetJsonAsync($"/v1/hosts/{host}/subnets/nat");
        Assert.Equal(("10.78.0.0/24", "nat", "10.78.0.1", "10.78.0.2", "10.78.0.128"),
            ((string)subnet["cidr"]!, (string)subnet["mode"]!, (string)subnet["gateway"]!, (string)subnet["first"]!, (string)subnet["last"]!));
        var vif = await Client.GetJsonAsync($"/v1/hosts/{host}/guests/g1/vifs/0");
        Assert.Equal(("10.78.0.2", "nat"), ((string)vif["ip"]!, (string)vif["subnet"]!));
        Assert.Equal("vif.subnet.elsewhere", (await AttachAsync(host, "g2", new { subnet = "lan" })).Code);
        Assert.Contains("the host's dnsmasq gives it to the guest", (string)(await Client.GetJsonAsync($"/v1/hosts/{host}/guests/g1/vifs/0/explanation"))["summary"]!, StringComparison.Ordinal);

        var ended = await Client.SendJsonAsync(HttpMethod.Post, $"/v1/hosts/{host}/apply?wait=60s", new { allow = new[] { "vif-blip", "management-path" } });
        Assert.True((string)ended["status"]! == "succeeded", ended.Text);
        string hosts = "", conf = "";
        await service.ChangeKnownHostAsync(host, s => (hosts, conf) = (System.Text.Encoding.UTF8.GetString(s.Files["/etc/xlnet/dnsmasq.hosts"].Content), System.Text.Encoding.UTF8.GetString(s.Files["/etc/xlnet/dnsmasq.conf"].Content)));
        Assert.Contains($"{vif["mac"]},10.78.0.2,g1", hosts, StringComparison.Ordinal);
        // What is leased to whoever asks is never allocated.
        Assert.Contains("dhcp-range=10.78.0.129,10.78.0.254,", conf, StringComparison.Ordinal);

        Assert.Equal((409, "subnet.of-networking"), await DeleteAsync($"/v1/hosts/{host}/subnets/nat"));
        Assert.Equal("subnet.of-networking", (await Client.PutAsync($"/v1/hosts/{host}/subnets/nat", new { cidr = "10.79.0.0/24", mode = "nat" })).Code);
        // Another network of the same mode takes its vifs along only when it is told to.
        Assert.Equal("networking.addresses-stranded", (await Client.PutAsync(networking, new { mode = "nat", subnet = "10.79.0.0/24" })).Code);
        var renumbered = await Client.PutAsync(networking, new { mode = "nat", subnet = "10.79.0.0/24", moveAddresses = new Dictionary<string, string> { ["nat"] = "nat" } });
        Assert.True(renumbered.Status == 200, renumbered.Text);
        Assert.Equal("10.79.0.2", (string)(await Client.GetJsonAsync($"/v1/hosts/{host}/guests/g1/vifs/0"))["ip"]!);
        Assert.Equal(200, (await Client.PutAsync(networking, new { mode = "bridged", moveAddresses = new Dictionary<string, string?> { ["nat"] = null } })).Status);
        Assert.Null((await Client.GetJsonAsync($"/v1/hosts/{host}/guests/g1/vifs/0")).Json!["ip"]);
        Assert.Equal(204, (await Client.DeleteAnswerAsync($"/v1/hosts/{host}/subnets/nat")).Status);
    }

    [Fact]
    public async Task Adopt_GuestsWithAddressesOfASubnet_TakesThoseWhoseAddressIsFree()
    {
        var host = await NewHostAsync(new { cidr = "10.77.0.0/24" });
        Assert.Equal("10.77.0.1", (string)(await AttachAsync(host, "g1", new { subnet = "lan" }))["ip"]!);
        await service.ChangeHostAsync(host, s =>
        {
            foreach (var (name, ip) in new[] { ("old1", "10.77.0.1"), ("old2", "10.77.0.2"), ("old3", "10.77.0.2") })
                s.Files[$"/etc/xen/{name}.cfg"] = new SimulatedFile { Content = System.Text.Encoding.UTF8.GetBytes($"name = '{name}'\ntype = 'pv'\nkernel = '/guest/vmlinuz'\nvif = ['ip={ip}']\n") };
        });

        var adopted = await Client.PostAsync($"/v1/hosts/{host}/adopt");

        Assert.True(adopted.Status == 200, adopted.Text);
        Assert.Equal(["old2"], adopted["adopted"]["guests"]!.AsArray().Select(g => (string)g!["name"]!));
        Assert.Equal([("guests/old1", "ip.in-use"), ("guests/old3", "ip.in-use")], adopted["skipped"].AsArray().Select(s => ((string)s!["target"]!, (string)s["code"]!)));
        Assert.Equal(("held", $"{host}/old2/0"), await HolderAsync(host, "10.77.0.2"));
    }

    [Fact]
    public async Task DeleteHost_TakesItsSubnetsAlong()
    {
        var host = await NewHostAsync(new { cidr = "10.77.0.0/24" });
        Assert.Equal(201, (await AttachAsync(host, "g1", new { subnet = "lan" })).Status);
        Assert.Equal(204, (await Client.DeleteAnswerAsync($"/v1/hosts/{host}")).Status);
        Assert.Equal(404, (await Client.GetJsonAsync($"/v1/hosts/{host}/subnets/lan")).Status);
    }

    private async Task<string> NewHostAsync(object subnet)
    {
        var host = await service.NewHostAsync();
        var put = await Client.PutAsync($"/v1/hosts/{host}/subnets/lan", subnet);
        Assert.True(put.Status == 201, put.Text);
        await NewGuestAsync(host, "g1");
        await NewGuestAsync(host, "g2");
        return host;
    }

    private async Task NewGuestAsync(string host, string name) =>
        Assert.Equal(201, (await Client.PutAsync($"/v1/hosts/{host}/guests/{name}", new { kernel = "/guest/vmlinuz" })).Status);

    private Task<Answer> AttachAsync(string host, string guest, object body) => Client.PostAsync($"/v1/hosts/{host}/guests/{guest}/vifs", body);

    private async Task<(int Status, string? Code)> DeleteAsync(string path)
    {
        var answer = await Client.DeleteAnswerAsync(path);
        return (answer.Status, answer.Code);
    }

    private async Task<(string State, string Holder)> HolderAsync(string host, string address)
    {
        var found = await Client.GetJsonAsync($"/v1/hosts/{host}/subnets/lan/addresses/{address}");
        return ((string)found["state"]!, (string)found["holder"]!);
    }

    private Task<string> ConfigAsync(string host, string guest) => Client.GetStringAsync($"/v1/hosts/{host}/guests/{guest}/config", TestContext.Current.CancellationToken);

    private async Task<long> RevisionAsync(string host) => (long)(await Client.GetJsonAsync($"/v1/hosts/{host}"))["revision"]!;
}

using Xlnet.Api.Tests.Input;
using Xunit;

namespace Xlnet.Api.Tests.Access;

/// <summary>Keys for some hosts see and touch those alone.</summary>
[Collection("Access")]
public sealed class ScopeTests(AccessService service)
{
    private const string Guest = "name = 'web'\nkernel = '/k'\nvif = ['']\n";

    [Fact]
    public async Task Host_OfOthers_IsRefused()
    {
        var client = await service.NewClientAsync("operator", "one");
        Assert.Equal(200, (await client.GetJsonAsync("/v1/hosts/one")).Status);
        foreach (var answer in new[]
        {
            await client.GetJsonAsync("/v1/hosts/two"),
            await client.GetJsonAsync("/v1/hosts/two/plan"),
            await client.GetJsonAsync("/v1/hosts/two/events"),
            await client.PutAsync("/v1/hosts/two/bridges/br9", new { }),
            await client.PostAsync("/v1/hosts/two/apply"),
            // What is not there is refused in the same words as what is.
            await client.GetJsonAsync("/v1/hosts/none-such"),
            await client.PutAsync("/v1/hosts/none-such", new { driver = new { kind = "simulated" } }),
            await client.GetJsonAsync("/v1/operations?host=two"),
            await client.GetJsonAsync("/v1/operations?HOST=two"),
            await client.SendTextAsync(HttpMethod.Post, "/v1/lint?host=two", "name='x'"),
        })
        {
            InputService.CheckProblem(answer, 403, "access.host");
            Assert.Equal("one", (string?)Assert.Single(answer["hosts"].AsArray()));
        }
    }

    [Fact]
    public async Task Host_NamedInABody_IsRefusedToo()
    {
        await service.Admin.PutTextAsync("/v1/hosts/one/guests/web/config", Guest);
        var client = await service.NewClientAsync("operator", "one");
        InputService.CheckProblem(await client.PostAsync("/v1/hosts", new { name = "three", driver = new { kind = "simulated" } }), 403, "access.host");
        InputService.CheckProblem(await client.PostAsync("/v1/hosts/one/guests/web/clone", new { name = "copy", host = "two" }), 403, "access.host");
        Assert.Equal(404, (await service.Admin.GetJsonAsync("/v1/hosts/three")).Status);
        Assert.Equal(404, (await service.Admin.GetJsonAsync("/v1/hosts/two/guests/copy")).Status);
    }

    [Fact]
    public async Task Host_ThatTheKeyWasMadeFor_CanBeMadeByIt()
    {
        var client = await service.NewClientAsync("operator", "four");
        Assert.Equal(201, (await client.PostAsync("/v1/hosts", new { name = "four", driver = new { kind = "simulated" } })).Status);
        Assert.Equal(200, (await client.GetJsonAsync("/v1/hosts/four")).Status);
    }

    [Fact]
    public async Task Lists_OfHosts_ShowTheirsAlone()
    {
        var client = await service.NewClientAsync("viewer", "two", "none-such");
        var hosts = await client.GetJsonAsync("/v1/hosts");
        Assert.Equal("two", (string?)Assert.Single(hosts["items"].AsArray())!["name"]);
        Assert.True((await service.Admin.GetJsonAsync("/v1/hosts"))["items"].AsArray().Count >= 2);
    }

    [Fact]
    public async Task Operations_OfOthers_AreNeitherShownNorTouched()
    {
        var id = (string)(await service.Admin.PostAsync("/v1/hosts/two/apply?wait=30s"))["id"]!;
        await service.Admin.PostAsync("/v1/hosts/one/apply?wait=30s");
        var client = await service.NewClientAsync("operator", "one");
        InputService.CheckProblem(await client.GetJsonAsync($"/v1/operations/{id}"), 403, "access.host");
        InputService.CheckProblem(await client.GetJsonAsync($"/v1/operations/{id}?wait=1s"), 403, "access.host");
        InputService.CheckProblem(await client.GetJsonAsync($"/v1/operations/{id}/events"), 403, "access.host");
        InputService.CheckProblem(await client.PostAsync($"/v1/operations/{id}/cancel"), 403, "access.host");
        InputService.CheckProblem(await client.PostAsync($"/v1/operations/{id}/confirm"), 403, "access.host");
        var shown = (await client.GetJsonAsync("/v1/operations"))["items"].AsArray();
        Assert.NotEmpty(shown);
        Assert.All(shown, o => Assert.Equal("one", (string?)o!["host"]));
    }

    [Fact]
    public async Task Addresses_OfOthers_AreNeitherShownNorNamedNorTouched()
    {
        const string Theirs = "02:00:00:00:07:01", Ours = "02:00:00:00:07:02", Reserved = "02:00:00:00:07:03";
        await service.Admin.PutTextAsync("/v1/hosts/two/guests/secret-name/config", $"name = 'secret-name'\nkernel = '/k'\nvif = ['mac={Theirs}']\n");
        await service.Admin.PutTextAsync("/v1/hosts/one/guests/mine/config", $"name = 'mine'\nkernel = '/k'\nvif = ['mac={Ours}']\n");
        Assert.Equal(201, (await service.Admin.PostAsync("/v1/mac-allocations", new { mac = Reserved, reservedFor = "printer" })).Status);
        var client = await service.NewClientAsync("operator", "one");

        var shown = (await client.GetJsonAsync("/v1/mac-allocations?limit=1000"))["items"].AsArray().Select(a => (string?)a!["mac"]).ToList();
        Assert.Contains(Ours, shown);
        Assert.DoesNotContain(Theirs, shown);
        Assert.DoesNotContain(Reserved, shown);
        Assert.Equal(200, (await client.GetJsonAsync($"/v1/mac-allocations/{Ours}")).Status);
        foreach (var mac in (string[])[Theirs, Reserved])
        {
            InputService.CheckProblem(await client.GetJsonAsync($"/v1/mac-allocations/{mac}"), 403, "access.host");
            InputService.CheckProblem(await client.DeleteAnswerAsync($"/v1/mac-allocations/{mac}"), 403, "access.host");
        }

        InputService.CheckProblem(await client.PostAsync("/v1/mac-allocations", new { reservedFor = "two/web" }), 403, "access.host");
        InputService.CheckProblem(await client.PostAsync("/v1/mac-allocations", new { reservedFor = "printer" }), 403, "access.host");
        Assert.Equal(201, (await client.PostAsync("/v1/mac-allocations", new { reservedFor = "one/later" })).Status);

        var clash = await client.PostAsync("/v1/hosts/one/guests/mine/vifs", new { mac = Theirs });
        InputService.CheckProblem(clash, 409, "mac.in-use", "/mac");
        Assert.DoesNotContain("secret-name", clash.Text, StringComparison.Ordinal);
        Assert.Contains("secret-name", (await service.Admin.PostAsync("/v1/hosts/one/guests/mine/vifs", new { mac = Theirs })).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task History_OfAnAddress_LeavesOthersOut()
    {
        const string Mac = "02:00:00:00:08:01";
        await service.Admin.PutTextAsync("/v1/hosts/two/guests/before/config", $"name = 'before'\nkernel = '/k'\nvif = ['mac={Mac}']\n");
        await service.Admin.DeleteAnswerAsync("/v1/hosts/two/guests/before");
        await service.Admin.DeleteAnswerAsync($"/v1/mac-allocations/{Mac}");
        Assert.Equal(201, (await service.Admin.PutTextAsync("/v1/hosts/one/guests/after/config", $"name = 'after'\nkernel = '/k'\nvif = ['mac={Mac}']\n")).Status);
        var client = await service.NewClientAsync("viewer", "one");
        Assert.Equal("one/after/0", (string?)Assert.Single((await client.GetJsonAsync($"/v1/mac-allocations/{Mac}"))["history"].AsArray())!["holder"]);
        Assert.Equal(2, (await service.Admin.GetJsonAsync($"/v1/mac-allocations/{Mac}"))["history"].AsArray().Count);
    }

    [Fact]
    public async Task WhatIsOfNoHost_TakesAKeyForAll()
    {
        var client = await service.NewClientAsync("admin", "one");
        Assert.Equal(200, (await client.GetJsonAsync("/v1/mac-pools")).Status);
        InputService.CheckProblem(await client.PostAsync("/v1/mac-pools", new { name = "p", first = "0e:00:00:00:00:00", last = "0e:00:00:00:00:ff" }), 403, "access.all-hosts");
        InputService.CheckProblem(await client.GetJsonAsync("/v1/api-keys"), 403, "access.all-hosts");
        InputService.CheckProblem(await client.PostAsync("/v1/api-keys", new { name = "more", role = "admin" }), 403, "access.all-hosts");
    }

    [Fact]
    public async Task Audit_ForSomeHosts_ShowsTheirsAlone()
    {
        await service.Admin.PutAsync("/v1/hosts/two/bridges/br-two", new { });
        var theirs = await service.Admin.PostAsync("/v1/mac-allocations", new { reservedFor = "two/later" });
        var client = await service.NewClientAsync("admin", "one");
        await client.PutAsync("/v1/hosts/one/bridges/br-one", new { });
        var targets = (await client.GetJsonAsync("/v1/audit?limit=1000"))["items"].AsArray().Select(a => (string)a!["target"]!).ToList();
        Assert.Contains("one/bridges/br-one", targets);
        // An address is its holder's.
        Assert.All(targets, t => Assert.True(t.Split('/')[0] is "one" or "mac-allocations", t));
        Assert.DoesNotContain($"mac-allocations/{theirs["mac"]}", targets);
        InputService.CheckProblem(await client.GetJsonAsync("/v1/audit?host=two"), 403, "access.host");
    }
}

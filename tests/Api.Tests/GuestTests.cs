using System.Text.Json.Nodes;
using Xunit;

namespace Xlnet.Api.Tests;

/// <summary>Edits of a guest's file key by key, and clones.</summary>
public sealed class GuestTests(ServiceFixture service)
{
    private HttpClient Client => service.Client;

    [Fact]
    public async Task Patch_Guest_ChangesTheseLinesOfItsFile()
    {
        var host = await service.NewHostAsync();
        var guest = $"/v1/hosts/{host}/guests/g1";
        const string file = "# mine\nname = 'g1'\nkernel = \"/k\" # 6.1\nextra = 'quiet'\nmemory = 128\nvif = []\n";
        Assert.Equal(201, (await Client.PutTextAsync($"{guest}/config", file)).Status);

        var answer = await Client.SendJsonAsync(HttpMethod.Patch, guest, new JsonObject { ["memory"] = 512, ["kernel"] = "/boot/k2", ["extra"] = null, ["vcpus"] = 2 });

        Assert.Equal(200, answer.Status);
        Assert.Equal((512, 2, "/boot/k2"), ((int)answer["memory"]!, (int)answer["vcpus"]!, (string)answer["kernel"]!));
        Assert.Null(answer.Json!["extra"]);
        Assert.Equal("# mine\nname = 'g1'\nkernel = \"/boot/k2\" # 6.1\nmemory = 512\nvif = []\nvcpus = 2\n", (await Client.GetJsonAsync($"{guest}/config")).Text);
        var put = await Client.PutAsync(guest, new { memory = 256 });
        Assert.Equal((200, 256, "/boot/k2"), (put.Status, (int)put["memory"]!, (string)put["kernel"]!));
    }

    [Theory]
    [InlineData("""{"memory":0}""", 422, "validation")]
    [InlineData("""{"kernel":null}""", 422, "xl.refuses")]
    [InlineData("""{"type":"pv"}""", 422, "findings")]
    [InlineData("""{"config":"x"}""", 400, "body.unknown-member")]
    [InlineData("""{"extra":"a\nb"}""", 422, "validation")]
    public async Task Patch_GuestToWhatXlRefuses_ChangesNothing(string patch, int status, string code)
    {
        var host = await service.NewHostAsync();
        var guest = $"/v1/hosts/{host}/guests/g1";
        var type = patch.Contains("type", StringComparison.Ordinal) ? "hvm" : "pvh";
        Assert.Equal(201, (await Client.PutTextAsync($"{guest}/config", $"name = 'g1'\ntype = '{type}'\nkernel = '/k'\nvif = ['{(type == "hvm" ? "type=ioemu" : "")}']\n")).Status);
        var before = (await Client.GetJsonAsync($"{guest}/config")).Text;

        var answer = await Client.SendJsonAsync(HttpMethod.Patch, guest, JsonNode.Parse(patch));

        Assert.Equal((status, code), (answer.Status, answer.Code));
        Assert.Equal(before, (await Client.GetJsonAsync($"{guest}/config")).Text);
    }

    [Fact]
    public async Task Clone_Guest_GetsAddressesOfItsOwnAndKeepsTheRest()
    {
        var host = await service.NewHostAsync();
        const string file = "# the model\nname = 'g1'\nuuid = '29735829-8b99-4e5b-aaff-f9dce40e430a'\nkernel = '/k'  # 6.1\nvif = [ 'bridge=br7,vifname=g1-a', '' ]\n";
        Assert.Equal(201, (await Client.PutTextAsync($"/v1/hosts/{host}/guests/g1/config", file)).Status);

        var answer = await Client.PostAsync($"/v1/hosts/{host}/guests/g1/clone", new { name = "g2" });

        Assert.Equal(201, answer.Status);
        var macs = answer["vifs"].AsArray().Select(v => (string)v!["mac"]!).ToList();
        Assert.Equal(
            $"# the model\nname = 'g2'\nkernel = '/k'  # 6.1\nvif = [ 'bridge=br7,mac={macs[0]}', 'mac={macs[1]}' ]\n",
            (await Client.GetJsonAsync($"/v1/hosts/{host}/guests/g2/config")).Text);
        Assert.Empty(macs.Intersect((await Client.GetJsonAsync($"/v1/hosts/{host}/guests/g1"))["vifs"].AsArray().Select(v => (string)v!["mac"]!)));
        Assert.Equal("guest.exists", (await Client.PostAsync($"/v1/hosts/{host}/guests/g1/clone", new { name = "g2" })).Code);
    }

    [Fact]
    public async Task Clone_ThatKeepsAddresses_Is409AndNamesTheHolder()
    {
        var (host, other) = (await service.NewHostAsync(), await service.NewHostAsync());
        Assert.Equal(201, (await Client.PutTextAsync($"/v1/hosts/{host}/guests/g1/config", "name='g1'\nkernel='/k'\nvif=['']\n")).Status);

        var answer = await Client.PostAsync($"/v1/hosts/{host}/guests/g1/clone", new { name = "g1", host = other, mac = "keep" });

        Assert.Equal((409, "mac.in-use"), (answer.Status, answer.Code));
        Assert.Equal((host, "g1"), ((string)answer["conflictingVif"]["host"]!, (string)answer["conflictingVif"]["guest"]!));
        Assert.Equal(404, (await Client.GetJsonAsync($"/v1/hosts/{other}/guests/g1")).Status);
        Assert.Equal(201, (await Client.PostAsync($"/v1/hosts/{host}/guests/g1/clone", new { name = "g1", host = other })).Status);
    }

    [Theory]
    [InlineData("""{}""", "/name")]
    [InlineData("""{"name":"a b"}""", "/name")]
    [InlineData("""{"name":"g2","mac":"other"}""", "/mac")]
    [InlineData("""{"name":"g2","host":"No"}""", "/host")]
    public async Task Clone_BadInput_IsRefusedWithItsPlace(string body, string pointer)
    {
        var host = await service.NewHostAsync();
        Assert.Equal([pointer], (await Client.SendJsonAsync(HttpMethod.Post, $"/v1/hosts/{host}/guests/g1/clone", JsonNode.Parse(body))).Pointers);
    }
}

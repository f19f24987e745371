using Xunit;

namespace Xlnet.Api.Tests;

public sealed class FieldSelectionTests(ServiceFixture service)
{
    [Theory]
    [InlineData("", "fields=name", """{"name":"web1"}""")]
    [InlineData("", "fields=name,vifs.devid", """{"name":"web1","vifs":[{"devid":0}]}""")]
    [InlineData("", "fields=vifs.devid,vifs.bridge,vifs.rate.bitsPerSecond", """{"vifs":[{"devid":0,"bridge":"br1","rate":{"bitsPerSecond":8000}}]}""")]
    [InlineData("/vifs/0", "fields=devid,rate", """{"devid":0,"rate":{"bitsPerSecond":8000,"intervalMicroseconds":50000}}""")]
    [InlineData("/vifs", "fields=devid", """{"items":[{"devid":0}],"next":null}""")]
    public async Task Fields_OfAnAnswer_AreThoseAlone(string path, string query, string expected)
    {
        var answer = await service.Client.GetJsonAsync($"{await GuestAsync()}{path}?{query}");
        Assert.Equal((200, expected), (answer.Status, answer.Text));
    }

    [Theory]
    [InlineData("", "fields=nane", "there are host, name")]
    [InlineData("", "fields=vifs.nane", "'vifs.nane'")]
    [InlineData("", "fields=name.first", "no object")]
    [InlineData("", "fields=,", "names no member")]
    [InlineData("/config", "fields=name", "no query parameter")]
    public async Task Fields_ThatThereAreNone_AreRefused(string path, string query, string says)
    {
        var answer = await service.Client.GetJsonAsync($"{await GuestAsync()}{path}?{query}");
        Assert.Equal(422, answer.Status);
        Assert.Contains(says, (string)answer["detail"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fields_OfAProblem_AreAll() =>
        Assert.Equal("guest.not-found", (await service.Client.GetJsonAsync($"{await GuestAsync()}9?fields=name")).Code);

    private async Task<string> GuestAsync()
    {
        var host = await service.NewHostAsync();
        var guest = await service.Client.PostAsync($"/v1/hosts/{host}/guests",
            new { name = "web1", kernel = "/boot/vmlinuz", vifs = new[] { new { bridge = "br1", rate = new { bitsPerSecond = 8000 } } } });
        Assert.True(guest.Status == 201, guest.Text);
        return $"/v1/hosts/{host}/guests/web1";
    }
}

using Xlnet.Api.Tests;
using Xunit;

namespace Xlnet.Sdk.Tests;

/// <summary>docs/api-guide.md does what it says, in each of its languages.</summary>
[Collection(nameof(SdkCollection))]
public sealed class GuideTests(ServiceFixture service, TypeScriptSdk typeScript, CSharpSdk cSharp)
{
    [Fact]
    public async Task Guide_InCurl_PrintsWhatItShows()
    {
        var folder = Directory.CreateTempSubdirectory("xlnet-guide-").FullName;
        try
        {
            Assert.Equal(Guide.Printed, await Tools.RunAsync(folder, "bash", ["-euo", "pipefail", "-c", Guide.Program("bash", service.Url())]));
            await AssertGoneAsync();
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task Guide_InTypeScript_PrintsWhatItShows()
    {
        Assert.Equal(Guide.Printed, await typeScript.RunAsync("guide"));
        await AssertGoneAsync();
    }

    [Fact]
    public async Task Guide_InCSharp_PrintsWhatItShows()
    {
        Assert.Equal(Guide.Printed, await cSharp.RunAsync("Guide"));
        await AssertGoneAsync();
    }

    private async Task AssertGoneAsync() => Assert.Equal(404, (await service.Client.GetJsonAsync("/v1/hosts/dom0-a")).Status);
}

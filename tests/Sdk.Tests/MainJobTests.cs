using Xlnet.Api.Tests;
using Xunit;

namespace Xlnet.Sdk.Tests;

/// <summary>The whole main job through generated clients: a host, a bridge, a guest from its file, a vif, plan, apply, what the host has, what the vif means, and all of it gone.</summary>
[Collection(nameof(SdkCollection))]
public sealed class MainJobTests(ServiceFixture service, TypeScriptSdk typeScript, CSharpSdk cSharp)
{
    private const string Done = "planned bridge.create, file.write; web1 has vif1.0 on xenbr0 and vif1.1 on br-lab; the second is there as the vif says; gone\n";

    [Fact]
    public async Task MainJob_InTypeScript_IsDone()
    {
        Assert.Equal(Done, await typeScript.RunAsync("main-job"));
        Assert.Equal(404, (await service.Client.GetJsonAsync("/v1/hosts/dom0-ts")).Status);
    }

    [Fact]
    public async Task MainJob_InCSharp_IsDone()
    {
        Assert.Equal(Done, await cSharp.RunAsync("MainJob"));
        Assert.Equal(404, (await service.Client.GetJsonAsync("/v1/hosts/dom0-cs")).Status);
    }
}

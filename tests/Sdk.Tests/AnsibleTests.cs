using Xlnet.Api.Tests;
using Xunit;

namespace Xlnet.Sdk.Tests;

/// <summary>examples/ansible/lab.yml, by the real ansible-playbook.</summary>
[Collection(nameof(SdkCollection))]
public sealed class AnsibleTests(ServiceFixture service)
{
    [Fact]
    public async Task Playbook_RunTwice_ChangesNothingTheSecondTime()
    {
        using var playbook = new Playbook();
        Assert.Matches("changed=[1-9]", await playbook.RunAsync(service.Url(), "dom0-an"));
        var state = await HostState.ReadAsync(service.Client, "dom0-an");
        Assert.Contains("\"steps\":[]", state, StringComparison.Ordinal);
        Assert.Matches("ok=8 +changed=0 ", await playbook.RunAsync(service.Url(), "dom0-an"));
        Assert.Equal(state, await HostState.ReadAsync(service.Client, "dom0-an"));
    }
}

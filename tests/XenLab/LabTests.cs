using Xunit;

namespace Xlnet.XenLab;

/// <summary>A host as after its boot, and a service that has it registered, for each test.</summary>
public abstract class LabTests(XenHost xen, string macPolicy = "allocate") : IAsyncLifetime
{
    protected XenHost Xen { get; } = xen;

    protected LabService Service { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        await Xen.ResetAsync();
        Service = await LabService.StartAsync(Xen, macPolicy);
    }

    public async ValueTask DisposeAsync()
    {
        if (Service is not null)
            await Service.DisposeAsync();
        GC.SuppressFinalize(this);
    }
}

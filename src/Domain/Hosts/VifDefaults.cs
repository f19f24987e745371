namespace Xlnet.Domain.Hosts;

/// <summary>A host's <c>vif.default.*</c> in xl.conf(5). What is null is not written there, and libxl's own default applies.</summary>
/// <param name="Script"><c>vif.default.script</c>; libxl's own is vif-bridge.</param>
/// <param name="Bridge"><c>vif.default.bridge</c>; libxl's own is xenbr0.</param>
/// <param name="Backend"><c>vif.default.backend</c>; libxl's own is Dom0.</param>
/// <param name="GatewayDev"><c>vif.default.gatewaydev</c>; libxl has none.</param>
public sealed record VifDefaults(string? Script = null, string? Bridge = null, string? Backend = null, string? GatewayDev = null)
{
    public static readonly VifDefaults None = new();
}

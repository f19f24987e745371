using System.Linq.Expressions;
using Xlnet.Domain.Vifs;

namespace Xlnet.Api.Vifs;

internal static class VifQueries
{
    /// <summary>Those that name a bridge, with VLANs of Open vSwitch or without.</summary>
    public static Expression<Func<Vif, bool>> On(string bridge) => v => v.Bridge == bridge || v.Bridge!.StartsWith(bridge + ".") || v.Bridge!.StartsWith(bridge + ":");
}

using Xlnet.Api.Access;
using Xlnet.Api.Audit;
using Xlnet.Api.Bridges;
using Xlnet.Api.Bulk;
using Xlnet.Api.DesiredStates;
using Xlnet.Api.Drifts;
using Xlnet.Api.Explain;
using Xlnet.Api.Guests;
using Xlnet.Api.Hosts;
using Xlnet.Api.Lint;
using Xlnet.Api.Macs;
using Xlnet.Api.Networking;
using Xlnet.Api.Operations;
using Xlnet.Api.Plans;
using Xlnet.Api.Subnets;
using Xlnet.Api.Vifs;

namespace Xlnet.Api;

internal static class ApiRoutes
{
    /// <summary>Every route of the API.</summary>
    public static void MapV1(this WebApplication app)
    {
        var v1 = app.MapGroup("/v1").WithAccess();
        v1.MapHosts();
        v1.MapDesiredStates();
        v1.MapHostEvents();
        v1.MapNetworking();
        v1.MapBridges();
        v1.MapSubnets();
        v1.MapGuests();
        v1.MapVifs();
        v1.MapBulk();
        v1.MapPlans();
        v1.MapOperations();
        v1.MapDrifts();
        v1.MapRevisions();
        v1.MapMacs();
        v1.MapLint();
        v1.MapExplain();
        v1.MapApiKeys();
        v1.MapAudit();
    }
}

using Microsoft.AspNetCore.Authorization;
using Xlnet.Domain.Access;
using Xlnet.Domain.Common;

namespace Xlnet.Api.Access;

/// <summary>What an operation asks of its caller.</summary>
/// <param name="AllHosts">For what is of no host: a key for some hosts is not enough.</param>
internal sealed record AccessNeed(AccessRole Role, bool AllHosts) : IAuthorizationRequirement
{
    public static readonly IEnumerable<AccessNeed> Each = Enum.GetValues<AccessRole>().SelectMany(r => new[] { new AccessNeed(r, false), new AccessNeed(r, true) });

    public string Policy => Kebab.Name(Role) + (AllHosts ? " of all hosts" : "");
}

internal static class AccessPolicies
{
    /// <summary>
    /// Every operation of the group asks for a role: to read for a viewer, to write for an operator, unless it says another by
    /// <see cref="Needs"/>. So one that says nothing is never open.
    /// </summary>
    public static RouteGroupBuilder WithAccess(this RouteGroupBuilder group)
    {
        ((IEndpointConventionBuilder)group).Finally(endpoint =>
        {
            if (endpoint.Metadata.OfType<AccessNeed>().LastOrDefault() is not { } need)
            {
                var reads = endpoint.Metadata.OfType<IHttpMethodMetadata>().SelectMany(m => m.HttpMethods).All(HttpMethods.IsGet);
                endpoint.Metadata.Add(need = new AccessNeed(reads ? AccessRole.Viewer : AccessRole.Operator, false));
            }

            endpoint.Metadata.Add(new AuthorizeAttribute(need.Policy));
        });
        return group;
    }

    public static TBuilder Needs<TBuilder>(this TBuilder endpoint, AccessRole role, bool allHosts = false) where TBuilder : IEndpointConventionBuilder =>
        endpoint.WithMetadata(new AccessNeed(role, allHosts));
}

/// <summary>Decides by the caller's role, and by the host that the URL names. Hosts that only a body or a row names are checked where they are read.</summary>
internal sealed class AccessHandler : AuthorizationHandler<AccessNeed>
{
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, AccessNeed requirement)
    {
        if (context.Resource is not HttpContext http || Caller.Of(http) is not { } caller)
            return Task.CompletedTask;
        if (!(caller.Role >= requirement.Role))
        {
            context.Fail(new Refusal(this, "access.role",
                $"This takes the role {Kebab.Name(requirement.Role)}, and you have {(caller.Role is { } role ? Kebab.Name(role) : $"none of {string.Join(", ", Kebab.Names<AccessRole>())}")}.",
                "requiredRole", Kebab.Name(requirement.Role)));
        }
        else if (requirement.AllHosts && !caller.Scope.IsAll)
        {
            Refuse("access.all-hosts", "what belongs to no single host");
        }
        else if (Named(http).FirstOrDefault(h => !caller.Scope.Has(h)) is { } host)
        {
            Refuse("access.host", $"the host '{host}'");
        }
        else
        {
            context.Succeed(requirement);
        }

        return Task.CompletedTask;

        void Refuse(string code, string what) => context.Fail(new Refusal(this, code, caller.Scope.Refusal(what), "hosts", caller.Scope.Names!.ToList()));
    }

    private static IEnumerable<string> Named(HttpContext http) =>
        http.Request.Query["host"].OfType<string>().Concat(http.GetRouteValue("host") is string host ? [host] : []);
}

/// <summary>Why not, and what the problem carries.</summary>
internal sealed class Refusal(IAuthorizationHandler handler, string code, string message, string member, object value) : AuthorizationFailureReason(handler, message)
{
    public string Code => code;

    public (string Name, object Value) Member => (member, value);
}

using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Policy;
using Microsoft.AspNetCore.Mvc;
using Xlnet.Api.Common;

namespace Xlnet.Api.Access;

/// <summary>The 401 and the 403 as problems.</summary>
internal sealed class AccessProblems(IProblemDetailsService problems, ILogger<AccessProblems> logger) : IAuthorizationMiddlewareResultHandler
{
    public async Task HandleAsync(RequestDelegate next, HttpContext context, AuthorizationPolicy policy, PolicyAuthorizationResult authorizeResult)
    {
        if (authorizeResult.Succeeded)
            await next(context);
        else if (authorizeResult.Challenged)
            await ChallengeAsync(context);
        else
            await ForbidAsync(context, authorizeResult.AuthorizationFailure?.FailureReasons.OfType<Refusal>().FirstOrDefault());
    }

    private async Task ChallengeAsync(HttpContext http)
    {
        var failure = (await http.AuthenticateAsync()).Failure is { } given ? TokenAuthentication.Explain(given) : null;
        // RFC 6750, section 3.1: no error for a request that did not try.
        var status = failure?.Status ?? StatusCodes.Status401Unauthorized;
        if (failure is not null)
            logger.LogInformation("Refused {Code} from {Address}, request {RequestId}", failure.Code, http.Connection.RemoteIpAddress, http.TraceIdentifier);
        if (status == StatusCodes.Status401Unauthorized)
            http.Response.Headers.WWWAuthenticate = failure is null ? "Bearer realm=\"xlnet\"" : "Bearer realm=\"xlnet\", error=\"invalid_token\"";
        else
            http.Response.Headers.RetryAfter = ApiProblems.RetryAfter;
        await WriteAsync(http, ApiProblems.Problem(
            status,
            failure?.Code ?? "access.missing",
            failure?.Message ?? "Say who you are: 'Authorization: Bearer ' and an API key, or a token of the issuer that is trusted here."));
    }

    private Task ForbidAsync(HttpContext http, Refusal? refusal)
    {
        var problem = ApiProblems.Problem(StatusCodes.Status403Forbidden, refusal?.Code ?? "access.refused", refusal?.Message ?? "This is not yours to do.");
        if (refusal is { Member: var (name, value) })
            problem.Extensions[name] = value;
        return WriteAsync(http, problem);
    }

    private async Task WriteAsync(HttpContext http, ProblemDetails problem)
    {
        http.Response.StatusCode = problem.Status!.Value;
        await problems.WriteAsync(new ProblemDetailsContext { HttpContext = http, ProblemDetails = problem });
    }
}

using System.Security.Claims;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using Xlnet.Domain.Access;
using Xlnet.Domain.Common;

namespace Xlnet.Api.Access;

/// <summary>Lets in by a token of an OIDC issuer: what it is to be like, and who it says that asks.</summary>
internal static class TokenAuthentication
{
    private const int LongestSubject = 255;

    private static readonly TimeSpan IssuerTimeout = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(30);

    public static void Configure(JwtBearerOptions jwt, IOptions<AccessOptions> options, TimeProvider clock)
    {
        if (options.Value is not { Authority: { } authority } access)
            return;
        (jwt.Authority, jwt.Audience) = (authority, access.Audience);
        jwt.RequireHttpsMetadata = !new Uri(authority).IsLoopback;
        jwt.MapInboundClaims = false;
        jwt.SaveToken = false;
        jwt.BackchannelTimeout = IssuerTimeout;
        var check = jwt.TokenValidationParameters;
        check.ClockSkew = ClockSkew;
        // Signatures by the issuer's private key alone: no 'none', and nothing that whoever knows a shared secret could make.
        check.ValidAlgorithms =
        [
            SecurityAlgorithms.RsaSha256, SecurityAlgorithms.RsaSha384, SecurityAlgorithms.RsaSha512,
            SecurityAlgorithms.RsaSsaPssSha256, SecurityAlgorithms.RsaSsaPssSha384, SecurityAlgorithms.RsaSsaPssSha512,
            SecurityAlgorithms.EcdsaSha256, SecurityAlgorithms.EcdsaSha384, SecurityAlgorithms.EcdsaSha512,
        ];
        jwt.Events = new JwtBearerEvents
        {
            OnTokenValidated = context =>
            {
                if (ReadCaller(context.Principal!, access) is { } caller)
                {
                    var until = context.SecurityToken.ValidTo + ClockSkew;
                    context.Principal = new ClaimsPrincipal(new CallerIdentity(
                        caller with { IsStillGoodAsync = _ => ValueTask.FromResult(clock.GetUtcNow().UtcDateTime < until) }, JwtBearerDefaults.AuthenticationScheme));
                }
                else
                {
                    context.Fail(new AccessException("access.token", $"The token has no subject (sub) of 1 to {LongestSubject} characters: nobody could say afterwards who it was."));
                }

                return Task.CompletedTask;
            },
            OnAuthenticationFailed = async context =>
            {
                // Without the issuer's keys every token looks forged.
                try
                {
                    await context.Options.ConfigurationManager!.GetConfigurationAsync(context.HttpContext.RequestAborted);
                }
                catch (Exception e) when (e is InvalidOperationException or IOException or HttpRequestException)
                {
                    context.Fail(new AccessException("access.issuer-unreachable", "The issuer that is trusted here does not answer, so nobody can tell whether the token is good: try again, or use an API key.", StatusCodes.Status503ServiceUnavailable));
                }
            },
        };
    }

    /// <summary>What is wrong with a token, without what it holds.</summary>
    public static AccessException Explain(Exception failure) => failure switch
    {
        AccessException own => own,
        SecurityTokenExpiredException => new AccessException("access.token-expired", "The token has expired: get a new one of its issuer."),
        SecurityTokenNotYetValidException => new AccessException("access.token", "The token is not valid yet."),
        SecurityTokenInvalidAudienceException => new AccessException("access.token", "The token is for something else (aud): get one for xlnet."),
        SecurityTokenInvalidIssuerException => new AccessException("access.token", "The token is of another issuer (iss) than the one that is trusted here."),
        SecurityTokenSignatureKeyNotFoundException or SecurityTokenInvalidSignatureException or SecurityTokenInvalidAlgorithmException =>
            new AccessException("access.token", "The token is not signed by a key of the issuer that is trusted here."),
        _ => new AccessException("access.token", "This is neither an API key of xlnet's nor a token that can be read."),
    };

    private static Caller? ReadCaller(ClaimsPrincipal token, AccessOptions access)
    {
        if (token.FindFirstValue("sub") is not { Length: >= 1 and <= LongestSubject } subject || subject.Any(char.IsControl))
            return null;
        AccessRole? role = null;
        foreach (var claim in token.FindAll(access.RoleClaim))
        {
            if (Kebab.TryParse<AccessRole>(claim.Value, out var named) && !(named < role))
                role = named;
        }

        var hosts = access.HostsClaim is { } name ? token.FindAll(name).Select(c => c.Value).ToList() : null;
        return new Caller(subject, role, HostScope.Of(hosts?.Contains("*") == true ? null : hosts)) { Partition = $"token {subject}" };
    }
}

using System.Net;
using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Xlnet.Domain.Access;
using Xlnet.Infrastructure;

namespace Xlnet.Api.Access;

/// <summary>Lets in by API key; and everyone, where nobody is asked who he is.</summary>
internal sealed class KeyAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder,
    IOptions<AccessOptions> access, IOptions<XlnetOptions> xlnet, ApiKeyCache keys, TimeProvider clock)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    private const string Bearer = "Bearer ";

    /// <summary>What the request sends as a bearer token (RFC 6750), in its header alone.</summary>
    public static string? TokenOf(HttpRequest request) =>
        request.Headers.Authorization is [{ } header] && header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? header[Bearer.Length..].Trim() : null;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (!access.Value.IsOn)
            return Anybody();
        if (!Request.Headers.ContainsKey(HeaderNames.Authorization))
            return AuthenticateResult.NoResult();
        if (TokenOf(Request) is not { } token)
            return Refuse("access.scheme", "The Authorization header is to be one, and say 'Bearer' and the key: 'Authorization: Bearer xlnet_…'.");
        if (!token.StartsWith(ApiKey.Start, StringComparison.Ordinal))
            return Refuse("access.token", $"This is no API key of xlnet's ({ApiKey.Start}…), and tokens of no issuer are taken here.");
        if (!ApiKey.TryParse(token, out var prefix, out var secret))
            return Refuse("access.key", "This API key is not whole, or has something beside it: send it as it was shown when it was made.");

        var hash = ApiKey.Hash(secret);
        var key = await keys.FindAsync(prefix, Context.RequestAborted);
        if (key is null || !key.Accepts(hash, clock.GetUtcNow()))
        {
            // The same words for a key that never was, one that was deleted, and a wrong secret.
            return key?.IsExpired(clock.GetUtcNow()) == true
                ? Refuse("access.key-expired", "This API key has expired: have another one made.")
                : Refuse("access.key", "There is no such API key, or not any more.");
        }

        await keys.NoteUseAsync(key, Context.RequestAborted);
        return Success(new Caller(key.Name.Value, key.Role, key.Scope)
        {
            Partition = $"key {key.Name}",
            IsStillGoodAsync = ct => keys.IsGoodAsync(prefix, hash, ct),
        });
    }

    /// <summary>The service stops by itself where others reach it without being asked; no request may come before it has.</summary>
    private AuthenticateResult Anybody() =>
        xlnet.Value.AllowUnauthenticated || Context.Connection.LocalIpAddress is not { } address || IPAddress.IsLoopback(address)
            ? Success(Caller.Anybody)
            : Refuse("access.open-address", "xlnet asks nobody who he is here, so it answers on loopback addresses only.");

    private AuthenticateResult Success(Caller caller) =>
        AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(new CallerIdentity(caller, Scheme.Name)), Scheme.Name));

    private static AuthenticateResult Refuse(string code, string message) => AuthenticateResult.Fail(new AccessException(code, message));
}

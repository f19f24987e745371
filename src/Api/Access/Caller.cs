using System.Security.Claims;
using Xlnet.Domain.Access;

namespace Xlnet.Api.Access;

/// <summary>Who asks, and what he may.</summary>
/// <param name="Name">The key's name, or the token's subject; null where nobody is asked.</param>
/// <param name="Role">Null for a token without a role of xlnet's.</param>
internal sealed record Caller(string? Name, AccessRole? Role, HostScope Scope)
{
    /// <summary>Whoever comes, where nobody is asked who he is.</summary>
    public static readonly Caller Anybody = new(null, AccessRole.Admin, HostScope.All);

    /// <summary>Whose quota it is: a key and a token may have the same name.</summary>
    public string? Partition { get; init; }

    /// <summary>Whether what let him in is still good, for what goes on long after it began.</summary>
    public Func<CancellationToken, ValueTask<bool>> IsStillGoodAsync { get; init; } = static _ => ValueTask.FromResult(true);

    /// <summary>Null before he is known.</summary>
    public static Caller? Of(HttpContext http) => (http.User.Identity as CallerIdentity)?.Caller;
}

internal sealed class CallerIdentity(Caller caller, string scheme) : ClaimsIdentity(scheme)
{
    public Caller Caller { get; } = caller;
}

/// <summary>Credentials that are good for nothing. It becomes the 401's problem.</summary>
internal sealed class AccessException(string code, string message, int status = StatusCodes.Status401Unauthorized) : Exception(message)
{
    public string Code { get; } = code;

    /// <summary>401; or 503, when nobody can tell just now whether they are good.</summary>
    public int Status { get; } = status;
}

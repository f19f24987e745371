using Microsoft.Extensions.Options;
using Xlnet.Infrastructure;

namespace Xlnet.Api.Access;

/// <summary>Who is let in: section <c>Xlnet:Authentication</c>, in the environment <c>Xlnet__Authentication__…</c>.</summary>
internal sealed class AccessOptions
{
    public const string Section = "Xlnet:Authentication";

    /// <summary>Asks every caller for an API key, or for a token where <see cref="Authority"/> is set.</summary>
    public bool Required { get; set; }

    /// <summary>The OIDC issuer whose tokens are taken as well. Whoever sets it asks every caller too.</summary>
    public string? Authority { get; set; }

    /// <summary>What a token has to be for (<c>aud</c>).</summary>
    public string? Audience { get; set; }

    /// <summary>The claim that says the role: one name or a list of names, of which the highest role counts and others are none of xlnet's.</summary>
    public string RoleClaim { get; set; } = "roles";

    /// <summary>The claim that lists the hosts, or <c>*</c> for all. Unset, every token is for all hosts; set, a token without it is for none.</summary>
    public string? HostsClaim { get; set; }

    public bool IsOn => Required || Authority is not null;
}

/// <summary>How much a caller may ask for: section <c>Xlnet:RateLimit</c>.</summary>
internal sealed class QuotaOptions
{
    public const string Section = "Xlnet:RateLimit";

    /// <summary>How many requests a caller may send at once; 0 for any number.</summary>
    public int Requests { get; set; }

    /// <summary>How long it takes until he may again, from none left: it fills evenly.</summary>
    public int WindowSeconds { get; set; } = 60;
}

/// <summary>Finds out at the start what would otherwise let in the wrong ones, or nobody, later.</summary>
internal sealed class AccessOptionsCheck(IOptions<XlnetOptions> xlnet, IOptions<QuotaOptions> quota) : IValidateOptions<AccessOptions>
{
    private const int MostSeconds = 86_400;

    public ValidateOptionsResult Validate(string? name, AccessOptions options)
    {
        List<string> wrong = [];
        if (options.Authority is not null && !IsIssuer(options.Authority))
            wrong.Add($"{AccessOptions.Section}:Authority is '{options.Authority}': give the issuer's URL with https (http on a loopback address only).");
        if (options.Authority is not null && string.IsNullOrWhiteSpace(options.Audience))
            wrong.Add($"{AccessOptions.Section}:Audience is missing: without it, a token that the issuer made for anything else would open xlnet too.");
        if (options.Authority is null && (options.Audience ?? options.HostsClaim) is not null)
            wrong.Add($"{AccessOptions.Section} has Audience or HostsClaim but no Authority: nobody's tokens would be taken.");
        if (string.IsNullOrWhiteSpace(options.RoleClaim) || options.HostsClaim is { } claim && string.IsNullOrWhiteSpace(claim))
            wrong.Add($"{AccessOptions.Section}: RoleClaim and HostsClaim are names of claims, and not empty.");
        if (options.IsOn && xlnet.Value.AllowUnauthenticated)
            wrong.Add($"Xlnet:AllowUnauthenticated lets everyone in, and {AccessOptions.Section} does not: take one of them out.");
        if (quota.Value.Requests < 0 || quota.Value.WindowSeconds is < 1 or > MostSeconds)
            wrong.Add($"{QuotaOptions.Section}: Requests is 1 or more (0 for no limit), WindowSeconds 1 to {MostSeconds}.");
        if (quota.Value.Requests > 0 && !options.IsOn)
            wrong.Add($"{QuotaOptions.Section} counts the requests of each key or token: it needs {AccessOptions.Section}:Required.");
        return wrong.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(wrong);
    }

    private static bool IsIssuer(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttps || uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback);
}

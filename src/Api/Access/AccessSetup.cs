using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;
using Xlnet.Api.Common;
using Xlnet.Domain.Access;
using Xlnet.Domain.Common;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Api.Access;

/// <summary>Who may do what: see docs/access.md and decision 0014.</summary>
internal static class AccessSetup
{
    private const string Either = "xlnet";
    private const string Key = "key";

    public static void AddAccess(this IServiceCollection services)
    {
        services.AddOptions<AccessOptions>().BindConfiguration(AccessOptions.Section).ValidateOnStart();
        services.AddOptions<QuotaOptions>().BindConfiguration(QuotaOptions.Section);
        services.AddSingleton<IValidateOptions<AccessOptions>, AccessOptionsCheck>();
        services.AddSingleton<ApiKeyCache>();
        services.AddSingleton<Quota>();
        services.AddScoped<ApiKeyService>();

        // Not AddAuthentication: it brings data protection along, which keeps keys in a folder for the cookies that there are none of.
        services.AddAuthenticationCore(options => options.DefaultScheme = Either);
        services.AddWebEncoders();
        services.AddSingleton<IAuthenticationConfigurationProvider, NoSchemesInConfiguration>();
        new AuthenticationBuilder(services)
            .AddPolicyScheme(Either, null, options => options.ForwardDefaultSelector = http =>
                http.RequestServices.GetRequiredService<IOptions<AccessOptions>>().Value.Authority is not null
                && KeyAuthentication.TokenOf(http.Request) is { } token && !token.StartsWith(ApiKey.Start, StringComparison.Ordinal)
                    ? JwtBearerDefaults.AuthenticationScheme : Key)
            .AddScheme<AuthenticationSchemeOptions, KeyAuthentication>(Key, null)
            .AddJwtBearer();
        services.AddOptions<JwtBearerOptions>(JwtBearerDefaults.AuthenticationScheme).Configure<IOptions<AccessOptions>, TimeProvider>(TokenAuthentication.Configure);

        var policies = services.AddAuthorizationBuilder();
        foreach (var need in AccessNeed.Each)
            policies.AddPolicy(need.Policy, policy => policy.AddRequirements(need));
        // What says nothing at all, be it a path where nothing is, is for those alone who are known.
        policies.SetFallbackPolicy(new AuthorizationPolicyBuilder().RequireAuthenticatedUser().Build());
        services.AddSingleton<IAuthorizationHandler, AccessHandler>();
        services.AddSingleton<IAuthorizationMiddlewareResultHandler, AccessProblems>();
    }

    public static void UseAccess(this WebApplication app)
    {
        app.UseAuthentication();
        app.Use((http, next) =>
        {
            if (Caller.Of(http) is { } caller)
            {
                var request = http.RequestServices.GetRequiredService<RequestInfo>();
                (request.Actor, request.Scope) = (caller.Name, caller.Scope);
            }

            return http.RequestServices.GetRequiredService<Quota>().CountAsync(http, next);
        });
        app.UseAuthorization();
    }

    /// <summary>For <c>--create-admin-key NAME</c>: the first key, before the service listens, or one for whoever has lost his.</summary>
    /// <returns>The exit status.</returns>
    public static async Task<int> CreateAdminKeyAsync(this WebApplication app, string name, CancellationToken ct)
    {
        await using var scope = app.Services.CreateAsyncScope();
        try
        {
            var body = new CreateApiKeyRequest { Name = name, Role = AccessRole.Admin };
            ApiDefaults.Validate(scope.ServiceProvider, body);
            var (_, secret) = await scope.ServiceProvider.GetRequiredService<ApiKeyService>().CreateAsync(body, validateOnly: false, ct);
            Console.WriteLine(secret);
            return 0;
        }
        catch (RuleException e)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 1;
        }
    }

    private sealed class NoSchemesInConfiguration : IAuthenticationConfigurationProvider
    {
        public IConfiguration AuthenticationConfiguration { get; } = new ConfigurationBuilder().Build();
    }
}

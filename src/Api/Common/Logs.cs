using Microsoft.Extensions.Logging.Console;

namespace Xlnet.Api.Common;

/// <summary>The console's lines, as JSON where <c>Logging__Console__FormatterName=json</c> asks for that.</summary>
internal static class Logs
{
    public static void AddLogs(this WebApplicationBuilder builder)
    {
        // Which request and which operation a line is of stands in its scopes.
        builder.Services.Configure<JsonConsoleFormatterOptions>(json =>
            (json.IncludeScopes, json.UseUtcTimestamp, json.TimestampFormat) = (true, true, "yyyy-MM-ddTHH:mm:ss.fffZ"));
        builder.Services.AddSingleton<IHttpContextFactory, IdentifiedContexts>();
    }

    /// <summary>
    /// Gives a request its id before anything else happens to it. A middleware would be too late: the framework has opened the scope of
    /// its lines by then, with an id of its own.
    /// </summary>
    private sealed class IdentifiedContexts(IServiceProvider services) : IHttpContextFactory
    {
        private readonly DefaultHttpContextFactory _contexts = new(services);

        public HttpContext Create(Microsoft.AspNetCore.Http.Features.IFeatureCollection featureCollection)
        {
            var http = _contexts.Create(featureCollection);
            http.TraceIdentifier = RequestIds.Of(http.Request);
            return http;
        }

        public void Dispose(HttpContext httpContext) => _contexts.Dispose(httpContext);
    }
}

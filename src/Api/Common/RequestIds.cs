using System.Net;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.Options;
using Xlnet.Api.Access;
using Xlnet.Infrastructure;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Api.Common;

internal static class RequestIds
{
    private const string Header = "X-Request-ID";

    /// <summary>The caller's X-Request-ID, or one that is made.</summary>
    public static string Of(HttpRequest request) =>
        request.Headers[Header].ToString() is { Length: >= 1 and <= 128 } given && given.All(c => c is > ' ' and <= '~') ? given : Guid.CreateVersion7().ToString();

    /// <summary>Echoes the request's id, and notes it for the audit log and the trace.</summary>
    public static void UseRequestIds(this WebApplication app) => app.Use((http, next) =>
    {
        System.Diagnostics.Activity.Current?.SetTag("xlnet.request.id", http.TraceIdentifier);
        // On its start: the exception handler clears what an answer has got by then.
        http.Response.OnStarting(static state =>
        {
            var context = (HttpContext)state;
            context.Response.Headers[Header] = context.TraceIdentifier;
            return Task.CompletedTask;
        }, http);

        var request = http.RequestServices.GetRequiredService<RequestInfo>();
        request.RequestId = http.TraceIdentifier;
        request.RemoteAddress = http.Connection.RemoteIpAddress;
        return next(http);
    });

    /// <summary>
    /// Where nobody is asked who he is, whoever reaches the service may change hosts: so it stops when it listens where others than this
    /// machine can reach it.
    /// </summary>
    public static void RefuseOpenAddresses(this WebApplication app) => app.Lifetime.ApplicationStarted.Register(() =>
    {
        if (app.Services.GetRequiredService<IOptions<XlnetOptions>>().Value.AllowUnauthenticated || app.Services.GetRequiredService<IOptions<AccessOptions>>().Value.IsOn)
            return;
        var open = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()?.Addresses
            .FirstOrDefault(a => !IsLoopback(BindingAddress.Parse(a).Host));
        if (open is null)
            return;
        app.Logger.LogCritical("Without authentication xlnet listens on loopback addresses only, and {Address} is none. Set Xlnet__Authentication__Required=true, and make a first key with --create-admin-key NAME", open);
        Environment.ExitCode = 1;
        app.Lifetime.StopApplication();
    });

    private static bool IsLoopback(string host) =>
        host == "localhost" || IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address);
}

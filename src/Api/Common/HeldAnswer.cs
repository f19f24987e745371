namespace Xlnet.Api.Common;

/// <summary>An answer that is looked at before it is sent.</summary>
internal static class HeldAnswer
{
    /// <summary>Has the request answered, and keeps the body back. The caller sends what is to be sent.</summary>
    public static async Task<MemoryStream> OfAsync(HttpContext http, RequestDelegate next)
    {
        var (outside, body) = (http.Response.Body, new MemoryStream());
        http.Response.Body = body;
        try
        {
            await next(http);
        }
        finally
        {
            http.Response.Body = outside;
        }

        body.Position = 0;
        return body;
    }
}

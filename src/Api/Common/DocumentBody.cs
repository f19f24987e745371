using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.Net.Http.Headers;

namespace Xlnet.Api.Common;

/// <summary>As <see cref="JsonBody{T}"/>, but YAML is taken too.</summary>
internal sealed record DocumentBody<T>(T Value) : IBindableFromHttpContext<DocumentBody<T>>, IEndpointParameterMetadataProvider where T : class
{
    public static async ValueTask<DocumentBody<T>?> BindAsync(HttpContext context, ParameterInfo parameter)
    {
        var bytes = await JsonBodies.ReadAsync(context, ["application/json", .. Yaml.ContentTypes]);
        if (bytes.Length == 0)
            throw new BodyException(StatusCodes.Status400BadRequest, "body.required", $"There is no body: send an object as application/json or {Yaml.ContentType}.");
        var yaml = !MediaTypeHeaderValue.Parse(context.Request.ContentType).MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase);
        return new DocumentBody<T>(JsonBodies.Parse<T>(context, yaml ? Yaml.ToJson(bytes.Span).Span : bytes.Span));
    }

    public static void PopulateMetadata(ParameterInfo parameter, EndpointBuilder builder) =>
        builder.Metadata.Add(new AcceptsMetadata(["application/json", Yaml.ContentType], typeof(T)));
}

/// <summary>A document, in YAML for who asks for it and else in JSON. What it does not say is left out.</summary>
internal sealed class DocumentResult<T>(T value, int status = StatusCodes.Status200OK) : IResult, IEndpointMetadataProvider
{
    private static JsonSerializerOptions? s_options;

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        s_options ??= new JsonSerializerOptions(JsonBodies.Options(httpContext)) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };
        httpContext.Response.StatusCode = status;
        httpContext.Response.Headers.Vary = HeaderNames.Accept;
        var json = JsonSerializer.SerializeToUtf8Bytes(value, s_options);
        var yaml = WantsYaml(httpContext.Request);
        httpContext.Response.ContentType = yaml ? Yaml.ContentType : "application/json; charset=utf-8";
        await httpContext.Response.Body.WriteAsync(yaml ? Yaml.OfJson(json) : json, httpContext.RequestAborted);
    }

    /// <summary>Whether YAML is named before JSON, in the order of their weights.</summary>
    private static bool WantsYaml(HttpRequest request) =>
        MediaTypeHeaderValue.TryParseList(request.Headers.Accept, out var accepted)
        && accepted.OrderByDescending(a => a.Quality ?? 1).FirstOrDefault(a => IsYaml(a) || a.MatchesMediaType("application/json")) is { } first && IsYaml(first);

    private static bool IsYaml(MediaTypeHeaderValue type) => Yaml.ContentTypes.Any(t => type.MediaType.Equals(t, StringComparison.OrdinalIgnoreCase));

    public static void PopulateMetadata(MethodInfo method, EndpointBuilder builder)
    {
        string[] types = ["application/json", Yaml.ContentType];
        builder.Metadata.Add(new ProducesResponseTypeMetadata(StatusCodes.Status200OK, typeof(T), types));
        if (builder.Metadata.OfType<HttpMethodMetadata>().Any(m => m.HttpMethods.Contains("PUT")))
            builder.Metadata.Add(new ProducesResponseTypeMetadata(StatusCodes.Status201Created, typeof(T), types));
    }
}

using System.Reflection;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;
using Xlnet.Domain.Common;

namespace Xlnet.Api.Common;

/// <summary>The OpenAPI document at /openapi/v1.json, and Swagger UI over it.</summary>
internal static class OpenApi
{
    public static void AddOpenApiDocument(this IServiceCollection services) => services
        .AddEndpointsApiExplorer()
        .AddSwaggerGen(options =>
        {
            options.SwaggerDoc("v1", new OpenApiInfo
            {
                Title = "xlnet",
                Version = "v1",
                Description = "Owns the networking of Xen hosts driven by xl: stores it, explains it, plans it, and puts it into force.",
            });
            foreach (var assembly in new[] { Assembly.GetExecutingAssembly(), typeof(Kebab).Assembly, typeof(Infrastructure.XlnetOptions).Assembly })
            {
                var comments = Path.Combine(AppContext.BaseDirectory, $"{assembly.GetName().Name}.xml");
                if (File.Exists(comments))
                    options.IncludeXmlComments(comments);
            }

            options.SupportNonNullableReferenceTypes();
            options.NonNullableReferenceTypesAsRequired();
            options.SchemaFilter<KebabSchemaFilter>();
            options.CustomSchemaIds(SchemaId);
        });

    public static void UseOpenApiDocument(this WebApplication app)
    {
        app.MapSwagger("/openapi/{documentName}.json", options => options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1);
        app.UseSwaggerUI(options =>
        {
            options.RoutePrefix = "swagger";
            options.SwaggerEndpoint("/openapi/v1.json", "xlnet v1");
            options.DocumentTitle = "xlnet";
        });
    }

    private static string SchemaId(Type type) => type.IsGenericType
        ? string.Concat(type.GetGenericArguments().Select(SchemaId)) + type.Name.Split('`')[0]
        : type.Name;

    /// <summary>Enums as their kebab-case names.</summary>
    private sealed class KebabSchemaFilter : ISchemaFilter
    {
        private static readonly MethodInfo Names = typeof(Kebab).GetMethod(nameof(Kebab.Names))!;

        public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
        {
            var type = Nullable.GetUnderlyingType(context.Type) ?? context.Type;
            if (!type.IsEnum || schema is not OpenApiSchema own)
                return;
            own.Type = JsonSchemaType.String;
            own.Format = null;
            own.Enum = [.. ((IReadOnlyCollection<string>)Names.MakeGenericMethod(type).Invoke(null, null)!).Select(n => (System.Text.Json.Nodes.JsonNode)n)];
        }
    }
}

using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Mvc;
using Microsoft.OpenApi;
using Swashbuckle.AspNetCore.SwaggerGen;
using Xlnet.Api.Access;
using Xlnet.Domain.Access;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Common;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Operations;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Xl;

namespace Xlnet.Api.Common;

/// <summary>The OpenAPI document at /openapi/v1.json, and Swagger UI over it.</summary>
internal static class OpenApi
{
    private const string Description =
        "Owns the networking of Xen hosts driven by xl: stores it, explains it, plans it, and puts it into force. Writes are staged: they change "
        + "what a host is to be, and touch nothing on it before an apply. Every error is a problem (RFC 9457) with a stable code. Within a major version, "
        + "answers may get new members and enums new values; clients let them pass.";

    public static void AddOpenApiDocument(this IServiceCollection services) => services
        .AddEndpointsApiExplorer()
        .AddSwaggerGen(options =>
        {
            options.SwaggerDoc("v1", new OpenApiInfo
            {
                Title = "xlnet",
                // What a new version of the service may change is in docs/api-guide.md.
                Version = typeof(OpenApi).Assembly.GetName().Version!.ToString(3),
                Description = Description,
                Contact = new OpenApiContact { Name = "Those who run this service" },
                License = new OpenApiLicense { Name = "All rights reserved", Identifier = "LicenseRef-xlnet" },
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
            options.SchemaFilter<ProblemSchemaFilter>();
            options.SchemaFilter<NullableSchemaFilter>();
            options.MapType<XlNic>(() => new OpenApiSchema { Type = JsonSchemaType.Object, Description = "One vif under libxl's own JSON names, what is unset left out." });
            options.OperationFilter<ParameterFilter>();
            options.OperationFilter<ProblemFilter>();
            options.OperationFilter<MergePatchFilter>();
            options.OperationFilter<ExampleFilter>();
            options.DocumentFilter<StableOrderFilter>();
            options.AddSecurityDefinition("apiKey", Bearer("xlnet_PREFIX_SECRET", "An API key, as `POST /v1/api-keys` shows it once."));
            options.AddSecurityDefinition("token", Bearer("JWT", "A token of the OIDC issuer that the service is told to trust."));
            options.CustomSchemaIds(SchemaId);
        });

    public static void UseOpenApiDocument(this WebApplication app)
    {
        // The contract is public, and the page that shows it has to load before anyone can say who he is in it.
        app.MapSwagger("/openapi/{documentName}.json", options => options.OpenApiVersion = OpenApiSpecVersion.OpenApi3_1).AllowAnonymous();
        // It looks at the path of whatever comes its way.
        app.UseWhen(http => http.Request.Path.StartsWithSegments("/swagger"), swagger => swagger.UseSwaggerUI(options =>
        {
            options.RoutePrefix = "swagger";
            options.SwaggerEndpoint("/openapi/v1.json", "xlnet v1");
            options.DocumentTitle = "xlnet";
        }));
    }

    private static OpenApiSecurityScheme Bearer(string format, string description) =>
        new() { Type = SecuritySchemeType.Http, Scheme = "bearer", BearerFormat = format, Description = description };

    private static string SchemaId(Type type) =>
        type == typeof(ProblemDetails) ? "Problem"
        : type.IsGenericType ? string.Concat(type.GetGenericArguments().Select(SchemaId)) + type.Name.Split('`')[0]
        : type.Name;

    /// <summary>Enums as their kebab-case names.</summary>
    private sealed class KebabSchemaFilter : ISchemaFilter
    {
        public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
        {
            var type = Nullable.GetUnderlyingType(context.Type) ?? context.Type;
            if (!type.IsEnum || schema is not OpenApiSchema own)
                return;
            own.Type = JsonSchemaType.String;
            own.Format = null;
            own.Enum = Names(type);
        }
    }

    /// <summary>A member that may be null says so also where its type stands elsewhere in the document.</summary>
    private sealed class NullableSchemaFilter : ISchemaFilter
    {
        public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
        {
            var nullability = new NullabilityInfoContext();
            foreach (var property in schema.Properties is null ? [] : context.Type.GetProperties())
            {
                var name = JsonNamingPolicy.CamelCase.ConvertName(property.Name);
                if (schema.Properties!.TryGetValue(name, out var member) && member is OpenApiSchemaReference
                    && nullability.Create(property).ReadState == NullabilityState.Nullable)
                    schema.Properties[name] = new OpenApiSchema { OneOf = [member, new OpenApiSchema { Type = JsonSchemaType.Null }] };
            }
        }
    }

    private static List<JsonNode> Names(Type type) => [.. Kebab.Names(type).Select(n => (JsonNode)n)];

    /// <summary>What each problem carries beyond RFC 9457.</summary>
    private sealed class ProblemSchemaFilter : ISchemaFilter
    {
        public void Apply(IOpenApiSchema schema, SchemaFilterContext context)
        {
            if (context.Type != typeof(ProblemDetails) || schema is not OpenApiSchema own)
                return;
            own.Description = "An error (RFC 9457). Some have members of their own, such as `findings` or `conflictingVif`.";
            own.Properties = new Dictionary<string, IOpenApiSchema>
            {
                ["type"] = Text("`/problems/` and the code: stable, and relative to the service."),
                ["title"] = Text("What kind of error it is, for people."),
                ["status"] = new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int32", Description = "The HTTP status." },
                ["detail"] = Text("What is wrong, and what would be right, for people."),
                ["instance"] = Text("The path of the request."),
                ["code"] = Text("Stable, for programs, such as `mac.in-use`."),
                ["errors"] = new OpenApiSchema
                {
                    Type = JsonSchemaType.Array,
                    Items = context.SchemaGenerator.GenerateSchema(typeof(FieldError), context.SchemaRepository),
                    Description = "The fields at fault, where fields are.",
                },
                ["requestId"] = Text("The request's X-Request-ID, which the log has too."),
            };
            own.Required = new HashSet<string> { "type", "title", "status", "detail", "code", "requestId" };
        }

        private static OpenApiSchema Text(string description) => new() { Type = JsonSchemaType.String, Description = description };
    }

    /// <summary>The parameters, which mean the same wherever they stand.</summary>
    private sealed class ParameterFilter : IOperationFilter
    {
        private const string ResourcePattern = "^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$";

        public void Apply(OpenApiOperation operation, OperationFilterContext context)
        {
            foreach (var parameter in operation.Parameters?.OfType<OpenApiParameter>() ?? [])
            {
                var (description, schema) = Describe(parameter.Name!, parameter.In == ParameterLocation.Path, context);
                parameter.Description = description;
                if (schema is null)
                    continue;
                parameter.Schema = schema;
                if (schema.Type == JsonSchemaType.Array)
                    (parameter.Style, parameter.Explode) = (ParameterStyle.Form, false);
            }

            if (FieldSelection.AnswerOf(context.ApiDescription.HttpMethod, [.. context.ApiDescription.ActionDescriptor.EndpointMetadata]) is not null)
            {
                operation.Parameters ??= [];
                operation.Parameters.Add(Fields());
            }

            if (IdempotencyKeys.AreTakenBy(context.ApiDescription.HttpMethod, context.ApiDescription.RelativePath!))
            {
                operation.Parameters ??= [];
                operation.Parameters.Add(IdempotencyKey());
                if (operation.Parameters.Any(p => p.Name == "wait"))
                    operation.Parameters.Add(Prefer());
            }

            // Many hosts have a version each, in the body.
            if (context.ApiDescription.RelativePath != "v1/desired-states" && (context.ApiDescription.HttpMethod is "PUT" or "PATCH" or "DELETE"
                || Throws(operation, StatusCodes.Status412PreconditionFailed) || Throws(operation, StatusCodes.Status428PreconditionRequired)))
            {
                operation.Parameters ??= [];
                operation.Parameters.Add(new OpenApiParameter
                {
                    Name = "If-Match",
                    In = ParameterLocation.Header,
                    // Where nothing may be there yet, there may be no version of it.
                    Required = context.ApiDescription.HttpMethod == "POST" && Throws(operation, StatusCodes.Status428PreconditionRequired),
                    Description = "The ETag of what was read: when it has changed since, the answer is 412 and nothing is done.",
                    Schema = new OpenApiSchema { Type = JsonSchemaType.String },
                });
            }
        }

        private static OpenApiParameter Fields() => new()
        {
            Name = FieldSelection.Parameter,
            In = ParameterLocation.Query,
            Description = "The members that are wanted, of the answer or of each item of a list, such as `name,vifs.mac`; all unless given.",
            Schema = new OpenApiSchema { Type = JsonSchemaType.Array, Items = Text("^[A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)*$") },
            Style = ParameterStyle.Form,
            Explode = false,
        };

        private static OpenApiParameter Prefer() => new()
        {
            Name = "Prefer",
            In = ParameterLocation.Header,
            Description = "`wait=30` asks to wait as the parameter does, in seconds; `respond-async` for an answer at once, as without it (RFC 7240).",
            Schema = new OpenApiSchema { Type = JsonSchemaType.String },
        };

        private static OpenApiParameter IdempotencyKey() => new()
        {
            Name = IdempotencyKeys.Header,
            In = ParameterLocation.Header,
            Description = $"Sent again with the same key, the request is not done again: the answer of the first time comes, with {IdempotencyKeys.ReplayedHeader}: true. "
                + $"It is kept for {Infrastructure.Data.StoredAnswer.Lifetime.TotalHours} hours, until the time in {IdempotencyKeys.ExpiresHeader}. Refusals are not kept.",
            Schema = new OpenApiSchema { Type = JsonSchemaType.String, MinLength = 1, MaxLength = IdempotencyKeys.MaxLength },
        };

        private static (string Description, IOpenApiSchema? Schema) Describe(string name, bool inPath, OperationFilterContext context) => name switch
        {
            "host" => (inPath ? "The host's name." : "Only those of this host.", Text(ResourcePattern)),
            "pool" => (inPath ? "The pool's name." : "Only those of this pool.", Text(ResourcePattern)),
            "subnet" => ("The subnet's name.", Text(ResourcePattern)),
            "address" => ("The address, such as 10.77.0.10 or 2001:db8:7::10.", Text("^[0-9A-Fa-f.:]+$")),
            "guest" => (inPath ? "The guest's name, as in its file." : "Only those of guests with this name.", Text("^[A-Za-z0-9][A-Za-z0-9._+-]{0,62}$")),
            "bridge" => (inPath ? "The bridge's name." : "Only those on this bridge.", Text("^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$")),
            "devid" => ("The vif's number in its guest.", Number(0, 65535)),
            "number" => ("The revision's number.", new OpenApiSchema { Type = JsonSchemaType.Integer, Format = "int64", Minimum = "1" }),
            "id" => ("The operation's id.", null),
            "key" => ("The key's name.", Text(ResourcePattern)),
            "actor" => ("Only what this key, by its name, or this token's subject did.", new OpenApiSchema { Type = JsonSchemaType.String }),
            "action" => ("Only what was done so, such as `vif.attach`.", new OpenApiSchema { Type = JsonSchemaType.String }),
            "requestId" => ("Only what the request with this X-Request-ID did.", new OpenApiSchema { Type = JsonSchemaType.String }),
            "since" => ("Only from this time on.", Time()),
            "until" => ("Only before this time.", Time()),
            "mac" => ("The address, such as 00:16:3e:8a:10:02.", Text("^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$")),
            "cursor" => ("Where the page begins: `next` of the page before.", new OpenApiSchema { Type = JsonSchemaType.String }),
            "limit" => ($"How many items the page has at most; {PageQuery.DefaultLimit} unless given.", Number(1, PageQuery.MaxLimit)),
            "wait" => ("How long to wait for the operation's end, or until it awaits confirmation: a number with ms, s or m, at most 5 minutes, such as `30s`. Without it, the answer comes at once.",
                Text("^[0-9]+(ms|s|m)?$")),
            "confirmWithin" => ("Leaves it to the caller whether what was done stays: unless confirmed within this time, it is rolled back. A number with s, m or h, 1 second to 1 hour, such as `120s`.",
                Text("^[0-9]+(ms|s|m|h)?$")),
            "validateOnly" => ("Checks everything and answers as if it were done, but changes nothing.", null),
            "allow" => ("The impacts that the steps may have; `vif-blip` unless given. What else there is to do is pending.",
                new OpenApiSchema { Type = JsonSchemaType.Array, Items = Named(typeof(Impact), context) }),
            "acceptFindings" => ("The codes of findings that the file may have although they are errors, or `all`.",
                new OpenApiSchema { Type = JsonSchemaType.Array, Items = new OpenApiSchema { Type = JsonSchemaType.String } }),
            "overwrite" => ("Takes the host's where the database has another; else that is skipped.", null),
            "release" => ("Gives the host its own network back first, as it was before xlnet.", null),
            "contents" => ("The files whose contents are wanted: xl.conf, and guest files of /etc/xen.",
                new OpenApiSchema { Type = JsonSchemaType.Array, Items = Text("^/etc/xen/[^/]+$") }),
            "Last-Event-ID" => ("The id of the last event that the client has seen: what happened after it comes.", new OpenApiSchema { Type = JsonSchemaType.String }),
            "fix" => ("Also answers with the text as every fix that can be applied leaves it.", null),
            "kind" when context.ApiDescription.RelativePath == "v1/lint" => ("What the text is; `guest` unless given.", Named(typeof(LintKind), context)),
            "kind" => ("Only those of this kind.", Named(context.ApiDescription.RelativePath == "v1/operations" ? typeof(OperationKind) : typeof(BridgeKind), context)),
            "driver" => ("Only those that are reached so.", Named(typeof(DriverKind), context)),
            "type" => ("Only those of this type.", Named(typeof(GuestType), context)),
            "role" => ("Only those with this role.", Named(typeof(AccessRole), context)),
            "sort" => ("What the items are ordered by: `name` unless given, or what the list says; or a time of theirs, such as `createdAt`. `-` in front turns it round.", Text("^-?[A-Za-z]+$")),
            "state" => ("Only those in this state.", Named(typeof(AllocationState), context)),
            "status" => ("Only those with this status.", Named(typeof(OperationStatus), context)),
            _ => throw new InvalidOperationException($"The parameter '{name}' needs a description for the OpenAPI document."),
        };

        private static OpenApiSchema Text(string pattern) => new() { Type = JsonSchemaType.String, Pattern = pattern };

        private static OpenApiSchema Time() => new() { Type = JsonSchemaType.String, Format = "date-time" };

        private static OpenApiSchema Number(int minimum, int maximum) =>
            new() { Type = JsonSchemaType.Integer, Format = "int32", Minimum = $"{minimum}", Maximum = $"{maximum}" };

        /// <summary>An enum by its name, which is what an SDK calls it.</summary>
        private static IOpenApiSchema Named(Type type, OperationFilterContext context) => context.SchemaGenerator.GenerateSchema(type, context.SchemaRepository);
    }

    /// <summary>The problems that an operation can answer with, by what it takes and does; those of one operation alone stand at its route.</summary>
    private sealed class ProblemFilter : IOperationFilter
    {
        public void Apply(OpenApiOperation operation, OperationFilterContext context)
        {
            if (!context.ApiDescription.RelativePath!.StartsWith("v1/", StringComparison.Ordinal))
            {
                operation.Security = [new OpenApiSecurityRequirement()];
                return;
            }

            var schema = context.SchemaGenerator.GenerateSchema(typeof(ProblemDetails), context.SchemaRepository);
            operation.Responses ??= [];
            var reads = context.ApiDescription.HttpMethod == "GET" || context.ApiDescription.RelativePath is "v1/lint" or "v1/explain";
            if (operation.RequestBody?.Content is { } body)
            {
                if (!body.ContainsKey("text/plain"))
                    Add(400, "The body is no JSON, or not of this shape");
                // The other names that a file is taken under are for curl, and nothing that an SDK should offer.
                else
                    operation.RequestBody.Content.Keys.Where(k => k != "text/plain").ToList().ForEach(k => body.Remove(k));
                Add(413, $"The body is larger than {(context.ApiDescription.RelativePath == "v1/lint" ? 8 : 1)} MiB");
                Add(415, "The content type is not taken here");
            }

            if (operation.Parameters is { Count: > 0 } || operation.RequestBody is not null)
                Add(422, "A value cannot be right; `errors` says which, why, and what would be right");
            if (context.ApiDescription.RelativePath.Contains('{') || operation.Parameters?.Any(p => p.Name is "host" or "pool") == true || !reads)
                Add(404, "There is no such thing");
            // What asks the host itself may find that the host has just been deleted.
            if (!reads || Throws(operation, StatusCodes.Status502BadGateway))
                Add(409, "It clashes with what is there; the problem names it");
            if (operation.Parameters?.Any(p => p.Name == "If-Match") == true)
                Add(412, "It has changed since the version that If-Match names");

            var need = context.ApiDescription.ActionDescriptor.EndpointMetadata.OfType<AccessNeed>().Last();
            Add(401, "It is not known who asks: no API key or token came, or one that is good for nothing", ("WWW-Authenticate", "How to say who asks (RFC 6750)."));
            Add(403, $"It takes the role `{Kebab.Name(need.Role)}`{(need.AllHosts ? ", and a key or token that is for all hosts" : ", and a key or token that is for the host")}");
            Add(429, "The caller's quota is used up", ("Retry-After", "After how many seconds to try again."), ("RateLimit", "What is left, and in how many seconds all is there again."));
            Add(500, "xlnet failed; its log has the details, under the problem's `requestId`");
            Add(503, "xlnet's database, or the issuer that is trusted here, does not answer", ("Retry-After", "After how many seconds to try again."));

            var ordered = new OpenApiResponses();
            foreach (var (status, response) in operation.Responses.OrderBy(r => r.Key, StringComparer.Ordinal))
                ordered[status] = response;
            operation.Responses = ordered;

            void Add(int status, string description, params ReadOnlySpan<(string Name, string Description)> headers) => operation.Responses.TryAdd($"{status}", new OpenApiResponse
            {
                Description = description,
                Headers = headers.Length == 0 ? null : headers.ToArray().ToDictionary(
                    h => h.Name, h => (IOpenApiHeader)new OpenApiHeader { Description = h.Description, Schema = new OpenApiSchema { Type = JsonSchemaType.String } }),
                Content = new Dictionary<string, OpenApiMediaType> { ["application/problem+json"] = new() { Schema = schema } },
            });
        }
    }

    /// <summary>A merge patch needs no member, also where a PUT of the same members does.</summary>
    private sealed class MergePatchFilter : IOperationFilter
    {
        public void Apply(OpenApiOperation operation, OperationFilterContext context)
        {
            var content = operation.RequestBody?.Content;
            if (content?.TryGetValue("application/merge-patch+json", out var patch) != true
                || patch!.Schema is not OpenApiSchemaReference { Reference.Id: { } id }
                || context.SchemaRepository.Schemas[id] is not OpenApiSchema { Required.Count: > 0 } put)
                return;
            var name = id.Replace("Request", "Patch", StringComparison.Ordinal);
            var schema = (OpenApiSchema)put.CreateShallowCopy();
            (schema.Required, schema.Description) = (null, "What is to change of it.");
            var reference = context.SchemaRepository.AddDefinition(name, schema);
            foreach (var media in content.Values)
                media.Schema = reference;
        }
    }

    private static bool Throws(OpenApiOperation operation, int status) => operation.Responses?.ContainsKey($"{status}") == true;

    /// <summary>An order that does not depend on how routes are found, so that a change of the document is a change of the API.</summary>
    private sealed class StableOrderFilter : IDocumentFilter
    {
        private static readonly (string Name, string Description)[] Tags =
        [
            ("API keys", "Who may do what: keys with their roles and hosts."),
            ("Audit", "Who changed what."),
            ("Bridges", "The bridges that a host is to have."),
            ("Desired states", "All that a host is to be, as one document."),
            ("Drift", "What differs between the database, the host's files and what runs, and which side is to be right."),
            ("Guests", "Guests with their files."),
            ("Health", "Whether the service works."),
            ("Hosts", "Dom0s, with the defaults that their vifs fall back on."),
            ("Lint", "What is to be found in a text, and what xl would make of it."),
            ("MAC allocations", "The addresses that are not free."),
            ("MAC pools", "The ranges that addresses are allocated from."),
            ("Operations", "Runs of a plan on a host."),
            ("Plans", "What a host is, and what an apply would change."),
            ("Revisions", "What a host was to be."),
            ("Subnets", "The addresses of guests on a host's bridges, or on its networking."),
            ("Vifs", "The network interfaces of guests."),
        ];

        public void Apply(OpenApiDocument swaggerDoc, DocumentFilterContext context)
        {
            var paths = new OpenApiPaths();
            foreach (var (path, item) in swaggerDoc.Paths.OrderBy(p => p.Key, StringComparer.Ordinal))
                paths.Add(path, item);
            swaggerDoc.Paths = paths;
            if (swaggerDoc.Components?.Schemas is { } schemas)
                swaggerDoc.Components.Schemas = schemas.OrderBy(s => s.Key, StringComparer.Ordinal).ToDictionary(s => s.Key, s => s.Value);
            // Either of them; or none, where the service is set to ask nobody.
            swaggerDoc.Security =
            [
                new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("apiKey", swaggerDoc)] = [] },
                new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference("token", swaggerDoc)] = [] },
                new OpenApiSecurityRequirement(),
            ];
            swaggerDoc.Servers = [new OpenApiServer { Url = "/" }];
            swaggerDoc.Tags = new HashSet<OpenApiTag>(Tags.Select(t => new OpenApiTag { Name = t.Name, Description = t.Description }));
        }
    }
}

using System.Runtime.InteropServices;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.OpenApi;
using NJsonSchema.CodeGeneration.CSharp;
using NSwag.CodeGeneration.CSharp;
using NSwag.CodeGeneration.OperationNameGenerators;
using Xlnet.Api.Tests;
using Xunit;

namespace Xlnet.Sdk.Tests;

/// <summary>
/// The client that NSwag makes of the document, and what is written against it, compiled with nullable references and every warning an
/// error. NSwag reads OpenAPI 3.0 (its issue 3761 asks for 3.1 and is open), so it gets the same document as Microsoft.OpenApi writes it in 3.0.
/// </summary>
public sealed class CSharpSdk(ServiceFixture service) : IAsyncLifetime
{
    private const string Usings = "global using System; global using System.Collections.Generic; global using System.Linq; global using System.Net.Http; global using System.Threading; global using System.Threading.Tasks;";

    private static readonly CSharpParseOptions Language = new(LanguageVersion.CSharp14, DocumentationMode.None);

    private static readonly string Json = typeof(Newtonsoft.Json.JsonConvert).Assembly.Location;

    private readonly string _folder = Directory.CreateTempSubdirectory("xlnet-sdk-").FullName;

    public async ValueTask InitializeAsync()
    {
        File.Copy(Json, Path.Combine(_folder, Path.GetFileName(Json)));
        Compile("Xlnet.Client", OutputKind.DynamicallyLinkedLibrary, await GenerateAsync(await service.DocumentAsync()));
        await CompileProgramAsync("MainJob", await File.ReadAllTextAsync(Path.Combine(Repository.Root, "tests", "Sdk.Tests", "Programs", "MainJob.cs"), TestContext.Current.CancellationToken));
        await CompileProgramAsync("Guide", Guide.Program("csharp", service.Url()));
    }

    /// <returns>What the program printed.</returns>
    public Task<string> RunAsync(string program) =>
        Tools.RunAsync(_folder, Environment.ProcessPath!, [Path.Combine(_folder, program + ".dll")], new Dictionary<string, string?> { ["XLNET_URL"] = service.Url() });

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return ValueTask.CompletedTask;
    }

    internal static async Task<string> GenerateAsync(string document)
    {
        var (read, problems) = OpenApiDocument.Parse(document, "json");
        Assert.Empty(problems!.Errors);
        var older = await NSwag.OpenApiDocument.FromJsonAsync(await read!.SerializeAsJsonAsync(OpenApiSpecVersion.OpenApi3_0, TestContext.Current.CancellationToken));
        return new CSharpClientGenerator(older, new CSharpClientGeneratorSettings
        {
            OperationNameGenerator = new MultipleClientsFromOperationIdOperationNameGenerator(),
            UseBaseUrl = false,
            GenerateOptionalParameters = true,
            CSharpGeneratorSettings =
            {
                Namespace = "Xlnet.Client",
                GenerateNullableReferenceTypes = true,
                JsonLibrary = CSharpJsonLibrary.NewtonsoftJson,
            },
        }).GenerateFile();
    }

    private async Task CompileProgramAsync(string name, string text)
    {
        Compile(name, OutputKind.ConsoleApplication, text, Path.Combine(_folder, "Xlnet.Client.dll"));
        await File.WriteAllTextAsync(Path.Combine(_folder, name + ".runtimeconfig.json"),
            $$$"""{"runtimeOptions":{"framework":{"name":"Microsoft.NETCore.App","version":"{{{Environment.Version}}}"} } }""", TestContext.Current.CancellationToken);
    }

    private void Compile(string name, OutputKind kind, string text, params IEnumerable<string> references)
    {
        var framework = Directory.GetFiles(RuntimeEnvironment.GetRuntimeDirectory(), "*.dll").Where(f => Path.GetFileName(f).StartsWith("System", StringComparison.Ordinal) || Path.GetFileName(f) is "mscorlib.dll" or "netstandard.dll");
        var compilation = CSharpCompilation.Create(name,
            [CSharpSyntaxTree.ParseText(text, Language, name + ".cs", cancellationToken: TestContext.Current.CancellationToken), CSharpSyntaxTree.ParseText(Usings, Language, cancellationToken: TestContext.Current.CancellationToken)],
            framework.Append(Json).Concat(references).Select(f => MetadataReference.CreateFromFile(f)),
            new CSharpCompilationOptions(kind, nullableContextOptions: NullableContextOptions.Enable, generalDiagnosticOption: ReportDiagnostic.Error));
        var result = compilation.Emit(Path.Combine(_folder, name + ".dll"), cancellationToken: TestContext.Current.CancellationToken);
        var errors = result.Diagnostics.Where(d => d.Severity >= DiagnosticSeverity.Warning).ToList();
        Assert.True(result.Success && errors.Count == 0, $"{name} does not compile:\n{string.Join('\n', errors.Take(20))}");
    }
}

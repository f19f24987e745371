using Xlnet.Api.Tests;
using Xunit;

namespace Xlnet.Sdk.Tests;

/// <summary>The client that @hey-api/openapi-ts makes of the document, and what is written against it, compiled by <c>tsc --strict</c>.</summary>
public sealed class TypeScriptSdk(ServiceFixture service) : IAsyncLifetime
{
    private static readonly string Folder = Path.Combine(Repository.Npm, "obj");

    public async ValueTask InitializeAsync()
    {
        if (Directory.Exists(Folder))
            Directory.Delete(Folder, recursive: true);
        Directory.CreateDirectory(Folder);
        var ct = TestContext.Current.CancellationToken;
        await File.WriteAllTextAsync(Path.Combine(Folder, "openapi.json"), await service.DocumentAsync(), ct);
        foreach (var program in Directory.GetFiles(Path.Combine(Repository.Root, "tests", "Sdk.Tests", "Programs"), "*.ts"))
            File.Copy(program, Path.Combine(Folder, Path.GetFileName(program)));
        await File.WriteAllTextAsync(Path.Combine(Folder, "guide.ts"), Guide.Program("typescript", service.Url()), ct);
        await Tools.NpmAsync("openapi-ts");
        await Tools.NpmAsync("tsc", "-p", ".");
    }

    /// <returns>What the program printed.</returns>
    public Task<string> RunAsync(string program) =>
        Tools.RunAsync(Folder, "node", [Path.Combine(Folder, "js", program + ".js")], new Dictionary<string, string?> { ["XLNET_URL"] = service.Url() });

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}

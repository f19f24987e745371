using System.Text.Json.Nodes;
using Xlnet.Api.Tests;
using Xunit;

namespace Xlnet.Sdk.Tests;

/// <summary>The document passes the linters that SDK makers and gateways use, all of their recommended rules, without a warning.</summary>
public sealed class LintTests(ServiceFixture service) : IAsyncLifetime
{
    private readonly string _document = Path.Combine(Directory.CreateTempSubdirectory("xlnet-lint-").FullName, "openapi.json");

    public async ValueTask InitializeAsync() => await File.WriteAllTextAsync(_document, await service.DocumentAsync(), TestContext.Current.CancellationToken);

    public ValueTask DisposeAsync()
    {
        Directory.Delete(Path.GetDirectoryName(_document)!, recursive: true);
        return ValueTask.CompletedTask;
    }

    [Fact]
    public async Task Document_BySpectral_HasNothingToSay() =>
        await Tools.NpmAsync("spectral", "lint", "--ruleset", ".spectral.yaml", "--fail-severity", "hint", _document);

    [Fact]
    public async Task Document_ByRedocly_HasNothingToSay()
    {
        var report = JsonNode.Parse(await Tools.NpmAsync("redocly", "lint", "--config", "redocly.yaml", "--format", "json", _document))!;
        Assert.True(report["problems"]!.AsArray().Count == 0, report.ToJsonString());
        Assert.Equal(0, (int)report["totals"]!["ignored"]!);
    }

    [Fact]
    public async Task Document_WithSomethingLeftOut_IsRefusedByEither()
    {
        var document = JsonNode.Parse(await service.DocumentAsync())!;
        document["paths"]!["/v1/hosts"]!["get"]!.AsObject().Remove("description");
        document["info"]!.AsObject().Remove("license");
        await File.WriteAllTextAsync(_document, document.ToJsonString(), TestContext.Current.CancellationToken);

        var spectral = await Tools.TryAsync(Repository.Npm, Tools.NpmPath("spectral"), ["lint", "--ruleset", ".spectral.yaml", "--fail-severity", "hint", _document]);
        Assert.Contains("operation-description", spectral.StandardOutput, StringComparison.Ordinal);
        Assert.NotEqual(0, spectral.ExitCode);
        // Redocly ends well with warnings, so what it reports counts.
        var redocly = JsonNode.Parse(await Tools.NpmAsync("redocly", "lint", "--config", "redocly.yaml", "--format", "json", _document))!;
        Assert.Equal("info-license", (string)Assert.Single(redocly["problems"]!.AsArray())!["ruleId"]!);
    }
}

using System.Text.Json.Nodes;
using Xlnet.Api.Tests;
using Xunit;

namespace Xlnet.Sdk.Tests;

/// <summary>The pipelines of examples/, read as their CI reads them, and what they run, run.</summary>
[Collection(nameof(SdkCollection))]
public sealed class PipelineTests(ServiceFixture service) : IDisposable
{
    /// <summary>The checkout.</summary>
    private readonly string _folder = Directory.CreateTempSubdirectory("xlnet-pipeline-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task GitHubActions_RunTwice_PutsTheFilesIntoForceAndThenChangesNothing()
    {
        var pipeline = Pipeline.Read("github-actions.yml");
        Assert.Equal(5, pipeline.Scripts.Count);
        await AssertRunsAsync("dom0-gh", pipeline);
    }

    [Fact]
    public async Task GitLab_RunTwice_PutsTheFilesIntoForceAndThenChangesNothing()
    {
        var pipeline = Pipeline.Read("gitlab-ci.yml");
        Assert.Equal(2, pipeline.Scripts.Count);
        await AssertRunsAsync("dom0-gl", pipeline);
    }

    [Theory]
    [InlineData("github-actions.yml", "::error file=guests/bad.cfg,line=4::")]
    [InlineData("gitlab-ci.yml", "guests/bad.cfg:4: error: ")]
    public async Task Check_AFileWithAnError_FailsAndSaysWhere(string file, string told)
    {
        Directory.CreateDirectory(Path.Combine(_folder, "guests"));
        await File.WriteAllTextAsync(Path.Combine(_folder, "guests", "bad.cfg"), "name = \"bad\"\ntype = \"pv\"\nkernel = \"/guest/vmlinuz\"\nvif = ['bridg=xenbr0']\n", TestContext.Current.CancellationToken);

        var result = await Tools.TryAsync(_folder, "bash", ["-eo", "pipefail", "-c", Pipeline.Read(file).Check], new Dictionary<string, string?> { ["XLNET_URL"] = service.Url() });

        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains(told, result.StandardOutput, StringComparison.Ordinal);
    }

    private async Task AssertRunsAsync(string host, Pipeline pipeline)
    {
        Pipeline.CheckOut(_folder);

        long? revision = null;
        for (var run = 1; run <= 2; run++)
        {
            await pipeline.RunAsync(_folder, service.Url(), host);
            var operation = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(_folder, "operation.json"), TestContext.Current.CancellationToken))!;
            Assert.Equal(run == 1, operation["steps"]!.AsArray().Count > 0);
            var now = (long)(await service.Client.GetJsonAsync($"/v1/hosts/{host}"))["revision"]!;
            Assert.True(revision is null || revision == now, $"the second run made the revision {now} of {revision}");
            revision = now;
        }

        Assert.Equal(["db1", "web1"], (await service.Client.GetJsonAsync($"/v1/hosts/{host}/guests"))["items"].AsArray().Select(g => (string)g!["name"]!));
        Assert.Equal(204, (await service.Client.DeleteAnswerAsync($"/v1/hosts/{host}")).Status);
    }
}

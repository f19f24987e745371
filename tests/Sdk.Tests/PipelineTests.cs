using System.Text.Json.Nodes;
using Xlnet.Api.Tests;
using Xunit;
using YamlDotNet.Serialization;

namespace Xlnet.Sdk.Tests;

/// <summary>The pipelines of examples/, read as their CI reads them, and what they run, run.</summary>
[Collection(nameof(SdkCollection))]
public sealed class PipelineTests(ServiceFixture service) : IDisposable
{
    private static readonly string Examples = Path.Combine(Repository.Root, "examples");

    /// <summary>The checkout.</summary>
    private readonly string _folder = Directory.CreateTempSubdirectory("xlnet-pipeline-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task GitHubActions_RunTwice_PutsTheFilesIntoForceAndThenChangesNothing()
    {
        var workflow = Read("github-actions.yml");
        string[] steps = [.. ((Dictionary<object, object>)workflow["jobs"]).Values.SelectMany(job => (List<object>)((Dictionary<object, object>)job)["steps"])
            .Select(step => ((Dictionary<object, object>)step).GetValueOrDefault("run")).OfType<string>()];
        Assert.Equal(5, steps.Length);
        await AssertRunsAsync("dom0-gh", (Dictionary<object, object>)workflow["env"], steps);
    }

    [Fact]
    public async Task GitLab_RunTwice_PutsTheFilesIntoForceAndThenChangesNothing()
    {
        var pipeline = Read("gitlab-ci.yml");
        // A job's lines run in one shell.
        string[] jobs = [.. ((List<object>)pipeline["stages"]).Select(stage => string.Join('\n', ((List<object>)((Dictionary<object, object>)pipeline[stage])["script"]).Cast<string>()))];
        Assert.Equal(2, jobs.Length);
        await AssertRunsAsync("dom0-gl", (Dictionary<object, object>)pipeline["variables"], jobs);
    }

    [Theory]
    [InlineData("github-actions.yml", "::error file=guests/bad.cfg,line=4::")]
    [InlineData("gitlab-ci.yml", "guests/bad.cfg:4: error: ")]
    public async Task Check_AFileWithAnError_FailsAndSaysWhere(string file, string told)
    {
        Directory.CreateDirectory(Path.Combine(_folder, "guests"));
        await File.WriteAllTextAsync(Path.Combine(_folder, "guests", "bad.cfg"), "name = \"bad\"\ntype = \"pv\"\nkernel = \"/guest/vmlinuz\"\nvif = ['bridg=xenbr0']\n", TestContext.Current.CancellationToken);
        var check = file.StartsWith("gitlab", StringComparison.Ordinal)
            ? (string)((List<object>)((Dictionary<object, object>)Read(file)["check"])["script"])[0]
            : (string)((Dictionary<object, object>)((List<object>)((Dictionary<object, object>)((Dictionary<object, object>)Read(file)["jobs"])["check"])["steps"])[1])["run"];

        var result = await Tools.TryAsync(_folder, "bash", ["-eo", "pipefail", "-c", check], new Dictionary<string, string?> { ["XLNET_URL"] = service.Url() });

        Assert.NotEqual(0, result.ExitCode);
        Assert.Contains(told, result.StandardOutput, StringComparison.Ordinal);
    }

    private async Task AssertRunsAsync(string host, Dictionary<object, object> variables, string[] scripts)
    {
        Directory.CreateDirectory(Path.Combine(_folder, "guests"));
        foreach (var file in Directory.GetFiles(Path.Combine(Examples, "guests")))
            File.Copy(file, Path.Combine(_folder, "guests", Path.GetFileName(file)));
        var environment = variables.ToDictionary(v => (string)v.Key, v => (string?)v.Value);
        (environment["XLNET_URL"], environment["XLNET_HOST"]) = (service.Url(), host);

        long? revision = null;
        for (var run = 1; run <= 2; run++)
        {
            foreach (var script in scripts)
                await Tools.RunAsync(_folder, "bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", script], environment);
            var operation = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(_folder, "operation.json"), TestContext.Current.CancellationToken))!;
            Assert.Equal(run == 1, operation["steps"]!.AsArray().Count > 0);
            var now = (long)(await service.Client.GetJsonAsync($"/v1/hosts/{host}"))["revision"]!;
            Assert.True(revision is null || revision == now, $"the second run made the revision {now} of {revision}");
            revision = now;
        }

        Assert.Equal(["db1", "web1"], (await service.Client.GetJsonAsync($"/v1/hosts/{host}/guests"))["items"].AsArray().Select(g => (string)g!["name"]!));
        Assert.Equal(204, (await service.Client.DeleteAnswerAsync($"/v1/hosts/{host}")).Status);
    }

    private static Dictionary<object, object> Read(string file) =>
        new DeserializerBuilder().Build().Deserialize<Dictionary<object, object>>(File.ReadAllText(Path.Combine(Examples, file)));
}

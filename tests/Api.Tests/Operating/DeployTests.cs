using System.Text.RegularExpressions;
using Xlnet.Api.Common;
using Xunit;
using YamlDotNet.RepresentationModel;

namespace Xlnet.Api.Tests.Operating;

/// <summary>What deploys xlnet is read by whom it is for where that is here, and names only settings that there are.</summary>
public sealed partial class DeployTests
{
    private const string Unit = "deploy/xlnet.service";

    [Fact]
    public async Task Unit_ReadBySystemd_HasNoFaultAndIsHardened()
    {
        var folder = Directory.CreateTempSubdirectory("xlnet-test-").FullName;
        var unit = Path.Combine(folder, "xlnet.service");
        var text = await Repository.ReadAsync(Unit);
        // Where dotnet is differs, and systemd looks whether it is there.
        await File.WriteAllTextAsync(unit, text.Replace("/usr/bin/dotnet", ServiceProcess.Dotnet, StringComparison.Ordinal), TestContext.Current.CancellationToken);

        var (exitCode, output, error) = await Repository.RunAsync(["systemd-analyze", "verify", "--man=no", unit]);
        Assert.Equal((0, "", ""), (exitCode, output, error));

        // In tenths: 2.0 of 10 is the most that is exposed.
        var (exposed, table, _) = await Repository.RunAsync(["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", unit]);
        Assert.True(exposed == 0, table);
        Directory.Delete(folder, recursive: true);
    }

    [Theory]
    [InlineData("deploy/compose.yaml", 2)]
    [InlineData("docker-compose.yml", 1)]
    public async Task Compose_Services_HaveWhatTheyReferTo(string path, int replicas)
    {
        var root = (YamlMappingNode)(await DocumentsAsync(path)).Single();
        var services = (YamlMappingNode)root["services"];
        Assert.Equal(["postgres", "xlnet"], services.Children.Keys.Select(k => k.ToString()).Order(StringComparer.Ordinal));
        var xlnet = (YamlMappingNode)services["xlnet"];
        Assert.Equal($"{replicas}", xlnet.Children.TryGetValue("deploy", out var deploy) ? deploy["replicas"].ToString() : "1");
        Assert.Equal("service_healthy", xlnet["depends_on"]["postgres"]["condition"].ToString());
        Assert.NotNull(services["postgres"]["healthcheck"]["test"]);
        Assert.Equal("40s", xlnet["stop_grace_period"].ToString());
        // On this machine alone, and a port for each replica.
        var ports = Assert.Single((YamlSequenceNode)xlnet["ports"]).ToString();
        Assert.StartsWith("127.0.0.1:", ports, StringComparison.Ordinal);
        Assert.Equal(replicas == 2, ports.Contains("8080-8081:", StringComparison.Ordinal));
        var named = services.Children.Values.SelectMany(s => ((YamlMappingNode)s).Children.TryGetValue("volumes", out var v) ? (YamlSequenceNode)v : []).Select(v => v.ToString().Split(':')[0]);
        Assert.All(named.Where(v => char.IsAsciiLetter(v[0])), v => Assert.Contains(v, ((YamlMappingNode)root["volumes"]).Children.Keys.Select(k => k.ToString())));
    }

    [Fact]
    public async Task Kubernetes_Manifest_SelectsItsPodsAndProbesThem()
    {
        var documents = (await DocumentsAsync("deploy/kubernetes.yaml")).ToDictionary(d => d["kind"].ToString());
        Assert.Equal(["Deployment", "NetworkPolicy", "PodDisruptionBudget", "Service"], documents.Keys.Order(StringComparer.Ordinal));
        var deployment = documents["Deployment"]["spec"];
        Assert.Equal("2", deployment["replicas"].ToString());
        Assert.Equal("1", documents["PodDisruptionBudget"]["spec"]["minAvailable"].ToString());

        var labels = deployment["template"]["metadata"]["labels"];
        Assert.Equal(labels, deployment["selector"]["matchLabels"]);
        Assert.Equal(labels, documents["Service"]["spec"]["selector"]);
        Assert.Equal(labels, documents["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"]);
        Assert.Equal(labels, documents["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]);

        var pod = deployment["template"]["spec"];
        var container = (YamlMappingNode)Assert.Single((YamlSequenceNode)pod["containers"]);
        Assert.Equal("/readyz", container["readinessProbe"]["httpGet"]["path"].ToString());
        foreach (var probe in new[] { "livenessProbe", "startupProbe" })
            Assert.Equal("/healthz", container[probe]["httpGet"]["path"].ToString());
        var port = Assert.Single((YamlSequenceNode)container["ports"])["name"].ToString();
        Assert.Equal(port, Assert.Single((YamlSequenceNode)documents["Service"]["spec"]["ports"])["targetPort"].ToString());
        Assert.Equal(
            ((YamlSequenceNode)container["volumeMounts"]).Select(m => m["name"].ToString()).Order(StringComparer.Ordinal),
            ((YamlSequenceNode)pod["volumes"]).Select(v => v["name"].ToString()).Order(StringComparer.Ordinal));
        // The password comes from a Secret.
        var connection = ((YamlSequenceNode)container["env"]).Single(e => e["name"].ToString() == "ConnectionStrings__Xlnet");
        Assert.Equal("xlnet", connection["valueFrom"]["secretKeyRef"]["name"].ToString());
        // preStop, the 20 s of a step and the 10 s of the requests.
        Assert.True(int.Parse(pod["terminationGracePeriodSeconds"].ToString(), System.Globalization.CultureInfo.InvariantCulture) > 5 + 30);
    }

    /// <summary>A misspelled one in a manifest would stop the service, or do nothing; one in the documentation would mislead.</summary>
    [Theory]
    [InlineData(Unit)]
    [InlineData("deploy/compose.yaml")]
    [InlineData("deploy/kubernetes.yaml")]
    [InlineData("docker-compose.yml")]
    [InlineData("Dockerfile")]
    [InlineData("run")]
    [InlineData("docs/operating.md")]
    public async Task Environment_NamesInFile_AreSettings(string path)
    {
        var configuration = await Repository.ReadAsync("docs/configuration.md");
        HashSet<string> known = [.. Settings.Names(), "ConnectionStrings__Xlnet", .. Name().Matches(configuration).Select(m => m.Value)];

        var names = Name().Matches(await Repository.ReadAsync(path)).Select(m => m.Value).Distinct().ToList();

        Assert.NotEmpty(names);
        Assert.All(names, n => Assert.True(known.Contains(n) || n.StartsWith("Logging__LogLevel__", StringComparison.Ordinal), $"{n} in {path}"));
    }

    private static async Task<IReadOnlyList<YamlNode>> DocumentsAsync(string path)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(await Repository.ReadAsync(path)));
        return [.. stream.Documents.Select(d => d.RootNode)];
    }

    [GeneratedRegex(@"\b(?:\w+__\w+(?:\.\w+)*|OTEL_[A-Z_]+|ASPNETCORE_URLS|DOTNET_Enable\w+)\b")]
    private static partial Regex Name();
}

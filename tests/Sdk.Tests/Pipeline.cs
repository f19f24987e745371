using YamlDotNet.Serialization;

namespace Xlnet.Sdk.Tests;

/// <summary>A pipeline of examples/, read as its CI reads it.</summary>
/// <param name="Check">What tells whether the files are right.</param>
/// <param name="Scripts">All that it runs, each in a shell of its own.</param>
internal sealed record Pipeline(IReadOnlyDictionary<string, string?> Variables, string Check, IReadOnlyList<string> Scripts)
{
    private static readonly string Examples = Path.Combine(Repository.Root, "examples");

    public static Pipeline Read(string file)
    {
        var document = new DeserializerBuilder().Build().Deserialize<Dictionary<object, object>>(File.ReadAllText(Path.Combine(Examples, file)));
        if (document.ContainsKey("stages"))
        {
            // A job's lines run in one shell.
            string[] jobs = [.. ((List<object>)document["stages"]).Select(stage => string.Join('\n', Lines(document[stage])))];
            return new Pipeline(Names(document["variables"]), Lines(document["check"])[0], jobs);
        }

        string[] steps = [.. ((Dictionary<object, object>)document["jobs"]).Values.SelectMany(job => (List<object>)((Dictionary<object, object>)job)["steps"])
            .Select(step => ((Dictionary<object, object>)step).GetValueOrDefault("run")).OfType<string>()];
        return new Pipeline(Names(document["env"]), steps[0], steps);

        static List<string> Lines(object job) => [.. ((List<object>)((Dictionary<object, object>)job)["script"]).Cast<string>()];
        static Dictionary<string, string?> Names(object variables) => ((Dictionary<object, object>)variables).ToDictionary(v => (string)v.Key, v => (string?)v.Value);
    }

    /// <summary>Brings the guest files, as a checkout does.</summary>
    public static void CheckOut(string folder)
    {
        Directory.CreateDirectory(Path.Combine(folder, "guests"));
        foreach (var file in Directory.GetFiles(Path.Combine(Examples, "guests")))
            File.Copy(file, Path.Combine(folder, "guests", Path.GetFileName(file)));
    }

    public async Task RunAsync(string folder, string url, string host)
    {
        foreach (var script in Scripts)
            await Tools.RunAsync(folder, "bash", Shell(script), Environment(url, host));
    }

    /// <summary>Runs it until <paramref name="cut"/>, and kills it there.</summary>
    /// <returns>Whether it got that far.</returns>
    public async Task<bool> RunUntilAsync(Task cut, string folder, string url, string host)
    {
        foreach (var script in Scripts)
        {
            if (await Tools.RunUntilAsync(cut, folder, "bash", Shell(script), Environment(url, host)))
                return true;
        }

        return false;
    }

    private static string[] Shell(string script) => ["--noprofile", "--norc", "-eo", "pipefail", "-c", script];

    private Dictionary<string, string?> Environment(string url, string host) => new(Variables) { ["XLNET_URL"] = url, ["XLNET_HOST"] = host };
}

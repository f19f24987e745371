namespace Xlnet.Sdk.Tests;

/// <summary>examples/ansible/lab.yml, by the real ansible-playbook, with a home of its own.</summary>
internal sealed class Playbook : IDisposable
{
    private static readonly string Folder = Path.Combine(Repository.Root, "examples", "ansible");

    private readonly string _home = Directory.CreateTempSubdirectory("xlnet-ansible-").FullName;

    private Dictionary<string, string?> Environment => new() { ["HOME"] = _home, ["ANSIBLE_NOCOLOR"] = "1", ["LC_ALL"] = "C.UTF-8" };

    /// <returns>What it printed.</returns>
    public Task<string> RunAsync(string url, string host) => Tools.RunAsync(Folder, "ansible-playbook", Arguments(url, host), Environment);

    /// <summary>Runs it until <paramref name="cut"/>, and kills it there.</summary>
    /// <returns>Whether it got that far.</returns>
    public Task<bool> RunUntilAsync(Task cut, string url, string host) => Tools.RunUntilAsync(cut, Folder, "ansible-playbook", Arguments(url, host), Environment);

    public void Dispose() => Directory.Delete(_home, recursive: true);

    private static string[] Arguments(string url, string host) => ["-i", "localhost,", "lab.yml", "-e", $"xlnet={url}", "-e", $"dom0={host}"];
}

using System.Globalization;
using System.Text;
using Xlnet.Hosts.Tests.Contract;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Hosts.Tests.Simulation;

/// <summary>The simulated Dom0 answers as the real one did, text by text.</summary>
public class CaptureTests
{
    public static TheoryData<string> Captures() => [.. Directory.GetFiles(Capture.Folder, "*.txt").Select(f => Path.GetFileName(f)).Order()];

    [Theory]
    [MemberData(nameof(Captures))]
    public async Task Replay_OnAFreshSimulatedHost_AnswersAsTheRealOne(string name)
    {
        var ct = TestContext.Current.CancellationToken;
        var store = new InMemoryStateStore();
        await store.UpdateAsync(state => state.CommandsUntilConnected = int.MaxValue, ct);
        var shell = new SimulatedShell(store, new InstantTime());

        var differences = new List<string>();
        foreach (var part in Capture.Read(name))
        {
            if (!part.IsCommand)
            {
                await PrepareAsync(store, shell, part, ct);
                continue;
            }

            var (stdout, stderr, exitStatus) = await RunAsync(store, shell, part.Head, ct);
            foreach (var (what, difference) in new[]
            {
                ("stdout", Capture.Differ(part.Stdout, stdout)),
                ("stderr", Capture.Differ(part.Stderr, stderr)),
                ("exit status", part.ExitStatus == exitStatus ? null : $"\n  real: {part.ExitStatus}\n  here: {exitStatus}"),
            })
            {
                if (difference is not null)
                    differences.Add($"{name}:{part.Line}: {part.Head}\n  {what}, {difference}");
            }
        }

        Assert.True(differences.Count == 0, string.Join('\n', differences));
    }

    [Theory]
    [InlineData("a {mac}", "a 00:16:3e:7f:00:01", true)]
    [InlineData("a {mac}", "a 00:16:3e:80:00:01", false)]
    [InlineData("a\nb", "a", false)]
    [InlineData("a", "a ", false)]
    public void Differ_TwoTexts_SeesWhetherOneStandsForTheOther(string expected, string actual, bool same) =>
        Assert.Equal(same, Capture.Differ(expected, actual) is null);

    private static async Task PrepareAsync(InMemoryStateStore store, SimulatedShell shell, CapturePart part, CancellationToken ct)
    {
        switch (part.Head.Split(' '))
        {
            case ["file", var path]:
                await shell.WriteFileAsync(path, Encoding.UTF8.GetBytes(part.Stdout), ct);
                break;
            case ["guests", "connect"]:
                await store.ConnectGuestsAsync(ct);
                break;
            case ["guests", "ignore", "shutdown"]:
                await store.UpdateAsync(state => state.IgnoringShutdown.Add("*"), ct);
                break;
            case ["next", "domid", var number]:
                await store.UpdateAsync(state => state.NextDomid = int.Parse(number, CultureInfo.InvariantCulture), ct);
                break;
            case ["next", "interface", var number]:
                await store.UpdateAsync(state => state.NextInterfaceIndex = int.Parse(number, CultureInfo.InvariantCulture), ct);
                break;
            case ["guest", "memory", var number]:
                await store.UpdateAsync(state => state.GuestMemory = int.Parse(number, CultureInfo.InvariantCulture), ct);
                break;
            case ["missing", var path]:
                await store.UpdateAsync(state => state.MissingFiles.Add(path), ct);
                break;
            default:
                throw new FormatException($"line {part.Line}: {part.Head}");
        }
    }

    /// <summary>Commands one after the other; their outputs together, and the last one's exit status, as a shell has it.</summary>
    private static async Task<(string Stdout, string Stderr, int ExitStatus)> RunAsync(
        InMemoryStateStore store, SimulatedShell shell, string line, CancellationToken ct)
    {
        var (stdout, stderr, exitStatus) = ("", "", 0);
        foreach (var command in line.Split("; "))
        {
            if (command.StartsWith("sleep ", StringComparison.Ordinal))
            {
                await store.ConnectGuestsAsync(ct);
                continue;
            }

            var result = await shell.RunAsync(command.Split(' '), TimeSpan.FromSeconds(30), ct);
            (stdout, stderr, exitStatus) = (stdout + result.Stdout, stderr + result.Stderr, result.ExitStatus);
        }

        return (stdout, stderr, exitStatus);
    }
}

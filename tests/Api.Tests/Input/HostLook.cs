using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Xlnet.Domain.Xl;
using Xlnet.Infrastructure.Data;
using Xlnet.Infrastructure.Hosts.Simulation;
using Xunit;

namespace Xlnet.Api.Tests.Input;

/// <summary>
/// Plans and applies what the fuzzer left of every host, and looks through what was rendered and run. In a guest file the marker stands
/// within values alone, and everywhere else not at all: no name that may reach another file or a command can hold it.
/// </summary>
internal sealed class HostLook
{
    private static readonly string[] Everything = ["vif-blip", "guest-recreate", "management-path"];

    private int _applied;
    private int _commands;
    private int _files;
    private int _diffs;
    private int _carriers;

    public override string ToString() =>
        $"{_applied} applied, {_diffs} diffs, {_files} files and {_commands} commands looked through, the marker within values of {_carriers} guest files";

    /// <summary>That it looked at something, and that what was injected got as far as it may.</summary>
    public void AssertSawEnough() => Assert.True(_applied > 0 && _commands > 0 && _files > 0 && _diffs > 0 && _carriers > 0, ToString());

    public async Task LookAsync(InputService service, List<string> faults)
    {
        foreach (var host in (await service.Client.GetJsonAsync("/v1/hosts?limit=1000"))["items"].AsArray().Select(h => (string)h!["name"]!))
        {
            var plan = await service.Client.GetJsonAsync($"/v1/hosts/{host}/plan");
            if (plan.Status != 200)
                continue;
            foreach (var step in plan["steps"].AsArray())
                LookAtDiff(host, (string)step!["target"]!, (string?)step["diff"] ?? "", faults);
            var operation = await service.Client.PostAsync($"/v1/hosts/{host}/apply?wait=30s", new JsonObject { ["allow"] = JsonSerializer.SerializeToNode(Everything) });
            if (operation.Status == 200 && (string?)operation["status"] == "succeeded")
                _applied++;
        }

        await using var source = NpgsqlDataSource.Create(service.ConnectionString);
        var options = new DbContextOptionsBuilder<XlnetDbContext>();
        XlnetDbOptions.Configure(options, source);
        await using var db = new XlnetDbContext(options.Options);
        foreach (var simulated in await db.SimulatedHosts.AsNoTracking().ToListAsync(TestContext.Current.CancellationToken))
        {
            foreach (var (path, file) in SimulatedDom0State.FromJson(simulated.State).Files)
                LookAtFile($"host {simulated.HostId} {path}", IsGuestFile(path), file.Content, faults);
        }

        foreach (var step in await db.OperationSteps.AsNoTracking().ToListAsync(TestContext.Current.CancellationToken))
        {
            foreach (var command in JsonNode.Parse(step.Commands ?? "[]")!.AsArray())
            {
                _commands++;
                if (command!["argv"]!.AsArray().Any(a => ((string)a!).Contains(RequestFuzzer.Marker, StringComparison.Ordinal)))
                    faults.Add($"in a command of {step.Action} {step.Target}: {command["argv"]!.ToJsonString()}");
            }
        }
    }

    private void LookAtDiff(string host, string target, string diff, List<string> faults)
    {
        _diffs++;
        foreach (var line in diff.Split('\n').Where(l => l.StartsWith('+') && l.Contains(RequestFuzzer.Marker, StringComparison.Ordinal)))
        {
            if (!IsGuestFile(target) || line[1..].TrimStart().StartsWith(RequestFuzzer.Marker, StringComparison.Ordinal))
                faults.Add($"in the plan of {host}, {target}: {line}");
        }
    }

    private static bool IsGuestFile(string path) => path.EndsWith(".cfg", StringComparison.Ordinal);

    private void LookAtFile(string name, bool guest, byte[] content, List<string> faults)
    {
        _files++;
        var text = XlText.FromBytes(content);
        if (!text.Contains(RequestFuzzer.Marker, StringComparison.Ordinal))
            return;
        if (!guest || GuestFile.Parse(text).Syntax.Assignments.Any(a => a.Name == RequestFuzzer.Marker))
            faults.Add($"in the file {name}: {Encoding.Latin1.GetString(content)}");
        else
            _carriers++;
    }
}

using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Planning;
using Xlnet.Infrastructure.Hosts.Answers;
using Xlnet.Infrastructure.Hosts.DeadMan;
using Xlnet.Infrastructure.Hosts.Steps;

namespace Xlnet.Infrastructure.Hosts;

/// <summary>The driver of every kind of host: it needs no more than a shell on it.</summary>
/// <param name="shell">Is disposed with the driver.</param>
public sealed class XlHostDriver(IHostShell shell, TimeProvider time, ILogger<XlHostDriver> logger) : IHostDriver
{
    /// <summary>What a command that only reads may take.</summary>
    internal static readonly TimeSpan ReadTimeout = TimeSpan.FromSeconds(30);

    private const string ScriptDirectory = "/etc/xen/scripts";

    /// <summary>Where systemd-networkd says what it knows of each interface, by index.</summary>
    private const string NetworkdLinks = "/run/systemd/netif/links";

    public async Task<HostObservation> ObserveAsync(IReadOnlyCollection<string> files, CancellationToken ct)
    {
        var look = Reader().LookWithVersionAsync(time.GetUtcNow(), ct);
        var (scripts, contents) = (shell.ListFilesAsync(ScriptDirectory, ct), shell.ReadFilesAsync(files, ct));
        await Task.WhenAll(look, scripts, contents).ConfigureAwait(false);
        var (seen, version) = look.Result;
        return new HostObservation
        {
            At = seen.At,
            Simulated = shell.Simulated,
            XenVersion = version,
            Domains = seen.Domains,
            Bridges = seen.Bridges,
            Interfaces = seen.Interfaces,
            Files = contents.Result,
            LockingInForce = await IsLockingInForceAsync(contents.Result, ct).ConfigureAwait(false),
            Scripts = [.. scripts.Result.Where(IsVifScript).Select(NameOf)],
            VlanScripts = VlanScripts.AreTold(version) ? await ReadVlanScriptsAsync(scripts.Result, ct).ConfigureAwait(false) : [],
        };
    }

    private async Task<IReadOnlyList<string>> ReadVlanScriptsAsync(IReadOnlyList<HostFile> scripts, CancellationToken ct)
    {
        var contents = await shell.ReadFilesAsync([.. scripts.Where(f => VlanScripts.IsOfInterest(NameOf(f)) && f.Length <= VlanScripts.MaxLength).Select(f => f.Path)], ct).ConfigureAwait(false);
        var reading = VlanScripts.Reading(contents.Where(f => f.Value is not null).ToDictionary(f => HostPath.Name(f.Key), f => Encoding.Latin1.GetString(f.Value!)));
        return [.. scripts.Where(IsVifScript).Select(NameOf).Where(reading.Contains)];
    }

    public async Task<HostObservation> ObserveAgainAsync(HostObservation before, IReadOnlyCollection<string> files, CancellationToken ct)
    {
        var (look, contents) = (LookAsync(ct), shell.ReadFilesAsync(files, ct));
        await Task.WhenAll(look, contents).ConfigureAwait(false);
        var seen = look.Result;
        return before with
        {
            At = seen.At, Domains = seen.Domains, Bridges = seen.Bridges, Interfaces = seen.Interfaces, Files = contents.Result,
            LockingInForce = await IsLockingInForceAsync(contents.Result, ct).ConfigureAwait(false),
        };
    }

    /// <summary>Only a host that has such rules is asked.</summary>
    private async Task<bool> IsLockingInForceAsync(IReadOnlyDictionary<string, byte[]?> files, CancellationToken ct) =>
        files.GetValueOrDefault(LockingFiles.Rules) is { } rules && LockingFiles.ChainOf(rules) is { } chain
        && (await shell.RunAsync(["nft", "list", "chain", "bridge", LockingFiles.Table, chain], ReadTimeout, ct).ConfigureAwait(false)).Succeeded
        && (files.GetValueOrDefault(LockingFlows.Path) is null || (await shell.RunAsync([LockingFlows.ScriptPath, "check"], ReadTimeout, ct).ConfigureAwait(false)).Succeeded);

    public async Task<IReadOnlyList<HostFile>> ListGuestFilesAsync(CancellationToken ct) =>
        [.. (await shell.ListFilesAsync(Host.ConfigFolder, ct).ConfigureAwait(false)).Where(f => Host.IsGuestFilePath(f.Path))];

    public async Task<HostInspection> InspectAsync(IReadOnlyCollection<string> files, CancellationToken ct)
    {
        var reader = Reader();
        var (observed, forwarding) = (ObserveAsync(files, ct), reader.ReadForwardingAsync(ct));
        var (scriptFiles, configFiles) = (shell.ListFilesAsync(ScriptDirectory, ct), shell.ListFilesAsync(Host.ConfigFolder, ct));
        await Task.WhenAll(observed, forwarding, scriptFiles, configFiles).ConfigureAwait(false);
        List<HostFile> scripts = [.. scriptFiles.Result.Where(IsVifScript)];
        List<HostFile> configs = [.. configFiles.Result.Where(f => f.Path == Host.XlConfPath || Host.IsGuestFilePath(f.Path))];
        var hashes = await reader.ReadHashesAsync([.. scripts.Concat(configs).Select(f => f.Path)], ct).ConfigureAwait(false);
        ObservedFile Observed(HostFile file) => new(file.Path, file.Length, hashes.GetValueOrDefault(file.Path));
        return new HostInspection(observed.Result, [.. scripts.Select(Observed)], [.. configs.Select(Observed)], forwarding.Result);
    }

    private static bool IsVifScript(HostFile file) => file.Executable && NameOf(file).StartsWith("vif", StringComparison.Ordinal);

    private static string NameOf(HostFile file) => file.Path[(file.Path.LastIndexOf('/') + 1)..];

    public Task<HostSnapshot> LookAsync(CancellationToken ct) => Reader().LookAsync(time.GetUtcNow(), ct);

    public IAsyncEnumerable<string> MonitorLinksAsync(CancellationToken ct) => shell.ReadLinesAsync(["ip", "monitor", "link"], ct);

    public async Task<IReadOnlyList<StepOutcome?>> WriteFilesAsync(IReadOnlyList<WriteFileStep> steps, CancellationToken ct)
    {
        var outcomes = await FileSteps.WriteAsync(shell, steps, ct).ConfigureAwait(false);
        foreach (var (step, outcome) in steps.Zip(outcomes))
            LogFailure(step, outcome?.Failure);
        return outcomes;
    }

    public async Task<StepOutcome> ApplyAsync(PlanStep step, CancellationToken ct)
    {
        if (step is WriteFileStep file)
            return (await WriteFilesAsync([file], ct).ConfigureAwait(false))[0]!;
        var run = new StepRun(shell, time);
        StepFailure? failure;
        try
        {
            failure = await (step switch
            {
                DeleteFileStep delete => FileSteps.DeleteAsync(run, delete, ct),
                SwitchNetworkingStep networking => NetworkingSteps.SwitchAsync(run, networking, ct),
                SetLockingStep locking => LockingSteps.SetAsync(run, locking, ct),
                CreateBridgeStep create => BridgeSteps.CreateAsync(run, create, ct),
                DeleteBridgeStep delete => BridgeSteps.DeleteAsync(run, delete, ct),
                AddBridgePortStep add => BridgePortSteps.AddAsync(run, add, ct),
                RemoveBridgePortStep remove => BridgePortSteps.RemoveAsync(run, remove, ct),
                SetBridgeMtuStep mtu => BridgeSteps.SetMtuAsync(run, mtu, ct),
                SetBridgeVlanFilteringStep filtering => BridgeSteps.SetVlanFilteringAsync(run, filtering, ct),
                AttachVifStep attach => VifSteps.AttachAsync(run, attach, ct),
                DetachVifStep detach => VifSteps.DetachAsync(run, detach, ct),
                CreateGuestStep create => GuestSteps.CreateAsync(run, create, ct),
                StopGuestStep stop => GuestSteps.StopAsync(run, stop, ct),
                _ => throw new ArgumentException($"{step.Action} is no step that this driver knows.", nameof(step)),
            }).ConfigureAwait(false);
        }
        catch (HostAnswerException e)
        {
            failure = new StepFailure(e.Code, e.Message);
        }
        catch (HostShellException e) when (e.FileCode is not null)
        {
            failure = new StepFailure(e.FileCode, e.Message);
        }

        LogFailure(step, failure);
        return new StepOutcome(run.Commands, failure, run.Changed);
    }

    private void LogFailure(PlanStep step, StepFailure? failure)
    {
        if (failure is not null)
            logger.LogWarning("{Action} of {Target} failed: {Code}: {Message}", step.Action, step.Target, failure.Code, failure.Message);
    }

    private HostReader Reader() => new((commands, ct) => shell.RunAllAsync(commands, ReadTimeout, ct));

    public async Task<IReadOnlyList<HostRoute>> ReadRoutesAsync(CancellationToken ct)
    {
        var answers = await shell.RunAllAsync([["ip", "-j", "route", "show"], ["ip", "-j", "-6", "route", "show"]], ReadTimeout, ct).ConfigureAwait(false);
        return [.. answers.SelectMany(answer => RouteAnswers.Read(CommandAnswer.Expect(answer)))];
    }

    public async Task<NetworkFacts> ReadNetworkFactsAsync(CancellationToken ct)
    {
        var (sourced, links, ifup) = (
            shell.ListFilesAsync(NetworkFiles.InterfacesFolder.TrimEnd('/'), ct), shell.ListFilesAsync(NetworkdLinks, ct), shell.RunAsync(["ifup", "--version"], ReadTimeout, ct));
        var noOvs = Reader().FindNoOvsAsync(ct);
        await Task.WhenAll(sourced, links, ifup, noOvs).ConfigureAwait(false);
        var states = await shell.ReadFilesAsync([.. links.Result.Select(f => f.Path)], ct).ConfigureAwait(false);
        return new NetworkFacts(
            [NetworkFiles.Interfaces, .. sourced.Result.Select(f => f.Path)],
            states.Where(s => s.Value is not null && !Encoding.UTF8.GetString(s.Value).Contains("ADMIN_STATE=unmanaged", StringComparison.Ordinal))
                .Select(s => int.TryParse(HostPath.Name(s.Key), NumberStyles.None, CultureInfo.InvariantCulture, out var index) ? index : 0).ToHashSet(),
            ifup.Result.Succeeded,
            noOvs.Result);
    }

    public DeadManTimer DeadMan(Guid operation) => new(shell, operation);

    public ValueTask DisposeAsync() => shell.DisposeAsync();
}

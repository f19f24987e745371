using Microsoft.Extensions.Logging;
using Xlnet.Domain.Hosts;
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

    public async Task<HostObservation> ObserveAsync(IReadOnlyCollection<string> files, CancellationToken ct)
    {
        var at = time.GetUtcNow();
        var version = await Reader().ReadVersionAsync(ct).ConfigureAwait(false);
        var seen = await LookAsync(ct).ConfigureAwait(false);
        var scripts = await shell.ListFilesAsync(ScriptDirectory, ct).ConfigureAwait(false);

        var contents = await shell.ReadFilesAsync(files, ct).ConfigureAwait(false);

        return new HostObservation
        {
            At = at,
            Simulated = shell.Simulated,
            XenVersion = version,
            Domains = seen.Domains,
            Bridges = seen.Bridges,
            Interfaces = seen.Interfaces,
            Files = contents,
            Scripts = [.. scripts.Where(IsVifScript).Select(NameOf)],
        };
    }

    public async Task<IReadOnlyList<HostFile>> ListGuestFilesAsync(CancellationToken ct) =>
        [.. (await shell.ListFilesAsync(Host.ConfigFolder, ct).ConfigureAwait(false)).Where(f => Host.IsGuestFilePath(f.Path))];

    public async Task<HostInspection> InspectAsync(IReadOnlyCollection<string> files, CancellationToken ct)
    {
        var observed = await ObserveAsync(files, ct).ConfigureAwait(false);
        List<HostFile> scripts = [.. (await shell.ListFilesAsync(ScriptDirectory, ct).ConfigureAwait(false)).Where(IsVifScript)];
        List<HostFile> configs =
        [
            .. (await shell.ListFilesAsync(Host.ConfigFolder, ct).ConfigureAwait(false))
                .Where(f => f.Path == Host.XlConfPath || Host.IsGuestFilePath(f.Path)),
        ];
        var reader = Reader();
        var hashes = await reader.ReadHashesAsync([.. scripts.Concat(configs).Select(f => f.Path)], ct).ConfigureAwait(false);
        var forwarding = await reader.ReadForwardingAsync(ct).ConfigureAwait(false);
        ObservedFile Observed(HostFile file) => new(file.Path, file.Length, hashes.GetValueOrDefault(file.Path));
        return new HostInspection(observed, [.. scripts.Select(Observed)], [.. configs.Select(Observed)], forwarding);
    }

    private static bool IsVifScript(HostFile file) => file.Executable && NameOf(file).StartsWith("vif", StringComparison.Ordinal);

    private static string NameOf(HostFile file) => file.Path[(file.Path.LastIndexOf('/') + 1)..];

    public async Task<HostSnapshot> LookAsync(CancellationToken ct)
    {
        var at = time.GetUtcNow();
        var reader = Reader();
        var interfaces = await reader.ReadInterfacesAsync(ct).ConfigureAwait(false);
        var ovs = await reader.ReadOvsAsync(ct).ConfigureAwait(false);
        var domains = await reader.ReadDomainsAsync(interfaces, ovs, ct).ConfigureAwait(false);
        return new HostSnapshot(at, domains, HostReader.Bridges(interfaces, ovs), interfaces);
    }

    public IAsyncEnumerable<string> MonitorLinksAsync(CancellationToken ct) => shell.ReadLinesAsync(["ip", "monitor", "link"], ct);

    public async Task<StepOutcome> ApplyAsync(PlanStep step, CancellationToken ct)
    {
        var run = new StepRun(shell, time);
        StepFailure? failure;
        try
        {
            failure = await (step switch
            {
                WriteFileStep write => FileSteps.WriteAsync(run, write, ct),
                DeleteFileStep delete => FileSteps.DeleteAsync(run, delete, ct),
                CreateBridgeStep create => BridgeSteps.CreateAsync(run, create, ct),
                DeleteBridgeStep delete => BridgeSteps.DeleteAsync(run, delete, ct),
                AddBridgePortStep add => BridgePortSteps.AddAsync(run, add, ct),
                RemoveBridgePortStep remove => BridgePortSteps.RemoveAsync(run, remove, ct),
                SetBridgeMtuStep mtu => BridgeSteps.SetMtuAsync(run, mtu, ct),
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

        if (failure is not null)
            logger.LogWarning("{Action} of {Target} failed: {Code}: {Message}", step.Action, step.Target, failure.Code, failure.Message);
        return new StepOutcome(run.Commands, failure, run.Changed);
    }

    private HostReader Reader() => new((argv, ct) => shell.RunAsync(argv, ReadTimeout, ct));

    public async Task<IReadOnlyList<HostRoute>> ReadRoutesAsync(CancellationToken ct)
    {
        var v4 = await shell.RunAsync(["ip", "-j", "route", "show"], ReadTimeout, ct).ConfigureAwait(false);
        var v6 = await shell.RunAsync(["ip", "-j", "-6", "route", "show"], ReadTimeout, ct).ConfigureAwait(false);
        return [.. RouteAnswers.Read(CommandAnswer.Expect(v4)), .. RouteAnswers.Read(CommandAnswer.Expect(v6))];
    }

    public DeadManTimer DeadMan(Guid operation) => new(shell, operation);

    public ValueTask DisposeAsync() => shell.DisposeAsync();
}

namespace Xlnet.Infrastructure.Hosts.Steps;

/// <summary>One step under way: runs its commands and keeps them for the journal.</summary>
internal sealed class StepRun
{
    private readonly List<CommandResult> _commands = [];

    public StepRun(IHostShell shell, TimeProvider time)
    {
        (Shell, Time) = (shell, time);
        Reader = new HostReader(async (commands, ct) =>
        {
            var results = await shell.RunAllAsync(commands, XlHostDriver.ReadTimeout, ct).ConfigureAwait(false);
            _commands.AddRange(results);
            return results;
        });
    }

    public IHostShell Shell { get; }

    public TimeProvider Time { get; }

    public HostReader Reader { get; }

    public IReadOnlyList<CommandResult> Commands => _commands;

    /// <summary>Whether more than looking was done.</summary>
    public bool Changed { get; set; }

    /// <summary>Runs a command that changes something.</summary>
    public Task<CommandResult> RunAsync(IReadOnlyList<string> argv, TimeSpan timeout, CancellationToken ct)
    {
        Changed = true;
        return KeepAsync(argv, timeout, ct);
    }

    private async Task<CommandResult> KeepAsync(IReadOnlyList<string> argv, TimeSpan timeout, CancellationToken ct)
    {
        var result = await Shell.RunAsync(argv, timeout, ct).ConfigureAwait(false);
        _commands.Add(result);
        return result;
    }

    /// <summary>Runs a command that changes something quickly; what it says when it fails becomes the failure.</summary>
    public async Task<StepFailure?> ChangeAsync(string failureCode, IReadOnlyList<string> argv, CancellationToken ct)
    {
        var result = await RunAsync(argv, XlHostDriver.ReadTimeout, ct).ConfigureAwait(false);
        return result.Succeeded ? null : Failed(failureCode, result);
    }

    public static StepFailure Failed(string code, CommandResult result) => new(
        code,
        $"'{Answers.CommandAnswer.Show(result)}' exited with status {result.ExitStatus}: "
        + Answers.CommandAnswer.Excerpt(result.Stderr.Length > 0 ? result.Stderr : result.Stdout));
}

using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Quartz;

namespace Xlnet.Infrastructure.Operations;

/// <summary>
/// A service that stops leaves its operations in order. From the signal on it begins no operation and no step; the steps that are under
/// way end. What is left of their operations another replica takes up, or this one when it is back: by observing and planning again.
/// Meanwhile requests are still answered, and what they ask for is run by the others.
/// </summary>
public sealed partial class Handover : IHostedLifecycleService, IDisposable
{
    /// <summary>
    /// What a step under way may take. Of the 30 s that the host has to stop, the rest is for its requests; who runs it
    /// (systemd, Kubernetes, compose) gives it 40 s.
    /// </summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    /// <summary>For a step that was broken off to be noted.</summary>
    private static readonly TimeSpan Unwinding = TimeSpan.FromSeconds(2);

    private readonly CancellationTokenSource _asked = new();
    private readonly CancellationTokenSource _over = new();
    private readonly TaskCompletionSource _idle = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private readonly ISchedulerFactory _schedulers;
    private readonly ILogger _logger;
    private int _running;
    private Task? _stopping;

    public Handover(ISchedulerFactory schedulers, ILogger<Handover> logger) =>
        (_schedulers, _logger, Asked, Over) = (schedulers, logger, _asked.Token, _over.Token);

    /// <summary>The service stops: nothing is to be begun.</summary>
    public CancellationToken Asked { get; }

    /// <summary>Nothing is run here any more, and nothing here is worth waiting for; a step that is still under way is broken off.</summary>
    public CancellationToken Over { get; }

    /// <returns>False when this replica runs nothing more.</returns>
    public bool TryBegin()
    {
        lock (_lock)
        {
            if (_asked.IsCancellationRequested)
                return false;
            _running++;
            return true;
        }
    }

    public void End()
    {
        lock (_lock)
        {
            if (--_running == 0 && _asked.IsCancellationRequested)
                _idle.TrySetResult();
        }
    }

    /// <summary>Once, however often it is asked: a host may be stopped twice, by a signal and by who runs it, and be disposed of in between.</summary>
    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
            return _stopping ??= StopOnceAsync(cancellationToken);
    }

    private async Task StopOnceAsync(CancellationToken cancellationToken)
    {
        int running;
        lock (_lock)
        {
            running = _running;
            _asked.Cancel();
            if (running == 0)
                _idle.TrySetResult();
        }

        try
        {
            foreach (var scheduler in await _schedulers.GetAllSchedulers(cancellationToken))
                await scheduler.Standby(cancellationToken);
        }
        catch (SchedulerException e)
        {
            LogNoStandby(_logger, e);
        }

        if (running > 0)
            LogLeaving(_logger, running);
        try
        {
            await _idle.Task.WaitAsync(Patience, cancellationToken);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException)
        {
            LogBreaking(_logger);
        }

        await _over.CancelAsync();
        await Task.WhenAny(_idle.Task, Task.Delay(Unwinding, cancellationToken));
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        _asked.Dispose();
        _over.Dispose();
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The service stops: the steps of {Hosts} hosts that are under way end, and what comes after them is left to another replica")]
    private static partial void LogLeaving(ILogger logger, int hosts);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A step takes longer than a stop may: it is broken off, and another replica observes what it has done")]
    private static partial void LogBreaking(ILogger logger);

    [LoggerMessage(Level = LogLevel.Error, Message = "The scheduler could not be kept from beginning more")]
    private static partial void LogNoStandby(ILogger logger, Exception exception);
}

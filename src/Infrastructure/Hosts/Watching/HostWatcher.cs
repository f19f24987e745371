using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Xlnet.Domain.Planning;

namespace Xlnet.Infrastructure.Hosts.Watching;

/// <summary>
/// Watches one host for its listeners: looks at it whenever <c>ip monitor</c> says that a link has changed, and every two seconds in any
/// case, since domains have no such line, and tells the difference. What comes and goes between two looks is not seen.
/// </summary>
/// <param name="open">Opens the way to the host.</param>
/// <param name="find">How the host is reached by now; null when it is xlnet's no more.</param>
internal sealed partial class HostWatcher(
    long hostId, Func<CancellationToken, Task<IHostDriver>> open, Func<CancellationToken, Task<HostWay?>> find, TimeProvider clock, ILogger logger) : IAsyncDisposable
{
    /// <summary>How old what a listener knows of domains can be, and of links where the host has no <c>ip monitor</c>.</summary>
    private static readonly TimeSpan LookAgain = TimeSpan.FromSeconds(2);

    /// <summary>Between two looks: links change in bursts, and a host has better to do than to answer them one by one.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(30);

    private readonly Lock _lock = new();
    private readonly List<HostListener> _listeners = [];
    private readonly CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;
    private HostSnapshot? _seen;
    private HostEvent? _lost;
    private bool _ended;

    public void Start() => _running = Task.Run(RunAsync);

    public void Join(HostListener listener)
    {
        lock (_lock)
        {
            _listeners.Add(listener);
            if (_ended)
                listener.End();
            else if (_lost is not null)
                listener.Tell(_lost);
            else if (_seen is not null)
                listener.Tell(new HostEvent(HostEventKind.Ready, clock.GetUtcNow()));
        }
    }

    /// <returns>Whether it was the last one.</returns>
    public bool Leave(HostListener listener)
    {
        lock (_lock)
        {
            _listeners.Remove(listener);
            return _listeners.Count == 0;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync().ConfigureAwait(false);
        await _running.ConfigureAwait(false);
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        var ct = _stop.Token;
        var retry = FirstRetry;
        while (!ct.IsCancellationRequested)
        {
            try
            {
                if (await find(ct).ConfigureAwait(false) is not { } way)
                {
                    End();
                    return;
                }

                await using var driver = await open(ct).ConfigureAwait(false);
                await WatchAsync(driver, way, () => retry = FirstRetry, ct).ConfigureAwait(false);
                continue;
            }
            catch (OperationCanceledException) when (ct.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // One that was deleted at this moment is not lost: the next turn sees that it is gone.
                if (await MayExistAsync(ct).ConfigureAwait(false))
                    Lose(e);
            }

            await Task.Delay(retry, clock, ct).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            retry = retry * 2 < LastRetry ? retry * 2 : LastRetry;
        }
    }

    private async Task<bool> MayExistAsync(CancellationToken ct)
    {
        try
        {
            return await find(ct).ConfigureAwait(false) is not null;
        }
        catch (Exception)
        {
            return !ct.IsCancellationRequested;
        }
    }

    /// <summary>Looks until the host is lost, deleted, or reached in another way.</summary>
    private async Task WatchAsync(IHostDriver driver, HostWay way, Action answered, CancellationToken ct)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(ct);
        // One that is waiting stands for all: the look that comes sees what they were about.
        var wakeUps = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        var monitor = MonitorAsync(driver, wakeUps.Writer, stop.Token);
        try
        {
            var woken = wakeUps.Reader.WaitToReadAsync(ct).AsTask();
            while (await find(ct).ConfigureAwait(false) == way)
            {
                var now = await driver.LookAsync(ct).ConfigureAwait(false);
                answered();
                Tell(now);
                await Task.Delay(Rest, clock, ct).ConfigureAwait(false);
                try
                {
                    if (!await woken.WaitAsync(LookAgain, clock, ct).ConfigureAwait(false))
                    {
                        // No ip monitor, or none any more: from here on it is the clock alone.
                        woken = new TaskCompletionSource<bool>().Task;
                        continue;
                    }

                    wakeUps.Reader.TryRead(out _);
                    woken = wakeUps.Reader.WaitToReadAsync(ct).AsTask();
                }
                catch (TimeoutException)
                {
                }
            }
        }
        finally
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await monitor.ConfigureAwait(false);
        }
    }

    /// <summary>Turns the lines of <c>ip monitor</c> into wake-ups. When it is lost with the host, so is the watch.</summary>
    private static async Task MonitorAsync(IHostDriver driver, ChannelWriter<bool> wakeUps, CancellationToken ct)
    {
        Exception? lost = null;
        try
        {
            await foreach (var _ in driver.MonitorLinksAsync(ct).ConfigureAwait(false))
                wakeUps.TryWrite(true);
        }
        catch (Exception e) when (e is HostAnswerException or OperationCanceledException)
        {
        }
        catch (Exception e)
        {
            lost = e;
        }

        wakeUps.TryComplete(lost);
    }

    private void Tell(HostSnapshot now)
    {
        lock (_lock)
        {
            if (_lost is not null)
                TellAll(new HostEvent(HostEventKind.HostBack, now.At));
            _lost = null;
            foreach (var change in _seen is null ? [] : HostChanges.Between(_seen, now))
            {
                var item = new HostEvent(HostEventKind.Changed, now.At, change);
                foreach (var listener in _listeners.Where(l => l.Ready))
                    listener.Tell(item);
            }

            _seen = now;
            foreach (var listener in _listeners.Where(l => !l.Ready))
                listener.Tell(new HostEvent(HostEventKind.Ready, clock.GetUtcNow()));
        }
    }

    private void Lose(Exception exception)
    {
        var (code, message) = exception switch
        {
            HostShellException e => (e.Code, e.Message),
            HostAnswerException e => (e.Code, e.Message),
            _ => ("internal", "xlnet failed to look at the host; its log has the details."),
        };
        if (code == "internal")
            LogBroken(logger, exception, hostId);
        lock (_lock)
        {
            if (_lost is not null)
                return;
            _lost = new HostEvent(HostEventKind.HostLost, clock.GetUtcNow(), Code: code, Message: message);
            TellAll(_lost);
        }
    }

    private void End()
    {
        lock (_lock)
        {
            _ended = true;
            foreach (var listener in _listeners)
                listener.End();
        }
    }

    private void TellAll(HostEvent item)
    {
        foreach (var listener in _listeners)
            listener.Tell(item);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Watching host {HostId} failed")]
    private static partial void LogBroken(ILogger logger, Exception exception, long hostId);
}

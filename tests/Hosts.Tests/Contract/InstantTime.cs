namespace Xlnet.Hosts.Tests.Contract;

/// <summary>A clock on which every wait is over at once, and has taken as long as it should: no test waits, and each sees the same times.</summary>
public sealed class InstantTime : TimeProvider
{
    private readonly Lock _lock = new();
    private DateTimeOffset _now = new(2026, 11, 24, 12, 0, 0, TimeSpan.Zero);

    /// <summary>From now on no wait ends.</summary>
    public bool Stopped { get; set; }

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow()
    {
        lock (_lock)
            return _now;
    }

    public override long GetTimestamp() => GetUtcNow().Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new InstantTimer(this, () => callback(state));
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class InstantTimer(InstantTime time, Action callback) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (dueTime < TimeSpan.Zero || time.Stopped)
                return true;
            lock (time._lock)
                time._now += dueTime;
            ThreadPool.QueueUserWorkItem(_ => callback());
            return true;
        }

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}

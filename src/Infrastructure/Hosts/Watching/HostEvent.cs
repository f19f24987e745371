using System.Threading.Channels;
using Xlnet.Domain.Planning;

namespace Xlnet.Infrastructure.Hosts.Watching;

/// <param name="At">When it was seen, by the service's clock.</param>
/// <param name="Change">What a <see cref="HostEventKind.Changed"/> is about.</param>
/// <param name="Code">Why the host was lost, stable, such as <c>host.unreachable</c>.</param>
/// <param name="Message">The same for people.</param>
public sealed record HostEvent(HostEventKind Kind, DateTimeOffset At, HostChange? Change = null, string? Code = null, string? Message = null);

public enum HostEventKind
{
    /// <summary>From here on every change is told.</summary>
    Ready,

    Changed,

    /// <summary>The host cannot be asked; it is tried again.</summary>
    HostLost,

    /// <summary>It can be asked again. What has changed in between follows.</summary>
    HostBack,

    /// <summary>The listener was too slow, and missed something: the last event of its stream.</summary>
    Resync,
}

/// <summary>One who listens, with the events that wait for him. He never holds up the watcher: who falls behind too far is let go.</summary>
internal sealed class HostListener
{
    private const int MaxWaiting = 1024;

    private readonly Channel<HostEvent> _events = Channel.CreateBounded<HostEvent>(MaxWaiting);

    public ChannelReader<HostEvent> Events => _events.Reader;

    /// <summary>Whether it was told <see cref="HostEventKind.Ready"/>.</summary>
    public bool Ready { get; private set; }

    public bool Lagged { get; private set; }

    public void Tell(HostEvent item)
    {
        if (_events.Writer.TryWrite(item))
            Ready |= item.Kind == HostEventKind.Ready;
        else if (!Lagged)
        {
            Lagged = true;
            End();
        }
    }

    public void End() => _events.Writer.TryComplete();
}

namespace Xlnet.Domain.Xl;

/// <summary>What xlnet has to say about a place in an xl text: where what xl does is not what was written, or not what was meant.</summary>
/// <param name="Code">Stable, such as <c>vif.unknown-key</c>.</param>
/// <param name="Severity">What becomes of it; see <see cref="FindingSeverity"/>.</param>
/// <param name="Line">From 1.</param>
/// <param name="Column">From 1, in bytes.</param>
/// <param name="Message">What is wrong, what xl makes of it, and what would be right.</param>
/// <param name="Fix">A change that mends it, where there is one that can be applied without asking.</param>
/// <param name="Key">The vif key that it is about, where it is about one.</param>
/// <param name="Devid">The vif that it is about, where it is about one.</param>
public sealed record Finding(
    string Code,
    FindingSeverity Severity,
    int Line,
    int Column,
    string Message,
    TextFix? Fix = null,
    string? Key = null,
    int? Devid = null);

public enum FindingSeverity
{
    /// <summary>Worth knowing.</summary>
    Info,

    /// <summary>xl takes it, and it likely is not what was meant.</summary>
    Warning,

    /// <summary>xl refuses it, or does something else than it says. An import with one is refused unless the caller accepts it.</summary>
    Error,
}

/// <summary>Replaces <paramref name="Length"/> bytes at <paramref name="Start"/> (offset in the whole text) by <paramref name="Text"/>.</summary>
public sealed record TextFix(int Start, int Length, string Text);

namespace Xlnet.Domain.Xl;

/// <summary>A kind of finding: its code, and what <c>docs/findings.md</c> says of it.</summary>
/// <param name="Cause">What was written.</param>
/// <param name="Evidence">What xl, libxl or a hotplug script makes of it, and where that is known from.</param>
/// <param name="Remedy">What would be right.</param>
public sealed record FindingKind(string Code, FindingSeverity Severity, string Cause, string Evidence, string Remedy)
{
    /// <summary>A finding at an offset of a vif string.</summary>
    internal Finding At(int offset, string message, TextFix? fix = null, string? key = null, FindingSeverity? severity = null) =>
        new(Code, severity ?? Severity, 1, offset + 1, message, fix, key);

    /// <summary>A finding at a place of a file.</summary>
    internal Finding At((int Line, int Column) place, string message, TextFix? fix = null, string? key = null, int? devid = null) =>
        new(Code, Severity, place.Line, place.Column, message, fix, key, devid);
}

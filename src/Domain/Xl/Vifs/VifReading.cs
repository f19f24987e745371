using Xlnet.Domain.Vifs;

namespace Xlnet.Domain.Xl;

/// <summary>A vif string as xl reads it.</summary>
/// <param name="Devid">What <c>devid=</c> gives it; null without one, and the place in the list decides.</param>
/// <param name="Settings">As xl reads them. Values are chars that are bytes; <see cref="XlText.Decode"/> shows them.</param>
/// <param name="Findings">Line 1, the column counts from the string's start; so do the fixes' offsets.</param>
/// <param name="Reading">What xl would do with it.</param>
public sealed record VifReading(int? Devid, VifSettings Settings, IReadOnlyList<Finding> Findings, XlReading Reading);

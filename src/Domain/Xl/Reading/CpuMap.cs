namespace Xlnet.Domain.Xl;

/// <summary>
/// The CPUs that a virtual one may run on (xl_parse.c, vcpupin_parse): ranges that add to it, and such with <c>^</c> that take away,
/// from the left. How many CPUs a host has is not known here, so one that a host may have counts.
/// </summary>
internal sealed class CpuMap
{
    /// <summary>The most that Xen can be built for (NR_CPUS).</summary>
    private const int MostCpus = 16383;

    private readonly ulong[] _words = new ulong[MostCpus / 64 + 1];
    private int _used;
    private bool _hasNode;

    public bool IsEmpty => !_hasNode && !_words.AsSpan(0, _used).ContainsAnyExcept(0UL);

    public void Clear()
    {
        _words.AsSpan(0, _used).Clear();
        (_used, _hasNode) = (0, false);
    }

    /// <returns>What xl says of a part that it refuses; null when it is right.</returns>
    public string? Read(string part)
    {
        var text = part;
        var takesAway = text.StartsWith('^');
        if (takesAway)
            text = text[1..];
        var nodes = text.StartsWith("node:", StringComparison.Ordinal) ? 5 : text.StartsWith("nodes:", StringComparison.Ordinal) ? 6 : 0;
        text = text[nodes..];
        if (text == "all")
        {
            if (takesAway)
                return "Can't combine \"^\" and \"all\".";
            Set(0, MostCpus, true);
            return null;
        }

        var first = CStrings.Strtoul(text, 10, out var length, out _);
        var last = first;
        var valid = length > 0 && first != ulong.MaxValue;
        if (valid && length < text.Length)
        {
            var rest = text[length] == '-' ? text[(length + 1)..] : "";
            last = CStrings.Strtoul(rest, 10, out length, out _);
            valid = length > 0 && length == rest.Length && last != ulong.MaxValue && last >= first;
        }

        if (!valid)
            return $"Invalid pcpu range: {text}.";
        if (nodes == 0)
            Set(first, last, !takesAway);
        else
            _hasNode |= !takesAway;
        return null;
    }

    private void Set(ulong first, ulong last, bool value)
    {
        last = Math.Min(last, MostCpus);
        if (first <= last)
            _used = Math.Max(_used, (int)(last / 64) + 1);
        for (var cpu = first; cpu <= last;)
        {
            var bit = (int)(cpu % 64);
            var count = (int)Math.Min(64UL - (ulong)bit, last - cpu + 1);
            var mask = (count == 64 ? ulong.MaxValue : (1UL << count) - 1) << bit;
            _words[cpu / 64] = value ? _words[cpu / 64] | mask : _words[cpu / 64] & ~mask;
            cpu += (ulong)count;
        }
    }
}

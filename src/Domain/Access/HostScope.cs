using Xlnet.Domain.Common;

namespace Xlnet.Domain.Access;

/// <summary>The hosts that a caller sees and touches. By name, so that a key can be made before its host is.</summary>
public sealed class HostScope
{
    public static readonly HostScope All = new(null);

    private HostScope(string[]? names) => Names = names;

    /// <summary>Sorted; null for all.</summary>
    public IReadOnlyList<string>? Names { get; }

    public bool IsAll => Names is null;

    /// <param name="names">Null for all.</param>
    public static HostScope Of(IEnumerable<string>? names) => names is null ? All : new HostScope([.. names.Distinct().Order(StringComparer.Ordinal)]);

    public bool Has(string host) => Names is null || Names.Contains(host);

    /// <summary>Whether an address's holder, <c>host/guest/devid</c> or <c>host/guest</c>, is of one of these hosts.</summary>
    public bool HasHolder(string holder) => Names is null || holder.IndexOf('/', StringComparison.Ordinal) is > 0 and var end && Names.Contains(holder[..end]);

    /// <exception cref="RuleException">403 <c>access.host</c>.</exception>
    public void Check(string host)
    {
        if (!Has(host))
            throw Refuse($"the host '{host}'");
    }

    /// <exception cref="RuleException">403 <c>access.host</c>.</exception>
    public void CheckHolder(string holder, string what)
    {
        if (!HasHolder(holder))
            throw Refuse(what);
    }

    public RuleException Refuse(string what) => new RuleException(RuleKind.Forbidden, "access.host", Refusal(what)).With("hosts", Names?.ToList() ?? []);

    public string Refusal(string what) =>
        $"What you sent is good for {(Names is [] ? "no host at all" : $"the hosts {string.Join(", ", Names ?? [])}")}, and not for {what}: use a key that is.";
}

using Xlnet.Domain.Common;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Subnets;
using Xlnet.Domain.Vifs;

namespace Xlnet.Api.Networking;

/// <summary>
/// What becomes of the vifs that have their address of a subnet, when the host's networking is changed such that they are not on it any
/// more: the request says where they get another one, and else is refused with the list of them.
/// </summary>
internal sealed class AddressMoves
{
    private readonly Host _host;
    private readonly IReadOnlyList<Subnet> _before;
    private readonly IReadOnlyList<Subnet> _subnets;
    private readonly IReadOnlyDictionary<string, string?> _moves;
    private readonly List<string> _stranded = [];

    /// <param name="before">The subnets as they were.</param>
    public AddressMoves(Host host, IReadOnlyList<Subnet> before, IReadOnlyList<Subnet> subnets, IReadOnlyDictionary<string, string?> moves)
    {
        (_host, _before, _subnets, _moves) = (host, before, subnets, moves);
        foreach (var (from, to) in moves)
        {
            if (to is not null && !subnets.Any(s => s.Name.Value == to))
                throw RuleException.Invalid($"/moveAddresses/{from}", "networking.move-addresses", $"The host has no subnet '{to}': name one of {string.Join(", ", subnets.Select(s => s.Name))}, or null.");
        }
    }

    /// <param name="vif">For the list.</param>
    /// <param name="settings">As they will be, but for the address.</param>
    /// <returns>What its <c>ip=</c> is to be, without an address that is to be allocated; and the subnet that it has one of.</returns>
    public (string? Ip, ResourceName? Subnet) Move(string vif, VifSettings settings, ResourceName? subnet)
    {
        if (subnet is null || _subnets.First(s => s.Name == subnet) is var present
            && IsOn(present, settings) && VifLockingRules.Addresses(settings.Ip).Any(present.Cidr.Contains))
            return (settings.Ip, subnet);
        if (!_moves.TryGetValue(subnet.Value, out var to) || to is not null && !IsOn(_subnets.First(s => s.Name.Value == to), settings))
        {
            _stranded.Add($"{vif} subnet={subnet} ip={settings.Ip}");
            return (settings.Ip, subnet);
        }

        // Its other addresses are its own business.
        var left = _before.First(s => s.Name == subnet).Cidr;
        var others = string.Join(' ', (settings.Ip ?? "").Split(' ').Where(a => !VifLockingRules.Addresses(a).Any(left.Contains)));
        return (others.Length == 0 ? null : others, to is null ? null : ResourceName.Parse(to));
    }

    /// <exception cref="RuleException">422, with the vifs that the request says nothing of.</exception>
    public void Check()
    {
        if (_stranded.Count == 0)
            return;
        throw new RuleException(RuleKind.Invalid, "networking.addresses-stranded",
            $"These vifs have their address of a subnet that they would not be on any more: {string.Join("; ", _stranded)}. Say with moveAddresses which subnet of the new networking gives them another one, such as {{\"lan\": \"{Subnet.NatName}\"}}, or null for none.",
            new FieldError("/moveAddresses", "networking.addresses-stranded", "says nothing of them, or names a subnet that they would not be on either"))
            .With("vifs", _stranded);
    }

    private bool IsOn(Subnet subnet, VifSettings settings) => subnet.Serves(settings, _host.KnownDefaults() ?? VifDefaults.None, _host.Networking);
}

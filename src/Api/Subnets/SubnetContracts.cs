using System.ComponentModel.DataAnnotations;
using System.Net;
using FluentValidation;
using Xlnet.Api.Common;
using Xlnet.Domain.Common;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Subnets;

namespace Xlnet.Api.Subnets;

/// <summary>A subnet as it is put.</summary>
public record SubnetRequest
{
    /// <summary>The network, IPv4 of /8 to /30 or IPv6 of /32 to /126, such as `10.77.0.0/24`.</summary>
    [Required]
    public string? Cidr { get; init; }

    /// <summary>The bridge whose vifs it is for; left out, those on the host's networking.</summary>
    public string? Bridge { get; init; }

    /// <summary>The mode of the host's networking in which it is for its vifs; left out, in any but `nat`, which brings a subnet of its own.</summary>
    public NetworkMode? Mode { get; init; }

    /// <summary>The first address to allocate; the network's first one unless given. Two hosts on one LAN are given a range each.</summary>
    public string? First { get; init; }

    /// <summary>The last address to allocate; the network's last one unless given, at most 2^32 in all.</summary>
    public string? Last { get; init; }

    /// <summary>The guests' way out, which no guest gets.</summary>
    public string? Gateway { get; init; }

    /// <summary>How long a released address waits before another vif gets it: 0 to 31536000; 86400 unless given.</summary>
    public int? QuarantineSeconds { get; init; }

    /// <summary>For people; up to 1,000 characters.</summary>
    public string? Description { get; init; }

    internal static SubnetRequest Of(Subnet subnet) => new()
    {
        Cidr = subnet.Cidr.ToString(),
        Bridge = subnet.Bridge,
        Mode = subnet.Mode,
        First = subnet.First.ToString(),
        Last = subnet.Last.ToString(),
        Gateway = subnet.Gateway?.ToString(),
        QuarantineSeconds = (int)subnet.Quarantine.TotalSeconds,
        Description = subnet.Description,
    };

    internal void Into(Subnet subnet)
    {
        subnet.Set(
            Cidrs.TryParse(Cidr)!.Value, Bridge, Mode, First is null ? null : IPAddress.Parse(First), Last is null ? null : IPAddress.Parse(Last),
            Gateway is null ? null : IPAddress.Parse(Gateway));
        subnet.Quarantine = QuarantineSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : Subnet.DefaultQuarantine;
        subnet.Description = Description;
    }
}

/// <summary>A new subnet.</summary>
public sealed record CreateSubnetRequest : SubnetRequest
{
    /// <summary>1 to 63 lower-case letters, digits, '.', '_' and '-'.</summary>
    [Required]
    public string? Name { get; init; }

    /// <summary>The POST that would make it.</summary>
    internal static new CreateSubnetRequest Of(Subnet subnet)
    {
        var put = SubnetRequest.Of(subnet);
        return new CreateSubnetRequest
        {
            Name = subnet.Name.Value,
            Cidr = put.Cidr,
            Bridge = put.Bridge,
            Mode = put.Mode,
            First = put.First,
            Last = put.Last,
            Gateway = put.Gateway,
            QuarantineSeconds = put.QuarantineSeconds,
            Description = put.Description,
        };
    }
}

/// <summary>The addresses that the vifs of one place of a host have.</summary>
/// <param name="Bridge">The bridge whose vifs it is for; null for those on the host's networking.</param>
/// <param name="Mode">The mode of the networking in which it is for its vifs; null for any but `nat`.</param>
/// <param name="First">The first address that is allocated.</param>
/// <param name="Last">The last address that is allocated.</param>
/// <param name="Size">How many addresses that are.</param>
/// <param name="Gateway">The guests' way out, which no guest gets.</param>
public sealed record SubnetResponse(
    string Name, string Cidr, string? Bridge, NetworkMode? Mode, string First, string Last, long Size, string? Gateway, int QuarantineSeconds,
    string? Description, DateTimeOffset CreatedAt)
{
    internal static SubnetResponse Of(Subnet subnet) => new(
        subnet.Name.Value, subnet.Cidr.ToString(), subnet.Bridge, subnet.Mode, subnet.First.ToString(), subnet.Last.ToString(), subnet.Size,
        subnet.Gateway?.ToString(), (int)subnet.Quarantine.TotalSeconds, subnet.Description, subnet.CreatedAt);
}

/// <summary>An address to be set aside.</summary>
/// <param name="ReservedFor">A guest, `host/guest`, or a vif, `host/guest/devid`, that need not exist yet and will get it; or any other name, which keeps it from everyone.</param>
/// <param name="Address">The very address; left out, one of the range.</param>
public sealed record ReserveAddressRequest(string? ReservedFor = null, string? Address = null);

/// <summary>An address of a subnet that is not free.</summary>
/// <param name="Holder">The vif that holds it, as `host/guest/devid`; the name that it is reserved for; or the last holder, in quarantine.</param>
/// <param name="AvailableAt">The end of its quarantine.</param>
/// <param name="History">Who had it before, the latest first; only where one address is read.</param>
public sealed record SubnetAddressResponse(
    string Address, AllocationState State, string Holder, DateTimeOffset Since, DateTimeOffset? AvailableAt, IReadOnlyList<SubnetHoldingResponse>? History)
{
    internal static SubnetAddressResponse Of(SubnetAddress address, IReadOnlyList<SubnetHolding>? history) => new(
        address.Address.ToString(), address.State, address.Holder, address.Since, address.AvailableAt,
        history is null ? null : [.. history.Select(h => new SubnetHoldingResponse(h.Holder, h.State, h.From, h.Until))]);
}

public sealed record SubnetHoldingResponse(string Holder, AllocationState State, DateTimeOffset From, DateTimeOffset? Until);

internal sealed class SubnetRequestValidator : AbstractValidator<SubnetRequest>
{
    public SubnetRequestValidator()
    {
        RuleFor(s => s.Cidr).Must(c => c is not null && Cidrs.TryParse(c) is not null).WithErrorCode("subnet.cidr").WithMessage(Subnet.CidrRule);
        RuleFor(s => s.Bridge).Must(b => InterfaceName.TryParse(b, null, out _)).When(s => s.Bridge is not null).WithErrorCode("subnet.bridge").WithMessage($"That is no bridge: {InterfaceName.Rule}.");
        RuleFor(s => s.First).Must(Cidrs.IsAddress).When(s => s.First is not null).WithErrorCode("subnet.address").WithMessage(Cidrs.AddressRule);
        RuleFor(s => s.Last).Must(Cidrs.IsAddress).When(s => s.Last is not null).WithErrorCode("subnet.address").WithMessage(Cidrs.AddressRule);
        RuleFor(s => s.Gateway).Must(Cidrs.IsAddress).When(s => s.Gateway is not null).WithErrorCode("subnet.address").WithMessage(Cidrs.AddressRule);
        RuleFor(s => s.QuarantineSeconds).InclusiveBetween(0, 31_536_000).WithErrorCode("subnet.quarantine").WithMessage("A quarantine is 0 to 31536000 seconds (a year).");
        RuleFor(s => s.Description).MaximumLength(1000).WithErrorCode("description.too-long").WithMessage("A description has at most 1,000 characters.");
    }
}

internal sealed class CreateSubnetRequestValidator : AbstractValidator<CreateSubnetRequest>
{
    public CreateSubnetRequestValidator(IValidator<SubnetRequest> put)
    {
        RuleFor(s => s.Name).Must(n => ResourceName.TryParse(n, null, out _)).WithErrorCode("subnet.name").WithMessage($"Give the subnet a name: {ResourceName.Rule}.");
        Include(put);
    }
}

internal sealed class ReserveAddressRequestValidator : AbstractValidator<ReserveAddressRequest>
{
    public ReserveAddressRequestValidator()
    {
        RuleFor(r => r.ReservedFor).Must(n => n is { Length: >= 1 and <= 255 } && !n.Any(char.IsControl)).WithErrorCode("subnet.reserved-for")
            .WithMessage("Say what it is reserved for: 1 to 255 characters, such as dom0-a/web2 for a guest.");
        RuleFor(r => r.Address).Must(Cidrs.IsAddress).When(r => r.Address is not null).WithErrorCode("subnet.address").WithMessage(Cidrs.AddressRule);
    }
}

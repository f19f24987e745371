using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using FluentValidation;
using Xlnet.Api.Common;
using Xlnet.Domain.Common;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;

namespace Xlnet.Api.Vifs;

/// <summary>A vif as it is put. What is null or left out is not written into the guest file, and its default applies.</summary>
/// <param name="Devid">The device's number in the guest, 0 to 65535; the lowest free one unless given.</param>
/// <param name="Mac">A unicast address that is free; allocated from the host's pool unless given.</param>
/// <param name="Bridge">A bridge; for Open vSwitch also `BR.TAG`, `BR.TAG:TRUNK:TRUNK` or `BR:TRUNK`.</param>
/// <param name="Type">`vif`: paravirtualised only; `ioemu`: emulated too, on HVM guests only.</param>
/// <param name="Model">The emulated card, on HVM guests only.</param>
/// <param name="Vifname">The interface's name on Dom0: at most 15 characters, 11 where HVM adds `-emu`.</param>
/// <param name="Script">A bare name, or a path below /etc/xen/scripts.</param>
/// <param name="Ip">Addresses for the script, separated by blanks.</param>
/// <param name="Backend">The driver domain; Dom0 unless given.</param>
/// <param name="Gatewaydev">The interface whose address vif-route gives the guest as gateway.</param>
/// <param name="Rate">The limit of what the guest sends.</param>
/// <param name="Mtu">In bytes, 68 to 65535.</param>
/// <param name="Vlan">
/// The VLAN of what the guest sends untagged, 1 to 4094, as text or as a number. On Open vSwitch it is written into `bridge=`, as `BR.TAG`; on a Linux bridge
/// that keeps VLANs apart it is for a script of the host's own that reads it, from Xen 4.19 on, as none of Xen's does.
/// </param>
/// <param name="Trusted">Whether the guest trusts the backend.</param>
/// <param name="Other">`forwarddev` and the `colo_*` keys.</param>
/// <param name="Trunks">
/// The VLANs that the guest may send tagged, 1 to 4094 each. On Open vSwitch written into `bridge=`, as `BR:TRUNK:TRUNK`; on a Linux bridge, where they need a
/// `vlan` beside them, into `vlan=`, as `VLANp/TRUNK/TRUNK`.
/// </param>
/// <param name="Locking">`locked`: the guest may send from the vif's MAC address and the addresses of `ip` alone; its `vifname`, `script` and `backend` are then written into the guest file. `unlocked` unless given.</param>
/// <param name="Subnet">One of the host's subnets: `ip` is allocated from it, or is the one of its addresses that is given.</param>
public sealed record VifRequest(
    int? Devid = null, string? Mac = null, string? Bridge = null, VifType? Type = null, string? Model = null, string? Vifname = null,
    string? Script = null, string? Ip = null, string? Backend = null, string? Gatewaydev = null, RateContract? Rate = null,
    int? Mtu = null, [property: JsonConverter(typeof(TextOrNumber))] string? Vlan = null, bool? Trusted = null, IReadOnlyDictionary<string, string>? Other = null,
    IReadOnlyList<int>? Trunks = null, VifLocking? Locking = null, string? Subnet = null)
{
    internal VifSettings ToDomain() => new()
    {
        Mac = Mac is null ? null : MacAddress.Parse(Mac),
        Bridge = Bridge,
        Type = Type,
        Model = Model,
        VifName = Vifname,
        Script = Script,
        Ip = Ip,
        Backend = Backend,
        GatewayDev = Gatewaydev,
        Rate = Rate?.ToDomain(),
        Mtu = Mtu,
        Vlan = Vlan,
        Trusted = Trusted,
        Other = Other?.ToImmutableSortedDictionary(StringComparer.Ordinal) ?? ImmutableSortedDictionary<string, string>.Empty,
    };

    /// <summary>What a PUT of it would say, for a merge patch.</summary>
    internal static VifRequest Of(Vif vif)
    {
        var vlans = VifVlans.Of(vif);
        return new(
            vif.Devid, vif.MacWritten ? vif.Mac.ToString() : null, vlans.Bridge, vif.Type, vif.Model, vif.VifName, vif.ScriptFollows ? null : vif.Script,
            // With a subnet, the address follows from it.
            vif.Subnet is null ? vif.Ip : null,
            vif.Backend, vif.GatewayDev, RateContract.Of(vif.Rate), vif.Mtu, vlans.Vlan, vif.Trusted, vif.Other.Count == 0 ? null : vif.Other, vlans.Trunks, vif.Locking, vif.Subnet?.Value);
    }
}

/// <summary>A vif's bridge and VLANs, each in the field in which it was given.</summary>
internal sealed record VifVlans(string? Bridge, string? Vlan, IReadOnlyList<int>? Trunks)
{
    public static VifVlans Of(Vif vif)
    {
        if (!vif.VlanInBridge)
        {
            return vif.Vlan is { } vlan && VlanText.Parse(vlan) is { Trunks.Count: > 0 } words
                ? new VifVlans(vif.Bridge, words.Vlan.ToString(CultureInfo.InvariantCulture), words.Trunks)
                : new VifVlans(vif.Bridge, vif.Vlan, null);
        }

        var text = OvsBridgeText.Parse(vif.Bridge!);
        return new VifVlans(text.Bridge, text.Tag?.ToString(CultureInfo.InvariantCulture), text.Trunks.Count == 0 ? null : text.Trunks);
    }
}

/// <summary>Reads a text, or a whole number as its digits.</summary>
internal sealed class TextOrNumber : JsonConverter<string>
{
    public override string? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var number) ? number.ToString(CultureInfo.InvariantCulture)
        : reader.TokenType == JsonTokenType.String ? reader.GetString()
        : throw new JsonException();

    public override void Write(Utf8JsonWriter writer, string value, JsonSerializerOptions options) => writer.WriteStringValue(value);
}

/// <param name="BitsPerSecond">A multiple of 8.</param>
/// <param name="IntervalMicroseconds">How often credit is given, 1 to 4294967295; 50000 unless given.</param>
public sealed record RateContract(long? BitsPerSecond = null, long? IntervalMicroseconds = null)
{
    internal Rate ToDomain() => new(BitsPerSecond!.Value, IntervalMicroseconds ?? Rate.DefaultIntervalMicroseconds);

    internal static RateContract? Of(Rate? rate) => rate is null ? null : new RateContract(rate.BitsPerSecond, rate.IntervalMicroseconds);
}

/// <param name="Mac">The address that it holds.</param>
/// <param name="MacInFile">Whether the address stands in the guest file; when not, xl draws another one at each create.</param>
/// <param name="RateText">`rate` as xl spells it.</param>
/// <param name="Spec">The whole entry as xl spells it.</param>
/// <param name="Locking">Whether the guest may send from the vif's own addresses alone.</param>
/// <param name="Subnet">The host's subnet that an address of `ip` was asked of.</param>
public sealed record VifResponse(
    int Devid, string Mac, bool MacInFile, string? Bridge, VifType? Type, string? Model, string? Vifname, string? Script, string? Ip,
    string? Backend, string? Gatewaydev, RateContract? Rate, string? RateText, int? Mtu, string? Vlan, bool? Trusted,
    IReadOnlyDictionary<string, string>? Other, string Spec, IReadOnlyList<int>? Trunks, VifLocking Locking, string? Subnet)
{
    internal static VifResponse Of(Vif vif)
    {
        var vlans = VifVlans.Of(vif);
        return new(
            vif.Devid, vif.Mac.ToString(), vif.MacWritten, Show(vlans.Bridge), vif.Type, Show(vif.Model), Show(vif.VifName), Show(vif.Script), Show(vif.Ip),
            Show(vif.Backend), Show(vif.GatewayDev), RateContract.Of(vif.Rate), vif.Rate?.ToString(), vif.Mtu, Show(vlans.Vlan), vif.Trusted,
            vif.Other.Count == 0 ? null : vif.Other.ToDictionary(o => o.Key, o => XlText.Decode(o.Value)), XlText.Decode(VifSpec.Render(vif.WrittenSettings)),
            vlans.Trunks, vif.Locking, vif.Subnet?.Value);
    }

    /// <summary>What came from a guest file is kept a char a byte.</summary>
    private static string? Show(string? value) => value is null ? null : XlText.Decode(value);
}

internal sealed class VifRequestValidator : AbstractValidator<VifRequest>
{
    public VifRequestValidator(IValidator<RateContract> rate)
    {
        RuleFor(v => v.Devid).InclusiveBetween(0, 65535).WithErrorCode("vif.devid").WithMessage("A devid is 0 to 65535.");
        RuleFor(v => v.Mac).Must(m => MacAddress.TryParse(m, null, out _)).When(v => v.Mac is not null).WithErrorCode("mac.malformed")
            .WithMessage("That is no MAC address: write six pairs of hexadecimal digits, such as 00:16:3e:8a:10:02, or leave 'mac' out and one is allocated.");
        RuleFor(v => v.Trunks!).Must(t => t.Count > 0 && t.Distinct().Count() == t.Count && t.All(vlan => vlan is >= 1 and <= 4094)).When(v => v.Trunks is not null)
            .WithErrorCode("vif.trunks").WithMessage("Trunks are VLANs from 1 to 4094, each once. Leave 'trunks' out for none.");
        RuleFor(v => v.Subnet).Must(s => s is null || ResourceName.TryParse(s, null, out _)).WithErrorCode("subnet.name")
            .WithMessage($"That cannot name a subnet: {ResourceName.Rule}.");
        RuleFor(v => v.Rate!).SetValidator(rate).When(v => v.Rate is not null);
        // What every vif must keep to, whatever its guest and host; the guest's type and the host's Xen are looked at when they are known.
        RuleFor(v => v).Custom((vif, context) =>
        {
            foreach (var error in VifFields.Check((vif with { Mac = MacAddress.TryParse(vif.Mac, null, out _) ? vif.Mac : null, Rate = null }).ToDomain(), null, null))
                context.AddFailure(error.Pointer, error.Code, error.Message);
        });
    }
}

/// <summary>The strict rules for a vif, as errors of its members.</summary>
internal static class VifFields
{
    /// <summary>One error a member: the first says enough.</summary>
    public static IEnumerable<FieldError> Check(VifSettings settings, GuestType? type, XenVersion? version) =>
        All(settings, type, version).DistinctBy(e => e.Pointer);

    private static IEnumerable<FieldError> All(VifSettings settings, GuestType? type, XenVersion? version)
    {
        foreach (var (key, _) in settings.Other.Where(o => o.Value is null))
            yield return new FieldError(Pointer(settings, key), "vif.value.invalid", $"'{key}' is null: give it a string, or leave it out.");
        foreach (var finding in VifRules.Check(settings, type, version).Where(f => f.Severity == FindingSeverity.Error))
            yield return new FieldError(Pointer(settings, finding.Key ?? ""), finding.Code, finding.Message);
    }

    private static string Pointer(VifSettings settings, string key) =>
        settings.Other.ContainsKey(key) ? $"/other/{JsonPointer.Escape(key)}" : $"/{key}";
}

internal sealed class RateContractValidator : AbstractValidator<RateContract>
{
    public RateContractValidator()
    {
        RuleFor(r => r.BitsPerSecond).NotNull().WithErrorCode("vif.rate").WithMessage("Give 'bitsPerSecond', a multiple of 8, such as 10000000.");
        RuleFor(r => r).Custom((rate, context) =>
        {
            if (rate.BitsPerSecond is { } bits && Rate.Check(bits, rate.IntervalMicroseconds ?? Rate.DefaultIntervalMicroseconds) is { } wrong)
            {
                var field = rate.IntervalMicroseconds is < 1 or > uint.MaxValue ? "intervalMicroseconds" : "bitsPerSecond";
                context.AddFailure($"/{field}", "vif.rate", wrong);
            }
        });
    }
}

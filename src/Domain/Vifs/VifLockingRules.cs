using System.Net;
using Xlnet.Domain.Bridges;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Planning;

namespace Xlnet.Domain.Vifs;

/// <summary>What a vif must be for the host to hold its guest to its addresses.</summary>
public static class VifLockingRules
{
    /// <summary>Base 32 (RFC 4648, extended hexadecimal): 48 bits are ten digits.</summary>
    private const string Digits = "0123456789abcdefghijklmnopqrstuv";

    /// <summary>What stands in the way, by the member that is at fault; none when the vif can be locked.</summary>
    /// <param name="macWritten">Whether its address is to stand in the guest file.</param>
    /// <param name="defaults">The host's.</param>
    public static IEnumerable<(string Key, string Code, string Message)> Check(VifSettings settings, bool macWritten, GuestType type, VifDefaults defaults)
    {
        if (!macWritten)
            yield return ("mac", "vif.locking.mac", "A locked vif needs its address in the guest file, since xl draws another one at each create: give 'mac', or set the host's macPolicy to 'allocate'.");
        if (settings.Ip is not { } ip)
            yield return ("ip", "vif.locking.address", "A locked vif needs 'ip', the addresses that its guest may send from: with none, it could send nothing.");
        else if (ip.Split(' ').FirstOrDefault(a => Single(a) is null) is { } network)
            yield return ("ip", "vif.locking.address", $"'{network}' is more than one address: a locked vif names each address that its guest may send from, such as 10.0.0.2 or 2001:db8::2.");
        else if (Addresses(ip).FirstOrDefault(a => a.Equals(IPAddress.Any) || a.Equals(IPAddress.IPv6Any) || a.IsIPv6Multicast || a.GetAddressBytes() is [>= 224, _, _, _]) is { } none)
            yield return ("ip", "vif.locking.address", $"Nobody can have the address {none}: give the addresses that the guest has.");
        if (settings.VifName is { } name && !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-'))
            yield return ("vifname", "vif.locking.vifname", $"'{name}' cannot be named in a rule: the vifname of a locked vif has letters, digits, '.', '_' and '-', or is left out and xlnet gives one.");

        var effective = EffectiveVif.Resolve(settings, type, defaults);
        if (!effective.IsOfDom0)
            yield return ("backend", "vif.locking.backend", $"The backend of this vif is the driver domain {effective["backend"].Value}, and only Dom0's own interfaces can be locked.");
        if (!effective.IsBridged)
            yield return ("script", "vif.locking.script", $"The script of this vif is {effective.Script}: a vif is locked where it joins a bridge, which vif-bridge and vif-openvswitch alone make it do.");
        else if (effective.IsOnOpenVSwitch && effective.Bridge.Contains(':', StringComparison.Ordinal))
            yield return ("bridge", "vif.locking.trunks", $"The bridge {effective.Bridge} has trunks, and a locked vif sends untagged frames alone: leave the trunks out.");
    }

    /// <summary>
    /// The settings with the host's defaults that the lock depends on written out, so that it goes on to hold when these change; on Open
    /// vSwitch with the script that puts the rules in.
    /// </summary>
    public static VifSettings Pin(VifSettings settings, VifDefaults defaults)
    {
        var script = settings.Script ?? defaults.Script ?? EffectiveVif.DefaultScript;
        return settings with { Script = EffectiveVif.IsOpenVSwitchScript(EffectiveVif.Bare(script)!) ? LockingFlows.ScriptName : script, Backend = settings.Backend ?? "0" };
    }

    /// <summary>The script that does for an unlocked vif what this one does for a locked one.</summary>
    public static string? Unpin(string? script) => EffectiveVif.Bare(script) == LockingFlows.ScriptName ? HostRules.ScriptOf(BridgeKind.OpenVSwitch) : script;

    /// <summary>
    /// The name of the Dom0 interface of a locked vif that was given none: the rules need one that no create changes. As unique as the
    /// address, and short enough for <c>-emu</c>.
    /// </summary>
    public static string NameOf(MacAddress mac) => "x" + new string([.. Enumerable.Range(0, 10).Select(i => Digits[(int)(mac.Value >> (45 - 5 * i)) & 31])]);

    /// <summary>The addresses of <c>ip=</c>, each once.</summary>
    public static IReadOnlyList<IPAddress> Addresses(string? ip) => [.. (ip ?? "").Split(' ').Select(Single).OfType<IPAddress>().Distinct()];

    private static IPAddress? Single(string text)
    {
        var parts = text.Split('/');
        if (!IPAddress.TryParse(parts[0], out var address))
            return null;
        return parts.Length == 1 || parts[1] == (address.GetAddressBytes().Length == 4 ? "32" : "128") ? address : null;
    }
}

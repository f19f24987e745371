using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Subnets;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;

namespace Xlnet.Domain.Planning;

/// <summary>The vif that is to be explained, and what it stands in.</summary>
public sealed record VifQuestion
{
    /// <summary>As xl reads them; the address null when xl is to draw one.</summary>
    public required VifSettings Settings { get; init; }

    public int Devid { get; init; }

    public GuestType GuestType { get; init; }

    public VifDefaults Defaults { get; init; } = VifDefaults.None;

    public XenVersion XenVersion { get; init; } = XenVersion.Recorded;

    /// <summary>Its addresses that are of one of the host's subnets.</summary>
    public IReadOnlyList<SubnetFact> Addresses { get; init; } = [];

    /// <summary>The guest as it runs; null when it does not, or is not known to.</summary>
    public ObservedDomain? Domain { get; init; }

    public ObservedVif? Live => Domain?.FindVif(Devid);
}

/// <param name="Leased">Whether the host's dnsmasq gives the guest this address.</param>
public sealed record SubnetFact(IPAddress Address, Subnet Subnet, bool Leased);

/// <summary>What a vif means: each setting with its origin, and all that follows from them on the host.</summary>
/// <param name="Summary">In plain sentences.</param>
/// <param name="Hotplug">The runs of the hotplug script when the vif is plugged, in order.</param>
/// <param name="Xenstore">The keys as they are first written; what is drawn or counted up at create stands in angle brackets.</param>
public sealed record Explanation(
    string Summary, IReadOnlyList<ExplainedSetting> Settings, VifInterface Interface, IReadOnlyList<HotplugRun> Hotplug, IReadOnlyList<XenstoreKey> Xenstore)
{
    public static Explanation Of(VifQuestion vif)
    {
        // An xl that does not know vlan makes the vif without it.
        var settings = vif.XenVersion < VifKeys.VlanSince ? vif.Settings with { Vlan = null } : vif.Settings;
        var facts = new Facts(vif, EffectiveVif.Resolve(settings, vif.GuestType, vif.Defaults));
        return new Explanation(facts.Summary(), ExplainedSettings.Of(vif, facts.Effective), facts.Interface, facts.Hotplug(), facts.Xenstore());
    }

    /// <summary>The findings of a vif string, with those that only its guest's type and its host's Xen bring up.</summary>
    public static IReadOnlyList<Finding> FindingsOf(IReadOnlyList<Finding> findings, VifQuestion vif)
    {
        string[] dependent = [FindingKinds.IoemuNotHvm.Code, FindingKinds.ModelNotHvm.Code, FindingKinds.VifNameTooLong.Code];
        return
        [
            .. findings.Where(f => f.Code != FindingKinds.VlanVersion.Code || vif.XenVersion < VifKeys.VlanSince),
            .. VifRules.Check(vif.Settings, vif.GuestType, vif.XenVersion).Where(r => dependent.Contains(r.Code) && findings.All(f => f.Code != r.Code)),
        ];
    }

    private sealed class Facts(VifQuestion vif, EffectiveVif effective)
    {
        private readonly string _domid = vif.Domain is { } domain ? Text(domain.Domid) : "<domid>";
        private readonly string _mac = effective["mac"].Value ?? vif.Live?.Mac.ToString() ?? "<mac>";
        private readonly string _script = effective.Script.StartsWith('/') ? effective.Script : $"/etc/xen/scripts/{effective.Script}";

        public EffectiveVif Effective => effective;

        public VifInterface Interface => new(
            vif.Live?.Dom0Name ?? VifName ?? KernelName,
            effective.IsEmulated ? $"{vif.Live?.Dom0Name ?? VifName ?? KernelName}-emu" : null);

        private string? VifName => effective["vifname"].Value is { Length: > 0 } name ? name : null;

        /// <summary>netback's name, which the script replaces by vifname.</summary>
        private string KernelName => $"vif{_domid}.{Text(vif.Devid)}";

        private string? Driver => effective["backend"].Value is { } backend and not ("" or "0" or "Domain-0") ? backend : null;

        /// <summary>libxl_linux.c, libxl__hotplug_nic and get_hotplug_env; a trace of xl -vvv shows the same.</summary>
        public List<HotplugRun> Hotplug()
        {
            List<EnvironmentVariable> environment =
            [
                new("script", _script),
                new("XENBUS_TYPE", "vif"),
                new("XENBUS_PATH", $"backend/vif/{_domid}/{Text(vif.Devid)}"),
                new("XENBUS_BASE_PATH", "backend"),
                new("netdev", effective["gatewaydev"].Value ?? ""),
            ];
            if (effective.IsEmulated)
                environment.Add(new("INTERFACE", $"{KernelName}-emu"));
            environment.Add(new("vif", KernelName));

            var does = Connection.Of(effective).ScriptDoes;
            List<HotplugRun> runs = [new(_script, ["online", "type_if=vif"], environment, $"It {(VifName is null ? "" : $"renames {KernelName} to {VifName}, ")}{does}.")];
            if (effective.IsEmulated)
                runs.Add(new(_script, ["add", "type_if=tap"], environment, $"The same for the emulated card's tap {Interface.Emulated}."));
            return runs;
        }

        /// <summary>libxl_nic.c, libxl__set_xenstore_nic, and libxl_device.c, libxl__device_generic_add.</summary>
        public IReadOnlyList<XenstoreKey> Xenstore()
        {
            var devid = Text(vif.Devid);
            var backendDomid = Driver is null ? "0" : Driver.All(char.IsAsciiDigit) ? Driver : $"<domid of {Driver}>";
            var backend = $"/local/domain/{backendDomid}/backend/vif/{_domid}/{devid}";
            var frontend = $"/local/domain/{_domid}/device/vif/{devid}";
            var mtu = vif.Settings.Mtu is { } set and not 0 ? set : 1500;
            List<(string Key, string? Value)> back =
            [
                ("frontend", frontend), ("frontend-id", _domid), ("online", "1"), ("state", "1"),
                ("script", _script),
                ("vifname", effective["vifname"].Value),
                .. vif.Settings.Other.Select(o => (o.Key, (string?)o.Value)),
                ("mac", _mac),
                ("ip", effective["ip"].Value),
                ("gatewaydev", effective["gatewaydev"].Value),
                ("rate", vif.Settings.Rate is { } rate ? $"{Text(rate.BytesPerInterval)},{Text(rate.IntervalMicroseconds)}" : null),
                ("mtu", mtu == 1500 ? null : Text(mtu)),
                ("vlan", effective["vlan"].Value),
                ("bridge", effective.Bridge),
                ("handle", devid),
                ("type", effective.IsEmulated ? "vif_ioemu" : "vif"),
            ];
            List<(string Key, string Value)> front =
            [
                ("backend", backend), ("backend-id", backendDomid), ("state", "1"), ("handle", devid), ("mac", _mac), ("mtu", Text(mtu)),
                ("trusted", vif.Settings.Trusted is false ? "0" : "1"),
            ];
            return
            [
                .. back.Where(k => k.Value is not null).Select(k => new XenstoreKey($"{backend}/{k.Key}", k.Value!, "libxl")),
                new($"{backend}/hotplug-status", "connected", "script"),
                .. front.Select(k => new XenstoreKey($"{frontend}/{k.Key}", k.Value, "libxl")),
            ];
        }

        public string Summary() => string.Join(' ', Sentences());

        private IEnumerable<string> Sentences()
        {
            var connection = Connection.Of(effective);
            yield return $"This vif {connection.Is}, {MacPhrase}, and {NamePhrase}.";
            foreach (var (address, subnet, leased) in vif.Addresses)
            {
                yield return $"Its address {address} is of the host's subnet {subnet}{(subnet.Gateway is { } gateway ? $", whose gateway is {gateway}" : "")}: "
                    + (leased ? "the host's dnsmasq gives it to the guest, which asks for it by DHCP." : "no other vif there gets it, and the guest has to set it itself.");
            }

            if (connection.Then is { } then)
                yield return then;
            if (effective.IsEmulated && vif.GuestType != GuestType.Hvm)
                yield return "But libxl refuses to create it: type=ioemu means an emulated card, and a PV or PVH guest has none.";
            else if (effective.IsEmulated)
                yield return $"Until the guest's own driver for Xen takes over, it sees an emulated {effective["model"].Value} card, whose interface there is {Interface.Emulated}.";
            if (effective["ip"].Value is { } ip && effective.Script is not ("vif-route" or "vif-nat"))
                yield return $"The script is told the address {ip}, which restricts nothing by itself.";
            if (vif.Settings.Rate is { } rate)
                yield return $"The guest can send at most {rate.ToString().Split('@')[0]}; what it receives is not limited.";
            if (vif.Settings.Mtu is { } mtu and not 0)
                yield return $"Its packets have at most {Text(mtu)} bytes (MTU).";
            if (effective["vlan"].Value is { } vlan)
                yield return effective.IsOfKnownScript
                    ? $"The script is told the VLAN {vlan}, and none that comes with Xen for Linux reads it."
                    : $"The script is told the VLAN {vlan}; what it makes of it is its own.";
            else if (vif.Settings.Vlan is not null)
                yield return $"vlan has no effect: xl knows it from {VifKeys.VlanSince} on, and this is {vif.XenVersion}.";
            if (vif.Settings.Trusted is false)
                yield return "The guest does not trust the domain behind it.";
            if (Driver is { } driver)
                yield return $"All of this happens in the driver domain {driver}, and not on Dom0.";
        }

        private string MacPhrase => (effective["mac"].Value, vif.Live) switch
        {
            ({ } mac, _) => $"keeps the MAC address {mac}",
            (null, { } live) => $"has the MAC address {live.Mac}, which was drawn at random and lasts until the guest is created again",
            _ => "gets a new random MAC address (00:16:3e:…) each time the guest is created",
        };

        private string NamePhrase => (vif.Live, VifName) switch
        {
            ({ } live, _) => $"its interface on {Driver ?? "Dom0"} is {live.Dom0Name} now",
            (null, { } name) => $"its interface on {Driver ?? "Dom0"} will be {name}",
            _ => $"its interface on {Driver ?? "Dom0"} will be {KernelName}"
                + (vif.Domain is null ? ", where <domid> is the number that xl list shows for the guest" : ""),
        };
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}

/// <param name="Key">As a vif string spells it.</param>
/// <param name="Value">Null where nothing is set and nothing is assumed.</param>
/// <param name="Meaning">What it does, in one sentence.</param>
/// <param name="Source">The man page or source file that says so.</param>
/// <param name="ChangeImpact">What changing it does to a running guest: `vif-blip` is a replug.</param>
public sealed record ExplainedSetting(string Key, string? Value, SettingOrigin Origin, string Meaning, string Source, Impact ChangeImpact);

/// <param name="Name">On Dom0, or in the driver domain.</param>
/// <param name="Emulated">The tap of the emulated card; null without one.</param>
public sealed record VifInterface(string Name, string? Emulated);

/// <param name="Script">Its full path.</param>
/// <param name="Does">What it does, in one sentence.</param>
public sealed record HotplugRun(string Script, IReadOnlyList<string> Arguments, IReadOnlyList<EnvironmentVariable> Environment, string Does);

public sealed record EnvironmentVariable(string Name, string Value);

/// <param name="WrittenBy">`libxl`, or the hotplug `script` when it succeeds.</param>
public sealed record XenstoreKey(string Path, string Value, string WrittenBy);

/// <summary>How a vif is connected, by the script that runs for it.</summary>
/// <param name="Is">What the vif "is", for a sentence that goes on.</param>
/// <param name="ScriptDoes">What the script does, for a sentence.</param>
/// <param name="Then">What else is to be known.</param>
internal sealed partial record Connection(string Is, string ScriptDoes, string? Then = null)
{
    [GeneratedRegex("^([^.:]+)(?:\\.([0-9]+))?(?::([0-9]+(?::[0-9]+)*))?$")]
    private static partial Regex OpenVSwitchBridge();

    public static Connection Of(EffectiveVif vif)
    {
        var ip = vif["ip"].Value is { Length: > 0 } set ? set : null;
        // vif-bridge: an empty name is none, and the first bridge is taken.
        var bridge = vif.Bridge.Length == 0 ? "that Dom0 lists first (bridge= is empty)" : vif.Bridge;
        return vif.Script switch
        {
            "vif-bridge" => new($"is connected to the bridge {bridge} by the script vif-bridge", $"makes it a port of the bridge {bridge} and sets it up"),
            "vif-openvswitch" => OpenVSwitch(vif),
            LockingFlows.ScriptName => OpenVSwitch(vif) with { Then = "The script is xlnet's: it does what vif-openvswitch does, and lets nothing of the guest's pass but what comes from the vif's own addresses." },
            "vif-route" => new(
                "is routed by Dom0, without a bridge, by the script vif-route",
                $"puts the address of {vif["gatewaydev"].Value ?? "eth0"} on it, switches forwarding on and adds {(ip is null ? "no route, as ip= is not set" : $"a route to {ip}")}",
                ip is null
                    ? "Dom0 has no route to the guest until ip= names its addresses."
                    : $"Dom0 routes {ip} to it, and its own address there is that of {vif["gatewaydev"].Value ?? "eth0"}, which the guest takes as gateway."),
            "vif-nat" => new(
                "is routed by Dom0 in a small network of its own by the script vif-nat",
                $"puts a gateway address on it{(ip is null ? ", derived from the domid" : "")}, switches forwarding on and adds a route to the guest",
                $"{(ip is null ? "The guest's address follows from its domid, so it changes with each create. " : $"The guest's address is {ip}. ")}The translation of addresses (masquerading) is the host's to set up."),
            var script => new($"is connected by the script {script}, which is told the bridge {vif.Bridge}", $"does what its author meant, with the bridge {vif.Bridge}"),
        };
    }

    private static Connection OpenVSwitch(EffectiveVif vif)
    {
        var (bridge, script) = (vif.Bridge, vif.Script);
        if (OpenVSwitchBridge().Match(bridge) is not { Success: true } match)
            return new($"would be connected by the script {script}, which cannot read the bridge {bridge} and fails", "fails, as it cannot read the bridge");
        var (name, tag, trunks) = (match.Groups[1].Value, match.Groups[2].Value, match.Groups[3].Value.Replace(":", ", ", StringComparison.Ordinal));
        var port = (tag, trunks) switch
        {
            ("", "") => "",
            (_, "") => $" in VLAN {tag}",
            ("", _) => $" as a trunk for the VLANs {trunks}",
            _ => $" in VLAN {tag}, and as a trunk for the VLANs {trunks}",
        };
        return new($"is connected to the Open vSwitch bridge {name}{port} by the script {script}", $"makes it a port of the Open vSwitch bridge {name}{port} and sets it up");
    }
}

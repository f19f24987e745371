using Xlnet.Domain.Bridges;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Vifs;

namespace Xlnet.Domain.Planning;

/// <summary>The table of a vif's settings: what each does, which page says so, and what changing it takes.</summary>
internal static class ExplainedSettings
{
    private const string Page = "xl-network-configuration(5)";
    private const string Libxl = "libxl_nic.c, libxl__device_nic_setdefault";

    /// <param name="Default">Where its default is known from.</param>
    /// <param name="Change">The settings with another value of it, to see what a plan makes of that.</param>
    private sealed record Row(string Key, string Meaning, string Source, string Default, Func<VifSettings, EffectiveVif, VifSettings> Change);

    private static readonly Dictionary<string, Row> Rows = new List<Row>
    {
        new("mac", "The address of the guest's card; without one, xl draws a random one in 00:16:3e at each create.",
            $"{Page}: mac", $"{Page}: mac; {Libxl}",
            (s, _) => s with { Mac = s.Mac == OneMac ? OtherMac : OneMac }),
        new("bridge", "The bridge on Dom0 that the hotplug script makes the vif a port of; for Open vSwitch also its VLAN (BR.TAG) and trunks (BR:TRUNK).",
            $"{Page}: bridge", $"{Page}: bridge",
            (s, _) => s with { Bridge = s.Bridge == "b0" ? "b1" : "b0" }),
        new("gatewaydev", "The interface on Dom0 whose address vif-route puts on the vif, so that the guest can take it as its gateway; eth0 without one.",
            $"{Page}: gatewaydev", "vif-route (xen-utils)",
            (s, _) => s with { GatewayDev = s.GatewayDev == "d0" ? "d1" : "d0" }),
        new("type", "Whether the guest sees an emulated card beside the paravirtualised one (ioemu, on HVM only), or the paravirtualised one alone (vif).",
            $"{Page}: type", $"{Page}: type",
            (s, e) => s with { Type = e.IsEmulated ? VifType.Vif : VifType.Ioemu }),
        new("model", "Which card the device model emulates; it means something with type=ioemu only.",
            $"{Page}: model", $"{Page}: model; {Libxl}",
            (s, _) => s with { Model = s.Model == "e1000" ? "virtio-net" : "e1000" }),
        new("vifname", "The name that the hotplug script gives the interface on Dom0; without one it is vif, the domid, a dot and the devid.",
            $"{Page}: vifname", $"{Page}: vifname",
            (s, _) => s with { VifName = s.VifName == "n0" ? "n1" : "n0" }),
        new("script", "The program that Dom0 runs to connect the vif when it is plugged, and again when it goes.",
            $"{Page}: script", $"{Page}: script; {Libxl}",
            (s, e) => s with { Script = e.Script == "vif-route" ? "vif-nat" : "vif-route" }),
        new("ip", "The guest's addresses, for the hotplug script: vif-route and vif-nat route them to the vif, vif-bridge at most lets them through the firewall.",
            $"{Page}: ip", $"{Page}: ip",
            (s, _) => s with { Ip = s.Ip == "192.0.2.1" ? "192.0.2.2" : "192.0.2.1" }),
        new("backend", "The domain that the other end of the vif is in, and where the script runs: Dom0, or a driver domain.",
            $"{Page}: backend", $"{Page}: backend",
            (s, _) => s with { Backend = s.Backend == "drv0" ? "drv1" : "drv0" }),
        new("rate", "The limit of what the guest sends, given as credit once an interval; what it receives is not limited.",
            $"{Page}: rate", $"{Page}: rate",
            (s, _) => s with { Rate = s.Rate == OneRate ? OtherRate : OneRate }),
        new("mtu", "The largest packet, in bytes; with vif-bridge and 1500 the bridge's own MTU is taken.",
            $"{Page}: mtu", $"{Libxl}; xen-network-common.sh, set_mtu",
            (s, _) => s with { Mtu = s.Mtu == 9000 ? 4000 : 9000 }),
        new("vlan", "A VLAN for the hotplug script, from xl 4.19 on; none of the scripts that come with Xen for Linux reads it.",
            $"{Page}: vlan", $"{Page}: vlan",
            (s, _) => s with { Vlan = s.Vlan == "2" ? "3" : "2" }),
        new("trusted", "Whether the guest trusts the domain behind the vif; when not, it shows that domain no more of its memory than the packets.",
            $"{Page}: trusted", Libxl,
            (s, _) => s with { Trusted = s.Trusted is false }),
    }.ToDictionary(r => r.Key);

    private static readonly MacAddress OneMac = MacAddress.Parse("00:16:3e:00:00:01");
    private static readonly MacAddress OtherMac = MacAddress.Parse("00:16:3e:00:00:02");
    private static readonly Rate OneRate = new(8_000_000);
    private static readonly Rate OtherRate = new(16_000_000);

    public static IReadOnlyList<ExplainedSetting> Of(VifQuestion vif, EffectiveVif effective) =>
    [
        .. effective.Settings.Select(s => Explain(WithLive(s, vif, effective), Rows[s.Key], vif, effective)),
        .. vif.Settings.Other.Select(o => new ExplainedSetting(o.Key, o.Value, SettingOrigin.Vif,
            "For COLO, which keeps two copies of a guest in step; xl hands it on and nothing else reads it.", "libxl_types.idl, libxl_device_nic",
            ChangeImpact(vif, effective, vif.Settings with { Other = vif.Settings.Other.SetItem(o.Key, o.Value + "x") }))),
    ];

    private static ExplainedSetting Explain(EffectiveSetting setting, Row row, VifQuestion vif, EffectiveVif effective) => new(
        setting.Key, setting.Value, setting.Origin, row.Meaning, SourceOf(row, setting.Origin),
        ChangeImpact(vif, effective, row.Change(vif.Settings, effective)));

    /// <summary>What is not settled before the guest runs, as it came out.</summary>
    private static EffectiveSetting WithLive(EffectiveSetting setting, VifQuestion vif, EffectiveVif effective) => (setting.Key, vif.Live) switch
    {
        ("mac", { } live) when setting.Value is null => new("mac", live.Mac.ToString(), SettingOrigin.LiveHost),
        ("vifname", { } live) when setting.Value is null => new("vifname", live.Dom0Name, SettingOrigin.LiveHost),
        // A vif that was plugged into this very bridge, and is a port of another: vif-bridge takes ethN for a missing xenbrN.
        ("bridge", { Bridge: { } bridge } live) when effective.Script == "vif-bridge" && bridge != setting.Value && (live.Settings.Bridge ?? "xenbr0") == setting.Value
            => new("bridge", bridge, SettingOrigin.LiveHost),
        _ => setting,
    };

    private static string SourceOf(Row row, SettingOrigin origin) => origin switch
    {
        SettingOrigin.Vif => row.Source,
        SettingOrigin.GuestType => $"{row.Source}; xl.cfg(5): type",
        SettingOrigin.XlConf => $"xl.conf(5): vif.default.{row.Key}",
        SettingOrigin.LiveHost => "the running host: xl network-list, ip link",
        SettingOrigin.Libxl or SettingOrigin.Create => row.Default,
        _ => throw new ArgumentOutOfRangeException(nameof(origin)),
    };

    /// <summary>
    /// What a plan does to a guest that runs with this vif when the settings become others. The planner itself is asked, so that
    /// the two cannot disagree. An emulated card on a guest that can have none is refused before any plan.
    /// </summary>
    private static Impact ChangeImpact(VifQuestion vif, EffectiveVif effective, VifSettings changed)
    {
        if (vif.GuestType != GuestType.Hvm && changed.Type == VifType.Ioemu)
            return Impact.None;

        var mac = vif.Settings.Mac ?? OtherMac;
        var recorded = vif.Settings with
        {
            Mac = mac,
            Bridge = effective.Bridge,
            Script = effective.Script,
            GatewayDev = effective["gatewaydev"].Value,
            Backend = effective["backend"].Origin == SettingOrigin.Libxl ? null : effective["backend"].Value,
            Type = effective.IsEmulated ? VifType.Ioemu : VifType.Vif,
            Vlan = effective["vlan"].Value,
        };
        var bridge = effective.BridgeName;
        var live = new ObservedVif(vif.Devid, mac, vif.Settings.VifName ?? "vif1.0", effective.IsBridged ? bridge : null,
            XenbusState.Connected, LinkUp: true, recorded);
        var plan = Planner.Plan(
            new DesiredState
            {
                Revision = 1,
                Defaults = vif.Defaults,
                Guests = [new DesiredGuest("g", vif.GuestType, "/g", [], [new DesiredVif(vif.Devid, changed)])],
            },
            new HostObservation
            {
                At = default,
                Simulated = true,
                XenVersion = vif.XenVersion,
                Domains = [new ObservedDomain(1, "g", DomainState.Running, vif.GuestType, [live])],
                Bridges = [new ObservedBridge(bridge, BridgeKind.Linux, Up: true, Mtu: 1500, [])],
                Interfaces = [],
                Files = new Dictionary<string, byte[]?> { [Host.XlConfPath] = null, ["/g"] = [] },
                Scripts = [],
            },
            new PlanRequest { Allow = Enum.GetValues<Impact>() });
        return plan.Steps.Concat(plan.Pending.Select(p => p.Step)).Select(s => s.Impact).DefaultIfEmpty(Impact.None).Max();
    }
}

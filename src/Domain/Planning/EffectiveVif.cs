using System.Globalization;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Vifs;

namespace Xlnet.Domain.Planning;

/// <summary>Where the value of a setting comes from.</summary>
public enum SettingOrigin
{
    /// <summary>The vif's own entry in the guest file.</summary>
    Vif,

    /// <summary>The guest's type.</summary>
    GuestType,

    /// <summary>vif.default.* in the host's xl.conf.</summary>
    XlConf,

    /// <summary>libxl's own default (libxl__device_nic_setdefault).</summary>
    Libxl,

    /// <summary>Drawn or chosen when the guest is created.</summary>
    Create,

    /// <summary>What only the running host shows, such as an address that was drawn.</summary>
    LiveHost,
}

/// <param name="Key">The key as a vif string spells it.</param>
/// <param name="Value">As a vif string would spell it; null where nothing is set and nothing is assumed.</param>
public sealed record EffectiveSetting(string Key, string? Value, SettingOrigin Origin);

/// <summary>What a vif comes to: its own settings, then the host's defaults, then libxl's.</summary>
public sealed class EffectiveVif
{
    private const string ScriptDirectory = "/etc/xen/scripts/";
    public const string DefaultBridge = "xenbr0";
    public const string DefaultScript = "vif-bridge";
    private readonly Dictionary<string, EffectiveSetting> _settings;

    private EffectiveVif(IEnumerable<EffectiveSetting> settings) => _settings = settings.ToDictionary(s => s.Key);

    /// <summary>Every setting, in the order of xl-network-configuration(5).</summary>
    public IReadOnlyCollection<EffectiveSetting> Settings => _settings.Values;

    public EffectiveSetting this[string key] => _settings[key];

    public string Bridge => _settings["bridge"].Value!;

    /// <summary>The script's bare name where it lies in /etc/xen/scripts, else its path.</summary>
    public string Script => _settings["script"].Value!;

    public bool IsEmulated => _settings["type"].Value == "ioemu";

    /// <summary>Resolves a vif of a guest on a host whose xl.conf has these defaults.</summary>
    public static EffectiveVif Resolve(VifSettings vif, GuestType guestType, VifDefaults defaults)
    {
        return new EffectiveVif([
            vif.Mac is { } mac
                ? new("mac", mac.ToString(), SettingOrigin.Vif)
                : new("mac", null, SettingOrigin.Create),
            Pick("bridge", vif.Bridge, defaults.Bridge, DefaultBridge),
            Pick("gatewaydev", vif.GatewayDev, defaults.GatewayDev, null),
            vif.Type is { } type
                ? new("type", Spell(type), SettingOrigin.Vif)
                : new("type", guestType == GuestType.Hvm ? "ioemu" : "vif", SettingOrigin.GuestType),
            Pick("model", vif.Model, null, guestType == GuestType.Hvm && vif.Type != VifType.Vif ? "rtl8139" : null),
            vif.VifName is { } name
                ? new("vifname", name, SettingOrigin.Vif)
                : new("vifname", null, SettingOrigin.Create),
            Pick("script", Bare(vif.Script), Bare(defaults.Script), DefaultScript),
            Pick("ip", vif.Ip, null, null),
            Pick("backend", vif.Backend, defaults.Backend, "0"),
            Pick("rate", vif.Rate?.ToString(), null, null),
            Pick("mtu", vif.Mtu?.ToString(CultureInfo.InvariantCulture), null, "1500"),
            Pick("vlan", vif.Vlan, null, null),
            Pick("trusted", vif.Trusted is { } trusted ? trusted ? "true" : "false" : null, null, "true"),
        ]);
    }

    /// <summary>
    /// The keys in which a running vif differs from what it should be. What a running vif was created with is in its own record
    /// with xl.conf's defaults of that time, so it resolves against libxl's defaults alone.
    /// </summary>
    /// <param name="bridges">The bridges that the host has, or is to have before its vifs are looked at.</param>
    public static IReadOnlyList<string> Differences(
        VifSettings wanted, VifDefaults defaults, ObservedVif live, GuestType guestType, IReadOnlySet<string> bridges)
    {
        var want = Resolve(wanted, guestType, defaults);
        var have = Resolve(live.Settings with { Mac = live.Mac, Type = live.Settings.Type ?? VifType.Vif }, guestType, VifDefaults.None);
        List<string> different = [];
        foreach (var setting in want.Settings)
        {
            var same = setting.Key switch
            {
                // Drawn at create: whatever it is, it is right.
                "mac" when setting.Value is null => true,
                "rate" => (wanted.Rate?.BytesPerInterval, wanted.Rate?.IntervalMicroseconds)
                    == (live.Settings.Rate?.BytesPerInterval, live.Settings.Rate?.IntervalMicroseconds),
                // Means something to the device model only.
                "model" when !want.IsEmulated => true,
                "backend" => want.IsOfDom0 ? have.IsOfDom0 : setting.Value == have["backend"].Value,
                _ => setting.Value == have[setting.Key].Value,
            };
            if (!same)
                different.Add(setting.Key);
        }

        if (!wanted.Other.SequenceEqual(live.Settings.Other))
            different.Add("other");
        // The interfaces of a driver domain are not Dom0's to see.
        if (!want.IsOfDom0)
            return different;

        // A bridge that was made anew has lost its ports, and a hotplug that failed has never made one.
        if (!different.Contains("bridge") && want.IsBridged && !IsPortOf(live.Bridge, want.BridgeName, bridges))
            different.Add("bridge");
        if (!different.Contains("vifname") && wanted.VifName is { Length: > 0 } name && live.Dom0Name != name)
            different.Add("vifname");
        // What Xen's scripts and ours set up is up, unless the script failed.
        if (want.IsOfKnownScript && !live.LinkUp)
            different.Add("link");
        return different;
    }

    /// <summary>Whether the hotplug script makes the vif a port of <see cref="BridgeName"/>.</summary>
    public bool IsBridged => Script == "vif-bridge" || IsOnOpenVSwitch;

    public bool IsOnOpenVSwitch => IsOpenVSwitchScript(Script);

    /// <summary>The bridge that <see cref="Bridge"/> names: vif-openvswitch's VLAN part is cut off.</summary>
    public string BridgeName => IsOnOpenVSwitch ? Bridge.Split('.', ':')[0] : Bridge;

    /// <summary>Whether Dom0 is its backend, and not a driver domain.</summary>
    public bool IsOfDom0 => IsDom0(_settings["backend"].Value);

    /// <summary>Whether its script is one of those that come with Xen for Linux, or xlnet's own.</summary>
    internal bool IsOfKnownScript => Script is "vif-bridge" or "vif-route" or "vif-nat" || IsOnOpenVSwitch;

    /// <summary>Whether it makes the vif a port of an Open vSwitch bridge.</summary>
    public static bool IsOpenVSwitchScript(string bareName) => bareName is "vif-openvswitch" or LockingFlows.ScriptName;

    /// <summary>
    /// Whether two records of running vifs tell of the same one. A setting that is not there is as good as libxl's default for it.
    /// </summary>
    internal static bool SameRecord(VifSettings left, VifSettings right) =>
        Plain(left) == Plain(right)
        && (left.Rate?.BytesPerInterval, left.Rate?.IntervalMicroseconds) == (right.Rate?.BytesPerInterval, right.Rate?.IntervalMicroseconds);

    /// <summary>The settings of a running vif such that xl.conf's defaults change nothing about them when it is plugged again.</summary>
    internal static VifSettings AgainstDefaults(VifSettings live, VifDefaults defaults) => live with
    {
        Bridge = live.Bridge ?? (defaults.Bridge is null ? null : DefaultBridge),
        Script = live.Script ?? (defaults.Script is null ? null : DefaultScript),
        Backend = live.Backend ?? (defaults.Backend is null ? null : "0"),
        GatewayDev = live.GatewayDev ?? (defaults.GatewayDev is null ? null : ""),
    };

    public static bool IsDom0(string? backend) => backend is null or "" or "0" or "Domain-0";

    private static VifSettings Plain(VifSettings settings) => settings with
    {
        Bridge = settings.Bridge ?? DefaultBridge,
        Script = Bare(settings.Script) ?? DefaultScript,
        Backend = IsDom0(settings.Backend) ? null : settings.Backend,
        GatewayDev = settings.GatewayDev is "" ? null : settings.GatewayDev,
        Type = settings.Type ?? VifType.Vif,
        Rate = null,
    };

    /// <summary>The bare name of a script below /etc/xen/scripts.</summary>
    public static string? Bare(string? script) =>
        script is not null && script.StartsWith(ScriptDirectory, StringComparison.Ordinal) ? script[ScriptDirectory.Length..] : script;

    // vif-bridge takes a bridge ethN for a missing xenbrN (xen-network-common.sh), without a word.
    private static bool IsPortOf(string? live, string wanted, IReadOnlySet<string> bridges) =>
        live == wanted
        || live is not null && !bridges.Contains(wanted) && wanted.StartsWith("xenbr", StringComparison.Ordinal) && live == "eth" + wanted["xenbr".Length..];

    private static string Spell(VifType type) => type switch
    {
        VifType.Vif => "vif",
        VifType.Ioemu => "ioemu",
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    private static EffectiveSetting Pick(string key, string? vif, string? xlConf, string? libxl) =>
        vif is not null ? new(key, vif, SettingOrigin.Vif)
        : xlConf is not null ? new(key, xlConf, SettingOrigin.XlConf)
        : new(key, libxl, SettingOrigin.Libxl);
}

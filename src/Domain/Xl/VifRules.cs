using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Vifs;

namespace Xlnet.Domain.Xl;

/// <summary>xlnet's own reading of a vif: closed and strict, for every write through the API.</summary>
public static class VifRules
{
    private static readonly FindingKind Value = FindingKinds.InvalidValue;

    /// <param name="type">The guest's type; null where it is not known yet.</param>
    /// <param name="version">The host's Xen; null where it is not known yet, and then no key is too new.</param>
    /// <returns>Findings of severity error, each with the key at fault; none when the settings are right.</returns>
    public static IReadOnlyList<Finding> Check(VifSettings settings, GuestType? type, XenVersion? version)
    {
        var findings = new List<Finding>();
        if (settings.Mac is { } mac)
        {
            if (mac.Value == 0)
                Add(FindingKinds.MacZero, "mac", "An address of zeros means none to xl. Give an address, or leave mac out.");
            else if (mac.IsMulticast)
                Add(FindingKinds.MacMulticast, "mac", $"{mac} is a multicast address: no bridge delivers to it. Its first byte must be even.");
        }

        CheckText("bridge", settings.Bridge);
        CheckText("model", settings.Model);
        CheckText("vifname", settings.VifName);
        CheckText("script", settings.Script);
        CheckText("ip", settings.Ip);
        CheckText("backend", settings.Backend);
        CheckText("gatewaydev", settings.GatewayDev);
        CheckText("vlan", settings.Vlan);
        foreach (var (key, value) in settings.Other)
        {
            if (!VifKeys.OtherSet.Contains(key))
                Add(FindingKinds.UnknownKey, key, $"xl knows no vif key '{key}'.");
            CheckText(key, value);
        }

        if (settings.Bridge is { } bridge && NetNames.CheckBridge(bridge) is { } wrongBridge)
            Add(FindingKinds.BridgeInvalid, "bridge", wrongBridge);
        if (settings.VifName is { } name)
        {
            var limit = type == GuestType.Hvm && settings.Type != VifType.Vif ? 11 : NetNames.MaxInterface;
            if (name.Length > limit)
                Add(FindingKinds.VifNameTooLong, "vifname", limit == 11
                    ? $"'{name}' has {name.Length} characters: an HVM guest's vif gets a second interface '{name}-emu', and Linux takes at most 15. Give at most 11."
                    : $"'{name}' has {name.Length} characters, and Linux takes at most 15. Give a shorter one.");
            else if (NetNames.CheckInterface(name) is { } wrong)
                Add(FindingKinds.VifNameInvalid, "vifname", wrong);
        }

        if (settings.GatewayDev is { } device && NetNames.CheckInterface(device) is { } wrongDevice)
            Add(Value, "gatewaydev", wrongDevice);
        if (settings.Script is { } script && NetNames.CheckScript(script) is { } wrongScript)
            Add(FindingKinds.ScriptInvalid, "script", wrongScript);
        if (settings.Ip is { } ip && NetNames.CheckAddresses(ip) is { } wrongIp)
            Add(FindingKinds.IpInvalid, "ip", wrongIp);
        if (settings.Backend is { } backend && NetNames.CheckDomain(backend) is { } wrongBackend)
            Add(Value, "backend", wrongBackend);
        if (settings.Mtu is { } mtu && mtu is < 68 or > 65535)
            Add(FindingKinds.MtuRange, "mtu", $"{mtu} is out of range: give 68 to 65535.");
        if (type is GuestType.Pv or GuestType.Pvh)
        {
            if (settings.Type == VifType.Ioemu)
                Add(FindingKinds.IoemuNotHvm, "type", "type=ioemu means an emulated card, which only an HVM guest has: libxl refuses it. Leave type out.");
            if (settings.Model is not null)
                Add(FindingKinds.ModelNotHvm, "model", "model names an emulated card, which only an HVM guest has. Leave it out.");
        }
        else if (settings is { Model: not null, Type: VifType.Vif })
        {
            Add(FindingKinds.ModelNotHvm, "model", "model names an emulated card, and type=vif says that there is none. Leave one of them out.");
        }

        if (settings.Vlan is { } vlan)
        {
            if (version is not null && version < VifKeys.VlanSince)
                Add(FindingKinds.VlanVersion, "vlan", $"vlan is known to xl from {VifKeys.VlanSince} on, and this host has {version}.");
            else if (VlanText.Parse(vlan) is null)
                Add(Value, "vlan", $"'{vlan}' is no VLAN: give a number from 1 to 4094.");
        }

        return findings;

        void Add(FindingKind kind, string key, string message) => findings.Add(kind.At(0, message, key: key, severity: FindingSeverity.Error));

        void CheckText(string key, string? value)
        {
            if (value is null)
                return;
            if (value.Length == 0)
                Add(Value, key, $"{key} is empty. Leave it out for the default.");
            else if (value.Any(c => c is ',' or '\'' or '"' or '\\' || c < ' ' || c > '~'))
                Add(Value, key, $"{key} holds a character that no such value may have: a comma, a quote, a backslash, a control character, or one outside ASCII.");
            else if (value[0] == ' ' || value[^1] == ' ')
                Add(Value, key, $"{key} begins or ends with a blank, which xl would keep. Remove it.");
            else if (value.Length > 255)
                Add(Value, key, $"{key} is longer than 255 characters.");
        }
    }

    /// <summary>What a host's defaults may not be: a default has to be what a vif of the host may say itself.</summary>
    public static IReadOnlyList<Finding> CheckDefaults(VifDefaults defaults) =>
    [
        .. Check(new VifSettings { Script = defaults.Script, Bridge = defaults.Bridge, Backend = defaults.Backend, GatewayDev = defaults.GatewayDev }, null, null)
            .Where(f => f.Severity == FindingSeverity.Error),
    ];
}

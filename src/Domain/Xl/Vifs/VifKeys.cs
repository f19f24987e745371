using System.Collections.Frozen;
using Xlnet.Domain.Hosts;

namespace Xlnet.Domain.Xl;

/// <summary>The keys of a vif string, in the order in which xlnet writes them (xl_parse.c, parse_nic_config).</summary>
internal static class VifKeys
{
    internal static readonly XenVersion VlanSince = new(4, 19);

    /// <summary>What xlnet gives a field of its own in <c>VifSettings</c>.</summary>
    internal static readonly string[] Fields =
    [
        "mac", "bridge", "type", "model", "vifname", "script", "ip", "backend", "gatewaydev", "rate", "mtu", "vlan", "trusted",
    ];

    /// <summary>Free strings that xlnet keeps in <c>VifSettings.Other</c>.</summary>
    internal static readonly string[] Other =
    [
        "forwarddev",
        "colo_sock_mirror_id", "colo_sock_mirror_ip", "colo_sock_mirror_port",
        "colo_sock_compare_sec_in_id", "colo_sock_compare_sec_in_ip", "colo_sock_compare_sec_in_port",
        "colo_sock_redirector0_id", "colo_sock_redirector0_ip", "colo_sock_redirector0_port",
        "colo_sock_redirector1_id", "colo_sock_redirector1_ip", "colo_sock_redirector1_port",
        "colo_sock_redirector2_id", "colo_sock_redirector2_ip", "colo_sock_redirector2_port",
        "colo_sock_compare_pri_in_id", "colo_sock_compare_pri_in_ip", "colo_sock_compare_pri_in_port",
        "colo_sock_compare_notify_id", "colo_sock_compare_notify_ip", "colo_sock_compare_notify_port",
        "colo_filter_mirror_queue", "colo_filter_mirror_outdev",
        "colo_filter_redirector0_queue", "colo_filter_redirector0_indev", "colo_filter_redirector0_outdev",
        "colo_filter_redirector1_queue", "colo_filter_redirector1_indev", "colo_filter_redirector1_outdev",
        "colo_compare_pri_in", "colo_compare_sec_in", "colo_compare_out", "colo_compare_notify_dev",
        "colo_sock_sec_redirector0_id", "colo_sock_sec_redirector0_ip", "colo_sock_sec_redirector0_port",
        "colo_sock_sec_redirector1_id", "colo_sock_sec_redirector1_ip", "colo_sock_sec_redirector1_port",
        "colo_filter_sec_redirector0_queue", "colo_filter_sec_redirector0_indev", "colo_filter_sec_redirector0_outdev",
        "colo_filter_sec_redirector1_queue", "colo_filter_sec_redirector1_indev", "colo_filter_sec_redirector1_outdev",
        "colo_filter_sec_rewriter0_queue", "colo_checkpoint_host", "colo_checkpoint_port",
    ];

    /// <summary>libxl's JSON name of a key that is a free string (libxl_types.idl, libxl_device_nic).</summary>
    internal static readonly FrozenDictionary<string, string> JsonNames = BuildJsonNames();

    internal static readonly FrozenSet<string> OtherSet = Other.ToFrozenSet();

    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> All =
        Fields.Concat(Other).Concat(["untrusted", "netdev", "devid", "accel"]).ToFrozenSet().GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>The key as the one string that stands for it; null when xl knows none such.</summary>
    internal static string? Find(ReadOnlySpan<char> key) => All.TryGetValue(key, out var known) ? known : null;

    private static FrozenDictionary<string, string> BuildJsonNames()
    {
        var names = new Dictionary<string, string>
        {
            ["backend"] = "backend_domname",
            ["model"] = "model",
            ["ip"] = "ip",
            ["bridge"] = "bridge",
            ["vifname"] = "ifname",
            ["script"] = "script",
            ["gatewaydev"] = "gatewaydev",
            ["vlan"] = "vlan",
        };
        foreach (var key in Other)
            names[key] = key == "forwarddev" ? "coloft_forwarddev" : key;
        return names.ToFrozenDictionary();
    }
}

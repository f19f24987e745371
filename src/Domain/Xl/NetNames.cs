using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Xlnet.Domain.Xl;

/// <summary>Rules for names that end up on Dom0. Each check gives what is wrong, or null.</summary>
public static class NetNames
{
    /// <summary>Linux's IFNAMSIZ without the closing zero.</summary>
    public const int MaxInterface = 15;

    private const string ScriptFolder = "/etc/xen/scripts/";

    public static string? CheckInterface(string name)
    {
        if (name.Length is 0 or > MaxInterface)
            return $"'{name}' is no interface name: give 1 to {MaxInterface} characters.";
        if (name is "." or ".." || name.Any(c => c is '/' or ':' || c <= ' ' || c > '~'))
            return $"'{name}' is no interface name: it may hold neither '/', ':', blanks nor characters outside ASCII.";
        return name[0] == '-' ? $"'{name}' is no interface name: it may not begin with '-'." : null;
    }

    /// <summary>A Linux bridge, or <c>BR</c>, <c>BR.TAG</c>, <c>BR.TAG:TRUNK:TRUNK</c>, <c>BR:TRUNK</c> as vif-openvswitch reads them.</summary>
    public static string? CheckBridge(string bridge)
    {
        var colon = bridge.IndexOf(':');
        var head = colon < 0 ? bridge : bridge[..colon];
        var trunks = colon < 0 ? [] : bridge[(colon + 1)..].Split(':');
        if (trunks.Any(t => !IsVlan(t)))
            return $"'{bridge}' is no bridge: behind a ':' stand VLANs from 1 to 4094, as in br0.10:20:30.";
        if (colon >= 0 && head.LastIndexOf('.') is >= 0 and var dot)
        {
            if (!IsVlan(head[(dot + 1)..]))
                return $"'{bridge}' is no bridge: behind the '.' stands a VLAN from 1 to 4094, as in br0.10:20:30.";
            head = head[..dot];
        }

        // BR.TAG may have up to 5 more characters than an interface name.
        if (colon < 0 && head.LastIndexOf('.') is > 0 and var tag && IsVlan(head[(tag + 1)..]))
            head = head[..tag];
        return CheckInterface(head) is { } wrong ? wrong.Replace("interface name", "bridge's name", StringComparison.Ordinal) : null;
    }

    /// <summary>The bridges that <c>bridge=</c> may mean: the text itself, and what is left of it without trunks and VLAN.</summary>
    public static IEnumerable<string> BridgeNames(string bridge)
    {
        yield return bridge;
        var head = bridge.Split(':')[0];
        if (head.Length < bridge.Length)
            yield return head;
        if (head.LastIndexOf('.') is > 0 and var dot && IsVlan(head[(dot + 1)..]))
            yield return head[..dot];
    }

    /// <summary>Whether a bridge is written as only vif-openvswitch reads it. A dot alone may be part of a Linux bridge's name.</summary>
    public static bool HasOvsSyntax(string bridge) => bridge.Contains(':', StringComparison.Ordinal) && CheckBridge(bridge) is null;

    /// <summary>A bare name, or a path below /etc/xen/scripts.</summary>
    public static string? CheckScript(string script)
    {
        var name = script.StartsWith(ScriptFolder, StringComparison.Ordinal) ? script[ScriptFolder.Length..] : script;
        var parts = name.Split('/');
        if (name.StartsWith('/') || parts.Length > 1 && name == script)
            return $"'{script}' is no script of this host: give a bare name such as vif-bridge, or a path below {ScriptFolder}.";
        return parts.Any(p => p is "" or "." or ".." || p.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-' or '+')) || p[0] == '-')
            ? $"'{script}' is no script: give a name of letters, digits, '.', '_', '-' and '+', without '..'."
            : null;
    }

    /// <summary>IPv4 or IPv6 addresses, each with a prefix length or not, one blank between.</summary>
    public static string? CheckAddresses(string ip)
    {
        foreach (var address in ip.Split(' '))
        {
            if (!IsAddress(address))
                return $"'{address}' in ip is no address: give IPv4 or IPv6 addresses such as 10.0.0.2 or 10.0.0.0/24, one blank between them.";
        }

        return null;
    }

    public static bool IsAddress(string text)
    {
        var slash = text.IndexOf('/');
        var host = slash < 0 ? text : text[..slash];
        if (!IPAddress.TryParse(host, out var address) || host.Contains('%', StringComparison.Ordinal) || host.Contains('[', StringComparison.Ordinal))
            return false;
        if (address.AddressFamily == AddressFamily.InterNetwork && address.ToString() != host)
            return false;
        var bits = address.AddressFamily == AddressFamily.InterNetwork ? 32 : 128;
        return slash < 0
               || int.TryParse(text.AsSpan(slash + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var prefix) && prefix <= bits
               && prefix.ToString(CultureInfo.InvariantCulture).Length == text.Length - slash - 1;
    }

    /// <summary>A domain's name or number.</summary>
    public static string? CheckDomain(string name) =>
        name.Length is 0 or > 80 || name.Any(c => !char.IsAsciiLetterOrDigit(c) && c is not ('.' or '_' or '-' or '+')) || name[0] == '-'
            ? $"'{name}' is no domain: give a name of letters, digits, '.', '_', '-' and '+', or a domid."
            : null;

    /// <summary>1 to 4094, as xl and Open vSwitch spell it.</summary>
    internal static bool IsVlan(string text) =>
        text.Length is > 0 and <= 4 && text[0] != '0' && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var vlan) && vlan is >= 1 and <= 4094;
}

using static Xlnet.Domain.Xl.FindingSeverity;

namespace Xlnet.Domain.Xl;

/// <summary>Every kind of finding. <c>docs/findings.md</c> is generated from this table.</summary>
public static class FindingKinds
{
    /// <summary>How many findings a text gets at most: nobody reads more.</summary>
    internal const int Most = 1000;

    // ---- a vif string, key by key ----

    public static readonly FindingKind UnknownKey = new("vif.unknown-key", Error,
        "A word or key in a vif string that xl's vif parser does not know: a typing error, another case, a blank before the `=`.",
        "xl 4.17 prints ``unrecognized argument `…'`` and makes the vif without it, with exit status 0 (xl_parse.c ignores what parse_nic_config returns). `xl network-attach` refuses it.",
        "Correct the key, or remove it. Keys are lower case, with no blank around `=`.");

    public static readonly FindingKind MacMalformed = new("vif.mac.malformed", Error,
        "`mac=` is not six numbers of one byte each.",
        "xl prints ``Invalid parameter `mac'.`` and keeps the bytes that it had read so far: `00:16:3e:zz:00:01` becomes `00:16:3e:00:00:00`, exit status 0.",
        "Six pairs of hexadecimal digits separated by `:`.");

    public static readonly FindingKind MacSloppy = new("vif.mac.sloppy", Warning,
        "`mac=` is spelled in a way that xl reads, but hardly anything else does: short groups, other separators, text behind it.",
        "xl reads six base-16 numbers with any single character between them, and ignores what follows.",
        "The address as xl reads it, in six pairs.");

    public static readonly FindingKind MacPastEnd = new("vif.mac.past-end", Error,
        "`mac=` has fewer than six numbers and ends the vif string.",
        "xl steps over the string's end and reads whatever lies in memory behind it: the result is not defined.",
        "Six pairs of hexadecimal digits separated by `:`.");

    public static readonly FindingKind MacMulticast = new("vif.mac.multicast", Error,
        "`mac=` is a multicast or broadcast address: the lowest bit of its first byte is set.",
        "xl passes it in silence; no bridge delivers frames to an interface with such an address (IEEE 802).",
        "An address whose first byte is even.");

    public static readonly FindingKind MacZero = new("vif.mac.zero", Warning,
        "`mac=` is all zeros.",
        "libxl takes it as unset and draws a new address in 00:16:3e at each create (libxl__mac_is_default).",
        "Remove it, or give an address.");

    public static readonly FindingKind TypeInvalid = new("vif.type.invalid", Error,
        "`type=` is neither `vif` nor `ioemu`.",
        "xl prints ``Invalid parameter `type'.`` and goes on without it; `network-attach` refuses it.",
        "`type=vif` or `type=ioemu`, in lower case, or no `type=`.");

    public static readonly FindingKind RateMalformed = new("vif.rate.malformed", Error,
        "`rate=` does not match `[0-9]+[GMK]?[Bb]/s` or its interval `[0-9]+[mu]?s?`.",
        "xl prints `config parsing error in vif: invalid rate`, and exits 1: the guest is not created (libxlu_vif.c).",
        "A whole number, `G`, `M`, `K` or nothing, `B/s` or `b/s`: `10Mb/s`, `1MB/s@20ms`.");

    public static readonly FindingKind RateOverflow = new("vif.rate.overflow", Error,
        "`rate=` or its interval is zero, or more than 2^32-1.",
        "xl prints `rate overflow` or `replenishment interval overflow`, and exits 1.",
        "Leave `rate=` out for no limit; else a number from 1 to 4294967295 with a larger unit.");

    public static readonly FindingKind RateOctal = new("vif.rate.octal", Error,
        "A number in `rate=` begins with 0.",
        "xl reads it to the base 8 (strtoull with base 0): `010MB/s` is 8 MB/s, and in `018MB/s` the number is 1 and the unit is lost.",
        "The number without its leading zero.");

    public static readonly FindingKind RateBareInterval = new("vif.rate.bare-interval", Error,
        "The interval of `rate=` has no unit.",
        "xl takes a bare number as seconds; xl-network-configuration(5) says microseconds.",
        "Write the unit: `s`, `ms` or `us`.");

    public static readonly FindingKind RateInexact = new("vif.rate.inexact", Error,
        "`rate=` comes to less than a byte a second or an interval, or is no whole number of bytes a second.",
        "xl rounds down to whole bytes a second and whole bytes an interval. Zero means no limit at all.",
        "A multiple of 8 bits, and at least a byte an interval.");

    public static readonly FindingKind NumberMalformed = new("vif.number.malformed", Error,
        "`devid=` or `mtu=` does not begin with a number.",
        "xl prints `failed to convert \"…\" to number`, and exits 1.",
        "A decimal number.");

    public static readonly FindingKind NumberSloppy = new("vif.number.sloppy", Error,
        "`devid=` or `mtu=` has text behind its number, a sign, or more than 31 bits.",
        "xl keeps the number's beginning, and its lowest 32 bits: `0x10` is 0, `5x` is 5, `4294967297` is 1.",
        "A decimal number, nothing else.");

    public static readonly FindingKind MtuRange = new("vif.mtu.range", Error,
        "`mtu=` is outside 68 to 65535, or 0.",
        "xl checks no range. 0 means unset, and libxl takes 1500; the hotplug script fails on what the kernel does not take.",
        "68 to 65535.");

    public static readonly FindingKind ValueBlanks = new("vif.value.blanks", Warning,
        "A value begins or ends with a blank.",
        "xl skips blanks before a key only. Those of a value are kept: `bridge=br0 ,…` asks for a bridge named `br0 `.",
        "The value without them.");

    public static readonly FindingKind DuplicateKey = new("vif.key.duplicate", Warning,
        "A key stands twice in one vif string.",
        "xl takes the last one.",
        "Remove the earlier one.");

    public static readonly FindingKind Deprecated = new("vif.key.deprecated", Warning,
        "`netdev=` is an old name of `gatewaydev=`; `accel=` has no effect.",
        "xl prints a line and takes `netdev=` as `gatewaydev=`; `accel=` it ignores.",
        "`gatewaydev=`; no `accel=`.");

    public static readonly FindingKind BridgeInvalid = new("vif.bridge.invalid", Error,
        "`bridge=` cannot be the name of a bridge.",
        "xl passes any text; the hotplug script fails at create. Linux takes 15 characters without `/`, `:` and blanks; vif-openvswitch reads `BR`, `BR.TAG`, `BR.TAG:TRUNK:TRUNK` and `BR:TRUNK`.",
        "The name of a bridge on the host.");

    public static readonly FindingKind VifNameTooLong = new("vif.vifname.too-long", Error,
        "`vifname=` has more than 15 characters, or more than 11 on an HVM guest whose vif is emulated.",
        "Linux holds 15 characters (IFNAMSIZ); the emulated interface is named like the vif with `-emu` behind.",
        "A shorter name.");

    public static readonly FindingKind VifNameInvalid = new("vif.vifname.invalid", Error,
        "`vifname=` cannot be the name of an interface.",
        "xl passes any text; `ip link set … name` fails in the hotplug script, and with it the create.",
        "Letters, digits, `.`, `_` and `-`.");

    public static readonly FindingKind ScriptInvalid = new("vif.script.invalid", Error,
        "`script=` is neither a bare name nor a path below /etc/xen/scripts.",
        "libxl runs any path as root.",
        "A script of the host: a bare name, or /etc/xen/scripts/NAME.");

    public static readonly FindingKind IpInvalid = new("vif.ip.invalid", Error,
        "`ip=` holds something else than IPv4 or IPv6 addresses or networks.",
        "xl passes any text to the hotplug script.",
        "Addresses separated by one blank.");

    public static readonly FindingKind IoemuNotHvm = new("vif.type.ioemu-not-hvm", Error,
        "`type=ioemu` on a PV or PVH guest.",
        "`xl -N create` passes it; at create libxl refuses it (libxl_nic.c, libxl__device_nic_setdefault).",
        "Leave `type=` out.");

    public static readonly FindingKind ModelNotHvm = new("vif.model.not-hvm", Warning,
        "`model=` on a vif without an emulated card: on a PV or PVH guest, or beside `type=vif`.",
        "xl passes it; nothing uses it.",
        "Leave it out.");

    public static readonly FindingKind VlanVersion = new("vif.vlan.version", Error,
        "`vlan=` on a host whose xl does not know it.",
        "xl knows it from 4.19 on; before, it prints ``unrecognized argument`` and goes on without it.",
        "For Open vSwitch `bridge=BR.TAG` does the same on every version.");

    public static readonly FindingKind InvalidValue = new("vif.value.invalid", Error,
        "A value that xlnet does not write: empty, with a comma, a quote, a control character, blanks at an end, or of a form that its key cannot have.",
        "A comma would end the value; the rest xl would pass on to libxl and the hotplug script as it is.",
        "See the message.");

    public static readonly FindingKind IpComma = new("vif.ip.comma", Error,
        "Addresses in `ip=` are separated by a comma.",
        "The comma ends the value: xl takes what follows for an unknown word and drops it.",
        "A blank between addresses.");

    public static readonly FindingKind IpNoFilter = new("vif.ip.no-filter", Info,
        "`ip=` is set.",
        "vif-bridge only adds ACCEPT rules for IPv4 to FORWARD (vif-common.sh, handle_iptable): unless that chain's policy drops, nothing is restricted, and neither MAC nor IPv6 is checked. vif-route and vif-nat route to it.",
        "A firewall on the host where addresses must be enforced.");

    public static readonly FindingKind VlanUnread = new("vif.vlan.unread", Warning,
        "`vlan=` is set.",
        "xl hands it to the hotplug script from 4.19 on; no script that comes with Xen for Linux reads it.",
        "For Open vSwitch `bridge=BR.TAG`; for Linux a bridge on the VLAN's interface.");

    public static readonly FindingKind OvsSyntax = new("vif.bridge.ovs-syntax", Warning,
        "`bridge=` has a VLAN or trunks as vif-openvswitch reads them, and another script runs.",
        "vif-bridge takes the whole text as the name of a Linux bridge.",
        "`script=vif-openvswitch`, or a bridge's plain name.");

    public static readonly FindingKind ScriptForOtherBridge = new("vif.script.other-bridge", Error,
        "`script=` does not fit the bridge: vif-bridge with an Open vSwitch bridge, or vif-openvswitch with a Linux bridge.",
        "The script fails and with it the create: `brctl`/`ip` know no such bridge, or `ovs-vsctl` does not (seen on a real host).",
        "vif-openvswitch for Open vSwitch, vif-bridge for Linux bridges.");

    // ---- the vif list ----

    public static readonly FindingKind NotAList = new("vif.not-a-list", Error,
        "`vif` is a single value.",
        "xl warns that it should be a list and makes no vif.",
        "`vif = [ '…' ]`.");

    public static readonly FindingKind NestedList = new("vif.nested-list", Error,
        "A list inside the vif list.",
        "xl stops reading vifs there, in silence (xlu_cfg_get_listitem gives nothing for a list).",
        "One string for each vif.");

    public static readonly FindingKind AssignedTwice = new("vif.assigned-twice", Warning,
        "`vif` is assigned more than once.",
        "xl takes the last assignment and drops the earlier ones.",
        "Keep one, or add with `+=`.");

    public static readonly FindingKind DuplicateDevid = new("vif.devid.duplicate", Error,
        "Two vifs of a guest have the same devid.",
        "xl checks nothing; libxl refuses the second at create, or the two fight over one xenstore path.",
        "A devid of its own for each, or none.");

    public static readonly FindingKind DuplicateVifName = new("vif.vifname.duplicate", Error,
        "Two vifs have the same `vifname=`.",
        "The second cannot be renamed, the create fails, and its cleanup takes the first one's port off the bridge.",
        "A name of its own for each.");

    public static readonly FindingKind DuplicateMac = new("vif.mac.duplicate", Error,
        "Two vifs have the same `mac=`.",
        "xl passes it in silence; a bridge delivers to whichever spoke last.",
        "An address of its own for each.");

    public static readonly FindingKind NumberAsVif = new("vif.bare-number", Error,
        "A number stands in the vif list.",
        "xl takes it as a vif string that holds an unknown word, and makes a vif with defaults.",
        "A string; `''` for a vif with defaults.");

    // ---- a whole file ----

    public static readonly FindingKind Syntax = new("xl.syntax", Error,
        "A token where another must stand.",
        "xl prints `config parsing error near …: syntax error`, and exits 1 (libxlu_cfg_y.y).",
        "One `name = value` a line, values being strings in quotes, numbers, or lists of these.");

    public static readonly FindingKind TrailingText = new("xl.trailing-text", Error,
        "Something stands behind a complete `name = value`.",
        "xl stops reading there, and exits 1. Strings side by side are not joined, and nothing is computed.",
        "A line's end or a `;` behind each value.");

    public static readonly FindingKind Character = new("xl.character", Error,
        "A character that starts no token: an upper-case letter at the beginning of a name, a sign, a byte outside ASCII outside strings and comments.",
        "xl prints `lexical error`, skips to the next blank, and exits 1 (libxlu_cfg_l.l). `1.5`, `64M`, `-1` and `True` are such errors.",
        "Names in lower case, values other than plain numbers in quotes.");

    public static readonly FindingKind CarriageReturn = new("xl.carriage-return", Error,
        "A carriage return outside strings and comments: the file has Windows line ends.",
        "xl takes it for a lexical error, and exits 1. In a comment it passes.",
        "Line feeds only.");

    public static readonly FindingKind ByteOrderMark = new("xl.byte-order-mark", Error,
        "The file begins with a byte order mark.",
        "xl takes it and the name behind it for a lexical error, and exits 1.",
        "The file without its first three bytes.");

    public static readonly FindingKind UnterminatedString = new("xl.string.unterminated", Error,
        "A string has no closing quote on its line.",
        "xl's strings end where their line does: a lexical error, exit status 1.",
        "The closing quote.");

    public static readonly FindingKind UnterminatedComment = new("xl.comment.unterminated", Error,
        "The last line is a comment, and has no line end.",
        "xl knows a comment only by its line end: a lexical error, exit status 1.",
        "A line end at the end of the file.");

    public static readonly FindingKind EscapeRefused = new("xl.escape.refused", Error,
        "A backslash in a string that xl refuses: `\\x` always, `\\0` to `\\7` without two digits behind, any other unknown one.",
        "xl prints `invalid digit after backslash` or `invalid character after backlash`, and exits 1 (libxlu_cfg.c). No `\\x` can pass: xl asks for more digits than it reads.",
        "The character itself; `\\\\` for a backslash.");

    public static readonly FindingKind EscapeVanishes = new("xl.escape.vanishes", Error,
        "A numeric escape such as `\\101` in a string.",
        "xl accepts it and yields nothing for it.",
        "The character itself.");

    public static readonly FindingKind Nul = new("xl.nul", Error,
        "A zero byte in a string.",
        "xl aborts: an assertion in libxlu_cfg.c fails.",
        "The string without it.");

    public static readonly FindingKind MixedAddition = new("xl.mixed-addition", Error,
        "`+=` of a list to a string, or of a string to a list.",
        "xl prints ``can't add [list] to \"string\" or vice versa``, and exits 1.",
        "The same kind on both sides.");

    public static readonly FindingKind TooDeep = new("xl.list.too-deep", Warning,
        "Lists are nested more than 64 deep.",
        "Nothing in xl asks for more than three. xl's parser gives up between 2,000 and 4,997 (`memory exhausted`).",
        "A flat list.");

    public static readonly FindingKind TooLarge = new("xl.too-large", Error,
        "The text has more than 1 MiB.",
        "xlnet does not read it; xl has no such limit.",
        "A smaller file.");

    public static readonly FindingKind Python = new("xl.python", Info,
        "Python left over from xm, xl's predecessor.",
        "xl reads no Python, and says so behind its errors.",
        "Plain assignments.");

    public static readonly FindingKind Refused = new("guest.refused", Error,
        "xl refuses the guest file for something else than its syntax: no name, no kernel, an unknown type, action or disk.",
        "xl exits with a status other than 0 and its last message says why (xl_parse.c, parse_config_data).",
        "See the message.");

    public static readonly FindingKind DeprecatedName = new("conf.deprecated-name", Warning,
        "`vifscript` or `defaultbridge` in xl.conf.",
        "xl prints a line with every command; `vif.default.script` and `vif.default.bridge` win over them.",
        "The new name.");

    public static readonly FindingKind ConfList = new("conf.list", Warning,
        "A list where xl.conf takes one value.",
        "xl warns with every command and ignores it.",
        "A string.");

    public static readonly FindingKind ConfUnknown = new("conf.unknown-default", Warning,
        "A `vif.default.…` that xl does not read.",
        "xl reads `script`, `bridge`, `backend` and `gatewaydev`; it ignores others in silence.",
        "Set it in each vif.");

    public static readonly FindingKind ConfRefused = new("conf.refused", Error,
        "xl refuses xl.conf for something else than its syntax.",
        "Every xl command exits 1.",
        "A number from 0 to 2147483647 for max_grant_frames, max_maptrack_frames and max_grant_version.");

    /// <summary>Every kind, in the order of the document.</summary>
    public static IReadOnlyList<FindingKind> All { get; } =
        [.. typeof(FindingKinds).GetFields().Where(f => f.FieldType == typeof(FindingKind)).Select(f => (FindingKind)f.GetValue(null)!)];
}

using FsCheck;
using FsCheck.Fluent;

namespace Xlnet.Conformance.Tests;

/// <summary>Random texts of the xl language, near enough to right ones to reach every part of xl's parsers.</summary>
internal static class Generators
{
    private static readonly string[] Keys =
    [
        "mac", "mac", "mac", "bridge", "bridge", "rate", "rate", "rate", "type", "model", "vifname", "script", "ip", "backend", "gatewaydev", "netdev",
        "devid", "mtu", "accel", "vlan", "forwarddev", "colo_sock_mirror_id", "colo_checkpoint_port", "colo_filter_sec_rewriter0_queue", "colo_bogus",
        "foo", "Bridge", "brigde", "mac ", "\tip", "trusted", "untrusted",
    ];

    private static readonly string[] Bits =
    [
        "0", "1", "9", "a", "f", "g", "x", "0x", "-", "+", ":", ".", "@", "/", "s", "b", "B", "M", "K", "G", "m", "u", " ", "\t", "=", ";", "'", "\"", "\\",
        "\n", "\r", "#", "[", "]", "é", "ÿ", "\u0001", "00", "ff", "4294967296", "18446744073709551616", ",", "00:16:3e", "10", "/s", "Kb/s",
    ];

    private static readonly Gen<string> Junk =
        Gen.Choose(0, 6).SelectMany(n => Gen.ArrayOf(Gen.Elements(Bits), n)).Select(string.Concat);

    private static Gen<string> Often(Gen<string> right, int weight = 6) => Gen.Frequency((weight, right), (1, Junk), (1, Broken(right)));

    /// <summary>A right text with one piece of junk put in, or one char taken out.</summary>
    private static Gen<string> Broken(Gen<string> right) =>
        from text in right
        from at in Gen.Choose(0, text.Length)
        from bit in Gen.Elements(Bits)
        from cut in Gen.Elements(true, false)
        select cut && at < text.Length ? text.Remove(at, 1) : text.Insert(at, bit);

    private static readonly Gen<string> HexByte =
        Gen.OneOf(Gen.Choose(0, 255).Select(b => b.ToString("x2")), Gen.Choose(0, 255).Select(b => b.ToString("X")), Gen.Elements("0", "00", "0x1", "100", "fff", "g", " 1", "+2", "-1"));

    private static readonly Gen<string> Mac = Gen.Frequency(
        (5, Gen.Choose(0, 0x7fffff).Select(n => $"00:16:3e:{n >> 16:x2}:{n >> 8 & 255:x2}:{n & 255:x2}")),
        (3, from bytes in Gen.ArrayOf(HexByte, 6) from separator in Gen.Elements(":", "-", ".", "x", " ", "::") select string.Join(separator, bytes)),
        (1, from n in Gen.Choose(1, 8) from bytes in Gen.ArrayOf(HexByte, n) select string.Join(":", bytes)));

    private static readonly Gen<string> Number =
        Gen.OneOf(Gen.Choose(0, 70000).Select(n => $"{n}"), Gen.Elements("0", "00", "08", "010", "018", "1", "7", "4294967295", "4294967296", "99999999999999999999", "20"));

    private static readonly Gen<string> Rate =
        from number in Number
        from unit in Gen.Elements("B/s", "b/s", "KB/s", "Kb/s", "MB/s", "Mb/s", "GB/s", "Gb/s", "kB/s", "MB", "/s", "")
        from interval in Gen.Frequency((2, Gen.Constant("")), (3, from n in Number from u in Gen.Elements("ms", "us", "s", "m", "u", "", "h") select $"@{n}{u}"))
        select number + unit + interval;

    private static readonly Gen<string> Word = Gen.Elements(
        "xenbr0", "br0", "br0.10", "br0.10:20:30", "eth1", "", "a b", " x", "x ", "vif-bridge", "/etc/xen/scripts/vif-nat", "e1000", "dom7", "é", "a=b", "a;b", "10.0.0.1", "10.0.0.1 fd00::1/64");

    private static Gen<string> Value(string key) => key switch
    {
        "mac" => Often(Mac),
        "rate" => Often(Rate),
        "devid" or "mtu" => Often(Number),
        "type" => Often(Gen.Elements("vif", "ioemu", "VIF", "pv")),
        _ => Often(Word),
    };

    private static readonly Gen<string> Token =
        from key in Gen.Elements(Keys)
        from value in Value(key)
        from bare in Gen.Frequency((key.Contains("trusted", StringComparison.Ordinal) ? 8 : 1, Gen.Constant(true)), (10, Gen.Constant(false)))
        from lead in Gen.Frequency((5, Gen.Constant("")), (2, Gen.Constant(" ")), (1, Gen.Elements("  ", "\t", ",")))
        select lead + (bare ? key : $"{key}={value}");

    /// <summary>A vif string, escapes not yet written.</summary>
    public static readonly Gen<string> Vif = Gen.Frequency(
        (8, Gen.Choose(0, 6).SelectMany(n => Gen.ArrayOf(Token, n)).Select(t => string.Join(",", t))),
        (1, Junk),
        (1, Broken(Token)));

    /// <summary>A vif string that xlnet would write: each key at most once, each value right.</summary>
    public static readonly Gen<string> RightVif =
        from mac in Maybe(Gen.Choose(1, 0x7fffff).Select(n => $"mac=00:16:3e:{n >> 16:x2}:{n >> 8 & 255:x2}:{n & 255:x2}"))
        from bridge in Maybe(Gen.Elements("bridge=xenbr0", "bridge=br0.10", "bridge=a'b", "bridge=a\"b", "bridge=a\\b", "bridge=é"))
        from rate in Maybe(from n in Gen.Choose(1, 4000) from u in Gen.Elements("Mb/s", "KB/s@20ms", "Gb/s@1s") select $"rate={n * 8}{u}")
        from rest in Gen.SubListOf("model=e1000", "type=vif", "vifname=v1", "script=vif-route", "ip=10.0.0.1 10.0.0.2", "backend=d", "gatewaydev=eth0", "mtu=9000", "untrusted", "forwarddev=x")
        select string.Join(",", new[] { mac, bridge, rate }.Concat(rest).Where(t => t.Length > 0));

    private static Gen<string> Maybe(Gen<string> token) => Gen.Frequency((3, token), (2, Gen.Constant("")));

    private static readonly Gen<string> Blank = Gen.Elements("", " ", " ", " ", "\t", "  ");

    private static readonly Gen<string> Gap = Gen.Frequency((8, Blank), (1, Gen.Elements("\n", "\n  ", " # c\n ", "\n\n", "\r", "#")));

    private static Gen<string> Quoted(Gen<string> value) =>
        from text in value
        from quote in Gen.Elements("'", "\"")
        from spare in Gen.Frequency((12, Gen.Constant("")), (1, Gen.Elements("\\n", "\\x41", "\\101", "\\0", "\\q", "\\'", "\\\"", "\\\\", "\\7777", "\\0 12", "\0", "'")))
        select quote + text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace(quote, "\\" + quote, StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal) + spare + quote;

    private static readonly Gen<string> PlainWord =
        Gen.Elements("64", "0", "1", "-1", "0x40", "010", "08", "native", "default", "destroy", "restart", "preserve", "pv", "pvh", "hvm", "h", "", "generic", "/k", "all", "0-3", "^1", "x");

    private static readonly Gen<string> Atom = Gen.Frequency(
        (6, Quoted(PlainWord)),
        (3, Gen.Elements("0", "1", "64", "0x40", "08", "1e3", "99999999999999999999")),
        (1, Gen.Elements("True", "1.5", "64M", "-1", "+1", "x", "'", "\"a", "(1)", "")));

    private static readonly Gen<string> Disk = Gen.OneOf(
        Gen.Elements(
            "phy:/dev/vg/x,xvda,w", "file:/a.img,hda,w", "tap:aio:/a.img,xvda1,r", "/a.img,raw,xvda,rw", "format=qcow2,vdev=xvda,target=/a,b", ",empty,hdc:cdrom", "/i.iso,,hdc,cdrom",
            "vdev=xvda", "/a,raw", "script=block-x,vdev=xvda,target=/x", "iscsi:iqn.x,xvda,w", "foo:/x,xvda", "format=zz,vdev=a,target=b", "a,raw,xvda,rw,more", "backendtype=phy,backendtype=tap,vdev=a,target=b",
            "discard, vdev=xvda , target=x", "devtype=cdrom,vdev=hdc", "devtype=floppy,vdev=fd0", "bogus=1,vdev=a,target=b", "phy:/dev/x,ioemu:hda,w", "drbd:r0,xvda,w", "=", "colo-port=0,vdev=a,target=x", "nbd:h:1,xvda,w"),
        Broken(Gen.Elements("phy:/dev/vg/x,xvda,w", "format=raw,vdev=xvda,access=rw,target=/a", "/a.img,qcow2,hda:disk,ro", "vhd:/a,xvda,w")));

    private static readonly Gen<string> Pci = Often(Gen.Elements("01:00.0", "0000:01:00.1", "01:00.*", "01:00.0@3", "01:00.0,permissive=1", "bdf=01:00.0,name=x", "name=nic", "01:00.8", "1ff:0.0", "01:00.0,seize=x,foo=1", "rdm_policy=strict,01:00.0"), 10);

    private static Gen<string> List(Gen<string> item, int most = 4) =>
        from count in Gen.Choose(0, most)
        from items in Gen.ArrayOf(item, count)
        from gaps in Gen.ArrayOf(Gap, count * 2 + 2)
        from trailing in Gen.Frequency((5, Gen.Constant("")), (2, Gen.Constant(",")), (1, Gen.Elements(",,", ";", "+")))
        from close in Gen.Frequency((20, Gen.Constant("]")), (1, Gen.Elements("", "]]")))
        select "[" + gaps[0] + string.Join(",", items.Select((text, i) => gaps[i * 2 + 1] + text + gaps[i * 2 + 2])) + trailing + gaps[^1] + close;

    private static readonly Gen<string> VifItem = Gen.Frequency((10, Quoted(Vif)), (6, Quoted(RightVif)), (1, Gen.Elements("[ 'bridge=n' ]", "7", "[]", "br0", "[[[]]]")));

    // Not among them: cpuid and rdm, of which the domain does not repeat what xl prints (they refuse nothing), and cpus, of which xl
    // refuses what the host does not have.
    private static readonly string[] Names =
    [
        "name", "type", "builder", "kernel", "bootloader", "memory", "maxmem", "vcpus", "maxvcpus", "uuid", "on_crash", "on_poweroff", "tsc_mode", "timer_mode", "bios", "firmware", "hap",
        "vga", "vnc", "vncdisplay", "vnclisten", "gfx_passthru", "device_model", "device_model_version", "device_model_args", "viridian", "altp2m", "passthrough", "root", "extra", "cmdline", "nosuchkey",
        "a.b_c", "max_grant_frames", "seclabel", "localtime", "usb", "boot", "serial", "vif2", "bootloader_args", "ms_vm_genid", "nics", "vif0", "tee", "irqs", "ioports", "iomem", "dtdev", "mca_caps",
    ];

    private static readonly Gen<string> Assignment =
        from kind in Gen.Choose(0, 20)
        from name in Gen.Elements(Names)
        from value in kind switch
        {
            <= 6 => List(VifItem),
            7 => List(Quoted(Disk)),
            8 => List(Quoted(Pci), 2),
            9 => List(Quoted(Gen.Elements("10", "3f8-3ff", "3f8-", "zz", "a0000,20", "a0000,20@b0000", "lmce", "all", "base", "!stimer", "backend=x", "x=1", "ffffffff"))),
            10 => List(Atom),
            _ => Atom,
        }
        from op in Gen.Frequency((20, Gen.Constant("=")), (3, Gen.Constant("+=")), (1, Gen.Elements("==", ":", "", "-=")))
        from blanks in Gen.ArrayOf(Blank, 4)
        select blanks[0] + (kind <= 6 ? "vif" : kind == 7 ? "disk" : kind == 8 ? "pci" : name) + blanks[1] + op + blanks[2] + value + blanks[3];

    private static readonly Gen<string> LineEnd = Gen.Frequency((20, Gen.Constant("\n")), (3, Gen.Constant(" # comment\n")), (2, Gen.Constant(";")), (1, Gen.Elements("\r\n", "; ", "", " #")));

    private static readonly Gen<string> Odd = Gen.Elements(
        "import os\n", "def f():\n  return 1\n", "\u00ef\u00bb\u00bf", "#\n", "# é \0\n", "@\n", "[\n", "]\n", "= 1\n", "vif\n", "x =\n", ";;;\n", "\n\n", "VIF = []\n", "# end", "#", "'", "\\\n", "\f\n", "x = 1 y = 2\n");

    /// <summary>A guest file; most have what xl asks for.</summary>
    public static readonly Gen<string> File =
        from head in Gen.Frequency(
            (10, Gen.Elements("name = 'g'\nkernel = '/k'\n", "name='g'\ntype='hvm'\n", "name = \"g\"\ntype = \"pvh\"\nkernel = \"/k\"\n", "name='g'\nbuilder='hvm'\n", "name='g'\nbootloader='pygrub'\n")),
            (1, Gen.Constant("")))
        from count in Gen.Choose(0, 7)
        from lines in Gen.ArrayOf(Gen.Frequency((14, from a in Assignment from e in LineEnd select a + e), (1, Odd), (2, Gen.Constant("# comment\n"))), count)
        from last in Gen.Frequency((8, Gen.Constant("")), (1, Assignment), (1, Odd))
        from bytes in Gen.Frequency((12, Gen.Constant<string?>(null)), (2, Junk.Select(j => (string?)j)))
        from at in Gen.Choose(0, 1000)
        let text = head + string.Concat(lines) + last
        select bytes is null ? text : text.Insert(at * text.Length / 1000, bytes);

    // Not "node:": that asks for the topology of a host, and there is none behind the shim.
    private static readonly Gen<string> CpuRange = Often(Gen.Elements("0", "1", "0-1", "all", "^0", "0,^1", "0-0,1", "all,^0", "1-0", "-1", "0x1", "", " 0", "0 ,1"), 10);

    private static readonly Gen<string> CpuId = Often(Gen.Elements("host,tm=0", "host", "host,tm=0,sse3=x", "0x1:ecx=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "1:eax=s", "0x1:exx=0", "host,family=6", "host,bogus=1", "tm=0"), 10);

    /// <summary>
    /// Lines whose messages, but not whose effects, depend on the host or are not followed (docs/xl-format.md). Not vnuma: what becomes
    /// of it is decided by the host's nodes.
    /// </summary>
    private static readonly Gen<string> HostLine =
        from kind in Gen.Choose(0, 5)
        from value in kind switch
        {
            0 or 1 => Gen.OneOf(Quoted(CpuRange), List(Quoted(CpuRange)), Atom),
            2 => Gen.OneOf(Quoted(CpuId), List(Quoted(CpuId))),
            3 => Quoted(Often(Gen.Elements("strategy=host", "policy=strict", "strategy=host,policy=relaxed", "policy=bogus", "bogus=1"), 10)),
            4 => Gen.OneOf(Gen.Elements("0", "1", "2", "8", "200"), Atom),
            _ => Gen.OneOf(List(Quoted(Pci), 2), Atom),
        }
        from end in LineEnd
        select (kind switch { 0 => "cpus", 1 => "cpus_soft", 2 => "cpuid", 3 => "rdm", 4 => "vcpus", _ => "pci" }) + " = " + value + end;

    /// <summary>A guest file with such lines among others.</summary>
    public static readonly Gen<string> HostFile =
        from file in File
        from head in Gen.Elements("name = 'g'\nkernel = '/k'\n", "name='g'\ntype='hvm'\n")
        from count in Gen.Choose(1, 3)
        from lines in Gen.ArrayOf(HostLine, count)
        from vifs in List(VifItem, 3)
        select head + string.Concat(lines) + "vif = " + vifs + "\n" + (file.Length < 80 ? file : "");

    /// <summary>Any bytes, lexical signs more often than others.</summary>
    public static readonly Gen<string> Bytes =
        from count in Gen.Choose(0, 60)
        from chars in Gen.ArrayOf(Gen.Frequency((3, Gen.Choose(0, 255).Select(b => ((char)b).ToString())), (4, Gen.Elements(Bits)), (3, Gen.Elements("[", "]", "'", "\"", "=", ",", "\n", "vif", " ", "\\", "#", "x", "+=", ";"))), count)
        select string.Concat(chars);

    /// <summary>An xl.conf.</summary>
    public static readonly Gen<string> Conf =
        from count in Gen.Choose(0, 5)
        from lines in Gen.ArrayOf(
            from name in Gen.Elements("vif.default.script", "vif.default.bridge", "vif.default.backend", "vif.default.gatewaydev", "vifscript", "defaultbridge", "autoballoon", "run_hotplug_scripts", "claim_mode", "lockfile", "max_grant_frames", "nosuch.key")
            from op in Gen.Frequency((9, Gen.Constant("=")), (1, Gen.Constant(" += ")))
            from value in Gen.Frequency((6, Quoted(Word)), (2, Atom), (1, List(Atom)))
            from end in LineEnd
            select name + op + value + end, count)
        select string.Concat(lines);
}

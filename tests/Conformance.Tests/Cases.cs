namespace Xlnet.Conformance.Tests;

/// <summary>The inputs of recorded.jsonl: what xl does with each is recorded by running it (XLNET_RECORD=1).</summary>
internal static class Cases
{
    private const string Head = "name = 'g'\ntype = 'pvh'\nkernel = '/k'\n";

    private const string GuestOfConf = Head + "vif = [ '', 'bridge=gb,script=gs,backend=gd,gatewaydev=gg', 'bridge=' ]\n";

    private static readonly string[] Vifs =
    [
        "", " ", "\t", ",", ",,", "bridge=b", "bridge=b,", ",bridge=b", "bridge=b,,mtu=9000", " bridge=b", "  mtu=1400,  bridge=b", "\tbridge=b", "bridge=b ", "bridge= b", "bridge =b", "bridge = b",
        "mtu=1400, bridge=b", "mtu=1400 ,bridge=b", "mtu=1400\nbridge=b", "bridge=b\n", "BRIDGE=b", "Mac=00:16:3e:01:02:03", "bridge=a,bridge=b", "bridge", "bridge=", "bridge=a=b", "bridge=a;b", "bridge='b'", "bridge=\"b\"",
        "bridge=a\\b", "bridge=é", "bridge=Ã©", "bridge=ÿ", "bridge=br0.10", "bridge=br0.10:20:30", "bridge=averyveryverylongbridgename", "foo", "foo=1", "foo=1,bridge=b", "# x", "bridge=b#x", "xenif", "vlan=10",
        "mac=00:16:3e:01:02:03", "mac=00:16:3E:AB:CD:EF", "mac=0:16:3e:1:2:3", "mac=00-16-3e-01-02-03", "mac=00.16.3e.01.02.03", "mac=00 16 3e 01 02 03", "mac=00x16x3ex01x02x03", "mac=00163e010203", "mac=0016.3e01.0203",
        "mac=01:00:5e:01:02:03", "mac=ff:ff:ff:ff:ff:ff", "mac=00:00:00:00:00:00", "mac=auto", "mac=00:16:3e:01:02:03:04", "mac=00:16:3e:01:02:03zz", "mac= 00:16:3e:01:02:03", "mac=00:16:3e:01:02:100", "mac=00:16:3e:zz:02:03",
        "mac=gg:16:3e:01:02:03", "mac=0x00:0x16:0x3e:1:2:3", "mac=+0:+16:3e:0:0:1", "mac=-1:16:3e:0:0:1", "mac=100000001:16:3e:0:0:1", "mac=-ffffffffffffffff:16:3e:0:0:1", "mac=00::16:3e:01:02:03",
        "mac=00:16:3e:01:02,bridge=b", "mac=00:16:3e:01:02,model=e1000", "mac=00:16:3e:01:02,dd,bridge=b", "mac=00:16:3e:01:02:", "mac=00:16:3e:01:02:,bridge=b", "mac='00:16:3e:01:02:03'", "mac=00:16:3e:01:02:03,mac=zz",
        "mac=fffffffffffffffff:0:0:0:0:0,rate=1MB/s", "mac=", "mac",
        "type=vif", "type=ioemu", "type=VIF", "type=netfront", "type=", "type=vif ", "type=ioemu,type=vif", "model=e1000", "model=two words", "model=", "type=vif,model=e1000",
        "vifname=web0", "vifname=morethanfifteencharacters", "vifname=a/b", "script=vif-route", "script=/etc/xen/scripts/vif-nat", "script=../x", "script=",
        "ip=10.0.0.1", "ip=10.0.0.1/24", "ip=10.0.0.1 10.0.0.2", "ip=10.0.0.1,10.0.0.2", "ip=fd00::1/64", "ip=999.1.1.1", "ip=10.0.0.1 ,mtu=1400", "backend=0", "backend=netdom", "backend=",
        "gatewaydev=eth0", "netdev=eth0", "gatewaydev=eth0,netdev=eth1", "accel=x", "accel",
        "rate=100Kb/s", "rate=10MB/s", "rate=10MB/s@20ms", "rate=10Mb/s@20ms", "rate=1GB/s", "rate=7b/s", "rate=159b/s", "rate=160b/s", "rate=19B/s", "rate=20B/s", "rate=1kB/s", "rate=10mb/s", "rate=10MBps", "rate=10MB", "rate=10",
        "rate=10/s", "rate=10MB/S", "rate=10 MB/s", "rate= 10MB/s", "rate=10MB/s ", "rate=1.5MB/s", "rate=-1MB/s", "rate=0B/s", "rate=", "rate", "rate=010MB/s", "rate=018MB/s", "rate=018b/s", "rate=08MB/s", "rate=0x10MB/s",
        "rate=4294967295B/s", "rate=4294967296B/s", "rate=4294967295GB/s", "rate=368GB/s@4294s", "rate=99999999999999999999B/s", "rate=1MB/s@", "rate=1MB/s@20", "rate=1MB/s@50us", "rate=1MB/s@1s", "rate=1MB/s@50m", "rate=1MB/s@50u",
        "rate=1MB/s@0ms", "rate=1MB/s@20ms@30ms", "rate=1MB/s@5h", "rate=1MB/s@4294s", "rate=1MB/s@4295s", "rate=1MB/s@020ms", "rate=1MB/s@08ms", "rate=1MB/s@018ms", "rate=@", "rate=@20ms", "rate=1MB/s,rate=2MB/s", "rate=1MB/s@20ms,rate=2MB/s",
        "rate=bad,bridge=b", "bridge=b,rate=bad",
        "devid=0", "devid=5", "devid=-1", "devid=5x", "devid=x", "devid=", "devid= 5", "devid=0x10", "devid=010", "devid=4294967295", "devid=4294967296", "devid=2147483648", "devid=18446744073709551615", "devid=-18446744073709551615",
        "mtu=1500", "mtu=0", "mtu=67", "mtu=65536", "mtu=abc", "mtu=1500 ", "mtu=1500x", "mtu=4294968796", "mtu=99999999999999999999",
        "trusted", "untrusted", "trusted=1", "trusted=0", "trusted,untrusted", "untrusted,trusted", "Trusted", "trusted ", " trusted",
        "forwarddev=eth2", "colo_sock_mirror_id=a", "colo_checkpoint_port=9", "colo_filter_sec_rewriter0_queue=all", "colo_bogus=1",
        "vifname=a,bridge=b,mac=00:16:3e:01:02:03,script=s,ip=1.2.3.4,backend=d,model=m,mtu=9000,rate=1MB/s,type=vif,gatewaydev=g,devid=3,untrusted",
    ];

    private static readonly string[][] Arguments =
    [
        [], ["mac=00:16:3e:01:02:03"], ["mac=00:16:3e:01:02:03", "bridge=b"], ["mac=00:16:3e:01:02:03,bridge=b"], ["bridge=b,mac=00:16:3e:01:02:03"], ["foo"], ["foo=1"], ["bridge=b", "foo=1"], [""], [" bridge=b"], ["mac=zz"],
        ["type=bad"], ["rate=10MB"], ["rate=10MB/s"], ["devid=x"], ["devid=4"], ["mtu=9000"], ["trusted"], ["untrusted"], ["accel=1"], ["netdev=e"], ["ip=1.2.3.4", "ip=5.6.7.8"], ["ip=1.2.3.4 5.6.7.8"], ["type=ioemu", "model=e1000"],
        ["BRIDGE=x"], ["vlan=10"], ["bridge="],
    ];

    private const string V = "vif = [ 'bridge=b' ]";

    private static readonly string[] Bodies =
    [
        V + "\n", V, "# c\n" + V + "\n", V + " # c\n", V + " # c", "# a last comment", V + "\n#", "#", "@", "x = @", "x M", V + ";", V + "; memory = 64", ";;;\n" + V + "\n", V + " memory = 64\n" + V + "\n", V + " memory = 64 # c\nx y\n",
        "vif = [ 'bridge=b', ]\n", "vif = [ 'bridge=b',\n ]\n", "vif = [ , 'bridge=b' ]\n", "vif = [ 'bridge=b',, 'bridge=c' ]\n", "vif = [ , ]\n", "vif = []\n", "vif = [\n]\n", "vif = [ '' ]\n", "vif = [ '', '' ]\n",
        "vif = [\n  'bridge=b',\n  'bridge=c'\n]\n", "vif = [\n  'bridge=b'\n  , 'bridge=c'\n]\n", "vif = [ # c\n  'bridge=b', # c\n  # c\n  'bridge=c' # c\n]\n", "vif =\n[ 'bridge=b' ]\n", "vif\n= [ 'bridge=b' ]\n",
        "vif = [ 'bridge=b' 'bridge=c' ]\n", "vif = [ 'bridge='\n'b' ]\n", "vif = [ 'a'; 'b' ]\n", "vif = [ ['bridge=b'] ]\n", "vif = [ 'bridge=b', ['bridge=c'], 'bridge=d' ]\n", "vif = [ 'bridge=b'\n", "vif = [ 'bridge=b' ]]\n", "vif = 'bridge=b'\n", "vif = 0\n", "vif = b\n",
        "vif = [ 0 ]\n", "vif = ( 'bridge=b' )\n", "vif = { 'bridge': 'b' }\n", "vif = [ 'bridge=b' ] + [ 'c' ]\n", "vif =\n", "vif\n", "vif = [ 'bridge=b' ],\n",
        "vif = [ \"bridge=b\" ]\n", "vif = [ 'bridge=b\" ]\n", "vif = [ 'bridge=b ]\n", "vif = [ 'bridge=\nb' ]\n", "vif = [ 'bridge=\\\nb' ]\n", "vif = [ '''bridge=b''' ]\n",
        "vif = [ 'bridge=b\\n' ]\n", "vif = [ 'bridge=\\'\\\"\\\\\\a\\b\\f\\t\\v\\r' ]\n", "vif = [ 'bridge=\\x41' ]\n", "vif = [ 'bridge=\\x' ]\n", "vif = [ 'bridge=b\\101x' ]\n", "vif = [ 'bridge=b\\0' ]\n", "vif = [ 'bridge=b\\0 12' ]\n", "vif = [ 'bridge=b\\7777' ]\n", "vif = [ 'bridge=b\\q' ]\n", "vif = [ 'bridge=b\\8', 'b\\q' ]\n",
        "vif = [ 'bridge=b\\' ]\n", "vif = [ 'bridge=b#c;d[e]' ]\n", "vif = [ r'bridge=b' ]\n", "vif = [ 'bridge=\u00c3\u00a9' ]\n", "vif = [ 'bridge=\u00ff' ]\n", "# \u00e9\n" + V + "\n", "\u00ef\u00bb\u00bf" + V + "\n", "\u00e9 = 1\n" + V + "\n", "vif = [ 'bridge=\u0001' ]\n",
        "vif = [ 'bridge=\0x' ]\n", "@ b\nvif = [ '\0' ]\n", "# \0\n" + V + "\n", "\f" + V + "\n", V + "\r\n", "# c\r\n" + V + "\n", "vif = [ 'bridge=b\r' ]\n", "vif = [ \r\n'bridge=b' ]\n", "memory = 64\r\nvif x\n" + V,
        V + "\nvif = [ 'bridge=c' ]\n", V + "\nvif = []\n", V + "\nvif = 'x'\n", V + "\nvif += [ 'bridge=c' ]\n", "vif += [ 'bridge=c' ]\n", V + "\nvif += 'x'\n", V + "\nvif += []\n", V + "\nvif += ['a=1']\nvif += [ 'bridge=d' ]\n", V + "\nvif -= [ 'c' ]\n",
        "vif=['bridge=b']\n", "\t vif\t=\t[\t'bridge=b'\t]\t\n", "VIF = [ 'bridge=b' ]\n", "nosuchkey = [ 1, [ 2 ] ]\n", "a.b = 1\n", "a-b = 1\n", "_a = 1\n", "9a = 1\n", "vif2 = [ 'x' ]\n",
        "memory = 0x40\n", "memory = 0100\n", "memory = '0x40'\n", "memory = 64M\n", "memory = '64M'\n", "memory = -64\n", "memory = '-64'\n", "memory = 1.5\n", "memory = 1e3\n", "memory = 08\n", "memory = 99999999999999999999\n",
        "memory = 99999999999999999999\nvif = [ 'rate=1MB/s' ]\n", "memory = [ 64 ]\n", "memory = ''\n", "memory = 64\nmemory += 1\n", "memory = True\n", "memory == 64\n", "memory : 64\n", "memory 64\n", "= 64\n", "import os\n" + V + "\n", "def f():\n  pass\n", "bad line one\nbad line two\n" + V + "\n",
        "name = 'x'\nname += 'y'\n", "name = 5\n", "name = [ 'x' ]\n", "name = ''\n", "vif = [ 'foo', 'bridge=b' ]\n", "vif = [ 'rate=bad', 'bridge=b' ]\n", "vif = [ 'devid=1', '' ]\n", "vif = [ 'vifname=a', 'vifname=a' ]\n",
        "disk = [ 'phy:/dev/vg/x,xvda,w' ]\n", "disk = [ '/a.img,qcow2,xvda,r' ]\n", "disk = [ 'x' ]\n", "disk = [ '/a,raw,xvda,zz' ]\n", "disk = [ 'foo:/x,xvda,w' ]\n", "disk = [ 'tap:aio:/a.img,xvda1,w', ',empty,hdc:cdrom' ]\n", "disk = [ 'bogus=1' ]\n",
        "pci = [ '01:00.0' ]\n", "pci = [ '01:00.9' ]\n", "pci = [ 'x' ]\n", "on_crash = 'explode'\n", "on_reboot = 'preserve'\n", "tsc_mode = 2\n", "tsc_mode = 9\n", "tsc_mode = 'native'\n", "vcpus = 2\nmaxvcpus = 1\n", "vcpus = -1\n", "vcpus = '-1'\n", "cpus = 'all,^1'\ncpus_soft = '2-1'\nvcpus = 1\n",
        "uuid = 'x'\n", "bootloader_args = ''\n", "channel = [ 'connection=pty,name=c' ]\n", "channel = [ 'name=c' ]\n", "vtpm = [ 'uuid=x' ]\n", "usbdev = [ 'type=x' ]\n", "vkb = [ 'backend-type=qemu' ]\n", "iomem = [ '1,2@3' ]\n", "iomem = [ 'x' ]\n",
    ];

    private static readonly string[] Files =
    [
        "", "memory = 64\n", "name = 'g'\n", "name = 'g'\nbootloader = 'pygrub'\n" + V, "name='g'\nkernel='/k'\nvif=['type=ioemu','model=e1000']", "name='g'\ntype='hvm'\nvif=['type=ioemu,model=e1000']", "name='g'\nbuilder='hvm'\n" + V,
        "name='g'\nbuilder='hvm'\ntype='pv'\n", "name='g'\ntype='HVM'\n", "name='g'\ntype='h'\n", "name='g'\ntype=''\n", "name='g'\ntype='p'\nkernel='/k'\n", "name='g'\ntype='hvm'\nbios='x'\n", "name='g'\ntype='hvm'\nviridian=['zz']\n",
        "name='g'\ntype='hvm'\nviridian=[['zz']]\n", "name='g'\ntype='hvm'\nvga='x'\n", "name='g'\ntype='hvm'\nmmio_hole=1\n", "name='g'\nfirmware='pvgrub64'\n", "name='g'\nkernel='/k'\nfirmware='pvgrub64'\n", "name='g'\nkernel='/k'\ntimer_mode=1\n",
        (Head + V + "\n").Replace("\n", "\r\n", StringComparison.Ordinal), (Head + V + "\n").Replace("\n", "\r", StringComparison.Ordinal),
    ];

    private static readonly string[] Confs =
    [
        "", "# c\n", "vif.default.bridge=\"x\"\n", "vif.default.bridge='x'", "vif.default.bridge=x\n", "vif.default.bridge=9\n", "vif.default.bridge=\"\"\n", "vif.default.bridge=[\"x\"]\n", "vif.default.script=\"vif-route\"\n",
        "vif.default.backend=\"netdom\"\n", "vif.default.backend=3\n", "vif.default.gatewaydev=\"eth9\"\n", "vifscript=\"old\"\n", "vifscript=\"old\"\nvif.default.script=\"new\"\n", "vif.default.script=\"new\"\nvifscript=\"old\"\n", "defaultbridge=\"old\"\n",
        "vif.default.bridge=\"a\"\nvif.default.bridge=\"b\"\n", "vif.default.bridge=\"a\"\nvif.default.bridge+=\"b\"\n", "vif.default.bridge=\"x\"\r\n", "VIF.DEFAULT.BRIDGE=\"x\"\n", "vif.default.model=\"e1000\"\n", "vif.default.bridge\n", "bad line\n",
        "vif-default-bridge='x'\n", "run_hotplug_scripts=\"no\"\n", "output_format=\"xml\"\n", "autoballoon=\"bad\"\n", "max_grant_frames=-1\n", "max_grant_frames='-1'\n", "vif.default.script=\"s\"\nvif.default.bridge=\"b\"\nvif.default.backend=\"d\"\nvif.default.gatewaydev=\"g\"\n",
    ];

    public static IEnumerable<Case> All =>
    [
        .. Vifs.Select(v => new Case("vif", [v], $"{Head}vif = [ \"{Escape(v)}\" ]\n", null)),
        .. Arguments.Select(a => new Case("attach", a, null, null)),
        .. Bodies.Select(b => new Case("file", [b], Head + b, null)),
        .. Files.Select(f => new Case("file", [f], f, null)),
        .. Confs.Select(c => new Case("conf", [c], GuestOfConf, c)),
    ];

    /// <summary>Lists around the depths at which xl's parser gives up; too long to be recorded as input.</summary>
    public static IEnumerable<string> Nested() =>
    [
        .. new[] { 64, 1000, 4996, 4997, 4998, 5000 }.Select(d => $"{Head}x = {new string('[', d)}{new string(']', d)}\n"),
        .. new[] { 1998, 1999, 2000, 2001 }.Select(d => $"{Head}x = {string.Concat(Enumerable.Repeat("[1,", d))}2{new string(']', d)}\n"),
        .. new[] { 4995, 4996, 4997 }.Select(d => $"{Head}x = {new string('[', d)}1{new string(']', d)}\n"),
        .. new[] { 4995, 4996, 4997 }.Select(d => $"{Head}x = {new string('[', d)}\n{new string(']', d)}\n"),
    ];

    private static string Escape(string vif) =>
        vif.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}

/// <param name="Input">A vif string, the arguments of network-attach, a guest file's body, or an xl.conf.</param>
internal sealed record Case(string Level, string[] Input, string? Guest, string? Conf);

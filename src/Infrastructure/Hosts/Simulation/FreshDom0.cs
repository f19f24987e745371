using System.Text;

namespace Xlnet.Infrastructure.Hosts.Simulation;

/// <summary>A Dom0 as it is before anyone did anything on it: Debian 12 with its Xen 4.17, one uplink on one bridge.</summary>
public static class FreshDom0
{
    private const string XlConf = """
        autoballoon="off"
        vif.default.script="vif-bridge"
        vif.default.bridge="xenbr0"

        """;

    private const string NetworkInterfaces = """
        auto lo
        iface lo inet loopback
        iface eth0 inet manual
        auto xenbr0
        iface xenbr0 inet dhcp
        	bridge_ports eth0
        	bridge_stp off
        	bridge_fd 0

        """;

    /// <summary>The scripts of Debian's xen-utils-common 4.17; those that end in <c>.sh</c> are read, not run.</summary>
    private static readonly string[] Scripts =
    [
        "block", "block-common.sh", "block-drbd-probe", "block-dummy", "block-enbd", "block-iscsi", "block-nbd", "block-tap",
        "colo-proxy-setup", "external-device-migrate", "hotplugpath.sh", "launch-xenstore", "locking.sh", "logging.sh", "qemu-ifup",
        "vif-bridge", "vif-common.sh", "vif-nat", "vif-openvswitch", "vif-route", "vif-setup", "vscsi", "xen-hotplug-common.sh",
        "xen-network-common.sh", "xen-script-common.sh",
    ];

    /// <param name="seed">Where its random MAC addresses and UUIDs start; hosts with different seeds draw different ones.</param>
    /// <param name="openVSwitch">Whether Open vSwitch is installed.</param>
    public static SimulatedDom0State Create(ulong seed = 0, bool openVSwitch = true)
    {
        var state = new SimulatedDom0State { Random = seed };
        state.Files["/etc/xen/xl.conf"] = Text(XlConf);
        state.Files["/etc/network/interfaces"] = Text(NetworkInterfaces);
        foreach (var name in Scripts)
            state.Files["/etc/xen/scripts/" + name] = Text("#!/bin/bash\n# Played by the simulation.\n", executable: !name.EndsWith(".sh", StringComparison.Ordinal));
        state.Files[HotplugScripts.LogPath] = Text("");

        state.Interfaces.Add(new SimulatedInterface
        {
            Index = 1, Name = "lo", Kind = "loopback", Mac = "00:00:00:00:00:00", Mtu = 65536, Up = true, Carrier = true,
            Addresses = ["127.0.0.1/8", "::1/128"],
        });
        state.Interfaces.Add(new SimulatedInterface
        {
            Index = 2, Name = "eth0", Mac = "52:54:00:12:34:56", Up = true, Carrier = true, Master = "xenbr0",
        });
        state.Interfaces.Add(new SimulatedInterface
        {
            Index = 3, Name = "xenbr0", Kind = "bridge", Mac = "52:54:00:12:34:56", Up = true,
            Addresses = ["10.0.2.15/24", "fec0::5054:ff:fe12:3456/64", "fe80::5054:ff:fe12:3456/64"],
        });
        state.NextInterfaceIndex = 4;
        state.Routes.Add(new SimulatedRoute { Dst = "default", Gateway = "10.0.2.2", Dev = "xenbr0" });
        state.ManagementPath = new SimulatedPath { Address = "10.0.2.15/24", Uplink = "eth0" };

        state.Sysctls["net.ipv4.ip_forward"] = "0";
        state.Sysctls["net.ipv6.conf.all.forwarding"] = "0";
        if (openVSwitch)
            state.Ovs = new SimulatedOvs { Uuid = "f0ec0108-759e-42ef-b1f2-749f3ed82dfb" };
        return state;
    }

    private static SimulatedFile Text(string text, bool executable = false) =>
        new() { Content = Encoding.UTF8.GetBytes(text), Executable = executable };
}

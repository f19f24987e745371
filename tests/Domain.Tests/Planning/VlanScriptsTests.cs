using Xlnet.Domain.Planning;
using Xunit;

namespace Xlnet.Domain.Tests.Planning;

public class VlanScriptsTests
{
    [Theory]
    [InlineData("vlan=$(xenstore_read_default \"$XENBUS_PATH/vlan\" \"\")", true)]
    [InlineData("[ -z \"$mac\" ] || vlan=`xenstore-read ${XENBUS_PATH}/vlan`", true)]
    [InlineData("name=${x#y}; v=$(xenstore-read $XENBUS_PATH/vlan)", true)]
    [InlineData("# vlan: $XENBUS_PATH/vlan", false)]
    [InlineData("bridge=$(xenstore_read \"$XENBUS_PATH/bridge\") # not $XENBUS_PATH/vlan", false)]
    [InlineData("ip link add link eth0 name eth0.20 type vlan id 20", false)]
    [InlineData("cat /proc/net/vlan/config", false)]
    [InlineData("xenstore-read $XENBUS_PATH/vlans", false)]
    public void Reading_AScript_LooksForXenstoresKey(string line, bool reads) =>
        Assert.Equal(reads, VlanScripts.Reading(new Dictionary<string, string> { ["vif-lab"] = $"#!/bin/bash\n{line}\n" }).Contains("vif-lab"));

    [Fact]
    public void Reading_WhatIsSourced_Counts() => Assert.Equal(
        ["vif-bridge", "vif-common.sh", "xen-network-common.sh"],
        VlanScripts.Reading(new Dictionary<string, string>
        {
            ["vif-bridge"] = "dir=$(dirname \"$0\")\n. \"$dir/vif-common.sh\"\n",
            ["vif-common.sh"] = "  source \"$dir\"/xen-network-common.sh\n",
            ["xen-network-common.sh"] = "add_to_bridge() {\n    vlan=$(xenstore_read_default \"$XENBUS_PATH/vlan\" '')\n}\n",
            ["vif-route"] = "# . \"$dir/vif-common.sh\"\n. \"$dir/locking.sh\"\n",
            ["locking.sh"] = "",
        }).Order());
}

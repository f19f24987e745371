using System.Globalization;
using System.Text.Json.Nodes;
using Xlnet.Conformance.Tests;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;
using Xunit;

namespace Xlnet.Api.Tests;

/// <summary>What the service renders, the real xl reads, and reads the same.</summary>
public sealed class RealXlTests(ServiceFixture service)
{
    private HttpClient Client => service.Client;

    /// <summary>Guest files as people write them: every type, quoting and layout.</summary>
    public static TheoryData<string, string> Guests()
    {
        var data = new TheoryData<string, string>();
        string[] files =
        [
            "name='g'\nkernel='/k'\nvif=['']\n",
            "name = \"g\"\ntype = \"pvh\"\nkernel = \"/k\"\nvif = [ '' , '' ]\n",
            "name='g'\ntype='hvm'\nvif=['type=ioemu,model=e1000,bridge=br0']\n",
            "name='g'\nbuilder='hvm'\nvif = [ 'type=vif' ]\n",
            "name='g'\nbootloader='pygrub'\n",
            "# no vif at all\nname='g'\nkernel='/k'\nmemory=128",
            "name='g'\nkernel='/k'\nvif = [\n  'bridge=br0',   # first\n  'bridge=br1',   # second\n]\n",
            "name='g'\nkernel='/k'\nvif = [ 'mac=00:16:3e:01:02:03, bridge=xenbr0' ]\nextra='a=b'\n",
            "name='g'\nkernel='/k'\nvif = [ 'mac=00-16-3E-01-02-04,bridge=xenbr0,rate=10Mb/s@20ms' ]\n",
            "name='g'\nkernel='/k'\nvif=['bridge=a']\nvif+=['bridge=b']\n",
            "name='g';kernel='/k';vif=['bridge=br0'];memory=64\n",
            "name='g'\nkernel='/k'\nvif = [ \"script=vif-route,ip=10.0.0.2 10.0.0.3,gatewaydev=eth0\" ]\n",
            "name='g'\nkernel='/k'\nvif = [ 'vifname=web0,mtu=9000,trusted' , 'untrusted' ]\n",
            "name='g'\nkernel='/k'\nvif = [ 'devid=3', 'devid=1', '' ]\n",
            "name='g'\nkernel='/k'\nvif = [ 'backend=netdom,bridge=br0' ]\ndisk = [ 'phy:/dev/vg/g,xvda,w' ]\n",
            "name='g'\nkernel='/k'\nvif = []   # none yet\n",
            "\tname\t=\t'g'\n\tkernel = '/k'\n\tvif\t=\t[\t'bridge=br0'\t,\t]\n# the end\n",
            "name='g'\nkernel='/k'\nvif = [ 'bridge=ovs0.20:30:40,script=vif-openvswitch' ]\n",
            "# gr\u00fc\u00dfe\nname='g'\nkernel='/k'\nvif = [ 'bridge=br0' ] # \u00fcber\n",
            "name='g'\ntype='pv'\nkernel='/k'\nvif = [ '','','','','','','','' ]\n",
        ];
        for (var i = 0; i < files.Length; i++)
            data.Add(string.Create(CultureInfo.InvariantCulture, $"{i + 1:00}"), files[i]);
        return data;
    }

    [Theory]
    [MemberData(nameof(Guests))]
    public async Task Rendered_GuestFile_IsReadByXlAsTheDatabaseHasIt(string number, string text)
    {
        _ = number;
        using var xl = new RealXl();
        var host = await service.NewHostAsync();
        var guest = $"/v1/hosts/{host}/guests/g";
        Assert.Equal(201, (await Client.PutTextAsync($"{guest}/config", text)).Status);
        await AgreeAsync();

        Assert.Equal(201, (await Client.PostAsync($"{guest}/vifs", new { bridge = "xenbr0", rate = new { bitsPerSecond = 8_000_000, intervalMicroseconds = 100_000 }, vifname = "lab0" })).Status);
        Assert.Equal(201, (await Client.PostAsync($"{guest}/vifs", new { script = "vif-nat", ip = "192.168.7.2", mtu = 1400, trusted = false, devid = 17 })).Status);
        await AgreeAsync();

        var first = (int)(await Client.GetJsonAsync($"{guest}/vifs"))["items"][0]!["devid"]!;
        Assert.Equal(200, (await Client.SendJsonAsync(HttpMethod.Patch, $"{guest}/vifs/{first}", JsonNode.Parse("""{"bridge":"br-new","mtu":null}"""))).Status);
        await AgreeAsync();

        Assert.Equal(204, (await Client.DeleteAnswerAsync($"{guest}/vifs/{first}")).Status);
        await AgreeAsync();

        async Task AgreeAsync()
        {
            var file = (await Client.GetJsonAsync($"{guest}/config")).Text;
            var read = xl.Create(XlText.Encode(file));
            Assert.True(read.Accepted, $"{read.Message}\n{file}");
            var vifs = (await Client.GetJsonAsync(guest))["vifs"].AsArray();
            Assert.Equal(vifs.Select(v => Expected(v!)), read.Nics!);
        }
    }

    /// <summary>A vif of the API under the names that libxl has for its settings.</summary>
    private static SortedDictionary<string, string> Expected(JsonNode vif)
    {
        var nic = new SortedDictionary<string, string>(StringComparer.Ordinal);
        Add("devid", vif["devid"]);
        Add("mac", vif["mac"]);
        Add("bridge", vif["bridge"]);
        Add("gatewaydev", vif["gatewaydev"]);
        Add("model", vif["model"]);
        Add("ifname", vif["vifname"]);
        Add("script", vif["script"]);
        Add("ip", vif["ip"]);
        Add("backend_domname", vif["backend"]);
        Add("mtu", vif["mtu"]);
        if ((string?)vif["type"] is { } type)
            nic["nictype"] = type == "ioemu" ? "vif_ioemu" : "vif";
        if ((bool?)vif["trusted"] is { } trusted)
            nic["trusted"] = trusted ? "True" : "False";
        if (vif["rate"] is { } rate)
        {
            var value = new Rate((long)rate["bitsPerSecond"]!, (long)rate["intervalMicroseconds"]!);
            nic["rate_bytes_per_interval"] = value.BytesPerInterval.ToString(CultureInfo.InvariantCulture);
            nic["rate_interval_usecs"] = value.IntervalMicroseconds.ToString(CultureInfo.InvariantCulture);
        }

        return nic;

        void Add(string name, JsonNode? value)
        {
            if (value is not null)
                nic[name] = value.ToString();
        }
    }
}

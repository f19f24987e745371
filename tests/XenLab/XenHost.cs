using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Xlnet.Domain.Hosts;
using Xlnet.Infrastructure.Hosts;
using Xlnet.Infrastructure.Hosts.Ssh;
using Xunit;

namespace Xlnet.XenLab;

/// <summary>
/// A real Xen with a real Dom0, in QEMU, booted once for a group of tests, and reached over SSH alone. QEMU ends with this process, however
/// that ends (see <c>image/boot</c>), and what it wrote is gone with it.
/// </summary>
public sealed class XenHost : IAsyncLifetime
{
    public const string First = "the first host";
    public const string Second = "the second host";

    /// <summary>Mostly it takes 35 s; software emulation beside a build was seen to take 200.</summary>
    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan CommandLimit = TimeSpan.FromMinutes(2);

    /// <summary>
    /// Takes away what a test may leave: guests, bridges, files, scripts, timers. And puts the lab's own bridge and xl.conf back.
    /// </summary>
    private const string ResetScript = """
        set -e
        [ -e /run/xl.conf ] || cp /etc/xen/xl.conf /run/xl.conf
        cmp -s /run/xl.conf /etc/xen/xl.conf || cp /run/xl.conf /etc/xen/xl.conf
        for id in $(xenstore-list /local/domain); do [ "$id" = 0 ] || xl destroy "$id" 2>/dev/null || true; done
        for unit in $(systemctl list-units --plain --no-legend 'xlnet-*' | cut -d ' ' -f 1); do systemctl stop "$unit" || true; done
        [ -e /run/interfaces ] || cp /etc/network/interfaces /run/interfaces
        if ! cmp -s /run/interfaces /etc/network/interfaces; then
            cp /run/interfaces /etc/network/interfaces
            systemd-run --quiet --wait --property=KillMode=process sh -c 'ovs-vsctl --if-exists del-br xenbr0; ip link delete xenbr0; ifdown --force eth0; ip addr flush dev eth0; ifup --force xenbr0' || true
            systemctl disable --now xlnet-nat xlnet-dnsmasq xlnet-locking || true
            rm -rf /etc/xlnet /etc/sysctl.d/60-xlnet.conf /etc/systemd/system/xlnet-*
            sysctl -q -w net.ipv4.ip_forward=0
        fi
        for bridge in $(ovs-vsctl list-br); do ovs-vsctl --timeout=30 del-br "$bridge"; done
        for bridge in $(ip -o link show type bridge | cut -d ' ' -f 2 | tr -d :); do [ "$bridge" = xenbr0 ] || ip link delete "$bridge"; done
        ip netns delete labpeer 2>/dev/null || true
        tc qdisc delete dev eth0 clsact 2>/dev/null || true
        nft delete table netdev labseen 2>/dev/null || true
        for link in $(ip -o link show type veth | sed -n 's/^[0-9]*: \([^@:]*\).*/\1/p'); do ip link delete "$link" 2>/dev/null || true; done
        ip -o link show dev eth0 | grep -q 'master xenbr0' || ip link set eth0 master xenbr0
        rm -rf /root/lab /etc/xen/*.cfg /etc/xen/scripts/vif-lab*
        """;

    /// <summary>
    /// Has a guest run a command: its init takes lines from its console. In bash: dash's read has no timeout. Arguments: the guest, the
    /// command, and a word that nobody prints but this.
    /// </summary>
    private const string GuestScript = """
        tty=$(xenstore-read "/local/domain/$(xl domid "$1")/console/tty") || exit 255
        exec 3<>"$tty"
        echo "echo; echo $3 begin; $2; echo; echo $3 \$?" >&3
        begun=
        while IFS= read -r -t 60 line <&3; do
            line=${line%$'\r'}
            case $line in
                "$3 begin") begun=1 ;;
                "$3 "*) exit "${line#"$3 "}" ;;
                ?*) [ -z "$begun" ] || echo "$line" ;;
            esac
        done
        echo "The console of $1 says nothing more."
        exit 255
        """;

    private static int _hosts;

    private readonly string _image;
    private readonly string _log = Path.Combine(AppContext.BaseDirectory, $"console-{Interlocked.Increment(ref _hosts)}.log");
    private Process? _boot;
    private SshConnections _connections = null!;
    private SshShell _shell = null!;

    public XenHost(Report report)
    {
        Report = report;
        _image = Environment.GetEnvironmentVariable("XLNET_XENLAB_IMAGE")
            ?? throw new InvalidOperationException("XLNET_XENLAB_IMAGE names no Dom0 image: run these tests with ./test --xen, which builds one.");
    }

    public Report Report { get; }

    public int Port { get; private set; }

    /// <summary>The fingerprint of Dom0's host key.</summary>
    public string HostKey { get; private set; } = "";

    public string KeyFile => Path.Combine(_image, "id_ed25519");

    public IHostShell Shell => _shell;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    public IHostShell NewShell(TimeProvider time) => new SshShell(_connections, 1, Target, time);

    private SshTarget Target => new("127.0.0.1", Port, "root", "id_ed25519", HostKey);

    public async ValueTask InitializeAsync()
    {
        HostKey = Fingerprint(await File.ReadAllTextAsync(Path.Combine(_image, "host_key.pub")));
        _connections = new SshConnections(new KeyStore(_image), TimeProvider.System);
        // Whoever writes these tests boots once, by hand: image/boot IMAGE PORT LOG; and runs those of one group.
        if (int.TryParse(Environment.GetEnvironmentVariable("XLNET_XENLAB_PORT"), CultureInfo.InvariantCulture, out var port))
        {
            Connect(port);
            Report.Fact("Boot", "by hand");
            return;
        }

        for (var attempt = 1; ; attempt++)
        {
            var started = Stopwatch.GetTimestamp();
            if (await BootAsync())
            {
                Report.Fact("Image", (await File.ReadAllTextAsync(Path.Combine(_image, "id"))).Trim());
                Report.Fact("Boot", string.Create(CultureInfo.InvariantCulture, $"ssh answered after {Stopwatch.GetElapsedTime(started).TotalSeconds:0} s, at the {(attempt == 1 ? "first" : "second")} attempt"));
                Report.Fact("Host", (await RunAsync("uname", "-sr")).Trim() + ", Xen " + (await ScriptAsync("xl info | sed -n 's/^xen_version *: //p'")).Trim());
                return;
            }

            await EndAsync();
            if (attempt == 2)
                throw new InvalidOperationException($"Dom0 did not answer within {BootLimit}, twice. Its console ended with:\n" + string.Join('\n', File.ReadLines(_log).TakeLast(30)));
        }
    }

    public async ValueTask DisposeAsync()
    {
        _connections?.Dispose();
        await EndAsync();
    }

    /// <summary>Makes the host what it was after its boot. Each test begins with it, so none depends on how another one ended.</summary>
    public Task ResetAsync() => ScriptAsync(ResetScript);

    /// <summary>Runs a command that has to succeed; its output.</summary>
    public async Task<string> RunAsync(params string[] argv)
    {
        var result = await _shell.RunAsync(argv, CommandLimit, Ct);
        Assert.True(result.Succeeded, $"{string.Join(' ', argv)}: {result.ExitStatus}\n{result.Stdout}{result.Stderr}");
        return result.Stdout;
    }

    public Task<string> ScriptAsync(string script) => RunAsync("sh", "-c", script);

    /// <summary>Waits until a script exits with 0; what it printed then.</summary>
    public async Task<string> UntilAsync(string script)
    {
        var end = Stopwatch.StartNew();
        while (true)
        {
            string said;
            try
            {
                var result = await _shell.RunAsync(["sh", "-c", script], CommandLimit, Ct);
                if (result.Succeeded)
                    return result.Stdout;
                said = result.Stdout + result.Stderr;
            }
            catch (HostShellException e)
            {
                said = e.Message; // A test may have cut the connection.
            }

            if (end.Elapsed > CommandLimit)
                Assert.Fail($"Within {CommandLimit} this did not come true: {script}\n{said}");
            await Task.Delay(TimeSpan.FromMilliseconds(500), Ct);
        }
    }

    /// <summary>Waits until every vif of every guest is in state 4, Connected: the guest's driver has taken it.</summary>
    public Task GuestsConnectedAsync() => UntilAsync(
        """for id in $(xenstore-list /local/domain); do [ "$id" = 0 ] || xl network-list "$id" || exit 1; done | awk '$1 ~ /^[0-9]+$/ && $5 != 4 { bad = 1 } END { exit bad }'""");

    /// <summary>
    /// Waits until a guest answers a ping. A ttl of 64 says that it was the guest: QEMU's network would answer with 255.
    /// </summary>
    public Task<string> PingedAsync(string address) => UntilAsync($"ping -n -c 1 -W 5 {address} | grep -F ttl=64");

    /// <summary>Runs a command in a guest, by its console: so its network has no part in it.</summary>
    public async Task<(int Status, string Output)> InGuestAsync(string guest, string command)
    {
        var result = await _shell.RunAsync(["bash", "-c", GuestScript, "guest", guest, command, "lab-" + Guid.NewGuid().ToString("N")], CommandLimit, Ct);
        Assert.True(result.ExitStatus != 255, $"{guest}: {command}\n{result.Stdout}{result.Stderr}");
        return (result.ExitStatus, result.Stdout);
    }

    /// <summary>Waits until a guest has its ping of an address answered; what ping said then.</summary>
    /// <param name="ttl">Of the reply: 64 from a neighbour, one less for each router between.</param>
    public async Task<string> PingsAsync(string guest, string address, int ttl = 64)
    {
        var end = Stopwatch.StartNew();
        while (true)
        {
            var (_, output) = await InGuestAsync(guest, $"ping -c 1 -W 5 {address}");
            if (output.Split('\n').FirstOrDefault(l => l.Contains($"ttl={ttl} ", StringComparison.Ordinal)) is { } reply)
                return reply;
            Assert.True(end.Elapsed < CommandLimit, $"{guest} does not reach {address} with a ttl of {ttl}: {output}");
        }
    }

    /// <summary>Whether an address stays silent to three pings of a guest. What else it reaches must have been seen before.</summary>
    public async Task<string> PingsInVainAsync(string guest, string address)
    {
        var (_, output) = await InGuestAsync(guest, $"ping -c 3 -W 3 {address}");
        return Assert.Single(output.Split('\n'), l => l.Contains(" 0 packets received", StringComparison.Ordinal));
    }

    private void Connect(int port)
    {
        Port = port;
        _shell = new SshShell(_connections, 1, Target, TimeProvider.System);
    }

    private async Task<bool> BootAsync()
    {
        Connect(FreePort());
        _boot = Process.Start(new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "image/boot"), [_image, Port.ToString(CultureInfo.InvariantCulture), _log])
        {
            RedirectStandardInput = true, // Its end is QEMU's.
        })!;
        var started = Stopwatch.StartNew();
        while (started.Elapsed < BootLimit && !_boot.HasExited)
        {
            try
            {
                await RunAsync("systemctl", "is-active", "xenstored", "openvswitch-switch", "ssh");
                return true;
            }
            catch (HostShellException)
            {
                await Task.Delay(TimeSpan.FromSeconds(2), Ct);
            }
        }

        return false;
    }

    private async Task EndAsync()
    {
        if (_boot is null)
            return;
        _boot.StandardInput.Close();
        await _boot.WaitForExitAsync(CancellationToken.None);
        _boot.Dispose();
        _boot = null;
    }

    /// <summary>As <c>ssh-keygen -l</c> shows it.</summary>
    private static string Fingerprint(string publicKey) =>
        "SHA256:" + Convert.ToBase64String(SHA256.HashData(Convert.FromBase64String(publicKey.Split(' ')[1]))).TrimEnd('=');

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}

/// <summary>
/// There are two hosts, and what is tried on each takes about as long: QEMU's emulation of a processor keeps one of the machine's busy, and
/// there are two.
/// </summary>
[CollectionDefinition(XenHost.First)]
public sealed class FirstHostGroup : ICollectionFixture<XenHost>;

[CollectionDefinition(XenHost.Second)]
public sealed class SecondHostGroup : ICollectionFixture<XenHost>;

using System.Diagnostics;
using System.Globalization;
using System.Text;
using Xlnet.Domain.Networking;
using Xunit;

namespace Xlnet.Hosts.Tests.Networking;

/// <summary>
/// A Dom0 with the real ifupdown, bridge-utils, nftables, dnsmasq and Open vSwitch, in namespaces of its own: network, mounts and
/// processes. Its files are copies, nothing leaves the machine, and with its first process all of it goes. <c>eth0</c> is a cable to
/// <c>world</c> (192.0.2.1/24), <c>vif1.0</c> one to <c>guest</c>; both are further network namespaces.
/// </summary>
internal sealed class NetworkLab : IAsyncDisposable
{
    private const string Mac = "00:16:3e:80:00:01";

    private readonly string _folder = Directory.CreateTempSubdirectory("xlnet-netlab-").FullName;
    private readonly Process _keeper;
    private readonly List<string> _kept = [];
    private int _inside;
    private int _scripts;

    private NetworkLab()
    {
        File.WriteAllText(_folder + "/setup", Setup);
        File.WriteAllText(_folder + "/systemctl", Systemctl);
        File.WriteAllText(_folder + "/openvswitch", OpenVSwitch);
        File.WriteAllText(_folder + "/networkd", Networkd);
        _keeper = Process.Start(new ProcessStartInfo(
            "unshare", [.. IsRoot ? [] : (string[])["--user", "--map-root-user"], "--net", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", _folder + "/setup", _folder])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        _keeper.ErrorDataReceived += (_, line) => Keep(line.Data);
        _keeper.BeginErrorReadLine();
    }

    private static bool IsRoot => Environment.IsPrivilegedProcess;

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    /// <summary>A folder that Dom0 and the test both see.</summary>
    public string Folder => _folder;

    public static string GuestMac => Mac;

    /// <summary>A Dom0 that ifupdown keeps.</summary>
    /// <param name="dhcp">Whether the world gives addresses, 192.0.2.100 to 192.0.2.199.</param>
    public static Task<NetworkLab> StartAsync(string interfaces, bool openVSwitch = false, bool dhcp = false) => StartAsync(openVSwitch, async lab =>
    {
        if (dhcp)
            await lab.DoAsync("ip netns exec world dnsmasq --no-daemon --conf-file=/dev/null --port=0 --interface=eth0 --bind-interfaces --dhcp-range=192.0.2.100,192.0.2.199,1h --leasefile-ro --pid-file= >/run/world-dhcp.log 2>&1 </dev/null &");
        await lab.WriteAsync(NetworkFiles.Interfaces, Encoding.Latin1.GetBytes(interfaces));
        await lab.DoAsync("ifup -a");
    });

    /// <summary>A Dom0 that systemd-networkd keeps, with its own D-Bus.</summary>
    /// <param name="files">Of /etc/systemd/network, by name.</param>
    public static Task<NetworkLab> StartNetworkdAsync(IReadOnlyDictionary<string, string> files, bool openVSwitch = false) => StartAsync(openVSwitch, async lab =>
    {
        foreach (var (name, text) in files)
            await lab.WriteAsync("/etc/systemd/network/" + name, Encoding.Latin1.GetBytes(text));
        await lab.DoAsync($"sh {lab._folder}/networkd");
    });

    private static async Task<NetworkLab> StartAsync(bool openVSwitch, Func<NetworkLab, Task> begin)
    {
        var lab = new NetworkLab();
        try
        {
            var ready = await lab._keeper.StandardOutput.ReadLineAsync(Ct);
            Assert.True(ready == "ready", $"No namespaces could be made, which needs root, or user namespaces: {lab.Kept}");
            lab._inside = int.Parse((await File.ReadAllTextAsync($"/proc/{lab._keeper.Id}/task/{lab._keeper.Id}/children", Ct)).Trim(), CultureInfo.InvariantCulture);
            if (openVSwitch)
                await lab.DoAsync($"sh {lab._folder}/openvswitch >{lab._folder}/openvswitch.log 2>&1 || {{ cat {lab._folder}/openvswitch.log; exit 1; }}");
            await begin(lab);
            return lab;
        }
        catch
        {
            await lab.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a line of shell on Dom0; with a status other than 0 the test fails.</summary>
    public async Task<string> DoAsync(string line)
    {
        var (status, output) = await RunAsync(line);
        Assert.True(status == 0, $"status {status}: {line}\n{output}");
        return output;
    }

    public async Task<(int Status, string Output)> RunAsync(string line)
    {
        using var process = Process.Start(new ProcessStartInfo(
            "nsenter",
            [
                "--target", _inside.ToString(CultureInfo.InvariantCulture), .. IsRoot ? [] : (string[])["--user", "--preserve-credentials"], "--net", "--mount", "--pid", "--",
                "/usr/bin/timeout", "60", "/bin/sh", "-c", line,
            ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
        })!;
        var (output, error) = (process.StandardOutput.ReadToEndAsync(Ct), process.StandardError.ReadToEndAsync(Ct));
        await process.WaitForExitAsync(Ct);
        return (process.ExitCode, await output + await error);
    }

    /// <summary>The same in the network of the world or of the guest.</summary>
    public Task<string> DoInAsync(string name, string line) => DoAsync($"ip netns exec {name} {line}");

    public async Task<bool> PingsAsync(string name, string address)
    {
        // Ports and neighbours take a moment to come up.
        for (var tries = 0; tries < 10; tries++)
        {
            if ((await RunAsync($"ip netns exec {name} busybox ping -c 1 -W 1 {address}")).Status == 0)
                return true;
        }

        return false;
    }

    public async Task<byte[]?> ReadAsync(string path) =>
        (await RunAsync($"cp {path} {_folder}/read")).Status == 0 ? await File.ReadAllBytesAsync(_folder + "/read", Ct) : null;

    public async Task<IReadOnlyDictionary<string, byte[]?>> ReadAllAsync(IEnumerable<string> paths)
    {
        var files = new Dictionary<string, byte[]?>();
        foreach (var path in paths)
            files[path] = await ReadAsync(path);
        return files;
    }

    public async Task WriteAsync(string path, byte[] content)
    {
        await File.WriteAllBytesAsync(_folder + "/write", content, Ct);
        await DoAsync($"cp {_folder}/write {path}");
    }

    /// <summary>Ships a script and runs it on Dom0 as a dead-man timer would.</summary>
    /// <returns>Its log.</returns>
    public async Task<string> SwitchAsync(NetworkState from, NetworkState to, int times = 1)
    {
        var number = ++_scripts;
        var (script, folder) = await ShipAsync(from, to, number);
        for (var time = 0; time < times; time++)
        {
            File.Delete($"{folder}/{SwitchScript.Ended}{number}");
            await RunAsync($"/bin/sh {folder}/switch.sh");
            Assert.True(File.Exists($"{folder}/{SwitchScript.Ended}{number}"), await LogAsync());
        }

        Assert.False(File.Exists($"{folder}/{SwitchScript.Failed}{number}"), script.Commands + await LogAsync());
        return await LogAsync();

        async Task<string> LogAsync() => await File.ReadAllTextAsync(folder + "/log", Ct);
    }

    /// <summary>Does the first lines of a script and no more, as a host does that is switched off in the midst of it.</summary>
    /// <param name="count">Of its own lines, the markers left out.</param>
    /// <returns>False when it has no more lines than these.</returns>
    public async Task<bool> BeginSwitchAsync(NetworkState from, NetworkState to, int count)
    {
        var number = ++_scripts;
        var (script, folder) = await ShipAsync(from, to, number);
        // What stands in an if is one line.
        var lines = script.Commands.Replace("\n    ", "; ", StringComparison.Ordinal).Replace("then; ", "then ", StringComparison.Ordinal).Replace("\nfi", "; fi", StringComparison.Ordinal).Split('\n');
        await File.WriteAllTextAsync(folder + "/switch.sh", script.Text[..^script.Commands.Length] + string.Join('\n', lines.Take(count + 1)) + "\n", Ct);
        await RunAsync($"/bin/sh {folder}/switch.sh");
        return !lines[count + 1].StartsWith("[ -z", StringComparison.Ordinal);
    }

    private async Task<(SwitchScript Script, string Folder)> ShipAsync(NetworkState from, NetworkState to, int number)
    {
        var script = SwitchScript.Of(from, to, Guid.Empty, number);
        var folder = Directory.CreateDirectory($"{_folder}/switch-{number}").FullName;
        foreach (var (name, content) in script.Files)
            await File.WriteAllBytesAsync($"{folder}/{name}", content, Ct);
        await File.WriteAllTextAsync(folder + "/switch.sh", script.Text, Ct);
        return (script, folder);
    }

    public async ValueTask DisposeAsync()
    {
        // The first process of a namespace takes all others along.
        if (!_keeper.HasExited)
            _keeper.Kill(entireProcessTree: true);
        await _keeper.WaitForExitAsync(CancellationToken.None);
        _keeper.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private string Kept
    {
        get
        {
            lock (_kept)
                return string.Join('\n', _kept);
        }
    }

    private void Keep(string? line)
    {
        lock (_kept)
            _kept.Add(line ?? "");
    }

    private const string Setup = $"""
        set -e
        folder=$1
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
        mount --make-rprivate /
        cp -a /etc "$folder/etc" 2>/dev/null || true
        mount --bind "$folder/etc" /etc
        for place in /run /var/lib /var/log /usr/local/sbin; do mount -t tmpfs tmpfs $place; done
        mount -t proc proc /proc
        mount -t sysfs sysfs /sys
        mkdir -p /etc/systemd/network /run/network /run/openvswitch /var/lib/openvswitch /var/log/openvswitch /etc/sysctl.d
        rm -rf /etc/openvswitch /etc/network/interfaces.d/* /etc/xlnet /etc/sysctl.d/60-xlnet.conf /etc/systemd/network/*
        mkdir /etc/openvswitch
        install -m 755 "$folder/systemctl" /usr/local/sbin/systemctl
        mkdir -p /etc/udhcpc /var/lib/dhcp
        ln -s "$(command -v busybox)" /usr/local/sbin/udhcpc
        cat >/etc/udhcpc/default.script <<'END'
        #!/bin/sh
        case $1 in
            deconfig) ip addr flush dev "$interface" scope global; ip link set dev "$interface" up ;;
            bound | renew) ip addr replace "$ip/$mask" dev "$interface"; ip route replace default via "$router" dev "$interface" ;;
        esac
        END
        chmod 755 /etc/udhcpc/default.script
        ip link set dev lo up
        for name in world guest; do ip netns add $name; ip netns exec $name ip link set dev lo up; done
        ip link add name eth0 type veth peer name eth0 netns world
        ip link add name vif1.0 type veth peer name eth0 netns guest
        ip netns exec world ip addr add 192.0.2.1/24 dev eth0
        ip netns exec world ip link set dev eth0 up
        ip netns exec guest ip link set dev eth0 address {Mac} up
        echo ready
        # The first process has to reap those that lost their parents, which a shell does that waits for its own.
        for second in $(seq 600); do sleep 1; done
        """;

    /// <summary>networkd waits for udev, which no namespace has, unless /sys cannot be written: then it takes itself to be in a container.</summary>
    private const string Networkd = """
        set -e
        mount -o remount,ro /sys
        grep -q 4294967295 /proc/self/uid_map || sed -i 's/^\(systemd-network:x\):[0-9]*:[0-9]*/\1:0:0/' /etc/passwd
        mkdir -p /run/dbus /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
        chown -R systemd-network:"$(id -g systemd-network)" /run/systemd/netif
        cat >/run/dbus/conf <<'END'
        <busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
        <policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>
        END
        dbus-daemon --config-file=/run/dbus/conf --fork --nopidfile
        SYSTEMD_LOG_LEVEL=info SYSTEMD_LOG_TARGET=console /lib/systemd/systemd-networkd </dev/null >/run/networkd.log 2>&1 &
        # Its name on the bus comes when it has looked at all interfaces.
        for try in $(seq 100); do networkctl reload 2>/dev/null && exit; sleep 0.1; done
        cat /run/networkd.log
        exit 1
        """;

    /// <summary>
    /// The real Open vSwitch with its switching in user space, which needs no kernel module: each bridge has to be told so as it is made.
    /// </summary>
    private const string OpenVSwitch = """
        set -e
        ovsdb-tool create /etc/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema
        ovsdb-server --remote=punix:/run/openvswitch/db.sock --pidfile --detach --no-chdir --log-file /etc/openvswitch/conf.db
        /usr/bin/ovs-vsctl --no-wait init
        ovs-vswitchd --pidfile --detach --no-chdir --log-file
        cat >/usr/local/sbin/ovs-vsctl <<'END'
        #!/bin/sh
        bridge= last=
        for word; do [ "$last" != add-br ] || bridge=$word; last=$word; done
        exec /usr/bin/ovs-vsctl "$@" ${bridge:+-- set bridge "$bridge" datapath_type=netdev}
        END
        chmod 755 /usr/local/sbin/ovs-vsctl
        """;

    /// <summary>A small systemctl: it starts and stops for real what stands in a unit file.</summary>
    private const string Systemctl = """
        #!/bin/sh
        echo "$*" >>/run/systemctl.log
        now=
        [ "$1" = --quiet ] && shift
        verb=$1; shift
        [ "${1:-}" = --now ] && { now=1; shift; }
        unit=/etc/systemd/system/${1:-}
        line() { sed -n "s/^$1=//p" "$unit"; }
        start() {
            if grep -q '^Type=oneshot' "$unit"; then [ -e "/run/$1.active" ] || sh -c "$(line ExecStart)" || return 1
            elif ! { [ -s "/run/$1.pid" ] && kill -0 "$(cat "/run/$1.pid")" 2>/dev/null; }; then
                sh -c "$(line ExecStartPre)" || return 1
                # A user namespace knows root alone.
                stay=; grep -q 4294967295 /proc/self/uid_map || stay=' --no-daemon'
                sh -c "exec $(line ExecStart)$stay" </dev/null >>"/run/$1.log" 2>&1 &
                echo $! >"/run/$1.pid"
            fi
            : >"/run/$1.active"
        }
        stop() {
            [ -e "/run/$1.active" ] || return 0
            rm "/run/$1.active"
            if grep -q '^Type=oneshot' "$unit"; then sh -c "$(line ExecStop)"; return; fi
            kill "$(cat "/run/$1.pid")" 2>/dev/null
            while kill -0 "$(cat "/run/$1.pid")" 2>/dev/null; do sleep 0.05; done
            rm "/run/$1.pid"
        }
        case $verb in
            is-active | daemon-reload) ;;
            enable) [ -e "$unit" ] && : >"/run/$1.enabled" && if [ -n "$now" ]; then start "$1"; fi ;;
            disable) rm -f "/run/$1.enabled"; if [ -n "$now" ]; then stop "$1"; fi ;;
            start) start "$1" ;;
            stop) stop "$1" ;;
            restart) stop "$1"; start "$1" ;;
            reload-or-restart)
                if [ -s "/run/$1.pid" ]; then kill -HUP "$(cat "/run/$1.pid")"
                elif [ -e "/run/$1.active" ]; then sh -c "$(line ExecReload)"
                else start "$1"; fi ;;
            *) echo "systemctl $verb?" >&2; exit 1 ;;
        esac
        """;
}

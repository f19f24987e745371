using System.Text;
using FsCheck;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Xl;
using Xlnet.Infrastructure.Hosts;
using Xunit;

namespace Xlnet.Hosts.Tests.Planning;

/// <summary>Random hosts, with guests that run as their files say and others that do not, and odd files beside them. A failure names its seed.</summary>
public sealed class AdoptionPropertyTests
{
    private static readonly DesiredState Nothing = new() { Revision = 1 };

    /// <summary>Files that a host may have among its guests', by the code that one of them is skipped with; null where it is taken.</summary>
    private static readonly (string Path, string Text, string? Code)[] Odd =
    [
        ("/etc/xen/plain.cfg", "name='plain'\nkernel='/guest/vmlinuz'\nvif=['']\n", null),
        ("/etc/xen/foo.cfg", "# foo is bar\nname = \"bar\"; kernel = '/guest/vmlinuz'\n\nvif = [ 'bridge=xenbr0, rate=1MB/s@20ms',\n   'mac=00:16:3E:AA:BB:01', # upper case\n]\n", null),
        ("/etc/xen/no-vif.cfg", "name='no-vif'\nkernel='/guest/vmlinuz'", null),
        ("/etc/xen/append.cfg", "name='append'\nkernel='/guest/vmlinuz'\nvif=['']\nvif+=['bridge=br1,devid=7']\n", null),
        ("/etc/xen/crlf.cfg", "name='crlf'\r\nkernel='/guest/vmlinuz'\r\nvif=['']\r\n", "xl.refuses"),
        ("/etc/xen/comment.cfg", "name='comment'\nkernel='/guest/vmlinuz'\n# no line end", "xl.refuses"),
        ("/etc/xen/nameless.cfg", "kernel='/guest/vmlinuz'\nvif=['']\n", "xl.refuses"),
        ("/etc/xen/1.cfg", "name='1'\nkernel='/guest/vmlinuz'\n", "guest.name"),
        ("/etc/xen/typo.cfg", "name='typo'\nkernel='/guest/vmlinuz'\nvif=['brigde=xenbr0']\n", "findings"),
        ("/etc/xen/badmac.cfg", "name='badmac'\nkernel='/guest/vmlinuz'\nvif=['mac=00:16:3e:zz:00:01']\n", "findings"),
        ("/etc/xen/twice.cfg", "name='plain'\nkernel='/guest/vmlinuz'\n", "guest.name-in-use"),
        ("/etc/xen/devid.cfg", "name='devid'\nkernel='/guest/vmlinuz'\nvif=['devid=1','devid=0']\n", null),
        ("/etc/xen/blank.cfg", "name='blank'\nkernel='/guest/vmlinuz'\nvif=['bridge=xenbr0 ,mtu=1400']\n", "findings"),
        ("/etc/xen/z.cfg", "name='same-mac'\nkernel='/guest/vmlinuz'\nvif=['mac=00:16:3e:aa:bb:01']\n", "mac.in-use"),
        ("/etc/xen/binary.cfg", "\u0000\u0001\u0002", "xl.refuses"),
    ];

    [RandomProperty(MaxTest = 300)]
    public async Task Adopt_AnyHost_LeavesAnApplyNothingToDo(DoNotSize<int> seed)
    {
        var (lab, _) = await Lab.WithAPastAsync(seed.Item);
        var odd = Odd.Where(_ => lab.Chance(50)).ToList();
        foreach (var (path, text, _) in odd)
            await lab.Shell.WriteFileAsync(path, Encoding.Latin1.GetBytes(text), CancellationToken.None);
        if (lab.Chance(30))
            await lab.Shell.WriteFileAsync("/etc/xen/xl.conf", lab.Pick("defaultbridge=\"xenbr0\" # old\nvifscript='vif-bridge'\n", "", "autoballoon=0\nvif.default.bridge='br1'\n") is var conf ? Encoding.UTF8.GetBytes(conf) : [], CancellationToken.None);
        var running = odd.Where(o => o.Code is null && lab.Chance(50)).ToList();
        foreach (var (path, _, _) in running)
            await lab.Shell.RunAsync(["xl", "create", path], TimeSpan.FromMinutes(1), CancellationToken.None);

        var observed = await lab.ObserveAllAsync(Nothing);
        var adoption = Adoption.Of(Nothing, observed, Request());
        var desired = adoption.Into(Nothing);
        var plan = Planner.Plan(desired, observed, new PlanRequest { Allow = Lab.Everything });

        Assert.True(plan.Steps.Count == 0 && plan.Pending.Count == 0, $"an apply would do:\n{Lab.Show(plan)}\nafter:\n{lab.Log}");
        Assert.All(Drift.Of(desired, observed).Entries, e => Assert.Equal(DriftKind.Foreign, e.Kind));
        Assert.All(adoption.Guests, g => Assert.Equal(observed.Files[g.Path], XlText.ToBytes(g.File.ToString())));
        // Nothing is lost without a word: every file is taken, or skipped with a reason.
        Assert.Equal(
            observed.GuestFilePaths.Order(StringComparer.Ordinal),
            adoption.Guests.Select(g => g.Path).Concat(adoption.Skipped.Select(s => s.Path).OfType<string>()).Order(StringComparer.Ordinal));
        foreach (var (path, _, code) in odd.Where(o => o.Code is "xl.refuses" or "findings" or "guest.name"))
            Assert.Equal(code, Assert.Single(adoption.Skipped, s => s.Path == path).Code);

        var again = Adoption.Of(desired, observed, Request());
        Assert.True(again is { XlConf: null, Bridges.Count: 0, Guests.Count: 0 }, $"adopted again:\n{lab.Log}");
        Assert.Equal(adoption.Skipped.Select(s => (s.Target, s.Code)), again.Skipped.Select(s => (s.Target, s.Code)));
    }

    [Fact]
    public async Task Adopt_OddFilesOfAQuietHost_TakesThoseThatItCanKeep()
    {
        var lab = new Lab(1);
        foreach (var (path, text, _) in Odd)
            await lab.Shell.WriteFileAsync(path, Encoding.Latin1.GetBytes(text), CancellationToken.None);
        var adoption = Adoption.Of(Nothing, await lab.ObserveAllAsync(Nothing), Request());
        var codes = adoption.Skipped.ToDictionary(s => s.Path!, s => s.Code);
        Assert.All(Odd, o => Assert.Equal((o.Path, o.Code), (o.Path, codes.GetValueOrDefault(o.Path))));
    }

    private static AdoptionRequest Request() => new() { Accepts = _ => false, WhyTaken = (_, _, _) => null };
}

using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Xlnet.Domain.Common;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Subnets;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Api.Vifs;

/// <param name="Pointer">Where it stands in the body, for errors: itself, or the file that it comes from.</param>
/// <param name="InFile">Whether it comes from a file, whose findings the caller has accepted, or is in the database already.</param>
/// <param name="KeepMac">The address that it should have if <paramref name="Settings"/> name none, as a restore asks.</param>
/// <param name="Trunks">On Open vSwitch, the VLANs that it may send tagged.</param>
/// <param name="AsWritten">Whether an address that the file does not name stays out of it, whatever the host's policy: the file was adopted.</param>
/// <param name="Locking">Null where the request says nothing of it: what it was.</param>
/// <param name="Subnet">The host's subnet that it is to have an address of.</param>
internal sealed record WantedVif(
    int Devid, VifSettings Settings, string Pointer, bool InFile = false, MacAddress? KeepMac = null, bool AsWritten = false,
    IReadOnlyList<int>? Trunks = null, VifLocking? Locking = null, ResourceName? Subnet = null)
{
    public bool VlanInBridge { get; init; }

    public bool ScriptFollows { get; init; }

    /// <summary>Whether no subnet is said to be none, and not what it was.</summary>
    public bool SaysSubnet { get; init; }

    /// <summary>A vif that the body of a request is about.</summary>
    public static WantedVif Of(int devid, VifRequest put, string pointer = "") =>
        new(devid, put.ToDomain(), pointer, Trunks: put.Trunks, Locking: put.Locking ?? VifLocking.Unlocked,
            Subnet: put.Subnet is null ? null : ResourceName.Parse(put.Subnet));

    public string At(string member) => InFile ? Pointer : $"{Pointer}/{member}";
}

/// <summary>Brings a guest's vifs, their addresses and the guest's file to what is wanted, all three together.</summary>
internal sealed class GuestVifs(XlnetDbContext db, MacAllocator macs, SubnetAllocator addresses)
{
    /// <inheritdoc cref="Adoption.MaxVifs"/>
    public const int MaxVifs = Adoption.MaxVifs;

    private static readonly Func<XlnetDbContext, long, GuestName, CancellationToken, Task<Guest?>> FindWithVifsAsync = EF.CompileAsyncQuery(
        (XlnetDbContext db, long host, GuestName name, CancellationToken ct) => db.Guests.Include(g => g.Vifs).SingleOrDefault(g => g.HostId == host && g.Name == name));

    private static readonly Func<XlnetDbContext, ResourceName, CancellationToken, Task<MacPool>> FindPoolAsync = EF.CompileAsyncQuery(
        (XlnetDbContext db, ResourceName name, CancellationToken ct) => db.MacPools.AsNoTracking().Single(p => p.Name == name));

    public async Task<Guest> FindAsync(HostWrite write, GuestName name, CancellationToken ct) =>
        await TryFindAsync(write, name, ct) ?? throw RuleException.NotFound("guest", name.Value);

    public async Task<Guest?> TryFindAsync(HostWrite write, GuestName name, CancellationToken ct)
    {
        var guest = await FindWithVifsAsync(db, write.Host.Id, name, ct);
        guest?.Sort();
        return guest;
    }

    public async Task ReleaseAllAsync(HostWrite write, Guest guest, CancellationToken ct)
    {
        await macs.ReleaseAsync([.. guest.Vifs.Select(v => v.Mac)], ct);
        await addresses.ReleaseAllAsync(write.Host.Id, $"{write.Host.Name}/{guest.Name}/", ct);
    }

    /// <summary>
    /// Every vif keeps its address unless another one is asked for; one that has none gets one. What the guest no longer uses is
    /// released first, so that an address can move from one of its vifs to another.
    /// </summary>
    /// <param name="file">The guest's file; its vif list is brought to what is wanted.</param>
    public async Task SetAsync(HostWrite write, Guest guest, GuestFile file, IReadOnlyList<WantedVif> wanted, CancellationToken ct)
    {
        var surroundings = wanted.All(w => w.InFile) ? null : await HostSurroundings.ReadAsync(db, write.Host, guest.Name.Value, ct);
        if (surroundings is not null)
            wanted = [.. wanted.Select(w => w.InFile ? w : Fit(w, surroundings))];
        wanted = await AddressAsync(write, guest, wanted, ct);
        wanted = [.. wanted.Select(w => Lock(write.Host, guest, w, file.Type))];
        CheckWanted(wanted, file.Type, write.Host.XenVersionToKeepTo);
        await CheckPathAsync(write.Host, guest, ct);
        await CheckVifNamesAsync(write.Host, guest, wanted, ct);
        if (surroundings is not null)
            CheckBridges(wanted, surroundings);

        var present = guest.Vifs.ToDictionary(v => v.Devid);
        var gone = guest.Vifs
            .Where(v => wanted.FirstOrDefault(w => w.Devid == v.Devid) is not { } w || (w.Settings.Mac ?? w.KeepMac) is { } mac && mac != v.Mac)
            .ToList();
        await macs.ReleaseAsync([.. gone.Select(v => v.Mac)], ct);
        // One that changes its address is made anew: so two that swap theirs never hold the same one at once.
        foreach (var vif in gone)
        {
            guest.Remove(vif);
            db.Remove(vif);
            present.Remove(vif.Devid);
        }

        // Claims in one order, so that two requests that want the same addresses cannot wait for each other.
        var given = new Dictionary<int, MacAddress>();
        foreach (var claim in wanted.Where(w => !present.ContainsKey(w.Devid) && (w.Settings.Mac ?? w.KeepMac) is not null).OrderBy(w => w.Settings.Mac ?? w.KeepMac))
        {
            var mac = (claim.Settings.Mac ?? claim.KeepMac)!;
            await ClaimAsync(mac, new VifHolder(write.Host.Name.Value, guest.Name.Value, claim.Devid), claim.At("mac"), ct);
            given[claim.Devid] = mac;
        }

        MacPool? pool = null;
        foreach (var vif in wanted.Where(w => !present.ContainsKey(w.Devid) && !given.ContainsKey(w.Devid)))
        {
            pool ??= await PoolAsync(write.Host, ct);
            given[vif.Devid] = await macs.AllocateAsync(pool, new VifHolder(write.Host.Name.Value, guest.Name.Value, vif.Devid), ct);
        }

        foreach (var (devid, mac) in given)
            present[devid] = new Vif { HostId = write.Host.Id, Devid = devid, Mac = mac };

        List<Vif> ordered = [];
        foreach (var want in wanted)
        {
            var vif = present[want.Devid];
            vif.MacWritten = IsMacWritten(write.Host, want);
            vif.Locking = want.Locking ?? VifLocking.Unlocked;
            vif.Subnet = want.Subnet;
            vif.Set(vif.Locking == VifLocking.Locked ? want.Settings with { VifName = want.Settings.VifName ?? VifLockingRules.NameOf(vif.Mac) } : want.Settings);
            if (want.InFile)
                vif.ScriptFollows |= want.ScriptFollows;
            else
                (vif.VlanInBridge, vif.ScriptFollows) = (want.VlanInBridge, want.ScriptFollows);
            ordered.Add(vif);
        }

        guest.Arrange(ordered);
        guest.Render(file, write.Now);
    }

    /// <summary>Brings what the guest has of the host's subnets to what its vifs name, and gives an address to who asks for one.</summary>
    private async Task<IReadOnlyList<WantedVif>> AddressAsync(HostWrite write, Guest guest, IReadOnlyList<WantedVif> wanted, CancellationToken ct)
    {
        var subnets = await addresses.ReadAsync(write.Host.Id, ct);
        wanted = [.. wanted.Select(w => w with { Subnet = w.Subnet ?? KeptSubnet(guest, w) })];
        if (subnets.Count == 0 && wanted.All(w => w.Subnet is null))
            return wanted;
        var given = await addresses.SettleAsync($"{write.Host.Name}/{guest.Name}/", subnets, [.. wanted.Select(w => WishOf(write.Host, guest, w, subnets))], ct);
        return [.. wanted.Zip(given, (w, a) => a is null ? w : w with { Settings = w.Settings with { Ip = w.Settings.Ip is { } others ? $"{a} {others}" : a.ToString() } })];
    }

    /// <summary>A vif whose addresses a file leaves as they were goes on to have them of the subnet that it asked.</summary>
    private static ResourceName? KeptSubnet(Guest guest, WantedVif want) =>
        want is { InFile: true, SaysSubnet: false } && guest.FindVif(want.Devid) is { Subnet: not null } vif && vif.Ip == want.Settings.Ip ? vif.Subnet : null;

    private static AddressWish WishOf(Host host, Guest guest, WantedVif want, IReadOnlyList<Subnet> subnets)
    {
        var wish = AddressWish.Of(new VifHolder(host.Name.Value, guest.Name.Value, want.Devid), want.Settings, host, subnets, want.At("ip"));
        if (want.Subnet is null)
            return wish;
        var defaults = host.KnownDefaults() ?? VifDefaults.None;
        var there = subnets.Where(s => s.Serves(want.Settings, defaults, host.Networking)).Select(s => s.Name.Value).ToList();
        var others = there.Count == 0 ? "There is none where this vif is" : $"Where this vif is, there are: {string.Join(", ", there)}";
        var subnet = subnets.FirstOrDefault(s => s.Name == want.Subnet)
            ?? throw RuleException.Invalid(want.At("subnet"), "vif.subnet.not-found", $"The host has no subnet '{want.Subnet}'. {others}; POST /v1/hosts/{host.Name}/subnets makes one.");
        if (!want.InFile && !there.Contains(subnet.Name.Value))
            throw RuleException.Invalid(want.At("subnet"), "vif.subnet.elsewhere", $"The subnet {subnet} is on {subnet.Place}, and this vif is not. {others}.");
        if (VifLockingRules.Addresses(want.Settings.Ip).Any(subnet.Cidr.Contains))
            return wish;
        return want.InFile || want.Settings.Ip is null ? wish with { Allocate = subnet }
            : throw RuleException.Invalid(want.At("ip"), "vif.subnet.address", $"No address of '{want.Settings.Ip}' is of the subnet {subnet}: give one of it without a prefix length, or leave 'ip' out and one is allocated.");
    }

    private static bool IsMacWritten(Host host, WantedVif want) =>
        want.Settings.Mac is not null || host.MacPolicy == MacPolicy.Allocate && !want.AsWritten;

    /// <summary>A vif stays locked, or not, unless the request says otherwise; one that is locked has what its rules need.</summary>
    private static WantedVif Lock(Host host, Guest guest, WantedVif want, GuestType type)
    {
        var locking = want.Locking ?? guest.FindVif(want.Devid)?.Locking ?? VifLocking.Unlocked;
        if (locking == VifLocking.Unlocked)
            return want with { Locking = locking, Settings = want.Settings with { Script = VifLockingRules.Unpin(want.Settings.Script) } };
        var defaults = host.KnownDefaults() ?? VifDefaults.None;
        var errors = VifLockingRules.Check(want.Settings, IsMacWritten(host, want), type, defaults)
            .Select(e => new FieldError(want.At(e.Key), e.Code, e.Message)).ToList();
        return errors.Count == 0
            ? want with { Locking = locking, Settings = VifLockingRules.Pin(want.Settings, defaults) }
            : throw new RuleException(RuleKind.Invalid, errors[0].Code, errors[0].Message, errors);
    }

    private async Task ClaimAsync(MacAddress mac, VifHolder holder, string pointer, CancellationToken ct)
    {
        try
        {
            await macs.ClaimAsync(mac, holder, ct);
        }
        catch (RuleException e)
        {
            var exception = new RuleException(e.Kind, e.Code, e.Message, [.. e.Fields.Select(f => f with { Pointer = pointer })]);
            foreach (var (name, value) in e.Extensions)
                exception.With(name, value);
            throw exception;
        }
    }

    private Task<MacPool> PoolAsync(Host host, CancellationToken ct) => host.MacPoolId is { } id
        ? db.MacPools.AsNoTracking().SingleAsync(p => p.Id == id, ct)
        : FindPoolAsync(db, ResourceName.Parse(MacPool.DefaultName), ct);

    private static void CheckWanted(IReadOnlyList<WantedVif> wanted, GuestType type, XenVersion version)
    {
        if (wanted.Count > MaxVifs)
            throw RuleException.Invalid(wanted[0].Pointer, "guest.vifs.too-many", $"There are {wanted.Count} vifs: a guest has at most {MaxVifs}.");
        if (wanted.GroupBy(w => w.Devid).FirstOrDefault(g => g.Count() > 1) is { } twice)
        {
            throw RuleException.Invalid(Newest(twice).At("devid"), "vif.devid.duplicate",
                $"The devid {twice.Key} stands at two vifs: xl takes it, and then only one of them exists. Give each its own.");
        }

        if (wanted.Where(w => w.Settings.Mac is not null).GroupBy(w => w.Settings.Mac).FirstOrDefault(g => g.Count() > 1) is { } same)
        {
            throw RuleException.Invalid(Newest(same).At("mac"), "mac.duplicate",
                $"{same.Key} stands at two vifs of this guest (devid {string.Join(" and ", same.Select(w => w.Devid))}). Give each its own.");
        }

        List<FieldError> errors = [];
        foreach (var want in wanted.Where(w => !w.InFile))
            errors.AddRange(VifFields.Check(want.Settings, type, version).Select(f => f with { Pointer = want.Pointer + f.Pointer }));

        if (errors.Count > 0)
            throw new RuleException(RuleKind.Invalid, errors[0].Code, errors[0].Message, errors);
    }

    /// <summary>A vif that is asked for has a script that fits its bridge; those of a file were looked at with it.</summary>
    private static void CheckBridges(IReadOnlyList<WantedVif> wanted, VifSurroundings surroundings)
    {
        foreach (var want in wanted.Where(w => !w.InFile))
        {
            if (HostRules.Check(want.Settings, surroundings).FirstOrDefault(f => f.Code != FindingKinds.DuplicateVifName.Code) is { } finding)
                throw RuleException.Invalid(want.At(finding.Key!), finding.Code, finding.Message);
            if (HostRules.CheckVlan(want.Settings, surroundings) is { } unread)
                throw RuleException.Invalid(want.At("vlan"), unread.Code, unread.Message);
        }
    }

    private static WantedVif Fit(WantedVif want, VifSurroundings surroundings)
    {
        try
        {
            var fitted = HostRules.Fit(want.Settings, want.Trunks, surroundings);
            return want with { Settings = fitted.Settings, VlanInBridge = fitted.VlanInBridge, ScriptFollows = fitted.ScriptFollows };
        }
        catch (RuleException e) when (want.Pointer.Length > 0)
        {
            throw e.Below(want.Pointer);
        }
    }

    /// <summary>The one that the request is about, among those that clash.</summary>
    private static WantedVif Newest(IEnumerable<WantedVif> clashing) => clashing.LastOrDefault(w => !w.InFile) ?? clashing.Last();

    /// <summary>An adopted guest's file need not be named after it, and may have the name that a new guest's would get.</summary>
    private async Task CheckPathAsync(Host host, Guest guest, CancellationToken ct)
    {
        if (guest.Id != 0 || guest.FilePath is not null)
            return;
        var path = guest.ConfigPath;
        if (await db.Guests.AsNoTracking().Where(g => g.HostId == host.Id && g.FilePath == path).Select(g => g.Name).FirstOrDefaultAsync(ct) is { } holder)
        {
            throw new RuleException(RuleKind.Conflict, "guest.file-in-use",
                $"The file {path} is that of the guest '{holder}', which was adopted with it: give the new guest another name.");
        }
    }

    /// <summary>A second vif with the same name would take the first one's port down when it is plugged.</summary>
    private async Task CheckVifNamesAsync(Host host, Guest guest, IReadOnlyList<WantedVif> wanted, CancellationToken ct)
    {
        var names = wanted.Where(w => w.Settings.VifName is not null).ToLookup(w => w.Settings.VifName!);
        if (names.FirstOrDefault(n => n.Count() > 1) is { } twice)
        {
            throw RuleException.Invalid(Newest(twice).At("vifname"), "vifname.duplicate",
                $"'{twice.Key}' names two vifs of this guest: an interface's name stands once on a host.");
        }

        var unknown = names.Select(n => n.Key).Except(guest.Vifs.Select(v => v.VifName)).ToList();
        if (unknown.Count == 0)
            return;
        var holder = await db.Vifs.AsNoTracking()
            .Where(v => v.HostId == host.Id && v.GuestId != guest.Id && unknown.Contains(v.VifName!))
            .Join(db.Guests, v => v.GuestId, g => g.Id, (v, g) => new { g.Name, v.Devid, v.VifName })
            .OrderBy(h => h.VifName).FirstOrDefaultAsync(ct);
        if (holder is null)
            return;
        var pointer = Newest(names[holder.VifName!]).At("vifname");
        throw new RuleException(RuleKind.Conflict, "vifname.in-use",
                $"'{holder.VifName}' names the vif {host.Name}/{holder.Name}/{holder.Devid} already: an interface's name stands once on a host.",
                new FieldError(pointer, "vifname.in-use", string.Create(CultureInfo.InvariantCulture, $"held by {host.Name}/{holder.Name}/{holder.Devid}")))
            .With("conflictingVif", new VifHolder(host.Name.Value, holder.Name.Value, holder.Devid));
    }
}

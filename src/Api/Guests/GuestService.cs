using System.Globalization;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Xlnet.Api.Common;
using Xlnet.Api.Vifs;
using Xlnet.Domain.Common;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Planning;
using Xlnet.Domain.Xl;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Api.Guests;

internal sealed class GuestService(XlnetDbContext db, RequestInfo request, TimeProvider clock, GuestVifs guestVifs)
{
    public async Task<Guest> GetAsync(ResourceName host, GuestName name, CancellationToken ct)
    {
        var hostId = await HostIds.FindAsync(db, host, ct);
        var guest = await db.Guests.AsNoTracking().Include(g => g.Vifs).SingleOrDefaultAsync(g => g.HostId == hostId && g.Name == name, ct)
            ?? throw RuleException.NotFound("guest", name.Value);
        guest.Sort();
        return guest;
    }

    private static readonly Sorting<Guest> Orders = new Sorting<Guest>(g => (string)(object)g.Name, g => g.Name.Value).Or("createdAt", g => g.CreatedAt).Or("updatedAt", g => g.UpdatedAt);

    /// <param name="type">Only those of this type.</param>
    /// <param name="bridge">Only those with a vif that names this bridge.</param>
    public async Task<Page<GuestResponse>> ListAsync(ResourceName host, PageQuery page, string? type, string? bridge, CancellationToken ct)
    {
        var hostId = await HostIds.FindAsync(db, host, ct);
        var query = db.Guests.AsNoTracking().Where(g => g.HostId == hostId);
        if (QueryFilters.Read<GuestType>("type", type) is { } wanted)
            query = query.Where(g => g.Type == wanted);
        if (bridge is not null)
        {
            var on = VifQueries.On(RouteNames.Bridge(bridge).Value);
            query = query.Where(g => db.Vifs.Where(on).Any(v => v.GuestId == g.Id));
        }

        var guests = await Orders.Page(query, page).Include(g => g.Vifs).AsSplitQuery().ToListAsync(ct);
        guests.ForEach(g => g.Sort());
        return page.ToPage(guests, g => GuestResponse.Of(host, g), g => Orders.CursorOf(g, page));
    }

    /// <summary>Takes a guest file over: its vifs become the guest's, and get what they lack.</summary>
    public async Task<(Guest Guest, bool Created)> PutConfigAsync(
        HttpContext http, ResourceName host, GuestName name, byte[] text, AcceptedFindings accepted, bool validateOnly, CancellationToken ct)
    {
        var file = ReadFile(name, text, accepted, "");
        await CheckForHostAsync(host, file, accepted, ct);
        return await WriteAsync(http, host, name, createOnly: false, validateOnly, _ => file, _ => WantedOf(file, ""), edit: null, ct);
    }

    public async Task<(Guest Guest, bool Created)> PutAsync(
        HttpContext http, ResourceName host, GuestName name, GuestRequest put, AcceptedFindings accepted, bool createOnly, bool validateOnly, CancellationToken ct)
    {
        await using var write = await HostWrite.BeginAsync(db, request, clock, host, ct);
        var (guest, created) = await PutAsync(write, name, put, accepted, version =>
        {
            CheckNew(host, name, version, createOnly);
            ApiDefaults.CheckPreconditions(http, version);
        }, ct);
        await write.CommitAsync(validateOnly, ct);
        return (guest, created);
    }

    /// <summary>The same within a write of its host.</summary>
    /// <param name="check">Given its version; null when there is no such guest.</param>
    public async Task<(Guest Guest, bool Created)> PutAsync(
        HostWrite write, GuestName name, GuestRequest put, AcceptedFindings accepted, Action<uint?> check, CancellationToken ct)
    {
        var given = put.Config is { } config ? ReadFile(name, Encoding.UTF8.GetBytes(config), accepted, "/config") : null;
        if (given is { Vifs.Count: > 0 })
            CheckFor(await HostSurroundings.ReadAsync(db, write.Host, name.Value, ct), given, accepted);
        var guest = await guestVifs.TryFindAsync(write, name, ct);
        var created = guest is null;
        check(guest?.Version);
        var file = given ?? FileFor(guest, name, put, _ => false);
        return (await SetAsync(write, guest, name, file, put.Vifs is { } vifs ? WantedOf(vifs) : WantedOf(file, "/config"), given is null ? accepted : null, ct), created);
    }

    public static void CheckNew(ResourceName host, GuestName name, uint? version, bool createOnly)
    {
        if (createOnly && version is not null)
            throw new RuleException(RuleKind.Conflict, "guest.exists", $"The host '{host}' has a guest '{name}' already.");
    }

    /// <param name="removes">Whether the patch takes a member away.</param>
    public async Task<Guest> PatchAsync(
        HttpContext http, ResourceName host, GuestName name, GuestSettingsRequest patch, Func<string, bool> removes, bool validateOnly, CancellationToken ct)
    {
        var (guest, _) = await WriteAsync(http, host, name, createOnly: false, validateOnly,
            guest => FileFor(guest ?? throw RuleException.NotFound("guest", name.Value), name, patch, removes),
            file => patch.Vifs is { } vifs ? WantedOf(vifs) : removes("vifs") ? [] : WantedOf(file, ""),
            AcceptedFindings.Parse(null), ct);
        return guest;
    }

    /// <summary>
    /// The other guest's file under another name. What stands once on a host, the vifs' names and the guest's uuid, is left out, and who has
    /// an address of a subnet gets another one.
    /// </summary>
    public async Task<Guest> CloneAsync(
        HttpContext http, ResourceName host, GuestName name, ResourceName targetHost, GuestName newName, CloneMac mac, bool validateOnly, CancellationToken ct)
    {
        var source = await GetAsync(host, name, ct);
        var file = source.Parse().With("name", newName.Value).With("uuid", null);
        var (clone, _) = await WriteAsync(http, targetHost, newName, createOnly: true, validateOnly, _ => file,
            _ => [.. source.Vifs.Select(v => new WantedVif(
                v.Devid,
                v.WrittenSettings with { VifName = null, Mac = mac == CloneMac.Keep ? v.WrittenSettings.Mac : null, Ip = v.Subnet is null ? v.Ip : null },
                "/mac", InFile: true, Locking: v.Locking, Subnet: v.Subnet))],
            edit: null, ct);
        return clone;
    }

    public async Task DeleteAsync(HttpContext http, ResourceName host, GuestName name, bool validateOnly, CancellationToken ct)
    {
        await using var write = await HostWrite.BeginAsync(db, request, clock, host, ct);
        await DeleteAsync(write, name, guest => ApiDefaults.CheckPreconditions(http, guest.Version), ct);
        await write.CommitAsync(validateOnly, ct);
    }

    public async Task DeleteAsync(HostWrite write, GuestName name, Action<Guest> check, CancellationToken ct)
    {
        var guest = await guestVifs.FindAsync(write, name, ct);
        check(guest);
        await RemoveAsync(write, guest, "guest.delete", ct);
    }

    public async Task RemoveAsync(HostWrite write, Guest guest, string action, CancellationToken ct)
    {
        await guestVifs.ReleaseAllAsync(write, guest, ct);
        // Its file was there before xlnet; whoever takes the guest away asks that it goes too.
        if (guest.FilePath is { } path)
            await HostArtifacts.AddAsync(db, write.Host.Id, HostArtifactKind.GuestFile, [path], write.Now, ct);
        db.Remove(guest);
        write.Record(RevisionObjectKind.Guest, guest.Name.Value, action, guest.Name.Value, GuestDocument.Of(guest), null);
    }

    /// <param name="edit">For an edit of the file that is there: what may newly be found in it.</param>
    private async Task<(Guest Guest, bool Created)> WriteAsync(
        HttpContext http, ResourceName host, GuestName name, bool createOnly, bool validateOnly,
        Func<Guest?, GuestFile> fileFor, Func<GuestFile, IReadOnlyList<WantedVif>> wantedFor, AcceptedFindings? edit, CancellationToken ct)
    {
        await using var write = await HostWrite.BeginAsync(db, request, clock, host, ct);
        var guest = await guestVifs.TryFindAsync(write, name, ct);
        var created = guest is null;
        CheckNew(host, name, guest?.Version, createOnly);
        ApiDefaults.CheckPreconditions(http, guest?.Version);
        var file = fileFor(guest);
        guest = await SetAsync(write, guest, name, file, wantedFor(file), edit, ct);
        await write.CommitAsync(validateOnly, ct);
        return (guest, created);
    }

    /// <summary>Makes a guest, or changes it, within a write of its host.</summary>
    /// <param name="edit">For an edit of the file that is there: what may newly be found in it.</param>
    public async Task<Guest> SetAsync(
        HostWrite write, Guest? guest, GuestName name, GuestFile file, IReadOnlyList<WantedVif> wanted, AcceptedFindings? edit, CancellationToken ct)
    {
        var before = guest is null ? null : GuestDocument.Of(guest);
        var found = edit is null || guest is null ? [] : guest.Parse().Findings.Select(f => f.Code).ToHashSet();
        if (guest is null)
            db.Add(guest = new Guest { HostId = write.Host.Id, Name = name, CreatedAt = write.Now });

        await guestVifs.SetAsync(write, guest, file, wanted, ct);
        if (edit is not null && guest.Parse() is var edited)
            edit.Check([.. edited.Findings.Where(f => !found.Contains(f.Code))], "guest file", edited.Reading.Accepted, edited.Reading.Message);
        write.Record(RevisionObjectKind.Guest, name.Value, before is null ? "guest.create" : "guest.update", name.Value, before, GuestDocument.Of(guest));
        return guest;
    }

    /// <summary>What is wrong for its own host only. A vifname that is taken is refused in any case, when the vifs are written.</summary>
    private async Task CheckForHostAsync(ResourceName host, GuestFile file, AcceptedFindings accepted, CancellationToken ct)
    {
        if (file.Vifs.Count > 0)
            CheckFor(await HostSurroundings.ReadAsync(db, host, file.Name, ct), file, accepted);
    }

    public static void CheckFor(VifSurroundings surroundings, GuestFile file, AcceptedFindings accepted) => accepted.Check(
        [.. HostRules.CheckFile(file, surroundings).Where(f => f.Code != FindingKinds.DuplicateVifName.Code)], "guest file", acceptedByXl: true, xlSays: "");

    public static GuestFile ReadFile(GuestName name, byte[] text, AcceptedFindings accepted, string pointer)
    {
        var file = GuestFile.Parse(XlText.FromBytes(text));
        accepted.Check(file.Findings, "guest file", file.Reading.Accepted, file.Reading.Message);
        if (file.Name != name.Value)
        {
            throw RuleException.Invalid(pointer, "guest.name-differs",
                $"The file's name is '{XlText.Decode(file.Name ?? "")}', and the URL says '{name}': a guest's name in the URL is the one in its file.");
        }

        return file;
    }

    private static List<WantedVif> WantedOf(GuestFile file, string pointer) => [.. file.Vifs.Select(v => new WantedVif(v.Devid, v.Settings, pointer, InFile: true))];

    public static List<WantedVif> WantedOf(IReadOnlyList<VifRequest> vifs)
    {
        var taken = vifs.Where(v => v.Devid is not null).Select(v => v.Devid!.Value).ToHashSet();
        var next = 0;
        List<WantedVif> wanted = [];
        for (var i = 0; i < vifs.Count; i++)
        {
            while (vifs[i].Devid is null && taken.Contains(next))
                next++;
            wanted.Add(WantedVif.Of(vifs[i].Devid ?? next++, vifs[i], string.Create(CultureInfo.InvariantCulture, $"/vifs/{i}")));
        }

        return wanted;
    }

    /// <param name="removes">Whether a member is to be taken out of the file that is there.</param>
    public static GuestFile FileFor(Guest? guest, GuestName name, GuestSettingsRequest put, Func<string, bool> removes)
    {
        if (guest is not null)
            return Change(guest.Parse(), put, removes);
        if (put.Kernel is null && put.Bootloader is null && (put.Type ?? GuestType.Pv) != GuestType.Hvm)
        {
            throw RuleException.Invalid("/kernel", "guest.kernel.required",
                "xl creates no PV or PVH guest without a kernel or a bootloader: give one of them, or the whole file as 'config'.");
        }

        var empty = GuestFile.Parse("").With("name", name.Value).With("type", Kebab.Name(put.Type ?? GuestType.Pv));
        return GuestFile.Parse(Change(empty, put with { Memory = put.Memory ?? 256, Vcpus = put.Vcpus ?? 1 }, _ => false) + "vif = []\n");
    }

    private static GuestFile Change(GuestFile before, GuestSettingsRequest put, Func<string, bool> removes)
    {
        var file = before;
        if (put.Type is { } type && type != before.Type)
            file = file.With("builder", null).With("type", Kebab.Name(type));
        else if (removes("type"))
            file = file.With("builder", null).With("type", null);
        Set("kernel", put.Kernel);
        Set("ramdisk", put.Ramdisk);
        Set("bootloader", put.Bootloader);
        Set("extra", put.Extra);
        SetNumber("memory", put.Memory);
        SetNumber("vcpus", put.Vcpus);
        return file;

        void Set(string key, string? value)
        {
            if (value is not null || removes(key))
                file = file.With(key, value);
        }

        void SetNumber(string key, int? value)
        {
            if (value is { } number)
                file = file.With(key, number);
            else
                Set(key, null);
        }
    }
}

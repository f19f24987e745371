using System.Globalization;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Xlnet.Api.Common;
using Xlnet.Api.Vifs;
using Xlnet.Domain.Common;
using Xlnet.Domain.Guests;
using Xlnet.Domain.Hosts;
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

    public async Task<Page<GuestResponse>> ListAsync(ResourceName host, PageQuery page, CancellationToken ct)
    {
        var hostId = await HostIds.FindAsync(db, host, ct);
        var after = page.After;
        var guests = await db.Guests.AsNoTracking().Where(g => g.HostId == hostId)
            .Where(g => after == null || string.Compare((string)(object)g.Name, after) > 0)
            .OrderBy(g => g.Name).Take(page.Size + 1).Include(g => g.Vifs).AsSplitQuery().ToListAsync(ct);
        guests.ForEach(g => g.Sort());
        return page.ToPage(guests, g => GuestResponse.Of(host, g), g => g.Name.Value);
    }

    /// <summary>Takes a guest file over: its vifs become the guest's, and get what they lack.</summary>
    public async Task<(Guest Guest, bool Created)> PutConfigAsync(
        HttpContext http, ResourceName host, GuestName name, byte[] text, AcceptedFindings accepted, bool validateOnly, CancellationToken ct)
    {
        var file = ReadFile(name, text, accepted, "");
        await CheckKeysAsync(host, file, accepted, ct);
        return await WriteAsync(http, host, name, createOnly: false, validateOnly, _ => file, _ => WantedOf(file, ""), ct);
    }

    public async Task<(Guest Guest, bool Created)> PutAsync(
        HttpContext http, ResourceName host, GuestName name, GuestRequest put, AcceptedFindings accepted, bool createOnly, bool validateOnly, CancellationToken ct)
    {
        var given = put.Config is { } config ? ReadFile(name, Encoding.UTF8.GetBytes(config), accepted, "/config") : null;
        if (given is not null)
            await CheckKeysAsync(host, given, accepted, ct);
        return await WriteAsync(http, host, name, createOnly, validateOnly,
            guest => given ?? FileFor(guest, name, put),
            file => put.Vifs is { } vifs ? WantedOf(vifs) : WantedOf(file, "/config"),
            ct);
    }

    public async Task DeleteAsync(HttpContext http, ResourceName host, GuestName name, bool validateOnly, CancellationToken ct)
    {
        await using var write = await HostWrite.BeginAsync(db, request, clock, host, ct);
        var guest = await guestVifs.FindAsync(write, name, ct);
        ApiDefaults.CheckPreconditions(http, guest.Version);
        await RemoveAsync(write, guest, "guest.delete", ct);
        await write.CommitAsync(validateOnly, ct);
    }

    public async Task RemoveAsync(HostWrite write, Guest guest, string action, CancellationToken ct)
    {
        await guestVifs.ReleaseAllAsync(guest, ct);
        // Its file was there before xlnet; whoever takes the guest away asks that it goes too.
        if (guest.FilePath is { } path)
            await HostArtifacts.AddAsync(db, write.Host.Id, HostArtifactKind.GuestFile, path, write.Now, ct);
        db.Remove(guest);
        write.Record(RevisionObjectKind.Guest, guest.Name.Value, action, guest.Name.Value, GuestDocument.Of(guest), null);
    }

    private async Task<(Guest Guest, bool Created)> WriteAsync(
        HttpContext http, ResourceName host, GuestName name, bool createOnly, bool validateOnly,
        Func<Guest?, GuestFile> fileFor, Func<GuestFile, IReadOnlyList<WantedVif>> wantedFor, CancellationToken ct)
    {
        await using var write = await HostWrite.BeginAsync(db, request, clock, host, ct);
        var guest = await guestVifs.TryFindAsync(write, name, ct);
        var created = guest is null;
        if (!created && createOnly)
            throw new RuleException(RuleKind.Conflict, "guest.exists", $"The host '{host}' has a guest '{name}' already.");
        ApiDefaults.CheckPreconditions(http, guest?.Version);
        var before = guest is null ? null : GuestDocument.Of(guest);
        var file = fileFor(guest);
        if (guest is null)
            db.Add(guest = new Guest { HostId = write.Host.Id, Name = name, CreatedAt = write.Now });

        await guestVifs.SetAsync(write, guest, file, wantedFor(file), ct);
        write.Record(RevisionObjectKind.Guest, name.Value, created ? "guest.create" : "guest.update", name.Value, before, GuestDocument.Of(guest));
        await write.CommitAsync(validateOnly, ct);
        return (guest, created);
    }

    /// <summary>Which keys are too new depends on the host's Xen: for its own host a warning of the file becomes an error.</summary>
    private async Task CheckKeysAsync(ResourceName host, GuestFile file, AcceptedFindings accepted, CancellationToken ct)
    {
        if (file.Vifs.All(v => v.Settings.Vlan is null))
            return;
        var version = (await db.Hosts.AsNoTracking().SingleOrDefaultAsync(h => h.Name == host, ct))?.XenVersionToKeepTo;
        accepted.Check(VifRules.CheckKeys(file.Findings, version ?? XenVersion.Recorded), "guest file", acceptedByXl: true, xlSays: "");
    }

    private static GuestFile ReadFile(GuestName name, byte[] text, AcceptedFindings accepted, string pointer)
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

    private static List<WantedVif> WantedOf(IReadOnlyList<VifRequest> vifs)
    {
        var taken = vifs.Where(v => v.Devid is not null).Select(v => v.Devid!.Value).ToHashSet();
        var next = 0;
        List<WantedVif> wanted = [];
        for (var i = 0; i < vifs.Count; i++)
        {
            while (vifs[i].Devid is null && taken.Contains(next))
                next++;
            wanted.Add(new WantedVif(vifs[i].Devid ?? next++, vifs[i].ToDomain(), string.Create(CultureInfo.InvariantCulture, $"/vifs/{i}")));
        }

        return wanted;
    }

    private static GuestFile FileFor(Guest? guest, GuestName name, GuestRequest put)
    {
        if (guest is not null)
        {
            return !put.HasSettings
                ? guest.Parse()
                : throw RuleException.Invalid("", "guest.has-file", "This guest has a file, which is not made anew: send the whole as 'config', or leave these members out.");
        }

        var type = put.Type ?? GuestType.Pv;
        if (put.Kernel is null && put.Bootloader is null && type != GuestType.Hvm)
        {
            throw RuleException.Invalid("/kernel", "guest.kernel.required",
                "xl creates no PV or PVH guest without a kernel or a bootloader: give one of them, or the whole file as 'config'.");
        }

        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"name = \"{name}\"\ntype = \"{Kebab.Name(type)}\"\n");
        Append("kernel", put.Kernel);
        Append("ramdisk", put.Ramdisk);
        Append("bootloader", put.Bootloader);
        Append("extra", put.Extra);
        text.Append(CultureInfo.InvariantCulture, $"memory = {put.Memory ?? 256}\nvcpus = {put.Vcpus ?? 1}\nvif = []\n");
        return GuestFile.Parse(text.ToString());

        void Append(string key, string? value)
        {
            if (value is not null)
                text.Append(CultureInfo.InvariantCulture, $"{key} = \"{value}\"\n");
        }
    }
}

using Xlnet.Domain.Common;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;

namespace Xlnet.Domain.Guests;

/// <summary>A DomU: its file, and the vifs that stand in it.</summary>
public sealed class Guest
{
    private readonly List<Vif> _vifs = [];

    public long Id { get; private set; }

    public long HostId { get; init; }

    public required GuestName Name { get; init; }

    public GuestType Type { get; private set; }

    /// <summary>The guest file, byte for byte. Its vif list and <see cref="Vifs"/> say the same, always.</summary>
    public byte[] Config { get; private set; } = [];

    /// <summary>In the order of the file.</summary>
    public IReadOnlyList<Vif> Vifs => _vifs;

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset UpdatedAt { get; private set; }

    public uint Version { get; private set; }

    /// <summary>Where its file was found when it was adopted; null for a guest whose file xlnet makes, which is named after the guest.</summary>
    public string? FilePath { get; set; }

    public string ConfigPath => FilePath ?? Hosts.Host.GuestConfigPath(Name.Value);

    public Vif? FindVif(int devid) => _vifs.Find(v => v.Devid == devid);

    /// <summary>The lowest devid that is free.</summary>
    public int NextDevid()
    {
        var taken = _vifs.Select(v => v.Devid).ToHashSet();
        return Enumerable.Range(0, int.MaxValue).First(d => !taken.Contains(d));
    }

    public void Remove(Vif vif) => _vifs.Remove(vif);

    /// <summary>Makes these the guest's vifs, in this order.</summary>
    public void Arrange(IReadOnlyList<Vif> vifs)
    {
        _vifs.Clear();
        _vifs.AddRange(vifs);
    }

    /// <summary>Puts the vifs into the file that is there, changing no byte that it need not.</summary>
    public void Render(GuestFile file, DateTimeOffset now)
    {
        for (var i = 0; i < _vifs.Count; i++)
            _vifs[i].Position = i;
        var rendered = file.WithVifs([.. _vifs.Select(v => new VifTarget(v.Devid, v.WrittenSettings))]);
        var config = XlText.ToBytes(rendered.ToString());
        if (Config.AsSpan().SequenceEqual(config))
            return;
        (Type, Config, UpdatedAt) = (rendered.Type, config, now);
    }

    public GuestFile Parse() => GuestFile.Parse(XlText.FromBytes(Config));

    /// <summary>For reading from the database in an order of its own.</summary>
    public void Sort() => _vifs.Sort((a, b) => a.Position.CompareTo(b.Position));
}

using Xlnet.Domain.Common;
using Xlnet.Domain.Networking;
using Xlnet.Domain.Xl;

namespace Xlnet.Domain.Hosts;

/// <summary>A Dom0 that runs xl, as the database wants it.</summary>
public sealed class Host
{
    /// <summary>Where a host keeps its defaults (xl.conf(5)).</summary>
    public const string XlConfPath = "/etc/xen/xl.conf";

    /// <summary>Where a host keeps xl.conf and its guests' files.</summary>
    public const string ConfigFolder = "/etc/xen";

    private const string GuestFileSuffix = ".cfg";

    public long Id { get; private set; }

    public required ResourceName Name { get; init; }

    public string? Description { get; set; }

    public DriverKind DriverKind { get; set; }

    /// <summary>Directory driver: the folder's name below the service's directory root.</summary>
    public string? DriverPath { get; set; }

    /// <summary>Ssh driver: whom it reaches, and as whom.</summary>
    public SshTarget? Ssh { get; set; }

    public MacPolicy MacPolicy { get; set; }

    /// <summary>The pool that this host's vifs get their addresses from; null for the default one.</summary>
    public int? MacPoolId { get; set; }

    /// <summary>The whole of xl.conf; null while xlnet was given none, and then only <see cref="Defaults"/> are put into the host's own.</summary>
    public byte[]? XlConf { get; set; }

    /// <summary>vif.default.*; null while xlnet was told nothing of them, and then the host's own stay as they are.</summary>
    public VifDefaults? Defaults { get; set; }

    /// <summary>Dom0's own network; null to leave it, or to give it back, to the host.</summary>
    public HostNetworking? Networking { get; set; }

    /// <summary>How far xlnet has it in hand; null when it never had.</summary>
    public NetworkingState? NetworkingState { get; set; }

    /// <summary>As it was last observed; null before the first time.</summary>
    public XenVersion? XenVersion { get; set; }

    /// <summary>Its scripts that read <c>vlan</c>, as it was last observed.</summary>
    public string[] VlanScripts { get; set; } = [];

    /// <summary>Its Linux bridges that keep VLANs apart, as it was last observed.</summary>
    public string[] VlanBridges { get; set; } = [];

    /// <summary>The Xen whose keys a vif of this host may have: what is not known yet is taken to be <see cref="XenVersion.Recorded"/>.</summary>
    public XenVersion XenVersionToKeepTo => XenVersion ?? XenVersion.Recorded;

    /// <summary>Counts up by one for every write that changes this host's desired state.</summary>
    public long Revision { get; private set; }

    /// <summary>The revision that was last put into force as a whole; null before the first time.</summary>
    public long? AppliedRevision { get; set; }

    public DateTimeOffset CreatedAt { get; init; }

    public DateTimeOffset UpdatedAt { get; private set; }

    /// <summary>PostgreSQL's xmin: changes with every update of the row.</summary>
    public uint Version { get; private set; }

    /// <summary>The defaults that it is to have; null where only its own xl.conf knows them.</summary>
    public VifDefaults? KnownDefaults() => XlConf is null ? Defaults : Xl.XlConf.DefaultsOf(XlConf);

    /// <summary>Puts defaults also into an xl.conf that was given.</summary>
    public void SetDefaults(VifDefaults defaults)
    {
        Defaults = defaults;
        if (XlConf is not null)
            XlConf = XlText.ToBytes(Xl.XlConf.Parse(XlText.FromBytes(XlConf)).WithDefaults(defaults).ToString());
    }

    /// <summary>Starts the next revision.</summary>
    public long Advance(DateTimeOffset now)
    {
        UpdatedAt = now;
        return ++Revision;
    }

    /// <summary>Where the file of a guest is on this host.</summary>
    public static string GuestConfigPath(string guest) => $"{ConfigFolder}/{guest}{GuestFileSuffix}";

    /// <summary>Whether a path is where guest files are looked for: plain files of /etc/xen that end in <c>.cfg</c>.</summary>
    public static bool IsGuestFilePath(string path) =>
        path.StartsWith(ConfigFolder + "/", StringComparison.Ordinal) && path.EndsWith(GuestFileSuffix, StringComparison.Ordinal)
        && path.IndexOf('/', ConfigFolder.Length + 1) < 0;
}

/// <summary>What stands between xlnet and a host.</summary>
public enum DriverKind
{
    /// <summary>No real Dom0: a model of one, which answers as the recorded one did.</summary>
    Simulated,

    /// <summary>A simulated host whose files live in a folder, for pipelines that ship files themselves.</summary>
    Directory,

    /// <summary>The machine that the service runs on is the Dom0.</summary>
    Local,

    /// <summary>A Dom0 that is reached over SSH.</summary>
    Ssh,
}

public enum MacPolicy
{
    /// <summary>Every vif's address stands in its guest's file, so that a guest keeps it from one create to the next.</summary>
    Allocate,

    /// <summary>A vif without <c>mac=</c> stays so in the file, and xl draws a new address at each create; xlnet holds one for the day it is pinned.</summary>
    AsWritten,
}

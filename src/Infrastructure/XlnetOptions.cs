using System.ComponentModel.DataAnnotations;

namespace Xlnet.Infrastructure;

/// <summary>The service's settings: section <c>Xlnet</c>, in the environment <c>Xlnet__…</c>.</summary>
public sealed class XlnetOptions
{
    /// <summary>Where the service keeps files of its own; the folders of directory hosts are in <c>directories</c> below it.</summary>
    [Required]
    public string DataDirectory { get; set; } = ".data/xlnet";

    /// <summary>Where the private keys for hosts over SSH are, one a file: <c>keys</c> below <see cref="DataDirectory"/> unless given.</summary>
    public string? KeyDirectory { get; set; }

    /// <summary>
    /// Set where the service cannot be reached but through something that checks who asks, such as a port that a container
    /// publishes on loopback only. Without it, and without authentication, the service listens on loopback addresses alone.
    /// </summary>
    public bool AllowUnauthenticated { get; set; }

    internal string Keys => KeyDirectory ?? Path.Combine(DataDirectory, "keys");
}

namespace Xlnet.Domain.Vifs;

/// <summary>Whether the host lets a guest send from any address by a vif, or from its own alone.</summary>
public enum VifLocking
{
    Unlocked,

    /// <summary>From the vif's MAC address and the addresses of its <c>ip=</c> alone.</summary>
    Locked,
}

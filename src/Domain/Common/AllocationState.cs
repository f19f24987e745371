namespace Xlnet.Domain.Common;

/// <summary>What becomes of an address, a MAC address or one of a subnet, that is not free.</summary>
public enum AllocationState
{
    /// <summary>By a vif.</summary>
    Held,

    /// <summary>For a name.</summary>
    Reserved,

    /// <summary>Released, and not given again for a while.</summary>
    Quarantined,
}

namespace Xlnet.Domain.Access;

/// <summary>What a caller may do; each role may do what the ones before it may.</summary>
public enum AccessRole
{
    /// <summary>Reads, lints and explains.</summary>
    Viewer,

    /// <summary>Changes what hosts are to be, and puts it into force.</summary>
    Operator,

    /// <summary>Manages keys and MAC pools, deletes hosts, and reads the audit log.</summary>
    Admin,
}

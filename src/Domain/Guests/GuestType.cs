namespace Xlnet.Domain.Guests;

/// <summary>How Xen runs a guest: <c>type=</c> in its file (xl.cfg(5)).</summary>
public enum GuestType
{
    Pv,
    Pvh,
    Hvm,
}

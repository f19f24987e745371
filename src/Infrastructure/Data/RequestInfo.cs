using System.Net;
using Xlnet.Domain.Access;

namespace Xlnet.Infrastructure.Data;

/// <summary>Who asked, from where, and under which id, for the revision and the audit log; and which hosts are his to see and touch.</summary>
public sealed class RequestInfo
{
    public string? Actor { get; set; }

    public HostScope Scope { get; set; } = HostScope.All;

    public string? RequestId { get; set; }

    public IPAddress? RemoteAddress { get; set; }
}

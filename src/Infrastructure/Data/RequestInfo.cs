using System.Net;

namespace Xlnet.Infrastructure.Data;

/// <summary>Who asked, from where, and under which id: for the revision and the audit log.</summary>
public sealed class RequestInfo
{
    public string? Actor { get; set; }

    public string? RequestId { get; set; }

    public IPAddress? RemoteAddress { get; set; }
}

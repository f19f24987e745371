using Xlnet.Domain.Hosts;

namespace Xlnet.Infrastructure.Hosts.Ssh;

internal static class SshFailure
{
    /// <param name="more">Evidence besides whom xlnet wanted to reach.</param>
    public static HostShellException Failed(
        this SshTarget target, HostShellError error, string message, Exception? inner = null, IReadOnlyDictionary<string, object?>? more = null) =>
        new(error, message, inner)
        {
            Evidence = new Dictionary<string, object?>(more ?? new Dictionary<string, object?>())
            {
                ["address"] = target.Address,
                ["port"] = target.Port,
                ["user"] = target.User,
            },
        };
}

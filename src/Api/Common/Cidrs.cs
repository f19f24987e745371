using System.Net;
using Xlnet.Domain.Xl;

namespace Xlnet.Api.Common;

/// <summary>Networks and addresses as a request spells them: in full, and no other text for the same.</summary>
internal static class Cidrs
{
    public const string AddressRule = "Write an address such as 10.77.0.10 or 2001:db8:7::10.";

    public static IPNetwork? TryParse(string? text) =>
        text?.Split('/') is [var address, _] && NetNames.IsAddress(text) && IPNetwork.TryParse(text, out var network) && network.BaseAddress.Equals(IPAddress.Parse(address)) ? network : null;

    public static bool IsAddress(string? text) => text is not null && !text.Contains('/', StringComparison.Ordinal) && NetNames.IsAddress(text);
}

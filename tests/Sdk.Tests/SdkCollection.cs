using Xlnet.Api.Tests;
using Xunit;

namespace Xlnet.Sdk.Tests;

/// <summary>Whoever uses the service, with clients that are generated once. One after the other: the guide's host has one name in every language.</summary>
[CollectionDefinition(nameof(SdkCollection))]
public sealed class SdkCollection : ICollectionFixture<TypeScriptSdk>, ICollectionFixture<CSharpSdk>;

internal static class Service
{
    /// <summary>Where it is, without a slash at the end.</summary>
    public static string Url(this ServiceFixture service) => service.Client.BaseAddress!.GetLeftPart(UriPartial.Authority);

    public static Task<string> DocumentAsync(this ServiceFixture service) => service.Client.GetStringAsync("/openapi/v1.json", TestContext.Current.CancellationToken);
}

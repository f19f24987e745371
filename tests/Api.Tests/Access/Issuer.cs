using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Xlnet.Api.Tests.Access;

/// <summary>An OIDC issuer on loopback: its discovery document, its keys, and the tokens that it signs, the wrong ones too.</summary>
internal sealed class Issuer : IAsyncDisposable
{
    private const string KeyId = "key-1";

    private readonly RSA _key = RSA.Create(2048);
    private WebApplication _app = null!;

    public string Address => _app.Urls.Single();

    public async Task StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.MapGet("/.well-known/openid-configuration", () => Results.Text(
            new JsonObject { ["issuer"] = Address, ["jwks_uri"] = $"{Address}/keys" }.ToJsonString(), "application/json"));
        _app.MapGet("/keys", () =>
        {
            var key = _key.ExportParameters(includePrivateParameters: false);
            return Results.Text(
                new JsonObject
                {
                    ["keys"] = new JsonArray(new JsonObject
                    {
                        ["kty"] = "RSA", ["use"] = "sig", ["alg"] = "RS256", ["kid"] = KeyId, ["n"] = Text(key.Modulus!), ["e"] = Text(key.Exponent!),
                    }),
                }.ToJsonString(), "application/json");
        });
        await _app.StartAsync();
    }

    /// <summary>A token that is good, for a minute.</summary>
    /// <param name="change">Makes it another.</param>
    public string Token(Action<JsonObject>? change = null) => Sign(Claims(change), "RS256", bytes => _key.SignData(bytes, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));

    /// <summary>As the issuer would make it, signed by someone else.</summary>
    public string Forged()
    {
        using var other = RSA.Create(2048);
        return Sign(Claims(null), "RS256", bytes => other.SignData(bytes, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));
    }

    /// <summary>Signed by nobody, which says so.</summary>
    public string Unsigned() => Sign(Claims(null), "none", _ => []);

    /// <summary>Signed with what everyone knows, the public key, as if it were a shared secret.</summary>
    public string SignedByPublicKey() => Sign(Claims(null), "HS256", bytes => HMACSHA256.HashData(_key.ExportSubjectPublicKeyInfo(), bytes));

    /// <summary>Signed, and changed afterwards.</summary>
    public string Tampered()
    {
        var parts = Token().Split('.');
        return $"{parts[0]}.{Text(Encoding.UTF8.GetBytes(Claims(c => c["sub"] = "someone-else").ToJsonString()))}.{parts[2]}";
    }

    private JsonObject Claims(Action<JsonObject>? change)
    {
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        var claims = new JsonObject
        {
            ["iss"] = Address, ["aud"] = AccessService.Audience, ["sub"] = "pipeline-7", ["iat"] = now, ["nbf"] = now, ["exp"] = now + 60,
            ["roles"] = new JsonArray("admin"), ["xlnet_hosts"] = "*",
        };
        change?.Invoke(claims);
        return claims;
    }

    private static string Sign(JsonObject claims, string algorithm, Func<byte[], byte[]> sign)
    {
        var header = new JsonObject { ["alg"] = algorithm, ["typ"] = "JWT", ["kid"] = KeyId };
        var signed = $"{Text(Encoding.UTF8.GetBytes(header.ToJsonString()))}.{Text(Encoding.UTF8.GetBytes(claims.ToJsonString()))}";
        return $"{signed}.{Text(sign(Encoding.ASCII.GetBytes(signed)))}";
    }

    private static string Text(byte[] bytes) => System.Buffers.Text.Base64Url.EncodeToString(bytes);

    public async ValueTask DisposeAsync()
    {
        if (_app is not null)
            await _app.DisposeAsync();
        _key.Dispose();
    }
}

using System.Diagnostics;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Options;
using Xlnet.Api.Access;
using Xlnet.Infrastructure;
using Xunit;

namespace Xlnet.Api.Tests.Access;

/// <summary>What the service does before it listens, and where it refuses to.</summary>
public sealed class StartTests
{
    [Fact]
    public async Task Service_OnAnOpenAddress_StartsWithAuthenticationOnly()
    {
        await using var database = new TestDatabase();
        await database.CreateAsync();
        var data = Directory.CreateTempSubdirectory("xlnet-test-").FullName;

        // Nobody is asked: it stops by itself, and says what to do.
        var refused = await RunAsync(database, data, []);
        Assert.NotEqual(0, refused.ExitCode);
        Assert.Contains("Xlnet__Authentication__Required", refused.Output, StringComparison.Ordinal);

        // A first key, before it listens.
        var made = await RunAsync(database, data, [], "--create-admin-key", "ops");
        Assert.Equal(0, made.ExitCode);
        var key = Assert.Single(made.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Matches("^xlnet_[0-9A-Za-z]{12}_[0-9A-Za-z]{43}$", key);
        var again = await RunAsync(database, data, [], "--create-admin-key", "ops");
        Assert.Equal((1, ""), (again.ExitCode, again.Output));
        Assert.Contains("'ops'", again.Errors, StringComparison.Ordinal);
        Assert.Equal(1, (await RunAsync(database, data, [], "--create-admin-key", "Not A Name")).ExitCode);

        using var certificate = MakeCertificate(data);
        using var process = Start(database, data,
        [
            ("Xlnet__Authentication__Required", "true"),
            ("ASPNETCORE_URLS", "https://0.0.0.0:0"),
            ("Kestrel__Certificates__Default__Path", Path.Combine(data, "tls.crt")),
            ("Kestrel__Certificates__Default__KeyPath", Path.Combine(data, "tls.key")),
        ]);
        try
        {
            using var handler = new HttpClientHandler { ServerCertificateCustomValidationCallback = (_, shown, _, _) => shown?.Thumbprint == certificate.Thumbprint };
            using var client = new HttpClient(handler) { BaseAddress = new Uri(await AddressAsync(process)) };
            Assert.Equal(401, (await client.GetJsonAsync("/v1/hosts")).Status);
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
            Assert.Equal("ops", (string?)Assert.Single((await client.GetJsonAsync("/v1/api-keys"))["items"].AsArray())!["name"]);
        }
        finally
        {
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync(CancellationToken.None);
            Directory.Delete(data, recursive: true);
        }
    }

    [Theory]
    [InlineData(null, "Required=true")]
    [InlineData(null, "Authority=https://issuer.example/realms/lab", "Audience=xlnet")]
    [InlineData(null, "Authority=http://127.0.0.1:9", "Audience=xlnet", "HostsClaim=hosts")]
    [InlineData("https", "Authority=http://issuer.example", "Audience=xlnet")]
    [InlineData("https", "Authority=issuer.example", "Audience=xlnet")]
    [InlineData("Audience is missing", "Authority=https://issuer.example")]
    [InlineData("no Authority", "Audience=xlnet")]
    [InlineData("no Authority", "HostsClaim=hosts", "Required=true")]
    [InlineData("not empty", "RoleClaim=", "Required=true")]
    [InlineData("take one of them out", "Required=true", "AllowUnauthenticated=true")]
    [InlineData("Required", "Requests=10")]
    [InlineData(null, "Requests=10", "Required=true")]
    [InlineData("Requests is 1 or more", "Requests=-1", "Required=true")]
    [InlineData("WindowSeconds", "Requests=10", "WindowSeconds=0", "Required=true")]
    public void Settings_ThatContradict_AreRefusedAtTheStart(string? refusal, params string[] settings)
    {
        var given = settings.Select(s => s.Split('=', 2)).ToDictionary(s => s[0], s => s[1]);
        var access = new AccessOptions
        {
            Required = given.ContainsKey("Required"),
            Authority = given.GetValueOrDefault("Authority"),
            Audience = given.GetValueOrDefault("Audience"),
            RoleClaim = given.GetValueOrDefault("RoleClaim", "roles"),
            HostsClaim = given.GetValueOrDefault("HostsClaim"),
        };
        var quota = new QuotaOptions { Requests = Number("Requests", 0), WindowSeconds = Number("WindowSeconds", 60) };
        var result = new AccessOptionsCheck(Options.Create(new XlnetOptions { AllowUnauthenticated = given.ContainsKey("AllowUnauthenticated") }), Options.Create(quota)).Validate(null, access);
        Assert.Equal(refusal is null, result.Succeeded);
        if (refusal is not null)
            Assert.Contains(refusal, result.FailureMessage, StringComparison.Ordinal);

        int Number(string name, int otherwise) => given.TryGetValue(name, out var text) ? int.Parse(text, System.Globalization.CultureInfo.InvariantCulture) : otherwise;
    }

    private static X509Certificate2 MakeCertificate(string folder)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var certificate = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256).CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        File.WriteAllText(Path.Combine(folder, "tls.crt"), certificate.ExportCertificatePem());
        File.WriteAllText(Path.Combine(folder, "tls.key"), key.ExportPkcs8PrivateKeyPem());
        return certificate;
    }

    private static Process Start(TestDatabase database, string data, (string Name, string Value)[] environment, params string[] arguments)
    {
        var start = new ProcessStartInfo(ServiceProcess.Dotnet, [Path.Combine(AppContext.BaseDirectory, "Xlnet.Api.dll"), .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = data,
        };
        start.Environment["ConnectionStrings__Xlnet"] = database.ConnectionString;
        start.Environment["ASPNETCORE_URLS"] = "http://0.0.0.0:0";
        start.Environment["DOTNET_EnableDiagnostics"] = "0";
        start.Environment["Xlnet__DataDirectory"] = data;
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    private static async Task<(int ExitCode, string Output, string Errors)> RunAsync(
        TestDatabase database, string data, (string Name, string Value)[] environment, params string[] arguments)
    {
        using var process = Start(database, data, environment, arguments);
        var errors = process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        var output = await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, output, await errors);
    }

    private static async Task<string> AddressAsync(Process process)
    {
        const string Listening = "Now listening on: ";
        process.ErrorDataReceived += (_, _) => { };
        process.BeginErrorReadLine();
        while (await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken) is { } line)
        {
            var at = line.IndexOf(Listening, StringComparison.Ordinal);
            if (at < 0)
                continue;
            _ = process.StandardOutput.ReadToEndAsync(CancellationToken.None);
            return line[(at + Listening.Length)..].Trim().Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal).Replace("[::]", "127.0.0.1", StringComparison.Ordinal);
        }

        throw new Xunit.Sdk.XunitException("The service did not start.");
    }
}

using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using Xlnet.Api.Common;
using Xlnet.Infrastructure;
using Xunit;

namespace Xlnet.Api.Tests.Operating;

public sealed partial class SettingsTests
{
    private const string Connection = "Host=/nowhere;Username=xlnet;Database=xlnet";

    [Fact]
    public void Check_RightSettings_FindsNothing()
    {
        var data = Directory.CreateTempSubdirectory("xlnet-test-").FullName;

        Assert.Empty(Check(Connection, ("Xlnet:DataDirectory", data), ("xlnet:allowunauthenticated", "True"), ("Xlnet:KeyDirectory", data)));

        Directory.Delete(data);
    }

    [Theory]
    [InlineData("Xlnet:DataDirectroy", "/data", "Xlnet__DataDirectroy is no setting; there are ")]
    [InlineData("Xlnet:DataDirectory:Path", "/data", "Xlnet__DataDirectory__Path is no setting: Xlnet__DataDirectory has one value, and none below it.")]
    [InlineData("Xlnet:DataDirectory", "", "Xlnet__DataDirectory: ")]
    [InlineData("Xlnet:DataDirectory", "/dev/null/data", "Xlnet__DataDirectory is '/dev/null/data', which cannot be made: ")]
    [InlineData("Xlnet:KeyDirectory", "/nowhere/keys", "Xlnet__KeyDirectory is '/nowhere/keys', which is no directory.")]
    [InlineData("Xlnet:AllowUnauthenticated", "yes", "Xlnet__AllowUnauthenticated is 'yes', which is no boolean: give true or false.")]
    public void Check_WrongSetting_SaysSoInALine(string key, string value, string problem)
    {
        var found = Assert.Single(Check(Connection, (key, value)));
        Assert.StartsWith(problem, found, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', found);
    }

    [Theory]
    [InlineData(null, "ConnectionStrings__Xlnet is not set")]
    [InlineData("Host=db;Pasword=s3cret", "ConnectionStrings__Xlnet is no Npgsql connection string")]
    [InlineData("Host=db;Port=s3cret", "ConnectionStrings__Xlnet is no Npgsql connection string")]
    [InlineData("s3cret", "ConnectionStrings__Xlnet is no Npgsql connection string")]
    [InlineData("Username=xlnet", "ConnectionStrings__Xlnet has no Host")]
    public void Check_WrongConnectionString_SaysSoWithoutItsSecrets(string? connection, string problem)
    {
        var found = Assert.Single(Check(connection));
        Assert.StartsWith(problem, found, StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", found, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Service_WrongSettings_StopsWithALineEach()
    {
        var data = Directory.CreateTempSubdirectory("xlnet-test-").FullName;

        var (exitCode, error) = await ServiceProcess.RefuseAsync(Connection, data, new Dictionary<string, string> { ["Xlnet__Keys"] = data, ["Xlnet__AllowUnauthenticated"] = "on" });

        Assert.Equal(1, exitCode);
        Assert.All(error.Trim().Split('\n'), line => Assert.StartsWith("xlnet does not start: Xlnet__", line, StringComparison.Ordinal));
        Assert.Equal(2, error.Trim().Split('\n').Length);
        Directory.Delete(data, recursive: true);
    }

    [Fact]
    public async Task Service_NoDatabase_StopsWithALine()
    {
        var data = Directory.CreateTempSubdirectory("xlnet-test-").FullName;

        var (exitCode, error) = await ServiceProcess.RefuseAsync("Host=127.0.0.1;Port=1;Username=xlnet;Password=s3cret;Database=xlnet", data, new Dictionary<string, string>());

        Assert.Equal(1, exitCode);
        Assert.StartsWith("xlnet does not start: the database of ConnectionStrings__Xlnet cannot be used: ", Assert.Single(error.Trim().Split('\n')), StringComparison.Ordinal);
        Assert.DoesNotContain("s3cret", error, StringComparison.Ordinal);
        Directory.Delete(data, recursive: true);
    }

    /// <summary>The table has every setting, no other, and each with the default that the class has.</summary>
    [Fact]
    public async Task Documentation_OfSettings_IsTheClass()
    {
        var rows = Row().Matches(await Repository.ReadAsync("docs/configuration.md")).ToDictionary(m => m.Groups[1].Value, m => m.Groups[2].Value.Trim());

        Assert.Equal(Settings.Names().Order(StringComparer.Ordinal), rows.Keys.Order(StringComparer.Ordinal));
        var defaults = new XlnetOptions();
        foreach (var property in typeof(XlnetOptions).GetProperties().Where(p => rows.ContainsKey($"Xlnet__{p.Name}")))
        {
            var value = property.GetValue(defaults) switch { bool b => b ? "true" : "false", var other => $"{other}" };
            if (value.Length > 0)
                Assert.Equal($"`{value}`", rows[$"Xlnet__{property.Name}"]);
        }
    }

    private static IReadOnlyCollection<string> Check(string? connection, params (string Key, string Value)[] settings) => Settings.Check(
        new ConfigurationBuilder().AddInMemoryCollection(settings.Append(("ConnectionStrings:Xlnet", connection!)).ToDictionary(s => s.Item1, s => (string?)s.Item2)).Build());

    [GeneratedRegex(@"^\| `(Xlnet__\w+)` \|([^|]*)\|", RegexOptions.Multiline)]
    private static partial Regex Row();
}

using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Xlnet.Bench;

/// <summary>
/// What a vif costs at the least: Kestrel, one route, a statement by hand, and the same body written by hand. No request ids, nobody who is
/// asked who he is, no problems, no metrics, no log.
/// </summary>
internal static class BareVif
{
    public const string Argument = "--bare";

    private const string Sql = """
        SELECT v.devid, v.mac, v.mac_written, v.bridge, v.type, v.model, v.vifname, v.script, v.ip, v.backend, v.gatewaydev,
               v.rate_bits_per_second, v.rate_interval_microseconds, v.mtu, v.vlan, v.trusted, v.other, v.locking, v.subnet, v.xmin
        FROM vifs v JOIN guests g ON g.id = v.guest_id JOIN hosts h ON h.id = g.host_id
        WHERE h.name = $1 AND g.name = $2 AND v.devid = $3
        """;

    public static Task<BenchService> StartAsync(string connectionString)
    {
        var start = new ProcessStartInfo("dotnet", [typeof(BareVif).Assembly.Location, Argument]);
        start.Environment["ConnectionStrings__Xlnet"] = connectionString;
        return BenchService.StartAsync(start);
    }

    public static async Task ServeAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.AddServerHeader = false);
        var app = builder.Build();
        await using var database = NpgsqlDataSource.Create(Environment.GetEnvironmentVariable("ConnectionStrings__Xlnet")!);
        app.MapGet("/v1/hosts/{host}/guests/{guest}/vifs/{devid:int}", (RequestDelegate)(http => AnswerAsync(http, database)));
        app.Lifetime.ApplicationStarted.Register(() => Console.WriteLine($"Now listening on: {app.Urls.First()}"));
        await app.RunAsync();
    }

    private static async Task AnswerAsync(HttpContext http, NpgsqlDataSource database)
    {
        await using var command = database.CreateCommand(Sql);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = (string)http.Request.RouteValues["host"]! });
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = (string)http.Request.RouteValues["guest"]! });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = int.Parse((string)http.Request.RouteValues["devid"]!, CultureInfo.InvariantCulture) });
        await using var row = await command.ExecuteReaderAsync(http.RequestAborted);
        if (!await row.ReadAsync(http.RequestAborted))
        {
            http.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        http.Response.ContentType = "application/json; charset=utf-8";
        http.Response.Headers.ETag = string.Create(CultureInfo.InvariantCulture, $"\"{row.GetFieldValue<uint>(19):x}\"");
        var mac = string.Join(':', row.GetFieldValue<System.Net.NetworkInformation.PhysicalAddress>(1).GetAddressBytes().Select(b => b.ToString("x2", CultureInfo.InvariantCulture)));
        await using var json = new Utf8JsonWriter(http.Response.BodyWriter);
        json.WriteStartObject();
        json.WriteNumber("devid", row.GetInt32(0));
        json.WriteString("mac", mac);
        json.WriteBoolean("macInFile", row.GetBoolean(2));
        Text("bridge", 3);
        Text("type", 4);
        Text("model", 5);
        Text("vifname", 6);
        Text("script", 7);
        Text("ip", 8);
        Text("backend", 9);
        Text("gatewaydev", 10);
        json.WriteNull("rate");
        json.WriteNull("rateText");
        if (row.IsDBNull(13))
            json.WriteNull("mtu");
        else
            json.WriteNumber("mtu", row.GetInt32(13));
        Text("vlan", 14);
        if (row.IsDBNull(15))
            json.WriteNull("trusted");
        else
            json.WriteBoolean("trusted", row.GetBoolean(15));
        json.WriteNull("other");
        json.WriteString("spec", $"mac={mac},bridge={row.GetString(3)}");
        json.WriteNull("trunks");
        json.WriteString("locking", row.GetString(17));
        Text("subnet", 18);
        json.WriteEndObject();

        void Text(string name, int column)
        {
            if (row.IsDBNull(column))
                json.WriteNull(name);
            else
                json.WriteString(name, row.GetString(column));
        }
    }
}

using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Npgsql;
using Xlnet.Hosts.Tests.Ssh;
using Xunit;

namespace Xlnet.Api.Tests;

/// <summary>Hosts over SSH as a client sees them: how they are registered, and what one hears of those that can't be asked.</summary>
public sealed class SshHostTests(ServiceFixture service) : IAsyncLifetime
{
    private const string Fingerprint = "SHA256:ohD8VZEXGWo6Ez8GSEJQ9WpafgLFsOfLOtGGQCQo6Og";

    private readonly string _name = $"ssh-{Guid.NewGuid():n}"[..20];
    private Sshd _sshd = null!;

    private HttpClient Client => service.Client;

    private string Url => "/v1/hosts/" + _name;

    public async ValueTask InitializeAsync()
    {
        _sshd = await Sshd.StartAsync();
        Directory.CreateDirectory(service.KeyDirectory);
        File.Copy(_sshd.KeyDirectory + "/lab", Path.Combine(service.KeyDirectory, _name));
    }

    public ValueTask DisposeAsync() => _sshd.DisposeAsync();

    [Fact]
    public async Task Put_WithoutAHostKey_PinsTheOneThatTheHostHas()
    {
        var trial = await Client.PutAsync(Url + "?validateOnly=true", Body());
        Assert.Equal((201, _sshd.HostKey), (trial.Status, (string?)trial["driver"]["hostKey"]));
        Assert.Equal(404, (await Client.GetJsonAsync(Url)).Status);

        var put = await Client.PutAsync(Url, Body());
        Assert.Equal((201, false), (put.Status, (bool)put["simulated"]!));
        JsonNode expected = new JsonObject
        {
            ["kind"] = "ssh",
            ["address"] = "127.0.0.1",
            ["port"] = _sshd.Port,
            ["user"] = Environment.UserName,
            ["key"] = _name,
            ["hostKey"] = _sshd.HostKey,
        };
        foreach (var (name, value) in expected.AsObject())
            Assert.Equal(value!.ToJsonString(), (await Client.GetJsonAsync(Url))["driver"][name]!.ToJsonString());
    }

    [Fact]
    public async Task Put_DefaultsOfPortAndUser_AreSshs()
    {
        var put = await Client.PutAsync(Url, new { driver = new { kind = "ssh", address = "dom0.lab", key = "lab", hostKey = Fingerprint } });
        Assert.Equal((201, 22, "root"), (put.Status, (int)put["driver"]["port"]!, (string)put["driver"]["user"]!));
    }

    [Fact]
    public async Task Put_WithoutAHostKeyAndNobodyThere_Is502AndLeavesNothing()
    {
        await _sshd.StopAsync();
        var put = await Client.PutAsync(Url, Body());
        Assert.Equal((502, "host.unreachable", "/problems/host.unreachable"), (put.Status, put.Code, (string)put["type"]!));
        Assert.Equal(("127.0.0.1", _sshd.Port), ((string)put["address"]!, (int)put["port"]!));
        Assert.Equal(404, (await Client.GetJsonAsync(Url)).Status);
    }

    [Fact]
    public async Task Put_GivenHostKey_NeedsNoHost()
    {
        await _sshd.StopAsync();
        var put = await Client.PutAsync(Url, Body(Fingerprint));
        Assert.Equal((201, Fingerprint), (put.Status, (string?)put["driver"]["hostKey"]));
    }

    [Fact]
    public async Task Put_PinLeftOutLater_StaysAndTheNewOneHasToBeNamed()
    {
        await Client.PutAsync(Url, Body(Fingerprint));
        var again = await Client.PutAsync(Url, Body());
        Assert.Equal((200, Fingerprint), (again.Status, (string?)again["driver"]["hostKey"]));

        var patched = await Client.SendJsonAsync(HttpMethod.Patch, Url, new { driver = new { hostKey = _sshd.HostKey, user = "xlnet" } });
        Assert.Equal((200, _sshd.HostKey, "xlnet"), (patched.Status, (string?)patched["driver"]["hostKey"], (string?)patched["driver"]["user"]));
        Assert.Equal((long)again["revision"]! + 1, (long)patched["revision"]!);

        var kind = await Client.PutAsync(Url, new { driver = new { kind = "simulated" } });
        Assert.Equal((409, "host.driver"), (kind.Status, kind.Code));
    }

    [Fact]
    public async Task Restore_OfARevisionBeforeAPinChanged_LeavesThePin()
    {
        var put = await Client.PutAsync(Url, Body(Fingerprint));
        await Client.PutAsync(Url, Body(_sshd.HostKey));
        var etag = (await Client.GetJsonAsync(Url)).Headers.ETag!.ToString();
        var restored = await Client.SendJsonAsync(HttpMethod.Post, $"{Url}/revisions/{put["revision"]}/restore", null, ("If-Match", etag));
        Assert.True(restored.Status < 300, restored.Text);
        Assert.Equal(_sshd.HostKey, (string?)(await Client.GetJsonAsync(Url))["driver"]["hostKey"]);
    }

    [Theory]
    [InlineData("""{"kind":"ssh","key":"lab"}""", "/driver/address")]
    [InlineData("""{"kind":"ssh","address":"-oProxyCommand=reboot","key":"lab"}""", "/driver/address")]
    [InlineData("""{"kind":"ssh","address":"127.1","key":"lab"}""", "/driver/address")]
    [InlineData("""{"kind":"ssh","address":"[::1]","key":"lab"}""", "/driver/address")]
    [InlineData("""{"kind":"ssh","address":"a b","key":"lab"}""", "/driver/address")]
    [InlineData("""{"kind":"ssh","address":"dom0","key":"lab","port":0}""", "/driver/port")]
    [InlineData("""{"kind":"ssh","address":"dom0","key":"lab","port":65536}""", "/driver/port")]
    [InlineData("""{"kind":"ssh","address":"dom0","key":"lab","user":"ro ot"}""", "/driver/user")]
    [InlineData("""{"kind":"ssh","address":"dom0"}""", "/driver/key")]
    [InlineData("""{"kind":"ssh","address":"dom0","key":"../lab"}""", "/driver/key")]
    [InlineData("""{"kind":"ssh","address":"dom0","key":"-----BEGIN OPENSSH PRIVATE KEY-----"}""", "/driver/key")]
    [InlineData("""{"kind":"ssh","address":"dom0","key":"lab","hostKey":"MD5:00"}""", "/driver/hostKey")]
    [InlineData("""{"kind":"ssh","address":"dom0","key":"lab","path":"x"}""", "/driver/path")]
    [InlineData("""{"kind":"local","address":"dom0"}""", "/driver/address")]
    [InlineData("""{"kind":"simulated","hostKey":"SHA256:ohD8VZEXGWo6Ez8GSEJQ9WpafgLFsOfLOtGGQCQo6Og"}""", "/driver/hostKey")]
    public async Task Put_BadDriver_RefusedWithItsPointer(string driver, string pointer)
    {
        var put = await Client.PutAsync(Url, new JsonObject { ["driver"] = JsonNode.Parse(driver) });
        Assert.Equal((422, "validation"), (put.Status, put.Code));
        Assert.Equal([pointer], put.Pointers);
        Assert.DoesNotContain("BEGIN OPENSSH", put.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("::1")]
    [InlineData("192.0.2.7")]
    [InlineData("dom0-1.lab.example")]
    public async Task Put_AddressOfEachKind_IsTaken(string address) =>
        Assert.Equal(201, (await Client.PutAsync(Url, new { driver = new { kind = "ssh", address, key = "lab", hostKey = Fingerprint } })).Status);

    [Fact]
    public async Task Put_Local_IsNotSimulated()
    {
        var put = await Client.PutAsync(Url, new { driver = new { kind = "local" } });
        Assert.Equal((201, false), (put.Status, (bool)put["simulated"]!));
    }

    [Fact]
    public async Task Observe_HostKeyChanged_NamesBothAndNothingRuns()
    {
        var pinned = _sshd.HostKey;
        await Client.PutAsync(Url, Body());
        await _sshd.StopAsync();
        await _sshd.MakeHostKeyAsync();
        await _sshd.StartAgainAsync();

        var answer = await Client.GetJsonAsync(Url + "/observation");
        Assert.Equal((502, "host.host-key-changed"), (answer.Status, answer.Code));
        Assert.Equal(pinned, (string?)answer["expectedHostKey"]);
        Assert.Equal(["ssh-ed25519 " + _sshd.HostKey], answer["offeredHostKeys"].AsArray().Select(k => (string?)k));
        Assert.DoesNotContain("Accepted", _sshd.Log, StringComparison.Ordinal);

        await Client.SendJsonAsync(HttpMethod.Patch, Url, new { driver = new { hostKey = _sshd.HostKey } });
        Assert.NotEqual("host.host-key-changed", (await Client.GetJsonAsync(Url + "/observation")).Code);
    }

    [Fact]
    public async Task Apply_NothingListens_FailsAndKeepsTheDesiredState()
    {
        await Client.PutAsync(Url, Body());
        await Client.PutTextAsync(Url + "/guests/web1/config", "name = 'web1'\ntype = 'pv'\nkernel = '/k'\nvif = ['']\n");
        var before = (await Client.GetJsonAsync(Url)).Text;
        await _sshd.StopAsync();

        foreach (var path in (string[])["/plan", "/observation"])
            Assert.Equal("host.unreachable", (await Client.GetJsonAsync(Url + path)).Code);
        var operation = await Client.PostAsync(Url + "/apply?wait=60s");
        Assert.Equal(("failed", "host.unreachable"), ((string)operation["status"]!, (string)operation["error"]["code"]!));
        Assert.Equal(before, (await Client.GetJsonAsync(Url)).Text);
        Assert.Equal(200, (await Client.GetJsonAsync(Url + "/guests/web1")).Status);
    }

    [Fact]
    public async Task Observe_HostThatNeverAnswers_EndsInItsTime()
    {
        using var hole = new TcpListener(IPAddress.Loopback, 0);
        hole.Start();
        await Client.PutAsync(Url, new
        {
            driver = new { kind = "ssh", address = "127.0.0.1", port = ((IPEndPoint)hole.LocalEndpoint).Port, user = Environment.UserName, key = _name, hostKey = Fingerprint },
        });
        var answer = await Client.GetJsonAsync(Url + "/observation");
        Assert.Equal((502, "host.unreachable"), (answer.Status, answer.Code));
        Assert.Contains("within 10 s", (string)answer["detail"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Observe_NoXl_SaysWhichProgramIsMissing()
    {
        await Client.PutAsync(Url, Body());
        var answer = await Client.GetJsonAsync(Url + "/observation");
        Assert.Equal((502, "host.program-missing", 127), (answer.Status, answer.Code, (int)answer["exitStatus"]!));
        Assert.Equal(["xl", "info"], answer["command"].AsArray().Select(a => (string)a!));
        var operation = await Client.PostAsync(Url + "/apply?wait=60s");
        Assert.Equal(("failed", "host.program-missing"), ((string)operation["status"]!, (string)operation["error"]["code"]!));
    }

    [Fact]
    public async Task Key_MissingTooOpenOrRefused_HasACodeOfItsOwnAndIsNowhereElse()
    {
        await Client.PutAsync(Url, Body());
        var key = Path.Combine(service.KeyDirectory, _name);
        var secret = (await File.ReadAllLinesAsync(key, TestContext.Current.CancellationToken))[2];
        List<Answer> answers = [await Client.GetJsonAsync(Url)];

        await Sshd.RunAsync("chmod", "0644", key);
        answers.Add(await Client.GetJsonAsync(Url + "/observation"));
        Assert.Equal((502, "host.key-unusable", "0644"), (answers[^1].Status, answers[^1].Code, (string?)answers[^1]["mode"]));

        File.Delete(key);
        answers.Add(await Client.GetJsonAsync(Url + "/observation"));
        Assert.Equal((502, "host.key-missing"), (answers[^1].Status, answers[^1].Code));

        await _sshd.MakeKeyAsync("other");
        File.Copy(_sshd.KeyDirectory + "/other", key);
        answers.Add(await Client.GetJsonAsync(Url + "/observation"));
        Assert.Equal((502, "host.key-refused"), (answers[^1].Status, answers[^1].Code));

        Assert.All(answers, a => Assert.DoesNotContain(secret, a.Text, StringComparison.Ordinal));
        Assert.Equal(0, await RowsWithAsync(secret));
        Assert.NotEqual(0, await RowsWithAsync(_sshd.HostKey));
    }

    private object Body(string? hostKey = null) => new
    {
        driver = new { kind = "ssh", address = "127.0.0.1", port = _sshd.Port, user = Environment.UserName, key = _name, hostKey },
    };

    /// <summary>How many rows of all tables say it. Asked one by one: all in one text is more than PostgreSQL's memory holds.</summary>
    private async Task<long> RowsWithAsync(string text)
    {
        await using var source = NpgsqlDataSource.Create(service.ConnectionString);
        List<string> tables = [];
        await using (var list = source.CreateCommand("SELECT quote_ident(table_name) FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"))
        await using (var rows = await list.ExecuteReaderAsync(TestContext.Current.CancellationToken))
        {
            while (await rows.ReadAsync(TestContext.Current.CancellationToken))
                tables.Add(rows.GetString(0));
        }

        Assert.Contains("hosts", tables);
        long found = 0;
        foreach (var table in tables)
        {
            await using var count = source.CreateCommand($"SELECT count(*) FROM {table} t WHERE position($1 in t::text) > 0");
            count.Parameters.Add(new NpgsqlParameter { Value = text });
            found += (long)(await count.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
        }

        return found;
    }
}

using System.Net.Sockets;
using System.Text;
using Npgsql;
using Xunit;

namespace Xlnet.Api.Tests.Input;

/// <summary>A service that these tests have for themselves, so that they can say of a refused request that it changed nothing.</summary>
public sealed class InputService : IAsyncLifetime
{
    public const string Guest = """
        name = "g1"
        kernel = "/k"
        vif = ['vifname=g1-lan,mac=02:00:00:00:01:01']

        """;

    private readonly ServiceFixture _service = new();

    public HttpClient Client => _service.Client;

    public string ConnectionString => _service.ConnectionString;

    /// <summary>Its host <c>in</c> has the bridges br0 and br1, and the guest g1 with one vif on br0.</summary>
    public async ValueTask InitializeAsync()
    {
        await _service.InitializeAsync();
        Assert.Equal(201, (await Client.PutAsync("/v1/hosts/in", new { driver = new { kind = "simulated" } })).Status);
        Assert.Equal(201, (await Client.PutAsync("/v1/hosts/in/bridges/br0", new { })).Status);
        Assert.Equal(201, (await Client.PutTextAsync("/v1/hosts/in/guests/g1/config", Guest.Replace("'vifname", "'bridge=br0,vifname", StringComparison.Ordinal))).Status);
    }

    public ValueTask DisposeAsync() => _service.DisposeAsync();

    /// <summary>All rows of all tables, in short.</summary>
    public async Task<string> SnapshotAsync()
    {
        await using var database = NpgsqlDataSource.Create(ConnectionString);
        var tables = new List<string>();
        await using (var names = database.CreateCommand(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'qrtz%' ORDER BY 1"))
        await using (var reader = await names.ExecuteReaderAsync(TestContext.Current.CancellationToken))
        {
            while (await reader.ReadAsync(TestContext.Current.CancellationToken))
                tables.Add(reader.GetString(0));
        }

        await using var rows = database.CreateCommand(string.Join(" UNION ALL ",
            tables.Select(t => $"SELECT '{t} ' || count(*) || ' ' || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') AS line FROM \"{t}\" t")));
        var lines = new List<string>();
        await using var all = await rows.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        while (await all.ReadAsync(TestContext.Current.CancellationToken))
            lines.Add(all.GetString(0));
        return string.Join('\n', lines.Order(StringComparer.Ordinal));
    }

    /// <param name="asIs">The path is sent as it is, dots and all, which a client would have mended.</param>
    public Task<Answer> SendAsync(
        string method, string path, byte[]? body = null, string? contentType = "application/json", bool chunked = false, bool asIs = false, params (string Name, string Value)[] headers)
    {
        var uri = asIs
            ? new Uri(Client.BaseAddress!.GetLeftPart(UriPartial.Authority) + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true })
            : new Uri(path, UriKind.Relative);
        var request = new HttpRequestMessage(new HttpMethod(method), uri);
        if (body is not null)
        {
            request.Content = chunked ? new StreamContent(new MemoryStream(body)) : new ByteArrayContent(body);
            if (contentType is not null)
                request.Content.Headers.TryAddWithoutValidation("Content-Type", contentType);
        }

        // So that a body that is refused by its length is not sent into a closed connection.
        request.Headers.ExpectContinue = body?.Length > 1 << 20;
        request.Headers.TransferEncodingChunked = chunked ? true : null;
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value);
        return Client.AnswerAsync(request);
    }

    /// <summary>Sends what an HTTP client would mend, and reads the status.</summary>
    public async Task<int> SendRawAsync(string requestLine)
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(Client.BaseAddress!.Host, Client.BaseAddress.Port, TestContext.Current.CancellationToken);
        await using var stream = tcp.GetStream();
        await stream.WriteAsync(Encoding.Latin1.GetBytes($"{requestLine} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"), TestContext.Current.CancellationToken);
        using var reader = new StreamReader(stream, Encoding.Latin1);
        return int.Parse((await reader.ReadLineAsync(TestContext.Current.CancellationToken))!.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Every problem has what RFC 9457 and the contract ask for, and nothing of the service's insides.</summary>
    public static void CheckProblem(Answer answer, int status, string code, string? pointer = null)
    {
        Assert.True(status == answer.Status, $"{answer.Status} instead of {status}: {answer.Text}");
        Assert.Equal("application/problem+json", answer.ContentType);
        Assert.True(code == answer.Code, $"'{answer.Code}' instead of '{code}': {answer.Text}");
        Assert.Equal($"/problems/{code}", (string?)answer["type"]);
        Assert.Equal(status, (int)answer["status"]);
        Assert.NotEqual("", (string?)answer["detail"]);
        Assert.NotEqual("", (string?)answer["title"]);
        Assert.Equal(Assert.Single(answer.Headers.GetValues("X-Request-ID")), (string?)answer["requestId"]);
        foreach (var inside in (string[])["Xlnet.", "System.", "Microsoft.", "Npgsql", ".NET", "Exception"])
            Assert.DoesNotContain(inside, answer.Text, StringComparison.Ordinal);
        if (pointer is not null)
            Assert.Contains(pointer, answer.Pointers);
        foreach (var error in answer.Json!["errors"]?.AsArray() ?? [])
        {
            Assert.NotEqual("", (string?)error!["code"]);
            Assert.NotEqual("", (string?)error["message"]);
        }
    }
}

[CollectionDefinition("Input")]
public sealed class InputGroup : ICollectionFixture<InputService>;

using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Xlnet.Domain.Common;
using Xlnet.Domain.Macs;
using Xlnet.Domain.Vifs;
using Xlnet.Infrastructure.Data;
using Xunit;

namespace Xlnet.Api.Tests;

public sealed class MacTests(ServiceFixture service)
{
    private static int _ranges;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private HttpClient Client => service.Client;

    [Fact]
    public async Task Attach_64ClientsAtOnce_Get64Addresses()
    {
        var hosts = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => service.NewHostAsync()));
        foreach (var host in hosts)
            await NewGuestAsync(host, "g1");

        var answers = await Task.WhenAll(Enumerable.Range(0, 64).Select(i => Client.PostAsync($"/v1/hosts/{hosts[i % 8]}/guests/g1/vifs", new { bridge = "xenbr0" })));

        Assert.All(answers, a => Assert.Equal(201, a.Status));
        Assert.Equal(64, answers.Select(a => (string)a["mac"]!).Distinct().Count());
        foreach (var host in hosts)
        {
            var devids = (await Client.GetJsonAsync($"/v1/hosts/{host}/guests/g1/vifs"))["items"].AsArray().Select(v => (int)v!["devid"]!);
            Assert.Equal(Enumerable.Range(0, 8), devids);
        }
    }

    [Fact]
    public async Task Attach_64ClientsOnOneGuest_Get64Devids()
    {
        var host = await service.NewHostAsync();
        await NewGuestAsync(host, "g1");
        var answers = await Task.WhenAll(Enumerable.Range(0, 64).Select(_ => Client.PostAsync($"/v1/hosts/{host}/guests/g1/vifs", new { })));
        Assert.All(answers, a => Assert.Equal(201, a.Status));
        Assert.Equal(Enumerable.Range(0, 64), answers.Select(a => (int)a["devid"]!).Order());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Attach_PoolOfAMillion99PercentFull_TakesAsManyStatementsAsWhenEmpty(bool bySequence)
    {
        var (pool, first) = await NewPoolAsync(1_000_000, quarantineSeconds: 0);
        var host = await service.NewHostAsync(new { macPool = pool });
        await NewGuestAsync(host, "g1");
        using var counter = new StatementCounter();
        var (empty, whenEmpty) = await counter.CountAsync(Client, HttpMethod.Post, $"/v1/hosts/{host}/guests/g1/vifs", new { });
        Assert.Equal(201, empty.Status);

        await FillAsync(pool, first, 990_000, bySequence);
        var (full, whenFull) = await counter.CountAsync(Client, HttpMethod.Post, $"/v1/hosts/{host}/guests/g1/vifs", new { });

        Assert.Equal(201, full.Status);
        Assert.True(whenEmpty > 0);
        Assert.Equal(whenEmpty, whenFull);
    }

    /// <summary>PostgreSQL keeps the plans of prepared statements, until it next looks at how large a table has become.</summary>
    [Fact]
    public async Task Statements_PlannedOnSmallTables_ReadAsFewRowsOfLargeOnes()
    {
        await using var database = new TestDatabase();
        await database.CreateAsync();
        await using var source = NpgsqlDataSource.Create(XlnetDbOptions.Complete(database.ConnectionString));
        var options = new DbContextOptionsBuilder<XlnetDbContext>();
        XlnetDbOptions.Configure(options, source);
        await using var db = new XlnetDbContext(options.Options);
        await db.Database.MigrateAsync(Stop);
        await db.Database.ExecuteSqlRawAsync("ALTER TABLE mac_allocations SET (autovacuum_enabled = off); ALTER TABLE mac_holdings SET (autovacuum_enabled = off)", Stop);
        var macs = new MacAllocator(db, new RequestInfo(), TimeProvider.System);
        var pool = MacPool.Create(ResourceName.Parse(MacPool.DefaultName), MacPool.DefaultFirst, MacPool.DefaultLast, TimeProvider.System.GetUtcNow());
        var only = new MacAddress(0x0200_0000_0000);
        var single = MacPool.Create(ResourceName.Parse("single"), only, only, TimeProvider.System.GetUtcNow());
        single.Quarantine = TimeSpan.Zero;
        await db.Database.OpenConnectionAsync(Stop);
        await CountAsync(() => macs.AddPoolAsync(pool, Stop));
        await CountAsync(() => macs.AddPoolAsync(single, Stop));

        // One name for which much is reserved: by what PostgreSQL knows of it, any address will do.
        await db.Database.ExecuteSqlRawAsync("""
            INSERT INTO mac_allocations (mac, state, holder, since)
            SELECT lpad(to_hex(x'020000200000'::bigint + n), 12, '0')::macaddr, 'reserved', 'lab', now() FROM generate_series(1, 300) n
            """, Stop);
        // The fifth time Npgsql has them prepared, and after five more PostgreSQL keeps their plans.
        long[] whenSmall = [];
        for (var i = 0; i < 20; i++)
        {
            // As if they were and stayed as small as they are.
            await db.Database.ExecuteSqlRawAsync("ANALYZE mac_allocations; ANALYZE mac_holdings", Stop);
            whenSmall = await RowsReadAsync(i);
        }

        await db.Database.ExecuteSqlRawAsync("""
            INSERT INTO mac_allocations (mac, pool_id, state, holder, since, available_at)
            SELECT lpad(to_hex(x'020000100000'::bigint + n), 12, '0')::macaddr, p.id,
                   (ARRAY['held', 'reserved', 'quarantined'])[n % 3 + 1], 'filled', now(), CASE WHEN n % 3 = 2 THEN now() + interval '1 hour' END
            FROM generate_series(1, 100000) n, mac_pools p WHERE p.name <> 'single';
            INSERT INTO mac_holdings (mac, holder, state, held_from) SELECT mac, holder, 'held', now() FROM mac_allocations
            """, Stop);
        var whenLarge = await RowsReadAsync(20);

        // The ledger has an entry for each time that the only address was held.
        Assert.All(whenSmall.Concat(whenLarge), rows => Assert.InRange(rows, 0, 40));

        // Of a new address, of a claim and the allocation of what was claimed, of a used-up pool's only address, and of a release.
        async Task<long[]> RowsReadAsync(int i)
        {
            var guest = $"g{i}";
            var mac = new MacAddress(0x0200_0001_0000 + (ulong)i);
            return
            [
                await CountAsync(() => macs.AllocateAsync(pool, new VifHolder("h", guest, 0), Stop)),
                await CountAsync(async () =>
                {
                    await macs.ReserveAsync(mac, $"h/{guest}", Stop);
                    Assert.Equal(mac, await macs.AllocateAsync(pool, new VifHolder("h", guest, 1), Stop));
                }),
                await CountAsync(async () => Assert.Equal(only, await macs.AllocateAsync(single, new VifHolder("h", guest, 2), Stop))),
                await CountAsync(() => macs.ReleaseAsync([mac, only], Stop)),
            ];
        }

        async Task<long> CountAsync(Func<Task> run)
        {
            await using var transaction = await db.Database.BeginTransactionAsync(Stop);
            var before = await ReadSoFarAsync();
            await run();
            var after = await ReadSoFarAsync();
            await transaction.CommitAsync(Stop);
            return after - before;
        }

        Task<long> ReadSoFarAsync() =>
            db.Database.SqlQuery<long>($"SELECT sum(seq_tup_read + COALESCE(idx_tup_fetch, 0))::bigint AS \"Value\" FROM pg_stat_xact_user_tables").SingleAsync(Stop);
    }

    [Fact]
    public async Task Attach_PoolUsedUp_GivesAReleasedAddressAgainAndThen409()
    {
        var (pool, _) = await NewPoolAsync(3, quarantineSeconds: 0);
        var host = await service.NewHostAsync(new { macPool = pool });
        await NewGuestAsync(host, "g1");
        var macs = new List<string>();
        for (var i = 0; i < 3; i++)
            macs.Add((string)(await Client.PostAsync($"/v1/hosts/{host}/guests/g1/vifs", new { }))["mac"]!);
        Assert.Equal(3, macs.Distinct().Count());

        var refused = await Client.PostAsync($"/v1/hosts/{host}/guests/g1/vifs", new { });
        Assert.Equal((409, "mac-pool.exhausted"), (refused.Status, refused.Code));

        await Client.DeleteAnswerAsync($"/v1/hosts/{host}/guests/g1/vifs/1");
        var again = await Client.PostAsync($"/v1/hosts/{host}/guests/g1/vifs", new { });
        Assert.Equal(201, again.Status);
        Assert.Equal(macs[1], (string)again["mac"]!);
        var history = (await Client.GetJsonAsync($"/v1/mac-allocations/{macs[1]}"))["history"].AsArray();
        Assert.Equal([$"{host}/g1/1", $"{host}/g1/1"], history.Select(h => (string)h!["holder"]!));
        Assert.Null(history[0]!["until"]);
        Assert.NotNull(history[1]!["until"]);
    }

    [Fact]
    public async Task Attach_ReleasedAddress_WaitsInQuarantine()
    {
        var (pool, _) = await NewPoolAsync(1, quarantineSeconds: 3600);
        var host = await service.NewHostAsync(new { macPool = pool });
        await NewGuestAsync(host, "g1");
        await NewGuestAsync(host, "g2");
        var mac = (string)(await Client.PostAsync($"/v1/hosts/{host}/guests/g1/vifs", new { }))["mac"]!;
        await Client.DeleteAnswerAsync($"/v1/hosts/{host}/guests/g1/vifs/0");

        Assert.Equal("mac-pool.exhausted", (await Client.PostAsync($"/v1/hosts/{host}/guests/g2/vifs", new { })).Code);
        var taken = await Client.PostAsync($"/v1/hosts/{host}/guests/g2/vifs", new { mac });
        Assert.Equal((409, "mac.in-quarantine"), (taken.Status, taken.Code));
        Assert.Equal("quarantined", (string)(await Client.GetJsonAsync($"/v1/mac-allocations/{mac}"))["state"]!);
        // Its last holder may have it back.
        Assert.Equal(201, (await Client.PostAsync($"/v1/hosts/{host}/guests/g1/vifs", new { mac })).Status);
    }

    [Fact]
    public async Task Attach_AddressOfAnotherVif_Is409ThatNamesIt()
    {
        var host = await service.NewHostAsync();
        await NewGuestAsync(host, "g1");
        await NewGuestAsync(host, "g2");
        var mac = (string)(await Client.PostAsync($"/v1/hosts/{host}/guests/g1/vifs", new { }))["mac"]!;

        var clash = await Client.PostAsync($"/v1/hosts/{host}/guests/g2/vifs", new { mac });

        Assert.Equal((409, "mac.in-use"), (clash.Status, clash.Code));
        Assert.Equal(["/mac"], clash.Pointers);
        Assert.Equal((host, "g1", 0), ((string)clash["conflictingVif"]["host"]!, (string)clash["conflictingVif"]["guest"]!, (int)clash["conflictingVif"]["devid"]!));
        Assert.Empty((await Client.GetJsonAsync($"/v1/hosts/{host}/guests/g2/vifs"))["items"].AsArray());
    }

    [Fact]
    public async Task Reserve_ForAGuestToCome_GivesItTheAddress()
    {
        var host = await service.NewHostAsync();
        var reserved = await Client.PostAsync("/v1/mac-allocations", new { reservedFor = $"{host}/g1" });
        Assert.Equal(201, reserved.Status);
        await NewGuestAsync(host, "g1");
        await NewGuestAsync(host, "g2");
        var mac = (string)reserved["mac"]!;

        Assert.Equal("mac.reserved", (await Client.PostAsync($"/v1/hosts/{host}/guests/g2/vifs", new { mac })).Code);
        Assert.Equal(mac, (string)(await Client.PostAsync($"/v1/hosts/{host}/guests/g1/vifs", new { }))["mac"]!);
        Assert.Equal("held", (string)(await Client.GetJsonAsync($"/v1/mac-allocations/{mac}"))["state"]!);
    }

    [Fact]
    public async Task Put_VifsThatSwapTheirAddresses_Works()
    {
        var host = await service.NewHostAsync();
        await NewGuestAsync(host, "g1");
        var (a, b) = ((string)(await Client.PostAsync($"/v1/hosts/{host}/guests/g1/vifs", new { }))["mac"]!, (string)(await Client.PostAsync($"/v1/hosts/{host}/guests/g1/vifs", new { }))["mac"]!);

        var swapped = await Client.PutAsync($"/v1/hosts/{host}/guests/g1", new { vifs = new[] { new { mac = b }, new { mac = a } } });

        Assert.Equal(200, swapped.Status);
        Assert.Equal([b, a], swapped["vifs"].AsArray().Select(v => (string)v!["mac"]!));
    }

    [Fact]
    public async Task CreatePool_Overlapping_Is409ThatNamesTheOther()
    {
        var clash = await Client.PostAsync("/v1/mac-pools", new { name = $"p{Guid.NewGuid():n}"[..20], first = "00:16:3e:ff:ff:00", last = "00:16:3f:00:00:00" });
        Assert.Equal((409, "mac-pool.overlap"), (clash.Status, clash.Code));
        Assert.Contains("'default'", (string)clash["detail"]!, StringComparison.Ordinal);
    }

    private async Task NewGuestAsync(string host, string name) =>
        Assert.Equal(201, (await Client.PutAsync($"/v1/hosts/{host}/guests/{name}", new { kernel = "/guest/vmlinuz" })).Status);

    private async Task<(string Name, long First)> NewPoolAsync(long size, int quarantineSeconds)
    {
        var first = 0x0200_0000_0000L + Interlocked.Increment(ref _ranges) * 0x1_0000_0000L;
        var name = $"p{Guid.NewGuid():n}"[..20];
        var answer = await Client.PostAsync("/v1/mac-pools", new { name, first = Mac(first), last = Mac(first + size - 1), quarantineSeconds });
        Assert.Equal(201, answer.Status);
        Assert.Equal(size, (long)answer["size"]!);
        return (name, first);
    }

    private static string Mac(long value) =>
        string.Join(':', Enumerable.Range(0, 6).Select(i => ((byte)(value >> (40 - 8 * i))).ToString("x2", CultureInfo.InvariantCulture)));

    /// <summary>Takes addresses of a pool, as allocations would (and the sequence with them), or as claims by hand.</summary>
    private async Task FillAsync(string pool, long first, int count, bool bySequence)
    {
        await using var connection = new NpgsqlConnection(service.ConnectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var fill = connection.CreateCommand();
        fill.CommandText = $"""
            INSERT INTO mac_allocations (mac, pool_id, state, holder, since)
            SELECT lpad(to_hex({first} + {(bySequence ? "n * p.multiplier % 1000000" : "n")}), 12, '0')::macaddr, p.id, 'held', 'filled', now()
            FROM generate_series(0, {count}) n, mac_pools p WHERE p.name = '{pool}'
            ON CONFLICT DO NOTHING
            """;
        fill.CommandTimeout = 300;
        await fill.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        if (!bySequence)
            return;
        await using var advance = connection.CreateCommand();
        advance.CommandText = $"SELECT setval('mac_pool_' || id || '_seq', {count}) FROM mac_pools WHERE name = '{pool}'";
        await advance.ExecuteScalarAsync(TestContext.Current.CancellationToken);
    }
}

using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Npgsql;
using Xlnet.Hosts.Tests.Ssh;
using Xlnet.StandInDom0;

namespace Xlnet.Bench;

/// <summary>
/// The same work by xlnet and by ansible-playbook, in turns: 20 guest files to one host, over SSH to an sshd on loopback. xlnet does
/// all that an apply does: it observes, plans, journals each step, writes, and observes again.
/// </summary>
internal sealed class AnsibleComparison : IAsyncDisposable
{
    private const int Guests = 20;
    private const int Rounds = 3;
    private const double LeastRatio = 50;

    private readonly string _folder = Directory.CreateTempSubdirectory("xlnet-bench-").FullName;
    private readonly StandInHost _host;
    private readonly Sshd _sshd;

    private AnsibleComparison(StandInHost host, Sshd sshd) => (_host, _sshd) = (host, sshd);

    public static async Task<bool> RunAsync(string postgres)
    {
        var host = await StandInHost.StartAsync(CancellationToken.None);
        // The stand-in starts a .NET for each command, which takes many times as long as the real xl does.
        await host.AnswerAsBeforeAsync(CancellationToken.None);
        var sshd = await Sshd.StartAsync(new SshdOptions { Prefix = host.Enter(), Environment = host.LoginEnvironment, Extra = "Subsystem sftp internal-sftp" });
        await using var comparison = new AnsibleComparison(host, sshd);
        return await comparison.CompareAsync(postgres);
    }

    public async ValueTask DisposeAsync()
    {
        await _sshd.DisposeAsync();
        await _host.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task<bool> CompareAsync(string postgres)
    {
        await PrepareAnsibleAsync();
        var database = $"xlnet_bench_{Guid.NewGuid():n}";
        await ExecuteAsync(postgres, $"CREATE DATABASE {database}");
        try
        {
            await using var service = await BenchService.StartAsync(
                new NpgsqlConnectionStringBuilder(postgres) { Database = database }.ConnectionString, _folder, _sshd.KeyDirectory);
            await PrepareXlnetAsync(service.Client);
            return await MeasureAsync(service.Client);
        }
        finally
        {
            await ExecuteAsync(postgres, $"DROP DATABASE {database} WITH (FORCE)");
        }
    }

    private async Task<bool> MeasureAsync(HttpClient client)
    {
        // Once beforehand: what compiles at run time, and what Ansible leaves in its caches, is not what is compared.
        await ApplyAsync(client, Guests);
        await RemoveFilesAsync();
        await PlayAsync();

        List<double> xlnetFirst = [], xlnetAgain = [], ansibleFirst = [], ansibleAgain = [];
        for (var round = 0; round < Rounds; round++)
        {
            await RemoveFilesAsync();
            xlnetFirst.Add(await TimeAsync(() => ApplyAsync(client, Guests)));
            xlnetAgain.Add(await TimeAsync(() => ApplyAsync(client, 0)));
            CheckFiles();
            await RemoveFilesAsync();
            ansibleFirst.Add(await TimeAsync(PlayAsync));
            ansibleAgain.Add(await TimeAsync(PlayAsync));
            CheckFiles();
        }

        Console.WriteLine($"| {Guests} guest files to one host over SSH | xlnet | Ansible | times as fast | bound | kept |");
        Console.WriteLine("| --- | --: | --: | --: | --- | --- |");
        return Row("first", xlnetFirst, ansibleFirst) & Row("with nothing to change", xlnetAgain, ansibleAgain);
    }

    private static bool Row(string what, List<double> xlnet, List<double> ansible)
    {
        var (ours, theirs) = (Figures.Median(xlnet), Figures.Median(ansible));
        var kept = theirs / ours >= LeastRatio;
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"| {what} | {ours * 1000:n0} ms | {theirs:n1} s | {theirs / ours:n0} | ≥ {LeastRatio:n0} times | {(kept ? "yes" : "**no**")} |"));
        return kept;
    }

    private async Task PrepareXlnetAsync(HttpClient client)
    {
        var target = _sshd.Target;
        await PutAsync(client, "", JsonContent.Create(new
        {
            driver = new { kind = "ssh", address = target.Address, port = target.Port, user = target.User, key = target.Key, hostKey = target.HostKey },
        }));
        for (var i = 1; i <= Guests; i++)
            await PutAsync(client, $"/guests/{Name(i)}/config", new StringContent(GuestFile(i)));
    }

    private static async Task PutAsync(HttpClient client, string path, HttpContent body)
    {
        using var answer = await client.PutAsync("/v1/hosts/dom0" + path, body);
        if (!answer.IsSuccessStatusCode)
            throw new InvalidOperationException(await answer.Content.ReadAsStringAsync());
    }

    private static async Task ApplyAsync(HttpClient client, int steps)
    {
        using var answer = await client.PostAsync("/v1/hosts/dom0/apply?wait=60s", null);
        var operation = JsonNode.Parse(await answer.Content.ReadAsStringAsync())!;
        if ((string?)operation["status"] != "succeeded" || operation["steps"]!.AsArray().Count != steps)
            throw new InvalidOperationException($"{steps} steps were to succeed: {operation}");
    }

    private async Task PrepareAnsibleAsync()
    {
        var target = _sshd.Target;
        await File.WriteAllTextAsync(Path.Combine(_folder, "inventory"), string.Create(CultureInfo.InvariantCulture,
            $"dom0 ansible_host=127.0.0.1 ansible_port={target.Port} ansible_user={target.User} ansible_ssh_private_key_file={_sshd.KeyDirectory}/{target.Key} ansible_python_interpreter=/usr/bin/python3\n"));
        await File.WriteAllTextAsync(Path.Combine(_folder, "ansible.cfg"), "[defaults]\nhost_key_checking = false\ngathering = explicit\n[ssh_connection]\npipelining = true\n");
        await File.WriteAllTextAsync(Path.Combine(_folder, "guest.cfg.j2"), GuestFile(0).Replace(Name(0), "{{ item.name }}").Replace(Mac(0), "{{ item.mac }}"));
        var items = string.Join('\n', Enumerable.Range(1, Guests).Select(i => $"        - {{ name: {Name(i)}, mac: '{Mac(i)}' }}"));
        await File.WriteAllTextAsync(Path.Combine(_folder, "play.yml"), $$$"""
            - hosts: dom0
              tasks:
                - template:
                    src: guest.cfg.j2
                    dest: /etc/xen/{{ item.name }}.cfg
                  loop:
            {{{items}}}

            """);
    }

    private Task PlayAsync() => Programs.RunInAsync(_folder, "ansible-playbook", "-i", "inventory", "play.yml");

    private async Task RemoveFilesAsync() =>
        await Programs.RunAsync([.. _host.Enter(), "find", "/etc/xen", "-name", "*.cfg", "-delete"]);

    private void CheckFiles()
    {
        for (var i = 1; i <= Guests; i++)
        {
            if (File.ReadAllText($"{_host.FilesPath}/etc/xen/{Name(i)}.cfg") != GuestFile(i))
                throw new InvalidOperationException($"{Name(i)}.cfg is not as it is to be.");
        }
    }

    private static string Name(int i) => string.Create(CultureInfo.InvariantCulture, $"guest{i:00}");

    private static string Mac(int i) => string.Create(CultureInfo.InvariantCulture, $"00:16:3e:80:01:{i:x2}");

    private static string GuestFile(int i) =>
        $"name = '{Name(i)}'\ntype = 'pv'\nkernel = '/guest/vmlinuz'\nmemory = 128\nvif = ['mac={Mac(i)},bridge=xenbr0']\n";

    private static async Task<double> TimeAsync(Func<Task> run)
    {
        var start = Stopwatch.GetTimestamp();
        await run();
        return Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static async Task ExecuteAsync(string connectionString, string sql)
    {
        await using var source = NpgsqlDataSource.Create(connectionString);
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }
}

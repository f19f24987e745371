using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Xlnet.Domain.Xl;
using Xunit;

namespace Xlnet.Conformance.Tests;

/// <summary>What the real xl did with one job.</summary>
/// <param name="Status">Its exit status; 128 and the signal's number when it died of one.</param>
/// <param name="Message">Standard error without <c>Parsing config from</c>, a char a byte.</param>
public sealed record XlRun(int Status, string Output, string Message)
{
    public bool Accepted => Status == 0;

    /// <summary>The vifs of what <c>xl -N create</c> printed; null when it printed none.</summary>
    public IReadOnlyList<SortedDictionary<string, string>>? Nics
    {
        get
        {
            if (Output.Length == 0)
                return null;
            using var document = JsonDocument.Parse(Encoding.UTF8.GetBytes(Output));
            var root = document.RootElement;
            return root.TryGetProperty("nics", out var nics) ? [.. nics.EnumerateArray().Select(Flatten)] : [];
        }
    }

    /// <summary>The vif that <c>xl -N network-attach</c> printed.</summary>
    public SortedDictionary<string, string>? AttachedNic
    {
        get
        {
            if (!Output.StartsWith("vif: ", StringComparison.Ordinal))
                return null;
            using var document = JsonDocument.Parse(Encoding.UTF8.GetBytes(Output[5..]));
            return Flatten(document.RootElement);
        }
    }

    public string? Type
    {
        get
        {
            if (Output.Length == 0)
                return null;
            using var document = JsonDocument.Parse(Encoding.UTF8.GetBytes(Output));
            return document.RootElement.GetProperty("c_info").TryGetProperty("type", out var type) ? type.GetString() : null;
        }
    }

    public static SortedDictionary<string, string> Flatten(XlNic nic) =>
        new(nic.Properties.ToDictionary(p => p.Key, p => Convert.ToString(p.Value, System.Globalization.CultureInfo.InvariantCulture)!), StringComparer.Ordinal);

    private static SortedDictionary<string, string> Flatten(JsonElement nic) =>
        new(nic.EnumerateObject().ToDictionary(p => p.Name, p => p.Value.ValueKind == JsonValueKind.String ? p.Value.GetString()! : p.Value.GetRawText()), StringComparer.Ordinal);
}

/// <summary>
/// The real xl of Debian 12: its packages are fetched from the machine's own package sources and unpacked, nothing is
/// installed, and a shim (xlserver.c) lets it parse without a hypervisor. One process serves all jobs.
/// </summary>
public sealed class RealXl : IDisposable
{
    private const string Version = "4.17";

    private static readonly string[] Packages =
    [
        "xen-utils-4.17", "libxenmisc4.17", "libxentoollog1", "libxentoolcore1", "libxenstore4", "libxencall1",
        "libxenforeignmemory1", "libxendevicemodel1", "libxengnttab1", "libxenevtchn1", "libxenhypfs1", "libyajl2",
    ];

    private readonly Lock _lock = new();
    private readonly Process _process;
    private readonly string _folder;

    public RealXl()
    {
        var cache = Path.Combine(Repository(), ".cache", $"xl-{Version}");
        var root = Prepare(cache);
        _folder = Directory.CreateTempSubdirectory("xlnet-conformance-").FullName;
        var start = new ProcessStartInfo(Path.Combine(root, "usr/lib/xen-4.17/bin/xl"))
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            WorkingDirectory = _folder,
        };
        start.Environment["LC_ALL"] = "C";
        start.Environment["LD_LIBRARY_PATH"] = Libraries(root);
        start.Environment["LD_PRELOAD"] = Path.Combine(cache, "xlserver.so");
        _process = Process.Start(start)!;
    }

    /// <summary><c>xl -N create guest.cfg</c></summary>
    public XlRun Create(string guest, string? conf = "# none\n") => Run(["-N", "create", "guest.cfg"], guest, conf);

    /// <summary><c>xl -N network-attach 0 …</c></summary>
    public XlRun Attach(IReadOnlyList<string> arguments) => Run(["-N", "network-attach", "0", .. arguments], "", "# none\n");

    public XlRun Run(IReadOnlyList<string> arguments, string guest, string? conf)
    {
        lock (_lock)
        {
            var job = new MemoryStream();
            using (var writer = new BinaryWriter(job, Encoding.Latin1, leaveOpen: true))
            {
                writer.Write(arguments.Count);
                foreach (var argument in arguments)
                    WriteText(writer, argument);
                WriteText(writer, guest);
                WriteText(writer, conf);
            }

            var input = _process.StandardInput.BaseStream;
            input.Write(job.ToArray());
            input.Flush();
            var output = _process.StandardOutput.BaseStream;
            var status = BitConverter.ToInt32(ReadExactly(output, 4));
            var text = ReadText(output);
            var lines = ReadText(output).Split('\n').Where(l => !l.StartsWith("Parsing config from ", StringComparison.Ordinal));
            return new XlRun(status < 0 ? 128 - status : status, text, string.Join('\n', lines).TrimEnd('\n'));
        }
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>The folder with api.sln.</summary>
    public static string Repository()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "api.sln")))
            folder = Path.GetDirectoryName(folder) ?? throw new InvalidOperationException("The tests run outside the repository.");
        return folder;
    }

    private static void WriteText(BinaryWriter writer, string? text)
    {
        if (text is null)
        {
            writer.Write(-1);
            return;
        }

        var bytes = XlText.ToBytes(text);
        writer.Write(bytes.Length);
        writer.Write(bytes);
    }

    private static string ReadText(Stream stream) => XlText.FromBytes(ReadExactly(stream, BitConverter.ToInt32(ReadExactly(stream, 4))));

    private static byte[] ReadExactly(Stream stream, int length)
    {
        var bytes = new byte[length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static string Libraries(string root) =>
        string.Join(':', Directory.EnumerateDirectories(Path.Combine(root, "usr/lib"), "*-linux-gnu"));

    private static string Prepare(string cache)
    {
        Directory.CreateDirectory(cache);
        var root = Path.Combine(cache, "root");
        using (new FileStream(Path.Combine(cache, "lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None))
        {
            if (!Directory.Exists(root))
            {
                if (!TryExecute(cache, "apt-get", ["download", "-q", .. Packages]))
                {
                    // A machine that never asked its sources knows no packages.
                    TryExecute(cache, "apt-get", ["update", "-q"]);
                    Execute(cache, "apt-get", ["download", "-q", .. Packages]);
                }

                var partial = Path.Combine(cache, "partial");
                Directory.CreateDirectory(partial);
                foreach (var package in Directory.EnumerateFiles(cache, "*.deb"))
                    Execute(cache, "dpkg", ["-x", package, partial]);
                Directory.Move(partial, root);
            }

            var source = Path.Combine(Repository(), "tests", "Conformance.Tests", "xlserver.c");
            var library = Path.Combine(cache, "xlserver.so");
            if (!File.Exists(library) || File.GetLastWriteTimeUtc(library) < File.GetLastWriteTimeUtc(source))
                Execute(cache, "cc", ["-O2", "-Wall", "-shared", "-fPIC", "-o", library, source, "-ldl"]);
        }

        return root;
    }

    private static void Execute(string folder, string program, IReadOnlyList<string> arguments)
    {
        if (!TryExecute(folder, program, arguments))
            throw new InvalidOperationException($"'{program} {string.Join(' ', arguments)}' failed; the conformance tests need Debian 12's packages and a C compiler.");
    }

    private static bool TryExecute(string folder, string program, IReadOnlyList<string> arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
        })!;
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}

[CollectionDefinition(Name)]
public sealed class RealXlGroup : ICollectionFixture<RealXl>
{
    public const string Name = "real xl";
}
